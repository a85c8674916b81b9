//! One binary for all integration tests of the crate.
#![expect(clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on should say so at once")]

mod matching;
mod memory;
mod orders;
mod twenty_cases;
