//! `opa inspect`. In: a bundle, a folder or one policy. Out: its manifest, which file is in which namespace, and with `-a` its
//! annotations.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use plimsoll_rego::ast::{Annotations, Module, json as tree, text};
use plimsoll_rego::bundle::Manifest;
use plimsoll_rego::span::{Sources, Span};
use serde::Serialize;

use super::flags::{Inspect, Pretty};
use super::{FAILURE, complain, print, table};
use crate::exit::Exit;
use crate::rego::fault::{self, Fault, Place};
use crate::rego::json::Json;
use crate::rego::load::{Choice, Loaded};

/// Columns of a cell.
const MAX_CELL: usize = 50;
const PAGE: usize = 80;

#[derive(Serialize)]
struct Report {
    #[serde(skip_serializing_if = "Option::is_none")]
    manifest: Option<Json>,
    signatures_config: BTreeMap<String, Vec<String>>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    namespaces: BTreeMap<String, Vec<String>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    annotations: Vec<Annotated>,
}

#[derive(Serialize)]
struct Annotated {
    path: serde_json::Value,
    annotations: serde_json::Value,
    location: Option<Place>,
    #[serde(skip)]
    shown: String,
}

pub fn run(asked: &Inspect) -> Exit {
    match report(asked) {
        Ok((report, manifest)) => match asked.format {
            Pretty::Json => print(&crate::rego::json::pretty(&report)),
            Pretty::Pretty => print(&pretty(&report, manifest.as_ref(), asked.annotations)),
        },
        Err(faults) => complain(&format!("error: {}", fault::text(&faults)), FAILURE),
    }
}

fn report(asked: &Inspect) -> Result<(Report, Option<Manifest>), Vec<Fault>> {
    let capabilities = asked.dialect.capabilities().map_err(|fault| vec![fault])?;
    let choice = Choice { parse: asked.dialect.parse_options(&capabilities), ..Choice::default() };
    let mut loaded = Loaded::default();
    let single = asked.path.ends_with(".rego");
    let paths = std::slice::from_ref(&asked.path);
    let faults = if single { loaded.paths(paths, &choice) } else { loaded.bundles(paths, &choice) };
    if !faults.is_empty() {
        return Err(faults);
    }
    let mut namespaces: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for module in &loaded.modules {
        let file = loaded.sources.get(module.source).map_or_else(String::new, |source| source.name.to_string());
        let packed = !single && !Path::new(&asked.path).is_dir();
        let file = plain(if packed { file.trim_start_matches('/') } else { &file });
        namespaces.entry(text::reference(&module.package.path)).or_default().push(file);
    }
    let mut manifest = None;
    for (_, bundle) in &loaded.bundles {
        for path in &bundle.data_files {
            let mut folders: Vec<&str> = path.split('/').filter(|part| !part.is_empty()).collect();
            folders.pop();
            let namespace = std::iter::once("data").chain(folders).collect::<Vec<_>>().join(".");
            let shown = match Path::new(&asked.path).is_dir() {
                true => plain(&format!("{}{path}", asked.path.trim_end_matches('/'))),
                false => path.trim_start_matches('/').to_owned(),
            };
            namespaces.entry(namespace).or_default().push(shown);
        }
        manifest = Some(bundle.manifest.clone());
    }
    let annotations = match asked.annotations {
        true => loaded.modules.iter().flat_map(|module| annotated(module, &loaded.sources)).collect(),
        false => Vec::new(),
    };
    let report = Report {
        manifest: manifest.as_ref().map(|manifest| Json(manifest.to_value())),
        signatures_config: BTreeMap::new(),
        namespaces,
        annotations,
    };
    Ok((report, manifest))
}

/// A path without `./` in front.
fn plain(path: &str) -> String {
    Path::new(path)
        .components()
        .collect::<std::path::PathBuf>()
        .display()
        .to_string()
        .trim_start_matches("./")
        .to_owned()
}

fn annotated(module: &Module, sources: &Sources) -> Vec<Annotated> {
    let package = &module.package.path;
    let mut all: Vec<Annotated> = Vec::new();
    let of_rules: BTreeSet<usize> = module.rules.iter().flat_map(|rule| rule.annotations.iter().copied()).collect();
    for (at, annotations) in module.annotations.iter().enumerate() {
        if !of_rules.contains(&at) {
            all.push(one(annotations, package, package, None, module.package.span, sources));
        }
    }
    for rule in &module.rules {
        for at in &rule.annotations {
            let Some(annotations) = module.annotations.get(*at) else { continue };
            let mut path = package.clone();
            path.extend(rule.head.reference.iter().map(|term| match &term.kind {
                plimsoll_rego::ast::TermKind::Var(name) => plimsoll_rego::ast::Term::string(term.span, name),
                _ => term.clone(),
            }));
            let named = Some(text::reference(&rule.head.reference));
            all.push(one(annotations, &path, package, named, rule.span, sources));
        }
    }
    all
}

