//! A layer's bytes to its entries: decompression by magic number, digests on the way, and the tar format.
//! What it does not do: know what an entry means to an image (whiteouts, links): that is `layers` and `tree`.

pub mod decompress;
pub mod names;
pub mod pax;
pub mod pipe;
pub mod tar;
pub mod verify;

use std::io;

/// Why the bytes of a layer could not be read on. The words finish "could not read the layer: …".
#[derive(Debug, thiserror::Error)]
pub enum ArchiveError {
    #[error("{0}")]
    Read(#[source] io::Error),
    #[error("the archive ends in the middle of {0}")]
    Truncated(&'static str),
    #[error("the tar header at byte {at} has a wrong checksum")]
    Checksum { at: u64 },
    #[error("the tar header at byte {at} has an unreadable {field}")]
    Header { at: u64, field: &'static str },
    #[error("the extended header at byte {at} is not `length key=value` lines")]
    Pax { at: u64 },
    #[error("the sparse map of the entry at byte {at} contradicts itself")]
    Sparse { at: u64 },
    #[error("an extended header or name at byte {at} is larger than {limit} bytes")]
    TooLong { at: u64, limit: u64 },
    #[error("one empty block at byte {at} is followed by more data")]
    LoneZeroBlock { at: u64 },
    #[error("{0}")]
    Limit(String),
}

impl From<io::Error> for ArchiveError {
    /// Bounds travel through `Read` as errors that carry an [`ArchiveError`]; unwrap them again.
    fn from(error: io::Error) -> ArchiveError {
        if error.get_ref().is_some_and(|inner| inner.is::<ArchiveError>()) {
            match error.into_inner().map(|inner| inner.downcast::<ArchiveError>()) {
                Some(Ok(archive)) => *archive,
                _ => ArchiveError::Truncated("a stream"),
            }
        } else {
            ArchiveError::Read(error)
        }
    }
}
