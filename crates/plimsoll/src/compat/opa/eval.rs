//! `opa eval`. In: a query, policies, data, an input. Out: the result in one of OPA's formats; 0, or 1 where `--fail` or
//! `--fail-defined` asks for it, or 2 for errors.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use plimsoll_rego::ast::Module;
use plimsoll_rego::compile::{self, QueryContext};
use plimsoll_rego::eval::{EvalError, Event, Outcome, Prepared, Program, RunOptions, Solution, Tracer};
use plimsoll_rego::parse;
use plimsoll_rego::span::Sources;
use plimsoll_rego::value::Value;
use serde::Serialize;

use super::coverage::{self, Covered};
use super::explain::{self, Trace};
use super::flags::{Dialect, Eval, EvalFormat, Explain, Paths, Query, Target};
use super::profile::{self, Profile, Row};
use super::{ERRORS, FAILURE, complain, print, table};
use crate::exit::Exit;
use crate::rego::fault::{self, Fault};
use crate::rego::json::{Json, pretty};
use crate::rego::load::{Choice, Loaded};
use crate::rego::policies::{Policies, Settings};

/// What was loaded and compiled, and the query against it.
pub struct Ready {
    pub program: Arc<Program>,
    /// As they were read, before the compiler rewrote them.
    pub modules: Vec<Module>,
    pub prepared: Prepared,
    pub sources: Arc<Sources>,
    pub input: Option<Value>,
    pub data: Value,
    /// Names that the compiler made, to the written ones.
    pub names: BTreeMap<String, String>,
    pub timers: Timers,
}

/// Nanoseconds of each step, as OPA names them.
pub type Timers = BTreeMap<&'static str, u64>;

/// How a query is prepared.
#[derive(Default)]
pub struct Wanted<'a> {
    pub strict: bool,
    pub schema: Option<&'a Path>,
    pub instrument: bool,
    pub keep_print: bool,
}

/// Measures a step into the timers.
pub fn timed<T>(timers: &mut Timers, name: &'static str, step: impl FnOnce() -> T) -> T {
    let began = Instant::now();
    let value = step();
    *timers.entry(name).or_default() += u64::try_from(began.elapsed().as_nanos()).unwrap_or(u64::MAX);
    value
}

/// Loads, compiles and prepares.
pub fn ready(query: &Query, paths: &Paths, dialect: &Dialect, wanted: &Wanted<'_>) -> Result<Ready, Vec<Fault>> {
    let one = |fault: Fault| vec![fault];
    let mut timers = Timers::new();
    let text = text_of(query).map_err(one)?;
    let capabilities = dialect.capabilities().map_err(one)?;
    let parse = dialect.parse_options(&capabilities);
    let choice = Choice {
        ignore: paths.ignore.clone(),
        parse: parse.clone(),
        verification: paths.verification().map_err(one)?,
        ..Choice::default()
    };
    let mut loaded =
        timed(&mut timers, "timer_rego_load_files_ns", || Loaded::of(&paths.data, &paths.bundle, &choice))?;
    let input = input(query).map_err(one)?;
    let compile = compile::Options {
        strict: wanted.strict,
        capabilities,
        keep_print: wanted.keep_print,
        schemas: super::schemas(wanted.schema)?,
        ..compile::Options::default()
    };
    let sources = &mut loaded.sources;
    // OPA reads the query before it compiles the modules.
    let body = timed(&mut timers, "timer_rego_query_parse_ns", || parse::parse_query(sources, "", &text, &parse))
        .map_err(|errors| Fault::all(&errors, sources))?;
    let mut context = QueryContext::default();
    for import in &query.import {
        let text = format!("import {}", import.trim_start_matches("import "));
        let imports =
            parse::parse_imports(sources, "", &text, &parse).map_err(|errors| Fault::all(&errors, sources))?;
        context.imports.extend(imports);
    }
    if let Some(package) = &query.package {
        let text = format!("package {}", package.trim_start_matches("package "));
        let parsed = parse::parse_module(sources, "", text.as_bytes(), &parse);
        context.package = Some(parsed.module.ok_or_else(|| Fault::all(&parsed.errors, sources))?.package);
    }
    let modules = if wanted.instrument { loaded.modules.clone() } else { Vec::new() };
    let settings = Settings { parse, compile, instrument: wanted.instrument, ..Settings::default() };
    let policies = timed(&mut timers, "timer_rego_module_compile_ns", || Policies::of(loaded, settings))?;
    let query =
        timed(&mut timers, "timer_rego_query_compile_ns", || policies.compiled(body, &context, &policies.sources))?;
    let pairs = policies.program.compiled().rewritten.iter().chain(&query.rewritten);
    let names = pairs.map(|(made, written)| (made.to_string(), written.to_string())).collect();
    let prepared = policies.prepared(query, &policies.sources)?;
    let Policies { program, sources, data, .. } = policies;
    Ok(Ready { program, modules, prepared, sources, input, data, names, timers })
}

