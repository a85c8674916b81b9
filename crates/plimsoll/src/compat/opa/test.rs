//! `opa test`. In: policies with rules named `test_…`. Out: how each went, as text, JSON or Go's bench lines, or coverage;
//! 0 where all passed, 2 where one did not, 1 where they could not be run.
//!
//! Tests run one after another, in the order of their files.

pub(in crate::compat) mod report;
mod rules;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use plimsoll_rego::ast::Module;
use plimsoll_rego::compile;
use plimsoll_rego::eval::{Custom, Outcome, Prepared, Tracer};
use plimsoll_rego::span::Sources;
use plimsoll_rego::value::Value;

use super::coverage::{self, Covered};
use super::eval::run_options;
use super::explain::Trace;
use super::flags::{Explain, Order, Target, Test, TestFormat};
use super::{ERRORS, FAILURE, complain, print};
use crate::exit::Exit;
use crate::rego::fault::{self, Fault, Place};
use crate::rego::load::{Choice, Loaded};
use crate::rego::policies::{Policies, Settings};
pub(in crate::compat) use report::Tested;
use report::{Measured, Sub};
use rules::Named;

/// Time that one test may take where nothing is said.
pub(in crate::compat) const TIMEOUT: Duration = Duration::from_secs(5);
const BENCH_TIMEOUT: Duration = Duration::from_secs(30);
/// How long one measurement goes on.
const BENCH_TIME: Duration = Duration::from_secs(1);

/// Names of the cases that a table test came to, in order.
type Cases = Arc<Mutex<Vec<Value>>>;

/// Everything that tests share.
pub(in crate::compat) struct Suite {
    policies: Policies,
    /// As they were read, for coverage.
    modules: Vec<Module>,
    tests: Vec<Named>,
    names: BTreeMap<String, String>,
    cases: Cases,
}

pub fn run(asked: &Test) -> Exit {
    match outcome(asked) {
        Ok(exit) => exit,
        Err(why) => complain(&why, FAILURE),
    }
}

fn outcome(asked: &Test) -> Result<Exit, String> {
    if asked.watch {
        return Err("--watch is not spoken here: run the tests from a watcher of files".into());
    }
    if asked.target == Target::Wasm {
        return Err("WebAssembly (--target wasm) is not spoken here".into());
    }
    if asked.format == TestFormat::Gobench && !asked.bench {
        return Err("cannot use output format gobench without running benchmarks (--bench)".into());
    }
    if !(0.0..=100.0).contains(&asked.threshold) {
        return Err("Code coverage threshold must be between 0 and 100".into());
    }
    let covering = asked.coverage || asked.threshold > 0.0;
    if covering && asked.bench {
        return Err("coverage reporting is not supported when benchmarking tests".into());
    }
    let filter = asked.run.as_deref().map(rules::filter).transpose()?;
    let suite = suite(asked, covering).map_err(|faults| match faults.as_slice() {
        [one] if one.code.is_none() => one.text(),
        many => fault::text(many),
    })?;
    let given = asked.timeout.filter(|timeout| !timeout.is_zero());
    let chosen = Chosen {
        explain: asked.explain,
        notes_with_fails: true,
        traces: traces(asked),
        var_values: asked.var_values,
        strict_builtin_errors: false,
        failure_line: false,
        timeout: given.unwrap_or(if asked.bench { BENCH_TIMEOUT } else { TIMEOUT }),
    };
    let mut exit = Exit::Allowed;
    for _ in 0..asked.count.max(1) {
        let mut covered = Covered::default();
        let mut results = Vec::new();
        for test in suite.tests.iter().filter(|test| filter.as_ref().is_none_or(|filter| filter(&test.path))) {
            results.push(match asked.bench {
                true => suite.measured(test, chosen.timeout),
                false => suite.tested(test, &chosen, covering.then_some(&mut covered)),
            });
        }
        let done = show(&suite, asked, covering.then_some(&covered), results)?;
        if done != Exit::Allowed {
            exit = done;
            break;
        }
    }
    Ok(exit)
}

fn suite(asked: &Test, covering: bool) -> Result<Suite, Vec<Fault>> {
    let one = |fault: Fault| vec![fault];
    let capabilities = asked.dialect.capabilities().map_err(one)?;
    let parse = asked.dialect.parse_options(&capabilities);
    let choice = Choice { ignore: asked.ignore.clone(), parse: parse.clone(), ..Choice::default() };
    let loaded = match asked.bundle {
        true => Loaded::of(&[], &asked.files, &choice)?,
        false => Loaded::of(&asked.files, &[], &choice)?,
    };
    let compile = compile::Options {
        capabilities,
        keep_print: !asked.bench,
        error_limit: asked.max_errors,
        schemas: super::schemas(asked.schema.as_deref())?,
        ..compile::Options::default()
    };
    let instrument = covering || traces(asked);
    Suite::of(loaded, Settings { parse, compile, instrument, ..Settings::default() }, covering)
}

