//! [`Expr`] → text that parses to the same tree: on one line, with the fewest brackets.

use std::fmt::{self, Write as _};

use crate::ast::{Access, Expr, Kind, Literal};

/// How tightly what an expression is made of binds; what binds less is put in brackets.
const CONDITIONAL: u8 = 0;
const OR: u8 = 1;
const AND: u8 = 2;
const RELATION: u8 = 3;
const SUM: u8 = 4;
const PRODUCT: u8 = 5;
const UNARY: u8 = 6;
const MEMBER: u8 = 7;

fn operator(function: &str) -> Option<(u8, &'static str)> {
    Some(match function {
        "_==_" => (RELATION, "=="),
        "_!=_" => (RELATION, "!="),
        "_<_" => (RELATION, "<"),
        "_<=_" => (RELATION, "<="),
        "_>_" => (RELATION, ">"),
        "_>=_" => (RELATION, ">="),
        "@in" => (RELATION, "in"),
        "_+_" => (SUM, "+"),
        "_-_" => (SUM, "-"),
        "_*_" => (PRODUCT, "*"),
        "_/_" => (PRODUCT, "/"),
        "_%_" => (PRODUCT, "%"),
        _ => return None,
    })
}

fn level(expr: &Expr) -> u8 {
    match &expr.kind {
        Kind::Conditional(_) => CONDITIONAL,
        Kind::Or { .. } => OR,
        Kind::And { .. } => AND,
        Kind::Call { function, .. } => match operator(function) {
            Some((level, _)) => level,
            None if matches!(&**function, "!_" | "-_") => UNARY,
            None => MEMBER,
        },
        // A minus that is part of a number binds as tightly as it, but not on the left of a dot.
        Kind::Literal(Literal::Int(number)) if *number < 0 => UNARY,
        Kind::Literal(Literal::Double(number)) if number.is_sign_negative() => UNARY,
        _ => MEMBER,
    }
}

impl fmt::Display for Expr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write(f, self, CONDITIONAL)
    }
}

fn write(f: &mut fmt::Formatter<'_>, expr: &Expr, least: u8) -> fmt::Result {
    if level(expr) < least {
        f.write_str("(")?;
        bare(f, expr)?;
        return f.write_str(")");
    }
    bare(f, expr)
}

fn chain(f: &mut fmt::Formatter<'_>, terms: &[Expr], sign: &str, least: u8) -> fmt::Result {
    for (number, term) in terms.iter().enumerate() {
        if number > 0 {
            write!(f, " {sign} ")?;
        }
        write(f, term, least)?;
    }
    Ok(())
}

fn listed<'a>(f: &mut fmt::Formatter<'_>, all: impl IntoIterator<Item = &'a Expr>) -> fmt::Result {
    for (number, one) in all.into_iter().enumerate() {
        if number > 0 {
            f.write_str(", ")?;
        }
        write(f, one, CONDITIONAL)?;
    }
    Ok(())
}

fn mark(optional: bool) -> &'static str {
    if optional { "?" } else { "" }
}

