//! `opa check`. In: paths. Out: nothing where all is well; else every error, and 1.

use plimsoll_rego::ast::Language;
use plimsoll_rego::compile;
use serde::Serialize;

use super::flags::{Check, Pretty};
use super::{FAILURE, complain};
use crate::exit::Exit;
use crate::rego::fault::{self, Fault};
use crate::rego::load::{Choice, Loaded};

/// Errors alone, as OPA's JSON has them.
#[derive(Serialize)]
pub struct Errors<'a> {
    pub errors: &'a [Fault],
}

pub fn run(check: &Check) -> Exit {
    match faults(check) {
        Ok(()) => Exit::Allowed,
        Err(faults) => match check.format {
            Pretty::Json => complain(crate::rego::json::pretty(&Errors { errors: &faults }).trim_end(), FAILURE),
            Pretty::Pretty => complain(&fault::text(&faults), FAILURE),
        },
    }
}

fn faults(check: &Check) -> Result<(), Vec<Fault>> {
    let one = |fault: Fault| vec![fault];
    let capabilities = check.dialect.capabilities().map_err(one)?;
    let mut parse = check.dialect.parse_options(&capabilities);
    if check.v0_v1 {
        parse.language = Language::V0CompatV1;
    }
    let schemas = super::schemas(check.schema.as_deref())?;
    let mut loaded = Loaded::default();
    let choice = Choice { ignore: check.ignore.clone(), parse, policies_only: true, ..Choice::default() };
    let found = match check.bundle {
        true => loaded.bundles(&check.files, &choice),
        false => loaded.paths(&check.files, &choice),
    };
    if !found.is_empty() {
        return Err(found);
    }
    let options = compile::Options {
        strict: check.strict,
        capabilities,
        keep_print: true,
        error_limit: check.max_errors,
        schemas,
        data_exists: Some(crate::rego::data_exists(loaded.data.clone())),
        ..compile::Options::default()
    };
    let modules = std::mem::take(&mut loaded.modules);
    compile::compile(modules, &loaded.sources, &options)
        .map(|_| ())
        .map_err(|errors| Fault::all(&errors, &loaded.sources))
}
