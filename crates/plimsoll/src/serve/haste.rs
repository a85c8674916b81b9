//! Where policies in other languages are asked: on the thread that read the review, as long as they are quick, for handing a review
//! over and back costs more than most policies do; else on threads of their own, so that other requests do not wait. In: how
//! much of its thread's time asking took. Out: whether to ask at once, and until when.
//!
//! What policies take is told by the processor's time of the thread that asks them: by the clock, a machine that is busy would
//! make all of them slow, and be given more work by that.

use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use rustix::time::{ClockId, clock_gettime};

/// So much of the processor's time a review may take on the thread that read it: some ten times what fifty policies take.
const QUICK: Duration = Duration::from_millis(1);
/// So long, by the clock, other requests wait for one review at the most: a thread may be kept from its processor meanwhile.
const LONGEST: Duration = Duration::from_millis(10);
/// So many reviews are handed over when one was slow: of the time of slow policies, what is asked in vain is then a small part.
const HANDED_OVER: u32 = 64;

/// What is known of the policies' pace.
#[derive(Debug, Default)]
pub struct Haste {
    /// Reviews that are yet to be handed over.
    left: AtomicU32,
}

impl Haste {
    /// Whether the next review is asked about at once.
    pub fn may_hurry(&self) -> bool {
        // Nothing is written while nothing is slow.
        if self.left.load(Ordering::Relaxed) == 0 {
            return true;
        }
        // Of several at once none may take away more than there is.
        self.left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(1)).is_err()
    }

    /// When asking at once ends.
    pub fn end(deadline: Instant) -> Instant {
        deadline.min(Instant::now() + LONGEST)
    }

    /// A review took so much of its thread's time: where that is more than other requests should wait, those that come now are
    /// handed over.
    pub fn took(&self, time: Duration) {
        if time >= QUICK {
            self.left.store(HANDED_OVER, Ordering::Relaxed);
        }
    }
}

/// What a thread has had of the processor's time since it began to count.
#[derive(Debug)]
pub struct ThreadTime(Duration);

impl ThreadTime {
    pub fn begin() -> ThreadTime {
        ThreadTime(now())
    }

    /// Asked on the thread that began.
    pub fn elapsed(&self) -> Duration {
        now().saturating_sub(self.0)
    }
}

fn now() -> Duration {
    // It is never negative; a clock that says so would only make nothing long.
    Duration::try_from(clock_gettime(ClockId::ThreadCPUTime)).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slow_policies_are_asked_elsewhere_and_now_and_then_tried_again() {
        let haste = Haste::default();
        assert!(haste.may_hurry() && haste.may_hurry());
        haste.took(QUICK / 2);
        assert!(haste.may_hurry());
        haste.took(QUICK);
        let hurried = (0..HANDED_OVER).filter(|_| haste.may_hurry()).count();
        assert_eq!(hurried, 0);
        assert!(haste.may_hurry() && haste.may_hurry());
    }

    #[test]
    fn hurrying_ends_with_the_deadline_where_that_is_sooner() {
        let now = Instant::now();
        assert_eq!(Haste::end(now), now);
        let end = Haste::end(now + Duration::from_secs(9));
        assert!(end > now && end < now + Duration::from_secs(2));
    }

    #[test]
    fn a_thread_that_sleeps_takes_no_time() {
        let (time, clock) = (ThreadTime::begin(), Instant::now());
        std::thread::sleep(LONGEST);
        assert!(time.elapsed() < clock.elapsed());
        let before = time.elapsed();
        let mut worked = 0_u64;
        while time.elapsed() == before {
            worked = std::hint::black_box(worked + 1);
        }
        assert!(time.elapsed() > before);
    }
}
