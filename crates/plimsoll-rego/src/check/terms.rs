//! Constants among terms.

use crate::ast::{Term, TermKind, order};
use crate::compile::scalar;
use crate::types::Type;
use crate::value::Value;

/// The value of a term without variables, references, calls and comprehensions.
pub(super) fn constant(term: &Term) -> Option<Value> {
    Some(match &term.kind {
        TermKind::Array(items) => Value::array(items.iter().map(constant).collect::<Option<_>>()?),
        TermKind::Set(items) => Value::set(items.iter().map(constant).collect::<Option<_>>()?),
        TermKind::Object(entries) => Value::object(
            entries.iter().map(|(key, value)| Some((constant(key)?, constant(value)?))).collect::<Option<_>>()?,
        ),
        _ => return scalar(term),
    })
}

/// A constant key as OPA's types keep it: as JSON, where sets are arrays and keys of objects are strings.
pub(super) fn json_key(value: Value) -> Value {
    match value {
        Value::Array(array) => Value::array(array.items().iter().cloned().map(json_key).collect()),
        Value::Set(set) => Value::array(set.members().iter().cloned().map(json_key).collect()),
        Value::Object(object) => {
            let text = |key: &Value| match key {
                Value::String(_) => key.clone(),
                other => Value::string(json_key(other.clone()).to_string()),
            };
            Value::object(object.entries().iter().map(|(key, value)| (text(key), json_key(value.clone()))).collect())
        }
        other => other,
    }
}

/// The type of a constant.
pub(super) fn type_of_constant(value: &Value) -> Type {
    match value {
        Value::Array(array) => Type::array(array.items().iter().map(type_of_constant).collect(), None),
        Value::Set(set) => Type::set(Type::any_of(&set.members().iter().map(type_of_constant).collect::<Vec<_>>())),
        Value::Object(object) => Type::object(
            object.entries().iter().map(|(key, value)| (json_key(key.clone()), type_of_constant(value))).collect(),
            None,
        ),
        scalar => Type::of(scalar),
    }
}

/// Entries as the object has them. Most objects are written without doubles and few are long: sorting is not dear.
pub(super) fn entries(written: &[(Term, Term)]) -> Vec<(&Term, &Term)> {
    order::entries(written)
}

pub(super) fn members(written: &[Term]) -> Vec<&Term> {
    order::members(written)
}
