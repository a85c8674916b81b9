//! The arrows of the policy crate: documents in, values out; findings and policy in, verdict out.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "helpers of tests are not inside a test function, and a test that cannot go on says so"
)]

mod admission;
mod asking;
mod cases;
mod judging;
mod laws;
mod reading;
mod signing;
mod vex;
mod workloads;
