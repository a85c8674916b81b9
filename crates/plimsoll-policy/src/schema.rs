//! A JSON Schema (draft 2020-12) of the LoadLine, for editors. In: the table of keys and the known rule ids. Out: the
//! schema. What it does not say: what only the whole document shows (duplicate names, softening, grace without a fix).

use serde_json::{Map, Value, json};

use crate::keys::{ACTIONS, DOCUMENT, Group, Shape};
use crate::read::Known;

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
    for key in group.keys.iter().filter(|k| !matches!(k.shape, Shape::NotBuilt)) {
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
        Shape::ImageGlob | Shape::WordGlob => json!({"type": "string", "minLength": 1}),
        Shape::Tag => json!({"type": ["string", "number"], "pattern": "^[A-Za-z0-9._*-]+$"}),
        Shape::List(Shape::Group(item)) => json!({"type": "array", "items": group(item, known)}),
        Shape::List(item) => json!({"type": "array", "items": shape(item, known), "minItems": 1}),
        Shape::Group(inner) => group(inner, known),
        Shape::Footprint => {
            let measure =
                json!({"type": ["string", "integer"], "pattern": "^[0-9]+(\\.[0-9]{1,3})?([kKMGT]B|[KMGT]iB|B)?$"});
            let setting = json!({"oneOf": [
                {"enum": ACTIONS},
                {"type": "object", "properties": {"warn": measure.clone(), "deny": measure},
                 "additionalProperties": false, "minProperties": 1, "maxProperties": 1},
            ]});
            let properties: Map<String, Value> =
                known.footprint_rules.iter().map(|id| ((*id).to_owned(), setting.clone())).collect();
            json!({"type": "object", "properties": properties, "additionalProperties": false})
        }
        // Left out by `group`: an editor should not offer what would be refused.
        Shape::NotBuilt => json!(false),
    }
}
