//! Suites of tests. In: paths. Out: what is to be run, as gator reads it, or what has not the shape that it must have.

mod shape;

use std::path::{Path, PathBuf};

use plimsoll_gatekeeper::{Document, Fault, FaultKind, Words};

use super::super::read;
use crate::rego::load;

/// Folders in one another.
const MAX_DEPTH: usize = 64;

#[derive(Default)]
pub struct Suite {
    /// As it is shown.
    pub name: String,
    pub folder: PathBuf,
    pub skip: bool,
    pub tests: Vec<Test>,
}

#[derive(Default)]
pub struct Test {
    pub name: String,
    pub template: String,
    pub constraint: String,
    pub expansion: String,
    pub cases: Vec<Case>,
    pub invalid: bool,
    pub skip: bool,
}

#[derive(Default)]
pub struct Case {
    pub name: String,
    pub object: String,
    pub inventory: Vec<String>,
    pub assertions: Vec<Assertion>,
    pub skip: bool,
}

#[derive(Debug, PartialEq)]
pub struct Assertion {
    pub violations: Violations,
    pub message: Option<String>,
}

/// How many there must be.
#[derive(Debug, PartialEq)]
pub enum Violations {
    Count(i64),
    Word(String),
}

/// The suites of a path.
pub fn read(path: &Path, shown: &str, recursive: bool) -> Result<Vec<Suite>, String> {
    let path = if path.as_os_str().is_empty() { Path::new(".") } else { path };
    let about = std::fs::metadata(path).map_err(|error| load::failed("stat", path, &error).text())?;
    if !about.is_dir() {
        if recursive {
            return Err(format!("can only recursively traverse directories, not a directory: {shown:?}"));
        }
        let extension = path.extension().map(|text| format!(".{}", text.to_string_lossy())).unwrap_or_default();
        if !is_yaml(path) {
            return Err(format!("unsupported extension: {extension:?}"));
        }
        return Ok(suite(path, shown)?.into_iter().collect());
    }
    let walk = ignore::WalkBuilder::new(path)
        .standard_filters(false)
        .max_depth(Some(if recursive { MAX_DEPTH } else { 1 }))
        .sort_by_file_name(std::ffi::OsStr::cmp)
        .build();
    let mut found = Vec::new();
    for entry in walk {
        let entry = entry.map_err(|error| error.to_string())?;
        if !entry.file_type().is_some_and(|kind| kind.is_dir()) && is_yaml(entry.path()) {
            found.push(entry.into_path());
        }
    }
    found.sort();
    let mut suites = Vec::new();
    for file in found {
        let inner = file.strip_prefix(path).unwrap_or(&file).display().to_string();
        let between = if shown.is_empty() || shown.ends_with('/') { "" } else { "/" };
        suites.extend(suite(&file, &format!("{shown}{between}{inner}"))?);
    }
    Ok(suites)
}

fn is_yaml(path: &Path) -> bool {
    path.extension().is_some_and(|extension| extension == "yaml" || extension == "yml")
}

/// The suite of a file; `None` where it holds something else.
fn suite(file: &Path, shown: &str) -> Result<Option<Suite>, String> {
    let content = load::bytes(file).map_err(|fault| format!("reading file {shown:?}: {}", fault.text()))?;
    // Other kinds of YAML lie beside suites: only what says that it is one must be right.
    let claims = String::from_utf8_lossy(&content).contains("test.gatekeeper.sh");
    let documents = match read::text_documents(&file.display().to_string(), &content, Words::Core) {
        Ok(documents) => documents,
        Err(_) if !claims => return Ok(None),
        Err(unread) => {
            let below = unread.fault.as_deref().map(super::super::below).unwrap_or_default();
            return Err(format!("invalid yaml: parsing yaml file {shown:?}: {}{below}", unread.words));
        }
    };
    let Some(document) = documents.first().filter(|document| is_suite(document)) else { return Ok(None) };
    let folder = file.parent().unwrap_or(Path::new(".")).to_owned();
    let read = shape::suite(document.value(), shown, folder).map_err(|wrong| {
        let fault = Fault::new(FaultKind::Malformed, wrong.message);
        let fault = document.place(&wrong.path).map_or(fault.clone(), |place| fault.at(place));
        format!("invalid yaml: {}{}", fault.message, super::super::below(&fault))
    });
    read.map(Some)
}

fn is_suite(document: &Document) -> bool {
    document.group() == "test.gatekeeper.sh" && document.kind() == "Suite"
}
