//! Decision logs: who asked what, and what was answered. In: a decision. Out: one line of JSON in a file or on standard
//! output, in OPA's shape, after the policies' mask (`data.system.log.mask`) took out or replaced what nobody should read.

use std::fs::File;
use std::io::Write as _;
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use anyhow::Context as _;
use plimsoll_rego::value::Value;

use crate::rego::fault::Fault;

/// Where decisions go.
pub struct Decisions {
    told: Option<Told>,
    count: AtomicU64,
    /// Tells one process's decisions from another's.
    origin: u64,
}

enum Told {
    Output,
    File { path: PathBuf, file: Mutex<File> },
}

/// Opens a file to add to it. Inputs are in it: where it is new, nobody else may read it.
fn opened(path: &Path) -> std::io::Result<File> {
    File::options().append(true).create(true).mode(0o600).open(path)
}

/// One decision.
pub struct Decision<'a> {
    pub id: Option<&'a str>,
    /// `a/b`
    pub path: &'a str,
    pub input: Option<&'a Value>,
    pub outcome: &'a Result<Option<Value>, Vec<Fault>>,
    pub by: &'a str,
    pub took: Duration,
}

impl Decisions {
    /// Where they are told; `None`: nowhere, and `-` is standard output.
    ///
    /// # Errors
    /// When the file cannot be opened to add to it.
    pub fn open(path: Option<&Path>) -> anyhow::Result<Decisions> {
        let told = match path {
            None => None,
            Some(path) if path == Path::new("-") => Some(Told::Output),
            Some(path) => {
                let file = opened(path).with_context(|| format!("open the decision log {}", path.display()))?;
                Some(Told::File { path: path.to_path_buf(), file: Mutex::new(file) })
            }
        };
        let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
        let origin = u64::try_from(since.as_nanos()).unwrap_or(0) ^ u64::from(std::process::id()).rotate_left(40);
        Ok(Decisions { told, count: AtomicU64::new(1), origin })
    }

    pub fn are_told(&self) -> bool {
        self.told.is_some()
    }

    /// An id in the form of a UUID, where decisions are told.
    pub fn next_id(&self) -> Option<String> {
        self.are_told().then(|| {
            let count = self.count.fetch_add(1, Ordering::Relaxed);
            let origin = self.origin;
            format!(
                "{:08x}-{:04x}-4{:03x}-8{:03x}-{:012x}",
                (origin >> 32) as u32,
                (origin >> 16) as u16,
                origin & 0xfff,
                (count >> 48) & 0xfff,
                count & 0xffff_ffff_ffff
            )
        })
    }

    /// Opens the file anew where another, or none, is at its path now, as after a rotation; and when `anew`. What is written
    /// meanwhile goes to the old one.
    ///
    /// # Errors
    /// When it cannot be opened: the old one is written on.
    pub fn follow(&self, anew: bool) -> std::io::Result<()> {
        let Some(Told::File { path, file }) = &self.told else { return Ok(()) };
        let place = |found: std::fs::Metadata| (found.dev(), found.ino());
        let open = place(file.lock().unwrap_or_else(PoisonError::into_inner).metadata()?);
        if !anew && std::fs::metadata(path).is_ok_and(|found| place(found) == open) {
            return Ok(());
        }
        let fresh = opened(path)?;
        *file.lock().unwrap_or_else(PoisonError::into_inner) = fresh;
        Ok(())
    }

    /// Writes one line.
    ///
    /// # Errors
    /// When the file or the reader of standard output takes none.
    pub fn write(&self, event: &Value) -> std::io::Result<()> {
        let mut line = event.to_json();
        line.push('\n');
        match &self.told {
            Some(Told::File { file, .. }) => {
                file.lock().unwrap_or_else(PoisonError::into_inner).write_all(line.as_bytes())
            }
            _ => std::io::stdout().lock().write_all(line.as_bytes()),
        }
    }
}

impl Decision<'_> {
    /// The event as masks see it and as it is written: JSON, so that what looks like a place in the log is one for a mask.
    /// Rego's sets are arrays there, and its keys strings.
    ///
    /// # Errors
    /// What JSON cannot hold: two keys that are written alike, or more levels than a document may have.
    pub fn event(&self) -> Result<Value, String> {
        let text = |value: &str| Value::string(value);
        let labels = Value::object(vec![(text("version"), text(env!("CARGO_PKG_VERSION")))]);
        let took = i64::try_from(self.took.as_nanos()).unwrap_or(i64::MAX);
        let mut entries = vec![
            (text("type"), text("openpolicyagent.org/decision_logs")),
            (text("msg"), text("Decision Log")),
            (text("level"), text("info")),
            (text("labels"), labels),
            (text("path"), text(self.path)),
            (text("requested_by"), text(self.by)),
            (text("timestamp"), text(&jiff::Timestamp::now().to_string())),
            (text("metrics"), Value::object(vec![(text("timer_server_handler_ns"), Value::int(took))])),
        ];
        entries.extend(self.id.map(|id| (text("decision_id"), text(id))));
        entries.extend(self.input.map(|input| (text("input"), input.clone())));
        match self.outcome {
            Ok(result) => entries.extend(result.iter().map(|result| (text("result"), result.clone()))),
            Err(faults) => {
                let words = crate::rego::fault::text(faults);
                entries.push((text("error"), Value::object(vec![(text("message"), text(&words))])));
            }
        }
        Value::from_json(Value::object(entries).to_json().as_bytes()).map_err(|error| error.to_string())
    }
}

