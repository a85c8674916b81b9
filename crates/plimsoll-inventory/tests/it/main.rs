//! Images made in memory, bytes in, inventories out.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on should say so at once, in its helpers too")]

mod bad_input;
mod build;
mod efficiency;
mod packages;
mod squash;
