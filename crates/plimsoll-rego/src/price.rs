//! What comparing values is worth beyond a step for each. In: values that are about to be compared. Out: steps. Most values are
//! light, and cost nothing here; a text is paid for by the KiB, a composite by the sixteen members, shared ones each time.

use crate::value::Value;

/// Comparing a value with another, whatever that is.
pub(crate) fn look_price(value: &Value) -> u64 {
    value.weight() / 16
}

/// Finding a value among so many that are sorted.
pub(crate) fn search_price(count: usize, wanted: &Value) -> u64 {
    match look_price(wanted) {
        0 => 0,
        price => price.saturating_mul(u64::from(count.checked_ilog2().unwrap_or(0)) + 1),
    }
}

/// Comparing each of these with its neighbours, as merging does, or making sure that they are sorted.
pub(crate) fn row_price<'v>(values: impl Iterator<Item = &'v Value>) -> u64 {
    values.fold(0, |sum, value| sum.saturating_add(look_price(value)))
}

/// Sorting values.
pub(crate) fn sort_price<'v>(values: impl ExactSizeIterator<Item = &'v Value>) -> u64 {
    let rounds = u64::from(values.len().checked_ilog2().unwrap_or(0)) + 1;
    let weight = values.fold(0_u64, |sum, value| sum.saturating_add(value.weight()));
    (weight / 16).saturating_mul(rounds)
}
