//! A template's Rego. In: the text of the rule and of its libraries, as they stand in the template's file. Out: a program whose
//! `violation` can be asked for any review and parameters, or why Gatekeeper refuses it, with the place in that file.
//!
//! As Gatekeeper has it: the rule's package is not its own, libraries stand below `lib`, imports are of libraries alone, and of
//! `data` nothing is seen but `inventory` and libraries.

use std::collections::BTreeSet;
use std::sync::Arc;

use plimsoll_rego::ast::{Import, Language, Module, Ref, Term, TermKind, text as rego_text};
use plimsoll_rego::compile::{self, QueryContext};
use plimsoll_rego::error::{Code, RegoError};
use plimsoll_rego::eval::{EvalError, Prepared, Program, ProgramOptions, RunOptions, Tracer};
use plimsoll_rego::parse;
use plimsoll_rego::span::{Source, Sources, Span};
use plimsoll_rego::value::{Object, Value};

use crate::fault::{Fault, FaultKind};
use crate::json;
use crate::review::NAMESPACE;
use crate::walk;

/// The field of the input that differs between a template's constraints.
const PARAMETERS: &str = "parameters";
/// The package that the rule is put into.
const PACKAGE: &str = "template";
const QUERY: &str = "data.template.violation";
/// Who asks `violation` in Gatekeeper, in words of our own: that it finds what it asks for is checked with the template, and its
/// two last fields stand on the rows that Gatekeeper's messages name. It is never evaluated.
const ASKER: &str = "hooks.hooks_builtin";
const ASKER_TEXT: &str = r#"package hooks










violation[found] {
  key := input.constraints[_]
  asked := {"review": input.review, "parameters": data.constraints[key.kind][key.name]}
  data.template.violation[r] with input as asked

  found := {
    "key": key,

    "details": object.get(r, "details", {}),
    "msg": r.msg,
  }
}
"#;
const REFUSED: &str = "invalid ConstraintTemplate";

/// A template's Rego as it is written.
#[derive(Debug, Clone, Default)]
pub struct Written {
    pub rego: String,
    pub libs: Vec<String>,
    pub language: Language,
    /// Where the rule and each library stand in the template's document.
    pub rego_path: Vec<String>,
    pub libs_path: Vec<String>,
}

/// How it is compiled.
#[derive(Debug, Clone, Copy, Default)]
pub struct CodeOptions {
    /// `print` speaks; otherwise it is left out.
    pub print: bool,
    /// It can be traced.
    pub instrument: bool,
}

/// A kind that stands in a reference below `data.inventory`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct NamedKind {
    /// None where it is found when it runs.
    pub api_version: Option<Arc<str>>,
    pub kind: Arc<str>,
}

/// Compiled Rego of one template.
pub struct Rego {
    prepared: Prepared,
    sources: Arc<Sources>,
    /// It reads `data.inventory`.
    pub referential: bool,
    /// Kinds whose names stand in what it reads of `data.inventory`; it may read others.
    pub looks_at: BTreeSet<NamedKind>,
    /// It reads, or may read, `input.review.namespaceObject`.
    pub reads_namespace: bool,
}

/// What policies see as `input`: the review, made once, and each constraint's parameters in turn.
pub struct Input(Object);

impl Input {
    pub fn of(request: &Value) -> Input {
        let entry = |key, value| (Value::string(key), value);
        Input(Object::of([entry(PARAMETERS, Value::Null), entry("review", request.clone())]))
    }

    fn with(&mut self, parameters: &Value) -> Value {
        self.0.set_value(PARAMETERS, parameters.clone());
        Value::Object(self.0.clone())
    }
}

/// What one constraint's evaluation gave.
#[derive(Debug, Default)]
pub struct Found {
    /// Message and details, in Rego's order of both.
    pub violations: Vec<(String, Value)>,
    pub printed: Vec<String>,
    /// The first error of a builtin, which made a part of the policy undefined.
    pub erred: Option<String>,
    /// Whether the parameters had, or may have had, a part in it.
    pub by_parameters: bool,
}

/// Where in the document an error of the code is.
#[derive(Debug)]
pub struct CodeFault {
    pub fault: Fault,
    /// The path of the text, and row and column in it.
    pub place: Option<(Vec<String>, usize, usize)>,
}

