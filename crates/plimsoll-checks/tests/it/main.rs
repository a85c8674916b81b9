//! Facts in, findings out.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "tests may unwrap: a test that cannot go on should say so at once"
)]

mod dockerfile;
mod dockerfile_fixes;
mod docs;
mod hadolint;
mod rules;
mod secrets;
mod shell;
mod toy;
