//! `opa deps`. In: a query, policies. Out: the documents that it rests on, those of data and input and those of rules.

use plimsoll_rego::ast::{Ref, text};
use plimsoll_rego::compile;
use plimsoll_rego::parse;
use plimsoll_rego::span::Sources;
use plimsoll_rego::value::Value;
use serde::Serialize;

use super::flags::{Deps, Pretty};
use super::{FAILURE, complain, print, table};
use crate::exit::Exit;
use crate::rego::fault::{self, Fault};
use crate::rego::load::{Choice, Loaded};
use crate::rego::policies::{Policies, Settings};

#[derive(Serialize)]
struct Report {
    #[serde(skip_serializing_if = "Vec::is_empty")]
    base: Vec<serde_json::Value>,
    #[serde(rename = "virtual", skip_serializing_if = "Vec::is_empty")]
    made: Vec<serde_json::Value>,
}

pub fn run(asked: &Deps) -> Exit {
    match found(asked) {
        Ok((base, made)) => match asked.format {
            Pretty::Json => {
                let terms = |refs: &[Ref]| refs.iter().map(|one| crate::rego::json::reference(one)).collect();
                print(&crate::rego::json::pretty(&Report { base: terms(&base), made: terms(&made) }))
            }
            Pretty::Pretty => print(&pretty(&base, &made)),
        },
        Err(faults) => complain(&fault::text(&faults), FAILURE),
    }
}

fn found(asked: &Deps) -> Result<(Vec<Ref>, Vec<Ref>), Vec<Fault>> {
    let capabilities = asked.dialect.capabilities().map_err(|fault| vec![fault])?;
    let parse = asked.dialect.parse_options(&capabilities);
    let choice = Choice {
        ignore: asked.paths.ignore.clone(),
        parse: parse.clone(),
        verification: asked.paths.verification().map_err(|fault| vec![fault])?,
        ..Choice::default()
    };
    let mut loaded = Loaded::of(&asked.paths.data, &asked.paths.bundle, &choice)?;
    // What data holds is no matter here, as in OPA, not even where a rule is at the same place.
    loaded.data = Value::object(Vec::new());
    let compile = compile::Options { capabilities, ..compile::Options::default() };
    let policies = Policies::of(loaded, Settings { compile, ..Settings::default() })?;
    let mut sources = Sources::clone(&policies.sources);
    let query =
        parse::parse_query(&mut sources, "", &asked.query, &parse).map_err(|errors| Fault::all(&errors, &sources))?;
    let found = compile::deps::of_query(policies.program.compiled(), &query);
    Ok((found.base, found.virtual_))
}

fn pretty(base: &[Ref], made: &[Ref]) -> String {
    let shown = |refs: &[Ref], at: usize| refs.get(at).map_or(String::new(), |one| text::reference(one));
    let count = base.len().max(made.len());
    match (base.is_empty(), made.is_empty()) {
        (true, true) => String::new(),
        (false, false) => {
            let rows: Vec<_> = (0..count).map(|at| vec![shown(base, at), shown(made, at)]).collect();
            table::draw(&["BASE DOCUMENTS", "VIRTUAL DOCUMENTS"], &rows)
        }
        (false, true) => {
            table::draw(&["BASE DOCUMENTS"], &(0..count).map(|at| vec![shown(base, at)]).collect::<Vec<_>>())
        }
        (true, false) => {
            table::draw(&["VIRTUAL DOCUMENTS"], &(0..count).map(|at| vec![shown(made, at)]).collect::<Vec<_>>())
        }
    }
}
