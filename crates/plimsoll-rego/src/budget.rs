//! What one evaluation may cost. In: limits. Out: a meter that every instruction and every builtin pays into; the first
//! limit that is passed ends the evaluation with [`Exhausted`], which no policy can catch.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

/// The limits of one evaluation.
#[derive(Debug, Clone)]
pub struct Budget {
    /// Instructions, iterations and units of builtins' work (about one for each value or 64 bytes that is touched).
    pub steps: u64,
    /// Bytes of values made, an estimate from above of what is alive; what was freed is not given back.
    pub memory: u64,
    /// Calls of rules and functions in one another.
    pub depth: usize,
    /// The clock's own end, asked every few thousand steps.
    pub deadline: Option<Instant>,
    /// Set from outside to end the evaluation.
    pub cancel: Option<Arc<AtomicBool>>,
}

impl Default for Budget {
    fn default() -> Budget {
        Budget { steps: 500_000_000, memory: 1 << 30, depth: 10_000, deadline: None, cancel: None }
    }
}

/// Which limit was passed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, thiserror::Error)]
pub enum Exhausted {
    #[error("evaluation takes more steps than its budget")]
    Steps,
    #[error("evaluation makes more values than its memory budget")]
    Memory,
    #[error("evaluation nests calls or values deeper than its budget")]
    Depth,
    #[error("evaluation passed its deadline")]
    Deadline,
    #[error("evaluation was cancelled")]
    Cancelled,
}

/// How many steps pass between two looks at the clock and the flag.
const LOOK_EVERY: u64 = 4096;

/// What is left of a budget.
#[derive(Debug)]
pub struct Meter {
    steps_left: u64,
    memory_left: u64,
    next_look: u64,
    pub depth_limit: usize,
    deadline: Option<Instant>,
    cancel: Option<Arc<AtomicBool>>,
    total_steps: u64,
    total_memory: u64,
}

impl Meter {
    pub fn new(budget: &Budget) -> Meter {
        Meter {
            steps_left: budget.steps,
            memory_left: budget.memory,
            next_look: budget.steps.saturating_sub(LOOK_EVERY),
            depth_limit: budget.depth,
            deadline: budget.deadline,
            cancel: budget.cancel.clone(),
            total_steps: budget.steps,
            total_memory: budget.memory,
        }
    }

    /// Pays before the work is done.
    #[inline]
    pub fn steps(&mut self, count: u64) -> Result<(), Exhausted> {
        match self.steps_left.checked_sub(count) {
            None => {
                self.steps_left = 0;
                Err(Exhausted::Steps)
            }
            Some(left) => {
                self.steps_left = left;
                if left <= self.next_look { self.look() } else { Ok(()) }
            }
        }
    }

    /// Pays for bytes before they are allocated.
    #[inline]
    pub fn memory(&mut self, bytes: u64) -> Result<(), Exhausted> {
        match self.memory_left.checked_sub(bytes) {
            None => Err(Exhausted::Memory),
            Some(left) => {
                self.memory_left = left;
                Ok(())
            }
        }
    }

    /// Asks the clock and the flag at once: between pieces of work of which no step tells how long they take.
    #[cold]
    pub fn look(&mut self) -> Result<(), Exhausted> {
        self.next_look = self.steps_left.saturating_sub(LOOK_EVERY);
        if self.cancel.as_ref().is_some_and(|flag| flag.load(Ordering::Relaxed)) {
            return Err(Exhausted::Cancelled);
        }
        if self.deadline.is_some_and(|end| Instant::now() >= end) {
            return Err(Exhausted::Deadline);
        }
        Ok(())
    }

    pub fn steps_used(&self) -> u64 {
        self.total_steps - self.steps_left
    }

    pub fn memory_used(&self) -> u64 {
        self.total_memory - self.memory_left
    }
}