fn text_of(query: &Query) -> Result<String, Fault> {
    match (query.stdin, query.query.as_slice()) {
        (true, []) => {
            let content = crate::rego::load::standard_input()?;
            String::from_utf8(content).map_err(|_| Fault::plain("the query on standard input is no UTF-8"))
        }
        (true, _) => Err(Fault::plain("specify query argument or --stdin but not both")),
        (false, [text]) => Ok(text.clone()),
        (false, []) => Err(Fault::plain("specify query argument or --stdin")),
        (false, _) => Err(Fault::plain("specify one query: quote it, so that the shell leaves it whole")),
    }
}

fn input(query: &Query) -> Result<Option<Value>, Fault> {
    let content = match (&query.input, query.stdin_input) {
        (Some(_), true) => return Err(Fault::plain("specify --stdin-input or --input but not both")),
        (None, true) if query.stdin => return Err(Fault::plain("specify --stdin or --stdin-input but not both")),
        (None, false) => return Ok(None),
        (None, true) => crate::rego::load::standard_input()?,
        (Some(path), false) => crate::rego::load::bytes(Path::new(path.strip_prefix("file://").unwrap_or(path)))?,
    };
    crate::rego::load::document(&content).map(Some).map_err(|why| Fault::plain(format!("unable to parse input: {why}")))
}

/// OPA's result document.
#[derive(Serialize, Default)]
struct Report {
    /// How many errors are not those of builtins that made a call undefined.
    #[serde(skip)]
    fatal: usize,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    errors: Vec<Fault>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    result: Vec<Found>,
    #[serde(skip_serializing_if = "Option::is_none")]
    metrics: Option<Timers>,
    #[serde(skip_serializing_if = "Option::is_none")]
    aggregated_metrics: Option<BTreeMap<&'static str, BTreeMap<&'static str, f64>>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    explanation: Vec<explain::Line>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    profile: Vec<Row>,
    #[serde(skip_serializing_if = "Option::is_none")]
    coverage: Option<coverage::Report>,
}

/// One solution.
#[derive(Serialize)]
struct Found {
    expressions: Vec<Expression>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    bindings: BTreeMap<String, Json>,
}

#[derive(Serialize)]
struct Expression {
    value: Json,
    text: String,
    location: Where,
}

#[derive(Serialize)]
struct Where {
    row: usize,
    col: usize,
}

impl Found {
    fn of(solution: &Solution, sources: &Sources) -> Found {
        let expression = |found: &plimsoll_rego::eval::ExpressionValue| {
            let (row, col) =
                sources.get(found.span.source).map_or((1, 1), |source| source.row_column(found.span.start));
            Expression { value: Json(found.value.clone()), text: found.text.to_string(), location: Where { row, col } }
        };
        Found {
            expressions: solution.expressions.iter().map(expression).collect(),
            bindings: solution.bindings.iter().map(|(name, value)| (name.to_string(), Json(value.clone()))).collect(),
        }
    }
}

/// All that may listen to one evaluation.
struct Listeners<'a> {
    trace: Option<Trace<'a>>,
    profile: Option<Profile>,
    covered: Option<Covered>,
}

impl Tracer for Listeners<'_> {
    fn event(&mut self, event: &Event<'_>) {
        if let Some(profile) = &mut self.profile {
            profile.event(event);
        }
        if let Some(trace) = &mut self.trace {
            trace.event(event);
        }
        if let Some(covered) = &mut self.covered {
            covered.event(event);
        }
    }

    fn wants_locals(&self) -> bool {
        self.trace.as_ref().is_some_and(Trace::wants_locals)
    }
}

pub fn run(eval: &Eval) -> Exit {
    if let Err(why) = spoken(eval) {
        return complain(&why, FAILURE);
    }
    let wanted = Wanted {
        strict: eval.strict,
        schema: eval.schema.as_deref(),
        instrument: eval.explain != Explain::Off || eval.profile || eval.coverage,
        keep_print: true,
    };
    let ready = match ready(&eval.query, &eval.paths, &eval.dialect, &wanted) {
        Ok(ready) => ready,
        Err(errors) => return show(eval, Report { errors, ..Report::default() }, false),
    };
    let mut report = Report::default();
    let mut timers: Vec<Timers> = Vec::new();
    for round in 0..eval.count.max(1) {
        let mut measured = ready.timers.clone();
        let (outcome, listeners) = timed(&mut measured, "timer_rego_query_eval_ns", || once(eval, &ready));
        timers.push(measured);
        if round == 0 {
            fill(&mut report, eval, &ready, outcome, listeners);
        }
    }
    if eval.metrics || eval.instrument {
        match timers.as_slice() {
            [only] => report.metrics = Some(only.clone()),
            many => report.aggregated_metrics = Some(profile::statistics(many)),
        }
    }
    let builtin_errors_only = eval.show_builtin_errors && report.fatal == 0;
    show(eval, report, builtin_errors_only)
}

