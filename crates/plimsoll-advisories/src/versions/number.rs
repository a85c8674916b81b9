//! Decimal numbers of any length, kept as text so that nothing overflows. In: digits. Out: their order.

use std::cmp::Ordering;

/// Compares two runs of ASCII digits by value; an empty run is zero.
pub fn compare(a: &str, b: &str) -> Ordering {
    let (a, b) = (a.trim_start_matches('0'), b.trim_start_matches('0'));
    a.len().cmp(&b.len()).then_with(|| a.cmp(b))
}

/// Splits off the digits that `text` starts with.
pub fn split(text: &str) -> (&str, &str) {
    let end = text.bytes().position(|b| !b.is_ascii_digit()).unwrap_or(text.len());
    text.split_at(end)
}

/// True for one or more ASCII digits and nothing else.
pub fn is(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit())
}

/// True for digits that are all zeros (or none at all).
pub fn is_zero(digits: &str) -> bool {
    digits.bytes().all(|b| b == b'0')
}
