//! Operands as builtins want them. In: the arguments of a call. Out: what the builtin works on, or OPA's words for what it got
//! instead. Positions count from 0 here and from 1 in messages.

use num_bigint::BigInt;

use super::Failure;
use crate::value::{Array, Number, Object, Set, Text, Value};

/// `operand 1 must be string but got number`, `operand 1 must be one of {set, array} but got number`.
pub(crate) fn wrong_type(at: usize, got: &Value, expected: &[&str]) -> Failure {
    let got = got.type_name();
    Failure::operand(match expected {
        [one] => format!("operand {} must be {one} but got {got}", at + 1),
        many => format!("operand {} must be one of {{{}}} but got {got}", at + 1, many.join(", ")),
    })
}

/// `operand 2 must be array of strings but got array containing number`.
pub(crate) fn wrong_element(at: usize, composite: &Value, got: &Value, expected: &[&str]) -> Failure {
    let (kind, got) = (composite.type_name(), got.type_name());
    Failure::operand(match expected {
        [one] => format!("operand {} must be {kind} of {one}s but got {kind} containing {got}", at + 1),
        many => format!(
            "operand {} must be {kind} of (any of) {{{}}} but got {kind} containing {got}",
            at + 1,
            many.join(", ")
        ),
    })
}

/// `operand 2 must be one of {2, 8}`.
pub(crate) fn wrong_value(at: usize, expected: &[&str]) -> Failure {
    Failure::operand(match expected {
        [one] => format!("operand {} must be {one}", at + 1),
        many => format!("operand {} must be one of {{{}}}", at + 1, many.join(", ")),
    })
}

/// An argument; the checker counts them, so that one is missing only where a caller errs.
pub(crate) fn any(args: &[Value], at: usize) -> Result<&Value, Failure> {
    args.get(at).ok_or_else(|| Failure::operand(format!("operand {} is missing", at + 1)))
}

pub(crate) fn string(args: &[Value], at: usize) -> Result<&Text, Failure> {
    match any(args, at)? {
        Value::String(text) => Ok(text),
        other => Err(wrong_type(at, other, &["string"])),
    }
}

pub(crate) fn number(args: &[Value], at: usize) -> Result<&Number, Failure> {
    match any(args, at)? {
        Value::Number(number) => Ok(number),
        other => Err(wrong_type(at, other, &["number"])),
    }
}

pub(crate) fn array(args: &[Value], at: usize) -> Result<&Array, Failure> {
    match any(args, at)? {
        Value::Array(array) => Ok(array),
        other => Err(wrong_type(at, other, &["array"])),
    }
}

pub(crate) fn object(args: &[Value], at: usize) -> Result<&Object, Failure> {
    match any(args, at)? {
        Value::Object(object) => Ok(object),
        other => Err(wrong_type(at, other, &["object"])),
    }
}

pub(crate) fn set(args: &[Value], at: usize) -> Result<&Set, Failure> {
    match any(args, at)? {
        Value::Set(set) => Ok(set),
        other => Err(wrong_type(at, other, &["set"])),
    }
}

/// A whole number of 64 bits.
pub(crate) fn integer(args: &[Value], at: usize) -> Result<i64, Failure> {
    number(args, at)?.as_i64().ok_or_else(|| not_whole(at))
}

/// A whole number of any size.
pub(crate) fn big(args: &[Value], at: usize) -> Result<BigInt, Failure> {
    match any(args, at)? {
        Value::Number(number) => number.as_big().ok_or_else(|| not_whole(at)),
        other => Err(wrong_type(at, other, &["integer"])),
    }
}

fn not_whole(at: usize) -> Failure {
    Failure::operand(format!("operand {} must be integer number but got floating-point number", at + 1))
}

/// The members of an array or set; `expected` is the order in which the message names the two.
pub(crate) fn members<'a>(args: &'a [Value], at: usize, expected: &[&str]) -> Result<&'a [Value], Failure> {
    match any(args, at)? {
        Value::Array(array) => Ok(array.items()),
        Value::Set(set) => Ok(set.members()),
        other => Err(wrong_type(at, other, expected)),
    }
}

/// The texts of an array or set of strings.
pub(crate) fn strings(args: &[Value], at: usize) -> Result<Vec<&str>, Failure> {
    let composite = any(args, at)?;
    members(args, at, &["array", "set"])?
        .iter()
        .map(|member| member.as_str().ok_or_else(|| wrong_element(at, composite, member, &["string"])))
        .collect()
}
