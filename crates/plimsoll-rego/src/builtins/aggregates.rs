//! Aggregates and membership. In: a composite. Out: one value of it or about it.

use num_bigint::BigInt;

use super::operand::{any, members, wrong_element, wrong_type};
use super::{Builtin, Context, Failure, Outcome};
use crate::price::row_price;
use crate::value::{ArithmeticError, MAX_NUMBER_BITS, Number, Value, cost, float_product, float_sum};

pub(super) const BUILTINS: &[Builtin] = &[
    Builtin::new("count", "(collection: any<string, array[any], object[any: any], set[any]>) => n: number", count),
    Builtin::new("sum", "(collection: any<array[number], set[number]>) => n: number", sum),
    Builtin::new("product", "(collection: any<array[number], set[number]>) => n: number", product),
    Builtin::new("max", "(collection: any<array[any], set[any]>) => n: any", max),
    Builtin::new("min", "(collection: any<array[any], set[any]>) => n: any", min),
    Builtin::new("sort", "(collection: any<array[any], set[any]>) => n: array[any]", sort),
    Builtin::new("all", "(any<array[any], set[any]>) => boolean", all).deprecated(),
    Builtin::new("any", "(any<array[any], set[any]>) => boolean", any_true).deprecated(),
    Builtin::new("internal.member_2", "(any, any) => boolean", member).infix("in"),
    Builtin::new("internal.member_3", "(any, any, any) => boolean", member_with_key).infix("in"),
];

fn count(context: &mut Context<'_>, args: &[Value]) -> Outcome {
    let count = match any(args, 0)? {
        Value::Array(array) => array.items().len(),
        Value::Object(object) => object.entries().len(),
        Value::Set(set) => set.members().len(),
        Value::String(text) => {
            context.pay_text(text.len())?;
            text.chars().count()
        }
        other => return Err(wrong_type(0, other, &["array", "object", "set", "string"])),
    };
    Ok(Some(Value::Number(Number::from(count))))
}

/// The numbers of a collection, and whether all are whole.
fn numbers<'a>(context: &mut Context<'_>, args: &'a [Value]) -> Result<(Vec<&'a Number>, bool), Failure> {
    let items = members(args, 0, &["set", "array"])?;
    context.pay_values(items.len())?;
    let mut found = Vec::with_capacity(items.len());
    for item in items {
        match item {
            Value::Number(number) => {
                context.meter.steps(cost(&[number]))?;
                found.push(number);
            }
            other => return Err(wrong_element(0, any(args, 0)?, other, &["number"])),
        }
    }
    let whole = found.iter().all(|number| number.plain().is_some() || number.as_big().is_some());
    Ok((found, whole))
}

fn sum(context: &mut Context<'_>, args: &[Value]) -> Outcome {
    let (numbers, whole) = numbers(context, args)?;
    let total = if !whole {
        float_sum(numbers.into_iter().cloned())?
    } else if let Some(total) = numbers.iter().try_fold(0_i64, |total, number| total.checked_add(number.plain()?)) {
        Number::from(total)
    } else {
        let total: BigInt = numbers.iter().filter_map(|number| number.as_big()).sum();
        Number::from_big(&total)?
    };
    Ok(Some(Value::Number(total)))
}

fn product(context: &mut Context<'_>, args: &[Value]) -> Outcome {
    let (numbers, whole) = numbers(context, args)?;
    if !whole {
        return Ok(Some(Value::Number(float_product(numbers.into_iter().cloned())?)));
    }
    let mut total = BigInt::from(1);
    for factor in numbers.iter().filter_map(|number| number.as_big()) {
        if total.bits() + factor.bits() > MAX_NUMBER_BITS as u64 + 1 {
            return Err(ArithmeticError::TooBig.into());
        }
        context.meter.steps(total.bits() / 64 * (factor.bits() / 64 + 1))?;
        total *= factor;
    }
    Ok(Some(Value::Number(Number::from_big(&total)?)))
}

/// Of equal ones the last, as in OPA: 1 and 1.0 differ in their texts.
fn max(context: &mut Context<'_>, args: &[Value]) -> Outcome {
    let items = members(args, 0, &["set", "array"])?;
    context.pay_values(items.len())?;
    context.meter.steps(row_price(items.iter()))?;
    Ok(items.iter().max().cloned())
}

/// Of equal ones the last, as in OPA.
fn min(context: &mut Context<'_>, args: &[Value]) -> Outcome {
    let items = members(args, 0, &["set", "array"])?;
    context.pay_values(items.len())?;
    context.meter.steps(row_price(items.iter()))?;
    Ok(items.iter().rev().min().cloned())
}

fn sort(context: &mut Context<'_>, args: &[Value]) -> Outcome {
    let items = members(args, 0, &["set", "array"])?;
    let rounds = items.len().checked_ilog2().unwrap_or(0) as usize + 1;
    context.pay_values(items.len().saturating_mul(rounds))?;
    let whole = any(args, 0)?.weight();
    context.meter.steps((whole / 16).saturating_mul(rounds as u64))?;
    context.pay_new_values(items.len())?;
    let mut sorted = items.to_vec();
    sorted.sort();
    Ok(Some(Value::array(sorted)))
}

fn all(context: &mut Context<'_>, args: &[Value]) -> Outcome {
    let items = members(args, 0, &["array", "set"])?;
    context.pay_values(items.len())?;
    Ok(Some(Value::Bool(items.iter().all(|item| *item == Value::Bool(true)))))
}

fn any_true(context: &mut Context<'_>, args: &[Value]) -> Outcome {
    let items = members(args, 0, &["array", "set"])?;
    context.pay_values(items.len())?;
    Ok(Some(Value::Bool(items.contains(&Value::Bool(true)))))
}

/// Pays for comparing a value with so many others.
fn pay_search(context: &mut Context<'_>, count: usize, wanted: &Value) -> Result<(), Failure> {
    Ok(context.meter.steps((count as u64).saturating_mul(1 + wanted.weight() / 16))?)
}

/// `x in xs`.
fn member(context: &mut Context<'_>, args: &[Value]) -> Outcome {
    let wanted = any(args, 0)?;
    let found = match any(args, 1)? {
        Value::Set(set) => {
            pay_search(context, set.members().len().checked_ilog2().unwrap_or(0) as usize + 1, wanted)?;
            set.contains(wanted)
        }
        Value::Array(array) => {
            pay_search(context, array.items().len(), wanted)?;
            array.items().contains(wanted)
        }
        Value::Object(object) => {
            pay_search(context, object.entries().len(), wanted)?;
            object.entries().iter().any(|(_, value)| value == wanted)
        }
        _ => false,
    };
    Ok(Some(Value::Bool(found)))
}

/// `key, x in xs`.
fn member_with_key(context: &mut Context<'_>, args: &[Value]) -> Outcome {
    let (key, wanted) = (any(args, 0)?, any(args, 1)?);
    pay_search(context, 1, wanted)?;
    // No composite has so many members that it is halved more often.
    pay_search(context, 32, key)?;
    let found = match any(args, 2)? {
        Value::Set(set) => set.contains(key) && key == wanted,
        collection @ (Value::Array(_) | Value::Object(_)) => collection.get(key) == Some(wanted),
        _ => false,
    };
    Ok(Some(Value::Bool(found)))
}
