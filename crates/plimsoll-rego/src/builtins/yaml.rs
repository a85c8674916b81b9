//! `yaml.*`: reading is [`Value::from_yaml`]'s; writing is go-yaml's block style with two blanks a level, no line ever broken,
//! which programs of Go's that share the writer have in layouts of their own ([`YamlLayout`]).

use std::cmp::Ordering;
use std::fmt::Write as _;

use super::{Builtin, Context, Failure, bytes, civil, json_text, want};
use crate::value::{JsonLimits, Number, Value, YamlError, YamlLayout, is_plain_yaml_text};

type Result<T = Option<Value>> = std::result::Result<T, Failure>;

pub(super) const BUILTINS: &[Builtin] = &[
    Builtin::new("yaml.is_valid", "(x: string) => result: boolean", is_valid),
    Builtin::new("yaml.marshal", "(x: any) => y: string", marshal),
    Builtin::new("yaml.unmarshal", "(x: string) => y: any", unmarshal),
];

/// Nodes that a document may stand for, aliases counted as what they stand for: paid for by its bytes and then by its nodes.
fn read(context: &mut Context<'_>, text: &str) -> Result<Value> {
    context.meter.steps(text.len() as u64 / 4 + 8)?;
    context.meter.memory((text.len() as u64).saturating_mul(8))?;
    let limits = JsonLimits { nodes: 1_000_000, ..JsonLimits::default() };
    let value = Value::from_yaml(text.as_bytes(), &limits).map_err(|error| Failure::builtin(go_words(&error)))?;
    json_text::weigh(context.meter, &value, None, 0)?;
    Ok(value)
}

/// The commonest faults in go-yaml's words; others keep the reader's own, without the places that it repeats.
fn go_words(error: &YamlError) -> String {
    let message = error.message.split(" at char ").next().unwrap_or_default();
    let message = match message {
        "unclosed bracket '['" => "did not find expected ',' or ']'",
        "unclosed bracket '{'" => "did not find expected ',' or '}'",
        other => other,
    };
    format!("yaml: line {}: {message}", error.line)
}

fn unmarshal(context: &mut Context<'_>, args: &[Value]) -> Result {
    read(context, want::string(args, 0, 1)?).map(Some)
}

fn is_valid(context: &mut Context<'_>, args: &[Value]) -> Result {
    let Some(text) = want::argument(args, 0).as_str() else { return Ok(Some(Value::Bool(false))) };
    match read(context, text) {
        Ok(_) => Ok(Some(Value::Bool(true))),
        Err(Failure::Error { .. }) => Ok(Some(Value::Bool(false))),
        Err(halt) => Err(halt),
    }
}

fn marshal(context: &mut Context<'_>, args: &[Value]) -> Result {
    let value = want::argument(args, 0);
    // An indent of a level is two blanks on each of its lines.
    json_text::weigh(context.meter, value, Some(("", "  ")), 1)?;
    Ok(Some(Value::string(write(value, YamlLayout::default()))))
}

/// A whole document.
pub(crate) fn write(value: &Value, layout: YamlLayout) -> String {
    let mut out = String::new();
    match value {
        Value::Array(_) | Value::Set(_) | Value::Object(_) => node(&mut out, value, 0, Place::Top, layout),
        scalar => {
            push_scalar(&mut out, scalar, 1, false);
            if !is_block(scalar) || !out.ends_with('\n') {
                out.push('\n');
            }
        }
    }
    out
}

/// What stands behind a key that is indented so far, and its colon.
pub(crate) fn write_field(out: &mut String, value: &Value, indent: usize, layout: YamlLayout) {
    field(out, value, indent, layout);
}

/// Where a node is written.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Place {
    Top,
    /// After `key:`.
    Field,
    /// After `- `.
    Item,
}

/// Depth is bounded, because that of values is.
fn node(out: &mut String, value: &Value, indent: usize, place: Place, layout: YamlLayout) {
    match value {
        Value::Array(array) => items(out, array.items(), indent, place, layout),
        Value::Set(set) => items(out, set.members(), indent, place, layout),
        Value::Object(object) if object.entries().is_empty() => {
            if place == Place::Field {
                out.push(' ');
            }
            out.push_str("{}\n");
        }
        Value::Object(object) => {
            let mut fields: Vec<_> = object.entries().iter().map(|(key, value)| (key.json_key(), value)).collect();
            fields.sort_by(|a, b| natural(&a.0, &b.0));
            fields.dedup_by(|later, earlier| {
                let same = later.0 == earlier.0;
                if same {
                    earlier.1 = later.1;
                }
                same
            });
            if place == Place::Field {
                out.push('\n');
            }
            for (at, (key, value)) in fields.iter().enumerate() {
                if at > 0 || place != Place::Item {
                    blanks(out, indent);
                }
                let key = bytes::shown(key);
                // What cannot be written on one line of at most 128 characters is a key of its own line.
                let explicit = key.contains('\n') || key.len() > 128;
                if explicit {
                    out.push_str("? ");
                    push_text(out, &key, indent + 2, false);
                    if !out.ends_with('\n') {
                        out.push('\n');
                    }
                    blanks(out, indent);
                    out.push(':');
                } else {
                    push_text(out, &key, indent + 2, true);
                    out.push(':');
                }
                field(out, value, indent, layout);
            }
        }
        scalar => {
            if place == Place::Field {
                out.push(' ');
            }
            push_scalar(out, scalar, indent, false);
            if !out.ends_with('\n') || !is_block(scalar) {
                out.push('\n');
            }
        }
    }
}

