//! Policies and what they say of documents. In: policy and data paths, documents. Out: checks, in the order of the files'
//! names; each rule is prepared once, documents are judged in parallel.

use std::collections::BTreeMap;
use std::path::{Component, Path, PathBuf};
use std::sync::Arc;

use plimsoll_rego::ast::{Language, Module, TermKind, text};
use plimsoll_rego::capabilities::Capabilities;
use plimsoll_rego::compile;
use plimsoll_rego::eval::{Custom, Outcome, Prepared, RunOptions};
use plimsoll_rego::parse;
use plimsoll_rego::span::Sources;
use plimsoll_rego::value::Value;

use super::protos::Protos;
use super::result::{Check, Finding, Query};
use super::{builtins, words};
use crate::compat::opa::explain::{self, Trace};
use crate::compat::opa::flags::Explain;
use crate::rego::fault::{Fault, Place};
use crate::rego::load::{Choice, Loaded};
use crate::rego::policies;
use crate::rego::policies::is_rule;

/// How policies are read.
#[derive(Debug, Clone, Default)]
pub struct Dialect {
    pub strict: bool,
    pub version: String,
    pub capabilities: Option<String>,
    /// What policies may read textproto files by.
    pub protos: Arc<Protos>,
}

/// What is wanted besides answers.
#[derive(Debug, Clone, Copy, Default)]
pub struct Wanted {
    pub trace: bool,
    pub builtin_errors: bool,
}

/// Rules of a module that judge, as they are written.
struct Judging {
    namespace: String,
    rules: Vec<String>,
}

/// Policies that compiled.
pub struct Engine {
    policies: policies::Policies,
    names: BTreeMap<String, String>,
    judging: Vec<Judging>,
    wanted: Wanted,
}

/// What was loaded, before it is compiled.
pub struct Policies {
    pub loaded: Loaded,
    pub parse: parse::Options,
    pub compile: compile::Options,
    pub custom: BTreeMap<String, Custom>,
}

pub fn language(version: &str) -> Result<Language, String> {
    match version {
        "v0" | "V0" => Ok(Language::V0),
        "v1" | "V1" => Ok(Language::V1),
        other => Err(format!("invalid Rego version: {other}")),
    }
}

/// Loads policies and data as conftest does: of policy paths only `.rego` files, of data paths only JSON and YAML.
pub fn load(policy: &[String], data: &[String], dialect: &Dialect) -> Result<Policies, String> {
    let capabilities = dialect.capabilities.as_deref().map(crate::rego::read_capabilities).transpose();
    let capabilities = capabilities.map_err(|fault| format!("load capabilities: {}", fault.text()))?;
    let loading = |why: String| format!("load: loading policies: {why}");
    let language = language(&dialect.version).map_err(loading)?;
    let features = capabilities.as_ref().map(Capabilities::parse_features);
    let parse = parse::Options { features, ..parse::Options::of(language) };
    let given = capabilities.is_some();
    let mut capabilities = capabilities.unwrap_or_else(|| Capabilities::for_language(Language::V1));
    // A capabilities file leaves out what it does not name.
    for function in builtins::functions().into_iter().filter(|_| !given) {
        capabilities.add(function);
    }
    let compile = compile::Options {
        strict: dialect.strict,
        capabilities: Arc::new(capabilities),
        keep_print: true,
        ..compile::Options::default()
    };
    let choice = Choice { parse: parse.clone(), policies_only: true, ..Choice::default() };
    let mut loaded =
        Loaded::of(policy, &[], &choice).map_err(|faults| loading(format!("load: {}", words::loading(&faults))))?;
    if loaded.modules.is_empty() && !policy.is_empty() {
        return Err(loading(format!("no policies found in [{}]", policy.join(" "))));
    }
    let choice = Choice { data_only: true, ..Choice::default() };
    let documents = Loaded::of(data, &[], &choice)
        .map_err(|faults| format!("load: load documents: {}", words::loading(&faults)))?;
    (loaded.data, loaded.documents) = (documents.data, documents.documents);
    // The order of files, which is the order of what is said.
    let Loaded { sources, modules, .. } = &mut loaded;
    let name = |source: u32| sources.get(source).map(|source| source.name.clone());
    modules.sort_by_key(|module| name(module.source));
    let custom =
        builtins::all(&loaded.sources, &dialect.protos).into_iter().map(|(name, run)| (name.to_owned(), run)).collect();
    Ok(Policies { loaded, parse, compile, custom })
}

