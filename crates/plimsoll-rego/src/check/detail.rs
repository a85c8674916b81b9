//! The lines below a type error's message, as OPA words them: what was had and wanted, with what does not tell the two apart
//! left out where the lines would be long. Lines are rendered for few errors, and no longer than a budget.

use std::fmt::{self, Write};

use super::fault::{Detail, Fault};
use super::unify::unifies;
use crate::ast::text;
use crate::types::{ArrayType, KeyText, ObjectType, Param, Signature, Type, Union};
use crate::value::Value;

/// Lines up to this many characters are left whole.
const WIDE_LINE: usize = 80;
/// Types beside the point are left whole up to this many characters.
const WIDE_TYPE: usize = 32;
/// Two types are compared no deeper.
const MAX_DIFF_DEPTH: u8 = 8;
/// One line is cut after this many bytes.
const MAX_LINE: usize = 64 << 10;
/// Bytes of all lines together; what is found after they are used up is told without lines.
pub(super) const MAX_DETAILS: usize = 1 << 20;
const MATCH_ERROR_DOCS: &str = "https://www.openpolicyagent.org/docs/errors/rego-type-error/match-error";

/// Collects text up to a limit.
struct Limited {
    text: String,
    left: usize,
}

impl Write for Limited {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        match self.left.checked_sub(text.len()) {
            Some(left) => {
                self.left = left;
                self.text.push_str(text);
                Ok(())
            }
            None => Err(fmt::Error),
        }
    }
}

fn limited(what: &dyn fmt::Display, limit: usize) -> Result<String, String> {
    let mut out = Limited { text: String::new(), left: limit };
    match write!(out, "{what}") {
        Ok(()) => Ok(out.text),
        Err(fmt::Error) => Err(out.text),
    }
}

/// The whole of it, or as much as one line may be.
fn whole(what: &dyn fmt::Display) -> String {
    limited(what, MAX_LINE).unwrap_or_else(|mut text| {
        text.push_str("...");
        text
    })
}

/// The whole of it where that has at most so many characters.
fn short(what: &dyn fmt::Display, characters: usize) -> Option<String> {
    limited(what, characters * 4).ok().filter(|text| text.chars().count() <= characters)
}

impl Fault {
    /// The lines below its message.
    pub fn lines(&self) -> Vec<String> {
        match &self.detail {
            Detail::None => Vec::new(),
            Detail::Unified { left, right } => unified(left, right),
            Detail::Args { have, want, result } => args(have, want, *result),
            Detail::Unsupported { reference, position, have } => {
                let upto = reference.get(..=*position).unwrap_or(reference);
                vec![
                    text::reference(reference),
                    "^".repeat(text::reference(upto).len()),
                    whole(&format_args!("have: {have}")),
                ]
            }
            Detail::Invalid { reference, position, have, want, one_of } => {
                let upto = reference.get(..*position).unwrap_or_default();
                let pad = " ".repeat(text::reference(upto).len() + 1);
                let have = match (have, reference.get(*position)) {
                    (Type::Unknown, Some(term)) => whole(&format_args!("{pad}have: {term}")),
                    (have, _) => whole(&format_args!("{pad}have (type): {have}")),
                };
                let one_of = members(one_of);
                let want = match want {
                    _ if !one_of.is_empty() => whole(&format_args!("{pad}want (one of): {}", List(&one_of))),
                    Type::Unknown => format!("{pad}want (one of): []"),
                    want => whole(&format_args!("{pad}want (type): {want}")),
                };
                vec![text::reference(reference), format!("{pad}^"), have, want]
            }
        }
    }
}

/// Values as Go prints a slice of them.
struct List<'a>(&'a [Value]);

impl fmt::Display for List<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[")?;
        for (at, value) in self.0.iter().enumerate() {
            write!(f, "{}{value}", if at == 0 { "" } else { " " })?;
        }
        f.write_str("]")
    }
}