/// Whether anything of a trace will be shown.
fn traces(asked: &Test) -> bool {
    !asked.bench && (asked.verbose || asked.var_values || asked.explain != Explain::Fails)
}

/// How tests are run for a report.
#[derive(Debug, Clone, Copy)]
pub(in crate::compat) struct Chosen {
    /// What of a trace is kept, if any is.
    pub explain: Explain,
    /// Beside failures also notes are kept.
    pub notes_with_fails: bool,
    pub traces: bool,
    pub var_values: bool,
    pub strict_builtin_errors: bool,
    /// Keep the place of the expression that failed.
    pub failure_line: bool,
    /// Of one test.
    pub timeout: Duration,
}

impl Suite {
    /// Compiles what was loaded.
    pub fn of(mut loaded: Loaded, mut settings: Settings, covering: bool) -> Result<Suite, Vec<Fault>> {
        let Loaded { sources, modules, .. } = &mut loaded;
        // The order of files, which is the order of what is said.
        modules.sort_by(|a, b| {
            let name = |source: u32| sources.get(source).map(|source| source.name.clone());
            name(a.source).cmp(&name(b.source))
        });
        let read = if covering { modules.clone() } else { Vec::new() };
        rules::number_duplicates(modules);
        rules::name_cases(modules);
        let tests = rules::tests(modules);
        let cases: Cases = Arc::default();
        let noted = cases.clone();
        let note: Custom = Arc::new(move |_, args| {
            if let (Some(name), Ok(mut noted)) = (args.first(), noted.lock())
                && noted.last() != Some(name)
            {
                noted.push(name.clone());
            }
            Ok(Some(Value::Bool(true)))
        });
        settings.custom.insert(rules::TEST_CASE.to_owned(), note);
        let policies = Policies::of(loaded, settings)?;
        let rewritten = &policies.program.compiled().rewritten;
        let names = rewritten.iter().map(|(made, written)| (made.to_string(), written.to_string())).collect();
        Ok(Suite { policies, modules: read, tests, names, cases })
    }

    /// Runs all tests.
    pub fn run(&self, chosen: &Chosen) -> Vec<Tested> {
        self.tests.iter().map(|test| self.tested(test, chosen, None)).collect()
    }

    /// A test's query, where there is something to run; `result` says why not.
    fn ready(&self, test: &Named, result: &mut Tested) -> Option<(Prepared, Sources)> {
        if test.skip {
            result.skip = true;
            return None;
        }
        if let Ok(mut cases) = self.cases.lock() {
            cases.clear();
        }
        match self.policies.query(&test.path) {
            Ok(ready) => Some(ready),
            Err(faults) => {
                result.error = faults.into_iter().next();
                None
            }
        }
    }

    fn tested(&self, test: &Named, chosen: &Chosen, covered: Option<&mut Covered>) -> Tested {
        let mut result = Tested::new(Place::of(test.span, &self.policies.sources), &test.package, &test.name);
        let Some((prepared, sources)) = self.ready(test, &mut result) else { return result };
        let began = Instant::now();
        let options = run_options(Some(chosen.timeout), chosen.strict_builtin_errors, &self.policies.program);
        let compiled = self.policies.program.compiled();
        let mut trace = chosen.traces.then(|| Trace::new(&sources, compiled, &self.names, chosen.var_values));
        let outcome = match (trace.as_mut(), covered) {
            (None, None) => prepared.run(None, &self.policies.data, &options),
            (trace, covered) => {
                prepared.run_traced(None, &self.policies.data, &options, Some(&mut Both { trace, covered }))
            }
        };
        result.duration = began.elapsed();
        if let Some(trace) = trace {
            if chosen.failure_line {
                result.failed_at = trace.failed_at();
            }
            result.trace = match chosen.explain {
                Explain::Fails if chosen.notes_with_fails => trace.notes_and_fails(),
                mode => trace.lines(mode),
            };
        }
        self.judge(test, outcome, &sources, &mut result);
        result
    }

    fn measured(&self, test: &Named, timeout: Duration) -> Tested {
        let mut result = Tested::new(Place::of(test.span, &self.policies.sources), &test.package, &test.name);
        let Some((prepared, sources)) = self.ready(test, &mut result) else { return result };
        let began = Instant::now();
        self.measure(&prepared, timeout, test, &sources, &mut result);
        result.duration = began.elapsed();
        result
    }

    fn judge(
        &self,
        test: &Named,
        outcome: Result<Outcome, plimsoll_rego::eval::EvalError>,
        sources: &Sources,
        result: &mut Tested,
    ) {
        let outcome = match outcome {
            Ok(outcome) => outcome,
            Err(error) => {
                result.output = lines(&error.printed);
                result.error = Some(Fault::evaluation(&error, sources));
                return;
            }
        };
        result.output.push_str(&lines(&outcome.printed));
        let value = outcome.solutions.first().and_then(|solution| solution.expressions.first()).map(|one| &one.value);
        if !test.table {
            result.fail = value != Some(&Value::Bool(true));
            return;
        }
        result.subs = Sub::of(value);
        let cases = self.cases.lock().map(|cases| cases.clone()).unwrap_or_default();
        for case in &cases {
            Sub::note(&mut result.subs, case);
        }
        result.fail = value.is_none() || result.subs.values().any(|sub| sub.fail);
    }

