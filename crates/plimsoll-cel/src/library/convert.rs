//! Conversions between types, sizes, and what stands at an index.

use std::sync::Arc;

use super::{Row, cost, format::go_text, priced, row, time};
use crate::budget::{Failure, Meter, Out, error};
use crate::value::{Key, Value};

fn same(_: &mut Meter<'_>, args: &[Value]) -> Out {
    args.first().cloned().ok_or_else(super::no_such_overload)
}

fn length(_: &mut Meter<'_>, args: &[Value]) -> Out {
    let Some(value) = args.first() else { return Err(super::no_such_overload()) };
    Ok(Value::Int(i64::try_from(cost::size(value)).unwrap_or(i64::MAX)))
}

fn text(_: &mut Meter<'_>, args: &[Value]) -> Out {
    match args {
        [Value::Bytes(bytes)] => match std::str::from_utf8(bytes) {
            Ok(text) => Ok(Value::string(text)),
            Err(_) => error("invalid UTF-8 in bytes, cannot convert to string"),
        },
        [value] => Ok(Value::string(go_text(value))),
        _ => Err(super::no_such_overload()),
    }
}

fn boolean(_: &mut Meter<'_>, args: &[Value]) -> Out {
    let [Value::String(text)] = args else { return Err(super::no_such_overload()) };
    match &**text {
        "1" | "t" | "T" | "true" | "TRUE" | "True" => Ok(Value::Bool(true)),
        "0" | "f" | "F" | "false" | "FALSE" | "False" => Ok(Value::Bool(false)),
        _ => Err(unreadable("bool")),
    }
}

fn unreadable(to: &str) -> Box<Failure> {
    Box::new(Failure::Error(format!("type conversion error from 'string' to '{to}'")))
}

#[expect(clippy::cast_possible_truncation, reason = "held within the range first")]
fn int(_: &mut Meter<'_>, args: &[Value]) -> Out {
    match args {
        [Value::Uint(number)] => {
            i64::try_from(*number).map_or_else(|_| error("integer overflow"), |number| Ok(Value::Int(number)))
        }
        // The bounds themselves are left out: a double near them stands for several whole numbers.
        [Value::Double(number)] if *number > -9_223_372_036_854_775_808.0 && *number < 9_223_372_036_854_775_807.0 => {
            Ok(Value::Int(*number as i64))
        }
        [Value::Double(_)] => error("integer overflow"),
        [Value::String(text)] => match text.parse::<i64>() {
            Ok(number) => Ok(Value::Int(number)),
            Err(_) => Err(unreadable("int")),
        },
        [Value::Timestamp(at)] => Ok(Value::Int(at.seconds)),
        [Value::Duration(nanos)] => Ok(Value::Int(*nanos)),
        _ => Err(super::no_such_overload()),
    }
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "held within the range first")]
fn uint(_: &mut Meter<'_>, args: &[Value]) -> Out {
    match args {
        [Value::Int(number)] => {
            u64::try_from(*number).map_or_else(|_| error("unsigned integer overflow"), |number| Ok(Value::Uint(number)))
        }
        [Value::Double(number)] if *number >= 0.0 && *number < 18_446_744_073_709_551_615.0 => {
            Ok(Value::Uint(*number as u64))
        }
        [Value::Double(_)] => error("unsigned integer overflow"),
        [Value::String(text)] => match text.parse::<u64>() {
            Ok(number) if !text.starts_with('+') => Ok(Value::Uint(number)),
            _ => Err(unreadable("uint")),
        },
        _ => Err(super::no_such_overload()),
    }
}

#[expect(clippy::cast_precision_loss, reason = "that is what the conversion does")]
fn double(_: &mut Meter<'_>, args: &[Value]) -> Out {
    match args {
        [Value::Int(number)] => Ok(Value::Double(*number as f64)),
        [Value::Uint(number)] => Ok(Value::Double(*number as f64)),
        [Value::String(text)] => match super::go_text::double(text) {
            Some(number) if number.is_finite() || text.to_ascii_lowercase().contains("inf") || number.is_nan() => {
                Ok(Value::Double(number))
            }
            _ => Err(unreadable("double")),
        },
        _ => Err(super::no_such_overload()),
    }
}

