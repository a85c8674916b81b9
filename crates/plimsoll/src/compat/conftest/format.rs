//! `conftest fmt`. In: policies. Out: the same, formatted, in their files.

use std::path::{Path, PathBuf};

use plimsoll_rego::ast::Language;
use plimsoll_rego::fmt::{self, Target};
use plimsoll_rego::span::Sources;

use super::flags::Fmt;
use super::settings::Settings;
use super::{engine, words};
use crate::exit::Exit;
use crate::rego::fault::Fault;
use crate::rego::load::{self, Choice, Loaded};

pub fn run(asked: &Fmt, settings: &Settings) -> Result<Exit, String> {
    let version = settings.text(asked.rego_version.as_ref(), "rego-version").unwrap_or_else(|| "v1".into());
    let language = engine::language(&version).map_err(|why| format!("failed to parse rego-version flag: {why}"))?;
    let check = settings.truth(asked.check, "check")?;
    let parse = plimsoll_rego::parse::Options::of(language);
    let choice = Choice { policies_only: true, parse, ..Choice::default() };
    let loaded = Loaded::of(&asked.files, &[], &choice)
        .map_err(|faults| format!("get rego files: {}", words::loading(&faults)))?;
    if loaded.modules.is_empty() {
        return Err(format!("no policies found in [{}]", asked.files.join(" ")));
    }
    let target = if language == Language::V0 { Target::V0 } else { Target::V1 };
    let options = fmt::Options::of(language, target);
    for module in &loaded.modules {
        let Some(source) = loaded.sources.get(module.source) else { continue };
        one(&PathBuf::from(&*source.name), &options, check)?;
    }
    Ok(Exit::Allowed)
}

fn one(path: &Path, options: &fmt::Options, check: bool) -> Result<(), String> {
    let text = load::bytes(path).map_err(|fault| format!("read policy: {}", fault.text()))?;
    let mut sources = Sources::default();
    let formatted = fmt::format(&mut sources, &path.to_string_lossy(), &text, options)
        .map_err(|errors| format!("format: {}", words::compiling(&Fault::all(&errors, &sources))))?;
    if formatted.as_bytes() == text {
        return Ok(());
    }
    if check {
        return Err("files not formatted".into());
    }
    std::fs::write(path, formatted).map_err(|error| format!("write formatted contents: {}: {error}", path.display()))
}
