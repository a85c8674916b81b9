//! Values to JSON that is safe to show in a terminal. In: anything serialisable. Out: indented JSON, the same values as
//! ever, with controls and marks of direction written as `\uXXXX`.

use std::io::{self, Write};

use serde::Serialize;
use serde_json::Value;
use serde_json::ser::{CompactFormatter, Formatter, PrettyFormatter};

use crate::options::ReportError;
use crate::text::safe::deceives;

/// Indented JSON with a final line end.
pub fn pretty<T: Serialize + ?Sized>(value: &T) -> Result<Vec<u8>, ReportError> {
    let mut out = Vec::new();
    let formatter = Shown { inner: PrettyFormatter::with_indent(b"  ") };
    value.serialize(&mut serde_json::Serializer::with_formatter(&mut out, formatter)).map_err(ReportError::Json)?;
    out.push(b'\n');
    Ok(out)
}

/// JSON without blanks, for digests.
pub fn compact<T: Serialize + ?Sized>(value: &T) -> Result<Vec<u8>, ReportError> {
    let mut out = Vec::new();
    value
        .serialize(&mut serde_json::Serializer::with_formatter(&mut out, CompactFormatter))
        .map_err(ReportError::Json)?;
    Ok(out)
}

/// Takes out nulls, empty texts, lists and objects, at any depth; lists named in `keep` stay though empty.
pub fn without_empty(value: &mut Value, keep: &[&str]) {
    match value {
        Value::Object(fields) => {
            fields.values_mut().for_each(|field| without_empty(field, keep));
            fields.retain(|name, field| !is_empty(field) || (field.is_array() && keep.contains(&name.as_str())));
        }
        Value::Array(items) => items.iter_mut().for_each(|item| without_empty(item, keep)),
        _ => {}
    }
}

fn is_empty(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::String(text) => text.is_empty(),
        Value::Array(items) => items.is_empty(),
        Value::Object(fields) => fields.is_empty(),
        _ => false,
    }
}

struct Shown<'a> {
    inner: PrettyFormatter<'a>,
}

impl Formatter for Shown<'_> {
    fn write_string_fragment<W: ?Sized + Write>(&mut self, writer: &mut W, fragment: &str) -> io::Result<()> {
        let mut rest = fragment;
        while let Some((at, c)) = rest.char_indices().find(|(_, c)| deceives(*c)) {
            writer.write_all(&rest.as_bytes()[..at])?;
            let mut units = [0; 2];
            for unit in c.encode_utf16(&mut units) {
                write!(writer, "\\u{unit:04x}")?;
            }
            rest = &rest[at + c.len_utf8()..];
        }
        writer.write_all(rest.as_bytes())
    }

    fn begin_array<W: ?Sized + Write>(&mut self, writer: &mut W) -> io::Result<()> {
        self.inner.begin_array(writer)
    }

    fn end_array<W: ?Sized + Write>(&mut self, writer: &mut W) -> io::Result<()> {
        self.inner.end_array(writer)
    }

    fn begin_array_value<W: ?Sized + Write>(&mut self, writer: &mut W, first: bool) -> io::Result<()> {
        self.inner.begin_array_value(writer, first)
    }

    fn end_array_value<W: ?Sized + Write>(&mut self, writer: &mut W) -> io::Result<()> {
        self.inner.end_array_value(writer)
    }

    fn begin_object<W: ?Sized + Write>(&mut self, writer: &mut W) -> io::Result<()> {
        self.inner.begin_object(writer)
    }

    fn end_object<W: ?Sized + Write>(&mut self, writer: &mut W) -> io::Result<()> {
        self.inner.end_object(writer)
    }

    fn begin_object_key<W: ?Sized + Write>(&mut self, writer: &mut W, first: bool) -> io::Result<()> {
        self.inner.begin_object_key(writer, first)
    }

    fn begin_object_value<W: ?Sized + Write>(&mut self, writer: &mut W) -> io::Result<()> {
        self.inner.begin_object_value(writer)
    }

    fn end_object_value<W: ?Sized + Write>(&mut self, writer: &mut W) -> io::Result<()> {
        self.inner.end_object_value(writer)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn controls_are_escaped_and_values_stay() {
        let value = serde_json::json!({"a": ["\u{9b}31m\u{202e}\u{7f}\u{e0041}ü\n\"", 1], "b": {}});
        let bytes = pretty(&value).unwrap();
        let text = String::from_utf8(bytes).unwrap();
        assert!(text.contains(r#""\u009b31m\u202e\u007f\udb40\udc41ü\n\"""#), "{text}");
        assert_eq!(serde_json::from_str::<Value>(&text).unwrap(), value);
    }
}