fn bare(f: &mut fmt::Formatter<'_>, expr: &Expr) -> fmt::Result {
    match &expr.kind {
        Kind::Literal(value) => literal(f, value),
        Kind::Ident { name, absolute } => write!(f, "{}{name}", if *absolute { "." } else { "" }),
        Kind::Select { operand, field, how: Access::Has } => {
            f.write_str("has(")?;
            write(f, operand, MEMBER)?;
            write!(f, ".{field})")
        }
        Kind::Select { operand, field, how } => {
            write(f, operand, MEMBER)?;
            write!(f, ".{}{field}", mark(*how == Access::Optional))
        }
        Kind::Index { operand, index, optional } => {
            write(f, operand, MEMBER)?;
            write!(f, "[{}", mark(*optional))?;
            write(f, index, CONDITIONAL)?;
            f.write_str("]")
        }
        Kind::Call { target, function, args } => call(f, target.as_deref(), function, args),
        Kind::And { terms, .. } => chain(f, terms, "&&", AND + 1),
        Kind::Or { terms, .. } => chain(f, terms, "||", OR + 1),
        Kind::Conditional(parts) => {
            let [condition, yes, no] = &**parts;
            write(f, condition, OR)?;
            f.write_str(" ? ")?;
            write(f, yes, OR)?;
            f.write_str(" : ")?;
            write(f, no, CONDITIONAL)
        }
        Kind::List(items) => {
            f.write_str("[")?;
            for (number, item) in items.iter().enumerate() {
                write!(f, "{}{}", if number > 0 { ", " } else { "" }, mark(item.optional))?;
                write(f, &item.value, CONDITIONAL)?;
            }
            f.write_str("]")
        }
        Kind::Map(entries) => {
            f.write_str("{")?;
            for (number, entry) in entries.iter().enumerate() {
                write!(f, "{}{}", if number > 0 { ", " } else { "" }, mark(entry.optional))?;
                write(f, &entry.key, CONDITIONAL)?;
                f.write_str(": ")?;
                write(f, &entry.value, CONDITIONAL)?;
            }
            f.write_str("}")
        }
        Kind::Struct { name, fields } => {
            write!(f, "{name}{{")?;
            for (number, field) in fields.iter().enumerate() {
                write!(f, "{}{}{}: ", if number > 0 { ", " } else { "" }, mark(field.optional), field.name)?;
                write(f, &field.value, CONDITIONAL)?;
            }
            f.write_str("}")
        }
        Kind::Fold(fold) => {
            write(f, &fold.range, MEMBER)?;
            write!(f, ".{}({}", fold.name, fold.first)?;
            if let Some(second) = &fold.second {
                write!(f, ", {second}")?;
            }
            for part in [&fold.filter, &fold.step].into_iter().flatten() {
                f.write_str(", ")?;
                write(f, part, CONDITIONAL)?;
            }
            f.write_str(")")
        }
        Kind::Bind { name, value, body } => {
            write!(f, "cel.bind({name}, ")?;
            listed(f, [&**value, &**body])?;
            f.write_str(")")
        }
        Kind::OptionalMap { target, name, body, flat } => {
            write(f, target, MEMBER)?;
            write!(f, ".{}({name}, ", if *flat { "optFlatMap" } else { "optMap" })?;
            write(f, body, CONDITIONAL)?;
            f.write_str(")")
        }
        Kind::Extreme { greatest, args } => {
            f.write_str(if *greatest { "math.greatest(" } else { "math.least(" })?;
            listed(f, args)?;
            f.write_str(")")
        }
    }
}

/// Whether its text begins with a number without brackets.
fn begins_with_number(expr: &Expr) -> bool {
    match &expr.kind {
        Kind::Literal(Literal::Int(_) | Literal::Double(_)) => true,
        Kind::Select { operand, how: Access::Plain | Access::Optional, .. } | Kind::Index { operand, .. } => {
            begins_with_number(operand)
        }
        Kind::Call { target: Some(target), .. } | Kind::OptionalMap { target, .. } => begins_with_number(target),
        Kind::Fold(fold) => begins_with_number(&fold.range),
        _ => false,
    }
}

fn call(f: &mut fmt::Formatter<'_>, target: Option<&Expr>, function: &str, args: &[Expr]) -> fmt::Result {
    match (target, function, args) {
        (None, "!_" | "-_", [operand]) => {
            f.write_str(if function == "!_" { "!" } else { "-" })?;
            // A sign before a sign is put in brackets, and so is a number that a minus would become part of.
            let number = begins_with_number(operand);
            let least = if function == "-_" && number { u8::MAX } else { MEMBER };
            write(f, operand, least)
        }
        (None, _, [left, right]) if operator(function).is_some() => {
            let (level, sign) = operator(function).unwrap_or((SUM, "+"));
            write(f, left, level)?;
            write!(f, " {sign} ")?;
            write(f, right, level + 1)
        }
        _ => {
            if let Some(target) = target {
                write(f, target, MEMBER)?;
                f.write_str(".")?;
            }
            write!(f, "{function}(")?;
            listed(f, args)?;
            f.write_str(")")
        }
    }
}

fn literal(f: &mut fmt::Formatter<'_>, value: &Literal) -> fmt::Result {
    match value {
        Literal::Null => f.write_str("null"),
        Literal::Bool(value) => write!(f, "{value}"),
        Literal::Int(number) => write!(f, "{number}"),
        Literal::Uint(number) => write!(f, "{number}u"),
        Literal::Double(number) => write!(f, "{number:?}"),
        Literal::String(text) => {
            f.write_str("\"")?;
            for letter in text.chars() {
                match letter {
                    '"' => f.write_str("\\\"")?,
                    '\\' => f.write_str("\\\\")?,
                    '\n' => f.write_str("\\n")?,
                    '\r' => f.write_str("\\r")?,
                    '\t' => f.write_str("\\t")?,
                    letter if letter < ' ' || letter == '\u{7f}' => write!(f, "\\x{:02x}", letter as u32)?,
                    letter => f.write_char(letter)?,
                }
            }
            f.write_str("\"")
        }
        Literal::Bytes(bytes) => {
            f.write_str("b\"")?;
            for byte in bytes.iter() {
                write!(f, "\\x{byte:02x}")?;
            }
            f.write_str("\"")
        }
    }
}