/// Keys that may be written where one was wrong.
fn members(of: &Type) -> Vec<Value> {
    let mut keys = Vec::new();
    let mut stack = vec![(of.clone(), 0_u8)];
    while let Some((of, depth)) = stack.pop() {
        match of {
            Type::Object(object) => keys.extend(object.fixed().iter().map(|(key, _)| key.clone())),
            Type::OneOf(union) if depth < 2 => {
                stack.extend(union.members().iter().map(|member| (member.clone(), depth + 1)));
            }
            Type::Recursive(recursive) if depth < 2 => stack.push((recursive.target(), depth + 1)),
            _ => {}
        }
    }
    keys.sort();
    keys.dedup();
    keys
}

fn unified(left: &Type, right: &Type) -> Vec<String> {
    let lines =
        match (short(&format_args!("left  : {left}"), WIDE_LINE), short(&format_args!("right : {right}"), WIDE_LINE)) {
            (Some(left), Some(right)) => (left, right),
            _ => {
                let (left, right) = diff(left, right, 0);
                (format!("left  : {left}"), format!("right : {right}"))
            }
        };
    let mut lines = vec![lines.0, lines.1];
    let kind = match (left, right) {
        (Type::Object(_), Type::Object(_)) => "objects",
        (Type::Array(_), Type::Array(_)) => "arrays",
        (Type::Set(_), Type::Set(_)) => "sets",
        _ => return lines,
    };
    lines.push(format!(
        "hint  : both sides are {kind} but their types differ, so they can never be equal (see {MATCH_ERROR_DOCS})"
    ));
    lines
}

fn named(param: &Param, of: String) -> String {
    match &param.name {
        Some(name) => format!("{name}: {of}"),
        None => of,
    }
}

fn args(have: &[Type], want: &Signature, result: bool) -> Vec<String> {
    let wanted: Vec<&Param> = want.args.iter().chain(want.result.as_ref().filter(|_| result)).collect();
    struct Joined<'a, T>(&'a [T], Option<&'a Param>);
    impl<T: fmt::Display> fmt::Display for Joined<'_, T> {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("(")?;
            for (at, item) in self.0.iter().enumerate() {
                write!(f, "{}{item}", if at == 0 { "" } else { ", " })?;
            }
            if let Some(variadic) = self.1 {
                write!(f, "{}{variadic}...", if self.0.is_empty() { "" } else { ", " })?;
            }
            f.write_str(")")
        }
    }
    let variadic = want.variadic.as_ref();
    if let (Some(have), Some(want)) = (
        short(&format_args!("have: {}", Joined(have, None)), WIDE_LINE),
        short(&format_args!("want: {}", Joined(&wanted, variadic)), WIDE_LINE),
    ) {
        return vec![have, want];
    }
    let mut left: Vec<String> = have.iter().map(elided).collect();
    // Names do not count as nesting, but they do as width.
    let elided_param = |param: &Param| short(param, WIDE_TYPE).unwrap_or_else(|| named(param, cut(&param.of, 0)));
    let mut right: Vec<String> = wanted.iter().map(|param| elided_param(param)).collect();
    for (at, (have, want)) in have.iter().zip(&wanted).enumerate() {
        let (a, b) = if !matches!(have, Type::Unknown) && unifies(have, &want.of) {
            (elided(have), elided_param(want))
        } else {
            let (a, b) = diff(have, &want.of, 0);
            (a, named(want, b))
        };
        for (list, text) in [(&mut left, a), (&mut right, b)] {
            if let Some(place) = list.get_mut(at) {
                *place = text;
            }
        }
    }
    if let Some(variadic) = variadic {
        right.push(format!("{}...", elided_param(variadic)));
    }
    vec![format!("have: ({})", left.join(", ")), format!("want: ({})", right.join(", "))]
}

/// Its outermost constructor, or all of it where that is short.
fn elided(of: &Type) -> String {
    short(of, WIDE_TYPE).unwrap_or_else(|| cut(of, 0))
}

fn array(fixed: &[String], rest: Option<String>) -> String {
    composite("array", fixed, rest)
}

fn object(fixed: &[String], rest: Option<String>) -> String {
    composite("object", fixed, rest)
}

