//! How tests went. In: results. Out: OPA's text and JSON, or Go's bench lines.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::time::Duration;

use base64::Engine as _;
use plimsoll_rego::value::Value;
use serde::{Serialize, Serializer};

use crate::compat::opa::explain::{self, Line};
use crate::compat::opa::flags::Test;
use crate::duration;
use crate::rego::fault::{Fault, Place};

/// One test.
#[derive(Debug, Clone, Serialize)]
pub struct Tested {
    pub location: Option<Place>,
    pub package: String,
    pub name: String,
    #[serde(skip_serializing_if = "is_false")]
    pub fail: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<Fault>,
    #[serde(skip_serializing_if = "is_false")]
    pub skip: bool,
    #[serde(serialize_with = "nanoseconds")]
    pub duration: Duration,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub trace: Vec<Line>,
    #[serde(skip_serializing_if = "String::is_empty", serialize_with = "encoded")]
    pub output: String,
    #[serde(rename = "benchmark_result", skip_serializing_if = "Option::is_none")]
    pub measured: Option<Measured>,
    #[serde(rename = "sub_results", skip_serializing_if = "BTreeMap::is_empty")]
    pub subs: BTreeMap<String, Sub>,
    /// The expression that failed last, where that is to be shown.
    #[serde(skip)]
    pub failed_at: Option<(Place, String)>,
}

/// One case of a table test.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Sub {
    pub name: String,
    #[serde(skip_serializing_if = "is_false")]
    pub fail: bool,
    #[serde(rename = "sub_results", skip_serializing_if = "BTreeMap::is_empty")]
    pub subs: BTreeMap<String, Sub>,
}

/// One measurement, with the fields of Go's own.
#[derive(Debug, Clone, Serialize)]
pub struct Measured {
    #[serde(rename = "N")]
    pub rounds: u64,
    #[serde(rename = "NsPerOp")]
    pub nanoseconds: u64,
    /// Bytes of values made in one round, as the engine's meter counts them.
    #[serde(rename = "Bytes")]
    pub bytes: u64,
}

fn is_false(value: &bool) -> bool {
    !value
}

fn nanoseconds<S: Serializer>(duration: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_u64(u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX))
}

fn encoded<S: Serializer>(text: &str, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&base64::engine::general_purpose::STANDARD.encode(text))
}

/// The name of a case: strings as they are, other values as JSON.
fn word(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_json(), str::to_owned)
}

impl Sub {
    /// The cases of a table test's value.
    pub fn of(value: Option<&Value>) -> BTreeMap<String, Sub> {
        let Some(Value::Object(cases)) = value else { return BTreeMap::new() };
        let case = |(key, value): &(Value, Value)| {
            let subs = Sub::of(Some(value));
            let fail = match value {
                Value::Object(_) => subs.values().any(|sub| sub.fail),
                other => *other != Value::Bool(true),
            };
            (word(key), Sub { name: word(key), fail, subs })
        };
        cases.entries().iter().map(case).collect()
    }

    /// A case that the evaluation came to: one that is not there did not hold.
    pub fn note(subs: &mut BTreeMap<String, Sub>, path: &Value) {
        let Value::Array(path) = path else { return };
        let mut failed = false;
        let mut here = &mut *subs;
        for part in path.items() {
            let name = word(part);
            let entry = here.entry(name.clone()).or_insert_with(|| Sub { name, fail: true, subs: BTreeMap::new() });
            failed = entry.fail;
            here = &mut entry.subs;
        }
        if failed {
            let mut here = subs;
            for part in path.items() {
                let Some(entry) = here.get_mut(&word(part)) else { return };
                entry.fail = true;
                here = &mut entry.subs;
            }
        }
    }

    fn lines(subs: &BTreeMap<String, Sub>, depth: usize, all: bool, out: &mut String) {
        for sub in subs.values() {
            if sub.fail || all {
                // Writing to a String cannot fail.
                let _ =
                    writeln!(out, "  {}{}: {}", "  ".repeat(depth), sub.name, if sub.fail { "FAIL" } else { "PASS" });
            }
            Sub::lines(&sub.subs, depth + 1, all, out);
        }
    }

    /// (passed, failed) of the cases that have no cases of their own.
    fn count(subs: &BTreeMap<String, Sub>) -> (usize, usize) {
        subs.values().fold((0, 0), |(passed, failed), sub| match (sub.subs.is_empty(), sub.fail) {
            (true, true) => (passed, failed + 1),
            (true, false) => (passed + 1, failed),
            (false, _) => {
                let (p, f) = Sub::count(&sub.subs);
                (passed + p, failed + f)
            }
        })
    }
}