fn bytes(meter: &mut Meter<'_>, args: &[Value]) -> Out {
    let [Value::String(text)] = args else { return Err(super::no_such_overload()) };
    meter.memory(text.len())?;
    Ok(Value::Bytes(text.as_bytes().into()))
}

fn type_of(_: &mut Meter<'_>, args: &[Value]) -> Out {
    let Some(value) = args.first() else { return Err(super::no_such_overload()) };
    Ok(Value::Type(Arc::new(value.type_value())))
}

/// What stands at an index of a list or under a key of a map; none where nothing does.
pub(crate) fn index(value: &Value, at: &Value) -> Out<Option<Value>> {
    match value {
        Value::Map(map) => match Key::asked(at) {
            Some(key) => Ok(map.get(&key).cloned()),
            None if at.is_number() => Ok(None),
            None => error(format!("unsupported key type: {}", at.type_name())),
        },
        Value::List(list) => {
            let number = match Key::asked(at) {
                Some(Key::Int(number)) => usize::try_from(number).ok(),
                Some(Key::Uint(number)) if i64::try_from(number).is_err() => {
                    return error(format!("unsupported index value {number} in list"));
                }
                Some(Key::Uint(number)) => usize::try_from(number).ok(),
                _ if matches!(at, Value::Double(_)) => {
                    return error(format!("unsupported index value {} in list", go_text(at)));
                }
                _ => return error(format!("unsupported index type '{}' in list", at.type_name())),
            };
            Ok(number.and_then(|number| list.items().get(number)).cloned())
        }
        _ => Ok(None),
    }
}

pub(crate) fn missing(value: &Value, at: &Value) -> Box<Failure> {
    Box::new(Failure::Error(match value {
        Value::List(_) => format!("index out of bounds: {}", go_text(at)),
        _ => format!("no such key: {}", go_text(at)),
    }))
}

pub(super) const ROWS: &[Row] = &[
    row("size(string) -> int", length),
    row("size(bytes) -> int", length),
    row("size(list(A)) -> int", length),
    row("size(map(A, B)) -> int", length),
    row("string.size() -> int", length),
    row("bytes.size() -> int", length),
    row("list(A).size() -> int", length),
    row("map(A, B).size() -> int", length),
    row("string(string) -> string", same),
    row("string(bool) -> string", text),
    row("string(int) -> string", text),
    row("string(uint) -> string", text),
    row("string(double) -> string", text),
    priced("string(bytes) -> string", cost::pass, text),
    row("string(timestamp) -> string", text),
    row("string(duration) -> string", text),
    row("bool(bool) -> bool", same),
    row("bool(string) -> bool", boolean),
    row("int(int) -> int", same),
    row("int(uint) -> int", int),
    row("int(double) -> int", int),
    row("int(string) -> int", int),
    row("int(timestamp) -> int", int),
    row("int(duration) -> int", int),
    row("uint(uint) -> uint", same),
    row("uint(int) -> uint", uint),
    row("uint(double) -> uint", uint),
    row("uint(string) -> uint", uint),
    row("double(double) -> double", same),
    row("double(int) -> double", double),
    row("double(uint) -> double", double),
    row("double(string) -> double", double),
    row("bytes(bytes) -> bytes", same),
    priced("bytes(string) -> bytes", cost::pass, bytes),
    row("timestamp(timestamp) -> timestamp", same),
    row("timestamp(string) -> timestamp", time::timestamp),
    row("timestamp(int) -> timestamp", time::timestamp),
    row("duration(duration) -> duration", same),
    row("duration(string) -> duration", time::duration),
    row("duration(int) -> duration", time::duration),
    row("type(A) -> type(A)", type_of),
    row("dyn(A) -> dyn", same),
];
