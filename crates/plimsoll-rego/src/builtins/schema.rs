//! `json.verify_schema` and `json.match_schema`: JSON Schema drafts 4, 6 and 7 as OPA's validator has them, with its words and its
//! choice of which errors of several alternatives are told. References stay within the document: one that leads outside ends
//! the evaluation, since nothing is fetched. Schemas and documents are anybody's: nesting, reference loops and work are bounded.

use std::collections::BTreeMap;
use std::sync::Arc;

use num_bigint::BigInt;

use super::regexes::{self, Pattern};
use super::{Builtin, Context, Failure, Halt, civil, ip, json_text, url, want};
use crate::budget::Exhausted;
use crate::value::{Number, Object, Value};

type Result<T = Option<Value>> = std::result::Result<T, Failure>;

pub(super) const BUILTINS: &[Builtin] = &[
    Builtin::new(
        "json.match_schema",
        "(document: any<string, object[any: any]>, schema: any<string, object[any: any]>) => output: array<boolean, array[object<desc: string, error: string, field: string, type: string>]>",
        match_schema,
    )
    .nondeterministic(),
    Builtin::new(
        "json.verify_schema",
        "(schema: any<string, object[any: any]>) => output: array<boolean, any<null, string>>",
        verify_schema,
    )
    .nondeterministic(),
];

/// Schemas in schemas, and steps into a document with references on the way: each takes room on the stack.
const MAX_NESTING: usize = 96;

fn document(context: &mut Context<'_>, value: &Value) -> Result<Value> {
    match value {
        Value::String(text) => {
            if !json_text::valid(context.meter, text)? {
                return Err(Failure::builtin("invalid JSON string"));
            }
            json_text::read(context.meter, text)
        }
        // Sets become arrays and keys texts on the way through JSON.
        Value::Object(_) | Value::Array(_) => {
            let text = json_text::write(context.meter, value, None)?;
            json_text::read(context.meter, &text)
        }
        _ => Err(Failure::builtin("wrong type, expected string or object")),
    }
}

fn verify_schema(context: &mut Context<'_>, args: &[Value]) -> Result {
    let compiled = document(context, want::argument(args, 0)).and_then(|document| Schemas::of(context, document));
    let (valid, why) = match compiled {
        Ok(_) => (true, Value::Null),
        Err(Failure::Error { message, .. }) => (false, Value::string(format!("jsonschema: {message}"))),
        Err(halt) => return Err(halt),
    };
    Ok(Some(Value::array(vec![Value::Bool(valid), why])))
}

fn match_schema(context: &mut Context<'_>, args: &[Value]) -> Result {
    let instance = document(context, want::argument(args, 0))?;
    let schema = document(context, want::argument(args, 1))?;
    let schemas = Schemas::of(context, schema)?;
    let mut found = Found::default();
    let mut judge = Judge { context, schemas: &schemas };
    judge.node(0, &instance, &mut found, &Place { name: "(Root)", above: None, depth: 0 })?;
    let errors = found.errors.into_iter().map(|error| {
        let field = error.place.strip_prefix("(Root).").unwrap_or(&error.place).to_owned();
        let fields = [
            ("error", format!("{field}: {}", error.text)),
            ("type", error.kind.to_owned()),
            ("field", field),
            ("desc", error.text),
        ];
        Value::object(fields.into_iter().map(|(key, text)| (Value::string(key), Value::string(text))).collect())
    });
    let errors: Vec<Value> = errors.collect();
    Ok(Some(Value::array(vec![Value::Bool(errors.is_empty()), Value::array(errors)])))
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Draft {
    Four,
    Six,
    Seven,
    /// No draft is named: all keywords count, old forms too.
    Hybrid,
}

/// `additionalProperties` and `additionalItems`.
#[derive(Debug)]
enum Additional {
    Allowed(bool),
    As(usize),
}

#[derive(Debug)]
enum Dependency {
    Names(Vec<String>),
    As(usize),
}

/// One schema, all its parts by their places in [`Schemas::all`].
#[derive(Default)]
struct Schema {
    pass: Option<bool>,
    reference: Option<usize>,
    types: Vec<String>,
    properties: BTreeMap<String, usize>,
    patterns: Vec<(Arc<Pattern>, usize)>,
    additional_properties: Option<Additional>,
    property_names: Option<usize>,
    dependencies: BTreeMap<String, Dependency>,
    items: Vec<usize>,
    /// One schema for all items rather than one for each.
    items_are_one: bool,
    additional_items: Option<Additional>,
    contains: Option<usize>,
    multiple_of: Option<Number>,
    minimum: Option<Number>,
    maximum: Option<Number>,
    above: Option<Number>,
    below: Option<Number>,
    length: (Option<i64>, Option<i64>),
    size: (Option<i64>, Option<i64>),
    count: (Option<i64>, Option<i64>),
    pattern: Option<(Arc<Pattern>, String)>,
    format: Option<String>,
    required: Vec<String>,
    unique: bool,
    constant: Option<Value>,
    allowed: Option<Vec<Value>>,
    one_of: Vec<usize>,
    any_of: Vec<usize>,
    all_of: Vec<usize>,
    not: Option<usize>,
    condition: (Option<usize>, Option<usize>, Option<usize>),
}

struct Schemas {
    all: Vec<Schema>,
}

struct Compiler<'a, 'c, 'w> {
    context: &'c mut Context<'w>,
    root: &'a Value,
    all: Vec<Schema>,
    /// Schemas by the reference that named them: a loop of references ends here.
    referenced: BTreeMap<String, usize>,
    /// Parts that have an identifier of their own.
    named: BTreeMap<String, &'a Value>,
    draft: Draft,
}

