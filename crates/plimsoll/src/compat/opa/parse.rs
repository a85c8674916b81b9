//! `opa parse`. In: one file. Out: its tree, indented or as JSON.

use std::path::Path;

use plimsoll_rego::ast::json as tree;
use plimsoll_rego::parse;
use plimsoll_rego::span::Sources;

use super::check::Errors;
use super::flags::{Parse, Pretty};
use super::{FAILURE, complain};
use crate::exit::Exit;
use crate::rego::fault::Fault;

pub fn run(asked: &Parse) -> Exit {
    let mut sources = Sources::default();
    let refuse = |faults: &[Fault]| complain(crate::rego::json::pretty(&Errors { errors: faults }).trim_end(), FAILURE);
    let text = match crate::rego::load::bytes(Path::new(&asked.file)) {
        Ok(text) => text,
        Err(fault) => return refuse(&[fault]),
    };
    let options = parse::Options::of(asked.dialect.language());
    let parsed = parse::parse_module(&mut sources, &asked.file, &text, &options);
    let Some(module) = parsed.module.filter(|_| parsed.errors.is_empty()) else {
        let faults = Fault::all(&parsed.errors, &sources);
        return refuse(&faults);
    };
    let (mut locations, mut comments) = (false, true);
    for option in &asked.json_include {
        let option = option.trim();
        let wanted = !option.starts_with('-');
        match option.trim_start_matches(['-', '+']) {
            "locations" => locations = wanted,
            "comments" => comments = wanted,
            _ => {}
        }
    }
    match asked.format {
        Pretty::Json => {
            let options = tree::Options { locations, comments, indent: true };
            super::print(&format!("{}\n", tree::module(&module, &sources, options)))
        }
        Pretty::Pretty => super::print(&plimsoll_rego::ast::pretty::module(&module, comments)),
    }
}