/// The package without `data.`.
pub fn namespace(module: &Module) -> String {
    text::reference(&module.package.path).replacen("data.", "", 1)
}

/// The namespaces of modules, each once, whatever the case of its letters.
pub fn namespaces(modules: &[Module]) -> Vec<String> {
    let mut found: Vec<String> = Vec::new();
    for namespace in modules.iter().map(namespace) {
        if !found.iter().any(|have| have.eq_ignore_ascii_case(&namespace)) {
            found.push(namespace);
        }
    }
    found
}

fn fails(name: &str) -> bool {
    is_rule(name, &["deny", "violation"])
}

fn warns(name: &str) -> bool {
    is_rule(name, &["warn"])
}

/// `deny[msg] if …` of Rego v1 is an object of truths, not a set of messages: nothing would ever fail.
fn problematic(modules: &[Module], sources: &Sources) -> Result<(), String> {
    for module in modules {
        for rule in &module.rules {
            if rule.head.name.is_some() {
                continue;
            }
            let first = rule.head.reference.first().map(|term| &term.kind);
            let Some(TermKind::Var(name)) = first else { continue };
            let truth = matches!(rule.head.value.as_ref().map(|value| &value.kind), Some(TermKind::Bool(true)));
            if truth && (fails(name) || warns(name)) {
                let place = Place::of(rule.head.span, sources);
                let (file, row) = place.map_or((String::new(), 0), |place| (place.file.to_string(), place.row));
                return Err(format!(
                    "rule is using 'if' keyword without 'contains' keyword: rule in {file} at line {row}"
                ));
            }
        }
    }
    Ok(())
}

impl Policies {
    /// How they are compiled; `instrument` is what traces need.
    pub fn settings(self, instrument: bool) -> (Loaded, policies::Settings) {
        let Policies { loaded, parse, compile, custom } = self;
        (loaded, policies::Settings { parse, compile, instrument, custom })
    }

    pub fn engine(self, wanted: Wanted) -> Result<Engine, String> {
        let loading = |why: String| format!("load: loading policies: {why}");
        let judging = self.loaded.modules.iter().map(judging).collect();
        let problem = problematic(&self.loaded.modules, &self.loaded.sources);
        let (loaded, settings) = self.settings(wanted.trace);
        let policies = policies::Policies::of(loaded, settings)
            .map_err(|faults| loading(format!("get compiler: {}", words::compiling(&faults))))?;
        problem.map_err(loading)?;
        let rewritten = &policies.program.compiled().rewritten;
        let names = rewritten.iter().map(|(made, written)| (made.to_string(), written.to_string())).collect();
        Ok(Engine { policies, names, judging, wanted })
    }
}

fn judging(module: &Module) -> Judging {
    let names = module.rules.iter().filter_map(|rule| rule.head.name.as_ref().map(ToString::to_string));
    Judging { namespace: namespace(module), rules: names.filter(|name| fails(name) || warns(name)).collect() }
}

/// A query that is ready.
struct Ready {
    text: String,
    prepared: Prepared,
    sources: Sources,
}

/// A rule of a namespace, and what excepts it.
struct Rule {
    fails: bool,
    exception: Ready,
    rule: Ready,
}

/// The rules of a namespace.
pub struct Rules {
    namespace: String,
    rules: Vec<Rule>,
    /// How many bodies they have.
    count: usize,
}

