//! Terms as conditions read them. In: terms of rewritten bodies. Out: their constants, names and forms.

use super::conditions::{Edge, Element};
use super::own::Entry;
use crate::ast::{Expr, ExprKind, Name, Term, TermKind};
use crate::compile::scalar;
use crate::value::Value;

pub(super) fn is_root(name: &str) -> bool {
    matches!(name, "input" | "data")
}

pub(super) fn is_scalar(value: &Value) -> bool {
    !matches!(value, Value::Array(_) | Value::Object(_) | Value::Set(_))
}

pub(super) fn variable(term: &Term) -> Option<&Name> {
    match &term.kind {
        TermKind::Var(name) if !is_root(name) => Some(name),
        _ => None,
    }
}

/// Whether no variables are in it; documents may be.
pub(super) fn is_ground(term: &Term) -> bool {
    match &term.kind {
        TermKind::Var(name) => is_root(name),
        TermKind::Ref(terms) => terms.iter().skip(1).all(is_ground),
        TermKind::Array(items) | TermKind::Set(items) => items.iter().all(is_ground),
        TermKind::Object(entries) => entries.iter().all(|(key, value)| is_ground(key) && is_ground(value)),
        _ => true,
    }
}

/// The value of a term that needs nothing else.
pub(super) fn ground(term: &Term) -> Option<Value> {
    match &term.kind {
        TermKind::Array(items) => Some(Value::array(items.iter().map(ground).collect::<Option<_>>()?)),
        TermKind::Set(items) => Some(Value::set(items.iter().map(ground).collect::<Option<_>>()?)),
        TermKind::Object(entries) => {
            let pairs = entries.iter().map(|(key, value)| Some((ground(key)?, ground(value)?)));
            Some(Value::object(pairs.collect::<Option<_>>()?))
        }
        _ => scalar(term),
    }
}

pub(super) fn edge_of(value: &Value) -> Edge {
    let element = |item: &Value| if is_scalar(item) { Element::Is(item.clone()) } else { Element::Any };
    match value {
        Value::Array(items) => Edge::Array(items.items().iter().map(element).collect(), None),
        Value::Object(_) | Value::Set(_) => Edge::Loose(value.clone()),
        scalar => Edge::Is(scalar.clone()),
    }
}

pub(super) fn element(term: &Term) -> Element {
    scalar(term).map_or(Element::Any, Element::Is)
}

/// What one of the members written in a collection asks of what is to be in it.
pub(super) fn member_edge(term: &Term) -> Option<Edge> {
    match &term.kind {
        TermKind::Array(items) => Some(Edge::Array(items.iter().map(element).collect(), None)),
        TermKind::Object(_) | TermKind::Set(_) => Some(Edge::Loose(ground(term).unwrap_or(Value::Null))),
        _ => scalar(term).map(Edge::Is),
    }
}

/// A scalar, a name, or an array of such.
pub(super) fn flat(term: &Term) -> Option<Entry> {
    if let Some(name) = variable(term) {
        return Some(Entry::Any(Some(name.clone())));
    }
    let TermKind::Array(items) = &term.kind else { return scalar(term).map(|value| Entry::Edge(Edge::Is(value))) };
    let is_flat = |item: &Term| variable(item).is_some() || scalar(item).is_some();
    let elements = || items.iter().map(element).collect();
    items.iter().all(is_flat).then(|| Entry::Edge(Edge::Array(elements(), None)))
}

/// The parts of a text between delimiters that no `\` stands before. As in OPA delimiters are looked for byte by byte.
pub(super) fn parts<'t>(text: &'t [u8], delimiters: &str) -> Vec<&'t [u8]> {
    let mut parts = Vec::new();
    let (mut from, mut escaped) = (0, false);
    for (at, byte) in text.iter().enumerate() {
        if *byte == b'\\' || escaped {
            escaped = !escaped;
        } else if delimiters.contains(char::from(*byte)) {
            parts.push(text.get(from..at).unwrap_or_default());
            from = at + 1;
        }
    }
    parts.push(text.get(from..).unwrap_or_default());
    parts
}

/// What the parts of a text have to be for a glob to match it; none where a pattern is more than texts and `*`.
pub(super) fn glob_elements(pattern: &str, delimiters: &str) -> Option<Vec<Element>> {
    let element = |part: &[u8]| {
        if part == b"*" {
            return Some(Element::Any);
        }
        let text = std::str::from_utf8(part).ok()?;
        let mut escaped = false;
        for letter in text.chars() {
            match letter {
                '\\' => escaped = !escaped,
                '[' | '?' | '{' | '*' if !escaped => return None,
                _ => escaped = false,
            }
        }
        Some(Element::Is(Value::string(text)))
    };
    parts(pattern.as_bytes(), delimiters).into_iter().map(element).collect()
}

/// A function's name in one part or two.
pub(super) fn name_of(operator: &Term) -> (&str, &str) {
    match &operator.kind {
        TermKind::Var(name) => (name, ""),
        TermKind::Ref(terms) => match terms.as_slice() {
            [Term { kind: TermKind::Var(name), .. }] => (name, ""),
            [Term { kind: TermKind::Var(name), .. }, Term { kind: TermKind::String(rest), .. }] => (name, rest),
            _ => ("", ""),
        },
        _ => ("", ""),
    }
}

/// Whether something in a body is to be told wherever the rule is reached.
pub(super) fn speaks(body: &[Expr]) -> bool {
    body.iter().any(|expr| match &expr.kind {
        ExprKind::Call { operator, .. } => matches!(name_of(operator), ("internal", "print" | "test_case")),
        ExprKind::Every(every) => speaks(&every.body),
        ExprKind::Not { body, .. } => speaks(body),
        ExprKind::And(logical) | ExprKind::Or(logical) => speaks(&logical.lhs) || speaks(&logical.rhs),
        _ => false,
    })
}