fn composite(name: &str, fixed: &[String], rest: Option<String>) -> String {
    let mut text = name.to_owned();
    if !fixed.is_empty() {
        text.push_str(&format!("<{}>", fixed.join(", ")));
    }
    if let Some(rest) = rest {
        text.push_str(&format!("[{rest}]"));
    }
    text
}

fn any(of: &[String]) -> String {
    if of.is_empty() { "any".into() } else { format!("any<{}>", of.join(", ")) }
}

fn member(key: &Value, of: &str) -> String {
    format!("{}: {of}", KeyText(key))
}

/// The type with what is nested deeper than `depth` as an ellipsis; `depth` is 0 or 1.
fn cut(of: &Type, depth: u8) -> String {
    let below = |of: &Type| if depth == 0 { "...".to_owned() } else { cut(of, depth - 1) };
    let dots = || vec!["...".to_owned()];
    match of {
        Type::Set(set) if !matches!(set.of(), Type::Unknown) => format!("set[{}]", below(set.of())),
        Type::Array(items) => {
            let fixed = match items.fixed() {
                [_, ..] if depth == 0 => dots(),
                fixed => fixed.iter().map(below).collect(),
            };
            array(&fixed, items.rest().map(below))
        }
        Type::Object(members) => {
            let fixed = match members.fixed() {
                [_, ..] if depth == 0 => dots(),
                fixed => fixed.iter().map(|(key, of)| member(key, &below(of))).collect(),
            };
            let rest = members.rest().map(|(key, value)| match depth {
                0 => "...".to_owned(),
                _ => format!("{}: {}", below(key), below(value)),
            });
            object(&fixed, rest)
        }
        Type::OneOf(_) if depth == 0 => any(&dots()),
        Type::OneOf(union) => any(&union.members().iter().map(below).collect::<Vec<_>>()),
        Type::Function(signature) => {
            let takes = !signature.args.is_empty() || signature.variadic.is_some();
            let result = if signature.result.is_none() { "???".to_owned() } else { below(&signature.result()) };
            if depth == 0 {
                return format!("({}) => {result}", if takes { "..." } else { "" });
            }
            let args = signature.args.iter().map(|param| below(&param.of));
            let rest = signature.variadic.iter().map(|param| format!("{}...", below(&param.of)));
            format!("({}) => {result}", args.chain(rest).collect::<Vec<_>>().join(", "))
        }
        other => other.to_string(),
    }
}

/// Both types, with what is the same in both left out.
fn diff(a: &Type, b: &Type, depth: u8) -> (String, String) {
    let unknown = matches!(a, Type::Unknown) || matches!(b, Type::Unknown);
    if depth >= MAX_DIFF_DEPTH || unknown || same(a, b) {
        return (elided(a), elided(b));
    }
    match (a, b) {
        (Type::Set(a), Type::Set(b)) if !matches!(a.of(), Type::Unknown) && !matches!(b.of(), Type::Unknown) => {
            let (a, b) = diff(a.of(), b.of(), depth + 1);
            (format!("set[{a}]"), format!("set[{b}]"))
        }
        (Type::Array(x), Type::Array(y)) => diff_arrays((a, x), (b, y), depth),
        (Type::Object(a), Type::Object(b)) => diff_objects(a, b, depth),
        (Type::OneOf(a), Type::OneOf(b)) => diff_unions(a, b),
        (Type::Any, Type::OneOf(union)) => ("any".into(), all_of(union)),
        (Type::OneOf(union), Type::Any) => (all_of(union), "any".into()),
        (Type::Function(a), Type::Function(b)) if a.arity() == b.arity() => diff_functions(a, b, depth),
        _ => (elided(a), elided(b)),
    }
}

/// Whether both print the same.
fn same(a: &Type, b: &Type) -> bool {
    match (a, b) {
        (Type::Recursive(a), Type::Recursive(b)) => a.name == b.name,
        (Type::Recursive(_), _) | (_, Type::Recursive(_)) => false,
        _ => a == b,
    }
}

fn all_of(union: &Union) -> String {
    any(&union.members().iter().map(elided).collect::<Vec<_>>())
}