/// What of OPA's flags is not spoken, by name.
fn spoken(eval: &Eval) -> Result<(), String> {
    let partial =
        eval.partial || !eval.unknowns.is_empty() || !eval.disable_inlining.is_empty() || eval.shallow_inlining;
    if partial || eval.format == EvalFormat::Source {
        return Err("partial evaluation (--partial, --unknowns, --format source) is not spoken here".into());
    }
    if eval.target == Target::Wasm {
        return Err("WebAssembly (--target wasm) is not spoken here".into());
    }
    if eval.show_builtin_errors && eval.strict_builtin_errors {
        return Err("cannot use --show-builtin-errors with --strict-builtin-errors, --strict-builtin-errors will return the first built-in error encountered immediately".into());
    }
    if eval.fail && eval.fail_defined {
        return Err("specify --fail or --fail-defined but not both".into());
    }
    Ok(())
}

fn once<'a>(eval: &Eval, ready: &'a Ready) -> (Result<Outcome, EvalError>, Listeners<'a>) {
    let explain = eval.explain != Explain::Off;
    let mut listeners = Listeners {
        trace: explain.then(|| Trace::new(&ready.sources, ready.program.compiled(), &ready.names, eval.var_values)),
        profile: eval.profile.then(|| Profile::new(&ready.sources)),
        covered: eval.coverage.then(Covered::default),
    };
    let options = run_options(eval.timeout, eval.strict_builtin_errors, &ready.program);
    let outcome = if explain || eval.profile || eval.coverage {
        ready.prepared.run_traced(ready.input.as_ref(), &ready.data, &options, Some(&mut listeners))
    } else {
        ready.prepared.run(ready.input.as_ref(), &ready.data, &options)
    };
    (outcome, listeners)
}

/// The world as this machine has it now: its time, and randomness; of the network the hosts that a capabilities file allows.
pub fn run_options(timeout: Option<Duration>, strict_builtin_errors: bool, program: &Program) -> RunOptions {
    let world = crate::rego::outside::world(&program.compiled().capabilities);
    let mut options = RunOptions { strict_builtin_errors, world, ..RunOptions::default() };
    // Nought is no bound, as in OPA.
    options.budget.deadline =
        timeout.filter(|timeout| !timeout.is_zero()).and_then(|timeout| Instant::now().checked_add(timeout));
    options
}

fn fill(
    report: &mut Report,
    eval: &Eval,
    ready: &Ready,
    outcome: Result<Outcome, EvalError>,
    listeners: Listeners<'_>,
) {
    match outcome {
        Ok(outcome) => {
            told(&outcome.printed);
            report.result = outcome.solutions.iter().map(|solution| Found::of(solution, &ready.sources)).collect();
            if eval.show_builtin_errors {
                report.errors =
                    outcome.builtin_errors.iter().map(|error| Fault::evaluation(error, &ready.sources)).collect();
            }
        }
        Err(error) => {
            told(&error.printed);
            report.fatal += 1;
            report.errors.push(Fault::evaluation(&error, &ready.sources));
        }
    }
    if let Some(trace) = listeners.trace {
        report.explanation = trace.lines(eval.explain);
    }
    if let Some(profile) = listeners.profile {
        report.profile = profile.rows(&eval.profile_sort, eval.profile_limit);
    }
    if let Some(covered) = listeners.covered {
        report.coverage = Some(coverage::report(&covered, &ready.modules, &ready.sources));
    }
}

/// What `print` said, on standard error.
fn told(printed: &[plimsoll_rego::eval::Printed]) {
    for printed in printed {
        eprintln!("{}", plimsoll_report::safe(&printed.text));
    }
}

