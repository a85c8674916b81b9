//! Public test data of others, read where it lies: the cases of rego-v1 and the templates of gatekeeper-library.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde_json::value::RawValue;

use super::ask::Ask;

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
