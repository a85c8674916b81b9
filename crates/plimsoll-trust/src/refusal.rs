//! Why a signature is not believed: a reason code that never changes its meaning, and words for people.

use std::fmt;

/// What is wrong with a signature, key or trust root, as a code for machines. Codes are added, never given another meaning.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Reason {
    /// Bytes that are not what they should be: PEM, DER, base64, JSON, or a field missing or of another type.
    Malformed,
    /// More or larger than the named bounds.
    TooLarge,
    /// A version, algorithm or kind that is known to be none of those supported.
    Unsupported,
}

impl Reason {
    /// The code, in kebab case.
    pub const fn code(self) -> &'static str {
        match self {
            Self::Malformed => "malformed",
            Self::TooLarge => "too-large",
            Self::Unsupported => "unsupported",
        }
    }
}

/// A refusal: the code, and what was seen where.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub struct Refusal {
    /// The code.
    pub reason: Reason,
    /// One sentence without a full stop, lower case, naming the place; it holds no secret.
    pub message: String,
}

impl Refusal {
    /// A refusal of these words.
    pub fn new(reason: Reason, message: impl Into<String>) -> Self {
        Self { reason, message: message.into() }
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}: {}", self.reason.code(), self.message)
    }
}
