//! What calls cost, in the API server's units: its documentation of limits speaks of them, and a policy that it would stop is
//! stopped here.

use crate::value::Value;

/// As the API server measures a value: its length where it has one.
pub(crate) fn size(value: &Value) -> u64 {
    match value {
        Value::String(text) => text.chars().count() as u64,
        Value::Bytes(bytes) => bytes.len() as u64,
        Value::List(list) => list.items().len() as u64,
        Value::Map(map) if map.name().is_none() => map.entries().len() as u64,
        Value::Optional(Some(inner)) => size(inner),
        Value::Opaque(opaque) => opaque.size(),
        _ => 1,
    }
}

fn of(args: &[Value], at: usize) -> u64 {
    args.get(at).map_or(1, size)
}

/// A tenth, rounded up.
pub(crate) fn tenth(units: u64) -> u64 {
    units.div_ceil(10)
}

pub(crate) fn one(_: &[Value], _: &Value) -> u64 {
    1
}

/// One pass over the first argument's text.
pub(crate) fn pass(args: &[Value], _: &Value) -> u64 {
    tenth(of(args, 0))
}

/// A pass over it, and the making of what comes out.
pub(crate) fn two_passes(args: &[Value], _: &Value) -> u64 {
    tenth(2 * of(args, 0))
}

pub(crate) fn made(_: &[Value], result: &Value) -> u64 {
    tenth(2 * size(result))
}

pub(crate) fn both(args: &[Value], _: &Value) -> u64 {
    tenth(of(args, 0) + of(args, 1))
}

pub(crate) fn product(args: &[Value], _: &Value) -> u64 {
    tenth(of(args, 0)).saturating_mul(tenth(of(args, 1)))
}

/// Of an expression of that length over a text.
pub(crate) fn expression(text: u64, expression: u64) -> u64 {
    tenth(text.saturating_add(1)).saturating_mul(expression.div_ceil(4))
}

pub(crate) fn matching(args: &[Value], _: &Value) -> u64 {
    expression(of(args, 0), of(args, 1))
}

/// The whole of the first argument, with what is in it.
pub(crate) fn tree(args: &[Value], _: &Value) -> u64 {
    args.first().map_or(0, Value::traversal)
}

/// Each item of one list held against each of another.
pub(crate) fn pairs(args: &[Value], _: &Value) -> u64 {
    of(args, 0).saturating_mul(of(args, 1)).saturating_add(1)
}

pub(crate) fn pairs_twice(args: &[Value], _: &Value) -> u64 {
    of(args, 0).saturating_mul(of(args, 1)).saturating_mul(2).saturating_add(1)
}

/// A list made of what comes out.
const MADE: u64 = 11;

pub(crate) fn length(_: &[Value], result: &Value) -> u64 {
    MADE + size(result)
}

/// Each item held against each other, and a list made of them.
pub(crate) fn squared(args: &[Value], _: &Value) -> u64 {
    let length = of(args, 0);
    MADE.saturating_add(length.saturating_mul(length).saturating_mul(2))
}

pub(crate) fn flattened(args: &[Value], _: &Value) -> u64 {
    let depth = match args.get(1) {
        Some(Value::Int(depth)) => depth.unsigned_abs(),
        _ => 1,
    };
    MADE.saturating_add(of(args, 0).saturating_mul(depth))
}

/// An authorization check: two of them to an expression.
pub(crate) fn check(_: &[Value], _: &Value) -> u64 {
    350_000
}
