//! YAML files of a cluster as JSON, plain words read as Kubernetes reads them (`yes` is true).

use std::path::Path;

use plimsoll_yaml::{Node, Value as Yaml};
use serde_json::Value;

use super::public::text;

fn scalar(text: &str) -> Value {
    match text {
        "" | "~" | "null" | "Null" | "NULL" => Value::Null,
        "true" | "True" | "TRUE" | "yes" | "Yes" | "YES" | "on" | "On" | "ON" => true.into(),
        "false" | "False" | "FALSE" | "no" | "No" | "NO" | "off" | "Off" | "OFF" => false.into(),
        _ => match serde_json::from_str(text) {
            Ok(Value::Number(number)) => Value::Number(number),
            _ => text.into(),
        },
    }
}

fn json(node: &Node) -> Value {
    match &node.value {
        Yaml::Scalar { text, plain: true } => scalar(text),
        Yaml::Scalar { text, plain: false } => text.as_str().into(),
        Yaml::List(items) => items.iter().map(|item| json(item)).collect(),
        Yaml::Map(_) => {
            let pairs = node.all_pairs().into_iter();
            pairs.map(|(key, value)| (key.text().unwrap_or("").to_owned(), json(value))).collect()
        }
    }
}

pub fn all(file: &Path) -> Result<Vec<Value>, String> {
    let mut text = text(file)?;
    loop {
        let (documents, fault) = plimsoll_yaml::documents(&text);
        let Some(fault) = fault else {
            return Ok(documents.iter().map(|document| json(document)).filter(|value| !value.is_null()).collect());
        };
        let error = format!("{}:{}: {}", file.display(), fault.line, fault.message);
        // Kubernetes' own reader takes a quoted text whose next line stands no deeper than its key; folding drops what
        // stands before that line, so it may as well stand deeper.
        if !fault.message.contains("invalid indentation in multiline quoted scalar") || text.len() > 1 << 20 {
            return Err(error);
        }
        let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
        let line = usize::try_from(fault.line).ok().and_then(|row| lines.get_mut(row.checked_sub(1)?));
        line.ok_or(error)?.insert_str(0, "                    ");
        text = lines.join("\n") + "\n";
    }
}

/// The first document.
pub fn one(file: &Path) -> Result<Value, String> {
    all(file)?.into_iter().next().ok_or_else(|| format!("{}: empty", file.display()))
}
