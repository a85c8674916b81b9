//! JSON → values, as the API server reads objects: whole numbers are ints, all others doubles. And back.

use serde_json::Value as Json;

use super::{Key, Value};

/// Values within one another in a document; what is deeper is refused. (`serde_json` itself reads 128.)
pub const MAX_DOCUMENT_DEPTH: usize = 200;

impl Value {
    /// None where the document is deeper than [`MAX_DOCUMENT_DEPTH`].
    pub fn from_json(json: &Json) -> Option<Value> {
        from(json, MAX_DOCUMENT_DEPTH)
    }

    /// As JSON, whole numbers without a fraction as Go writes them; none for what JSON does not have, and for more than
    /// [`MAX_DOCUMENT_VALUES`] values.
    pub fn to_json(&self) -> Option<Json> {
        self.to_json_by(|_| None, &mut MAX_DOCUMENT_VALUES.to_owned())
    }

    /// The same, with another's word for what it has one for, and of so many values that are left.
    pub(crate) fn to_json_by(&self, word: fn(&Value) -> Option<Json>, left: &mut usize) -> Option<Json> {
        to(self, word, left)
    }
}

/// Values of a document, those that it shares counted each time: beyond that none is written.
pub const MAX_DOCUMENT_VALUES: usize = 1_000_000;

fn to(value: &Value, word: fn(&Value) -> Option<Json>, left: &mut usize) -> Option<Json> {
    *left = left.checked_sub(1)?;
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
        Value::List(list) => Json::Array(list.items().iter().map(|item| to(item, word, left)).collect::<Option<_>>()?),
        Value::Map(map) => {
            let mut object = serde_json::Map::new();
            for (key, value) in map.entries() {
                let Key::String(key) = key else { return None };
                object.insert(key.to_string(), to(value, word, left)?);
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
