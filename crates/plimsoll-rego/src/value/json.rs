//! JSON in and out. In: hostile bytes, under limits. Out: a [`Value`]; and back, with sets as arrays. `Display` is Rego's
//! own notation, with sets in braces.

use std::fmt;

use super::Value;

/// What a document may be at most.
#[derive(Debug, Clone, Copy)]
pub struct JsonLimits {
    pub bytes: usize,
    pub depth: u32,
    pub nodes: usize,
}

impl Default for JsonLimits {
    fn default() -> JsonLimits {
        JsonLimits { bytes: 256 << 20, depth: super::MAX_DEPTH - 64, nodes: 20_000_000 }
    }
}

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message} at byte {offset}")]
pub struct JsonError {
    pub message: String,
    pub offset: usize,
}

impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Value::Null => f.write_str("null"),
            Value::Bool(value) => write!(f, "{value}"),
            Value::Number(number) => write!(f, "{number}"),
            Value::String(text) => write!(f, "{text:?}"),
            _ => f.write_str("composite"),
        }
    }
}