/// One step of a mask.
enum Step {
    Remove,
    Upsert(Value),
}

/// The event without what a mask takes out, and the lists of what was.
///
/// # Errors
/// When the mask is no list of paths: then the event must not be written.
pub fn masked(event: &Value, mask: &Value) -> Result<Value, String> {
    let rules: Vec<&Value> = match mask {
        Value::Set(rules) => rules.members().iter().collect(),
        Value::Array(rules) => rules.items().iter().collect(),
        _ => return Err(format!("a mask is a set of paths, and this is {}", mask.type_name())),
    };
    let mut event = event.clone();
    let (mut erased, mut replaced) = (Vec::new(), Vec::new());
    for rule in rules {
        let (path, step) = step(rule)?;
        // A key is what stands between two slashes, as in OPA; `~1` for a slash within one is JSON Pointer's.
        let written: Vec<String> = path.split('/').skip(1).map(str::to_owned).collect();
        let pointed: Vec<String> = written.iter().map(|part| part.replace("~1", "/").replace("~0", "~")).collect();
        match written.first().map(String::as_str) {
            Some("input" | "result") if path.starts_with('/') => {}
            // Builtins' answers are in no event here.
            Some("nd_builtin_cache") if path.starts_with('/') => continue,
            _ => return Err(format!("mask {path:?} is neither of /input nor of /result")),
        }
        let mut hit = false;
        for parts in std::iter::once(&written).chain((pointed != written).then_some(&pointed)) {
            if let Some(changed) = changed(&event, parts, &step) {
                event = changed;
                hit = true;
            }
        }
        match step {
            _ if !hit => {}
            Step::Upsert(_) => replaced.push(Value::string(path)),
            Step::Remove => erased.push(Value::string(path)),
        }
    }
    let Value::Object(fields) = &event else { return Ok(event) };
    let mut entries = fields.entries().to_vec();
    if !erased.is_empty() || !replaced.is_empty() {
        // The words of an error may quote what was just taken out.
        for (_, value) in entries.iter_mut().filter(|(key, _)| key.as_str() == Some("error")) {
            let untold = Value::string("not told: its words may quote what the mask takes out");
            *value = Value::object(vec![(Value::string("message"), untold)]);
        }
    }
    for (name, list) in [("erased", erased), ("masked", replaced)] {
        if !list.is_empty() {
            entries.push((Value::string(name), Value::array(list)));
        }
    }
    Ok(Value::object(entries))
}

fn step(rule: &Value) -> Result<(&str, Step), String> {
    let field = |name: &str| rule.get(&Value::string(name));
    match rule {
        Value::String(path) => Ok((path, Step::Remove)),
        Value::Object(_) => {
            let path = field("path").and_then(Value::as_str).ok_or("a mask's object has no path")?;
            match field("op").and_then(Value::as_str) {
                Some("remove") => Ok((path, Step::Remove)),
                Some("upsert") => Ok((path, Step::Upsert(field("value").cloned().unwrap_or(Value::Null)))),
                _ => Err(format!("mask {path:?}: op is remove or upsert")),
            }
        }
        _ => Err(format!("a mask is a path or an object, and this is {}", rule.type_name())),
    }
}