impl Rego {
    /// Parses, checks and compiles.
    ///
    /// # Errors
    /// Gatekeeper's words, and where.
    pub fn compile(written: &Written, options: CodeOptions) -> Result<Rego, Box<CodeFault>> {
        let mut sources = Sources::default();
        let parse_options = parse::Options::of(written.language);
        let read = |sources: &mut Sources, name: &str, text: &str| {
            let parsed = parse::parse_module(sources, name, text.as_bytes(), &parse_options);
            match parsed.module {
                Some(module) if parsed.errors.is_empty() => Ok(module),
                _ => Err(Box::new(errors(&parsed.errors, sources, written, REFUSED))),
            }
        };
        let mut entry = read(&mut sources, PACKAGE, &written.rego)?;
        if !entry.rules.iter().any(|rule| named(rule.head.name.as_deref(), &rule.head.reference)) {
            return Err(Box::new(no_violation(&entry, &sources, written)));
        }
        let package = entry.package.span;
        entry.package.path = vec![Term::var(package, "data"), Term::string(package, PACKAGE)];
        let mut libs = Vec::new();
        for (at, text) in written.libs.iter().enumerate() {
            libs.push(read(&mut sources, &format!("libs[\"lib_{at}\"]"), text)?);
        }
        let (mut referential, mut looks_at) = (false, BTreeSet::new());
        check(&entry, &libs, &mut referential, &mut looks_at)
            .map_err(|wrong| Box::new(wrong.fault(&sources, written)))?;
        let reads_namespace = libs.iter().chain([&entry]).any(reads_namespace);
        walk::rewrite(&mut entry);
        for lib in &mut libs {
            walk::lead_path(&mut lib.package.path);
            walk::rewrite(lib);
        }
        let compile_options = compile::Options { keep_print: options.print, ..compile::Options::default() };
        let v0 = parse::Options::of(Language::V0);
        let asker = parse::parse_module(&mut sources, ASKER, ASKER_TEXT.as_bytes(), &v0).module;
        let modules = std::iter::once(entry).chain(libs).chain(asker).collect();
        let compiled = compile::compile(modules, &sources, &compile_options)
            .map_err(|wrong| Box::new(errors(&wrong, &sources, written, "unable to compile modules")))?;
        let compiled = Arc::new(compiled);
        let query = parse::parse_query(&mut sources, "", QUERY, &parse_options).and_then(|body| {
            compile::compile_query(&compiled, body, &QueryContext::default(), &sources, &compile_options)
        });
        let query = query.map_err(|wrong| Box::new(errors(&wrong, &sources, written, "unable to compile modules")))?;
        let sources = Arc::new(sources);
        let program_options = ProgramOptions {
            instrument: options.instrument,
            sources: sources.clone(),
            watched: Some(PARAMETERS.into()),
            ..ProgramOptions::default()
        };
        let program = Arc::new(Program::new(compiled, program_options));
        let prepared = program.prepare(query, &sources).map_err(|error| {
            Box::new(CodeFault { fault: Fault::new(FaultKind::Template, error.to_string()), place: None })
        })?;
        Ok(Rego { prepared, sources, referential, looks_at, reads_namespace })
    }

    /// Asks for violations of one constraint.
    ///
    /// # Errors
    /// It could not tell: a conflict, a budget that is used up, a message that is no text.
    pub fn ask(
        &self,
        input: &mut Input,
        parameters: &Value,
        data: &Value,
        options: &RunOptions,
        tracer: Option<&mut dyn Tracer>,
    ) -> Result<Found, String> {
        let input = input.with(parameters);
        let run = match tracer {
            Some(tracer) => self.prepared.run_traced(Some(&input), data, options, Some(tracer)),
            None => self.prepared.run(Some(&input), data, options),
        };
        let outcome = run.map_err(|error| self.line(&error))?;
        let erred = outcome.builtin_errors.first().map(|error| self.line(error));
        let mut found = Found { violations: Vec::new(), printed: Vec::new(), erred, by_parameters: outcome.looked };
        found.printed.extend(outcome.printed.into_iter().map(|line| line.text));
        let values = outcome.solutions.iter().flat_map(|solution| &solution.expressions);
        for value in values {
            for violation in members(&value.value) {
                let (Value::Object(_), Some(message)) = (violation, json::field(violation, "msg")) else { continue };
                let Some(message) = message.as_str() else {
                    let (have, json) = (message.type_name(), message.to_json());
                    return Err(format!(
                        "extracting message binding: .msg accessor error: {json} is of the type {have}, expected string"
                    ));
                };
                let details = json::field(violation, "details");
                let details = details.cloned().unwrap_or_else(|| Value::object(Vec::new()));
                found.violations.push((message.to_owned(), details));
            }
        }
        found.violations.sort_by(|a, b| a.1.cmp(&b.1).then_with(|| a.0.cmp(&b.0)));
        found.violations.dedup();
        Ok(found)
    }

