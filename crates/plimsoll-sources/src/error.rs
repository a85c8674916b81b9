//! Why an image could not be had. Each message finishes "could not …" and names the thing; `hint` is the way out.

use std::io;
use std::time::Duration;

use plimsoll_model::{Digest, ReferenceError};

use crate::registry::error::RegistryError;

/// Why a source gave no image.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SourceError {
    #[error("{what}")]
    Io {
        what: String,
        #[source]
        source: io::Error,
    },
    #[error("read {what}: it is not the JSON that belongs there")]
    Json {
        what: String,
        #[source]
        source: serde_json::Error,
    },
    #[error("read the image name {name:?}")]
    Reference {
        name: String,
        #[source]
        source: ReferenceError,
    },
    #[error("read {what}: {why}")]
    Malformed { what: String, why: String },
    #[error("read {what}: it is larger than the {limit} bytes that are allowed")]
    TooLarge { what: String, limit: u64 },
    #[error("believe {what}: its digest is {found}, not {wanted}")]
    DigestMismatch { what: String, wanted: Digest, found: Digest },
    #[error("believe {what}: it has {found} bytes, not the {wanted} that its descriptor promises")]
    SizeMismatch { what: String, wanted: u64, found: u64 },
    #[error("find {wanted} in {what}")]
    NoSuchImage { what: String, wanted: String, names: Vec<String> },
    #[error("choose an image in {what}: there are {}", .names.len())]
    Ambiguous { what: String, names: Vec<String> },
    #[error("find the platform {wanted} in {what}")]
    NoPlatform { what: String, wanted: String, available: Vec<String> },
    #[error("take {what} for an image: {why}")]
    NotAnImage { what: String, why: String },
    #[error("pull {what}{}", and_before(.tried))]
    Registry {
        what: String,
        /// What the places said that were asked before the last one.
        tried: Vec<String>,
        #[source]
        source: Box<RegistryError>,
    },
    #[error("push {what}")]
    Push {
        what: String,
        #[source]
        source: Box<RegistryError>,
    },
    #[error("get {what} at {address}")]
    Service {
        what: String,
        address: String,
        #[source]
        source: Box<RegistryError>,
    },
    #[error(transparent)]
    Engine(Box<crate::engine::EngineError>),
    #[error(transparent)]
    Vault(Box<crate::vault::VaultError>),
    #[error("read {what}: indexes are nested more than {} deep", crate::limits::MAX_INDEX_DEPTH)]
    TooDeep { what: String },
}

/// What a caller may make of an error: whether to try again, and when.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum ErrorKind {
    /// The registry asks for patience (429) or is in trouble (5xx); with the pause it wants, when it names one.
    Busy { retry_after: Option<Duration> },
    /// The deadline passed. What was read is kept: another try goes on from there.
    Late,
    /// Nobody answers there.
    Unreachable,
    /// The registry wants other credentials.
    Refused,
    /// There is no such image.
    Absent,
    /// It is there and cannot be read or believed; trying again changes nothing.
    Other,
}

impl ErrorKind {
    /// True when the same request may do better a little later.
    pub fn may_pass(self) -> bool {
        matches!(self, ErrorKind::Busy { .. } | ErrorKind::Late | ErrorKind::Unreachable)
    }
}

impl SourceError {
    /// What a caller may make of it.
    pub fn kind(&self) -> ErrorKind {
        match self {
            SourceError::Registry { source, .. }
            | SourceError::Push { source, .. }
            | SourceError::Service { source, .. } => source.kind(),
            SourceError::NoSuchImage { .. } => ErrorKind::Absent,
            SourceError::Engine(error) => error.kind(),
            SourceError::Vault(error) => match error.as_ref() {
                crate::vault::VaultError::Asked { source } => source.kind(),
                _ => ErrorKind::Other,
            },
            _ => ErrorKind::Other,
        }
    }

    /// Whether it lies in what somebody put there: it is no such thing, more than is read, or not there though something names it.
    /// Whoever may push can bring that about. That nobody answers, or bytes are not those of their digest, they cannot.
    pub fn is_of_content(&self) -> bool {
        match self {
            SourceError::Json { .. }
            | SourceError::Malformed { .. }
            | SourceError::TooLarge { .. }
            | SourceError::SizeMismatch { .. }
            | SourceError::NotAnImage { .. }
            | SourceError::TooDeep { .. } => true,
            SourceError::Registry { source, .. } => matches!(
                source.as_ref(),
                RegistryError::NotFound { .. } | RegistryError::Unreadable { .. } | RegistryError::SizeMismatch { .. }
            ),
            _ => false,
        }
    }

    /// The way out, when we know one.
    pub fn hint(&self) -> Option<String> {
        match self {
            SourceError::NoSuchImage { names, .. } if names.is_empty() => {
                Some("the images there have no names: leave the name away".into())
            }
            SourceError::NoSuchImage { names, .. } => Some(format!("it holds {}", listed(names))),
            SourceError::Ambiguous { names, .. } => {
                Some(format!("add `:NAME` to the path; it holds {}", listed(names)))
            }
            SourceError::NoPlatform { available, .. } if available.is_empty() => None,
            SourceError::NoPlatform { available, .. } => Some(format!("--platform takes {}", listed(available))),
            SourceError::DigestMismatch { .. } | SourceError::SizeMismatch { .. } => {
                Some("the copy is broken or was changed: fetch it again from where it was built".into())
            }
            SourceError::Registry { source, .. } | SourceError::Push { source, .. } => source.hint(),
            SourceError::Engine(error) => error.hint(),
            SourceError::Vault(error) => error.hint(),
            SourceError::TooDeep { .. } => Some("no builder writes such an image: ask who made it".into()),
            _ => None,
        }
    }
}

fn and_before(places: &[String]) -> String {
    if places.is_empty() { String::new() } else { format!(" (first: {})", places.join("; ")) }
}

/// At most ten names, so that a message stays a message.
fn listed(names: &[String]) -> String {
    const SHOWN: usize = 10;
    let mut text = names.iter().take(SHOWN).cloned().collect::<Vec<_>>().join(", ");
    if names.len() > SHOWN {
        text.push_str(&format!(" and {} more", names.len() - SHOWN));
    }
    text
}

/// An error with its causes on one line, for problems in a report.
pub fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text.push_str(": ");
        text.push_str(&cause.to_string());
        source = cause.source();
    }
    text
}
