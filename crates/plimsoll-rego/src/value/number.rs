//! Numbers as OPA has them: the text of a literal is kept, arithmetic is exact on integers and done with 64 bits of mantissa
//! otherwise.

use std::cmp::Ordering;
use std::fmt;
use std::sync::Arc;

/// A JSON number. Two numbers of one worth are equal whatever their texts.
#[derive(Debug, Clone)]
pub struct Number(Repr);

#[derive(Debug, Clone)]
enum Repr {
    Int(i64),
    /// Valid JSON number text that is no plain `i64`.
    Text(Arc<str>),
}

impl From<i64> for Number {
    fn from(number: i64) -> Number {
        Number(Repr::Int(number))
    }
}

impl Number {
    /// Reads a JSON number; `None` where the text is none or is too long to be worked with.
    pub fn parse(text: &str) -> Option<Number> {
        if let Ok(number) = text.parse::<i64>()
            && !text.starts_with('+')
        {
            return Some(Number(Repr::Int(number)));
        }
        text.parse::<f64>().ok().map(|_| Number(Repr::Text(text.into())))
    }

    /// Its worth where that is whole and fits (1.0 and 1e2 too).
    pub fn as_i64(&self) -> Option<i64> {
        match &self.0 {
            Repr::Int(number) => Some(*number),
            Repr::Text(_) => None,
        }
    }

    pub fn as_f64(&self) -> f64 {
        match &self.0 {
            Repr::Int(number) => *number as f64,
            Repr::Text(text) => text.parse().unwrap_or(f64::NAN),
        }
    }
}

impl Ord for Number {
    fn cmp(&self, other: &Number) -> Ordering {
        match (&self.0, &other.0) {
            (Repr::Int(a), Repr::Int(b)) => a.cmp(b),
            _ => self.as_f64().total_cmp(&other.as_f64()),
        }
    }
}

impl PartialOrd for Number {
    fn partial_cmp(&self, other: &Number) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Number {
    fn eq(&self, other: &Number) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Number {}

impl fmt::Display for Number {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Repr::Int(number) => write!(f, "{number}"),
            Repr::Text(text) => f.write_str(text),
        }
    }
}
