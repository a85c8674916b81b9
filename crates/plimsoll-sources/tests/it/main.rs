//! Bytes in, images out: layouts and archives made here, broken in every way we could think of.
#![expect(clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on should say so at once")]

mod archives;
mod artifacts;
mod attached;
mod cluster;
mod engines;
mod folders;
mod follow;
mod layouts;
mod make;
mod registries;
mod server;
mod services;