    fn line(&self, error: &EvalError) -> String {
        error.line(&self.sources)
    }

    /// The texts that places of traces are in.
    pub fn sources(&self) -> &Sources {
        &self.sources
    }
}

/// What `violation[result]` would give: members of a set, keys of an object; a list has only numbers.
fn members(value: &Value) -> Vec<&Value> {
    match value {
        Value::Set(set) => set.members().iter().collect(),
        Value::Object(object) => object.entries().iter().map(|(key, _)| key).collect(),
        _ => Vec::new(),
    }
}

fn named(name: Option<&str>, reference: &Ref) -> bool {
    let first = reference.first().map(|term| &term.kind);
    name == Some("violation") || matches!(first, Some(TermKind::Var(name)) if &**name == "violation")
}

fn no_violation(entry: &Module, sources: &Sources, written: &Written) -> CodeFault {
    let message = format!("{REFUSED}: invalid rego: invalid module: missing required rules: [violation]");
    let hint = match written.language {
        Language::V1 => "add a rule such as `violation contains {\"msg\": msg} if { msg := \"…\" }`",
        _ => "add a rule such as `violation[{\"msg\": msg}] { msg := \"…\" }`",
    };
    let fault = Fault::new(FaultKind::Template, message).hint(hint);
    CodeFault { fault, place: place(entry.package.span, sources, written) }
}

/// What of a module Gatekeeper does not allow.
struct Disallowed {
    message: String,
    hint: &'static str,
    span: Span,
}

impl Disallowed {
    fn fault(self, sources: &Sources, written: &Written) -> CodeFault {
        let fault = Fault::new(FaultKind::Template, format!("{REFUSED}: {}", self.message)).hint(self.hint);
        CodeFault { fault, place: place(self.span, sources, written) }
    }
}

fn check(
    entry: &Module,
    libs: &[Module],
    referential: &mut bool,
    looks_at: &mut BTreeSet<NamedKind>,
) -> Result<(), Disallowed> {
    for lib in libs {
        let path = &lib.package.path;
        if path.len() < 3 || !begins(path, "lib") {
            return Err(Disallowed {
                message: format!("invalid lib prefix: path {} not found in lib prefixes", ref_text(path)),
                hint: "a library's package stands below lib: `package lib.NAME`",
                span: lib.package.span,
            });
        }
    }
    let modules = libs.iter().chain([entry]);
    modules.clone().flat_map(|module| &module.imports).try_for_each(import)?;
    for (at, module) in modules.enumerate() {
        let mut wrong: Vec<(String, Span)> = Vec::new();
        walk::terms(module, &mut |term| {
            let TermKind::Ref(path) = &term.kind else { return };
            let data = matches!(path.first().map(|term| &term.kind), Some(TermKind::Var(name)) if &**name == "data");
            if !data || begins(path, "lib") {
                return;
            }
            if begins(path, "inventory") {
                *referential = true;
                looks_at.extend(kind_in(path));
                return;
            }
            wrong.push((format!("disallowed ref {}", ref_text(path)), term.span));
        });
        if let Some((_, span)) = wrong.first() {
            let name = if at < libs.len() { format!("libs[\"lib_{at}\"]") } else { PACKAGE.to_owned() };
            let lines: String = wrong.iter().map(|(line, _)| format!("{line}\n")).collect();
            return Err(Disallowed {
                message: format!(
                    "invalid data references: check refs failed on module {{{name}}}: errors ({}):\n{lines}",
                    wrong.len()
                ),
                hint: "of `data` a template sees only `data.inventory` and `data.lib`; the rule's own package needs no name",
                span: *span,
            });
        }
    }
    Ok(())
}

