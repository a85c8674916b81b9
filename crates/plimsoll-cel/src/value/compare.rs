//! Equality across types and the order of what has one.

use std::cmp::Ordering;

use super::{Key, Value};
use crate::budget::{Failure, Meter};

/// Numbers of any two types; none where one is not a number.
fn doubles(a: f64, b: f64) -> Option<Ordering> {
    a.partial_cmp(&b)
}

/// Beyond 2⁵³ a whole number is held against a double as the double it is nearest to: cel-go's rule.
#[expect(clippy::cast_precision_loss, reason = "the rule")]
fn int_double(a: i64, b: f64) -> Option<Ordering> {
    doubles(a as f64, b)
}

#[expect(clippy::cast_precision_loss, reason = "the rule")]
fn uint_double(a: u64, b: f64) -> Option<Ordering> {
    doubles(a as f64, b)
}

fn int_uint(a: i64, b: u64) -> Ordering {
    i128::from(a).cmp(&i128::from(b))
}

/// How numbers are ordered; none where one is no number, or not a number.
fn numbers(a: &Value, b: &Value) -> Option<Ordering> {
    match (a, b) {
        (Value::Int(a), Value::Int(b)) => Some(a.cmp(b)),
        (Value::Uint(a), Value::Uint(b)) => Some(a.cmp(b)),
        (Value::Double(a), Value::Double(b)) => doubles(*a, *b),
        (Value::Int(a), Value::Uint(b)) => Some(int_uint(*a, *b)),
        (Value::Uint(a), Value::Int(b)) => Some(int_uint(*b, *a).reverse()),
        (Value::Int(a), Value::Double(b)) => int_double(*a, *b),
        (Value::Double(a), Value::Int(b)) => int_double(*b, *a).map(Ordering::reverse),
        (Value::Uint(a), Value::Double(b)) => uint_double(*a, *b),
        (Value::Double(a), Value::Uint(b)) => uint_double(*b, *a).map(Ordering::reverse),
        _ => None,
    }
}

impl Value {
    pub(crate) fn is_number(&self) -> bool {
        matches!(self, Value::Int(_) | Value::Uint(_) | Value::Double(_))
    }

    /// Whether two values are the same; values of different types are not, except for numbers. Pays for what it walks.
    pub fn equals(&self, other: &Value, meter: &mut Meter<'_>) -> Result<bool, Box<Failure>> {
        meter.work(1)?;
        Ok(match (self, other) {
            (Value::Null, Value::Null) => true,
            (Value::Bool(a), Value::Bool(b)) => a == b,
            (Value::String(a), Value::String(b)) => {
                meter.work(a.len().min(b.len()) / 64)?;
                a == b
            }
            (Value::Bytes(a), Value::Bytes(b)) => {
                meter.work(a.len().min(b.len()) / 64)?;
                a == b
            }
            (Value::Timestamp(a), Value::Timestamp(b)) => a == b,
            (Value::Duration(a), Value::Duration(b)) => a == b,
            (Value::Type(a), Value::Type(b)) => {
                crate::library::types::runtime_name(a) == crate::library::types::runtime_name(b)
            }
            (Value::Optional(a), Value::Optional(b)) => match (a, b) {
                (Some(a), Some(b)) => a.equals(b, meter)?,
                (None, None) => true,
                _ => false,
            },
            (Value::Opaque(a), Value::Opaque(b)) => a.same(b).ok_or_else(crate::library::no_such_overload)?,
            (Value::Opaque(_), _) => return Err(crate::library::no_such_overload()),
            (Value::List(a), Value::List(b)) => {
                if a.items().len() != b.items().len() {
                    return Ok(false);
                }
                for (a, b) in a.items().iter().zip(b.items()) {
                    if !a.equals(b, meter)? {
                        return Ok(false);
                    }
                }
                true
            }
            (Value::Map(a), Value::Map(b)) => {
                if a.entries().len() != b.entries().len() || a.name() != b.name() {
                    return Ok(false);
                }
                for ((key, a), (other, b)) in a.entries().iter().zip(b.entries()) {
                    meter.work(key.text_len().min(other.text_len()) >> 6)?;
                    if key != other || !a.equals(b, meter)? {
                        return Ok(false);
                    }
                }
                true
            }
            (a, b) => numbers(a, b) == Some(Ordering::Equal),
        })
    }

    /// The order of two values: none where they have none, `Some(None)` where one is not a number.
    pub fn order(&self, other: &Value) -> Option<Option<Ordering>> {
        Some(Some(match (self, other) {
            (Value::Bool(a), Value::Bool(b)) => a.cmp(b),
            (Value::String(a), Value::String(b)) => a.cmp(b),
            (Value::Bytes(a), Value::Bytes(b)) => a.cmp(b),
            (Value::Timestamp(a), Value::Timestamp(b)) => a.cmp(b),
            (Value::Duration(a), Value::Duration(b)) => a.cmp(b),
            (a, b) if a.is_number() && b.is_number() => return Some(numbers(a, b)),
            _ => return None,
        }))
    }

    /// Whether it is what its type has when nothing is set.
    pub(crate) fn is_zero(&self) -> bool {
        match self {
            Value::Null => true,
            Value::Bool(value) => !value,
            Value::Int(number) => *number == 0,
            Value::Uint(number) => *number == 0,
            Value::Double(number) => *number == 0.0,
            Value::String(text) => text.is_empty(),
            Value::Bytes(bytes) => bytes.is_empty(),
            Value::List(list) => list.items().is_empty(),
            Value::Map(map) => map.entries().is_empty(),
            Value::Duration(nanos) => *nanos == 0,
            Value::Timestamp(at) => at.seconds == -62_135_596_800 && at.nanos == 0,
            Value::Optional(inner) => inner.is_none(),
            Value::Type(_) | Value::Opaque(_) => false,
        }
    }

    /// Whether a list has it; a map, its key.
    pub(crate) fn contains(&self, item: &Value, meter: &mut Meter<'_>) -> Option<Result<bool, Box<Failure>>> {
        match self {
            Value::Map(map) => Some(
                meter.work(item.text_len() >> 6).map(|()| Key::asked(item).is_some_and(|key| map.get(&key).is_some())),
            ),
            Value::List(list) => {
                for other in list.items() {
                    match item.equals(other, meter) {
                        Ok(false) => {}
                        // What cannot be held against one another is not the same.
                        Err(failure) if matches!(*failure, Failure::Error(_)) => {}
                        done => return Some(done),
                    }
                }
                Some(Ok(false))
            }
            _ => None,
        }
    }
}
