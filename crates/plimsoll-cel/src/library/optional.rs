//! Values that may be missing. `or` and `orValue` evaluate their argument only where they need it: see `crate::eval`.

use super::{Row, row};
use crate::budget::{Meter, Out, error};
use crate::value::Value;

fn unwrap_all(meter: &mut Meter<'_>, args: &[Value]) -> Out {
    let [Value::List(list)] = args else { return Err(super::no_such_overload()) };
    meter.memory(list.items().len().saturating_mul(size_of::<Value>()))?;
    let mut kept = Vec::new();
    for item in list.items() {
        match item {
            Value::Optional(Some(inner)) => kept.push((**inner).clone()),
            Value::Optional(None) => {}
            _ => return Err(super::no_such_overload()),
        }
    }
    Ok(Value::list(kept))
}

fn either(args: &[Value], plain: bool) -> Out {
    match args {
        [Value::Optional(Some(inner)), _] if plain => Ok((**inner).clone()),
        [Value::Optional(None), other] | [other @ Value::Optional(Some(_)), _] => Ok(other.clone()),
        _ => Err(super::no_such_overload()),
    }
}

pub(super) const ROWS: &[Row] = &[
    row("optional.none() -> optional(V)", |_, _| Ok(Value::none())),
    row("optional.of(V) -> optional(V)", |_, args| match args {
        [value] => Ok(Value::some(value.clone())),
        _ => Err(super::no_such_overload()),
    }),
    row("optional.ofNonZeroValue(V) -> optional(V)", |_, args| match args {
        [value] if value.is_zero() => Ok(Value::none()),
        [value] => Ok(Value::some(value.clone())),
        _ => Err(super::no_such_overload()),
    }),
    row("optional(V).hasValue() -> bool", |_, args| match args {
        [Value::Optional(inner)] => Ok(Value::Bool(inner.is_some())),
        _ => Err(super::no_such_overload()),
    }),
    row("optional(V).value() -> V", |_, args| match args {
        [Value::Optional(Some(inner))] => Ok((**inner).clone()),
        [Value::Optional(None)] => error("optional.none() dereference"),
        _ => Err(super::no_such_overload()),
    }),
    row("optional(V).or(optional(V)) -> optional(V)", |_, args| either(args, false)),
    row("optional(V).orValue(V) -> V", |_, args| either(args, true)),
    row("optional.unwrap(list(optional(V))) -> list(V)", unwrap_all),
    row("list(optional(V)).unwrapOpt() -> list(V)", unwrap_all),
];
