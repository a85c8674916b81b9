//! Canonical JSON as OLPC has it (http://wiki.laptop.org/go/Canonical_JSON): the bytes that metadata's signatures are over. In: a value.
//! Out: its one form: members by the order of their names' code points, no white space, `"` and `\` alone escaped.

use serde_json::Value;

use crate::refusal::{Refusal, malformed};

/// The canonical form of `value`.
///
/// # Errors
/// `malformed` for numbers that are no whole ones of 64 bits: they have no such form.
pub(super) fn canonical(value: &Value) -> Result<Vec<u8>, Refusal> {
    let mut out = Vec::new();
    write(value, &mut out)?;
    Ok(out)
}

// As deep as the reader lets values be: 127 levels.
fn write(value: &Value, out: &mut Vec<u8>) -> Result<(), Refusal> {
    match value {
        Value::Null => out.extend(b"null"),
        Value::Bool(truth) => out.extend(truth.to_string().bytes()),
        Value::Number(number) if number.is_i64() || number.is_u64() => out.extend(number.to_string().bytes()),
        Value::Number(number) => {
            return Err(malformed(format!("metadata with the number {number}, which is not whole")));
        }
        Value::String(text) => quoted(text, out),
        Value::Array(items) => {
            out.push(b'[');
            for (at, item) in items.iter().enumerate() {
                if at > 0 {
                    out.push(b',');
                }
                write(item, out)?;
            }
            out.push(b']');
        }
        Value::Object(members) => {
            // UTF-8's bytes are in the order of code points.
            let mut members: Vec<_> = members.iter().collect();
            members.sort_unstable_by_key(|(name, _)| name.as_bytes());
            out.push(b'{');
            for (at, (name, value)) in members.into_iter().enumerate() {
                if at > 0 {
                    out.push(b',');
                }
                quoted(name, out);
                out.push(b':');
                write(value, out)?;
            }
            out.push(b'}');
        }
    }
    Ok(())
}

fn quoted(text: &str, out: &mut Vec<u8>) {
    out.push(b'"');
    for byte in text.bytes() {
        if matches!(byte, b'"' | b'\\') {
            out.push(b'\\');
        }
        out.push(byte);
    }
    out.push(b'"');
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::json;

    #[test]
    fn members_are_sorted_and_nothing_but_quotes_and_backslashes_is_escaped() {
        for (text, form) in [
            (
                r#" {"b": [1, -2, null] , "a": {"Z": true, "é": false, "A": ""}} "#,
                r#"{"a":{"A":"","Z":true,"é":false},"b":[1,-2,null]}"#,
            ),
            (r#""a\n\u0001\"\\\/\u00e9""#, "\"a\n\u{1}\\\"\\\\/é\""),
            (r#"{"\uffff":1,"\ud83d\ude00":2}"#, "{\"\u{ffff}\":1,\"\u{1f600}\":2}"),
            ("18446744073709551615", "18446744073709551615"),
        ] {
            let value = json::parse(text.as_bytes(), "it").unwrap();
            assert_eq!(String::from_utf8(canonical(&value).unwrap()).unwrap(), form);
        }
    }

    #[test]
    fn numbers_that_are_not_whole_have_no_form() {
        for text in ["1.5", "[1e3]", "18446744073709551616", "-0"] {
            assert!(canonical(&json::parse(text.as_bytes(), "it").unwrap()).is_err(), "{text}");
        }
    }
}