fn error(message: impl Into<String>) -> Failure {
    Failure::builtin(message)
}

fn invalid_type(expected: &str, given: &str) -> Failure {
    error(format!("Invalid type. Expected: {expected}, given: {given}"))
}

impl Schemas {
    fn of(context: &mut Context<'_>, document: Value) -> Result<Schemas> {
        let draft = match &document {
            Value::Object(object) => match object.get_str("$schema").and_then(Value::as_str) {
                Some(url) if url.contains("json-schema.org/draft-04/") => Draft::Four,
                Some(url) if url.contains("json-schema.org/draft-06/") => Draft::Six,
                Some(url) if url.contains("json-schema.org/draft-07/") => Draft::Seven,
                _ => Draft::Hybrid,
            },
            _ => Draft::Hybrid,
        };
        let mut named = BTreeMap::new();
        name_parts(&document, &mut named);
        let mut compiler =
            Compiler { context, root: &document, all: Vec::new(), referenced: BTreeMap::new(), named, draft };
        compiler.schema(&document, 0)?;
        Ok(Schemas { all: compiler.all })
    }
}

/// Recursion is bounded, because the depth of values is.
fn name_parts<'a>(value: &'a Value, named: &mut BTreeMap<String, &'a Value>) {
    match value {
        Value::Object(object) => {
            for key in ["$id", "id"] {
                if let Some(Value::String(id)) = object.get_str(key) {
                    named.entry(id.trim_end_matches('#').to_owned()).or_insert(value);
                }
            }
            object.entries().iter().for_each(|(_, value)| name_parts(value, named));
        }
        Value::Array(array) => array.items().iter().for_each(|value| name_parts(value, named)),
        _ => {}
    }
}

impl<'a> Compiler<'a, '_, '_> {
    fn schema(&mut self, value: &'a Value, depth: usize) -> Result<usize> {
        self.context.meter.steps(8)?;
        self.context.meter.memory(1_024)?;
        if depth > MAX_NESTING {
            return Err(Exhausted::Depth.into());
        }
        let at = self.all.len();
        self.all.push(Schema::default());
        let schema = match value {
            Value::Bool(pass) if self.draft != Draft::Four => Schema { pass: Some(*pass), ..Schema::default() },
            Value::Object(object) => self.parts(object, depth)?,
            _ => return Err(error("Expected: schema, given: Invalid JSON")),
        };
        if let Some(slot) = self.all.get_mut(at) {
            *slot = schema;
        }
        Ok(at)
    }

