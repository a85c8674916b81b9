//! Policies made ready: the one way from what was loaded to what answers queries. In: modules and data, from files or from
//! texts, and how to compile them. Out: [`Policies`], or every fault that was found. Nothing is evaluated here, and nothing read:
//! [`Loaded`] did.

use std::collections::BTreeMap;
use std::sync::Arc;

use plimsoll_rego::ast::Body;
use plimsoll_rego::compile::{self, CompiledQuery, QueryContext};
use plimsoll_rego::eval::{Custom, Prepared, Program, ProgramOptions};
use plimsoll_rego::parse;
use plimsoll_rego::span::Sources;
use plimsoll_rego::value::Value;

use super::fault::Fault;
use super::load::Loaded;

/// Whether a rule's name is one of these, or one of them with more behind an underscore, as conftest names rules: `deny_privileged`.
pub fn is_rule(name: &str, kinds: &[&str]) -> bool {
    kinds.iter().any(|kind| {
        name.strip_prefix(kind).is_some_and(|rest| {
            let part = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_alphanumeric());
            rest.is_empty() || rest.strip_prefix('_').is_some_and(|parts| parts.split('_').all(part))
        })
    })
}

/// How policies are compiled.
#[derive(Default)]
pub struct Settings {
    /// How queries are read.
    pub parse: parse::Options,
    /// Where data is is filled in from what was loaded.
    pub compile: compile::Options,
    /// Tell a tracer what they do.
    pub instrument: bool,
    /// Builtins of our own, by name; the capabilities name them too.
    pub custom: BTreeMap<String, Custom>,
}

/// Compiled policies and their data.
pub struct Policies {
    pub program: Arc<Program>,
    pub sources: Arc<Sources>,
    pub data: Value,
    parse: parse::Options,
    compile: compile::Options,
}

impl Policies {
    /// Compiles what was loaded. A rule where data is is a fault.
    pub fn of(loaded: Loaded, settings: Settings) -> Result<Policies, Vec<Fault>> {
        let Loaded { sources, modules, data, .. } = loaded;
        let Settings { parse, mut compile, instrument, custom } = settings;
        compile.data_exists = Some(super::data_exists(data.clone()));
        let compiled = compile::compile(modules, &sources, &compile).map_err(|errors| Fault::all(&errors, &sources))?;
        let sources = Arc::new(sources);
        let options = ProgramOptions { instrument, custom, sources: Arc::clone(&sources), ..ProgramOptions::default() };
        let program = Arc::new(Program::new(Arc::new(compiled), options));
        Ok(Policies { program, sources, data, parse, compile })
    }

    /// A query that was read into these sources, checked against the policies.
    pub fn compiled(&self, body: Body, context: &QueryContext, sources: &Sources) -> Result<CompiledQuery, Vec<Fault>> {
        compile::compile_query(self.program.compiled(), body, context, sources, &self.compile)
            .map_err(|errors| Fault::all(&errors, sources))
    }

    /// A checked query, ready to be run.
    pub fn prepared(&self, query: CompiledQuery, sources: &Sources) -> Result<Prepared, Vec<Fault>> {
        self.program.prepare(query, sources).map_err(|error| vec![Fault::evaluation(&error, sources)])
    }

    /// A query's text, ready to be run; the sources are the policies' with the query's own.
    pub fn query(&self, text: &str) -> Result<(Prepared, Sources), Vec<Fault>> {
        let mut sources = Sources::clone(&self.sources);
        let body =
            parse::parse_query(&mut sources, "", text, &self.parse).map_err(|errors| Fault::all(&errors, &sources))?;
        let query = self.compiled(body, &QueryContext::default(), &sources)?;
        Ok((self.prepared(query, &sources)?, sources))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn loaded(policy: &str, data: &[u8]) -> Loaded {
        let mut loaded = Loaded::default();
        loaded
            .module("a.rego", policy.as_bytes(), &parse::Options::default())
            .unwrap_or_else(|faults| panic!("{faults:?}"));
        loaded.data = Value::from_json(data).unwrap();
        loaded
    }

    #[test]
    fn texts_become_answers() {
        let loaded = loaded("package a\np := data.b + 1", br#"{"b": 1}"#);
        let policies = Policies::of(loaded, Settings::default()).unwrap_or_else(|faults| panic!("{faults:?}"));
        let (query, _) = policies.query("data.a.p").unwrap_or_else(|faults| panic!("{faults:?}"));
        let outcome = query.run(None, &policies.data, &Default::default()).unwrap();
        assert_eq!(outcome.solutions[0].expressions[0].value, Value::int(2));
        assert!(policies.query("data.a.").is_err());
    }

    #[test]
    fn a_rule_where_data_is_is_refused() {
        let loaded = loaded("package a\np := 1", br#"{"a": {"p": 1}}"#);
        assert!(Policies::of(loaded, Settings::default()).is_err());
    }
}
