//! OPA's data API, read-only, for who ran OPA as a service: `/v1/data/…`, `/v1/policies`, `/health`. In: a path, an input, and
//! policies and data from files. Out: OPA's JSON. Files that change are followed; a set that cannot be loaded never replaces
//! one that works. Nothing can be written over this API: policies come from files alone.
//!
//! Contract: <https://www.openpolicyagent.org/docs/latest/rest-api/>.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::{Duration, Instant};

use anyhow::Context as _;
use bytes::Bytes;
use hyper::{Method, StatusCode};
use plimsoll_rego::ast::{Language, Term, TermKind, json as tree, text};
use plimsoll_rego::eval::{Prepared, RunOptions};
use plimsoll_rego::parse;
use plimsoll_rego::span::Span;
use plimsoll_rego::value::{Number, Value};
use serde::Serialize;

use super::decisions::{Decision, Decisions, masked};
use super::log::Log;
use super::stamp::Stamp;
use crate::rego::fault::{self, Fault};
use crate::rego::load::{Choice, Loaded, Signing};
use crate::rego::policies::{Policies, Settings};

/// How long one query may take.
const PATIENCE: Duration = Duration::from_secs(10);
/// Queries that are kept ready; asking for ever new paths makes no more of them.
const MAX_READY: usize = 4096;
/// Parts of one path.
const MAX_PARTS: usize = 64;
/// Files that are followed.
const MAX_FOLLOWED: usize = 100_000;
/// Looks after which files that never rest are told of.
const RESTLESS: u32 = 5;

/// Which key bundles must be signed by.
#[derive(Debug, Clone)]
pub struct Signed {
    /// A file: what stands on a command line is no secret.
    pub key: PathBuf,
    pub by: Signing,
}

/// Where policies and data come from, and where decisions are told.
#[derive(Debug, Clone, Default)]
pub struct Options {
    pub paths: Vec<String>,
    pub bundles: Vec<String>,
    pub v0: bool,
    /// `None`: signatures are not looked at.
    pub signed: Option<Signed>,
    /// `-` is standard output.
    pub decision_log: Option<PathBuf>,
}

/// Everything of one loading.
struct State {
    policies: Policies,
    ready: Mutex<HashMap<String, Arc<Prepared>>>,
}

pub struct DataApi {
    options: Options,
    state: RwLock<Arc<State>>,
    seen: Mutex<Seen>,
    fault: Mutex<Option<String>>,
    decisions: Decisions,
    /// Why their file could not be opened anew.
    unopened: Mutex<Option<String>>,
    log: Log,
}

/// A file, and what it looks like.
type Followed = (PathBuf, Stamp);

/// What the files looked like.
#[derive(Default)]
struct Seen {
    /// When they were last loaded, well or not; `None`: what is there next is loaded, whatever it looks like.
    loaded: Option<Vec<Followed>>,
    /// At the last look, where that was something else. Taken when the next look sees the same: a file that is being written
    /// changes from look to look.
    waiting: Option<Vec<Followed>>,
    /// Looks in a row that each saw something else.
    restless: u32,
}

/// One request.
pub struct Asked<'a> {
    pub method: &'a Method,
    pub path: &'a str,
    pub query: &'a str,
    pub body: Bytes,
    pub by: String,
}

/// One answer: a status and JSON.
pub struct Answer {
    pub status: StatusCode,
    pub body: String,
}

/// What was decided. Written as it is: serde's own values would round long numbers.
#[derive(Serialize)]
struct Found {
    #[serde(skip_serializing_if = "Option::is_none")]
    decision_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    metrics: Option<serde_json::Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    result: Option<crate::rego::json::Json>,
    #[serde(skip_serializing_if = "Option::is_none")]
    warning: Option<serde_json::Value>,
}

fn json(status: StatusCode, value: &serde_json::Value, pretty: bool) -> Answer {
    let body = if pretty { crate::rego::json::pretty(value) } else { format!("{value}\n") };
    Answer { status, body }
}

fn refusal(status: StatusCode, code: &str, message: &str, errors: &[Fault]) -> Answer {
    let mut value = serde_json::json!({ "code": code, "message": message });
    if !errors.is_empty()
        && let Ok(errors) = serde_json::to_value(errors)
    {
        value["errors"] = errors;
    }
    json(status, &value, true)
}

/// True for paths that are this API's.
pub fn is_ours(path: &str) -> bool {
    path == "/health"
        || ["/v1/data", "/v1/policies"]
            .iter()
            .any(|top| path.strip_prefix(top).is_some_and(|rest| rest.is_empty() || rest.starts_with('/')))
}

