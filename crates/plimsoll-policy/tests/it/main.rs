//! The arrows of the policy crate: documents in, values out; findings and policy in, verdict out.

mod cases;
mod judging;
mod reading;
