//! Reads a schema's keywords. In: a JSON value. Out: schemas in one list that refer to one another, or the first thing that is
//! wrong, with the words of OPA's reader.

use std::collections::HashMap;

use super::reference::{absolute, is_absolute, part, split};
use super::{MAX_NESTING, MAX_PARTS, TOO_DEEP, TOO_LARGE};
use crate::value::{Object, Value};

pub(super) type SubId = usize;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Array,
    Boolean,
    Integer,
    Number,
    Null,
    Object,
    String,
}

const KINDS: [(&str, Kind); 7] = [
    ("array", Kind::Array),
    ("boolean", Kind::Boolean),
    ("integer", Kind::Integer),
    ("number", Kind::Number),
    ("null", Kind::Null),
    ("object", Kind::Object),
    ("string", Kind::String),
];

impl Kind {
    fn named(name: &str) -> Option<Kind> {
        KINDS.iter().find(|(known, _)| *known == name).map(|(_, kind)| *kind)
    }

    fn name(self) -> &'static str {
        KINDS.iter().find(|(_, kind)| *kind == self).map_or("", |(name, _)| name)
    }

    pub fn list(kinds: &[Kind]) -> String {
        match kinds {
            [] => "Undefined".into(),
            [one] => one.name().into(),
            many => format!("[{}]", many.iter().map(|kind| kind.name()).collect::<Vec<_>>().join(",")),
        }
    }
}

/// One schema, as far as types follow from it.
#[derive(Debug, Default)]
pub(super) struct Sub {
    pub kinds: Vec<Kind>,
    pub reference: Option<String>,
    pub target: Option<SubId>,
    pub properties: Vec<(String, SubId)>,
    pub items: Vec<SubId>,
    /// `items` is one schema for all.
    pub single: bool,
    pub any_of: Vec<SubId>,
    pub all_of: Vec<SubId>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd)]
enum Draft {
    Four,
    Six,
    Seven,
    /// Not said: all at once.
    Hybrid,
}

struct Reader {
    subs: Vec<Sub>,
    /// Schemas by absolute reference: the whole one as ``, those with an `$id` of their own.
    documents: HashMap<String, Value>,
    read: HashMap<String, SubId>,
    draft: Draft,
    depth: usize,
}

/// Metaschemas, which OPA has built in. They describe schemas and say little: what refers to one may be anything.
const METASCHEMAS: [&str; 3] = [
    "http://json-schema.org/draft-04/schema",
    "http://json-schema.org/draft-06/schema",
    "http://json-schema.org/draft-07/schema",
];

pub(super) fn read(schema: &Value) -> Result<(Vec<Sub>, SubId), String> {
    let mut documents = HashMap::new();
    let whole = resolved(schema, "", &mut documents, 0)?;
    let draft = draft(&whole)?;
    documents.insert(String::new(), whole.clone());
    let mut reader = Reader { subs: Vec::new(), documents, read: HashMap::new(), draft, depth: 0 };
    let root = reader.schema(&whole)?;
    Ok((reader.subs, root))
}

fn draft(schema: &Value) -> Result<Draft, String> {
    let object = match schema {
        Value::Bool(_) => return Ok(Draft::Hybrid),
        Value::Object(object) => object,
        _ => return Err("schema is invalid".into()),
    };
    match object.get_str("$schema") {
        None => Ok(Draft::Hybrid),
        Some(Value::String(url)) => Ok(match split(url) {
            ("http://json-schema.org/draft-04/schema", "") => Draft::Four,
            ("http://json-schema.org/draft-06/schema", "") => Draft::Six,
            ("http://json-schema.org/draft-07/schema", "") => Draft::Seven,
            _ => Draft::Hybrid,
        }),
        Some(_) => Err("$schema must be of type string".into()),
    }
}