impl State {
    fn load(options: &Options) -> anyhow::Result<State> {
        let language = if options.v0 { Language::V0 } else { Language::V1 };
        let parse = parse::Options::of(language);
        // Kubernetes mounts a ConfigMap as links into folders of its own, `..data` and `..2026_…`: their files are there once.
        let mut choice = Choice { parse: parse.clone(), ignore: vec!["..*".into()], links: true, ..Choice::default() };
        let told = |faults: Vec<Fault>| anyhow::anyhow!("load policies: {}", fault::text(&faults));
        if let Some(signed) = &options.signed {
            let key = crate::rego::load::text(&signed.key).map_err(|fault| told(vec![fault]))?;
            choice.verification = Some(signed.by.by(key));
        }
        let policies = Loaded::of(&options.paths, &options.bundles, &choice)
            .and_then(|loaded| Policies::of(loaded, Settings { parse, ..Settings::default() }))
            .map_err(told)?;
        Ok(State { policies, ready: Mutex::default() })
    }

    /// The query of a reference, made once.
    fn prepared(&self, reference: &str) -> Result<Arc<Prepared>, Vec<Fault>> {
        let known = |ready: &HashMap<String, Arc<Prepared>>| ready.get(reference).cloned();
        if let Some(prepared) = known(&self.ready.lock().unwrap_or_else(PoisonError::into_inner)) {
            return Ok(prepared);
        }
        let (prepared, _) = self.policies.query(reference)?;
        let prepared = Arc::new(prepared);
        let mut ready = self.ready.lock().unwrap_or_else(PoisonError::into_inner);
        // Whoever asks for ever new paths must not keep out those that are asked for again and again.
        if ready.len() >= MAX_READY {
            ready.clear();
        }
        ready.insert(reference.to_owned(), Arc::clone(&prepared));
        Ok(prepared)
    }

    /// The value of a reference; `None` where it is undefined.
    fn value(&self, reference: &str, input: Option<&Value>, strict: bool) -> Result<Option<Value>, Vec<Fault>> {
        let prepared = self.prepared(reference)?;
        let mut options =
            RunOptions { strict_builtin_errors: strict, world: crate::rego::world(), ..RunOptions::default() };
        options.budget.deadline = Instant::now().checked_add(PATIENCE);
        let outcome = prepared
            .run(input, &self.policies.data, &options)
            .map_err(|error| vec![Fault::evaluation(&error, &self.policies.sources)])?;
        let first = outcome.solutions.into_iter().next();
        Ok(first.and_then(|solution| solution.expressions.into_iter().next()).map(|one| one.value))
    }
}

impl DataApi {
    /// Loads what the options name.
    ///
    /// # Errors
    /// When a file cannot be read or a policy is refused.
    pub fn open(options: Options, log: Log) -> anyhow::Result<DataApi> {
        let seen = stamps(&options).map_err(|why| anyhow::anyhow!("serve the data API: {why}"))?;
        let state = State::load(&options).context("serve the data API")?;
        let decisions = Decisions::open(options.decision_log.as_deref())?;
        Ok(DataApi {
            options,
            state: RwLock::new(Arc::new(state)),
            seen: Mutex::new(Seen { loaded: Some(seen), ..Seen::default() }),
            fault: Mutex::default(),
            decisions,
            unopened: Mutex::default(),
            log,
        })
    }

