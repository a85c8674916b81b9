//! A JSON Schema (draft 2020-12) of the LoadLine, for editors. In: the table of keys and the known rule ids. Out: the
//! schema. What it does not say: what only the whole document shows (duplicate names, softening, grace without a fix).

use serde_json::{Map, Value, json};

use crate::keys::{ACTIONS, DOCUMENT, Group, Shape};
use crate::read::Known;
use crate::signing::PREDICATE_TYPES;

/// The JSON Schema of the document, with the footprint rules of this program.
pub fn schema(known: &Known<'_>) -> Value {
    let mut schema = group(&DOCUMENT, known);
    if let Value::Object(map) = &mut schema {
        map.insert("$schema".into(), json!("https://json-schema.org/draft/2020-12/schema"));
        map.insert("$id".into(), json!("https://plimsoll.dev/schema/loadline-v1alpha1.json"));
        map.insert("title".into(), json!("LoadLine: what may run"));
    }
    schema
}

fn group(group: &Group, known: &Known<'_>) -> Value {
    let mut properties = Map::new();
    for key in group.keys {
        let mut value = shape(&key.shape, known);
        if let Value::Object(map) = &mut value {
            map.insert("description".into(), json!(key.doc));
        }
        properties.insert(key.name.into(), value);
    }
    let required: Vec<&str> = group.keys.iter().filter(|k| k.required).map(|k| k.name).collect();
    let mut out = json!({"type": "object", "properties": properties, "additionalProperties": false});
    if let (Value::Object(map), false) = (&mut out, required.is_empty()) {
        map.insert("required".into(), json!(required));
    }
    out
}