/// The kind in `data.inventory.namespace[…][version].Kind…` and `data.inventory.cluster[version].Kind…`; none where it is not
/// written there.
fn kind_in(path: &Ref) -> Option<NamedKind> {
    let text = |at: usize| match &path.get(at)?.kind {
        TermKind::String(text) => Some(Arc::from(&**text)),
        _ => None,
    };
    let version = match &*text(2)? {
        "cluster" => 3,
        "namespace" => 4,
        _ => return None,
    };
    Some(NamedKind { api_version: text(version), kind: text(version + 1)? })
}

/// Whether a module names the review's Namespace, or looks at a field of the review whose name is only known when it runs.
fn reads_namespace(module: &Module) -> bool {
    let mut reads = false;
    walk::terms(module, &mut |term| match &term.kind {
        // Also as a part of a path: `json.filter(input.review, ["namespaceObject/metadata"])`.
        TermKind::String(text) => reads |= text.contains(NAMESPACE),
        TermKind::Ref(path) if matches!(path.first().map(|term| &term.kind), Some(TermKind::Var(name)) if &**name == "input") =>
        {
            let mut below = path.iter().skip(1).map(|term| match &term.kind {
                TermKind::String(text) => Some(&**text),
                _ => None,
            });
            reads |= match below.next() {
                Some(Some("review")) => matches!(below.next(), Some(None)),
                Some(None) => true,
                _ => false,
            };
        }
        _ => {}
    });
    reads
}

fn import(import: &Import) -> Result<(), Disallowed> {
    let refused = |message: String, hint| Disallowed { message, hint, span: import.span };
    let TermKind::Ref(path) = &import.path.kind else {
        let words = "invalid import: got reference of type ast.Var, want ast.Ref";
        return Err(refused(words.into(), "import a library: `import data.lib.NAME`"));
    };
    let first = match path.first().map(|term| &term.kind) {
        Some(TermKind::Var(name)) => &**name,
        _ => "",
    };
    match first {
        "input" => {
            let message = format!("invalid import: cannot import input: {:?}", ref_text(path));
            Err(refused(message, "write input.review… where it is needed"))
        }
        "data" if begins(path, "lib") => Ok(()),
        "future" => Ok(()),
        _ => {
            let message = format!("invalid import: bad import: {:?}", ref_text(path));
            Err(refused(
                message,
                "import only what is below data.lib, and future.keywords; for Rego v1 say `version: v1` in a code block",
            ))
        }
    }
}

/// Whether a reference is below `data.NAME`.
fn begins(path: &Ref, name: &str) -> bool {
    matches!(path.get(1).map(|term| &term.kind), Some(TermKind::String(part)) if **part == *name)
}

fn ref_text(path: &Ref) -> String {
    rego_text::reference(path)
}

fn place(span: Span, sources: &Sources, written: &Written) -> Option<(Vec<String>, usize, usize)> {
    let source: &Source = sources.get(span.source)?;
    let (row, column) = source.row_column(span.start);
    let path = match source.name.strip_prefix("libs[\"lib_") {
        Some(rest) => {
            let at = rest.strip_suffix("\"]")?;
            written.libs_path.iter().map(String::as_str).chain([at]).map(str::to_owned).collect()
        }
        None if &*source.name == PACKAGE => written.rego_path.clone(),
        None => return None,
    };
    Some((path, row, column))
}

/// Errors of the language, as OPA lists them.
fn errors(errors: &[RegoError], sources: &Sources, written: &Written, front: &str) -> CodeFault {
    let lines: Vec<String> = errors.iter().map(|error| line(error, sources)).collect();
    let listed = match lines.as_slice() {
        [one] => format!("1 error occurred: {one}"),
        _ => format!("{} errors occurred:\n{}", lines.len(), lines.join("\n")),
    };
    let mut fault = Fault::new(FaultKind::Template, format!("{front}: {listed}"));
    let hint = errors.iter().find_map(|error| error.hint.clone()).or_else(|| {
        let advice = errors.iter().find_map(|error| advice(error, written));
        advice.map(str::to_owned)
    });
    fault.hint = hint;
    CodeFault { fault, place: errors.first().and_then(|error| place(error.span, sources, written)) }
}

