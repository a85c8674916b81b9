//! Values as text with their types, for people and tests: `1`, `1u`, `1.0`, `"a"`, `b"61"`, `timestamp("…")`, `optional.of(1)`.

use std::fmt;

use super::{Key, Timestamp, Value};
use crate::library::time;

/// A double as Go's shortest form has it, with `.0` where it would look whole.
pub fn double_text(number: f64) -> String {
    if number.is_nan() {
        return "NaN".to_owned();
    }
    if number.is_infinite() {
        return if number > 0.0 { "Infinity".to_owned() } else { "-Infinity".to_owned() };
    }
    let mut text = crate::library::format::go_g(number);
    if !text.contains(['.', 'e']) {
        text.push_str(".0");
    }
    text
}

/// As JSON writes it.
pub(crate) fn quoted(text: &str) -> String {
    serde_json::Value::String(text.to_owned()).to_string()
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.value().fmt(f)
    }
}

impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Value::Null => f.write_str("null"),
            Value::Bool(value) => value.fmt(f),
            Value::Int(number) => number.fmt(f),
            Value::Uint(number) => write!(f, "{number}u"),
            Value::Double(number) => f.write_str(&double_text(*number)),
            Value::String(text) => f.write_str(&quoted(text)),
            Value::Bytes(bytes) => {
                f.write_str("b\"")?;
                for byte in bytes.iter() {
                    write!(f, "{byte:02x}")?;
                }
                f.write_str("\"")
            }
            Value::List(list) => {
                f.write_str("[")?;
                for (number, item) in list.items().iter().enumerate() {
                    write!(f, "{}{item}", if number > 0 { ", " } else { "" })?;
                }
                f.write_str("]")
            }
            Value::Map(map) => {
                let mut parts: Vec<String> =
                    map.entries().iter().map(|(key, value)| format!("{key}: {value}")).collect();
                parts.sort();
                write!(f, "{{{}}}", parts.join(", "))
            }
            Value::Timestamp(at) => {
                let at = Timestamp { offset: 0, ..*at };
                write!(f, "timestamp(\"{}\")", time::timestamp_text(at))
            }
            Value::Duration(nanos) => write!(f, "duration(\"{}\")", time::duration_text(*nanos)),
            Value::Type(of) => write!(f, "type({})", crate::library::types::runtime_name(of)),
            Value::Optional(None) => f.write_str("optional.none()"),
            Value::Optional(Some(inner)) => write!(f, "optional.of({inner})"),
            Value::Opaque(opaque) => opaque.fmt(f),
        }
    }
}
