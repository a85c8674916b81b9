//! The crate for who embeds it: texts in, decisions out. In: modules, data, a query. Out: a [`Policy`] that is shared, and
//! [`Query`]s of it that are run with many inputs. What it does not do: read files.

use std::sync::Arc;

use crate::ast::{Import, Package};
use crate::capabilities::{Capabilities, Function};
use crate::compile::{self, Compiled, QueryContext};
use crate::error::RegoError;
use crate::eval::{EvalError, Outcome, Prepared, Program, ProgramOptions, RunOptions, Tracer};
use crate::parse;
use crate::span::Sources;
use crate::value::Value;

pub use crate::eval::Custom;

/// Collects texts and settings; [`Builder::build`] compiles them.
#[derive(Default)]
pub struct Builder {
    modules: Vec<(String, Vec<u8>)>,
    parse: parse::Options,
    compile: compile::Options,
    program: ProgramOptions,
}

/// Modules that were compiled, ready to be asked.
#[derive(Clone)]
pub struct Policy {
    program: Arc<Program>,
    sources: Arc<Sources>,
    parse: parse::Options,
    compile: compile::Options,
}

/// A query of a policy, ready to be run with many inputs, from many threads.
pub struct Query {
    prepared: Prepared,
    sources: Arc<Sources>,
}

/// A program that was refused: why, and the texts that the places are in.
#[derive(Debug, Clone)]
pub struct Refused {
    pub errors: Vec<RegoError>,
    pub sources: Arc<Sources>,
}

impl std::fmt::Display for Refused {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        for (at, error) in self.errors.iter().enumerate() {
            if at > 0 {
                f.write_str("\n")?;
            }
            f.write_str(&error.line(&self.sources))?;
        }
        Ok(())
    }
}

impl std::error::Error for Refused {}

impl Builder {
    pub fn new() -> Builder {
        Builder::default()
    }

    /// Adds a module's text; the name is what messages call it.
    pub fn module(mut self, name: &str, text: &str) -> Builder {
        self.modules.push((name.to_owned(), text.as_bytes().to_vec()));
        self
    }

    /// How modules and queries are read: the language, above all.
    pub fn parse_options(mut self, options: parse::Options) -> Builder {
        self.parse = options;
        self
    }

    pub fn compile_options(mut self, options: compile::Options) -> Builder {
        self.compile = options;
        self
    }

    /// Adds a builtin: its name and signature, and what it does.
    pub fn builtin(mut self, function: Function, run: Custom) -> Builder {
        self.program.custom.insert(function.name.to_string(), run);
        let mut capabilities = Capabilities::clone(&self.compile.capabilities);
        capabilities.add(function);
        self.compile.capabilities = Arc::new(capabilities);
        self
    }

    /// The policy tells a [`Tracer`] what it does: for traces, coverage and profiles.
    pub fn instrument(mut self) -> Builder {
        self.program.instrument = true;
        self
    }

    /// Parses, checks and compiles.
    pub fn build(self) -> Result<Policy, Refused> {
        let mut sources = Sources::default();
        let mut modules = Vec::new();
        let mut errors = Vec::new();
        for (name, text) in &self.modules {
            let parsed = parse::parse_module(&mut sources, name, text, &self.parse);
            errors.extend(parsed.errors);
            modules.extend(parsed.module);
        }
        if !errors.is_empty() {
            return Err(Refused { errors, sources: Arc::new(sources) });
        }
        let sources = Arc::new(sources);
        match compile::compile(modules, &sources, &self.compile) {
            Ok(compiled) => {
                let options = ProgramOptions { sources: sources.clone(), ..self.program };
                Ok(Policy {
                    program: Arc::new(Program::new(Arc::new(compiled), options)),
                    sources,
                    parse: self.parse,
                    compile: self.compile,
                })
            }
            Err(errors) => Err(Refused { errors, sources }),
        }
    }
}

impl Policy {
    /// The policy of modules of today's language, with the default settings.
    pub fn new<'a>(modules: impl IntoIterator<Item = (&'a str, &'a str)>) -> Result<Policy, Refused> {
        modules.into_iter().fold(Builder::new(), |builder, (name, text)| builder.module(name, text)).build()
    }

    pub fn compiled(&self) -> &Arc<Compiled> {
        self.program.compiled()
    }

    pub fn sources(&self) -> &Sources {
        &self.sources
    }

    /// Parses, checks and prepares a query.
    pub fn query(&self, text: &str) -> Result<Query, Refused> {
        self.query_in(text, None, Vec::new())
    }

    /// Prepares a query that is read as if it stood in a package and below imports.
    pub fn query_in(&self, text: &str, package: Option<Package>, imports: Vec<Import>) -> Result<Query, Refused> {
        let mut sources = Sources::clone(&self.sources);
        let made = parse::parse_query(&mut sources, "", text, &self.parse).and_then(|body| {
            let context = QueryContext { package, imports };
            compile::compile_query(self.program.compiled(), body, &context, &sources, &self.compile)
        });
        let refused = |errors| Refused { errors, sources: Arc::new(sources.clone()) };
        let query = made.map_err(refused)?;
        let prepared = self.program.prepare(query, &sources).map_err(|error| {
            let span = error.span.unwrap_or_default();
            refused(vec![RegoError::new(crate::error::Code::Compile, span, error.message)])
        })?;
        Ok(Query { prepared, sources: Arc::new(sources) })
    }
}

impl Query {
    /// Runs it with the default budget.
    pub fn run(&self, input: Option<&Value>, data: &Value) -> Result<Outcome, EvalError> {
        self.prepared.run(input, data, &RunOptions::default())
    }

    pub fn run_with(&self, input: Option<&Value>, data: &Value, options: &RunOptions) -> Result<Outcome, EvalError> {
        self.prepared.run(input, data, options)
    }

    pub fn run_traced(
        &self,
        input: Option<&Value>,
        data: &Value,
        options: &RunOptions,
        tracer: &mut dyn Tracer,
    ) -> Result<Outcome, EvalError> {
        self.prepared.run_traced(input, data, options, Some(tracer))
    }

    /// The texts that places are in, the query's among them.
    pub fn sources(&self) -> &Sources {
        &self.sources
    }
}
