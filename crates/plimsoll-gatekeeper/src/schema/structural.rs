//! Whether a schema is structural: what the API server asks of every schema of a custom resource, in its words. In: a schema
//! and its path. Out: what is wrong, sorted.

use super::{Additional, Schema};

#[derive(Clone, Copy, PartialEq, Eq)]
enum Level {
    Root,
    Item,
    Field,
}

/// All that keeps a schema from being structural.
pub fn structural(schema: &Schema, path: &str) -> Vec<String> {
    let mut wrong = Vec::new();
    invariants(schema, Level::Root, path, &mut wrong);
    wrong.sort();
    wrong
}

fn invariants(schema: &Schema, level: Level, path: &str, wrong: &mut Vec<String>) {
    let type_name = schema.types.first().map_or("", |name| name);
    if type_name == "array" && schema.items.is_none() {
        wrong.push(format!("{path}.items: Required value: must be specified"));
    }
    if schema.many_items {
        wrong.push(format!("{path}.items: Forbidden: items must be a schema object and not an array"));
    }
    for word in &schema.forbidden {
        wrong.push(format!("{path}.{word}: Forbidden: {word} is not supported"));
    }
    if schema.unique_items {
        let why = "uniqueItems cannot be set to true since the runtime complexity becomes quadratic";
        wrong.push(format!("{path}.uniqueItems: Forbidden: {why}"));
    }
    if !matches!(schema.additional, Additional::Unsaid) && !schema.properties.is_empty() {
        let why = "additionalProperties and properties are mutual exclusive";
        wrong.push(format!("{path}.additionalProperties: Forbidden: {why}"));
    }
    if let Some(items) = &schema.items {
        invariants(items, Level::Item, &format!("{path}.items"), wrong);
    }
    for (name, inner) in &schema.properties {
        invariants(inner, Level::Field, &format!("{path}.properties[{name}]"), wrong);
    }
    if let Additional::Fits(inner) = &schema.additional {
        invariants(inner, Level::Field, &format!("{path}.additionalProperties"), wrong);
    }
    if level == Level::Root && !matches!(schema.additional, Additional::Unsaid) {
        wrong.push(format!("{path}.additionalProperties: Forbidden: must not be used at the root"));
    }
    if schema.int_or_string && schema.preserve_unknown {
        let why = "must be false if x-kubernetes-int-or-string is true";
        wrong.push(format!("{path}.x-kubernetes-preserve-unknown-fields: Invalid value: true: {why}"));
    }
    value_validation(schema, int_or_string(&schema.any_of), path, wrong);
    if schema.embedded && type_name != "object" {
        let why = "must be object if x-kubernetes-embedded-resource is true";
        wrong.push(match type_name {
            "" => format!("{path}.type: Required value: {why}"),
            name => format!("{path}.type: Invalid value: {name:?}: {why}"),
        });
    } else if type_name.is_empty() && !schema.int_or_string && !schema.preserve_unknown {
        let of = match level {
            Level::Root => "at the root",
            Level::Item => "for specified array items",
            Level::Field => "for specified object fields",
        };
        wrong.push(format!("{path}.type: Required value: must not be empty {of}"));
    }
    const KNOWN: [&str; 6] = ["array", "boolean", "integer", "number", "object", "string"];
    if !type_name.is_empty() && !KNOWN.contains(&type_name) {
        let known = KNOWN.map(|name| format!("{name:?}")).join(", ");
        wrong.push(format!("{path}.type: Unsupported value: {type_name:?}: supported values: {known}"));
    }
}

/// `anyOf: [{type: integer}, {type: string}]`, the one nested schema that may name types.
fn int_or_string(any_of: &[Schema]) -> bool {
    let named =
        |schema: &Schema, name: &str| schema.types.len() == 1 && schema.types.first().is_some_and(|t| &**t == name);
    matches!(any_of, [first, second] if named(first, "integer") && named(second, "string"))
}

fn value_validation(schema: &Schema, skip_any: bool, path: &str, wrong: &mut Vec<String>) {
    if let Some(pattern) = &schema.pattern
        && let Err(why) = &pattern.regex
    {
        let text = &pattern.text;
        wrong.push(format!(
            "{path}.pattern: Invalid value: {text:?}: must be a valid regular expression, but isn't: {why}"
        ));
    }
    let any = if skip_any { &[][..] } else { schema.any_of.as_slice() };
    for (word, list) in [("anyOf", any), ("allOf", &schema.all_of), ("oneOf", &schema.one_of)] {
        for (at, inner) in list.iter().enumerate() {
            let skip = word == "allOf" && at == 0 && int_or_string(&inner.any_of);
            nested(inner, skip, &format!("{path}.{word}[{at}]"), wrong);
        }
    }
    if let Some(not) = &schema.not {
        nested(not, false, &format!("{path}.not"), wrong);
    }
}

fn nested(schema: &Schema, skip_any: bool, path: &str, wrong: &mut Vec<String>) {
    value_validation(schema, skip_any, path, wrong);
    if let Some(items) = &schema.items {
        nested(items, false, &format!("{path}.items"), wrong);
    }
    for (name, inner) in &schema.properties {
        nested(inner, false, &format!("{path}.properties[{name}]"), wrong);
    }
    for (word, there, state) in [
        ("type", !schema.types.is_empty(), "empty"),
        ("additionalProperties", !matches!(schema.additional, Additional::Unsaid), "undefined"),
        ("default", schema.default.is_some(), "undefined"),
        ("nullable", schema.nullable, "false"),
        ("x-kubernetes-preserve-unknown-fields", schema.preserve_unknown, "false"),
        ("x-kubernetes-embedded-resource", schema.embedded, "false"),
        ("x-kubernetes-int-or-string", schema.int_or_string, "false"),
    ] {
        if there {
            wrong.push(format!("{path}.{word}: Forbidden: must be {state} to be structural"));
        }
    }
    if schema.properties.contains_key("metadata") {
        wrong.push(format!("{path}.properties[metadata]: Forbidden: must not be specified in a nested context"));
    }
}
