//! Arguments that are written out are looked at before anything is evaluated: expressions, durations and timestamps.

use crate::ast::{Expr, Kind, Literal};
use crate::budget::{Budget, Meter};
use crate::library::{Function, expression_fault, literal_fault};
use crate::node::Node;
use crate::value::Value;

/// An issue where an argument written out can never do.
pub(crate) fn valid(function: &str, args: &[Expr]) -> Result<(), (usize, String)> {
    let Some(last) = args.last() else { return Ok(()) };
    let value = match &last.kind {
        Kind::Literal(Literal::String(text)) => Value::String(text.clone()),
        Kind::Literal(Literal::Int(number)) => Value::Int(*number),
        _ => return Ok(()),
    };
    match literal_fault(function, args.len(), &value) {
        true => Err((last.at, format!("invalid {function} argument"))),
        false => Ok(()),
    }
}

/// Conversions of what is written out are done once, before any evaluation.
pub(crate) const FOLDED: [&str; 10] =
    ["bool", "bytes", "double", "duration", "dyn", "int", "string", "timestamp", "type", "uint"];

/// The value of a conversion, or why there is none.
pub(crate) fn folded(function: &Function, overloads: &[u16], value: &Value) -> Result<Value, String> {
    let mut meter = Meter::new(Budget::default());
    function.call(&mut meter, overloads, std::slice::from_ref(value)).map_err(|failure| failure.to_string())
}

/// What is wrong with a regular expression that is written out.
pub(crate) fn pattern_fault(function: &str, args: &[Node]) -> Option<String> {
    match (function, args) {
        ("matches" | "find" | "findAll", [_, Node::Const(Value::String(pattern)), ..]) => expression_fault(pattern),
        _ => None,
    }
}
