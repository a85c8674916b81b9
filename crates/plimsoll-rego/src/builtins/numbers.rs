//! Comparison, arithmetic, ranges, bits, and numbers as text. In: values. Out: numbers and booleans. Sizes of results are
//! bounded before the work.

use std::cmp::Ordering;

use num_bigint::{BigInt, Sign};

use super::operand::{any, big, number, wrong_type};
use super::{Builtin, Context, Failure, Outcome};
use crate::value::{ArithmeticError, MAX_NUMBER_BITS, Number, Value, cost};

pub(super) const BUILTINS: &[Builtin] = &[
    Builtin::new("equal", "(x: any, y: any) => result: boolean", equal).infix("=="),
    Builtin::new("neq", "(x: any, y: any) => result: boolean", |context, args| {
        compared(context, args, |order| order != Ordering::Equal)
    })
    .infix("!="),
    Builtin::new("lt", "(x: any, y: any) => result: boolean", |context, args| {
        compared(context, args, |order| order == Ordering::Less)
    })
    .infix("<"),
    Builtin::new("lte", "(x: any, y: any) => result: boolean", |context, args| {
        compared(context, args, |order| order != Ordering::Greater)
    })
    .infix("<="),
    Builtin::new("gt", "(x: any, y: any) => result: boolean", |context, args| {
        compared(context, args, |order| order == Ordering::Greater)
    })
    .infix(">"),
    Builtin::new("gte", "(x: any, y: any) => result: boolean", |context, args| {
        compared(context, args, |order| order != Ordering::Less)
    })
    .infix(">="),
    Builtin::new("plus", "(x: number, y: number) => z: number", |context, args| binary(context, args, Number::plus))
        .infix("+"),
    Builtin::new("minus", "(x: any<number, set[any]>, y: any<number, set[any]>) => z: any<number, set[any]>", minus)
        .infix("-"),
    Builtin::new("mul", "(x: number, y: number) => z: number", |context, args| binary(context, args, Number::times))
        .infix("*"),
    Builtin::new("div", "(x: number, y: number) => z: number", |context, args| binary(context, args, Number::divided))
        .infix("/"),
    Builtin::new("rem", "(x: number, y: number) => z: number", |context, args| {
        binary(context, args, Number::remainder)
    })
    .infix("%"),
    Builtin::new("abs", "(x: number) => y: number", |context, args| unary(context, args, Number::absolute)),
    Builtin::new("round", "(x: number) => y: number", |context, args| unary(context, args, Number::rounded)),
    Builtin::new("ceil", "(x: number) => y: number", |context, args| unary(context, args, Number::ceiling)),
    Builtin::new("floor", "(x: number) => y: number", |context, args| unary(context, args, Number::floored)),
    Builtin::new("numbers.range", "(a: number, b: number) => range: array[number]", range),
    Builtin::new("numbers.range_step", "(a: number, b: number, step: number) => range: array[number]", range_step),
    Builtin::new("bits.and", "(x: number, y: number) => z: number", |context, args| bits(context, args, |a, b| a & b)),
    Builtin::new("bits.or", "(x: number, y: number) => z: number", |context, args| bits(context, args, |a, b| a | b)),
    Builtin::new("bits.xor", "(x: number, y: number) => z: number", |context, args| bits(context, args, |a, b| a ^ b)),
    Builtin::new("bits.negate", "(x: number) => z: number", bits_negate),
    Builtin::new("bits.lsh", "(x: number, s: number) => z: number", shift_left),
    Builtin::new("bits.rsh", "(x: number, s: number) => z: number", shift_right),
];

fn compared(context: &mut Context<'_>, args: &[Value], holds: fn(Ordering) -> bool) -> Outcome {
    let (a, b) = (any(args, 0)?, any(args, 1)?);
    context.pay_compared(a, b)?;
    Ok(Some(Value::Bool(holds(a.cmp(b)))))
}

fn equal(context: &mut Context<'_>, args: &[Value]) -> Outcome {
    let (a, b) = (any(args, 0)?, any(args, 1)?);
    context.pay_compared(a, b)?;
    Ok(Some(Value::Bool(a == b)))
}

type Binary = fn(&Number, &Number) -> Result<Number, ArithmeticError>;

fn binary(context: &mut Context<'_>, args: &[Value], operation: Binary) -> Outcome {
    let (a, b) = (number(args, 0)?, number(args, 1)?);
    context.meter.steps(cost(&[a, b]))?;
    Ok(Some(Value::Number(operation(a, b)?)))
}

fn unary(
    context: &mut Context<'_>,
    args: &[Value],
    operation: fn(&Number) -> Result<Number, ArithmeticError>,
) -> Outcome {
    let number = number(args, 0)?;
    context.meter.steps(cost(&[number]))?;
    Ok(Some(Value::Number(operation(number)?)))
}

