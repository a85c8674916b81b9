//! Where policies in other languages are asked: on the thread that read the review, as long as they are quick, for handing a review
//! over and back costs more than most policies do; else on threads of their own, so that other requests do not wait. In: the
//! clock, and how long asking took. Out: whether to ask at once, and until when.

use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

/// So long a review may keep the thread that read it: some ten times what fifty policies take.
const QUICK: Duration = Duration::from_millis(1);
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
        deadline.min(Instant::now() + QUICK)
    }

    /// Whether that is longer than other requests should wait.
    pub fn is_long(took: Duration) -> bool {
        took >= QUICK
    }

    /// A review took long by itself: those that come now are handed over.
    pub fn take_time(&self) {
        self.left.store(HANDED_OVER, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slow_policies_are_asked_elsewhere_and_now_and_then_tried_again() {
        let haste = Haste::default();
        assert!(haste.may_hurry() && haste.may_hurry());
        haste.take_time();
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
        assert!(Haste::is_long(QUICK) && !Haste::is_long(QUICK / 2));
    }
}
