//! Whether two values are equal, with a price. In: two values, a meter. Out: the answer, or that the budget does not allow it:
//! values that share nothing and are equal far down are compared as far as what is paid for.

use crate::budget::{Exhausted, Meter};
use crate::value::Value;

/// Bytes of text that are compared for one step.
const TEXT: u64 = 1024;

/// A step for each composite's member that is looked at; what is one and the same costs nothing. It recurses as deep as values
/// are.
pub(super) fn same(a: &Value, b: &Value, meter: &mut Meter) -> Result<bool, Exhausted> {
    match (a, b) {
        (Value::String(x), Value::String(y)) => {
            if x.len() != y.len() {
                return Ok(false);
            }
            let price = x.len() as u64 / TEXT;
            if price > 0 {
                meter.steps(price)?;
            }
            Ok(x == y)
        }
        (Value::Array(x), Value::Array(y)) => {
            Ok(std::sync::Arc::ptr_eq(x, y) || all_same(x.items(), y.items(), meter)?)
        }
        (Value::Set(x), Value::Set(y)) => {
            Ok(std::sync::Arc::ptr_eq(x, y) || all_same(x.members(), y.members(), meter)?)
        }
        (Value::Object(x), Value::Object(y)) => {
            if std::sync::Arc::ptr_eq(x, y) {
                return Ok(true);
            }
            let (x, y) = (x.entries(), y.entries());
            if x.len() != y.len() {
                return Ok(false);
            }
            for ((key, value), (other_key, other)) in x.iter().zip(y) {
                meter.steps(1)?;
                if !same(key, other_key, meter)? || !same(value, other, meter)? {
                    return Ok(false);
                }
            }
            Ok(true)
        }
        _ => Ok(a == b),
    }
}

fn all_same(a: &[Value], b: &[Value], meter: &mut Meter) -> Result<bool, Exhausted> {
    if a.len() != b.len() {
        return Ok(false);
    }
    for (a, b) in a.iter().zip(b) {
        meter.steps(1)?;
        if !same(a, b, meter)? {
            return Ok(false);
        }
    }
    Ok(true)
}

/// About what it takes to find a value among so many that are sorted, beyond a step.
pub(super) fn search_price(count: usize, wanted: &Value) -> u64 {
    match wanted {
        Value::Null | Value::Bool(_) | Value::Number(_) => 0,
        // A text of less than some bytes costs nothing.
        wanted => (wanted.weight() / 16).saturating_mul(u64::from(count.checked_ilog2().unwrap_or(0)) + 1),
    }
}

/// About what it takes to sort values, beyond a step for each.
pub(super) fn sort_price<'v>(values: impl ExactSizeIterator<Item = &'v Value>) -> u64 {
    let rounds = u64::from(values.len().checked_ilog2().unwrap_or(0)) + 1;
    let weight = values.fold(0_u64, |sum, value| sum.saturating_add(value.weight()));
    (weight / 16).saturating_mul(rounds)
}
