//! Types and signatures in JSON, as capability files and `opa capabilities` have them:
//! `{"type": "array", "dynamic": {"type": "any"}}`.

use super::{Param, Signature, Type};
use crate::value::Value;

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

fn text(value: &'static str) -> Value {
    Value::string(value)
}

fn items(value: &Value, key: &str) -> Vec<Value> {
    match value.get(&Value::string(key)) {
        Some(Value::Array(array)) => array.items().to_vec(),
        _ => Vec::new(),
    }
}

fn member<'a>(value: &'a Value, key: &str) -> Option<&'a Value> {
    value.get(&Value::string(key))
}

impl Type {
    /// `{"type": …}` as OPA writes it.
    pub fn to_json(&self) -> Value {
        Value::object(self.json_entries())
    }

    fn json_entries(&self) -> Vec<(Value, Value)> {
        let list = |types: &[Type]| Value::array(types.iter().map(Type::to_json).collect());
        let mut entries = Vec::new();
        let name = match self {
            Type::Unknown => "unknown",
            Type::Null => "null",
            Type::Boolean => "boolean",
            Type::Number => "number",
            Type::String => "string",
            Type::Any => "any",
            Type::OneOf(union) => {
                entries.push((text("of"), list(union.members())));
                "any"
            }
            Type::Array(array) => {
                if !array.fixed.is_empty() {
                    entries.push((text("static"), list(&array.fixed)));
                }
                if let Some(rest) = &array.rest {
                    entries.push((text("dynamic"), rest.to_json()));
                }
                "array"
            }
            Type::Object(object) => {
                let pair = |key: Value, value: &Type| {
                    Value::object(vec![(text("key"), key), (text("value"), value.to_json())])
                };
                if !object.fixed.is_empty() {
                    let fixed = object.fixed.iter().map(|(key, value)| pair(key.clone(), value)).collect();
                    entries.push((text("static"), Value::array(fixed)));
                }
                if let Some((key, value)) = &object.rest {
                    entries.push((text("dynamic"), pair(key.to_json(), value)));
                }
                "object"
            }
            Type::Set(set) => {
                if !matches!(set.of, Type::Unknown) {
                    entries.push((text("of"), set.of.to_json()));
                }
                "set"
            }
            Type::Function(signature) => return signature.json_entries(),
            Type::Recursive(recursive) => return vec![(text("name"), Value::string(recursive.name.clone()))],
        };
        entries.push((text("type"), text(name)));
        entries
    }

    /// Reads what [`Type::to_json`] and OPA write.
    pub fn from_json(value: &Value) -> Result<Type, TypeJsonError> {
        read(value, 0)
    }
}

fn read(value: &Value, depth: u8) -> Result<Type, TypeJsonError> {
    if depth == MAX_NESTING {
        return Err(TypeJsonError::Depth);
    }
    let one = |value: &Value| read(value, depth + 1);
    let list = |key: &str| items(value, key).iter().map(one).collect::<Result<Vec<Type>, _>>();
    let name = member(value, "type").and_then(Value::as_str).unwrap_or("");
    Ok(match name {
        "null" => Type::Null,
        "boolean" => Type::Boolean,
        "number" => Type::Number,
        "string" => Type::String,
        "any" => {
            let members = list("of")?;
            if members.is_empty() { Type::Any } else { Type::one_of(members) }
        }
        "array" => Type::array(list("static")?, member(value, "dynamic").map(one).transpose()?),
        "set" => Type::set(member(value, "of").map(one).transpose()?.unwrap_or(Type::Unknown)),
        "object" => {
            let pair = |pair: &Value| {
                let key = member(pair, "key").cloned().unwrap_or(Value::Null);
                let of = member(pair, "value").map_or(Ok(Type::Any), one)?;
                Ok((key, of))
            };
            let fixed = items(value, "static").iter().map(pair).collect::<Result<Vec<_>, TypeJsonError>>()?;
            let rest = match member(value, "dynamic") {
                None => None,
                Some(rest) => {
                    let (key, of) = pair(rest)?;
                    Some((one(&key)?, of))
                }
            };
            Type::object(fixed, rest)
        }
        "function" => {
            let param = |value: &Value| {
                let name = member(value, "name").and_then(Value::as_str).map(Into::into);
                Ok(Param { name, of: one(value)? })
            };
            Type::function(Signature {
                args: items(value, "args").iter().map(param).collect::<Result<Vec<_>, TypeJsonError>>()?,
                variadic: member(value, "variadic").map(param).transpose()?,
                result: member(value, "result").map(param).transpose()?,
            })
        }
        other => return Err(TypeJsonError::Unsupported(other.to_owned())),
    })
}

impl Signature {
    /// `{"type": "function", "args": […], "result": …}`, with the names of parameters.
    pub fn to_json(&self) -> Value {
        Value::object(self.json_entries())
    }

    fn json_entries(&self) -> Vec<(Value, Value)> {
        let param = |param: &Param| {
            let mut entries = param.of.json_entries();
            if let Some(name) = &param.name {
                entries.push((text("name"), Value::string(name.clone())));
            }
            Value::object(entries)
        };
        let mut entries = vec![(text("type"), text("function"))];
        if !self.args.is_empty() {
            entries.push((text("args"), Value::array(self.args.iter().map(param).collect())));
        }
        if let Some(result) = &self.result {
            entries.push((text("result"), param(result)));
        }
        if let Some(rest) = &self.variadic {
            entries.push((text("variadic"), param(rest)));
        }
        entries
    }

    /// Reads a builtin's `decl`.
    pub fn from_json(value: &Value) -> Result<Signature, TypeJsonError> {
        match Type::from_json(value)? {
            Type::Function(signature) => Ok(std::sync::Arc::unwrap_or_clone(signature)),
            _ => Err(TypeJsonError::Unsupported("not a function".to_owned())),
        }
    }
}
