//! Packages and advisory data to matches: version orders, feeds, databases, matching.
//!
//! In: an inventory and opened databases. Out: matches, coverage, problems. What it does not do: fetch, or judge.

pub mod record;

pub use record::{Advisory, AdvisorySource, Applies, Event, Range, RangeKind, Space, Status};

/// Why a database could not be opened or read. The words finish "could not …".
#[derive(Debug, thiserror::Error)]
pub enum DatabaseError {
    #[error("open {path}: {source}")]
    Open {
        path: String,
        #[source]
        source: std::io::Error,
    },
    /// The bytes are not what they should be.
    #[error("read {path}: {what}")]
    Broken { path: String, what: String },
}
