//! JSON as Go's encoder writes it. In: anything that can be serialized. Out: text with two spaces of indentation, `<`, `>`
//! and `&` escaped.

use std::io;

use plimsoll_rego::ast::{Term, json as tree};
use plimsoll_rego::span::Sources;
use plimsoll_rego::value::Value;
use serde::ser::{Serialize, SerializeMap as _, SerializeSeq as _, Serializer};
use serde_json::ser::{CharEscape, CompactFormatter, Formatter, PrettyFormatter};
use serde_json::value::RawValue;

/// A Rego value for serde: sets are arrays, keys that are no strings are written as their own JSON.
#[derive(Debug, Clone)]
pub struct Json(pub Value);

impl Serialize for Json {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        Borrowed(&self.0).serialize(serializer)
    }
}

struct Borrowed<'a>(&'a Value);

impl Serialize for Borrowed<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.0 {
            Value::Null => serializer.serialize_unit(),
            Value::Bool(value) => serializer.serialize_bool(*value),
            // The text of a number is kept, whatever its length.
            Value::Number(number) => {
                RawValue::from_string(number.to_string()).map_err(serde::ser::Error::custom)?.serialize(serializer)
            }
            Value::String(text) => serializer.serialize_str(text),
            Value::Array(array) => sequence(array.items(), serializer),
            Value::Set(set) => sequence(set.members(), serializer),
            Value::Object(object) => {
                let mut map = serializer.serialize_map(Some(object.entries().len()))?;
                for (key, value) in object.entries() {
                    match key {
                        Value::String(text) => map.serialize_entry(&**text, &Borrowed(value))?,
                        other => map.serialize_entry(&other.to_json(), &Borrowed(value))?,
                    }
                }
                map.end()
            }
        }
    }
}

fn sequence<S: Serializer>(items: &[Value], serializer: S) -> Result<S::Ok, S::Error> {
    let mut sequence = serializer.serialize_seq(Some(items.len()))?;
    for item in items {
        sequence.serialize_element(&Borrowed(item))?;
    }
    sequence.end()
}

/// Writes as another formatter does, and characters as Go does.
struct Go<F>(F);

impl<F: Formatter> Formatter for Go<F> {
    fn begin_array<W: ?Sized + io::Write>(&mut self, w: &mut W) -> io::Result<()> {
        self.0.begin_array(w)
    }
    fn end_array<W: ?Sized + io::Write>(&mut self, w: &mut W) -> io::Result<()> {
        self.0.end_array(w)
    }
    fn begin_array_value<W: ?Sized + io::Write>(&mut self, w: &mut W, first: bool) -> io::Result<()> {
        self.0.begin_array_value(w, first)
    }
    fn end_array_value<W: ?Sized + io::Write>(&mut self, w: &mut W) -> io::Result<()> {
        self.0.end_array_value(w)
    }
    fn begin_object<W: ?Sized + io::Write>(&mut self, w: &mut W) -> io::Result<()> {
        self.0.begin_object(w)
    }
    fn end_object<W: ?Sized + io::Write>(&mut self, w: &mut W) -> io::Result<()> {
        self.0.end_object(w)
    }
    fn begin_object_key<W: ?Sized + io::Write>(&mut self, w: &mut W, first: bool) -> io::Result<()> {
        self.0.begin_object_key(w, first)
    }
    fn begin_object_value<W: ?Sized + io::Write>(&mut self, w: &mut W) -> io::Result<()> {
        self.0.begin_object_value(w)
    }
    fn end_object_value<W: ?Sized + io::Write>(&mut self, w: &mut W) -> io::Result<()> {
        self.0.end_object_value(w)
    }

    fn write_string_fragment<W: ?Sized + io::Write>(&mut self, w: &mut W, fragment: &str) -> io::Result<()> {
        let mut rest = fragment;
        while let Some(at) = rest.find(['<', '>', '&', '\u{2028}', '\u{2029}']) {
            w.write_all(&rest.as_bytes()[..at])?;
            let Some(found) = rest[at..].chars().next() else { break };
            write!(w, "\\u{:04x}", u32::from(found))?;
            rest = &rest[at + found.len_utf8()..];
        }
        w.write_all(rest.as_bytes())
    }

    fn write_char_escape<W: ?Sized + io::Write>(&mut self, w: &mut W, escape: CharEscape) -> io::Result<()> {
        struct Plain;
        impl Formatter for Plain {}
        Plain.write_char_escape(w, escape)
    }
}

/// A reference as OPA's JSON: its terms with their types.
pub fn reference(reference: &[Term]) -> serde_json::Value {
    let sources = Sources::default();
    let term = |term: &Term| -> serde_json::Value {
        serde_json::from_str(&tree::term(term, &sources, tree::Options::default())).unwrap_or_default()
    };
    reference.iter().map(term).collect()
}

/// Indented by two spaces, with a line's end.
pub fn pretty<T: Serialize>(value: &T) -> String {
    pretty_by(value, "  ")
}

/// Indented by something else.
pub fn pretty_by<T: Serialize>(value: &T, indent: &str) -> String {
    let mut text = written(value, PrettyFormatter::with_indent(indent.as_bytes()));
    text.push('\n');
    text
}

/// On one line without an end.
pub fn compact<T: Serialize>(value: &T) -> String {
    written(value, CompactFormatter)
}

fn written<T: Serialize, F: Formatter>(value: &T, formatter: F) -> String {
    let mut text = Vec::new();
    // Writing to memory fails only where a value cannot be JSON; our shapes all can.
    if let Err(error) = value.serialize(&mut serde_json::Serializer::with_formatter(&mut text, Go(formatter))) {
        return format!("{{\"errors\": [{{\"message\": {:?}}}]}}", error.to_string());
    }
    String::from_utf8_lossy(&text).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_is_written_as_go_writes_it() {
        let value = Value::object(vec![
            (Value::string("a<b"), Value::array(vec![Value::int(1), Value::set(vec![])])),
            (Value::int(2), Value::string("x\u{2028}&\n")),
        ]);
        let text = "{\n  \"2\": \"x\\u2028\\u0026\\n\",\n  \"a\\u003cb\": [\n    1,\n    []\n  ]\n}\n";
        assert_eq!(pretty(&Json(value)), text);
    }
}