impl Tested {
    pub fn new(location: Option<Place>, package: &str, name: &str) -> Tested {
        Tested {
            location,
            package: package.to_owned(),
            name: name.to_owned(),
            fail: false,
            error: None,
            skip: false,
            duration: Duration::ZERO,
            trace: Vec::new(),
            output: String::new(),
            measured: None,
            subs: BTreeMap::new(),
            failed_at: None,
        }
    }

    pub fn passed(&self) -> bool {
        !self.fail && !self.skip && self.error.is_none()
    }

    /// `data.p.test_x: FAIL (12µs)`
    pub fn line(&self) -> String {
        let word = match (self.passed(), self.fail, self.skip) {
            (true, _, _) => "PASS",
            (_, true, _) => "FAIL",
            (_, _, true) => "SKIPPED",
            _ => "ERROR",
        };
        match self.skip {
            true => format!("{}.{}: {word}", self.package, self.name),
            false => format!("{}.{}: {word} ({})", self.package, self.name, duration::written(self.duration)),
        }
    }

    fn bench(&self, measured: &Measured, memory: bool, go: bool) -> String {
        let mut name = format!("{}.{}", self.package, self.name);
        if go {
            let parts = name.split(['.', '_']).map(|part| {
                let mut letters = part.chars();
                letters.next().into_iter().flat_map(char::to_uppercase).chain(letters).collect::<String>()
            });
            name = format!("Benchmark{}", parts.collect::<String>());
        }
        let mut line = format!("{name}\t{:>8}\t{:>10} ns/op", measured.rounds, measured.nanoseconds);
        if memory {
            let _ = write!(line, "\t{:>8} B/op", measured.bytes);
        }
        line
    }
}

/// All results for people.
pub fn text(results: &[Tested], asked: &Test, go: bool) -> String {
    let how = How { verbose: asked.verbose, values: asked.var_values, memory: asked.benchmem, go };
    written(results, &how)
}

/// All results, every test and its trace among them.
pub fn of_all(results: &[Tested], values: bool) -> String {
    written(results, &How { verbose: true, values, memory: false, go: false })
}

struct How {
    verbose: bool,
    values: bool,
    memory: bool,
    go: bool,
}

fn written(results: &[Tested], asked: &How) -> String {
    let rule = format!("{}\n", "-".repeat(80));
    let mut out = String::new();
    let (mut passed, mut failed, mut skipped, mut errors) = (0, 0, 0, 0);
    let mut last: Option<&str> = None;
    for result in results {
        match result {
            Tested { skip: true, .. } => skipped += 1,
            Tested { error: Some(_), .. } => errors += 1,
            Tested { subs, .. } if !subs.is_empty() => {
                let (p, f) = Sub::count(subs);
                passed += p;
                failed += f;
            }
            Tested { fail: true, .. } => failed += 1,
            _ => passed += 1,
        }
        match &result.measured {
            Some(measured) if result.passed() => {
                let _ = writeln!(out, "{}", result.bench(measured, asked.memory, asked.go));
            }
            _ if asked.verbose || !result.passed() => {
                if let Some(place) = &result.location {
                    if last.is_some_and(|file| *file != *place.file) {
                        out.push('\n');
                    }
                    let _ = writeln!(out, "{}:{}:", place.file, place.row);
                    last = Some(&place.file);
                }
                let _ = writeln!(out, "{}", result.line());
                Sub::lines(&result.subs, 0, asked.verbose, &mut out);
                if !result.output.is_empty() {
                    let indented: String = result.output.trim().lines().map(|line| format!("  {line}\n")).collect();
                    let _ = writeln!(out, "\n{indented}");
                }
            }
            _ => {}
        }
        if let Some(error) = &result.error {
            let _ = writeln!(out, "  {}", error.text());
        }
    }
    if failed > 0 && (asked.verbose || asked.values) {
        let _ = write!(out, "{rule}FAILURES\n{rule}");
        for result in results.iter().filter(|result| result.fail) {
            let _ = writeln!(out, "{}", result.line());
            out.push('\n');
            out.push_str(&indented(&result.trace, asked.values));
            out.push('\n');
            if let Some((place, text)) = &result.failed_at {
                let _ = writeln!(out, "{}:{}:\n    {text}\n\n", place.file, place.row);
            }
            if !result.subs.is_empty() {
                Sub::lines(&result.subs, 0, false, &mut out);
                out.push('\n');
            }
        }
    }
    if !out.is_empty() {
        out.push_str(&rule);
    }
    let total = passed + failed + skipped + errors;
    for (word, count) in [("PASS", passed), ("FAIL", failed), ("SKIPPED", skipped), ("ERROR", errors)] {
        if count > 0 {
            let _ = writeln!(out, "{word}: {count}/{total}");
        }
    }
    out
}

fn indented(trace: &[Line], values: bool) -> String {
    explain::table(trace, values).lines().map(|line| format!("  {line}\n")).collect()
}
