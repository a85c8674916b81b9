//! What policies said. In: values of rules. Out: results, counted as conftest counts them.

use std::collections::BTreeMap;

use plimsoll_rego::value::Value;
use serde::{Deserialize, Serialize};

use crate::rego::json::Json;

/// One thing that a rule said; without a message it said that all is well.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Finding {
    #[serde(rename = "msg", default)]
    pub message: String,
    #[serde(rename = "loc", default, skip_serializing_if = "Option::is_none")]
    pub location: Option<Location>,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub metadata: BTreeMap<String, Meta>,
}

/// A value of metadata: of Rego, or of a report that is read again.
#[derive(Debug, Clone, Deserialize)]
#[serde(untagged)]
pub enum Meta {
    #[serde(skip)]
    Rego(Json),
    Json(serde_json::Value),
}

impl Serialize for Meta {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Meta::Rego(value) => value.serialize(serializer),
            Meta::Json(value) => value.serialize(serializer),
        }
    }
}

/// Where in the configuration, as the policy says.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Location {
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub file: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub line: Option<serde_json::Number>,
}

impl Location {
    pub fn line_text(&self) -> String {
        self.line.as_ref().map(serde_json::Number::to_string).unwrap_or_default()
    }
}

/// One query and what it did.
#[derive(Debug, Clone, Default)]
pub struct Query {
    pub query: String,
    pub passed: bool,
    pub traces: Vec<String>,
    pub outputs: Vec<String>,
}

/// What the rules of a namespace say about a file.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Check {
    #[serde(rename = "filename", default)]
    pub file: String,
    #[serde(default)]
    pub namespace: String,
    #[serde(default)]
    pub successes: usize,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub skipped: Vec<Finding>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub warnings: Vec<Finding>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub failures: Vec<Finding>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub exceptions: Vec<Finding>,
    #[serde(skip)]
    pub queries: Vec<Query>,
}

/// Results of each kind.
#[derive(Debug, Clone, Copy, Default)]
pub struct Totals {
    pub successes: usize,
    pub failures: usize,
    pub warnings: usize,
    pub exceptions: usize,
    pub skipped: usize,
}

impl Check {
    pub fn totals(&self) -> Totals {
        Totals {
            successes: self.successes,
            failures: self.failures.len(),
            warnings: self.warnings.len(),
            exceptions: self.exceptions.len(),
            skipped: self.skipped.len(),
        }
    }

    /// Takes in what was said about another document of the file.
    pub fn add(&mut self, other: Check) {
        self.successes += other.successes;
        self.warnings.extend(other.warnings);
        self.failures.extend(other.failures);
        self.exceptions.extend(other.exceptions);
        self.queries.extend(other.queries);
    }
}

impl Totals {
    pub fn of(checks: &[Check]) -> Totals {
        checks.iter().map(Check::totals).fold(Totals::default(), |a, b| Totals {
            successes: a.successes + b.successes,
            failures: a.failures + b.failures,
            warnings: a.warnings + b.warnings,
            exceptions: a.exceptions + b.exceptions,
            skipped: a.skipped + b.skipped,
        })
    }

    pub fn tests(&self) -> usize {
        self.successes + self.failures + self.warnings + self.exceptions + self.skipped
    }
}

impl std::fmt::Display for Totals {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let counted = |count: usize, word: &str| format!("{count} {word}{}", if count == 1 { "" } else { "s" });
        write!(
            f,
            "{}, {} passed, {}, {}, {}",
            counted(self.tests(), "test"),
            self.successes,
            counted(self.warnings, "warning"),
            counted(self.failures, "failure"),
            counted(self.exceptions, "exception"),
        )
    }
}

/// Conftest's status.
pub fn status(checks: &[Check], fail_on_warn: bool) -> u8 {
    let any = |kind: fn(&Check) -> &Vec<Finding>| checks.iter().any(|check| !kind(check).is_empty());
    let (failed, warned) = (any(|check| &check.failures), any(|check| &check.warnings));
    match (failed, warned, fail_on_warn) {
        (true, _, false) => 1,
        (true, _, true) => 2,
        (false, true, true) => 1,
        _ => 0,
    }
}

impl Finding {
    /// What a member of a rule's set says; nothing of one that is neither a text nor an object.
    pub fn of(value: &Value, query: &str) -> Result<Option<Finding>, String> {
        let asked = || ("query".to_owned(), Meta::Rego(Json(Value::string(query))));
        match value {
            Value::String(text) => {
                Ok(Some(Finding { message: text.to_string(), location: None, metadata: BTreeMap::from([asked()]) }))
            }
            Value::Object(object) => {
                let message = object.get_str("msg").and_then(Value::as_str);
                let message = message.ok_or("new result: \"msg\" field must be present and a string")?;
                let named = |key: &Value| key.as_str().map_or_else(|| key.to_json(), str::to_owned);
                let rest = object.entries().iter().map(|(key, value)| (named(key), value));
                let rest = rest.filter(|(key, _)| key != "msg" && key != "_loc");
                let mut metadata: BTreeMap<String, Meta> =
                    rest.map(|(key, value)| (key, Meta::Rego(Json(value.clone())))).collect();
                metadata.extend([asked()]);
                let location = object.get_str("_loc").and_then(location);
                Ok(Some(Finding { message: message.to_owned(), location, metadata }))
            }
            _ => Ok(None),
        }
    }
}

fn location(value: &Value) -> Option<Location> {
    let Value::Object(object) = value else { return None };
    let file = object.get_str("file").and_then(Value::as_str).unwrap_or_default().to_owned();
    let line = match object.get_str("line") {
        Some(Value::Number(number)) => serde_json::from_str(&number.to_string()).ok(),
        _ => None,
    };
    (!file.is_empty() || line.is_some()).then_some(Location { file, line })
}
