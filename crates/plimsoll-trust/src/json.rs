//! Strict JSON. In: bytes. Out: a value none of whose objects names a member twice. What it does not do: it knows no schema.
//!
//! Two readers that take different ones of two members of one name see two documents under one signature.

use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Value};

use crate::refusal::{Reason, Refusal, malformed};

/// What anything here may hold at most: a payload of an attestation is the largest, and registries bound them the same.
pub(crate) const MOST_BYTES: usize = 128 << 20;

/// The value of `bytes`, which `what` names in messages. Nesting beyond 127 levels is refused.
pub(crate) fn parse(bytes: &[u8], what: &str) -> Result<Value, Refusal> {
    if bytes.len() > MOST_BYTES {
        return Err(Refusal::new(Reason::TooLarge, format!("{what} has more than {MOST_BYTES} bytes")));
    }
    let mut reader = serde_json::Deserializer::from_slice(bytes);
    let value = Strict.deserialize(&mut reader).and_then(|value| reader.end().map(|()| value));
    value.map_err(|e| malformed(format!("{what} is no JSON that means one thing: {e}")))
}

/// The member `name` of an object; none where it is missing or null.
pub(crate) fn member<'a>(value: &'a Value, name: &str) -> Option<&'a Value> {
    value.get(name).filter(|v| !v.is_null())
}

/// The text at `name`, without which `what` is not one.
pub(crate) fn text<'a>(value: &'a Value, name: &str, what: &str) -> Result<&'a str, Refusal> {
    value.get(name).and_then(Value::as_str).ok_or_else(|| malformed(format!("{what} has no text {name:?}")))
}

/// The bytes at `name`, in base64 of the usual alphabet with its padding.
pub(crate) fn bytes(value: &Value, name: &str, what: &str) -> Result<Vec<u8>, Refusal> {
    base64(text(value, name, what)?, &format!("{name:?} of {what}"))
}

/// Base64 of the usual alphabet, padded, nothing else.
pub(crate) fn base64(text: &str, what: &str) -> Result<Vec<u8>, Refusal> {
    use base64::Engine as _;
    base64::engine::general_purpose::STANDARD.decode(text).map_err(|e| malformed(format!("{what} is no base64: {e}")))
}

/// The whole number at `name`: a number, or its digits as protobuf writes 64 bits in JSON.
pub(crate) fn integer(value: &Value, name: &str, what: &str) -> Result<i64, Refusal> {
    let found = match value.get(name) {
        Some(Value::Number(n)) => n.as_i64(),
        Some(Value::String(s)) if !s.starts_with('+') => s.parse().ok(),
        _ => None,
    };
    found.ok_or_else(|| malformed(format!("{what} has no whole number {name:?}")))
}

struct Strict;

impl<'de> DeserializeSeed<'de> for Strict {
    type Value = Value;
    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Strict {
    type Value = Value;

    fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("JSON")
    }
    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }
    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Bool(value))
    }
    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(value.into())
    }
    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(value.into())
    }
    fn visit_f64<E>(self, value: f64) -> Result<Value, E> {
        Ok(value.into())
    }
    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(Value::String(value.to_owned()))
    }
    fn visit_string<E>(self, value: String) -> Result<Value, E> {
        Ok(Value::String(value))
    }
    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Value, A::Error> {
        let mut all = Vec::new();
        while let Some(item) = items.next_element_seed(Strict)? {
            all.push(item);
        }
        Ok(Value::Array(all))
    }
    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Value, A::Error> {
        let mut all = Map::new();
        while let Some(name) = members.next_key::<String>()? {
            let value = members.next_value_seed(Strict)?;
            if all.insert(name.clone(), value).is_some() {
                return Err(serde::de::Error::custom(format!("{name:?} stands twice in one object")));
            }
        }
        Ok(Value::Object(all))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn members_of_one_name_are_refused_at_any_depth() {
        for text in [r#"{"a":1,"a":1}"#, r#"[{"b":{"a":1,"a":2}}]"#, r#"{"a":1,"\u0061":2}"#] {
            assert_eq!(parse(text.as_bytes(), "it").unwrap_err().reason, Reason::Malformed, "{text}");
        }
        assert_eq!(parse(br#"{"a":[1,{"a":null}],"b":-1.5}"#, "it").unwrap()["b"], -1.5);
    }

    #[test]
    fn one_document_stands_alone_and_is_not_endlessly_deep() {
        assert!(parse(b"{} {}", "it").is_err());
        assert!(parse(b"", "it").is_err());
        assert!(parse("[".repeat(100_000).as_bytes(), "it").is_err());
    }

    #[test]
    fn whole_numbers_are_read_as_protobuf_writes_them() {
        let value = parse(br#"{"a":"12","b":12,"c":"+12","d":1.0,"e":"1e3","f":" 1"}"#, "it").unwrap();
        assert_eq!(integer(&value, "a", "it"), Ok(12));
        assert_eq!(integer(&value, "b", "it"), Ok(12));
        for name in ["c", "d", "e", "f", "g"] {
            assert!(integer(&value, name, "it").is_err(), "{name}");
        }
    }
}
