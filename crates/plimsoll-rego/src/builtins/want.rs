//! Operands under the number that OPA gives them, which often is not their place: [`super::operand`] for where it is not. And how
//! texts are paid for.

use std::borrow::Cow;

use super::{Context, Failure, operand as operands};
use crate::budget::Exhausted;
use crate::value::{Array, Number, Object, Value};

/// `operand N …`
pub(super) fn operand(position: usize, message: impl std::fmt::Display) -> Failure {
    Failure::operand(format!("operand {position} {message}"))
}

/// `operand N must be X but got Y`
pub(super) fn wrong(position: usize, got: &Value, wanted: &[&str]) -> Failure {
    operands::wrong_type(position.saturating_sub(1), got, wanted)
}

pub(super) fn argument(args: &[Value], at: usize) -> &Value {
    args.get(at).unwrap_or(&Value::Null)
}

pub(super) fn string(args: &[Value], at: usize, position: usize) -> Result<&str, Failure> {
    string_of(argument(args, at), position)
}

pub(super) fn string_of(value: &Value, position: usize) -> Result<&str, Failure> {
    value.as_str().ok_or_else(|| wrong(position, value, &["string"]))
}

/// The bytes that a string stands for (see [`super::bytes`]).
pub(super) fn bytes(args: &[Value], at: usize, position: usize) -> Result<Cow<'_, [u8]>, Failure> {
    string(args, at, position).map(super::bytes::bytes)
}

pub(super) fn object(args: &[Value], at: usize, position: usize) -> Result<&Object, Failure> {
    match argument(args, at) {
        Value::Object(object) => Ok(object),
        other => Err(wrong(position, other, &["object"])),
    }
}

pub(super) fn array(args: &[Value], at: usize, position: usize) -> Result<&Array, Failure> {
    match argument(args, at) {
        Value::Array(array) => Ok(array),
        other => Err(wrong(position, other, &["array"])),
    }
}

pub(super) fn number(value: &Value, position: usize) -> Result<&Number, Failure> {
    match value {
        Value::Number(number) => Ok(number),
        other => Err(wrong(position, other, &["number"])),
    }
}

pub(super) fn int(args: &[Value], at: usize, position: usize) -> Result<i64, Failure> {
    number(argument(args, at), position)?
        .as_i64()
        .ok_or_else(|| operand(position, "must be integer number but got floating-point number"))
}

/// Pays for a text that is read, before it is read: a step for 64 bytes.
pub(super) fn pay_reading(context: &mut Context<'_>, bytes: usize) -> Result<(), Exhausted> {
    context.meter.steps(bytes as u64 / 64 + 1)
}

/// Pays for a text that is made, before it is made.
pub(super) fn pay_making(context: &mut Context<'_>, bytes: usize) -> Result<(), Exhausted> {
    context.meter.steps(bytes as u64 / 64 + 1)?;
    context.meter.memory(bytes as u64 + 16)
}

/// A text as a value, paid for.
pub(super) fn text(context: &mut Context<'_>, text: impl AsRef<str>) -> Result<Option<Value>, Failure> {
    let text = text.as_ref();
    pay_making(context, text.len())?;
    Ok(Some(Value::string(text)))
}
