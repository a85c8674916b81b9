//! What was set, and where. In: a flag, the environment (`CONFTEST_FAIL_ON_WARN`), a configuration file. Out: the first of them
//! that says something.

use std::path::Path;

use plimsoll_rego::value::{JsonLimits, Value};

use super::protos::Protos;
use crate::compat::truth;
use crate::rego::load;

/// The names of a configuration file that is not named, in the order in which they are looked for.
const FILES: &[&str] = &["conftest.json", "conftest.toml", "conftest.yaml", "conftest.yml"];

pub struct Settings {
    file: Value,
}

impl Settings {
    /// Reads the configuration file, if there is one.
    pub fn read(named: Option<&str>) -> Result<Settings, String> {
        let named = named.map(str::to_owned).or_else(|| environment("config-file")).filter(|name| !name.is_empty());
        let found = match named {
            Some(name) => Some(name),
            None => FILES.iter().find(|name| Path::new(name).is_file()).map(|name| (*name).to_owned()),
        };
        let Some(name) = found else { return Ok(Settings { file: Value::object(Vec::new()) }) };
        let wrong = |why: String| format!("read in config: error reading config: {why}");
        let content = load::bytes(Path::new(&name)).map_err(|fault| wrong(fault.text()))?;
        let extension = Path::new(&name).extension().and_then(|extension| extension.to_str()).unwrap_or_default();
        let file = match extension {
            "toml" => super::configs::of_format("toml", &content, &Protos::default())
                .map_err(|fault| format!("{}: {}", fault.place(&name), fault.message)),
            "json" => Value::from_json(&content).map_err(|error| format!("{name}: {error}")),
            "yaml" | "yml" => {
                Value::from_yaml(&content, &JsonLimits::default()).map_err(|error| format!("{name}: {error}"))
            }
            other => return Err(wrong(format!("Unsupported Config Type {other:?}"))),
        };
        let file = file.map_err(|why| wrong(format!("While parsing config: {why}")))?;
        Ok(Settings { file })
    }

    /// Keys are the same in upper and lower case.
    fn get(&self, key: &str) -> Option<&Value> {
        let Value::Object(object) = &self.file else { return None };
        let same = |have: &Value| have.as_str().is_some_and(|have| have.eq_ignore_ascii_case(key));
        object.entries().iter().find(|(have, _)| same(have)).map(|(_, value)| value)
    }

    pub fn text(&self, flag: Option<&String>, key: &str) -> Option<String> {
        flag.cloned().or_else(|| environment(key)).or_else(|| self.get(key).map(word))
    }

    pub fn truth(&self, flag: Option<bool>, key: &str) -> Result<bool, String> {
        Ok(self.said(flag, key)?.unwrap_or(false))
    }

    /// Like [`Settings::truth`], where it counts whether anything was said.
    pub fn said(&self, flag: Option<bool>, key: &str) -> Result<Option<bool>, String> {
        if flag.is_some() {
            return Ok(flag);
        }
        let text = environment(key).or_else(|| self.get(key).map(word));
        let read = |text: String| match text.as_str() {
            "" => Ok(false),
            text => truth(text).map_err(|why| format!("unmarshal parameters: {key}: {why}")),
        };
        text.map(read).transpose()
    }

    pub fn list(&self, flag: &[String], key: &str, default: &[&str]) -> Vec<String> {
        if !flag.is_empty() {
            return flag.to_vec();
        }
        let split = |text: &str| match text {
            "" => Vec::new(),
            text => text.split(',').map(str::to_owned).collect(),
        };
        match (environment(key), self.get(key)) {
            (Some(text), _) => split(&text),
            (None, Some(Value::Array(items))) => items.items().iter().map(word).collect(),
            (None, Some(value)) => split(&word(value)),
            (None, None) => default.iter().map(|text| (*text).to_owned()).collect(),
        }
    }
}

/// A variable that is set to nothing is not set.
fn environment(key: &str) -> Option<String> {
    let name = format!("CONFTEST_{}", key.replace('-', "_").to_uppercase());
    std::env::var(name).ok().filter(|text| !text.is_empty())
}

fn word(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_json(), str::to_owned)
}
