//! Values as text. In: a [`Value`]. Out: Rego's own notation (`Display`: sets in braces, strings quoted as Go quotes them),
//! or JSON as Go's `encoding/json` writes it, with sets as arrays.

use std::borrow::Cow;
use std::fmt::{self, Write};
use std::sync::LazyLock;

use regex::Regex;

use super::Value;

impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Value::Null => f.write_str("null"),
            Value::Bool(value) => write!(f, "{value}"),
            Value::Number(number) => write!(f, "{number}"),
            Value::String(text) => write_quoted(f, text),
            Value::Array(array) => {
                f.write_char('[')?;
                separated(f, array.items())?;
                f.write_char(']')
            }
            Value::Object(object) => {
                f.write_char('{')?;
                for (at, (key, value)) in object.entries().iter().enumerate() {
                    if at > 0 {
                        f.write_str(", ")?;
                    }
                    write!(f, "{key}: {value}")?;
                }
                f.write_char('}')
            }
            Value::Set(set) if set.members().is_empty() => f.write_str("set()"),
            Value::Set(set) => {
                f.write_char('{')?;
                separated(f, set.members())?;
                f.write_char('}')
            }
        }
    }
}

fn separated(f: &mut fmt::Formatter<'_>, values: &[Value]) -> fmt::Result {
    for (at, value) in values.iter().enumerate() {
        if at > 0 {
            f.write_str(", ")?;
        }
        write!(f, "{value}")?;
    }
    Ok(())
}

/// Appends a text as Go's `strconv.Quote` writes it.
pub fn quote(out: &mut String, text: &str) {
    // A String takes everything.
    let _ = write_quoted(out, text);
}

fn write_quoted(out: &mut impl Write, text: &str) -> fmt::Result {
    out.write_char('"')?;
    let mut plain = 0;
    for (at, c) in text.char_indices() {
        if matches!(c, ' '..='~') && c != '"' && c != '\\' {
            continue;
        }
        if !c.is_ascii() && is_printable(c) {
            continue;
        }
        out.write_str(text.get(plain..at).unwrap_or_default())?;
        plain = at + c.len_utf8();
        write_escape(out, c)?;
    }
    out.write_str(text.get(plain..).unwrap_or_default())?;
    out.write_char('"')
}

fn write_escape(out: &mut impl Write, c: char) -> fmt::Result {
    match c {
        '"' => out.write_str("\\\""),
        '\\' => out.write_str("\\\\"),
        '\u{7}' => out.write_str("\\a"),
        '\u{8}' => out.write_str("\\b"),
        '\u{c}' => out.write_str("\\f"),
        '\n' => out.write_str("\\n"),
        '\r' => out.write_str("\\r"),
        '\t' => out.write_str("\\t"),
        '\u{b}' => out.write_str("\\v"),
        c if c < ' ' || c == '\u{7f}' => write!(out, "\\x{:02x}", u32::from(c)),
        // What stands for a byte that is no text (see `builtins::bytes`).
        c @ '\u{10ff80}'..='\u{10ffff}' => write!(out, "\\x{:02x}", u32::from(c) & 0x7f | 0x80),
        c if u32::from(c) < 0x10000 => write!(out, "\\u{:04x}", u32::from(c)),
        c => write!(out, "\\U{:08x}", u32::from(c)),
    }
}

/// Go's `unicode.IsPrint`: letters, marks, numbers, punctuation, symbols and the ASCII space.
pub(crate) fn is_printable(c: char) -> bool {
    static PRINTABLE: LazyLock<Option<Regex>> = LazyLock::new(|| Regex::new(r"^[\pL\pM\pN\pP\pS ]$").ok());
    if c.is_ascii() {
        return matches!(c, ' '..='~');
    }
    c.is_alphanumeric() || PRINTABLE.as_ref().is_some_and(|pattern| pattern.is_match(c.encode_utf8(&mut [0; 4])))
}

/// How JSON is laid out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct JsonStyle<'a> {
    /// `<`, `>` and `&` as `\u003c` …, which is what Go does unless told otherwise.
    pub escape_html: bool,
    /// The prefix of each line but the first and the indent of each level; everything on one line without.
    pub indent: Option<(&'a str, &'a str)>,
}

impl JsonStyle<'_> {
    /// As Go's `json.Marshal`.
    pub const COMPACT: JsonStyle<'static> = JsonStyle { escape_html: true, indent: None };
    /// As Go's `json.MarshalIndent(x, "", "  ")`: what OPA's commands print.
    pub const PRETTY: JsonStyle<'static> = JsonStyle { escape_html: true, indent: Some(("", "  ")) };
}

impl Value {
    /// As Go's `json.Marshal` writes it, sets as arrays, keys that are no strings as their own JSON.
    pub fn to_json(&self) -> String {
        let mut out = String::new();
        self.write_json(&mut out, &JsonStyle::COMPACT);
        out
    }