/// Of numbers or of sets.
fn minus(context: &mut Context<'_>, args: &[Value]) -> Outcome {
    match (any(args, 0)?, any(args, 1)?) {
        (Value::Number(_), Value::Number(_)) => binary(context, args, Number::minus),
        (Value::Set(a), Value::Set(b)) => super::sets::difference(context, a, b).map(Some),
        (Value::Number(_), other) => Err(wrong_type(1, other, &["number"])),
        (Value::Set(_), other @ Value::Number(_)) => Err(wrong_type(1, other, &["set"])),
        // OPA asks for a number here, whatever the first one is.
        (Value::Set(_), other) => Err(wrong_type(1, other, &["number"])),
        (other, _) => Err(wrong_type(0, other, &["number", "set"])),
    }
}

fn range(context: &mut Context<'_>, args: &[Value]) -> Outcome {
    span(context, &big(args, 0)?, &big(args, 1)?, &BigInt::from(1))
}

fn range_step(context: &mut Context<'_>, args: &[Value]) -> Outcome {
    let (from, to, step) = (big(args, 0)?, big(args, 1)?, big(args, 2)?);
    if step.sign() != Sign::Plus {
        return Err(Failure::builtin("numbers.range_step: step must be a positive integer"));
    }
    span(context, &from, &to, &step)
}

/// From one to the other, both included, downwards where the first is larger.
fn span(context: &mut Context<'_>, from: &BigInt, to: &BigInt, step: &BigInt) -> Outcome {
    let down = from > to;
    let distance = if down { from - to } else { to - from };
    let count = distance / step + 1_u8;
    // More than fits is more than any budget.
    let count = usize::try_from(&count).unwrap_or(usize::MAX);
    context.pay_new_values(count)?;
    let mut numbers = Vec::with_capacity(count);
    if let (Ok(from), Ok(to), Ok(step)) = (i64::try_from(from), i64::try_from(to), i64::try_from(step)) {
        let mut at = from;
        while if down { at >= to } else { at <= to } {
            numbers.push(Value::int(at));
            let next = if down { at.checked_sub(step) } else { at.checked_add(step) };
            let Some(next) = next else { break };
            at = next;
        }
    } else {
        let width = usize::try_from(from.bits().max(to.bits()) / 3).unwrap_or(usize::MAX);
        context.pay_new_text(count.saturating_mul(width))?;
        let mut at = from.clone();
        while if down { &at >= to } else { &at <= to } {
            numbers.push(Value::Number(Number::from_big(&at)?));
            at = if down { at - step } else { at + step };
        }
    }
    Ok(Some(Value::array(numbers)))
}

fn whole(context: &mut Context<'_>, args: &[Value], at: usize) -> Result<BigInt, Failure> {
    if let Value::Number(number) = any(args, at)? {
        context.meter.steps(cost(&[number]))?;
    }
    // OPA's words name the first operand for what is no number, but only there.
    big(args, at)
}

fn bits(context: &mut Context<'_>, args: &[Value], operation: fn(BigInt, BigInt) -> BigInt) -> Outcome {
    let (a, b) = (whole(context, args, 0)?, whole(context, args, 1)?);
    Ok(Some(Value::Number(Number::from_big(&operation(a, b))?)))
}

fn bits_negate(context: &mut Context<'_>, args: &[Value]) -> Outcome {
    let number = whole(context, args, 0)?;
    Ok(Some(Value::Number(Number::from_big(&!number)?)))
}

/// The distance that a shift goes; OPA takes the low 64 bits of larger ones.
fn distance(by: &BigInt) -> Result<u64, Failure> {
    if by.sign() == Sign::Minus {
        return Err(Failure::operand("operand 2 must be an unsigned integer number but got a negative integer"));
    }
    Ok(by.iter_u64_digits().next().unwrap_or(0))
}

fn shift_left(context: &mut Context<'_>, args: &[Value]) -> Outcome {
    let (number, by) = (whole(context, args, 0)?, whole(context, args, 1)?);
    let by = distance(&by)?;
    if number == BigInt::ZERO {
        return Ok(Some(Value::int(0)));
    }
    if number.bits().saturating_add(by) > MAX_NUMBER_BITS as u64 {
        return Err(ArithmeticError::TooBig.into());
    }
    context.meter.steps(by / 64)?;
    Ok(Some(Value::Number(Number::from_big(&(number << by))?)))
}

fn shift_right(context: &mut Context<'_>, args: &[Value]) -> Outcome {
    let (number, by) = (whole(context, args, 0)?, whole(context, args, 1)?);
    let by = distance(&by)?;
    // Beyond its last bit all is sign.
    let by = by.min(number.bits() + 1);
    Ok(Some(Value::Number(Number::from_big(&(number >> by))?)))
}
