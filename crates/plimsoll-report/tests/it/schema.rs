//! The published JSON Schema of our own JSON.

use plimsoll_report::{RenderOptions, format};
use serde_json::Value;

use crate::fixture;

/// Checks a value against the part of JSON Schema that our schema uses, and that nothing is there that it does not
/// describe.
fn check(schema: &Value, root: &Value, value: &Value, place: &str) -> Vec<String> {
    let mut faults = Vec::new();
    if let Some(target) = schema["$ref"].as_str() {
        let target = root.pointer(target.strip_prefix('#').unwrap()).unwrap_or_else(|| panic!("{target}"));
        return check(target, root, value, place);
    }
    if let Some(choices) = schema["oneOf"].as_array() {
        let fits = choices.iter().filter(|choice| check(choice, root, value, place).is_empty()).count();
        if fits != 1 {
            faults.push(format!("{place}: {fits} alternatives fit {value}"));
        }
        return faults;
    }
    let is = match value {
        Value::Object(_) => "object",
        Value::Array(_) => "array",
        Value::String(_) => "string",
        Value::Bool(_) => "boolean",
        Value::Number(n) if n.is_f64() => "number",
        Value::Number(_) => "integer",
        Value::Null => "null",
    };
    if let Some(wanted) = schema["type"].as_str()
        && wanted != is
        && !(wanted == "number" && is == "integer")
    {
        faults.push(format!("{place}: {is}, not {wanted}"));
    }
    if let Some(choices) = schema["enum"].as_array()
        && !choices.contains(value)
    {
        faults.push(format!("{place}: {value} is not listed"));
    }
    if schema.get("const").is_some_and(|c| c != value) {
        faults.push(format!("{place}: {value} is not the constant"));
    }
    if let Value::Object(fields) = value {
        for name in schema["required"].as_array().into_iter().flatten() {
            if !fields.contains_key(name.as_str().unwrap()) {
                faults.push(format!("{place}: no {name}"));
            }
        }
        for (name, field) in fields {
            let place = format!("{place}/{name}");
            match (schema["properties"].get(name), schema.get("additionalProperties")) {
                (Some(schema), _) => faults.extend(check(schema, root, field, &place)),
                (None, Some(Value::Bool(false))) => faults.push(format!("{place}: not described")),
                (None, Some(schema)) => faults.extend(check(schema, root, field, &place)),
                (None, None) => {}
            }
        }
    }
    if let Value::Array(items) = value {
        if let Some(prefix) = schema["prefixItems"].as_array() {
            assert_eq!(prefix.len(), items.len(), "{place}");
            for (schema, item) in prefix.iter().zip(items) {
                faults.extend(check(schema, root, item, place));
            }
        } else if let Some(schema) = schema.get("items") {
            for (number, item) in items.iter().enumerate() {
                faults.extend(check(schema, root, item, &format!("{place}/{number}")));
            }
        }
    }
    faults
}

#[test]
fn published_schema_describes_every_field() {
    let schema: Value = serde_json::from_str(include_str!("../../../../docs/schemas/report-v1.json")).unwrap();
    for (name, report) in fixture::all() {
        let bytes = (format("json").unwrap().render)(&report, &RenderOptions::default()).unwrap();
        let faults = check(&schema, &schema, &serde_json::from_slice(&bytes).unwrap(), "");
        assert!(faults.is_empty(), "{name}: {faults:#?}");
    }
}