    fn text<'o>(object: &'o Object, key: &str) -> Result<Option<&'o str>> {
        match object.get_str(key) {
            None => Ok(None),
            Some(Value::String(text)) => Ok(Some(text)),
            Some(_) => Err(invalid_type("string", key)),
        }
    }

    fn list<'o>(object: &'o Object, key: &str) -> Result<Option<&'o [Value]>> {
        match object.get_str(key) {
            None => Ok(None),
            Some(Value::Array(array)) => Ok(Some(array.items())),
            Some(_) => Err(error(format!("{key} must be of an array"))),
        }
    }

    fn schemas(&mut self, object: &'a Object, key: &str, depth: usize) -> Result<Vec<usize>> {
        Self::list(object, key)?.unwrap_or_default().iter().map(|value| self.schema(value, depth + 1)).collect()
    }

    fn one(&mut self, object: &'a Object, key: &str, depth: usize) -> Result<Option<usize>> {
        match object.get_str(key) {
            None => Ok(None),
            Some(value @ (Value::Bool(_) | Value::Object(_))) => self.schema(value, depth + 1).map(Some),
            Some(_) => Err(error(format!("{key} must be of an object"))),
        }
    }

    fn additional(&mut self, object: &'a Object, key: &str, depth: usize) -> Result<Option<Additional>> {
        match object.get_str(key) {
            None => Ok(None),
            Some(Value::Bool(allowed)) => Ok(Some(Additional::Allowed(*allowed))),
            Some(value @ Value::Object(_)) => self.schema(value, depth + 1).map(|at| Some(Additional::As(at))),
            Some(_) => Err(invalid_type("boolean/schema", key)),
        }
    }

    fn whole(object: &Object, key: &str) -> Result<Option<i64>> {
        let wrong = || error(format!("{key} must be of an integer"));
        match object.get_str(key) {
            None => Ok(None),
            Some(Value::Number(number)) => {
                let whole = number.as_big().and_then(|whole| i64::try_from(whole).ok());
                let whole = whole.filter(|whole| whole.unsigned_abs() < 1 << 53).ok_or_else(wrong)?;
                if whole < 0 {
                    Err(error(format!("{key} must be greater than or equal to 0")))
                } else {
                    Ok(Some(whole))
                }
            }
            Some(_) => Err(wrong()),
        }
    }

    fn number(object: &Object, key: &str) -> Result<Option<Number>> {
        match object.get_str(key) {
            None => Ok(None),
            Some(Value::Number(number)) => Ok(Some(number.clone())),
            Some(_) => Err(error(format!("{key} must be of a Number"))),
        }
    }

    /// The strict bound, which in draft 4 is a word on the other one.
    fn strict(&self, object: &Object, key: &str, plain: &str, bound: &mut Option<Number>) -> Result<Option<Number>> {
        match object.get_str(key) {
            None => Ok(None),
            Some(Value::Bool(strict)) if matches!(self.draft, Draft::Four | Draft::Hybrid) => {
                if bound.is_none() {
                    return Err(error(format!("{key} cannot be used without {plain}")));
                }
                Ok(if *strict { bound.take() } else { None })
            }
            Some(Value::Number(number)) if self.draft != Draft::Four => Ok(Some(number.clone())),
            Some(_) => Err(invalid_type(
                match self.draft {
                    Draft::Four => "boolean",
                    Draft::Hybrid => "boolean/number",
                    _ => "number",
                },
                key,
            )),
        }
    }

    fn regex(&mut self, pattern: &str) -> Result<Option<Arc<Pattern>>> {
        match regexes::compiled(self.context, pattern) {
            Ok(regex) => Ok(Some(regex)),
            Err(Failure::Error { .. }) => Ok(None),
            Err(halt) => Err(halt),
        }
    }

    fn parts(&mut self, object: &'a Object, depth: usize) -> Result<Schema> {
        let mut out = Schema::default();
        let id = match self.draft {
            Draft::Four => "id",
            Draft::Hybrid if object.get_str("id").is_some() => "id",
            _ => "$id",
        };
        Self::text(object, id)?;
        match object.get_str("definitions") {
            None => {}
            Some(Value::Object(definitions)) => {
                for (_, value) in definitions.entries() {
                    if !matches!(value, Value::Bool(_) | Value::Object(_)) {
                        return Err(invalid_type("array of schemas", "definitions"));
                    }
                    self.schema(value, depth + 1)?;
                }
            }
            Some(_) => return Err(invalid_type("array of schemas", "definitions")),
        }
        Self::text(object, "title")?;
        Self::text(object, "description")?;
        if let Some(reference) = Self::text(object, "$ref")? {
            out.reference = Some(self.reference(reference, depth)?);
            return Ok(out);
        }
        self.types(object, &mut out)?;
        if let Some(properties) = object.get_str("properties") {
            let Value::Object(properties) = properties else {
                return Err(error("Properties must be of type object"));
            };
            for (key, value) in properties.entries() {
                let at = self.schema(value, depth + 1)?;
                out.properties.insert(key.json_key().into_owned(), at);
            }
        }
        out.additional_properties = self.additional(object, "additionalProperties", depth)?;
        match object.get_str("patternProperties") {
            None => {}
            Some(Value::Object(patterns)) => {
                for (key, value) in patterns.entries() {
                    let key = key.json_key();
                    let regex = self.regex(&key)?.ok_or_else(|| error(format!("Invalid regex pattern '{key}'")))?;
                    let at = self.schema(value, depth + 1)?;
                    out.patterns.push((regex, at));
                }
            }
            Some(_) => return Err(invalid_type("schema", "patternProperties")),
        }
        if self.draft >= Draft::Six {
            out.property_names = match object.get_str("propertyNames") {
                None => None,
                Some(value @ (Value::Bool(_) | Value::Object(_))) => Some(self.schema(value, depth + 1)?),
                Some(_) => return Err(invalid_type("schema", "patternProperties")),
            };
        }
        self.dependencies(object, &mut out, depth)?;
        match object.get_str("items") {
            None => {}
            Some(Value::Array(items)) => {
                for item in items.items() {
                    if !matches!(item, Value::Bool(_) | Value::Object(_)) {
                        return Err(invalid_type("Valid Schema/Array Of Schemas", "items"));
                    }
                    let at = self.schema(item, depth + 1)?;
                    out.items.push(at);
                }
            }
            Some(value @ (Value::Bool(_) | Value::Object(_))) => {
                let at = self.schema(value, depth + 1)?;
                out.items.push(at);
                out.items_are_one = true;
            }
            Some(_) => return Err(invalid_type("Valid Schema/Array Of Schemas", "items")),
        }
        out.additional_items = self.additional(object, "additionalItems", depth)?;
        self.numbers(object, &mut out)?;
        self.sizes(object, &mut out)?;
        if self.draft >= Draft::Six {
            out.contains = match object.get_str("contains") {
                None => None,
                Some(value) => Some(self.schema(value, depth + 1)?),
            };
            out.constant = object.get_str("const").cloned();
        }
        if let Some(allowed) = Self::list(object, "enum")? {
            self.context.meter.steps(allowed.len() as u64 * 4)?;
            let mut seen = allowed.to_vec();
            seen.sort();
            seen.dedup();
            if seen.len() != allowed.len() {
                return Err(error("enum items must be unique"));
            }
            out.allowed = Some(allowed.to_vec());
        }
        out.one_of = self.schemas(object, "oneOf", depth)?;
        out.any_of = self.schemas(object, "anyOf", depth)?;
        out.all_of = self.schemas(object, "allOf", depth)?;
        out.not = self.one(object, "not", depth)?;
        if self.draft >= Draft::Seven {
            out.condition =
                (self.one(object, "if", depth)?, self.one(object, "then", depth)?, self.one(object, "else", depth)?);
        }
        Ok(out)
    }

    fn types(&mut self, object: &Object, out: &mut Schema) -> Result<()> {
        const TYPES: [&str; 7] = ["array", "boolean", "integer", "number", "null", "object", "string"];
        let wrong = || invalid_type("type", "string/array of strings");
        let mut add = |name: &str| {
            if !TYPES.contains(&name) {
                return Err(error(format!(
                    "has a primitive type that is NOT VALID -- given: /{name}/ Expected valid values are:[{}]",
                    TYPES.join(" ")
                )));
            }
            if out.types.iter().any(|have| have == name) {
                return Err(error(format!("{name} type is duplicated")));
            }
            out.types.push(name.to_owned());
            Ok(())
        };
        match object.get_str("type") {
            None => Ok(()),
            Some(Value::String(name)) => add(name),
            Some(Value::Array(names)) => {
                names.items().iter().try_for_each(|name| add(name.as_str().ok_or_else(wrong)?))
            }
            Some(_) => Err(wrong()),
        }
    }

    fn dependencies(&mut self, object: &'a Object, out: &mut Schema, depth: usize) -> Result<()> {
        let Some(dependencies) = object.get_str("dependencies") else { return Ok(()) };
        let Value::Object(dependencies) = dependencies else {
            return Err(error("dependencies must be of type object"));
        };
        let wrong = || error("dependency must be of type schema or array of strings");
        for (key, value) in dependencies.entries() {
            let dependency = match value {
                Value::Array(names) => {
                    let names = names.items().iter().map(|name| name.as_str().map(str::to_owned).ok_or_else(wrong));
                    Dependency::Names(names.collect::<Result<_>>()?)
                }
                Value::Bool(_) | Value::Object(_) => Dependency::As(self.schema(value, depth + 1)?),
                _ => return Err(wrong()),
            };
            out.dependencies.insert(key.json_key().into_owned(), dependency);
        }
        Ok(())
    }

    fn numbers(&mut self, object: &Object, out: &mut Schema) -> Result<()> {
        match object.get_str("multipleOf") {
            None => {}
            Some(Value::Number(number)) if *number > Number::from(0i64) => out.multiple_of = Some(number.clone()),
            Some(Value::Number(_)) => return Err(error("multipleOf must be strictly greater than 0")),
            Some(_) => return Err(invalid_type("number", "multipleOf")),
        }
        out.minimum = Self::number(object, "minimum")?;
        out.above = self.strict(object, "exclusiveMinimum", "minimum", &mut out.minimum)?;
        out.maximum = Self::number(object, "maximum")?;
        out.below = self.strict(object, "exclusiveMaximum", "maximum", &mut out.maximum)?;
        Ok(())
    }

    fn sizes(&mut self, object: &Object, out: &mut Schema) -> Result<()> {
        let pair = |low: &str, high: &str| Ok::<_, Failure>((Self::whole(object, low)?, Self::whole(object, high)?));
        let crossed = |(low, high): (Option<i64>, Option<i64>)| low.zip(high).is_some_and(|(low, high)| low > high);
        out.length = pair("minLength", "maxLength")?;
        if crossed(out.length) {
            return Err(error("minLength cannot be greater than maxLength"));
        }
        if let Some(pattern) = Self::text(object, "pattern")? {
            let regex = self.regex(pattern)?.ok_or_else(|| error("pattern must be a valid regex"))?;
            out.pattern = Some((regex, pattern.to_owned()));
        }
        out.format = Self::text(object, "format")?.map(str::to_owned);
        out.size = pair("minProperties", "maxProperties")?;
        if crossed(out.size) {
            return Err(error("minProperties cannot be greater than maxProperties"));
        }
        for name in Self::list(object, "required")?.unwrap_or_default() {
            let name = name.as_str().ok_or_else(|| invalid_type("string", "required"))?;
            self.context.meter.steps(out.required.len() as u64)?;
            if out.required.iter().any(|have| have == name) {
                return Err(error("required items must be unique"));
            }
            out.required.push(name.to_owned());
        }
        out.count = pair("minItems", "maxItems")?;
        match object.get_str("uniqueItems") {
            None => {}
            Some(Value::Bool(unique)) => out.unique = *unique,
            Some(_) => return Err(error("uniqueItems must be of a boolean")),
        }
        Ok(())
    }

    fn reference(&mut self, reference: &str, depth: usize) -> Result<usize> {
        if let Some(at) = self.referenced.get(reference) {
            return Ok(*at);
        }
        let (base, fragment) = reference.split_once('#').unwrap_or((reference, ""));
        let start = if base.is_empty() {
            if fragment.is_empty() || fragment.starts_with('/') {
                self.root
            } else {
                let name = format!("#{fragment}");
                return match self.named.get(&name).copied() {
                    Some(value) => self.referenced_as(reference, value, depth),
                    None => Err(error(format!("Object has no key '{fragment}'"))),
                };
            }
        } else {
            let relative = |id: &str| id == base || id.ends_with(&format!("/{base}"));
            let found = self.named.iter().find(|(id, _)| relative(id)).map(|(_, value)| *value);
            found.ok_or_else(|| {
                Failure::Halt(Halt::Denied(format!("a schema refers to {reference}, and nothing is fetched")))
            })?
        };
        let value = pointed(start, fragment)?;
        self.referenced_as(reference, value, depth)
    }

    fn referenced_as(&mut self, reference: &str, value: &'a Value, depth: usize) -> Result<usize> {
        if !matches!(value, Value::Bool(_) | Value::Object(_)) {
            return Err(error("schema must be of type object"));
        }
        // The place is known before the schema is, so that it may refer to itself.
        self.referenced.insert(reference.to_owned(), self.all.len());
        self.schema(value, depth + 1)
    }
}