fn shape(wanted: &Shape, known: &Known<'_>) -> Value {
    // YAML reads `reason: 12` as a number to an editor, and as text to us.
    let text = |pattern: &str| json!({"type": "string", "pattern": pattern});
    match wanted {
        Shape::Text => json!({"type": ["string", "number", "boolean"]}),
        Shape::Name => json!({"type": ["string", "number"], "pattern": "^[A-Za-z0-9._-]+$"}),
        Shape::Word(words) => {
            let meanings = words.iter().all(|(_, meaning)| !meaning.is_empty());
            let names: Vec<&str> = words.iter().map(|(word, _)| *word).collect();
            if meanings {
                let docs: Vec<String> = words.iter().map(|(word, meaning)| format!("{word}: {meaning}")).collect();
                json!({"enum": names, "markdownEnumDescriptions": docs})
            } else {
                json!({"enum": names})
            }
        }
        Shape::Flag => json!({"type": "boolean"}),
        Shape::Duration => text("^[0-9]+[wdhms]$"),
        Shape::Date => json!({"type": "string", "format": "date", "pattern": "^[0-9]{4}-[0-9]{2}-[0-9]{2}$"}),
        Shape::Severity => text("^(>= *)?(unknown|low|medium|high|critical)$"),
        Shape::Score => text("^>= *(0(\\.[0-9]+)?|1(\\.0+)?)$"),
        Shape::Path => json!({"type": "string", "minLength": 1}),
        Shape::ImageGlob | Shape::WordGlob | Shape::AnnotationGlob => json!({"type": "string", "minLength": 1}),
        Shape::Tag => json!({"type": ["string", "number"], "pattern": "^[A-Za-z0-9._*-]+$"}),
        Shape::List(Shape::Group(item)) => json!({"type": "array", "items": group(item, known)}),
        Shape::List(item) => json!({"type": "array", "items": shape(item, known), "minItems": 1}),
        Shape::AnyOr(item) => {
            let list = json!({"type": "array", "items": shape(item, known), "minItems": 1});
            json!({"oneOf": [{"enum": ["any"]}, list]})
        }
        Shape::Group(inner) => group(inner, known),
        Shape::Footprint => {
            let measure =
                json!({"type": ["string", "integer"], "pattern": "^[0-9]+(\\.[0-9]{1,3})?([kKMGT]B|[KMGT]iB|B)?$"});
            let setting = json!({"oneOf": [
                {"enum": ACTIONS},
                {"type": "object", "properties": {"warn": measure.clone(), "deny": measure},
                 "additionalProperties": false, "minProperties": 1},
            ]});
            let properties: Map<String, Value> =
                known.footprint_rules.iter().map(|id| ((*id).to_owned(), setting.clone())).collect();
            json!({"type": "object", "properties": properties, "additionalProperties": false})
        }
        Shape::Version => json!({"type": ["string", "number"], "pattern": "^(latest|v?1\\.[0-9]{1,3})$"}),
        Shape::Rules => {
            let properties: Map<String, Value> =
                known.workload_rules.iter().map(|id| ((*id).to_owned(), json!({"enum": ACTIONS}))).collect();
            json!({"type": "object", "properties": properties, "additionalProperties": false})
        }
        Shape::Named(inner) => {
            let name = json!({"pattern": "^[A-Za-z0-9._-]+$"});
            json!({"type": "object", "propertyNames": name, "additionalProperties": group(inner, known)})
        }
        Shape::Words => {
            let word = json!({"type": ["string", "number", "boolean"]});
            json!({"type": "object", "additionalProperties": word, "minProperties": 1})
        }
        Shape::Count => json!({"type": "integer", "minimum": 1}),
        Shape::PublicKey | Shape::Identity => json!({"type": "string", "minLength": 1}),
        Shape::Issuer => text("^[^*\\s]+://[^*\\s]+$"),
        Shape::AttestationType => {
            let names: Vec<&str> = PREDICATE_TYPES.iter().map(|(name, _)| *name).collect();
            json!({"anyOf": [{"enum": names}, text("^[^\\s]*://[^\\s]*$")]})
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fault::Faults;
    use crate::yaml::{Node, Value as Yaml, document};

    const KNOWN: Known<'static> = Known {
        footprint_rules: &["image-too-large", "runs-as-root", "secret-in-image", "shell-present"],
        workload_rules: &["secret-in-env", "cpu-limit-missing", "privileged"],
    };

    /// YAML as an editor reads it: plain words that look like numbers and flags are no text.
    fn json_of(node: &Node) -> Value {
        match &node.value {
            Yaml::List(items) => items.iter().map(json_of).collect(),
            Yaml::Map(entries) => entries
                .iter()
                .map(|(k, v)| (k.text().unwrap_or("").to_owned(), json_of(v)))
                .collect::<Map<_, _>>()
                .into(),
            Yaml::Scalar { .. } if node.is_null() => Value::Null,
            Yaml::Scalar { text, quoted } => match (node.boolean(), text.parse::<serde_json::Number>()) {
                (Some(flag), _) => flag.into(),
                (None, Ok(number)) if !quoted => number.into(),
                _ => text.as_str().into(),
            },
        }
    }

    /// The part of JSON Schema that the schema uses, patterns left out.
    fn valid(schema: &Value, value: &Value, path: &str) -> Result<(), String> {
        let of = |key: &str| schema.get(key);
        if let Some(words) = of("enum").and_then(Value::as_array)
            && !words.contains(value)
        {
            return Err(format!("{path}: {value} is none of {words:?}"));
        }
        if let Some(options) = of("oneOf").and_then(Value::as_array) {
            let good = options.iter().filter(|o| valid(o, value, path).is_ok()).count();
            return if good == 1 { Ok(()) } else { Err(format!("{path}: {good} of oneOf")) };
        }
        if let Some(options) = of("anyOf").and_then(Value::as_array) {
            let good = options.iter().any(|o| valid(o, value, path).is_ok());
            return if good { Ok(()) } else { Err(format!("{path}: none of anyOf")) };
        }
        let kinds: Vec<&str> = match of("type") {
            Some(Value::String(kind)) => vec![kind],
            Some(Value::Array(kinds)) => kinds.iter().filter_map(Value::as_str).collect(),
            _ => return Ok(()),
        };
        let kind = match value {
            Value::Null => "null",
            Value::Bool(_) => "boolean",
            Value::Number(n) if n.is_u64() && kinds.contains(&"integer") => "integer",
            Value::Number(_) => "number",
            Value::String(_) => "string",
            Value::Array(_) => "array",
            Value::Object(_) => "object",
        };
        if !kinds.contains(&kind) {
            return Err(format!("{path}: {kind}, not {kinds:?}"));
        }
        if let Value::Array(items) = value {
            for (i, item) in items.iter().enumerate() {
                valid(of("items").unwrap_or(&Value::Null), item, &format!("{path}[{i}]"))?;
            }
            if of("minItems") == Some(&json!(1)) && items.is_empty() {
                return Err(format!("{path}: empty"));
            }
        }
        if let Value::Object(entries) = value {
            for key in of("required").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str) {
                if !entries.contains_key(key) {
                    return Err(format!("{path}: no {key}"));
                }
            }
            for (key, item) in entries {
                let others = of("additionalProperties").filter(|others| others.is_object());
                let Some(inner) = of("properties").and_then(|p| p.get(key)).or(others) else {
                    return Err(format!("{path}: unknown {key}"));
                };
                valid(inner, item, &format!("{path}.{key}"))?;
            }
        }
        Ok(())
    }

    fn check(text: &str) -> Result<(), String> {
        let mut faults = Faults::new("p.yaml", text);
        let node = document(text, &mut faults).unwrap();
        valid(&schema(&KNOWN), &json_of(&node), "")
    }

    #[test]
    fn documents_that_the_reader_takes_fit_the_schema() {
        for text in [include_str!("../tests/fixtures/loadline.yaml"), include_str!("../tests/fixtures/everything.yaml")]
        {
            crate::parse("p.yaml", text.as_bytes(), &KNOWN).unwrap_or_else(|e| panic!("{e}"));
            check(text).unwrap();
        }
    }

    #[test]
    fn documents_that_the_reader_refuses_do_not_fit() {
        let good = include_str!("../tests/fixtures/loadline.yaml");
        for (from, to) in [
            ("mode: enforce", "mode: enforced"),
            ("undecided: deny", "undecidd: deny"),
            ("    refuse: not from an allowed registry", "    refuse: no\n    signatures: {al: [release]}"),
            ("{publicKey: keys/release.pub}", "{publickey: keys/release.pub}"),
            ("annotations: {env: prod}", "annotations: {env: [prod]}"),
            ("by: [builder]", "by: builder"),
            ("use: vex", "use: sbom"),
            ("footprint: {runs-as-root: deny", "footprint: {runs-as-rot: deny"),
            ("footprint: {runs-as-root: deny", "footprint: {runs-as-root: refuse"),
            ("kind: LoadLine\n", ""),
            ("pin: true", "pin: \"true\""),
            ("groups: [oncall]", "groups: oncall"),
            ("  value: break-glass\n", ""),
        ] {
            let text = good.replace(from, to);
            assert_ne!(text, good);
            assert!(crate::parse("p.yaml", text.as_bytes(), &KNOWN).is_err(), "{to}");
            assert!(check(&text).is_err(), "{to}");
        }
    }

    #[test]
    fn schema_says_what_it_is_and_documents_every_key() {
        fn undocumented(schema: &Value, path: &str, out: &mut Vec<String>) {
            for (key, value) in schema.get("properties").and_then(Value::as_object).into_iter().flatten() {
                let path = format!("{path}.{key}");
                if value.get("description").is_none() && !path.contains(".footprint.") && !path.contains(".rules.") {
                    out.push(path.clone());
                }
                undocumented(value, &path, out);
                for inner in ["items", "additionalProperties"] {
                    undocumented(value.get(inner).unwrap_or(&Value::Null), &path, out);
                }
            }
        }
        let schema = schema(&KNOWN);
        assert_eq!(schema["$schema"], "https://json-schema.org/draft/2020-12/schema");
        let mut out = Vec::new();
        undocumented(&schema, "", &mut out);
        assert_eq!(out, [""; 0]);
    }
}