    pub fn to_json_pretty(&self) -> String {
        let mut out = String::new();
        self.write_json(&mut out, &JsonStyle::PRETTY);
        out
    }

    pub fn write_json(&self, out: &mut String, style: &JsonStyle<'_>) {
        write_value(out, self, style, 0);
    }
}

fn line(out: &mut String, style: &JsonStyle<'_>, depth: usize) {
    if let Some((prefix, indent)) = style.indent {
        out.push('\n');
        out.push_str(prefix);
        for _ in 0..depth {
            out.push_str(indent);
        }
    }
}

/// Recursion is bounded because values are at most `MAX_DEPTH` deep.
fn write_value(out: &mut String, value: &Value, style: &JsonStyle<'_>, depth: usize) {
    match value {
        Value::Null => out.push_str("null"),
        Value::Bool(true) => out.push_str("true"),
        Value::Bool(false) => out.push_str("false"),
        Value::Number(number) => {
            let _ = write!(out, "{number}");
        }
        Value::String(text) => json_string(out, text, style.escape_html),
        Value::Array(array) => write_list(out, array.items(), style, depth),
        Value::Set(set) => write_list(out, set.members(), style, depth),
        Value::Object(object) if object.entries().is_empty() => out.push_str("{}"),
        Value::Object(object) => {
            out.push('{');
            let mut first = true;
            let mut entry = |key: &str, value: &Value| {
                if !std::mem::take(&mut first) {
                    out.push(',');
                }
                line(out, style, depth + 1);
                json_string(out, key, style.escape_html);
                out.push_str(if style.indent.is_some() { ": " } else { ":" });
                write_value(out, value, style, depth + 1);
            };
            if object.entries().iter().all(|(key, _)| key.as_str().is_some()) {
                for (key, value) in object.entries() {
                    entry(key.as_str().unwrap_or_default(), value);
                }
            } else {
                for (key, value) in text_entries(object.entries()) {
                    entry(&key, value);
                }
            }
            line(out, style, depth);
            out.push('}');
        }
    }
}

/// Entries by the text of their keys: of equal texts the last stays.
pub(crate) fn text_entries(entries: &[(Value, Value)]) -> Vec<(Cow<'_, str>, &Value)> {
    let mut all: Vec<(Cow<'_, str>, &Value)> = entries.iter().map(|(key, value)| (key.json_key(), value)).collect();
    all.sort_by(|a, b| a.0.cmp(&b.0));
    all.reverse();
    // Stable before the turn, so that the first of equals is now the last one.
    all.dedup_by(|later, earlier| later.0 == earlier.0);
    all.reverse();
    all
}

impl Value {
    /// The text that a key becomes in JSON.
    pub fn json_key(&self) -> Cow<'_, str> {
        match self {
            Value::String(text) => Cow::Borrowed(text),
            other => Cow::Owned(other.to_json()),
        }
    }
}

fn write_list(out: &mut String, values: &[Value], style: &JsonStyle<'_>, depth: usize) {
    out.push('[');
    for (at, value) in values.iter().enumerate() {
        if at > 0 {
            out.push(',');
        }
        line(out, style, depth + 1);
        write_value(out, value, style, depth + 1);
    }
    if !values.is_empty() {
        line(out, style, depth);
    }
    out.push(']');
}

/// A JSON string with Go's choice of escapes.
pub fn json_string(out: &mut String, text: &str, escape_html: bool) {
    let text = &*crate::builtins::bytes::shown(text);
    out.push('"');
    let mut plain = 0;
    for (at, byte) in text.bytes().enumerate() {
        let html = escape_html && matches!(byte, b'<' | b'>' | b'&');
        // U+2028 and U+2029 are E2 80 A8 and E2 80 A9.
        let separator = byte == 0xe2 && matches!(text.as_bytes().get(at + 1..at + 3), Some([0x80, 0xa8 | 0xa9]));
        if byte >= b' ' && byte != b'"' && byte != b'\\' && !html && !separator {
            continue;
        }
        out.push_str(text.get(plain..at).unwrap_or_default());
        plain = at + if separator { 3 } else { 1 };
        match byte {
            b'"' => out.push_str("\\\""),
            b'\\' => out.push_str("\\\\"),
            0x08 => out.push_str("\\b"),
            0x0c => out.push_str("\\f"),
            b'\n' => out.push_str("\\n"),
            b'\r' => out.push_str("\\r"),
            b'\t' => out.push_str("\\t"),
            0xe2 => {
                let last = text.as_bytes().get(at + 2).copied().unwrap_or(0xa8);
                out.push_str(if last == 0xa8 { "\\u2028" } else { "\\u2029" });
            }
            byte => {
                let _ = write!(out, "\\u{byte:04x}");
            }
        }
    }
    out.push_str(text.get(plain..).unwrap_or_default());
    out.push('"');
}