impl Engine {
    fn prepare(&self, text: String) -> Result<Ready, String> {
        let (prepared, sources) =
            self.policies.query(&text).map_err(|faults| format!("evaluating policy: {}", words::compiling(&faults)))?;
        Ok(Ready { text, prepared, sources })
    }

    /// Prepares the rules of a namespace.
    pub fn rules(&self, namespace: &str) -> Result<Rules, String> {
        let mut names: Vec<&str> = Vec::new();
        let mut count = 0;
        for judging in self.judging.iter().filter(|judging| judging.namespace == namespace) {
            for name in &judging.rules {
                count += 1;
                if !names.iter().any(|have| have.eq_ignore_ascii_case(name)) {
                    names.push(name);
                }
            }
        }
        let one = |name: &&str| -> Result<Rule, String> {
            let exception = format!("data.{namespace}.exception[_][_] == {}", text::quote(short(name)));
            Ok(Rule {
                fails: fails(name),
                exception: self.prepare(exception).map_err(|why| format!("check: query exception: {why}"))?,
                rule: self
                    .prepare(format!("data.{namespace}.{name}"))
                    .map_err(|why| format!("check: query rule: {why}"))?,
            })
        };
        let rules = names.iter().map(one).collect::<Result<Vec<Rule>, String>>()?;
        Ok(Rules { namespace: namespace.to_owned(), rules, count })
    }

    /// What the rules say of a file: of each of its documents, where it has several.
    pub fn check(&self, path: &str, document: &Value, rules: &Rules) -> Result<Check, String> {
        let data = self.data_of(path)?;
        let Value::Array(several) = document else { return self.judge(path, document, &data, rules) };
        let mut all = Check { file: path.to_owned(), namespace: rules.namespace.clone(), ..Check::default() };
        for document in several.items() {
            all.add(self.judge(path, document, &data, rules)?);
        }
        Ok(all)
    }

    /// What the rules say of all files as one document.
    pub fn check_combined(&self, document: &Value, rules: &Rules) -> Result<Check, String> {
        self.judge("Combined", document, &self.data_of("Combined")?, rules)
    }

    /// The data, and in it where the file is.
    fn data_of(&self, path: &str) -> Result<Value, String> {
        let absolute = absolute(path);
        let name = absolute.file_name().map_or("/".into(), |name| name.to_string_lossy());
        let folder = absolute.parent().unwrap_or(Path::new("/")).to_string_lossy();
        let file = Value::object(vec![
            (Value::string("dir"), Value::string(folder.as_ref())),
            (Value::string("name"), Value::string(name.as_ref())),
        ]);
        let Value::Object(data) = &self.policies.data else {
            return Err("check: add file info: data is no object".into());
        };
        let mut inner = match data.get_str("conftest") {
            None => Vec::new(),
            Some(Value::Object(object)) => object.entries().to_vec(),
            Some(_) => {
                return Err("check: add file info: create dir in store: storage_write_conflict_error: /conftest".into());
            }
        };
        inner.push((Value::string("file"), file));
        let mut entries = data.entries().to_vec();
        entries.push((Value::string("conftest"), Value::object(inner)));
        Ok(Value::object(entries))
    }

    fn judge(&self, path: &str, document: &Value, data: &Value, rules: &Rules) -> Result<Check, String> {
        let mut check = Check { file: path.to_owned(), namespace: rules.namespace.clone(), ..Check::default() };
        let mut passed = 0;
        for rule in &rules.rules {
            let (excepted, exception_query) =
                self.ask(&rule.exception, document, data).map_err(|why| format!("check: query exception: {why}"))?;
            let exceptions: Vec<Finding> = excepted
                .into_iter()
                .filter(|finding| finding.message.is_empty())
                .map(|finding| Finding { message: rule.exception.text.clone(), ..finding })
                .collect();
            let (said, query) =
                self.ask(&rule.rule, document, data).map_err(|why| format!("check: query rule: {why}"))?;
            if exceptions.is_empty() {
                for finding in said {
                    match (finding.message.is_empty(), rule.fails) {
                        (true, _) => passed += 1,
                        (false, true) => check.failures.push(finding),
                        (false, false) => check.warnings.push(finding),
                    }
                }
            }
            check.exceptions.extend(exceptions);
            check.queries.extend([exception_query, query]);
        }
        // A rule that says nothing is a success, whatever the number of its bodies.
        let results = check.failures.len() + check.warnings.len() + check.exceptions.len() + passed;
        check.successes = passed + rules.count.saturating_sub(results);
        Ok(check)
    }