fn line(error: &RegoError, sources: &Sources) -> String {
    let mut line = error.line(sources);
    for detail in &error.details {
        line.push_str("\n\t");
        line.push_str(detail);
    }
    if error.code == Code::Parse
        && error.details.is_empty()
        && let Some(source) = sources.get(error.span.source)
    {
        let (row, column) = source.row_column(error.span.start);
        line.push_str(&format!("\n\t{}\n\t{}^", source.line(row), " ".repeat(column.saturating_sub(1))));
    }
    line
}

fn advice(error: &RegoError, written: &Written) -> Option<&'static str> {
    let message = error.message.as_str();
    let old = message.starts_with("`if` keyword is required") || message.starts_with("`contains` keyword is required");
    if old {
        return Some("this is Rego of before OPA 1.0: take `version: v1` out of the code block, or write it anew");
    }
    if message.contains("undefined function data.lib.") {
        return Some(
            "Gatekeeper finds a library inside an expression only by its import: write `import data.lib.NAME` and call NAME.function",
        );
    }
    if message.contains("undefined function external_data") {
        return Some(
            "providers of external data are not asked here: leave this template out, or judge it in the cluster",
        );
    }
    if error.message.contains("undefined ref: r.msg") || message.starts_with("object.get: invalid argument") {
        return Some("every member of violation is an object with msg: `violation[{\"msg\": msg}]`");
    }
    if error.code == Code::Parse && written.language != Language::V1 {
        return Some(
            "Gatekeeper reads Rego v0 unless a code block says `version: v1`; `if` and `contains` need `import future.keywords`",
        );
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameters_have_a_part_where_the_way_leads_to_them() {
        let review = r#"{"object": {"kind": "Pod", "spec": {"hostNetwork": true, "list": [1, 2]}}}"#;
        for (rules, wanted) in [
            (r#"violation[{"msg": "m"}] { input.review.object.kind == "Pod" }"#, false),
            (r#"violation[{"msg": "m"}] { input.review.object.spec.list[_] == 2 }"#, false),
            // They come after what does not hold, also where the index of rules looks first.
            (r#"violation[{"msg": m}] { input.review.object.spec.hostPID; m := input.parameters.a }"#, false),
            (r#"violation[{"msg": m}] { m := input.parameters.a; input.review.object.spec.hostPID }"#, false),
            (r#"violation[{"msg": m}] { input.review.object.spec.hostNetwork; m := input.parameters.a }"#, true),
            (r#"violation[{"msg": "m"}] { input.parameters.b }"#, true),
            (r#"violation[{"msg": "m"}] { not input.parameters.b }"#, true),
            (r#"violation[{"msg": "m"}] { input.parameters.a == "no" }"#, true),
            (r#"violation[{"msg": "m"}] { input[_].object }"#, true),
            (r#"violation[{"msg": "m"}] { x := input; x.review }"#, true),
            (r#"violation[{"msg": "m"}] { count(input) == 2 }"#, true),
            ("f(x) = x.kind\nviolation[{\"msg\": m}] { m := f(input.review.object) }", false),
            ("f(x) = x.parameters.a\nviolation[{\"msg\": m}] { m := f(input) }", true),
            ("r { input.parameters.b }\nviolation[{\"msg\": \"m\"}] { not r }", true),
            ("r { input.review.b }\nviolation[{\"msg\": \"m\"}] { not r with input.review.b as 1 }", true),
        ] {
            let rego = format!("package a\n{rules}");
            let written = Written { rego, language: Language::V0, ..Written::default() };
            let rego =
                Rego::compile(&written, CodeOptions::default()).unwrap_or_else(|fault| panic!("{rules}: {fault:?}"));
            let value = |text: &str| Value::from_json(text.as_bytes()).unwrap();
            let mut input = Input::of(&value(review));
            let (options, data) = (RunOptions::default(), value("{}"));
            let found = rego.ask(&mut input, &value(r#"{"a": "x"}"#), &data, &options, None);
            assert_eq!(found.map(|found| found.by_parameters), Ok(wanted), "{rules}");
        }
    }
}
