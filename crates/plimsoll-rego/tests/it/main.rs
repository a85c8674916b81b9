//! One binary of tests, so that they link once.
#![expect(clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on should say so at once")]

#[allow(dead_code, reason = "the programs under examples use the rest")]
#[path = "../support/mod.rs"]
mod support;

mod corpora;
mod eval;
mod hostile;
mod parse_errors;
mod types;
