//! Expressions to values, as conftest's converter makes them.

use super::{Block, Body, Expr, Kind};
use crate::{Fault, Map, Value};

pub(super) fn body(text: &str, from: &Body) -> Result<Map, Fault> {
    let mut out = Map::new();
    for block in &from.blocks {
        put(text, block, &mut out)?;
    }
    for (name, expr) in &from.attributes {
        out.insert(name.clone(), value(text, expr)?);
    }
    Ok(out)
}

fn put(text: &str, block: &Block, out: &mut Map) -> Result<(), Fault> {
    let inner = body(text, &block.body)?;
    let mut here = out;
    let mut key = &block.kind;
    for label in &block.labels {
        let next = here.entry(key.clone()).or_insert_with(|| Value::Map(Map::new()));
        let Value::Map(next) = next else {
            let path = block.labels.join(".");
            return Err(Fault::at(text, block.at, format!("Unable to convert Block to JSON: {}.{path}", block.kind)));
        };
        here = next;
        key = label;
    }
    match here.entry(key.clone()).or_insert_with(|| Value::List(Vec::new())) {
        Value::List(list) => {
            list.push(Value::Map(inner));
            Ok(())
        }
        _ => {
            let why = format!("invalid HCL detected for {key:?} block, cannot have blocks with and without labels");
            Err(Fault::at(text, block.at, why))
        }
    }
}

fn value(text: &str, expr: &Expr) -> Result<Value, Fault> {
    let number = |digits: &str, sign: f64| match digits.parse::<f64>() {
        Ok(number) if number.is_finite() => Ok(Value::Float(number * sign)),
        _ => Err(Fault::at(text, expr.start, "Invalid number literal")),
    };
    match &expr.kind {
        Kind::Null => Ok(Value::Null),
        Kind::Bool(truth) => Ok(Value::Bool(*truth)),
        Kind::Number(digits) => number(digits, 1.0),
        Kind::Negative(inner) => match &inner.kind {
            Kind::Number(digits) => number(digits, -1.0),
            Kind::Bool(_) | Kind::Null => Err(Fault::at(text, expr.start, "Invalid operand: a number is required")),
            _ => Ok(Value::Text(wrapped(text, expr))),
        },
        Kind::Not(inner) => match &inner.kind {
            Kind::Bool(truth) => Ok(Value::Bool(!truth)),
            Kind::Number(_) | Kind::Null => Err(Fault::at(text, expr.start, "Invalid operand: a bool is required")),
            _ => Ok(Value::Text(wrapped(text, expr))),
        },
        Kind::Template(_) | Kind::Text(_) => Ok(Value::Text(part(text, expr))),
        Kind::Wrap(inner) => value(text, inner),
        Kind::Tuple(items) => items.iter().map(|item| value(text, item)).collect::<Result<_, _>>().map(Value::List),
        Kind::Object(items) => {
            let mut map = Map::new();
            for (key, inner) in items {
                let key = match key.kind {
                    Kind::Traversal => source(text, key.start, key.end).to_owned(),
                    _ => part(text, key),
                };
                map.insert(key, value(text, inner)?);
            }
            Ok(Value::Map(map))
        }
        Kind::Conditional { .. } | Kind::Join { .. } | Kind::Traversal | Kind::Other => {
            Ok(Value::Text(wrapped(text, expr)))
        }
    }
}

fn source(text: &str, start: usize, end: usize) -> &str {
    // The converter takes a closing parenthesis that follows for a part of it.
    let end = if text.as_bytes().get(end) == Some(&b')') { end + 1 } else { end };
    text.get(start..end).unwrap_or_default()
}

fn wrapped(text: &str, expr: &Expr) -> String {
    format!("${{{}}}", source(text, expr.start, expr.end))
}

/// A part of a template, or a key.
fn part(text: &str, expr: &Expr) -> String {
    match &expr.kind {
        Kind::Null => "null".into(),
        Kind::Bool(truth) => truth.to_string(),
        Kind::Number(digits) => match digits.bytes().all(|digit| digit.is_ascii_digit()) {
            true => match digits.trim_start_matches('0') {
                "" => "0".into(),
                digits => digits.into(),
            },
            false => digits.parse::<f64>().map_or_else(|_| digits.clone(), |number| number.to_string()),
        },
        Kind::Text(literal) => literal.replace("${", "$${").replace("%{", "%%{"),
        Kind::Template(parts) => parts.iter().map(|inner| part(text, inner)).collect(),
        Kind::Wrap(inner) => part(text, inner),
        Kind::Conditional { condition, yes, no } => {
            let mut out = format!("%{{if {}}}{}", source(text, condition.0, condition.1), part(text, yes));
            let no = part(text, no);
            if !no.is_empty() {
                out.push_str("%{else}");
                out.push_str(&no);
            }
            out.push_str("%{endif}");
            out
        }
        Kind::Join { key, value, collection, body } => {
            let key = if key.is_empty() { String::new() } else { format!("{key}, ") };
            let collection = source(text, collection.0, collection.1);
            format!("%{{for {key}{value} in {collection}}}{}%{{endfor}}", part(text, body))
        }
        _ => wrapped(text, expr),
    }
}
