//! When to try again. In: which try failed and what the server said. Out: how long to wait.

use std::hash::{BuildHasher, Hasher, RandomState};
use std::time::Duration;

/// Tries of one request, the first included. With the waits below they span about 15 seconds.
pub const MAX_TRIES: u32 = 5;
/// Tries where there is another place to ask, or where nobody answers at all.
pub const TRIES_BEFORE_ANOTHER: u32 = 2;
const FIRST_WAIT: Duration = Duration::from_millis(500);
const LONGEST_WAIT: Duration = Duration::from_secs(20);
/// Longer pauses than this are not waited for: the caller's deadline is better spent on saying so.
const LONGEST_RETRY_AFTER: Duration = Duration::from_secs(60);

/// How long to wait after try number `failed` (from 1): twice as long each time, spread by half so that a fleet does not
/// return in step. `None` when the server asks for more patience than we have.
pub fn wait(failed: u32, retry_after: Option<Duration>, spread: f64) -> Option<Duration> {
    if let Some(asked) = retry_after {
        return (asked <= LONGEST_RETRY_AFTER).then_some(asked);
    }
    let doubled = FIRST_WAIT.saturating_mul(1u32.checked_shl(failed.saturating_sub(1)).unwrap_or(u32::MAX));
    Some(doubled.min(LONGEST_WAIT).mul_f64(0.5 + spread.clamp(0.0, 1.0)))
}

/// A number between 0 and 1, different each time: the standard library's hasher keys are the only randomness needed.
pub fn spread() -> f64 {
    let number = RandomState::new().build_hasher().finish();
    (number >> 11) as f64 / (1u64 << 53) as f64
}

/// `Retry-After` in seconds. Dates are not read: the wait is then the usual one.
pub fn retry_after(header: Option<&str>) -> Option<Duration> {
    header.and_then(|text| text.trim().parse::<u64>().ok()).map(Duration::from_secs)
}

/// True for statuses that may pass.
pub fn passes(status: u16) -> bool {
    matches!(status, 408 | 425 | 429 | 500 | 502 | 503 | 504)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_and_end() {
        let of = |failed| wait(failed, None, 0.5).unwrap();
        assert_eq!(of(1), Duration::from_millis(500));
        assert_eq!(of(3), Duration::from_secs(2));
        assert_eq!(of(40), LONGEST_WAIT);
        assert!(wait(1, None, 0.0) < wait(1, None, 1.0));
    }

    #[test]
    fn servers_pause_is_kept_when_it_is_short() {
        assert_eq!(wait(1, retry_after(Some("7")), 0.0), Some(Duration::from_secs(7)));
        assert_eq!(wait(1, retry_after(Some("86400")), 0.0), None);
        assert_eq!(retry_after(Some("Fri, 31 Dec 2027 23:59:59 GMT")), None);
        assert!((0.0..1.0).contains(&spread()));
    }
}
