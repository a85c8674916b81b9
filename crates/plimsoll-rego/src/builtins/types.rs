//! Types and casts. In: any value. Out: what it is, or the same value as something else.

use std::borrow::Cow;

use super::operand::{any, wrong_type};
use super::{Builtin, Context, Failure, Outcome};
use crate::value::{Number, NumberError, Value};

pub(super) const BUILTINS: &[Builtin] = &[
    Builtin::new("is_array", "(x: any) => result: boolean", |_, args| {
        is(args, |value| matches!(value, Value::Array(_)))
    }),
    Builtin::new("is_boolean", "(x: any) => result: boolean", |_, args| {
        is(args, |value| matches!(value, Value::Bool(_)))
    }),
    Builtin::new("is_null", "(x: any) => result: boolean", |_, args| is(args, |value| matches!(value, Value::Null))),
    Builtin::new("is_number", "(x: any) => result: boolean", |_, args| {
        is(args, |value| matches!(value, Value::Number(_)))
    }),
    Builtin::new("is_object", "(x: any) => result: boolean", |_, args| {
        is(args, |value| matches!(value, Value::Object(_)))
    }),
    Builtin::new("is_set", "(x: any) => result: boolean", |_, args| is(args, |value| matches!(value, Value::Set(_)))),
    Builtin::new("is_string", "(x: any) => result: boolean", |_, args| {
        is(args, |value| matches!(value, Value::String(_)))
    }),
    Builtin::new("type_name", "(x: any) => type: string", type_name),
    Builtin::new("to_number", "(value: any<null, boolean, number, string>) => num: number", to_number),
    Builtin::new("cast_array", "(any) => array[any]", cast_array).deprecated(),
    Builtin::new("cast_set", "(any) => set[any]", cast_set).deprecated(),
    Builtin::new("cast_boolean", "(any) => boolean", |_, args| same(args, "boolean")).deprecated(),
    Builtin::new("cast_null", "(any) => null", |_, args| same(args, "null")).deprecated(),
    Builtin::new("cast_object", "(any) => object[any: any]", |_, args| same(args, "object")).deprecated(),
    Builtin::new("cast_string", "(any) => string", |_, args| same(args, "string")).deprecated(),
];

fn is(args: &[Value], holds: fn(&Value) -> bool) -> Outcome {
    Ok(Some(Value::Bool(holds(any(args, 0)?))))
}

fn type_name(_: &mut Context<'_>, args: &[Value]) -> Outcome {
    Ok(Some(Value::string(any(args, 0)?.type_name())))
}

fn same(args: &[Value], wanted: &str) -> Outcome {
    let value = any(args, 0)?;
    if value.type_name() == wanted { Ok(Some(value.clone())) } else { Err(wrong_type(0, value, &[wanted])) }
}

fn cast_array(context: &mut Context<'_>, args: &[Value]) -> Outcome {
    match any(args, 0)? {
        array @ Value::Array(_) => Ok(Some(array.clone())),
        Value::Set(set) => {
            context.pay_new_values(set.members().len())?;
            Ok(Some(Value::array(set.members().to_vec())))
        }
        other => Err(wrong_type(0, other, &["array", "set"])),
    }
}

fn cast_set(context: &mut Context<'_>, args: &[Value]) -> Outcome {
    match any(args, 0)? {
        Value::Array(array) => {
            let rounds = array.items().len().checked_ilog2().unwrap_or(0) as usize + 1;
            context.pay_values(array.items().len().saturating_mul(rounds))?;
            context.pay_new_values(array.items().len())?;
            Ok(Some(Value::set(array.items().to_vec())))
        }
        set @ Value::Set(_) => Ok(Some(set.clone())),
        other => Err(wrong_type(0, other, &["array", "set"])),
    }
}

fn to_number(context: &mut Context<'_>, args: &[Value]) -> Outcome {
    let value = any(args, 0)?;
    Ok(Some(match value {
        Value::Null | Value::Bool(false) => Value::int(0),
        Value::Bool(true) => Value::int(1),
        Value::Number(_) => value.clone(),
        Value::String(text) => {
            context.pay_text(text.len())?;
            Value::Number(read_number(value, text)?)
        }
        other => return Err(wrong_type(0, other, &["null", "boolean", "number", "string"])),
    }))
}

/// What Go's `strconv.ParseFloat` takes: also a sign before, zeros before, a bare point, and `_` between digits. OPA keeps such
/// texts as they are and then cannot write them as JSON; here they become numbers of the same worth. Hexadecimal is refused.
fn read_number(value: &Value, text: &str) -> Result<Number, Failure> {
    let name = text.trim_start_matches(['+', '-']).to_lowercase();
    if matches!(name.as_str(), "inf" | "infinity" | "nan") {
        return Err(wrong_type(0, value, &["valid number string"]));
    }
    let mut quoted = String::new();
    crate::value::quote(&mut quoted, text);
    let refused = |why: &str| Failure::builtin(format!("strconv.ParseFloat: parsing {quoted}: {why}"));
    let (number, known) = match Number::read(text.as_bytes()) {
        Ok(number) => (number, true),
        Err(NumberError::TooBig) => return Err(refused("value out of range")),
        Err(NumberError::Syntax) => {
            let plain = without_separators(text).and_then(|text| plain_json(&text));
            match Number::read(plain.ok_or_else(|| refused("invalid syntax"))?.as_bytes()) {
                Ok(number) => (number, false),
                Err(NumberError::TooBig) => return Err(refused("value out of range")),
                Err(NumberError::Syntax) => return Err(refused("invalid syntax")),
            }
        }
    };
    // Known integers of any size are none the less beyond a float's range past 10^308.
    if (!known || number.plain().is_none()) && number.as_f64().is_infinite() {
        return Err(refused("value out of range"));
    }
    Ok(number)
}

/// A number without the `_` that stand between digits; none where one stands elsewhere.
fn without_separators(text: &str) -> Option<Cow<'_, str>> {
    let bytes = text.as_bytes();
    let digit = |at: Option<usize>| at.and_then(|at| bytes.get(at)).is_some_and(u8::is_ascii_digit);
    let between = |at: usize| digit(at.checked_sub(1)) && digit(Some(at + 1));
    let mut separators = text.match_indices('_').peekable();
    if separators.peek().is_none() {
        return Some(Cow::Borrowed(text));
    }
    separators.all(|(at, _)| between(at)).then(|| text.replace('_', "").into())
}

/// Go's decimal number (a sign, digits with a point somewhere, an exponent) as JSON would write it.
pub(super) fn plain_json(text: &str) -> Option<String> {
    let (sign, rest) = match text.strip_prefix('-') {
        Some(rest) => ("-", rest),
        None => ("", text.strip_prefix('+').unwrap_or(text)),
    };
    let (mantissa, exponent) = match rest.find(['e', 'E']) {
        Some(at) => rest.split_at(at),
        None => (rest, ""),
    };
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    if whole.is_empty() && fraction.is_empty() {
        return None;
    }
    let whole = match whole.trim_start_matches('0') {
        "" => "0",
        digits => digits,
    };
    let dot = if fraction.is_empty() { "" } else { "." };
    Some(format!("{sign}{whole}{dot}{fraction}{exponent}"))
}