/// The part of a document that a JSON pointer of a URL's fragment leads to.
fn pointed<'a>(start: &'a Value, fragment: &str) -> Result<&'a Value> {
    let mut value = start;
    let fragment = url::query_unescape(fragment.replace('+', "%2B").as_bytes()).map_err(Failure::builtin)?;
    let fragment = String::from_utf8_lossy(&fragment).into_owned();
    for step in fragment.split('/').skip(1) {
        let step = step.replace("~1", "/").replace("~0", "~");
        value = match value {
            Value::Object(object) => {
                object.get_str(&step).ok_or_else(|| error(format!("Object has no key '{step}'")))?
            }
            Value::Array(array) => {
                let index: usize = step.parse().map_err(|_| error(format!("Invalid array index '{step}'")))?;
                array
                    .items()
                    .get(index)
                    .ok_or_else(|| error(format!("Out of bound array[0,{}] index '{index}'", array.items().len())))?
            }
            _ => return Err(error(format!("Invalid token reference '{step}'"))),
        };
    }
    Ok(value)
}

/// Where in a document.
struct Place<'a> {
    name: &'a str,
    above: Option<&'a Place<'a>>,
    depth: usize,
}

impl<'a> Place<'a> {
    fn below(&'a self, name: &'a str) -> Place<'a> {
        Place { name, above: Some(self), depth: self.depth + 1 }
    }

    /// The same place, seen by another schema.
    fn again(&'a self) -> Place<'a> {
        Place { name: self.name, above: self.above, depth: self.depth + 1 }
    }

    fn text(&self) -> String {
        let mut names = vec![self.name];
        let mut place = self;
        while let Some(above) = place.above {
            names.push(above.name);
            place = above;
        }
        names.reverse();
        names.join(".")
    }
}

