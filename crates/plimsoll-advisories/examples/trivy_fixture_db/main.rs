//! Writes a `trivy.db` and its `metadata.json` from a folder of bolt-fixtures YAML, for tests and CI. In: the folder and
//! an output folder. Out: the two files.
//!
//!     cargo run -p plimsoll-advisories --example trivy_fixture_db -- FIXTURES OUT [UPDATED_AT]
//!
//! A fixture is a list of `{bucket, pairs}`, where a pair is a bucket again or `{key, value}`. Values that are maps,
//! lists or absent are written as JSON, whole floats as integers, scalars as their text.

use std::error::Error;
use std::path::Path;

use bolt_writer::{Node, Tree};
use plimsoll_advisories::feeds::yaml::{Scalars, value};
use serde_json::Value;

mod bolt_writer;

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let (Some(fixtures), Some(out)) = (arguments.first(), arguments.get(1)) else {
        return Err("usage: trivy_fixture_db FIXTURES OUT [UPDATED_AT]".into());
    };
    let updated = arguments.get(2).map_or("2021-08-25T12:20:30Z", String::as_str);
    let mut files: Vec<_> = std::fs::read_dir(fixtures)?.collect::<Result<Vec<_>, _>>()?;
    files.sort_by_key(std::fs::DirEntry::file_name);
    let mut root = Tree::new();
    for file in files {
        let path = file.path();
        if path.extension().is_none_or(|e| e != "yaml") {
            continue;
        }
        let text = std::fs::read_to_string(&path)?;
        let list = value(&text, Scalars::Typed).map_err(|e| format!("{}: {e}", path.display()))?;
        add(&mut root, list).map_err(|e| format!("{}: {e}", path.display()))?;
    }
    let out = Path::new(out);
    std::fs::create_dir_all(out)?;
    std::fs::write(out.join("trivy.db"), bolt_writer::file(&root))?;
    let next: jiff::Timestamp = updated.parse::<jiff::Timestamp>()? + jiff::SignedDuration::from_hours(24);
    let metadata = serde_json::json!({
        "Version": 2, "NextUpdate": next.to_string(), "UpdatedAt": updated, "DownloadedAt": updated,
    });
    std::fs::write(out.join("metadata.json"), metadata.to_string())?;
    println!("wrote {} with {} lists", out.join("trivy.db").display(), root.len());
    Ok(())
}

/// Adds a list of pairs; buckets that come again are merged.
fn add(tree: &mut Tree, list: Value) -> Result<(), String> {
    let Value::Array(pairs) = list else { return Err("no list of pairs".to_owned()) };
    for mut pair in pairs {
        if let Some(name) = pair.get("bucket").map(text) {
            let inner = tree.entry(name.into_bytes()).or_insert_with(|| Node::Bucket(Tree::new()));
            let Node::Bucket(inner) = inner else { return Err("a bucket where a value stands already".to_owned()) };
            add(inner, pair.get_mut("pairs").map(Value::take).unwrap_or(Value::Array(Vec::new())))?;
        } else if let Some(key) = pair.get("key").map(text) {
            let value = match pair.get_mut("value").map(Value::take).unwrap_or(Value::Null) {
                value @ (Value::Object(_) | Value::Array(_) | Value::Null) => whole_numbers(value).to_string(),
                scalar => text(&scalar),
            };
            tree.insert(key.trim_end().as_bytes().to_vec(), Node::Value(value.into_bytes()));
        } else {
            return Err(format!("a pair that is neither bucket nor key: {pair}"));
        }
    }
    Ok(())
}

fn text(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        other => whole_numbers(other.clone()).to_string(),
    }
}

/// `1.0` is written `1`, as the fixtures' own tool does.
fn whole_numbers(value: Value) -> Value {
    match value {
        Value::Number(number) => match number.as_f64() {
            Some(float) if float.fract() == 0.0 && float.abs() < 9e15 => Value::from(float as i64),
            _ => Value::Number(number),
        },
        Value::Array(items) => items.into_iter().map(whole_numbers).collect(),
        Value::Object(map) => map.into_iter().map(|(key, value)| (key, whole_numbers(value))).collect(),
        other => other,
    }
}
