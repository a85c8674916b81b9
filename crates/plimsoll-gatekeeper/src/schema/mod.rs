//! The schemas of constraints. In: a template's `openAPIV3Schema`. Out: a [`Schema`] that says what is wrong with a constraint's
//! fields, in the API server's words, and fills in defaults. Rules in CEL (`x-kubernetes-validations`) are not evaluated,
//! as Gatekeeper does not evaluate them.

mod structural;
mod validate;

use std::collections::BTreeMap;
use std::sync::Arc;

use plimsoll_rego::value::{Number, Value};
use regex::Regex;

use crate::json;

pub use structural::structural;
pub use validate::Wrong;

/// One node of a schema.
#[derive(Debug, Clone, Default)]
pub struct Schema {
    pub types: Vec<Arc<str>>,
    pub nullable: bool,
    pub format: Arc<str>,
    pub properties: BTreeMap<Arc<str>, Schema>,
    pub additional: Additional,
    pub items: Option<Box<Schema>>,
    /// A list of schemas stood there, which no structural schema has.
    pub many_items: bool,
    pub required: Vec<Arc<str>>,
    pub allowed: Vec<Value>,
    pub pattern: Option<Pattern>,
    pub minimum: Option<Number>,
    pub exclusive_minimum: bool,
    pub maximum: Option<Number>,
    pub exclusive_maximum: bool,
    pub multiple_of: Option<Number>,
    pub min_length: Option<i64>,
    pub max_length: Option<i64>,
    pub min_items: Option<i64>,
    pub max_items: Option<i64>,
    pub unique_items: bool,
    pub min_properties: Option<i64>,
    pub max_properties: Option<i64>,
    pub default: Option<Value>,
    pub all_of: Vec<Schema>,
    pub any_of: Vec<Schema>,
    pub one_of: Vec<Schema>,
    pub not: Option<Box<Schema>>,
    pub preserve_unknown: bool,
    pub int_or_string: bool,
    pub embedded: bool,
    /// Words that no structural schema may have here, as they are written.
    pub forbidden: Vec<&'static str>,
}

/// `additionalProperties`.
#[derive(Debug, Clone, Default)]
pub enum Additional {
    #[default]
    Unsaid,
    /// `true` or `false`.
    Plain(bool),
    Fits(Box<Schema>),
}

/// Bytes that a compiled `pattern` may take.
const MAX_PATTERN: usize = 16 << 20;

/// `pattern`, and what is wrong with it.
#[derive(Debug, Clone)]
pub struct Pattern {
    pub text: Arc<str>,
    pub regex: Result<Regex, String>,
}

impl Schema {
    /// Reads a schema as Go's types do: what does not fit its field is said.
    ///
    /// # Errors
    /// The field, its path and what it should be.
    pub fn read(value: &Value) -> Result<Schema, String> {
        read(value, "")
    }

    /// With unknown fields kept everywhere, as a legacy schema has it.
    pub fn legacy(mut self) -> Result<Schema, String> {
        self.keep_unknown()?;
        Ok(self)
    }

    fn keep_unknown(&mut self) -> Result<(), String> {
        if self.many_items {
            return Err("non-nil JSONSchemas encountered, multiple schemas are not supported".into());
        }
        match self.types.first().map(|name| &**name) {
            None | Some("object") => self.preserve_unknown = true,
            Some("array") if self.items.is_none() => {
                self.items = Some(Box::new(Schema { preserve_unknown: true, ..Schema::default() }));
            }
            Some(_) => {}
        }
        for inner in self.properties.values_mut() {
            inner.keep_unknown()?;
        }
        if let Some(items) = &mut self.items {
            items.keep_unknown()?;
        }
        match &mut self.additional {
            Additional::Fits(inner) => inner.keep_unknown(),
            _ => Ok(()),
        }
    }