fn one(
    annotations: &Annotations,
    path: &plimsoll_rego::ast::Ref,
    package: &plimsoll_rego::ast::Ref,
    rule: Option<String>,
    below: Span,
    sources: &Sources,
) -> Annotated {
    let location = Place::of(below, sources);
    let without_data = |reference: &plimsoll_rego::ast::Ref| {
        text::reference(reference).trim_start_matches("data.").trim_start_matches("data").to_owned()
    };
    let get = |key: &str| annotations.content.get(key).and_then(|value| value.as_str()).map(str::to_owned);
    let title = get("title").unwrap_or_else(|| without_data(path));
    let mut shown = format!("{title}\n{}\n\n", "=".repeat(title.len().min(PAGE)));
    if let Some(description) = get("description") {
        shown.push_str(&format!("{description}\n\n"));
    }
    shown.push_str(&format!("Package:  {}\n", without_data(package)));
    if let Some(rule) = rule {
        shown.push_str(&format!("Rule:     {rule}\n"));
    }
    if let Some(place) = &location {
        shown.push_str(&format!("Location: {}\n", place.short()));
    }
    if !annotations.scope.is_empty() {
        shown.push_str(&format!("Scope: {}\n", annotations.scope));
    }
    if annotations.entrypoint {
        shown.push_str("Entrypoint: true\n");
    }
    shown.push('\n');
    for (key, head) in [
        ("organizations", "Organizations:"),
        ("authors", "Authors:"),
        ("related_resources", "Related Resources:"),
        ("custom", "Custom:"),
    ] {
        let Some(value) = annotations.content.get(key) else { continue };
        let lines = listed(key, value);
        if !lines.is_empty() {
            shown.push_str(&format!("{head}\n{}\n", lines.concat()));
        }
    }
    let json = |text: String| serde_json::from_str(&text).unwrap_or_default();
    Annotated {
        path: crate::rego::json::reference(path),
        annotations: json(tree::annotations(annotations)),
        location,
        shown,
    }
}

fn listed(key: &str, value: &plimsoll_rego::value::Value) -> Vec<String> {
    use plimsoll_rego::value::Value;
    let field = |value: &Value, name: &str| {
        value.get(&Value::string(name)).and_then(Value::as_str).unwrap_or_default().to_owned()
    };
    let line = |text: String| {
        let text = text.replace('\n', " ");
        format!(" {}\n", text.chars().take(PAGE - 1).collect::<String>())
    };
    match value {
        Value::Array(items) => items
            .items()
            .iter()
            .map(|item| match (key, item) {
                (_, Value::String(text)) => line(text.to_string()),
                ("authors", item) => {
                    let (name, email) = (field(item, "name"), field(item, "email"));
                    line(if email.is_empty() { name } else { format!("{name} <{email}>") })
                }
                (_, item) => {
                    line(format!("{} {}", field(item, "ref"), field(item, "description")).trim_end().to_owned())
                }
            })
            .collect(),
        Value::Object(entries) => {
            let pair = |(key, value): &(Value, Value)| {
                line(format!("{}: {}", key.as_str().unwrap_or_default(), value.to_json()))
            };
            entries.entries().iter().map(pair).collect()
        }
        _ => Vec::new(),
    }
}

fn cut(text: &str) -> String {
    match text.char_indices().nth(MAX_CELL - 3) {
        Some((end, _)) if text.len() >= MAX_CELL => format!("{}...", &text[..end]),
        _ => text.to_owned(),
    }
}

fn pretty(report: &Report, manifest: Option<&Manifest>, annotations: bool) -> String {
    let mut out = String::new();
    if let Some(manifest) = manifest {
        let mut rows: Vec<Vec<String>> = Vec::new();
        let mut row = |name: &str, value: String| rows.push(vec![name.to_owned(), cut(&value)]);
        if let Some(version) = manifest.rego_version {
            row("Rego Version", version.to_string());
        }
        if !manifest.revision.is_empty() {
            row("Revision", manifest.revision.clone());
        }
        let mut roots = manifest.roots.clone();
        roots.sort();
        for (at, root) in roots.into_iter().filter(|root| !root.is_empty()).enumerate() {
            row(if at == 0 { "Roots" } else { "" }, root);
        }
        if let Some(metadata) = &manifest.metadata {
            row("Metadata", metadata.to_json());
        }
        if !rows.is_empty() {
            out.push_str(&format!("MANIFEST:\n{}", table::draw(&["FIELD", "VALUE"], &rows)));
        }
    }
    let mut rows: Vec<Vec<String>> = Vec::new();
    for (namespace, files) in &report.namespaces {
        for (at, file) in files.iter().enumerate() {
            rows.push(vec![if at == 0 { namespace.clone() } else { String::new() }, cut(file)]);
        }
    }
    if !rows.is_empty() {
        out.push_str(&format!("NAMESPACES:\n{}", table::draw(&["NAMESPACE", "FILE"], &rows)));
    }
    if annotations && !report.annotations.is_empty() {
        out.push_str("ANNOTATIONS:\n");
        report.annotations.iter().for_each(|one| out.push_str(&one.shown));
    }
    out
}
