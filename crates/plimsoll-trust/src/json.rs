//! Strict JSON. In: bytes. Out: a value none of whose objects names a member twice. What it does not do: it knows no schema.
//!
//! Two readers that take different ones of two members of one name see two documents under one signature.

use std::cell::Cell;
use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Value};

use crate::refusal::{Reason, Refusal, malformed};

/// What anything here may hold at most: a payload of an attestation is the largest, and registries bound them the same.
pub(crate) const MOST_BYTES: usize = 128 << 20;
/// Values that one document may hold, each name of a member counted as one, too: two bytes of text (`0,`) become 32 of memory, and a
/// member several times as much. SBOMs of 40 MiB have about as many, at 20 bytes each.
pub(crate) const MOST_VALUES: usize = 2_000_000;
/// What a bundle or an envelope may have: it is held, decoded and read at once. SBOMs of large images reach some ten megabytes.
pub(crate) const MOST_HOLDER_BYTES: usize = 64 << 20;
/// Values of one, as [`MOST_VALUES`] counts them: what is signed is one text in it, and each proof has some hundred.
const MOST_HOLDER_VALUES: usize = 20_000;

/// The value of `bytes`, which `what` names in messages. Nesting beyond 127 levels is refused, and more than [`MOST_VALUES`].
pub(crate) fn parse(bytes: &[u8], what: &str) -> Result<Value, Refusal> {
    parse_at_most(bytes, what, MOST_VALUES)
}

/// What holds a text that is signed, and proofs: a bundle or an envelope.
///
/// # Errors
/// `malformed`, `too-large` beyond [`MOST_HOLDER_BYTES`] and [`MOST_HOLDER_VALUES`].
pub(crate) fn parse_holder(bytes: &[u8], what: &str) -> Result<Value, Refusal> {
    if bytes.len() > MOST_HOLDER_BYTES {
        return Err(Refusal::new(Reason::TooLarge, format!("{what} has more than {MOST_HOLDER_BYTES} bytes")));
    }
    parse_at_most(bytes, what, MOST_HOLDER_VALUES)
}

fn parse_at_most(bytes: &[u8], what: &str, most: usize) -> Result<Value, Refusal> {
    if bytes.len() > MOST_BYTES {
        return Err(Refusal::new(Reason::TooLarge, format!("{what} has more than {MOST_BYTES} bytes")));
    }
    let mut reader = serde_json::Deserializer::from_slice(bytes);
    let left = Cell::new(Some(most));
    let value = Strict { left: &left }.deserialize(&mut reader).and_then(|value| reader.end().map(|()| value));
    value.map_err(|e| match left.get() {
        None => Refusal::new(Reason::TooLarge, format!("{what} holds more than {most} values")),
        Some(_) => malformed(format!("{what} is no JSON that means one thing: {e}")),
    })
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

/// How many values may still come; none once there were too many.
#[derive(Clone, Copy)]
struct Strict<'a> {
    left: &'a Cell<Option<usize>>,
}

impl Strict<'_> {
    fn count<E: serde::de::Error>(self) -> Result<(), E> {
        self.left.set(self.left.get().and_then(|left| left.checked_sub(1)));
        self.left.get().map(|_| ()).ok_or_else(|| E::custom("too many values"))
    }
}

impl<'de> DeserializeSeed<'de> for Strict<'_> {
    type Value = Value;
    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        self.count()?;
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Strict<'_> {
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
        while let Some(item) = items.next_element_seed(self)? {
            all.push(item);
        }
        Ok(Value::Array(all))
    }
    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Value, A::Error> {
        let mut all = Map::new();
        while let Some(name) = members.next_key::<String>()? {
            self.count()?;
            let value = members.next_value_seed(self)?;
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
    fn values_and_names_of_members_are_counted() {
        for (text, values) in [("[1,[2,3],\"x\"]", 6), (r#"{"a":1,"b":{}}"#, 5), ("0", 1)] {
            assert!(parse_at_most(text.as_bytes(), "it", values).is_ok(), "{text}");
            let refused = parse_at_most(text.as_bytes(), "it", values - 1).unwrap_err();
            assert_eq!(refused.reason, Reason::TooLarge, "{text}");
        }
        let many = |count: usize| format!("[{}0]", "0,".repeat(count - 2));
        assert!(parse(many(MOST_VALUES).as_bytes(), "it").is_ok());
        assert_eq!(parse(many(MOST_VALUES + 1).as_bytes(), "it").unwrap_err().reason, Reason::TooLarge);
        // What is no JSON is told as that, however near the bound it is.
        assert_eq!(parse_at_most(b"[0,x]", "it", 3).unwrap_err().reason, Reason::Malformed);
    }

    #[test]
    fn what_holds_others_is_bounded_closer() {
        let text = |length: usize| format!("\"{}\"", " ".repeat(length - 2)).into_bytes();
        assert!(parse_holder(&text(MOST_HOLDER_BYTES), "it").is_ok());
        let large = text(MOST_HOLDER_BYTES + 1);
        assert_eq!(parse_holder(&large, "it").unwrap_err().reason, Reason::TooLarge);
        assert!(parse(&large, "it").is_ok());
        let many = format!("[{}0]", "0,".repeat(MOST_HOLDER_VALUES)).into_bytes();
        assert_eq!(parse_holder(&many, "it").unwrap_err().reason, Reason::TooLarge);
        assert_eq!(crate::Bundle::from_json(&many).unwrap_err().reason, Reason::TooLarge);
        assert_eq!(crate::dsse::Envelope::from_json(&many).unwrap_err().reason, Reason::TooLarge);
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