/// The schema with absolute references; those with an `$id` are put among the documents.
fn resolved(
    schema: &Value,
    within: &str,
    documents: &mut HashMap<String, Value>,
    depth: usize,
) -> Result<Value, String> {
    if depth > MAX_NESTING * 2 {
        return Err(TOO_DEEP.into());
    }
    match schema {
        Value::Array(array) => {
            let items = array.items().iter().map(|item| resolved(item, within, documents, depth + 1));
            Ok(Value::array(items.collect::<Result<_, _>>()?))
        }
        Value::Object(object) => {
            let id = object.get_str("id").or_else(|| object.get_str("$id")).and_then(Value::as_str);
            let own = id.map(|id| absolute(within, id));
            let within = own.as_deref().unwrap_or(within);
            let mut entries = Vec::with_capacity(object.entries().len());
            for (key, value) in object.entries() {
                let value = match (key.as_str().unwrap_or(""), value) {
                    ("$ref", Value::String(reference)) => Value::string(absolute(within, reference)),
                    ("const" | "enum", value) => value.clone(),
                    ("properties" | "dependencies" | "patternProperties", Value::Object(members)) => {
                        let members = members
                            .entries()
                            .iter()
                            .map(|(name, member)| Ok((name.clone(), resolved(member, within, documents, depth + 1)?)));
                        Value::object(members.collect::<Result<_, String>>()?)
                    }
                    (_, value) => resolved(value, within, documents, depth + 1)?,
                };
                entries.push((key.clone(), value));
            }
            let schema = Value::object(entries);
            if let Some(own) = own
                && documents.insert(own.clone(), schema.clone()).is_some()
            {
                return Err(format!("Reference already exists: \"{own}\""));
            }
            Ok(schema)
        }
        other => Ok(other.clone()),
    }
}

fn invalid_type(expected: &str, given: &str) -> String {
    format!("Invalid type. Expected: {expected}, given: {given}")
}

fn string<'a>(object: &'a Object, key: &str) -> Result<Option<&'a str>, String> {
    match object.get_str(key) {
        None => Ok(None),
        Some(Value::String(text)) => Ok(Some(text)),
        Some(_) => Err(invalid_type("string", key)),
    }
}

fn list<'a>(object: &'a Object, key: &str) -> Result<&'a [Value], String> {
    match object.get_str(key) {
        None => Ok(&[]),
        Some(Value::Array(array)) => Ok(array.items()),
        Some(_) => Err(format!("{key} must be of an array")),
    }
}

fn is_schema(value: &Value) -> bool {
    matches!(value, Value::Object(_) | Value::Bool(_))
}

impl Reader {
    fn schema(&mut self, schema: &Value) -> Result<SubId, String> {
        if self.depth >= MAX_NESTING {
            return Err(TOO_DEEP.into());
        }
        if self.subs.len() >= MAX_PARTS {
            return Err(TOO_LARGE.into());
        }
        let id = self.subs.len();
        self.subs.push(Sub::default());
        self.depth += 1;
        let result = self.keywords(id, schema);
        self.depth -= 1;
        result.map(|()| id)
    }

    fn sub(&mut self, id: SubId) -> Result<&mut Sub, String> {
        self.subs.get_mut(id).ok_or_else(|| TOO_LARGE.to_owned())
    }

    fn keywords(&mut self, id: SubId, schema: &Value) -> Result<(), String> {
        let object = match schema {
            Value::Bool(_) if self.draft >= Draft::Six => return Ok(()),
            Value::Object(object) => object,
            _ => return Err("Expected: Valid Schema, given: Invalid JSON".into()),
        };
        let id_key = match self.draft {
            Draft::Four => "id",
            Draft::Hybrid if object.get_str("id").is_some() => "id",
            _ => "$id",
        };
        string(object, id_key)?;
        match object.get_str("definitions") {
            None => {}
            Some(Value::Object(definitions)) => {
                for (_, definition) in definitions.entries() {
                    if !is_schema(definition) {
                        return Err(invalid_type("Array Of Schemas", "definitions"));
                    }
                    self.schema(definition)?;
                }
            }
            Some(_) => return Err(invalid_type("Array Of Schemas", "definitions")),
        }
        string(object, "title")?;
        string(object, "description")?;
        if let Some(reference) = string(object, "$ref")? {
            self.sub(id)?.reference = Some(reference.to_owned());
            match self.read.get(reference) {
                Some(target) => self.sub(id)?.target = Some(*target),
                None => {
                    let target = self.referred(reference)?;
                    self.sub(id)?.target = Some(target);
                    return Ok(());
                }
            }
        }
        self.kinds(id, object)?;
        self.members(id, object)?;
        self.items(id, object)?;
        limits(object, self.draft)?;
        self.combined(id, object)
    }

