//! `+ - * / %` over all that has them, and their overflows.

use super::time;
use crate::budget::{Meter, Out, error};
use crate::value::Value;

fn whole(result: Option<i64>) -> Out {
    result.map_or_else(|| error("integer overflow"), |number| Ok(Value::Int(number)))
}

fn unsigned(result: Option<u64>) -> Out {
    result.map_or_else(|| error("unsigned integer overflow"), |number| Ok(Value::Uint(number)))
}

fn span(result: Option<i64>) -> Out {
    result.map_or_else(|| error("integer overflow"), |nanos| Ok(Value::Duration(nanos)))
}

pub(crate) fn arithmetic(meter: &mut Meter<'_>, operator: char, a: &Value, b: &Value) -> Out {
    match (operator, a, b) {
        ('+', Value::Int(a), Value::Int(b)) => whole(a.checked_add(*b)),
        ('-', Value::Int(a), Value::Int(b)) => whole(a.checked_sub(*b)),
        ('*', Value::Int(a), Value::Int(b)) => whole(a.checked_mul(*b)),
        ('/', Value::Int(_), Value::Int(0)) | ('/', Value::Uint(_), Value::Uint(0)) => error("division by zero"),
        ('%', Value::Int(_), Value::Int(0)) | ('%', Value::Uint(_), Value::Uint(0)) => error("modulus by zero"),
        ('/', Value::Int(a), Value::Int(b)) => whole(a.checked_div(*b)),
        ('%', Value::Int(a), Value::Int(b)) => whole(a.checked_rem(*b)),
        ('+', Value::Uint(a), Value::Uint(b)) => unsigned(a.checked_add(*b)),
        ('-', Value::Uint(a), Value::Uint(b)) => unsigned(a.checked_sub(*b)),
        ('*', Value::Uint(a), Value::Uint(b)) => unsigned(a.checked_mul(*b)),
        ('/', Value::Uint(a), Value::Uint(b)) => unsigned(a.checked_div(*b)),
        ('%', Value::Uint(a), Value::Uint(b)) => unsigned(a.checked_rem(*b)),
        ('+', Value::Double(a), Value::Double(b)) => Ok(Value::Double(a + b)),
        ('-', Value::Double(a), Value::Double(b)) => Ok(Value::Double(a - b)),
        ('*', Value::Double(a), Value::Double(b)) => Ok(Value::Double(a * b)),
        ('/', Value::Double(a), Value::Double(b)) => Ok(Value::Double(a / b)),
        ('+', Value::String(a), Value::String(b)) => {
            meter.memory(a.len().saturating_add(b.len()))?;
            let mut joined = String::with_capacity(a.len() + b.len());
            joined.push_str(a);
            joined.push_str(b);
            Ok(Value::string(joined))
        }
        ('+', Value::Bytes(a), Value::Bytes(b)) => {
            meter.memory(a.len().saturating_add(b.len()))?;
            Ok(Value::Bytes([&**a, &**b].concat().into()))
        }
        ('+', Value::List(a), Value::List(b)) => {
            let length = a.items().len().saturating_add(b.items().len());
            meter.memory(length.saturating_mul(size_of::<Value>()))?;
            Ok(Value::list(a.items().iter().chain(b.items()).cloned().collect()))
        }
        ('+', Value::Duration(a), Value::Duration(b)) => span(a.checked_add(*b)),
        ('-', Value::Duration(a), Value::Duration(b)) => span(a.checked_sub(*b)),
        ('+', Value::Timestamp(at), Value::Duration(by)) | ('+', Value::Duration(by), Value::Timestamp(at)) => {
            time::moved(*at, i128::from(*by))
        }
        ('-', Value::Timestamp(at), Value::Duration(by)) => time::moved(*at, -i128::from(*by)),
        ('-', Value::Timestamp(a), Value::Timestamp(b)) => {
            let nanos = time::nanos(*a) - time::nanos(*b);
            span(i64::try_from(nanos).ok())
        }
        _ => Err(super::no_such_overload()),
    }
}