    /// The value with the schema's defaults where something is missing.
    pub fn with_defaults(&self, value: &Value) -> Value {
        match value {
            Value::Object(object) => {
                let mut entries = object.entries().to_vec();
                for (name, property) in &self.properties {
                    let Some(default) = &property.default else { continue };
                    match entries.iter_mut().find(|(key, _)| key.as_str() == Some(name)) {
                        None => entries.push((Value::string(&**name), default.clone())),
                        Some((_, value)) if matches!(value, Value::Null) && !property.nullable => {
                            *value = default.clone();
                        }
                        Some(_) => {}
                    }
                }
                for (key, value) in &mut entries {
                    let property = key.as_str().and_then(|key| self.properties.get(key));
                    match (property, &self.additional) {
                        (Some(property), _) => *value = property.with_defaults(value),
                        (None, Additional::Fits(inner)) => *value = inner.default_or(value),
                        _ => {}
                    }
                }
                Value::object(entries)
            }
            Value::Array(array) => match &self.items {
                Some(items) => Value::array(array.items().iter().map(|item| items.default_or(item)).collect()),
                None => value.clone(),
            },
            _ => value.clone(),
        }
    }

    fn default_or(&self, value: &Value) -> Value {
        match (value, &self.default) {
            (Value::Null, Some(default)) if !self.nullable => self.with_defaults(default),
            _ => self.with_defaults(value),
        }
    }

    /// The paths of fields that the schema does not know, sorted.
    pub fn unknown_fields(&self, object: &Value) -> Vec<String> {
        let mut unknown = Vec::new();
        prune(object, Some(self), true, "", &mut unknown);
        unknown.sort();
        unknown
    }
}

const META: [&str; 3] = ["apiVersion", "kind", "metadata"];

fn prune(value: &Value, schema: Option<&Schema>, root: bool, path: &str, unknown: &mut Vec<String>) {
    let below = |name: &str| if path.is_empty() { name.to_owned() } else { format!("{path}.{name}") };
    match value {
        Value::Object(_) => {
            for (name, value) in json::entries(Some(value)) {
                let Some(schema) = schema else {
                    unknown.push(below(name));
                    continue;
                };
                if (root || schema.embedded) && META.contains(&name) {
                    continue;
                }
                match (schema.properties.get(name), &schema.additional) {
                    (Some(property), _) => prune(value, Some(property), false, &below(name), unknown),
                    (None, Additional::Fits(inner)) => prune(value, Some(inner), false, &below(name), unknown),
                    (None, Additional::Plain(true)) => prune(value, None, false, &below(name), unknown),
                    _ if schema.preserve_unknown => {}
                    _ => unknown.push(below(name)),
                }
            }
        }
        Value::Array(array) => {
            let inner = schema.and_then(|schema| schema.items.as_deref());
            if schema.is_some_and(|schema| schema.preserve_unknown) && inner.is_none() {
                return;
            }
            for (at, item) in array.items().iter().enumerate() {
                prune(item, inner, false, &format!("{path}[{at}]"), unknown);
            }
        }
        _ => {}
    }
}

