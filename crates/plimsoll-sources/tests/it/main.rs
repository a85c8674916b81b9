//! Bytes in, images out: layouts and archives made here, broken in every way we could think of.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on should say so at once")]

mod archives;
mod folders;
mod layouts;
mod make;
