//! What an evaluation may use up, and the ways in which it ends without a value.

use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use crate::library::Patterns;

/// Bounds of one evaluation.
#[derive(Debug, Clone, Copy)]
pub struct Budget<'a> {
    /// In the API server's units, counted as it counts them: what it would not evaluate to the end is not evaluated here either.
    pub cost: u64,
    /// Values touched, our own unit: bounds time also where the API server's units do not.
    pub work: u64,
    /// Bytes of values made.
    pub memory: u64,
    /// Ends the evaluation when it becomes true.
    pub cancel: Option<&'a AtomicBool>,
    /// Ends it at that time.
    pub deadline: Option<Instant>,
}

/// The API server's bound of one expression.
pub const COST_PER_EXPRESSION: u64 = 1_000_000;

impl Default for Budget<'_> {
    fn default() -> Self {
        Budget { cost: COST_PER_EXPRESSION, work: 20_000_000, memory: 256 << 20, cancel: None, deadline: None }
    }
}

/// Why there is no value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Failure {
    /// CEL's own errors: `no such key: x`, `divide by zero`. `&&`, `||`, `all` and `exists` absorb them.
    Error(String),
    /// Cannot be known here: what the cluster's authorizer would say. Absorbed as errors are, and wins over them.
    Undecided(String),
    /// A budget is used up, or the evaluation was cancelled. Nothing absorbs it.
    Spent(Spent),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Spent {
    Cost,
    Work,
    Memory,
    Depth,
    Cancelled,
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Failure::Error(message) => message,
            Failure::Undecided(what) => return write!(f, "cannot be decided offline: {what}"),
            Failure::Spent(Spent::Cost) => "operation cancelled: actual cost limit exceeded",
            Failure::Spent(Spent::Work) => "operation cancelled: too much work",
            Failure::Spent(Spent::Memory) => "operation cancelled: too much memory",
            Failure::Spent(Spent::Depth) => "operation cancelled: values within one another too deeply",
            Failure::Spent(Spent::Cancelled) => "operation interrupted",
        })
    }
}

impl std::error::Error for Failure {}

pub(crate) type Out<T = crate::value::Value> = Result<T, Box<Failure>>;

pub(crate) fn error<T>(message: impl Into<String>) -> Out<T> {
    Err(Box::new(Failure::Error(message.into())))
}

/// Counts one evaluation against its budget.
#[derive(Debug)]
pub struct Meter<'a> {
    budget: Budget<'a>,
    cost: u64,
    work: u64,
    memory: u64,
    depth: u32,
    pub(crate) patterns: Patterns,
}

/// Steps within one another, those of a policy's variables that use one another included. Takes less than 2 MiB of stack.
pub const MAX_EVALUATION_DEPTH: u32 = 600;

impl<'a> Meter<'a> {
    pub fn new(budget: Budget<'a>) -> Self {
        Meter { budget, cost: 0, work: 0, memory: 0, depth: 0, patterns: Patterns::default() }
    }

    /// For something evaluated within: of costs its own, of all else what is left here.
    pub(crate) fn nested(&mut self, cost: u64) -> Meter<'a> {
        Meter {
            budget: Budget { cost, ..self.budget },
            cost: 0,
            work: self.work,
            memory: self.memory,
            depth: self.depth,
            patterns: std::mem::take(&mut self.patterns),
        }
    }

    /// Takes over what was used within.
    pub(crate) fn absorb(&mut self, nested: Meter<'_>) {
        self.work = nested.work;
        self.memory = nested.memory;
        self.patterns = nested.patterns;
    }

    pub(crate) fn descend(&mut self) -> Out<()> {
        self.depth += 1;
        if self.depth > MAX_EVALUATION_DEPTH {
            return Err(Box::new(Failure::Spent(Spent::Depth)));
        }
        Ok(())
    }

    pub(crate) fn ascend(&mut self) {
        self.depth -= 1;
    }

    /// In the API server's units.
    pub fn cost(&self) -> u64 {
        self.cost
    }

    pub(crate) fn charge(&mut self, cost: u64) -> Out<()> {
        self.cost = self.cost.saturating_add(cost);
        if self.cost > self.budget.cost {
            return Err(Box::new(Failure::Spent(Spent::Cost)));
        }
        Ok(())
    }

    /// What turned out not to count.
    pub(crate) fn refund(&mut self, cost: u64) {
        self.cost = self.cost.saturating_sub(cost);
    }

    pub(crate) fn work(&mut self, units: usize) -> Out<()> {
        let before = self.work;
        self.work = before.saturating_add(units as u64);
        if self.work > self.budget.work {
            return Err(Box::new(Failure::Spent(Spent::Work)));
        }
        // Looked at once in a while, and at first: the flag belongs to another thread, and the clock takes its time.
        if (before == 0 || before >> 8 != self.work >> 8) && self.is_over() {
            return Err(Box::new(Failure::Spent(Spent::Cancelled)));
        }
        Ok(())
    }

    fn is_over(&self) -> bool {
        self.budget.cancel.is_some_and(|flag| flag.load(Ordering::Relaxed))
            || self.budget.deadline.is_some_and(|end| Instant::now() >= end)
    }

    /// Pays for making that many bytes before they are made.
    pub(crate) fn memory(&mut self, bytes: usize) -> Out<()> {
        self.memory = self.memory.saturating_add(bytes as u64);
        if self.memory > self.budget.memory {
            return Err(Box::new(Failure::Spent(Spent::Memory)));
        }
        self.work(bytes / 64)
    }
}
