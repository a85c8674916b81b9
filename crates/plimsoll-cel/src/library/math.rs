//! cel-go's mathematics, which Kubernetes does not have.

use std::cmp::Ordering;

use super::{Row, row};
use crate::budget::{Meter, Out, error};
use crate::value::Value;

/// The least or greatest of numbers, or of the numbers of one list.
pub(crate) fn extreme(meter: &mut Meter<'_>, greatest: bool, args: &[Value]) -> Out {
    let values = match args {
        [Value::List(list)] => list.items(),
        _ => args,
    };
    let Some((first, rest)) = values.split_first() else {
        return error(format!("math.@{}(list) argument must not be empty", if greatest { "max" } else { "min" }));
    };
    if !first.is_number() {
        return Err(super::no_such_overload());
    }
    let wanted = if greatest { Ordering::Greater } else { Ordering::Less };
    let mut best = first;
    for value in rest {
        meter.work(1)?;
        if !value.is_number() {
            return Err(super::no_such_overload());
        }
        if value.order(best).flatten() == Some(wanted) {
            best = value;
        }
    }
    Ok(best.clone())
}

fn double(args: &[Value], by: fn(f64) -> f64) -> Out {
    match args {
        [Value::Double(number)] => Ok(Value::Double(by(*number))),
        _ => Err(super::no_such_overload()),
    }
}

fn test(args: &[Value], by: fn(f64) -> bool) -> Out {
    match args {
        [Value::Double(number)] => Ok(Value::Bool(by(*number))),
        _ => Err(super::no_such_overload()),
    }
}

fn bits(args: &[Value], int: fn(i64, i64) -> i64, uint: fn(u64, u64) -> u64) -> Out {
    match args {
        [Value::Int(a), Value::Int(b)] => Ok(Value::Int(int(*a, *b))),
        [Value::Uint(a), Value::Uint(b)] => Ok(Value::Uint(uint(*a, *b))),
        _ => Err(super::no_such_overload()),
    }
}

#[expect(clippy::cast_possible_wrap, clippy::cast_sign_loss, reason = "shifts are of bits")]
fn shift(args: &[Value], left: bool) -> Out {
    let [value, Value::Int(by)] = args else { return Err(super::no_such_overload()) };
    if *by < 0 {
        return error(format!("math.bitShift{}() negative offset: {by}", if left { "Left" } else { "Right" }));
    }
    let by = u32::try_from(*by).unwrap_or(u32::MAX);
    let moved = |bits: u64| if left { bits.checked_shl(by) } else { bits.checked_shr(by) }.unwrap_or(0);
    match value {
        Value::Int(number) => Ok(Value::Int(moved(*number as u64) as i64)),
        Value::Uint(number) => Ok(Value::Uint(moved(*number))),
        _ => Err(super::no_such_overload()),
    }
}

fn abs(_: &mut Meter<'_>, args: &[Value]) -> Out {
    match args {
        [Value::Int(number)] => {
            number.checked_abs().map_or_else(|| error("integer overflow"), |number| Ok(Value::Int(number)))
        }
        [Value::Double(number)] => Ok(Value::Double(number.abs())),
        [value @ Value::Uint(_)] => Ok(value.clone()),
        _ => Err(super::no_such_overload()),
    }
}

fn sign(_: &mut Meter<'_>, args: &[Value]) -> Out {
    match args {
        [Value::Int(number)] => Ok(Value::Int(number.signum())),
        [Value::Uint(number)] => Ok(Value::Uint((*number).min(1))),
        [Value::Double(number)] if *number == 0.0 || number.is_nan() => {
            Ok(Value::Double(if number.is_nan() { f64::NAN } else { 0.0 }))
        }
        [Value::Double(number)] => Ok(Value::Double(number.signum())),
        _ => Err(super::no_such_overload()),
    }
}

#[expect(clippy::cast_precision_loss, reason = "a root is a double")]
fn sqrt(_: &mut Meter<'_>, args: &[Value]) -> Out {
    match args {
        [Value::Int(number)] => Ok(Value::Double((*number as f64).sqrt())),
        [Value::Uint(number)] => Ok(Value::Double((*number as f64).sqrt())),
        [Value::Double(number)] => Ok(Value::Double(number.sqrt())),
        _ => Err(super::no_such_overload()),
    }
}

pub(super) const ROWS: &[Row] = &[
    row("math.abs(int) -> int", abs),
    row("math.abs(uint) -> uint", abs),
    row("math.abs(double) -> double", abs),
    row("math.sign(int) -> int", sign),
    row("math.sign(uint) -> uint", sign),
    row("math.sign(double) -> double", sign),
    row("math.sqrt(int) -> double", sqrt),
    row("math.sqrt(uint) -> double", sqrt),
    row("math.sqrt(double) -> double", sqrt),
    row("math.ceil(double) -> double", |_, args| double(args, f64::ceil)),
    row("math.floor(double) -> double", |_, args| double(args, f64::floor)),
    row("math.round(double) -> double", |_, args| double(args, f64::round)),
    row("math.trunc(double) -> double", |_, args| double(args, f64::trunc)),
    row("math.isInf(double) -> bool", |_, args| test(args, f64::is_infinite)),
    row("math.isNaN(double) -> bool", |_, args| test(args, f64::is_nan)),
    row("math.isFinite(double) -> bool", |_, args| test(args, f64::is_finite)),
    row("math.bitAnd(int, int) -> int", |_, args| bits(args, |a, b| a & b, |a, b| a & b)),
    row("math.bitAnd(uint, uint) -> uint", |_, args| bits(args, |a, b| a & b, |a, b| a & b)),
    row("math.bitOr(int, int) -> int", |_, args| bits(args, |a, b| a | b, |a, b| a | b)),
    row("math.bitOr(uint, uint) -> uint", |_, args| bits(args, |a, b| a | b, |a, b| a | b)),
    row("math.bitXor(int, int) -> int", |_, args| bits(args, |a, b| a ^ b, |a, b| a ^ b)),
    row("math.bitXor(uint, uint) -> uint", |_, args| bits(args, |a, b| a ^ b, |a, b| a ^ b)),
    row("math.bitNot(int) -> int", |_, args| match args {
        [Value::Int(number)] => Ok(Value::Int(!number)),
        _ => Err(super::no_such_overload()),
    }),
    row("math.bitNot(uint) -> uint", |_, args| match args {
        [Value::Uint(number)] => Ok(Value::Uint(!number)),
        _ => Err(super::no_such_overload()),
    }),
    row("math.bitShiftLeft(int, int) -> int", |_, args| shift(args, true)),
    row("math.bitShiftLeft(uint, int) -> uint", |_, args| shift(args, true)),
    row("math.bitShiftRight(int, int) -> int", |_, args| shift(args, false)),
    row("math.bitShiftRight(uint, int) -> uint", |_, args| shift(args, false)),
];
