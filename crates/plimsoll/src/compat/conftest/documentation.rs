//! `conftest doc`. In: folders of policies. Out: for each a page of Markdown, made of the policies' annotations.

use std::cmp::Ordering;
use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::path::Path;

use plimsoll_rego::ast::{Annotations, Ref, Term, TermKind, text};
use plimsoll_rego::compile;
use plimsoll_rego::value::Value;

use super::flags::Doc;
use super::words;
use crate::exit::Exit;
use crate::rego::fault::{Fault, Place};
use crate::rego::load::{self, Choice, Loaded};

pub fn run(asked: &Doc) -> Result<Exit, String> {
    if asked.folders.is_empty() {
        eprintln!("Usage:\n  plimsoll conftest doc <path> [path [...]] [flags]");
        return Err("missing required arguments".into());
    }
    if asked.template.is_some() {
        return Err("templates of Go (--template) are not spoken here".into());
    }
    for folder in &asked.folders {
        let path = Path::new(folder);
        let found = std::fs::metadata(path).map_err(|error| load::failed("stat", path, &error).text())?;
        if !found.is_dir() {
            return Err(format!("{folder} is not a directory"));
        }
        let name = path.components().next_back().map(|part| part.as_os_str().to_string_lossy().into_owned());
        let name = name.filter(|name| !matches!(name.as_str(), "." | "..")).unwrap_or_else(|| "policy".into());
        let page = page(folder).map_err(|why| format!("generating document: {why}"))?;
        let out = Path::new(&asked.out_dir).join(format!("{name}.md"));
        std::fs::write(&out, page).map_err(|error| {
            format!("opening {} for writing output: {}", out.display(), load::failed("open", &out, &error).text())
        })?;
    }
    Ok(Exit::Allowed)
}

/// An annotation and what it is about.
struct Annotated {
    path: Vec<String>,
    shown: String,
    place: (String, usize, usize),
    annotations: Annotations,
}

fn page(folder: &str) -> Result<String, String> {
    let choice = Choice { policies_only: true, ignore: vec!["*_test.rego".into()], ..Choice::default() };
    let loaded = Loaded::of(&[folder.to_owned()], &[], &choice)
        .map_err(|faults| format!("parse rego annotations: load rego files: {}", words::loading(&faults)))?;
    let mut all = annotated(&loaded);
    let Loaded { modules, sources, .. } = loaded;
    compile::compile(modules, &sources, &compile::Options::default()).map_err(|errors| {
        format!("parse rego annotations: compile: {}", words::compiling(&Fault::all(&errors, &sources)))
    })?;
    if all.is_empty() {
        return Err("parse rego annotations: no annotations found".into());
    }
    all.sort_by(|a, b| match a.path.cmp(&b.path) {
        Ordering::Equal => a.place.cmp(&b.place),
        other => other,
    });
    Ok(markdown(&all))
}

fn annotated(loaded: &Loaded) -> Vec<Annotated> {
    let mut all = Vec::new();
    for module in &loaded.modules {
        let mut put = |at: usize, path: &Ref| {
            let Some(annotations) = module.annotations.get(at) else { return };
            let word = |term: &Term| match &term.kind {
                TermKind::Var(name) => name.to_string(),
                TermKind::String(text) => text.to_string(),
                _ => String::new(),
            };
            let place = Place::of(annotations.span, &loaded.sources);
            all.push(Annotated {
                path: path.iter().map(word).collect(),
                shown: text::reference(path).trim_start_matches("data.").to_owned(),
                place: place.map(|place| (place.file.to_string(), place.row, place.col)).unwrap_or_default(),
                annotations: annotations.clone(),
            });
        };
        let of_rules: BTreeSet<usize> = module.rules.iter().flat_map(|rule| rule.annotations.iter().copied()).collect();
        for at in (0..module.annotations.len()).filter(|at| !of_rules.contains(at)) {
            put(at, &module.package.path);
        }
        let mut seen = BTreeSet::new();
        for rule in &module.rules {
            let mut path = module.package.path.clone();
            let constant = rule.head.reference.iter().enumerate();
            let constant = constant.take_while(|(at, term)| *at == 0 || matches!(term.kind, TermKind::String(_)));
            path.extend(constant.map(|(_, term)| match &term.kind {
                TermKind::Var(name) => Term::string(term.span, name),
                _ => term.clone(),
            }));
            for at in rule.annotations.iter().filter(|at| seen.insert(**at)) {
                put(*at, &path);
            }
        }
    }
    all
}

fn markdown(all: &[Annotated]) -> String {
    let mut out = String::new();
    let (mut above, mut offset) = (0usize, 1usize);
    for (at, one) in all.iter().enumerate() {
        let mut depth = one.path.len().saturating_sub(offset);
        if at == 0 && depth > 1 {
            offset = depth;
        }
        // No heading is more than one level below the one before it.
        depth = depth.min(above + 1);
        above = depth;
        let get = |key: &str| one.annotations.content.get(key).and_then(Value::as_str).unwrap_or_default();
        // Writing to a String cannot fail.
        let _ = write!(out, "{} {} - {}\n\n{}\n", "#".repeat(depth), one.shown, get("title"), get("description"));
        if let Some(Value::Array(resources)) = one.annotations.content.get("related_resources") {
            out.push_str("\nRelated Resources:\n");
            for resource in resources.items() {
                let field = |name: &str| match resource {
                    Value::Object(object) => object.get_str(name).and_then(Value::as_str).unwrap_or_default(),
                    Value::String(text) if name == "ref" => text,
                    _ => "",
                };
                let _ = match field("description") {
                    "" => write!(out, "\n* {}", field("ref")),
                    description => write!(out, "\n* [{description}]({})", field("ref")),
                };
            }
            out.push('\n');
        }
        out.push('\n');
    }
    out
}