struct Fault {
    place: String,
    kind: &'static str,
    text: String,
}

/// Errors, and how well the document fitted: of alternatives that fail, the closest tells its errors.
#[derive(Default)]
struct Found {
    errors: Vec<Fault>,
    score: i64,
}

impl Found {
    fn merge(&mut self, other: Found) {
        self.errors.extend(other.errors);
        self.score += other.score;
    }
}

struct Judge<'s, 'c, 'w> {
    context: &'c mut Context<'w>,
    schemas: &'s Schemas,
}

impl Judge<'_, '_, '_> {
    fn fault(&mut self, found: &mut Found, place: &Place<'_>, kind: &'static str, text: String) -> Result<()> {
        let place = place.text();
        self.context.meter.memory((place.len() * 3 + text.len() * 2 + 256) as u64)?;
        self.context.meter.steps(place.len() as u64 / 64 + 4)?;
        // An error counts twice against the point that every part gets.
        found.score -= 2;
        found.errors.push(Fault { place, kind, text });
        Ok(())
    }

    fn alone(&mut self, at: usize, value: &Value, place: &Place<'_>) -> Result<Found> {
        let mut found = Found::default();
        self.node(at, value, &mut found, &place.again())?;
        Ok(found)
    }

    fn node(&mut self, at: usize, value: &Value, found: &mut Found, place: &Place<'_>) -> Result<()> {
        self.context.meter.steps(2)?;
        if place.depth > 2 * MAX_NESTING {
            return Err(Exhausted::Depth.into());
        }
        let schemas = self.schemas;
        let Some(schema) = schemas.all.get(at) else { return Ok(()) };
        if let Some(pass) = schema.pass {
            return if pass {
                Ok(())
            } else {
                self.fault(found, place, "false", "False always fails validation".into())
            };
        }
        if let Some(reference) = schema.reference {
            return self.node(reference, value, found, &place.again());
        }
        if !schema.types.is_empty() {
            let given = match value {
                Value::Number(number) if is_whole(number) => "integer",
                other => other.type_name(),
            };
            let fits = schema.types.iter().any(|name| name == given || given == "integer" && name == "number");
            if !fits {
                let expected = match &*schema.types {
                    [one] => one.clone(),
                    many => format!("[{}]", many.join(",")),
                };
                let text = format!("Invalid type. Expected: {expected}, given: {given}");
                return self.fault(found, place, "invalid_type", text);
            }
        }
        self.combined(schema, value, found, place)?;
        match value {
            Value::Array(array) => self.array(schema, array.items(), found, place)?,
            Value::Object(object) => self.object(schema, object, found, place)?,
            Value::Number(number) => self.number(schema, number, found, place)?,
            _ => {}
        }
        self.common(schema, value, found, place)?;
        match value {
            Value::String(text) => self.text(schema, text, found, place)?,
            Value::Object(object) => {
                for (key, at) in &schema.properties {
                    if let Some(value) = object.get_str(key) {
                        self.node(*at, value, found, &place.below(key))?;
                    }
                }
            }
            _ => {}
        }
        found.score += 1;
        Ok(())
    }

    fn combined(&mut self, schema: &Schema, value: &Value, found: &mut Found, place: &Place<'_>) -> Result<()> {
        let better = |best: &Option<Found>, new: &Found| best.as_ref().is_none_or(|best| new.score > best.score);
        if !schema.any_of.is_empty() {
            let mut best = None;
            let mut fits = false;
            for at in &schema.any_of {
                let tried = self.alone(*at, value, place)?;
                if tried.errors.is_empty() {
                    fits = true;
                    break;
                }
                if better(&best, &tried) {
                    best = Some(tried);
                }
            }
            if !fits {
                self.fault(found, place, "number_any_of", "Must validate at least one schema (anyOf)".into())?;
                if let Some(best) = best {
                    found.merge(best);
                }
            }
        }
        if !schema.one_of.is_empty() {
            let mut best = None;
            let mut fits = 0;
            for at in &schema.one_of {
                let tried = self.alone(*at, value, place)?;
                if tried.errors.is_empty() {
                    fits += 1;
                } else if fits == 0 && better(&best, &tried) {
                    best = Some(tried);
                }
            }
            if fits != 1 {
                self.fault(found, place, "number_one_of", "Must validate one and only one schema (oneOf)".into())?;
                if fits == 0
                    && let Some(best) = best
                {
                    found.merge(best);
                }
            }
        }
        if !schema.all_of.is_empty() {
            let mut fits = 0;
            for at in &schema.all_of {
                let tried = self.alone(*at, value, place)?;
                fits += usize::from(tried.errors.is_empty());
                found.merge(tried);
            }
            if fits != schema.all_of.len() {
                self.fault(found, place, "number_all_of", "Must validate all the schemas (allOf)".into())?;
            }
        }
        if let Some(not) = schema.not
            && self.alone(not, value, place)?.errors.is_empty()
        {
            self.fault(found, place, "number_not", "Must not validate the schema (not)".into())?;
        }
        if let Value::Object(object) = value {
            for (key, dependency) in &schema.dependencies {
                if object.get_str(key).is_none() {
                    continue;
                }
                match dependency {
                    Dependency::Names(names) => {
                        for name in names.iter().filter(|name| object.get_str(name).is_none()) {
                            self.fault(found, place, "missing_dependency", format!("Has a dependency on {name}"))?;
                        }
                    }
                    Dependency::As(at) => self.node(*at, value, found, &place.again())?,
                }
            }
        }
        if let (Some(condition), then, otherwise) = schema.condition {
            let holds = self.alone(condition, value, place)?.errors.is_empty();
            let (branch, kind, text) = if holds {
                (then, "condition_then", "Must validate \"then\" as \"if\" was valid")
            } else {
                (otherwise, "condition_else", "Must validate \"else\" as \"if\" was not valid")
            };
            if let Some(branch) = branch {
                let tried = self.alone(branch, value, place)?;
                if !tried.errors.is_empty() {
                    self.fault(found, place, kind, text.into())?;
                    found.merge(tried);
                }
            }
        }
        found.score += 1;
        Ok(())
    }

    fn common(&mut self, schema: &Schema, value: &Value, found: &mut Found, place: &Place<'_>) -> Result<()> {
        let named = |place: &Place<'_>| {
            let text = place.text();
            text.strip_prefix("(Root).").unwrap_or(&text).to_owned()
        };
        if let Some(constant) = &schema.constant
            && constant != value
        {
            let text = format!("{} does not match: {}", named(place), constant.to_json());
            self.fault(found, place, "const", text)?;
        }
        if let Some(allowed) = &schema.allowed {
            self.context.meter.steps(allowed.len() as u64)?;
            if !allowed.contains(value) {
                let shown: Vec<String> = allowed.iter().map(Value::to_json).collect();
                let text = format!("{} must be one of the following: {}", named(place), shown.join(", "));
                self.fault(found, place, "enum", text)?;
            }
        }
        if let (Some(format), Value::String(text)) = (&schema.format, value)
            && !self.formatted(format, text)?
        {
            self.fault(found, place, "format", format!("Does not match format '{format}'"))?;
        }
        found.score += 1;
        Ok(())
    }

    fn array(&mut self, schema: &Schema, items: &[Value], found: &mut Found, place: &Place<'_>) -> Result<()> {
        let each = |judge: &mut Self, at: usize, index: usize, item: &Value, found: &mut Found| {
            let index = index.to_string();
            let mut inner = Found::default();
            judge.node(at, item, &mut inner, &place.below(&index))?;
            found.merge(inner);
            Ok::<(), Failure>(())
        };
        if schema.items_are_one {
            if let Some(at) = schema.items.first() {
                for (index, item) in items.iter().enumerate() {
                    each(self, *at, index, item, found)?;
                }
            }
        } else if !schema.items.is_empty() {
            for (index, (at, item)) in schema.items.iter().zip(items).enumerate() {
                each(self, *at, index, item, found)?;
            }
            if items.len() > schema.items.len() {
                match &schema.additional_items {
                    Some(Additional::Allowed(false)) => {
                        let text = "No additional items allowed on array".into();
                        self.fault(found, place, "array_no_additional_items", text)?;
                    }
                    Some(Additional::As(at)) => {
                        for (index, item) in items.iter().enumerate().skip(schema.items.len()) {
                            each(self, *at, index, item, found)?;
                        }
                    }
                    _ => {}
                }
            }
        }
        let count = items.len() as i64;
        if let Some(least) = schema.count.0.filter(|least| count < *least) {
            self.fault(found, place, "array_min_items", format!("Array must have at least {least} items"))?;
        }
        if let Some(most) = schema.count.1.filter(|most| count > *most) {
            self.fault(found, place, "array_max_items", format!("Array must have at most {most} items"))?;
        }
        if schema.unique {
            self.context.meter.steps(items.len() as u64 * 8)?;
            let mut seen: BTreeMap<&Value, usize> = BTreeMap::new();
            for (index, item) in items.iter().enumerate() {
                if let Some(before) = seen.insert(item, index) {
                    self.fault(found, place, "unique", format!("array items[{before},{index}] must be unique"))?;
                }
            }
        }
        if let Some(contains) = schema.contains {
            let mut best: Option<Found> = None;
            let mut fits = false;
            for (index, item) in items.iter().enumerate() {
                let index = index.to_string();
                let mut tried = Found::default();
                self.node(contains, item, &mut tried, &place.below(&index))?;
                if tried.errors.is_empty() {
                    fits = true;
                    break;
                }
                if best.as_ref().is_none_or(|best| tried.score > best.score) {
                    best = Some(tried);
                }
            }
            if !fits {
                self.fault(found, place, "contains", "At least one of the items must match".into())?;
                if let Some(best) = best {
                    found.merge(best);
                }
            }
        }
        found.score += 1;
        Ok(())
    }

    fn object(&mut self, schema: &Schema, object: &Object, found: &mut Found, place: &Place<'_>) -> Result<()> {
        let size = object.entries().len() as i64;
        if let Some(least) = schema.size.0.filter(|least| size < *least) {
            self.fault(found, place, "array_min_properties", format!("Must have at least {least} properties"))?;
        }
        if let Some(most) = schema.size.1.filter(|most| size > *most) {
            self.fault(found, place, "array_max_properties", format!("Must have at most {most} properties"))?;
        }
        for name in &schema.required {
            if object.get_str(name).is_some() {
                found.score += 1;
            } else {
                self.fault(found, place, "required", format!("{name} is required"))?;
            }
        }
        for (key, value) in object.entries() {
            let key = key.as_str().unwrap_or_default();
            self.context.meter.steps(1 + schema.patterns.len() as u64 * (1 + key.len() as u64 / 16))?;
            let mut described = schema.properties.contains_key(key);
            let mut matched = false;
            for (pattern, at) in &schema.patterns {
                if pattern.is_match(self.context, key)? {
                    matched = true;
                    let mut inner = Found::default();
                    self.node(*at, value, &mut inner, &place.below(key))?;
                    found.merge(inner);
                }
            }
            if matched {
                described = true;
                found.score += 1;
            }
            if described {
                continue;
            }
            match &schema.additional_properties {
                Some(Additional::Allowed(false)) => {
                    let text = format!("Additional property {key} is not allowed");
                    self.fault(found, place, "additional_property_not_allowed", text)?;
                }
                Some(Additional::As(at)) => {
                    let mut inner = Found::default();
                    self.node(*at, value, &mut inner, &place.below(key))?;
                    found.merge(inner);
                }
                _ => {}
            }
        }
        if let Some(names) = schema.property_names {
            for (key, _) in object.entries() {
                let tried = self.alone(names, key, place)?;
                if !tried.errors.is_empty() {
                    let text = format!("Property name of \"{}\" does not match", key.as_str().unwrap_or_default());
                    self.fault(found, place, "invalid_property_name", text)?;
                    found.merge(tried);
                }
            }
        }
        found.score += 1;
        Ok(())
    }

    fn text(&mut self, schema: &Schema, text: &str, found: &mut Found, place: &Place<'_>) -> Result<()> {
        self.context.meter.steps(text.len() as u64 / 16)?;
        let length = text.chars().count() as i64;
        if let Some(least) = schema.length.0.filter(|least| length < *least) {
            let words = format!("String length must be greater than or equal to {least}");
            self.fault(found, place, "string_gte", words)?;
        }
        if let Some(most) = schema.length.1.filter(|most| length > *most) {
            self.fault(found, place, "string_lte", format!("String length must be less than or equal to {most}"))?;
        }
        if let Some((regex, pattern)) = &schema.pattern
            && !regex.is_match(self.context, text)?
        {
            self.fault(found, place, "pattern", format!("Does not match pattern '{pattern}'"))?;
        }
        found.score += 1;
        Ok(())
    }

    fn number(&mut self, schema: &Schema, number: &Number, found: &mut Found, place: &Place<'_>) -> Result<()> {
        if let Some(of) = &schema.multiple_of
            && !is_multiple(number, of)
        {
            self.fault(found, place, "multiple_of", format!("Must be a multiple of {}", ten_digits(of)))?;
        }
        if let Some(most) = schema.maximum.as_ref().filter(|most| number > most) {
            let words = format!("Must be less than or equal to {}", ten_digits(most));
            self.fault(found, place, "number_lte", words)?;
        }
        if let Some(below) = schema.below.as_ref().filter(|below| number >= below) {
            self.fault(found, place, "number_lt", format!("Must be less than {}", ten_digits(below)))?;
        }
        if let Some(least) = schema.minimum.as_ref().filter(|least| number < least) {
            let words = format!("Must be greater than or equal to {}", ten_digits(least));
            self.fault(found, place, "number_gte", words)?;
        }
        if let Some(above) = schema.above.as_ref().filter(|above| number <= above) {
            self.fault(found, place, "number_gt", format!("Must be greater than {}", ten_digits(above)))?;
        }
        found.score += 1;
        Ok(())
    }

    /// Whether a text has a format; unknown formats have all.
    fn formatted(&mut self, format: &str, text: &str) -> Result<bool> {
        self.context.meter.steps(text.len() as u64 / 8 + 1)?;
        let time = |layouts: &[&str]| layouts.iter().any(|layout| civil::parse(layout, text).is_ok());
        let parsed = || url::parse(text.as_bytes()).ok().filter(|_| !text.contains('\\'));
        Ok(match format {
            "date" => time(&["2006-01-02"]),
            "time" => time(&["15:04:05Z07:00", "15:04:05"]),
            "date-time" => time(&["15:04:05", "15:04:05Z07:00", "2006-01-02", "2006-01-02T15:04:05Z07:00"]),
            "hostname" => {
                text.len() < 256
                    && !text.is_empty()
                    && text.split('.').all(|label| {
                        !label.is_empty()
                            && label.len() <= 63
                            && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
                            && !label.starts_with('-')
                            && !label.ends_with('-')
                    })
            }
            "email" | "idn-email" => is_address(text),
            "ipv4" => text.contains('.') && ip::parse_ip(text).is_some(),
            "ipv6" => text.contains(':') && ip::parse_ip(text).is_some(),
            "uri" | "iri" => parsed().is_some_and(|url| !url.scheme.is_empty()),
            "uri-reference" | "iri-reference" => parsed().is_some(),
            "uri-template" => parsed().is_some_and(|url| balanced(&String::from_utf8_lossy(&url.path))),
            "uuid" => {
                let parts: Vec<&str> = text.split('-').collect();
                parts.iter().map(|part| part.len()).eq([8, 4, 4, 4, 12])
                    && parts.iter().all(|part| part.bytes().all(|byte| byte.is_ascii_hexdigit()))
            }
            "regex" => match regexes::compiled(self.context, text) {
                Ok(_) => true,
                Err(Failure::Error { .. }) => text.is_empty(),
                Err(halt) => return Err(halt),
            },
            "json-pointer" => is_pointer(text),
            "relative-json-pointer" => {
                let rest = text.trim_start_matches(|c: char| c.is_ascii_digit());
                let digits = text.len() - rest.len();
                let number = text.get(..digits).unwrap_or_default();
                digits > 0 && (digits == 1 || !number.starts_with('0')) && (rest == "#" || is_pointer(rest))
            }
            _ => true,
        })
    }
}