    fn ask(&self, ready: &Ready, document: &Value, data: &Value) -> Result<(Vec<Finding>, Query), String> {
        let options = RunOptions { world: crate::rego::world(), ..RunOptions::default() };
        let compiled = self.policies.program.compiled();
        let mut trace = self.wanted.trace.then(|| Trace::new(&ready.sources, compiled, &self.names, false));
        let outcome = match &mut trace {
            Some(trace) => ready.prepared.run_traced(Some(document), data, &options, Some(trace)),
            None => ready.prepared.run(Some(document), data, &options),
        };
        let wrong = |error| format!("evaluating policy: {}", Fault::evaluation(&error, &ready.sources).text());
        let outcome: Outcome = outcome.map_err(wrong)?;
        if self.wanted.builtin_errors && !outcome.builtin_errors.is_empty() {
            let errors = outcome.builtin_errors.iter();
            let errors: Vec<String> = errors.map(|error| Fault::evaluation(error, &ready.sources).text()).collect();
            return Err(format!("built-in error: [{}]", errors.join(" ")));
        }
        let mut said = Vec::new();
        for value in outcome.solutions.iter().flat_map(|solution| solution.expressions.iter()).map(|one| &one.value) {
            let members = match value {
                Value::Set(set) => set.members(),
                Value::Array(array) => array.items(),
                _ => &[],
            };
            if members.is_empty() {
                said.push(Finding::default());
            }
            for member in members {
                said.extend(Finding::of(member, &ready.text)?);
            }
        }
        let place = |span| Place::of(span, &ready.sources).map_or(String::new(), |place| place.short());
        let outputs =
            outcome.printed.iter().map(|printed| format!("{}: {}\n", place(printed.span), printed.text)).collect();
        let traces = trace.map(|trace| explain::events(&trace.lines(Explain::Full))).unwrap_or_default();
        let passed = said.iter().all(|finding| finding.message.is_empty());
        Ok((said, Query { query: ready.text.clone(), passed, traces, outputs }))
    }
}

/// The rule's name as exceptions name it.
fn short(name: &str) -> &str {
    if matches!(name, "violation" | "deny" | "warn") {
        return "";
    }
    let mut name = name;
    for prefix in ["violation_", "deny_", "warn_"] {
        name = name.strip_prefix(prefix).unwrap_or(name);
    }
    name
}

/// The path from the root, without `.` and `..`; links are not followed.
pub fn absolute(path: &str) -> PathBuf {
    let from = std::env::current_dir().unwrap_or_default().join(path);
    let mut plain = PathBuf::new();
    for part in from.components() {
        match part {
            Component::CurDir => {}
            Component::ParentDir => {
                plain.pop();
            }
            part => plain.push(part),
        }
    }
    plain
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rules_that_judge_have_such_names() {
        for name in ["deny", "violation", "deny_a", "violation_a_B2"] {
            assert!(fails(name), "{name}");
        }
        for name in ["denied", "deny_", "deny__a", "deny_a-b", "warn"] {
            assert!(!fails(name), "{name}");
        }
        assert!(warns("warn_x"));
        assert_eq!((short("deny"), short("deny_x"), short("violation_deny_x")), ("", "x", "x"));
    }
}