    /// Runs a test over and over for about a second.
    fn measure(&self, prepared: &Prepared, timeout: Duration, test: &Named, sources: &Sources, result: &mut Tested) {
        let began = Instant::now();
        let (mut rounds, mut memory) = (0u64, 0u64);
        let mut batch = 1u64;
        loop {
            for _ in 0..batch {
                let outcome =
                    prepared.run(None, &self.policies.data, &run_options(Some(timeout), false, &self.policies.program));
                memory = outcome.as_ref().map_or(0, |outcome| outcome.metrics.memory);
                let failed = outcome.as_ref().map_or(true, |outcome| outcome.solutions.is_empty());
                if rounds == 0 || failed {
                    self.judge(test, outcome, sources, result);
                    if result.fail || result.error.is_some() {
                        return;
                    }
                }
                rounds += 1;
            }
            let taken = began.elapsed();
            if taken >= BENCH_TIME || taken >= timeout {
                let nanoseconds = taken.as_nanos() / u128::from(rounds);
                result.measured = Some(Measured {
                    rounds,
                    nanoseconds: u64::try_from(nanoseconds).unwrap_or(u64::MAX),
                    bytes: memory,
                });
                return;
            }
            batch = (batch * 2).min(10_000);
        }
    }
}

/// What `print` said.
fn lines(printed: &[plimsoll_rego::eval::Printed]) -> String {
    printed.iter().map(|printed| format!("{}\n", printed.text)).collect()
}

/// Two listeners as one.
struct Both<'a, 'b> {
    trace: Option<&'a mut Trace<'b>>,
    covered: Option<&'a mut Covered>,
}

impl Tracer for Both<'_, '_> {
    fn event(&mut self, event: &plimsoll_rego::eval::Event<'_>) {
        if let Some(trace) = &mut self.trace {
            trace.event(event);
        }
        if let Some(covered) = &mut self.covered {
            covered.event(event);
        }
    }

    fn wants_locals(&self) -> bool {
        self.trace.as_ref().is_some_and(|trace| trace.wants_locals())
    }
}

fn show(suite: &Suite, asked: &Test, covered: Option<&Covered>, mut results: Vec<Tested>) -> Result<Exit, String> {
    let bad = |result: &Tested| !(result.passed() || result.skip && asked.exit_zero_on_skipped);
    let exit = if results.iter().any(bad) { ERRORS } else { Exit::Allowed };
    if let Some(covered) = covered {
        return covering(suite, asked, covered, &results, exit);
    }
    let text = match asked.format {
        TestFormat::Json => {
            if asked.sort == Order::Duration {
                results.sort_by_key(|result| std::cmp::Reverse(result.duration));
            }
            crate::rego::json::pretty(&results)
        }
        // What policies print and how cases are named is theirs to choose.
        format => crate::compat::safe_lines(&report::text(&results, asked, format == TestFormat::Gobench)),
    };
    let printed = print(&text);
    if printed != Exit::Allowed {
        return Ok(printed);
    }
    if results.is_empty() && asked.fail_on_empty {
        return Err("no tests were run".into());
    }
    Ok(exit)
}

/// Coverage instead of the tests' report; `exit` is what the tests came to, of which only skipped ones get this far.
fn covering(suite: &Suite, asked: &Test, covered: &Covered, results: &[Tested], exit: Exit) -> Result<Exit, String> {
    if let Some(error) = results.iter().find_map(|result| result.error.as_ref()) {
        return Err(error.text());
    }
    let failed: Vec<Tested> = results.iter().filter(|result| result.fail).cloned().collect();
    if let Some(first) = failed.first() {
        print(&crate::compat::safe_lines(&report::text(&failed, asked, false)));
        return Err(first.line());
    }
    let report = coverage::report(covered, &suite.modules, &suite.policies.sources);
    if report.coverage < asked.threshold {
        let mut why =
            format!("Code coverage threshold not met: got {:.2} instead of {:.2}", report.coverage, asked.threshold);
        if asked.verbose {
            why.push_str("\nLines not covered:");
            for (file, lines) in &report.files {
                for range in &lines.not_covered {
                    let (start, end) = (range.start.row, range.end.row);
                    match start == end {
                        true => why.push_str(&format!("\n\t{file}:{start}")),
                        false => why.push_str(&format!("\n\t{file}:{start}-{end}")),
                    }
                }
            }
        }
        return Ok(complain(&why, ERRORS));
    }
    match print(&crate::rego::json::pretty(&report)) {
        Exit::Allowed => Ok(exit),
        printed => Ok(printed),
    }
}