    /// The schema at a reference. It is known before it is read, for it may refer to itself.
    fn referred(&mut self, reference: &str) -> Result<SubId, String> {
        if self.depth >= MAX_NESTING {
            return Err(TOO_DEEP.into());
        }
        let (base, fragment) = split(reference);
        let schema = match (self.documents.get(reference), self.documents.get(base)) {
            (Some(schema), _) => schema.clone(),
            (None, Some(document)) => part(document, fragment)?.clone(),
            (None, None) if !is_absolute(reference) => return Err(format!("Reference {reference} must be canonical")),
            (None, None) if METASCHEMAS.contains(&base) => Value::object(Vec::new()),
            (None, None) => return Err(format!("remote reference loading disabled: {reference}")),
        };
        if !is_schema(&schema) {
            return Err("Valid Schema must be of type object".into());
        }
        let id = self.subs.len();
        self.subs.push(Sub::default());
        self.read.insert(reference.to_owned(), id);
        self.depth += 1;
        let result = self.keywords(id, &schema);
        self.depth -= 1;
        result.map(|()| id)
    }

    fn kinds(&mut self, id: SubId, object: &Object) -> Result<(), String> {
        let wrong = || invalid_type("type", "string/Array Of Strings");
        let names: Vec<&str> = match object.get_str("type") {
            None => return Ok(()),
            Some(Value::String(name)) => vec![name],
            Some(Value::Array(names)) => {
                names.items().iter().map(Value::as_str).collect::<Option<_>>().ok_or_else(wrong)?
            }
            Some(_) => return Err(wrong()),
        };
        for name in names {
            let Some(kind) = Kind::named(name) else {
                let known: Vec<&str> = KINDS.iter().map(|(name, _)| *name).collect();
                return Err(format!(
                    "has a primitive type that is NOT VALID -- given: /{name}/ Expected valid values are:[{}]",
                    known.join(" ")
                ));
            };
            let kinds = &mut self.sub(id)?.kinds;
            if kinds.contains(&kind) {
                return Err(format!("{name} type is duplicated"));
            }
            kinds.push(kind);
        }
        Ok(())
    }

    fn members(&mut self, id: SubId, object: &Object) -> Result<(), String> {
        match object.get_str("properties") {
            None => {}
            Some(Value::Object(properties)) => {
                for (name, schema) in properties.entries() {
                    let sub = self.schema(schema)?;
                    let name = name.as_str().unwrap_or("").to_owned();
                    self.sub(id)?.properties.push((name, sub));
                }
            }
            Some(_) => return Err("Properties must be of type object".into()),
        }
        self.schema_or_bool(object, "additionalProperties")?;
        match object.get_str("patternProperties") {
            None => {}
            Some(Value::Object(patterns)) => {
                for (pattern, schema) in patterns.entries() {
                    let pattern = pattern.as_str().unwrap_or("");
                    let regex = regex::RegexBuilder::new(pattern).size_limit(1 << 20).nest_limit(100).build();
                    if matches!(regex, Err(regex::Error::Syntax(_))) {
                        return Err(format!("Invalid regex pattern '{pattern}'"));
                    }
                    self.schema(schema)?;
                }
            }
            Some(_) => return Err(invalid_type("Valid Schema", "patternProperties")),
        }
        if let Some(names) = object.get_str("propertyNames").filter(|_| self.draft >= Draft::Six) {
            if !is_schema(names) {
                return Err(invalid_type("Valid Schema", "patternProperties"));
            }
            self.schema(names)?;
        }
        match object.get_str("dependencies") {
            None => {}
            Some(Value::Object(dependencies)) => {
                let wrong = || "Dependency must be of type Schema Or Array Of Strings".to_owned();
                for (_, dependency) in dependencies.entries() {
                    match dependency {
                        Value::Array(names) if names.items().iter().all(|name| name.as_str().is_some()) => {}
                        schema if is_schema(schema) => {
                            self.schema(schema)?;
                        }
                        _ => return Err(wrong()),
                    }
                }
            }
            Some(_) => return Err("dependencies must be of type object".into()),
        }
        Ok(())
    }

    fn schema_or_bool(&mut self, object: &Object, key: &str) -> Result<(), String> {
        match object.get_str(key) {
            None | Some(Value::Bool(_)) => Ok(()),
            Some(schema @ Value::Object(_)) => self.schema(schema).map(|_| ()),
            Some(_) => Err(invalid_type("boolean/Valid Schema", key)),
        }
    }

