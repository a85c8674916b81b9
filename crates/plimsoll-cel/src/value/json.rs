//! JSON → values, as the API server reads objects: whole numbers are ints, all others doubles. And back.

use serde_json::Value as Json;

use super::{Key, Value};

/// Values within one another in a document; what is deeper is refused. (`serde_json` itself reads 128.)
pub const MAX_DOCUMENT_DEPTH: usize = 200;
/// Values of a document, those that it shares counted each time: beyond that none is written.
pub const MAX_DOCUMENT_VALUES: usize = 1_000_000;
/// Bytes of a document's texts and keys, counted the same.
pub const MAX_DOCUMENT_BYTES: usize = 16 << 20;

/// What a document may still hold.
#[derive(Debug)]
pub(crate) struct Room {
    values: usize,
    bytes: usize,
}

impl Room {
    pub fn of_document() -> Room {
        Room { values: MAX_DOCUMENT_VALUES, bytes: MAX_DOCUMENT_BYTES }
    }

    /// One more value, with so many bytes of text in it.
    pub fn value(&mut self, bytes: usize) -> Option<()> {
        self.values = self.values.checked_sub(1)?;
        self.bytes(bytes)
    }

    pub fn bytes(&mut self, bytes: usize) -> Option<()> {
        self.bytes = self.bytes.checked_sub(bytes)?;
        Some(())
    }
}

impl Value {
    /// None where the document is deeper than [`MAX_DOCUMENT_DEPTH`].
    pub fn from_json(json: &Json) -> Option<Value> {
        from(json, MAX_DOCUMENT_DEPTH)
    }

    /// As JSON, whole numbers without a fraction as Go writes them; none for what JSON does not have, and for more than
    /// [`MAX_DOCUMENT_VALUES`] values or [`MAX_DOCUMENT_BYTES`].
    pub fn to_json(&self) -> Option<Json> {
        self.to_json_by(|_| None, &mut Room::of_document())
    }

    /// The same, with another's word for what it has one for, and of so much as there is room for.
    pub(crate) fn to_json_by(&self, word: fn(&Value) -> Option<Json>, room: &mut Room) -> Option<Json> {
        to(self, word, room)
    }
}

fn to(value: &Value, word: fn(&Value) -> Option<Json>, room: &mut Room) -> Option<Json> {
    room.value(value.text_len())?;
    if let Some(said) = word(value) {
        return Some(said);
    }
    Some(match value {
        Value::Null => Json::Null,
        Value::Bool(value) => Json::Bool(*value),
        Value::Int(number) => (*number).into(),
        Value::Uint(number) => (*number).into(),
        Value::Double(number) => match Key::asked(value) {
            Some(Key::Int(whole)) => whole.into(),
            _ => serde_json::Number::from_f64(*number)?.into(),
        },
        Value::String(text) => Json::String(text.to_string()),
        Value::List(list) => Json::Array(list.items().iter().map(|item| to(item, word, room)).collect::<Option<_>>()?),
        Value::Map(map) => {
            let mut object = serde_json::Map::new();
            for (key, value) in map.entries() {
                let Key::String(key) = key else { return None };
                room.bytes(key.len())?;
                object.insert(key.to_string(), to(value, word, room)?);
            }
            Json::Object(object)
        }
        _ => return None,
    })
}

fn from(json: &Json, depth: usize) -> Option<Value> {
    let deeper = depth.checked_sub(1)?;
    Some(match json {
        Json::Null => Value::Null,
        Json::Bool(value) => Value::Bool(*value),
        Json::Number(number) => match number.as_i64() {
            Some(whole) => Value::Int(whole),
            None => Value::Double(number.as_f64()?),
        },
        Json::String(text) => Value::string(text.as_str()),
        Json::Array(items) => Value::list(items.iter().map(|item| from(item, deeper)).collect::<Option<_>>()?),
        Json::Object(fields) => {
            let entries =
                fields.iter().map(|(key, value)| Some((Key::String(key.as_str().into()), from(value, deeper)?)));
            Value::map(entries.collect::<Option<_>>()?)
        }
    })
}
