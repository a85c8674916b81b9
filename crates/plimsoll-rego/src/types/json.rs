//! Types and signatures in JSON, as capability files and `opa capabilities` have them:
//! `{"type": "array", "dynamic": {"type": "any"}}`.

use serde_json::{Map, Value as Json, json};

use super::{Param, Signature, Type};
use crate::value::{Number, Value};

/// Why a JSON value is no type.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TypeJsonError {
    #[error("unsupported type '{0}'")]
    Unsupported(String),
    #[error("types are nested too deep")]
    Depth,
}

/// JSON of types nests no deeper.
const MAX_NESTING: u8 = 64;

fn items<'a>(value: &'a Json, key: &str) -> &'a [Json] {
    value.get(key).and_then(Json::as_array).map_or(&[], Vec::as_slice)
}

impl Type {
    /// `{"type": …}` as OPA writes it.
    pub fn to_json(&self) -> Json {
        Json::Object(self.json_entries())
    }

    fn json_entries(&self) -> Map<String, Json> {
        let list = |types: &[Type]| Json::Array(types.iter().map(Type::to_json).collect());
        let mut entries = Map::new();
        let name = match self {
            Type::Unknown => "unknown",
            Type::Null => "null",
            Type::Boolean => "boolean",
            Type::Number => "number",
            Type::String => "string",
            Type::Any => "any",
            Type::OneOf(union) => {
                entries.insert("of".into(), list(union.members()));
                "any"
            }
            Type::Array(array) => {
                if !array.fixed.is_empty() {
                    entries.insert("static".into(), list(&array.fixed));
                }
                if let Some(rest) = &array.rest {
                    entries.insert("dynamic".into(), rest.to_json());
                }
                "array"
            }
            Type::Object(object) => {
                if !object.fixed.is_empty() {
                    let pair = |(key, value): &(Value, Type)| json!({"key": json_of(key), "value": value.to_json()});
                    entries.insert("static".into(), object.fixed.iter().map(pair).collect());
                }
                if let Some((key, value)) = &object.rest {
                    entries.insert("dynamic".into(), json!({"key": key.to_json(), "value": value.to_json()}));
                }
                "object"
            }
            Type::Set(set) => {
                if !matches!(set.of, Type::Unknown) {
                    entries.insert("of".into(), set.of.to_json());
                }
                "set"
            }
            Type::Function(signature) => return signature.json_entries(),
            Type::Recursive(recursive) => {
                entries.insert("name".into(), Json::from(&*recursive.name));
                return entries;
            }
        };
        entries.insert("type".into(), Json::from(name));
        entries
    }

    /// Reads what [`Type::to_json`] and OPA write.
    pub fn from_json(value: &Json) -> Result<Type, TypeJsonError> {
        read(value, 0)
    }
}

fn read(value: &Json, depth: u8) -> Result<Type, TypeJsonError> {
    if depth == MAX_NESTING {
        return Err(TypeJsonError::Depth);
    }
    let one = |value: &Json| read(value, depth + 1);
    let list = |key: &str| items(value, key).iter().map(one).collect::<Result<Vec<Type>, _>>();
    let param = |value: &Json| {
        let name = value.get("name").and_then(Json::as_str).map(Into::into);
        Ok(Param { name, of: one(value)? })
    };
    Ok(match value.get("type").and_then(Json::as_str).unwrap_or("") {
        "null" => Type::Null,
        "boolean" => Type::Boolean,
        "number" => Type::Number,
        "string" => Type::String,
        "any" => {
            let members = list("of")?;
            if members.is_empty() { Type::Any } else { Type::one_of(members) }
        }
        "array" => Type::array(list("static")?, value.get("dynamic").map(one).transpose()?),
        "set" => Type::set(value.get("of").map(one).transpose()?.unwrap_or(Type::Unknown)),
        "object" => {
            let mut fixed = Vec::new();
            for pair in items(value, "static") {
                let key = pair.get("key").map_or(Value::Null, key_of);
                fixed.push((key, pair.get("value").map_or(Ok(Type::Any), one)?));
            }
            let rest = match value.get("dynamic") {
                None => None,
                Some(pair) => {
                    Some((pair.get("key").map_or(Ok(Type::Any), one)?, pair.get("value").map_or(Ok(Type::Any), one)?))
                }
            };
            Type::object(fixed, rest)
        }
        "function" => Type::function(Signature {
            args: items(value, "args").iter().map(param).collect::<Result<Vec<_>, TypeJsonError>>()?,
            variadic: value.get("variadic").map(param).transpose()?,
            result: value.get("result").map(param).transpose()?,
        }),
        other => return Err(TypeJsonError::Unsupported(other.to_owned())),
    })
}

/// Keys of members are scalars.
fn key_of(json: &Json) -> Value {
    match json {
        Json::Bool(value) => Value::Bool(*value),
        Json::Number(number) => Number::parse(&number.to_string()).map_or(Value::Null, Value::Number),
        Json::String(text) => Value::string(text.as_str()),
        _ => Value::Null,
    }
}

fn json_of(key: &Value) -> Json {
    match key {
        Value::Null => Json::Null,
        Value::Bool(value) => Json::from(*value),
        Value::Number(number) => match number.as_i64() {
            Some(number) => Json::from(number),
            None => Json::from(number.as_f64()),
        },
        Value::String(text) => Json::from(&**text),
        composite => Json::from(composite.to_string()),
    }
}

impl Signature {
    /// `{"type": "function", "args": […], "result": …}`, with the names of parameters.
    pub fn to_json(&self) -> Json {
        Json::Object(self.json_entries())
    }

    fn json_entries(&self) -> Map<String, Json> {
        let param = |param: &Param| {
            let mut entries = param.of.json_entries();
            if let Some(name) = &param.name {
                entries.insert("name".into(), Json::from(&**name));
            }
            Json::Object(entries)
        };
        let mut entries = Map::new();
        entries.insert("type".into(), Json::from("function"));
        if !self.args.is_empty() {
            entries.insert("args".into(), self.args.iter().map(param).collect());
        }
        if let Some(result) = &self.result {
            entries.insert("result".into(), param(result));
        }
        if let Some(rest) = &self.variadic {
            entries.insert("variadic".into(), param(rest));
        }
        entries
    }

    /// Reads a builtin's `decl`.
    pub fn from_json(value: &Json) -> Result<Signature, TypeJsonError> {
        match Type::from_json(value)? {
            Type::Function(signature) => Ok(std::sync::Arc::unwrap_or_clone(signature)),
            _ => Err(TypeJsonError::Unsupported("not a function".to_owned())),
        }
    }
}
