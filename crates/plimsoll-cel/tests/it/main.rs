//! One binary of tests, so that they link once.
#![expect(clippy::expect_used, reason = "a test that cannot go on should say so at once")]

#[allow(dead_code, reason = "the program under examples uses the rest")]
#[path = "../support/mod.rs"]
mod support;

#[path = "../support/policies.rs"]
mod decisions;

#[path = "../support/mutations.rs"]
mod changes;

mod corpora;
mod hostile;
mod mutations;
mod policies;
mod printing;