    fn items(&mut self, id: SubId, object: &Object) -> Result<(), String> {
        let wrong = || invalid_type("Valid Schema/Array Of Schemas", "items");
        match object.get_str("items") {
            None => {}
            Some(Value::Array(items)) => {
                for item in items.items() {
                    if !is_schema(item) {
                        return Err(wrong());
                    }
                    let sub = self.schema(item)?;
                    self.sub(id)?.items.push(sub);
                }
            }
            Some(item) if is_schema(item) => {
                let sub = self.schema(item)?;
                let own = self.sub(id)?;
                own.items.push(sub);
                own.single = true;
            }
            Some(_) => return Err(wrong()),
        }
        self.schema_or_bool(object, "additionalItems")
    }

    fn combined(&mut self, id: SubId, object: &Object) -> Result<(), String> {
        if let Some(contains) = object.get_str("contains").filter(|_| self.draft >= Draft::Six) {
            self.schema(contains)?;
        }
        unique(list(object, "enum")?, "enum")?;
        for schema in list(object, "oneOf")? {
            self.schema(schema)?;
        }
        for schema in list(object, "anyOf")? {
            let sub = self.schema(schema)?;
            self.sub(id)?.any_of.push(sub);
        }
        for schema in list(object, "allOf")? {
            let sub = self.schema(schema)?;
            self.sub(id)?.all_of.push(sub);
        }
        for key in ["not", "if", "then", "else"] {
            if key != "not" && self.draft < Draft::Seven {
                continue;
            }
            match object.get_str(key) {
                None => {}
                Some(schema) if is_schema(schema) => {
                    self.schema(schema)?;
                }
                Some(_) => return Err(format!("{key} must be of an object")),
            }
        }
        Ok(())
    }
}

fn unique(items: &[Value], key: &str) -> Result<(), String> {
    let mut sorted: Vec<&Value> = items.iter().collect();
    sorted.sort();
    if sorted.windows(2).any(|pair| matches!(pair, [a, b] if a == b)) {
        return Err(format!("{key} items must be unique"));
    }
    Ok(())
}

fn integer(object: &Object, key: &str) -> Result<Option<f64>, String> {
    match object.get_str(key) {
        None => Ok(None),
        Some(Value::Number(number)) if number.as_f64().fract() == 0.0 => match number.as_f64() {
            negative if negative < 0.0 => Err(format!("{key} must be greater than or equal to 0")),
            number => Ok(Some(number)),
        },
        Some(_) => Err(format!("{key} must be of an integer")),
    }
}

/// Limits say nothing about types, but they may be wrong.
fn limits(object: &Object, draft: Draft) -> Result<(), String> {
    match object.get_str("multipleOf") {
        None => {}
        Some(Value::Number(number)) if number.as_f64() > 0.0 => {}
        Some(Value::Number(_)) => return Err("multipleOf must be strictly greater than 0".into()),
        Some(_) => return Err(invalid_type("Number", "multipleOf")),
    }
    for (bound, exclusive) in [("minimum", "exclusiveMinimum"), ("maximum", "exclusiveMaximum")] {
        match object.get_str(bound) {
            None | Some(Value::Number(_)) => {}
            Some(_) => return Err(format!("{bound} must be of a Number")),
        }
        match (object.get_str(exclusive), draft) {
            (None, _) | (Some(Value::Number(_)), Draft::Six | Draft::Seven | Draft::Hybrid) => {}
            (Some(Value::Bool(_)), Draft::Four | Draft::Hybrid) => {
                if object.get_str(bound).is_none() {
                    return Err(format!("{exclusive} cannot be used without {bound}"));
                }
            }
            (Some(_), Draft::Four) => return Err(invalid_type("boolean", exclusive)),
            (Some(_), Draft::Hybrid) => return Err(invalid_type("boolean/number", exclusive)),
            (Some(_), _) => return Err(invalid_type("number", exclusive)),
        }
    }
    for (low, high) in [("minLength", "maxLength"), ("minProperties", "maxProperties"), ("minItems", "maxItems")] {
        let bounds = (integer(object, low)?, integer(object, high)?);
        if low == "minLength" {
            string(object, "pattern").and(string(object, "format")).map(|_| ())?;
        }
        if let (Some(a), Some(b)) = bounds
            && a > b
            && low != "minItems"
        {
            return Err(format!("{low} cannot be greater than {high}"));
        }
    }
    let required = list(object, "required")?;
    if required.iter().any(|name| name.as_str().is_none()) {
        return Err(invalid_type("string", "required"));
    }
    unique(required, "required")?;
    match object.get_str("uniqueItems") {
        None | Some(Value::Bool(_)) => Ok(()),
        Some(_) => Err("uniqueItems must be of a boolean".into()),
    }
}
