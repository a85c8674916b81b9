//! `opa check`. In: paths. Out: nothing where all is well; else every error, and 1.

use plimsoll_rego::ast::Language;
use plimsoll_rego::compile;
use serde::Serialize;

use super::flags::{Check, Pretty};
use super::{FAILURE, complain};
use crate::exit::Exit;
use crate::rego::fault::{self, Fault};
use crate::rego::load::{Choice, Loaded};
use crate::rego::policies::{Policies, Settings};

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
    let choice = Choice { ignore: check.ignore.clone(), parse, policies_only: true, ..Choice::default() };
    let loaded = match check.bundle {
        true => Loaded::of(&[], &check.files, &choice)?,
        false => Loaded::of(&check.files, &[], &choice)?,
    };
    let compile = compile::Options {
        strict: check.strict,
        capabilities,
        keep_print: true,
        error_limit: check.max_errors,
        schemas,
        ..compile::Options::default()
    };
    Policies::of(loaded, Settings { compile, ..Settings::default() }).map(|_| ())
}
