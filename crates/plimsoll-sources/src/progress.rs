//! What is told while something is fetched. In: bytes that came. Out: whatever the listener makes of it.

use plimsoll_model::Digest;

/// Listens to downloads. Called often and from several threads: be quick.
pub trait Progress: Send + Sync {
    /// `done` of `total` bytes of a blob are here. A blob from the cache is told once, whole.
    fn advanced(&self, blob: &Digest, done: u64, total: u64);
}

/// Listens to nothing.
#[derive(Debug, Clone, Copy, Default)]
pub struct Quiet;

impl Progress for Quiet {
    fn advanced(&self, _: &Digest, _: u64, _: u64) {}
}