fn field(out: &mut String, value: &Value, indent: usize, layout: YamlLayout) {
    let list = matches!(value, Value::Array(_) | Value::Set(_));
    let inner = if list && layout.flush_lists { indent } else { layout.deeper(indent) };
    node(out, value, inner, Place::Field, layout);
}

fn items(out: &mut String, values: &[Value], indent: usize, place: Place, layout: YamlLayout) {
    if values.is_empty() {
        if place == Place::Field {
            out.push(' ');
        }
        out.push_str("[]\n");
        return;
    }
    if place == Place::Field {
        out.push('\n');
    }
    for (at, value) in values.iter().enumerate() {
        if at > 0 || place != Place::Item {
            blanks(out, indent);
        }
        out.push_str("- ");
        node(out, value, indent + 2, Place::Item, layout);
    }
}

fn blanks(out: &mut String, count: usize) {
    out.extend(std::iter::repeat_n(' ', count));
}

fn is_block(value: &Value) -> bool {
    value.as_str().is_some_and(|text| text.contains('\n'))
}

fn push_scalar(out: &mut String, value: &Value, indent: usize, simple: bool) {
    match value {
        Value::Null => out.push_str("null"),
        Value::Bool(yes) => out.push_str(if *yes { "true" } else { "false" }),
        Value::Number(number) => out.push_str(&number_text(number)),
        Value::String(text) => push_text(out, &bytes::shown(text), indent, simple),
        _ => {}
    }
}

/// As go-yaml reads a number and writes it again: whole ones of 64 bits as they are, others as floats.
fn number_text(number: &Number) -> String {
    let text = number.to_string();
    if let Ok(whole) = text.parse::<i64>() {
        return whole.to_string();
    }
    if text.parse::<u64>().is_ok() {
        return text;
    }
    let float = number.as_f64();
    if !float.is_finite() {
        return text;
    }
    crate::value::go_float_text(float)
}

/// go-yaml's order of keys: numbers in texts by their worth, letters after all else.
fn natural(a: &str, b: &str) -> Ordering {
    let (a, b): (Vec<char>, Vec<char>) = (a.chars().collect(), b.chars().collect());
    let mut digits = false;
    let is_digit = |c: &char| c.is_ascii_digit();
    for (at, (x, y)) in a.iter().zip(&b).enumerate() {
        if x == y {
            digits = is_digit(x);
            continue;
        }
        let (letter, other) = (x.is_alphabetic(), y.is_alphabetic());
        if letter && other {
            return x.cmp(y);
        }
        if letter || other {
            let less = if digits { letter } else { other };
            return if less { Ordering::Less } else { Ordering::Greater };
        }
        let mut start = 0i64;
        if *x == '0' || *y == '0' {
            let before = a.get(..at).unwrap_or_default().iter().rev().take_while(|c| is_digit(c));
            if before.into_iter().any(|c| *c != '0') {
                start = 1;
            }
        }
        let number = |text: &[char]| {
            let run = text.get(at..).unwrap_or_default().iter().take_while(|c| is_digit(c));
            run.fold((start, 0usize), |(number, length), c| {
                let digit = i64::from(c.to_digit(10).unwrap_or(0));
                (number.wrapping_mul(10).wrapping_add(digit), length + 1)
            })
        };
        return number(&a).cmp(&number(&b)).then_with(|| x.cmp(y));
    }
    a.len().cmp(&b.len())
}

/// How a text may be written.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Style {
    Plain,
    Single,
    Double,
    Literal,
}

fn push_text(out: &mut String, text: &str, indent: usize, simple: bool) {
    match style(text, simple) {
        Style::Plain => out.push_str(text),
        Style::Single => {
            out.push('\'');
            out.push_str(&text.replace('\'', "''"));
            out.push('\'');
        }
        Style::Double => push_double(out, text),
        Style::Literal => push_literal(out, text, indent),
    }
}