fn is_pointer(text: &str) -> bool {
    let bytes = text.as_bytes();
    (text.is_empty() || text.starts_with('/'))
        && bytes.iter().enumerate().all(|(at, byte)| *byte != b'~' || matches!(bytes.get(at + 1), Some(b'0' | b'1')))
}

/// Braces that are closed, one in none.
fn balanced(text: &str) -> bool {
    let mut open = false;
    for c in text.chars() {
        match c {
            '{' if open => return false,
            '{' => open = true,
            '}' if !open => return false,
            '}' => open = false,
            _ => {}
        }
    }
    !open
}

/// An address of mail, with or without a name before it.
fn is_address(text: &str) -> bool {
    let text = text.trim();
    let address = match text.strip_suffix('>') {
        Some(rest) => rest.rsplit_once('<').map_or("", |(_, address)| address),
        None => text,
    };
    let Some((local, domain)) = address.rsplit_once('@') else { return false };
    let atom = |text: &str| {
        !text.is_empty()
            && text.split('.').all(|part| {
                !part.is_empty()
                    && part.chars().all(|c| c.is_alphanumeric() || !c.is_ascii() || "!#$%&'*+-/=?^_`{|}~".contains(c))
            })
    };
    let quoted = local.len() > 2 && local.starts_with('"') && local.ends_with('"');
    (atom(local) || quoted) && (atom(domain) || domain.starts_with('[') && domain.ends_with(']'))
}