/// Prints the report and says how it went.
fn show(eval: &Eval, mut report: Report, builtin_errors_only: bool) -> Exit {
    let defined = !report.result.is_empty();
    let text = match eval.format {
        EvalFormat::Json => pretty(&report),
        EvalFormat::Discard => discarded(&mut report),
        EvalFormat::Pretty => {
            let mut text = crate::compat::safe_lines(&explain::table(&report.explanation, eval.var_values));
            if report.errors.is_empty() {
                text.push_str(&result(&report.result, eval.pretty_limit));
            } else {
                complain(&fault::text(&report.errors), ERRORS);
            }
            text.push_str(&extras(&report));
            text
        }
        _ if !report.errors.is_empty() => {
            complain(&fault::text(&report.errors), ERRORS);
            String::new()
        }
        EvalFormat::Bindings => report.result.iter().map(|found| pretty(&found.bindings)).collect(),
        EvalFormat::Raw => report.result.iter().map(raw).collect(),
        EvalFormat::Values | EvalFormat::Source => {
            let values =
                |found: &Found| pretty(&found.expressions.iter().map(|one| one.value.clone()).collect::<Vec<_>>());
            report.result.iter().map(values).collect()
        }
    };
    let printed = print(&text);
    if printed != Exit::Allowed {
        return printed;
    }
    if !report.errors.is_empty() && !builtin_errors_only {
        return ERRORS;
    }
    match defined {
        false if eval.fail => Exit::Other(1),
        true if eval.fail_defined => Exit::Other(1),
        _ => Exit::Allowed,
    }
}

/// Everything but the result, which not every shape of JSON can hold.
fn discarded(report: &mut Report) -> String {
    let defined = !std::mem::take(&mut report.result).is_empty();
    let mut document = serde_json::to_value(report).unwrap_or_default();
    if defined {
        document["result"] = "discarded".into();
    }
    pretty(&document)
}

/// The values of a solution on one line, strings as they are.
fn raw(found: &Found) -> String {
    let word = |expression: &Expression| match &expression.value.0 {
        Value::String(text) => text.to_string(),
        other => other.to_json(),
    };
    format!("{}\n", found.expressions.iter().map(word).collect::<Vec<_>>().join(" "))
}

/// The result for people: the value alone, or a table of the bindings.
fn result(found: &[Found], limit: usize) -> String {
    let Some(first) = found.first() else { return "undefined\n".into() };
    let boolean = |expression: &Expression| matches!(expression.value.0, Value::Bool(_));
    if found.len() == 1
        && first.bindings.is_empty()
        && (first.expressions.len() == 1 || first.expressions.iter().all(boolean))
    {
        return first.expressions.first().map_or_else(String::new, |expression| pretty(&expression.value));
    }
    let cut = |text: String| {
        let mut end = limit.min(text.len());
        while !text.is_char_boundary(end) {
            end -= 1;
        }
        if limit > 0 && end < text.len() { format!("{}...", &text[..end]) } else { text }
    };
    // Expressions first, as OPA sorts its keys: one without a name is the smaller.
    let shown: Vec<usize> = (0..first.expressions.len())
        .filter(|at| first.bindings.is_empty() || !boolean(&first.expressions[*at]))
        .collect();
    let names: Vec<&String> = first.bindings.keys().collect();
    let header: Vec<&str> = shown
        .iter()
        .map(|at| first.expressions[*at].text.as_str())
        .chain(names.iter().map(|name| name.as_str()))
        .collect();
    let rows: Vec<Vec<String>> = found
        .iter()
        .map(|found| {
            let values = shown.iter().filter_map(|at| found.expressions.get(*at).map(|one| &one.value));
            let bound = names.iter().filter_map(|name| found.bindings.get(*name));
            values.chain(bound).map(|value| cut(value.0.to_json())).collect()
        })
        .collect();
    table::draw(&header, &rows)
}

/// Timers, profile and coverage for people.
fn extras(report: &Report) -> String {
    let mut text = String::new();
    if let Some(metrics) = &report.metrics {
        let rows: Vec<Vec<String>> =
            metrics.iter().map(|(name, value)| vec![(*name).to_owned(), value.to_string()]).collect();
        text.push_str(&table::draw(&["Metric", "Value"], &rows));
    }
    if let Some(metrics) = &report.aggregated_metrics {
        let keys = ["min", "max", "mean", "90%", "99%"];
        let row = |(name, values): (&&str, &BTreeMap<&str, f64>)| {
            std::iter::once((*name).to_owned())
                .chain(keys.iter().map(|key| values.get(key).copied().unwrap_or_default().to_string()))
                .collect::<Vec<String>>()
        };
        let rows: Vec<Vec<String>> = metrics.iter().map(row).collect();
        text.push_str(&table::draw(&["Metric", "Min", "Max", "Mean", "90%", "99%"], &rows));
    }
    if !report.profile.is_empty() {
        let rows: Vec<Vec<String>> = report.profile.iter().map(Row::cells).collect();
        text.push_str(&table::draw(&["Time", "Num Eval", "Num Redo", "Num Gen Expr", "Location"], &rows));
    }
    if let Some(coverage) = &report.coverage {
        text.push_str(&table::draw(&[], &[vec!["Overall Coverage".into(), format!("{:.2}", coverage.coverage)]]));
    }
    text
}
