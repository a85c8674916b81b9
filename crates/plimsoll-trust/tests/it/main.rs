//! The crate from outside: bundles of an offline world in, verdicts out.

#![allow(clippy::unwrap_used, clippy::panic, reason = "what makes the cases may stop at once, like a test")]

#[path = "../../examples/offline_world/cases.rs"]
mod cases;
#[path = "../../examples/offline_world/der.rs"]
mod der;
#[path = "../../examples/offline_world/notary.rs"]
mod notary;
#[path = "../../examples/offline_world/tuf.rs"]
mod repository;
#[path = "../../examples/offline_world/setup.rs"]
mod setup;
#[path = "../../examples/offline_world/world.rs"]
mod world;

mod keyless;
mod mutations;
mod notation;
mod tuf;
