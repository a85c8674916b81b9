//! Functions that the compiler calls where the language has syntax of its own, and those that only names and notes need: `eq`
//! and `assign` are carried out by the evaluator, `print` becomes `internal.print`.

use super::operand::{any, array, string};
use super::{Builtin, Context, Failure, Outcome};
use crate::value::Value;

pub(super) const BUILTINS: &[Builtin] = &[
    Builtin::new("eq", "(any, any) => boolean", equal).infix("="),
    Builtin::new("assign", "(any, any) => boolean", equal).infix(":="),
    Builtin::new("print", "(...any)", print_unrewritten),
    Builtin::new("internal.print", "(array[set[any]])", print),
    Builtin::new("trace", "(note: string) => result: boolean", trace),
];

fn equal(context: &mut Context<'_>, args: &[Value]) -> Outcome {
    let (a, b) = (any(args, 0)?, any(args, 1)?);
    context.pay_compared(a, b)?;
    Ok(Some(Value::Bool(a == b)))
}

fn print_unrewritten(_: &mut Context<'_>, _: &[Value]) -> Outcome {
    Err(Failure::fatal("print was not rewritten by the compiler"))
}

/// What one operand may be: a scalar for itself, a set for each of its members, the word for nothing where that is empty.
fn choices<'a>(operand: &'a Value, name: &str) -> Result<&'a [Value], Failure> {
    match operand {
        Value::Set(set) => Ok(set.members()),
        Value::Array(_) | Value::Object(_) => {
            Err(Failure::fatal(format!("{name}: illegal argument type: {}", operand.type_name())))
        }
        scalar => Ok(std::slice::from_ref(scalar)),
    }
}

fn push_text(context: &mut Context<'_>, line: &mut String, value: Option<&Value>) -> Result<(), Failure> {
    let length = line.len();
    match value {
        None => line.push_str("<undefined>"),
        Some(Value::String(text)) => line.push_str(text),
        Some(other) => {
            context.pay_written(other)?;
            line.push_str(&other.to_string());
        }
    }
    context.pay_new_text(line.len() - length)
}

/// A line for each combination of the operands' members, the last operand's changing first.
fn print(context: &mut Context<'_>, args: &[Value]) -> Outcome {
    let operands = array(args, 0)?.items();
    let choices: Vec<&[Value]> =
        operands.iter().map(|operand| choices(operand, "internal.print")).collect::<Result<_, _>>()?;
    let mut at = vec![0_usize; choices.len()];
    loop {
        context.pay_values(1 + choices.len())?;
        let mut line = String::new();
        for (place, (choice, at)) in choices.iter().zip(&at).enumerate() {
            if place > 0 {
                line.push(' ');
            }
            push_text(context, &mut line, choice.get(*at))?;
        }
        context.scratch.printed.push(line);
        // Counts on, from the last place.
        let next = choices.iter().zip(&at).rposition(|(choice, at)| at + 1 < choice.len());
        let Some(next) = next else { return Ok(Some(Value::Bool(true))) };
        for (place, at) in at.iter_mut().enumerate().skip(next) {
            *at = if place == next { *at + 1 } else { 0 };
        }
    }
}

/// Who traces sees the call itself.
fn trace(_: &mut Context<'_>, args: &[Value]) -> Outcome {
    string(args, 0)?;
    Ok(Some(Value::Bool(true)))
}
