//! Packages and advisory data to matches: version orders, feeds, databases, matching.
//!
//! In: an inventory and opened databases. Out: matches, coverage, problems. What it does not do: fetch, or judge.

pub mod baseline;
pub mod database;
pub mod feeds;
pub mod matching;
pub mod record;
pub mod versions;

pub use matching::{Matched, maintained_until, match_packages};
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
    /// A database could not be written; the old one, if any, is as it was.
    #[error("write {path}: {source}")]
    Write {
        path: String,
        #[source]
        source: std::io::Error,
    },
}

pub(crate) fn cannot_open(path: &std::path::Path, source: std::io::Error) -> DatabaseError {
    DatabaseError::Open { path: path.display().to_string(), source }
}

pub(crate) fn broken(path: &std::path::Path, what: impl Into<String>) -> DatabaseError {
    DatabaseError::Broken { path: path.display().to_string(), what: what.into() }
}

/// The last component, so that reports do not depend on the machine.
pub(crate) fn file_name(path: &std::path::Path) -> String {
    let name = path.file_name().map(|n| n.to_string_lossy().into_owned());
    name.unwrap_or_else(|| path.display().to_string())
}

pub(crate) fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write;
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
        // Writing to a String cannot fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}