fn diff_arrays((a, x): (&Type, &ArrayType), (b, y): (&Type, &ArrayType), depth: u8) -> (String, String) {
    if x.fixed().len() != y.fixed().len() || x.rest().is_some() != y.rest().is_some() {
        return (cut(a, 1), cut(b, 1));
    }
    let (left, right): (Vec<_>, Vec<_>) = x.fixed().iter().zip(y.fixed()).map(|(a, b)| diff(a, b, depth + 1)).unzip();
    let (rest_left, rest_right) = match (x.rest(), y.rest()) {
        (Some(a), Some(b)) => {
            let (a, b) = diff(a, b, depth + 1);
            (Some(a), Some(b))
        }
        _ => (None, None),
    };
    (array(&left, rest_left), array(&right, rest_right))
}

fn diff_objects(a: &ObjectType, b: &ObjectType, depth: u8) -> (String, String) {
    let (mut left, mut right) = (Vec::new(), Vec::new());
    let mut left_out = false;
    let (mut xs, mut ys) = (a.fixed().iter().peekable(), b.fixed().iter().peekable());
    loop {
        match (xs.peek(), ys.peek()) {
            (None, None) => break,
            (Some((key, of)), other) if other.is_none_or(|(other, _)| key < other) => {
                left.push(member(key, &elided(of)));
                xs.next();
            }
            (other, Some((key, of))) if other.is_none_or(|(other, _)| key < other) => {
                right.push(member(key, &elided(of)));
                ys.next();
            }
            (Some((key, x)), Some((_, y))) => {
                if same(x, y) {
                    left_out = true;
                } else {
                    let (x, y) = diff(x, y, depth + 1);
                    left.push(member(key, &x));
                    right.push(member(key, &y));
                }
                xs.next();
                ys.next();
            }
            _ => break,
        }
    }
    let alone = |(key, value): (&Type, &Type)| format!("{}: {}", elided(key), elided(value));
    let (rest_left, rest_right) = match (a.rest(), b.rest()) {
        (Some((key, value)), Some((other_key, other_value))) => {
            let keys = diff(key, other_key, depth + 1);
            let values = diff(value, other_value, depth + 1);
            (Some(format!("{}: {}", keys.0, values.0)), Some(format!("{}: {}", keys.1, values.1)))
        }
        (a, b) => (a.map(alone), b.map(alone)),
    };
    if left_out {
        left.push("...".into());
        right.push("...".into());
    }
    (object(&left, rest_left), object(&right, rest_right))
}

fn diff_unions(a: &Union, b: &Union) -> (String, String) {
    let within = |list: &[Type], of: &Type| {
        list.binary_search_by(|have| have.compare(of)).is_ok_and(|at| list.get(at).is_some_and(|have| same(have, of)))
    };
    let left_out = a.members().iter().any(|of| within(b.members(), of));
    let only = |list: &Union, other: &Union| {
        let mut texts: Vec<String> =
            list.members().iter().filter(|of| !within(other.members(), of)).map(elided).collect();
        if left_out {
            texts.push("...".into());
        }
        any(&texts)
    };
    (only(a, b), only(b, a))
}

fn diff_functions(a: &Signature, b: &Signature, depth: u8) -> (String, String) {
    let (mut left, mut right): (Vec<_>, Vec<_>) =
        a.args.iter().zip(&b.args).map(|(a, b)| diff(&a.of, &b.of, depth + 1)).unzip();
    match (&a.variadic, &b.variadic) {
        (Some(a), Some(b)) => {
            let (a, b) = diff(&a.of, &b.of, depth + 1);
            left.push(format!("{a}..."));
            right.push(format!("{b}..."));
        }
        (Some(a), None) => left.push(format!("{}...", elided(&a.of))),
        (None, Some(b)) => right.push(format!("{}...", elided(&b.of))),
        (None, None) => {}
    }
    let result = diff(&a.result(), &b.result(), depth + 1);
    (format!("({}) => {}", left.join(", "), result.0), format!("({}) => {}", right.join(", "), result.1))
}