    fn state(&self) -> Arc<State> {
        Arc::clone(&self.state.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Opens the decision log anew after a rotation. Opens files: not for the threads that answer.
    pub fn follow_log(&self, anew: bool) {
        let why = self.decisions.follow(anew).err().map(|error| error.to_string());
        let mut unopened = self.unopened.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(why) = &why
            && unopened.as_ref() != Some(why)
        {
            let told = "the decision log cannot be opened anew and the old file is written on";
            self.log.error(told, &[("why", why.as_str().into())]);
        }
        *unopened = why;
    }

    /// Looks at the files and takes over what changed, once two looks in a row see the same; at once when `anew`. Reads files:
    /// not for the threads that answer.
    pub fn refresh(&self, anew: bool) {
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        let now = match stamps(&self.options) {
            Ok(now) => now,
            Err(why) => {
                seen.loaded = None;
                return self.keep(why);
            }
        };
        if !anew {
            if seen.loaded.as_ref() == Some(&now) {
                (seen.waiting, seen.restless) = (None, 0);
                return;
            }
            if seen.waiting.as_ref() != Some(&now) {
                seen.waiting = Some(now);
                seen.restless += 1;
                if seen.restless == RESTLESS {
                    seen.loaded = None;
                    self.keep(
                        "they change from look to look: write files beside and rename them, or send SIGHUP".into(),
                    );
                }
                return;
            }
        }
        let loaded = State::load(&self.options);
        // What changed while it was read may not be what was read.
        let after = stamps(&self.options);
        if after.as_ref() != Ok(&now) {
            (seen.loaded, seen.waiting) = (None, after.ok());
            return;
        }
        *seen = Seen { loaded: Some(now), ..Seen::default() };
        match loaded {
            Ok(state) => {
                *self.state.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(state);
                *self.fault.lock().unwrap_or_else(PoisonError::into_inner) = None;
                self.log.info("policies of the data API were loaded anew", &[]);
            }
            Err(error) => self.keep(format!("{error:#}")),
        }
    }

    /// The last good ones serve on; why is told once.
    fn keep(&self, why: String) {
        let mut fault = self.fault.lock().unwrap_or_else(PoisonError::into_inner);
        if fault.as_ref() != Some(&why) {
            let told = "policies of the data API cannot be used and the last good ones serve on";
            self.log.error(told, &[("why", why.as_str().into())]);
        }
        *fault = Some(why);
    }

    /// Why the files as they are now are not in force.
    pub fn fault(&self) -> Option<String> {
        self.fault.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Answers one request. Evaluates: not for the threads that only wait.
    pub fn answer(&self, asked: &Asked<'_>) -> Answer {
        let pretty = flag(asked.query, "pretty");
        if asked.path == "/health" {
            return match self.fault() {
                Some(why) if flag(asked.query, "bundles") => {
                    json(StatusCode::INTERNAL_SERVER_ERROR, &serde_json::json!({ "error": why }), pretty)
                }
                _ => json(StatusCode::OK, &serde_json::json!({}), pretty),
            };
        }
        let read = matches!(*asked.method, Method::GET | Method::HEAD);
        if let Some(rest) = asked.path.strip_prefix("/v1/policies") {
            return match read {
                true => self.policies(rest.trim_matches('/'), pretty),
                false => read_only(),
            };
        }
        if !read && *asked.method != Method::POST {
            return read_only();
        }
        let rest = asked.path.strip_prefix("/v1/data").unwrap_or_default();
        self.data(rest.trim_matches('/'), asked, pretty)
    }

    fn data(&self, path: &str, asked: &Asked<'_>, pretty: bool) -> Answer {
        let began = Instant::now();
        let bad = |why: &str| refusal(StatusCode::BAD_REQUEST, "invalid_parameter", why, &[]);
        let Some(reference) = reference(path) else { return bad("invalid path") };
        let input = match input(asked) {
            Ok(input) => input,
            Err(why) => return bad(&why),
        };
        let state = self.state();
        let strict = flag(asked.query, "strict-builtin-errors");
        let value = state.value(&reference, input.as_ref(), strict);
        let id = self.decisions.next_id();
        self.tell(
            &state,
            &Decision {
                id: id.as_deref(),
                path,
                input: input.as_ref(),
                outcome: &value,
                by: &asked.by,
                took: began.elapsed(),
            },
        );
        let value = match value {
            Ok(value) => value,
            Err(faults) => return internal(&faults),
        };
        let took = || u64::try_from(began.elapsed().as_nanos()).unwrap_or(u64::MAX);
        let missing = *asked.method == Method::POST && input.is_none();
        let found = Found {
            decision_id: id,
            metrics: flag(asked.query, "metrics").then(|| serde_json::json!({ "timer_server_handler_ns": took() })),
            result: value.map(crate::rego::json::Json),
            warning: missing.then(|| {
                serde_json::json!({ "code": "api_usage_warning", "message": "'input' key missing from the request" })
            }),
        };
        let body = match pretty {
            true => Ok(crate::rego::json::pretty(&found)),
            false => serde_json::to_string(&found).map(|text| text + "\n"),
        };
        match body {
            Ok(body) => Answer { status: StatusCode::OK, body },
            Err(error) => internal(&[Fault::plain(error.to_string())]),
        }
    }

    /// Writes a decision down, masked as the policies say; one whose mask fails is not written, which is said.
    fn tell(&self, state: &State, decision: &Decision<'_>) {
        if !self.decisions.are_told() {
            return;
        }
        let event = match decision.event() {
            Ok(event) => event,
            Err(why) => {
                return self.log.error("a decision was not logged: it is no JSON", &[("why", why.as_str().into())]);
            }
        };
        let ask = |reference: &str| state.value(reference, Some(&event), true);
        let dropped = match ask("data.system.log.drop") {
            Ok(dropped) => dropped == Some(Value::Bool(true)),
            Err(faults) => {
                return self.log.error(
                    "a decision was not logged: data.system.log.drop failed",
                    &[("why", fault::text(&faults).as_str().into())],
                );
            }
        };
        if dropped {
            return;
        }
        let told = match ask("data.system.log.mask") {
            Ok(None) => Ok(event.clone()),
            Ok(Some(mask)) => masked(&event, &mask),
            Err(faults) => Err(fault::text(&faults)),
        };
        match told {
            Ok(event) => {
                if let Err(error) = self.decisions.write(&event) {
                    self.log.error("a decision was not logged", &[("why", error.to_string().into())]);
                }
            }
            Err(why) => self
                .log
                .error("a decision was not logged: data.system.log.mask failed", &[("why", why.as_str().into())]),
        }
    }

    fn policies(&self, id: &str, pretty: bool) -> Answer {
        let state = self.state();
        let one = |module: &plimsoll_rego::ast::Module| {
            let source = state.policies.sources.get(module.source);
            let tree: serde_json::Value =
                serde_json::from_str(&tree::module(module, &state.policies.sources, tree::Options::default()))
                    .unwrap_or_default();
            serde_json::json!({
                "id": source.map_or("", |source| &source.name),
                "raw": source.map_or("", |source| &source.text),
                "ast": tree,
            })
        };
        let modules = &state.policies.program.compiled().modules;
        if id.is_empty() {
            let all: Vec<serde_json::Value> = modules.iter().map(one).collect();
            return json(StatusCode::OK, &serde_json::json!({ "result": all }), pretty);
        }
        let id = unescaped(id).unwrap_or_default();
        let named = |module: &&plimsoll_rego::ast::Module| {
            state.policies.sources.get(module.source).is_some_and(|source| source.name.trim_start_matches('/') == id)
        };
        match modules.iter().find(named) {
            Some(module) => json(StatusCode::OK, &serde_json::json!({ "result": one(module) }), pretty),
            None => refusal(
                StatusCode::NOT_FOUND,
                "resource_not_found",
                &format!("storage_not_found_error: policy id {id:?}"),
                &[],
            ),
        }
    }
}

fn internal(faults: &[Fault]) -> Answer {
    let why = "error(s) occurred while evaluating query";
    refusal(StatusCode::INTERNAL_SERVER_ERROR, "internal_error", why, faults)
}

fn read_only() -> Answer {
    let why = "policies and data come from files: nothing can be written over this API";
    refusal(StatusCode::METHOD_NOT_ALLOWED, "method_not_allowed", why, &[])
}

/// `?name`, `?name=true`
fn flag(query: &str, name: &str) -> bool {
    query.split('&').any(|pair| {
        let (key, value) = pair.split_once('=').unwrap_or((pair, "true"));
        key == name && matches!(value, "true" | "1" | "")
    })
}

/// `%41` as what it stands for; `None` where that is no UTF-8.
fn unescaped(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        if byte != b'%' {
            bytes.push(byte);
            continue;
        }
        let digit = |byte: Option<u8>| byte.and_then(|byte| char::from(byte).to_digit(16));
        let (high, low) = (digit(rest.next())?, digit(rest.next())?);
        bytes.push(u8::try_from(high * 16 + low).ok()?);
    }
    String::from_utf8(bytes).ok()
}

/// `a/b/0` → `data.a.b[0]`
fn reference(path: &str) -> Option<String> {
    let span = Span::default();
    let mut terms = vec![Term::var(span, "data")];
    for part in path.split('/').filter(|part| !part.is_empty()) {
        let part = unescaped(part)?;
        let number = part.parse::<i64>().ok().filter(|number| number.to_string() == part);
        terms.push(match number {
            Some(number) => Term::new(span, TermKind::Number(Number::from(number))),
            None => Term::string(span, &part),
        });
    }
    (terms.len() <= MAX_PARTS).then(|| text::reference(&terms))
}

/// The input of a request: of a POST its body's `input`, of a GET the parameter.
fn input(asked: &Asked<'_>) -> Result<Option<Value>, String> {
    if *asked.method != Method::POST {
        let given = asked.query.split('&').find_map(|pair| pair.strip_prefix("input="));
        let Some(given) = given else { return Ok(None) };
        let text = unescaped(&given.replace('+', " ")).ok_or("parameter contains malformed input document")?;
        return Value::from_json(text.as_bytes())
            .map(Some)
            .map_err(|error| format!("parameter contains malformed input document: {error}"));
    }
    if asked.body.iter().all(u8::is_ascii_whitespace) {
        return Ok(None);
    }
    let body = crate::rego::load::document(&asked.body)
        .map_err(|why| format!("body contains malformed input document: {why}"))?;
    match &body {
        Value::Object(fields) => Ok(fields.get_str("input").cloned()),
        Value::Null => Ok(None),
        _ => Err("body contains malformed input document: it is no object".into()),
    }
}

/// What the options' files look like now.
///
/// # Errors
/// When there are more than can be followed: a change in the rest would go unseen.
fn stamps(options: &Options) -> Result<Vec<Followed>, String> {
    // A prefix (`a.b:path`) is no part of the path; bundles have none.
    let paths = options.paths.iter().map(|path| path.split_once(':').map_or(path.as_str(), |(_, path)| path));
    let bundles = options.bundles.iter().map(|path| path.strip_prefix("file://").unwrap_or(path));
    let key = options.signed.iter().map(|signed| signed.key.as_path());
    stamps_of(paths.chain(bundles).map(Path::new).chain(key), MAX_FOLLOWED)
}

fn stamps_of<'a>(paths: impl Iterator<Item = &'a Path>, most: usize) -> Result<Vec<Followed>, String> {
    let mut stamps = Vec::new();
    let mut entries = 0;
    for path in paths {
        let walk =
            ignore::WalkBuilder::new(path).standard_filters(false).follow_links(true).max_depth(Some(64)).build();
        for entry in walk {
            entries += 1;
            if entries > most {
                return Err(format!("{}: more than {most} files and folders to follow", path.display()));
            }
            if let Ok(entry) = entry
                && let Ok(found) = std::fs::metadata(entry.path())
                && !found.is_dir()
            {
                stamps.push((entry.into_path(), Stamp::from(&found)));
            }
        }
    }
    stamps.sort();
    Ok(stamps)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_references() {
        assert_eq!(reference("a/b").as_deref(), Some("data.a.b"));
        assert_eq!(reference("").as_deref(), Some("data"));
        assert_eq!(reference("a%2Fb/0/x-y").as_deref(), Some("data[\"a/b\"][0][\"x-y\"]"));
        assert_eq!(reference("a/%ff"), None);
        assert_eq!(reference(&"a/".repeat(100)), None);
    }

    #[test]
    fn files_that_are_too_many_to_follow_are_told() {
        let folder = tempfile::tempdir().unwrap();
        for name in ["a", "b"] {
            std::fs::write(folder.path().join(name), name).unwrap();
        }
        let of = |most| stamps_of(std::iter::once(folder.path()), most);
        assert_eq!(of(3).unwrap().len(), 2);
        assert!(of(2).unwrap_err().contains("more than 2"));
    }

    #[test]
    fn a_set_that_is_being_written_waits_until_it_rests() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.rego");
        std::fs::write(&path, "package a\np := 1\n").unwrap();
        let options = Options { paths: vec![path.display().to_string()], ..Options::default() };
        let log = Log { format: crate::cli::LogFormat::Text, level: crate::cli::LogLevel::Error };
        let api = DataApi::open(options, log).unwrap();
        let value = || api.state().value("data.a.p", None, false).unwrap().unwrap();
        // Each piece is a policy by itself.
        std::fs::write(&path, "package a\np := 2\n").unwrap();
        api.refresh(false);
        std::fs::write(&path, "package a\np := 2 if false\n").unwrap();
        api.refresh(false);
        assert_eq!(value(), Value::int(1));
        std::fs::write(&path, "package a\np := 3 if true\n# whole\n").unwrap();
        api.refresh(false);
        assert_eq!(value(), Value::int(1));
        api.refresh(false);
        assert_eq!(value(), Value::int(3));
        std::fs::write(&path, "package a\np := 4\n").unwrap();
        api.refresh(true);
        assert_eq!(value(), Value::int(4), "SIGHUP says that it is whole");

        for round in 0..RESTLESS as usize {
            std::fs::write(&path, format!("package a\np := 5\n{}", "#".repeat(round))).unwrap();
            api.refresh(false);
        }
        assert!(api.fault().unwrap().contains("change from look to look"));
        api.refresh(false);
        assert_eq!((value(), api.fault()), (Value::int(5), None));
    }

    #[test]
    fn only_our_paths_are_ours() {
        assert!(is_ours("/v1/data") && is_ours("/v1/data/a") && is_ours("/v1/policies/x") && is_ours("/health"));
        assert!(!is_ours("/v1/database") && !is_ours("/v1") && !is_ours("/healthz"));
    }
}
