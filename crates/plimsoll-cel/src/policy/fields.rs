//! Reads JSON objects field by field, and tells every field that nobody asked for: a misspelt one is a policy that does not do
//! what its author thinks.

use std::fmt;

use serde_json::{Map, Value as Json};

/// What is wrong with a policy, and where: `spec.validations[0].expression`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    pub path: String,
    pub message: String,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.path, self.message)
    }
}

/// Why a document is no policy: at least one fault.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PolicyError {
    pub kind: &'static str,
    pub name: String,
    pub faults: Vec<Fault>,
}

impl fmt::Display for PolicyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "could not load {} {:?}", self.kind, self.name)?;
        for fault in &self.faults {
            write!(f, "\n{fault}")?;
        }
        Ok(())
    }
}

impl std::error::Error for PolicyError {}

/// Faults that are told of one document.
const MAX_FAULTS: usize = 100;

#[derive(Debug, Default)]
pub(super) struct Faults {
    all: Vec<Fault>,
}

impl Faults {
    pub fn add(&mut self, path: impl Into<String>, message: impl Into<String>) {
        if self.all.len() < MAX_FAULTS {
            self.all.push(Fault { path: path.into(), message: message.into() });
        }
    }

    pub fn result<T>(self, kind: &'static str, name: &str, value: T) -> Result<T, PolicyError> {
        if self.all.is_empty() { Ok(value) } else { Err(PolicyError { kind, name: name.to_owned(), faults: self.all }) }
    }
}

/// An object whose fields are being read.
pub(super) struct Fields<'a> {
    path: String,
    object: Option<&'a Map<String, Json>>,
    asked: Vec<&'static str>,
}

impl<'a> Fields<'a> {
    pub fn of(json: &'a Json, path: impl Into<String>, faults: &mut Faults) -> Fields<'a> {
        let path = path.into();
        if !json.is_object() {
            faults.add(path.clone(), "must be an object");
        }
        Fields { path, object: json.as_object(), asked: Vec::new() }
    }

    pub fn path(&self, name: &str) -> String {
        if self.path.is_empty() { name.to_owned() } else { format!("{}.{name}", self.path) }
    }

    /// A field; null is as if it were not there.
    pub fn get(&mut self, name: &'static str) -> Option<&'a Json> {
        self.asked.push(name);
        self.object?.get(name).filter(|value| !value.is_null())
    }

    pub fn text(&mut self, name: &'static str, faults: &mut Faults) -> Option<&'a str> {
        let value = self.get(name)?;
        if !value.is_string() {
            faults.add(self.path(name), "must be a string");
        }
        value.as_str()
    }

    /// A text that must be there and say something.
    pub fn required(&mut self, name: &'static str, faults: &mut Faults) -> &'a str {
        match self.text(name, faults) {
            Some(text) if !text.trim().is_empty() => text,
            _ => {
                faults.add(self.path(name), "Required value");
                ""
            }
        }
    }

    pub fn list(&mut self, name: &'static str, faults: &mut Faults) -> &'a [Json] {
        match self.get(name) {
            None => &[],
            Some(Json::Array(items)) => items,
            Some(_) => {
                faults.add(self.path(name), "must be a list");
                &[]
            }
        }
    }

    pub fn texts(&mut self, name: &'static str, faults: &mut Faults) -> Vec<String> {
        let items = self.list(name, faults);
        let texts: Vec<String> = items.iter().filter_map(Json::as_str).map(str::to_owned).collect();
        if texts.len() != items.len() {
            faults.add(self.path(name), "must be a list of strings");
        }
        texts
    }

    /// Tells what nobody asked for.
    pub fn done(self, faults: &mut Faults) {
        for name in self.object.into_iter().flat_map(Map::keys) {
            if !self.asked.contains(&name.as_str()) {
                faults.add(self.path(name), "unknown field");
            }
        }
    }
}
