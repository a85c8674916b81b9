//! Public test data of others, read where it lies: the cases of rego-v1 and the templates of gatekeeper-library.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde_json::Value;
use serde_json::value::RawValue;

use super::ask::Ask;
use super::yaml;

/// All files below a folder whose name ends so, sorted.
pub fn files(folder: &Path, ending: &str) -> Result<Vec<PathBuf>, String> {
    let mut found = Vec::new();
    let mut open = vec![folder.to_owned()];
    while let Some(folder) = open.pop() {
        let entries = std::fs::read_dir(&folder).map_err(|error| format!("{}: {error}", folder.display()))?;
        for entry in entries {
            let path = entry.map_err(|error| format!("{}: {error}", folder.display()))?.path();
            if path.is_dir() {
                open.push(path);
            } else if path.to_string_lossy().ends_with(ending) {
                found.push(path);
            }
        }
    }
    found.sort();
    Ok(found)
}

pub fn text(path: &Path) -> Result<String, String> {
    std::fs::read_to_string(path).map_err(|error| format!("{}: {error}", path.display()))
}

/// One case of rego-v1.
#[derive(Debug, Clone, Default)]
pub struct Case {
    pub file: PathBuf,
    pub note: String,
    pub ask: Ask,
    /// JSON: an array of objects, one for each solution.
    pub want_result: Option<String>,
    pub want_error: Option<String>,
    pub want_error_code: Option<String>,
    /// Arrays in bindings count as sets.
    pub sort_bindings: bool,
    /// Variables that the compiler made are no part of the solutions.
    pub ignore_generated_vars: bool,
}

/// Their digits matter, so values stay the text that they are.
type Fields<'a> = BTreeMap<String, &'a RawValue>;

fn case(file: &Path, fields: &Fields<'_>) -> Result<Case, serde_json::Error> {
    let raw = |key: &str| fields.get(key).map(|value| value.get()).filter(|text| *text != "null");
    let string = |key: &str| raw(key).map(serde_json::from_str::<String>).transpose();
    let flag = |key: &str| raw(key) == Some("true");
    let modules: Vec<String> = raw("modules").map(serde_json::from_str).transpose()?.unwrap_or_default();
    let modules = modules.into_iter().enumerate().map(|(at, text)| (format!("test-{at}.rego"), text)).collect();
    Ok(Case {
        file: file.to_owned(),
        note: string("note")?.unwrap_or_default(),
        ask: Ask {
            modules,
            query: string("query")?,
            // An input of null is one.
            input: fields.get("input").map(|value| value.get().to_owned()),
            input_term: string("input_term")?,
            data: raw("data").map(str::to_owned),
            strict_builtin_errors: flag("strict_error"),
            ..Ask::default()
        },
        want_result: raw("want_result").map(str::to_owned),
        want_error: string("want_error")?,
        want_error_code: string("want_error_code")?,
        sort_bindings: flag("sort_bindings"),
        ignore_generated_vars: flag("ignore_generated_vars"),
    })
}

/// All cases below a folder.
pub fn cases(folder: &Path) -> Result<Vec<Case>, String> {
    let mut all = Vec::new();
    for file in files(folder, ".json")? {
        let whole = text(&file)?;
        let read = || -> Result<Vec<Case>, serde_json::Error> {
            let top: Fields<'_> = serde_json::from_str(&whole)?;
            let Some(list) = top.get("cases") else { return Ok(Vec::new()) };
            let list: Vec<Fields<'_>> = serde_json::from_str(list.get())?;
            list.iter().map(|fields| case(&file, fields)).collect()
        };
        all.extend(read().map_err(|error| format!("{}: {error}", file.display()))?);
    }
    Ok(all)
}

/// The Rego of a template.
pub struct Template {
    pub modules: Vec<(String, String)>,
    pub query: String,
    pub v0: bool,
}

fn package(text: &str) -> Option<&str> {
    let line = text.lines().find_map(|line| line.trim().strip_prefix("package "))?;
    line.split('#').next().map(str::trim)
}

pub fn strings(list: &Value) -> impl Iterator<Item = &str> {
    list.as_array().into_iter().flatten().filter_map(Value::as_str)
}

/// None where a template has no Rego.
pub fn template(file: &Path) -> Result<Option<Template>, String> {
    let document = yaml::one(file)?;
    for target in document["spec"]["targets"].as_array().into_iter().flatten() {
        let code = target["code"].as_array().into_iter().flatten().find(|code| code["engine"] == "Rego");
        let source = code.map_or(target, |code| &code["source"]);
        let Some(text) = source["rego"].as_str() else { continue };
        let mut modules = vec![("template.rego".to_owned(), text.to_owned())];
        let libs = strings(&source["libs"]).enumerate();
        modules.extend(libs.map(|(at, text)| (format!("lib-{at}.rego"), text.to_owned())));
        let package = package(text).ok_or_else(|| format!("{}: no package", file.display()))?;
        return Ok(Some(Template {
            modules,
            query: format!("data.{package}.violation"),
            v0: source["version"].as_str() != Some("v1"),
        }));
    }
    Ok(None)
}