fn is_whole(number: &Number) -> bool {
    number.plain().is_some() || number.as_big().is_some()
}

/// Digits and the power of ten that they count.
fn scaled(number: &Number) -> Option<(BigInt, i64)> {
    let text = number.to_string();
    let (mantissa, exponent) = text.split_once(['e', 'E']).unwrap_or((&text, "0"));
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let digits: BigInt = format!("{whole}{fraction}").parse().ok()?;
    Some((digits, exponent.parse::<i64>().ok()? - fraction.len() as i64))
}

fn is_multiple(number: &Number, of: &Number) -> bool {
    let (Some((a, a_power)), Some((b, b_power))) = (scaled(number), scaled(of)) else { return false };
    let low = a_power.min(b_power);
    let shift = |power: i64| u32::try_from(power - low).ok().filter(|shift| *shift <= 2_000);
    let (Some(a_shift), Some(b_shift)) = (shift(a_power), shift(b_power)) else { return false };
    let (a, b) = (a * BigInt::from(10).pow(a_shift), b * BigInt::from(10).pow(b_shift));
    b != BigInt::ZERO && a % b == BigInt::ZERO
}

/// A number in Go's `%.10g`.
fn ten_digits(number: &Number) -> String {
    let text = format!("{:.9e}", number.as_f64());
    let Some((mantissa, exponent)) = text.split_once('e') else { return text };
    let exponent: i64 = exponent.parse().unwrap_or(0);
    let (sign, mantissa) = mantissa.strip_prefix('-').map_or(("", mantissa), |rest| ("-", rest));
    let digits: String = mantissa.chars().filter(char::is_ascii_digit).collect();
    let digits = digits.trim_end_matches('0');
    if digits.is_empty() {
        return "0".into();
    }
    let text = if !(-4..10).contains(&exponent) {
        crate::value::go_exponent_form(digits, exponent + 1, 'e')
    } else {
        crate::value::go_point_form(digits, exponent + 1)
    };
    format!("{sign}{text}")
}