fn read(value: &Value, path: &str) -> Result<Schema, String> {
    let Value::Object(_) = value else {
        return Err(wrong_type(value, path, "v1.JSONSchemaProps"));
    };
    let mut schema = Schema::default();
    for (name, value) in json::entries(Some(value)) {
        let below = if path.is_empty() { name.to_owned() } else { format!("{path}.{name}") };
        if matches!(value, Value::Null) {
            continue;
        }
        let string = || text(value, &below);
        match name {
            "type" => schema.types = string().map(|text| if text.is_empty() { Vec::new() } else { vec![text] })?,
            "format" => schema.format = string()?,
            "nullable" => schema.nullable = flag(value, &below)?,
            "properties" => {
                for (name, inner) in map(value, &below)? {
                    schema.properties.insert(name.into(), read(inner, &format!("{below}.{name}"))?);
                }
            }
            "additionalProperties" => {
                schema.additional = match value {
                    Value::Bool(allowed) => Additional::Plain(*allowed),
                    _ => Additional::Fits(Box::new(read(value, &below)?)),
                }
            }
            // Go's type takes whatever is no object and no list for nothing.
            "items" => match value {
                Value::Object(_) => schema.items = Some(Box::new(read(value, &below)?)),
                Value::Array(_) => schema.many_items = true,
                _ => {}
            },
            "required" => {
                for item in list(value, &below)? {
                    schema.required.push(text(item, &below)?);
                }
            }
            "enum" => schema.allowed = list(value, &below)?.to_vec(),
            "pattern" => {
                let text = string()?;
                let regex = plimsoll_re2::compiled(&text, MAX_PATTERN);
                schema.pattern = (!text.is_empty()).then_some(Pattern { text, regex });
            }
            "minimum" => schema.minimum = Some(number(value, &below)?),
            "maximum" => schema.maximum = Some(number(value, &below)?),
            "multipleOf" => schema.multiple_of = Some(number(value, &below)?),
            "exclusiveMinimum" => schema.exclusive_minimum = flag(value, &below)?,
            "exclusiveMaximum" => schema.exclusive_maximum = flag(value, &below)?,
            "minLength" => schema.min_length = Some(count(value, &below)?),
            "maxLength" => schema.max_length = Some(count(value, &below)?),
            "minItems" => schema.min_items = Some(count(value, &below)?),
            "maxItems" => schema.max_items = Some(count(value, &below)?),
            "minProperties" => schema.min_properties = Some(count(value, &below)?),
            "maxProperties" => schema.max_properties = Some(count(value, &below)?),
            "uniqueItems" => schema.unique_items = flag(value, &below)?,
            "default" => schema.default = Some(value.clone()),
            "allOf" => schema.all_of = schemas(value, &below)?,
            "anyOf" => schema.any_of = schemas(value, &below)?,
            "oneOf" => schema.one_of = schemas(value, &below)?,
            "not" => schema.not = Some(Box::new(read(value, &below)?)),
            "x-kubernetes-preserve-unknown-fields" => schema.preserve_unknown = flag(value, &below)?,
            "x-kubernetes-int-or-string" => schema.int_or_string = flag(value, &below)?,
            "x-kubernetes-embedded-resource" => schema.embedded = flag(value, &below)?,
            "id" => schema.forbidden.push("id"),
            "additionalItems" => schema.forbidden.push("additionalItems"),
            "patternProperties" => schema.forbidden.push("patternProperties"),
            "definitions" => schema.forbidden.push("definitions"),
            "dependencies" => schema.forbidden.push("dependencies"),
            "$ref" => schema.forbidden.push("$ref"),
            _ => {}
        }
    }
    Ok(schema)
}

fn go_type(value: &Value) -> &'static str {
    match value {
        Value::Bool(_) => "bool",
        other => other.type_name(),
    }
}

fn wrong_type(value: &Value, path: &str, wanted: &str) -> String {
    let field = if path.is_empty() { "openAPIV3Schema".to_owned() } else { format!("openAPIV3Schema.{path}") };
    format!(
        "json: cannot unmarshal {} into Go struct field ConstraintTemplate.spec.crd.spec.validation.{field} of type {wanted}",
        go_type(value)
    )
}

fn text(value: &Value, path: &str) -> Result<Arc<str>, String> {
    match value {
        Value::String(text) => Ok(text.clone().into()),
        other => Err(wrong_type(other, path, "string")),
    }
}

fn flag(value: &Value, path: &str) -> Result<bool, String> {
    match value {
        Value::Bool(flag) => Ok(*flag),
        other => Err(wrong_type(other, path, "bool")),
    }
}

fn number(value: &Value, path: &str) -> Result<Number, String> {
    match value {
        Value::Number(number) => Ok(number.clone()),
        other => Err(wrong_type(other, path, "float64")),
    }
}

fn count(value: &Value, path: &str) -> Result<i64, String> {
    match value {
        Value::Number(number) => number.as_i64().ok_or_else(|| wrong_type(value, path, "int64")),
        other => Err(wrong_type(other, path, "int64")),
    }
}

fn list<'v>(value: &'v Value, path: &str) -> Result<&'v [Value], String> {
    match value {
        Value::Array(array) => Ok(array.items()),
        other => Err(wrong_type(other, path, "[]v1.JSON")),
    }
}

fn map<'v>(value: &'v Value, path: &str) -> Result<impl Iterator<Item = (&'v str, &'v Value)>, String> {
    match value {
        Value::Object(_) => Ok(json::entries(Some(value))),
        other => Err(wrong_type(other, path, "map[string]v1.JSONSchemaProps")),
    }
}

fn schemas(value: &Value, path: &str) -> Result<Vec<Schema>, String> {
    let items = list(value, path)?.iter().enumerate();
    items.map(|(at, item)| read(item, &format!("{path}.{at}"))).collect()
}