/// The value with one place changed; `None` where there is no such place. Values are at most as deep as the engine lets them be.
fn changed(value: &Value, path: &[String], step: &Step) -> Option<Value> {
    let (first, rest) = path.split_first()?;
    match value {
        Value::Object(fields) => {
            let key = Value::string(first.as_str());
            let mut entries = fields.entries().to_vec();
            let at = entries.iter().position(|(have, _)| *have == key);
            match (at, rest.is_empty(), step) {
                (Some(at), true, Step::Remove) => drop(entries.remove(at)),
                (Some(at), true, Step::Upsert(new)) => entries[at].1 = new.clone(),
                (None, true, Step::Upsert(new)) => entries.push((key, new.clone())),
                (Some(at), false, step) => entries[at].1 = changed(&entries[at].1, rest, step)?,
                (None, ..) => return None,
            }
            Some(Value::object(entries))
        }
        Value::Array(items) => {
            let at: usize = first.parse().ok()?;
            let mut items = items.items().to_vec();
            let item = items.get_mut(at)?;
            match (rest.is_empty(), step) {
                // A hole would move what comes after it: others of the mask's paths would miss.
                (true, Step::Remove) => *item = Value::Null,
                (true, Step::Upsert(new)) => *item = new.clone(),
                (false, step) => *item = changed(item, rest, step)?,
            }
            Some(Value::array(items))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event() -> Value {
        Value::from_json(
            br#"{"input": {"user": "ann", "password": "secret", "keys": [{"k": 1}]}, "result": true, "path": "a"}"#,
        )
        .unwrap()
    }

    #[test]
    fn a_log_that_was_moved_away_is_opened_anew_and_is_nobody_elses_to_read() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("log");
        let decisions = Decisions::open(Some(&path)).unwrap();
        let lines = |path: &Path| std::fs::read_to_string(path).unwrap().lines().count();
        decisions.write(&event()).unwrap();
        assert_eq!(std::fs::metadata(&path).unwrap().mode() & 0o777, 0o600);
        let moved = folder.path().join("log.1");
        std::fs::rename(&path, &moved).unwrap();
        decisions.write(&event()).unwrap();
        decisions.follow(false).unwrap();
        decisions.write(&event()).unwrap();
        decisions.follow(false).unwrap();
        assert_eq!((lines(&moved), lines(&path)), (2, 1));
        // As logrotate's `create` does it.
        std::fs::rename(&path, &moved).unwrap();
        File::options().write(true).create(true).truncate(true).mode(0o640).open(&path).unwrap();
        decisions.follow(true).unwrap();
        decisions.write(&event()).unwrap();
        assert_eq!((lines(&path), std::fs::metadata(&path).unwrap().mode() & 0o777), (1, 0o640));
        // Where it cannot be opened the old one goes on.
        std::fs::remove_file(&path).unwrap();
        std::fs::create_dir(&path).unwrap();
        assert!(decisions.follow(false).is_err());
        assert!(decisions.write(&event()).is_ok());
    }

    #[test]
    fn masks_take_out_and_replace() {
        let mask = Value::from_json(
            br#"["/input/password", {"op": "upsert", "path": "/input/user", "value": "x"}, {"op": "remove", "path": "/input/keys/0/k"}, "/input/none"]"#,
        )
        .unwrap();
        let told = masked(&event(), &mask).unwrap().to_json();
        assert!(!told.contains("secret") && !told.contains("ann"), "{told}");
        assert!(told.contains(r#""erased":["/input/password","/input/keys/0/k"]"#), "{told}");
        assert!(told.contains(r#""masked":["/input/user"]"#), "{told}");
    }

    #[test]
    fn what_is_no_json_is_masked_where_the_log_shows_it() {
        let result = Value::object(vec![
            (Value::int(1), Value::string("secret")),
            (Value::string("set"), Value::set(vec![Value::string("hidden"), Value::string("shown")])),
            (Value::string("a~1b"), Value::string("tilde")),
            (Value::string("c/d"), Value::string("slash")),
        ]);
        let outcome = Ok(Some(result));
        let decision =
            Decision { id: None, path: "a", input: None, outcome: &outcome, by: "", took: Duration::default() };
        let mask = br#"["/result/1", "/result/set/0", "/result/a~1b", "/result/c~1d", "/nd_builtin_cache/x"]"#;
        let told = masked(&decision.event().unwrap(), &Value::from_json(mask).unwrap()).unwrap().to_json();
        for gone in ["secret", "hidden", "tilde", "slash"] {
            assert!(!told.contains(&format!(":\"{gone}")) && !told.contains(&format!("[\"{gone}")), "{gone}: {told}");
        }
        assert!(told.contains("shown"), "{told}");
    }

    #[test]
    fn words_of_errors_do_not_bring_back_what_a_mask_takes_out() {
        let event = br#"{"input": {"password": "secret"}, "error": {"message": "parsing \"secret\""}, "path": "a"}"#;
        let event = Value::from_json(event).unwrap();
        let told = masked(&event, &Value::from_json(br#"["/input/password"]"#).unwrap()).unwrap().to_json();
        assert!(!told.contains("secret") && told.contains("not told"), "{told}");
        let whole = masked(&event, &Value::from_json(br#"["/input/none"]"#).unwrap()).unwrap().to_json();
        assert!(whole.contains("parsing"), "{whole}");
    }

    #[test]
    fn a_mask_that_cannot_be_read_lets_nothing_out() {
        for bad in [r#"true"#, r#"["password"]"#, r#"["/path"]"#, r#"[{"op": "hide", "path": "/input/x"}]"#, r#"[1]"#] {
            assert!(masked(&event(), &Value::from_json(bad.as_bytes()).unwrap()).is_err(), "{bad}");
        }
    }
}