fn is_timestamp(text: &str) -> bool {
    text.len() > 4
        && text.bytes().take(4).all(|byte| byte.is_ascii_digit())
        && text.as_bytes().get(4) == Some(&b'-')
        && [
            "2006-1-2T15:4:5.999999999Z07:00",
            "2006-1-2t15:4:5.999999999Z07:00",
            "2006-1-2 15:4:5.999999999",
            "2006-1-2",
        ]
        .iter()
        .any(|layout| civil::parse(layout, text).is_ok())
}

/// YAML 1.1's numbers of base 60: `12:30`.
fn is_base60(text: &str) -> bool {
    let text = text.strip_prefix(['+', '-']).unwrap_or(text);
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    let mut parts = whole.split(':');
    let first = parts.next().unwrap_or_default();
    let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit() || byte == b'_');
    let mut count = 0;
    let sixties = parts.all(|part| {
        count += 1;
        matches!(part.as_bytes(), [b'0'..=b'9'] | [b'0'..=b'5', b'0'..=b'9'])
    });
    count > 0 && sixties && first.starts_with(|c: char| c.is_ascii_digit()) && digits(first) && digits(fraction)
}

fn is_old_boolean(text: &str) -> bool {
    matches!(
        text,
        "y" | "Y" | "yes" | "Yes" | "YES" | "on" | "On" | "ON" | "n" | "N" | "no" | "No" | "NO" | "off" | "Off" | "OFF"
    )
}

fn style(text: &str, simple: bool) -> Style {
    let special = text.chars().any(|c| !is_printable(c));
    let blank_before_break = text.contains(" \n");
    if text.contains('\n') {
        return if simple || special || blank_before_break { Style::Double } else { Style::Literal };
    }
    if special {
        return Style::Double;
    }
    if text.is_empty() || !is_plain_yaml_text(text) || is_timestamp(text) || is_base60(text) || is_old_boolean(text) {
        return Style::Double;
    }
    if plain_allowed(text) { Style::Plain } else { Style::Single }
}

/// What go-yaml does not escape.
fn is_printable(c: char) -> bool {
    matches!(c, '\n' | ' '..='~' | '\u{A0}'..='\u{D7FF}' | '\u{E000}'..='\u{FFFD}') && c != '\u{FEFF}'
}

fn plain_allowed(text: &str) -> bool {
    if text.starts_with("---") || text.starts_with("...") {
        return false;
    }
    if text.starts_with(' ') || text.ends_with(' ') || text.contains(['\u{2028}', '\u{2029}', '\u{85}']) {
        return false;
    }
    let characters: Vec<char> = text.chars().collect();
    for (at, c) in characters.iter().enumerate() {
        let blank_after = characters.get(at + 1).is_none_or(|next| matches!(next, ' ' | '\t'));
        let blank_before = at > 0 && matches!(characters.get(at - 1), Some(' ' | '\t'));
        let refused = if at == 0 {
            match c {
                '#' | ',' | '[' | ']' | '{' | '}' | '&' | '*' | '!' | '|' | '>' | '\'' | '"' | '%' | '@' | '`' => true,
                '?' | ':' | '-' => blank_after,
                _ => false,
            }
        } else {
            match c {
                ':' => blank_after,
                '#' => blank_before,
                _ => false,
            }
        };
        if refused {
            return false;
        }
    }
    true
}

fn push_double(out: &mut String, text: &str) {
    out.push('"');
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\0' => out.push_str("\\0"),
            '\u{7}' => out.push_str("\\a"),
            '\u{8}' => out.push_str("\\b"),
            '\t' => out.push_str("\\t"),
            '\n' => out.push_str("\\n"),
            '\u{b}' => out.push_str("\\v"),
            '\u{c}' => out.push_str("\\f"),
            '\r' => out.push_str("\\r"),
            '\u{1b}' => out.push_str("\\e"),
            '\u{85}' => out.push_str("\\N"),
            '\u{2028}' => out.push_str("\\L"),
            '\u{2029}' => out.push_str("\\P"),
            c if is_printable(c) => out.push(c),
            c => {
                let code = u32::from(c);
                let _ = match code {
                    0..=0xFF => write!(out, "\\x{code:02X}"),
                    0x100..=0xFFFF => write!(out, "\\u{code:04X}"),
                    _ => write!(out, "\\U{code:08X}"),
                };
            }
        }
    }
    out.push('"');
}

fn push_literal(out: &mut String, text: &str, indent: usize) {
    out.push('|');
    if text.starts_with([' ', '\n']) {
        out.push('2');
    }
    let body = text.strip_suffix('\n');
    match body {
        None => out.push('-'),
        Some(rest) if rest.is_empty() || rest.ends_with('\n') => out.push('+'),
        Some(_) => {}
    }
    out.push('\n');
    let indent = indent.max(2);
    let lines = body.unwrap_or(text);
    for line in lines.split('\n') {
        if !line.is_empty() {
            blanks(out, indent);
            out.push_str(line);
        }
        out.push('\n');
    }
}
