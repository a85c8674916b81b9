//! Policies over attestations. In: files of Rego, and statements. Out: whether they allow each of them. Cosign asks
//! `data.signature.allow` in the language of before OPA 1.0, and wants `true`, nothing else; CUE is not spoken.

use std::path::Path;
use std::time::{Duration, Instant};

use plimsoll_rego::ast::Language;
use plimsoll_rego::budget::Budget;
use plimsoll_rego::eval::{Prepared, RunOptions};
use plimsoll_rego::parse;
use plimsoll_rego::span;
use plimsoll_rego::value::Value;

use super::{Failure, say};
use crate::rego::fault::{Fault, text};
use crate::rego::load::{self, Loaded};
use crate::rego::policies::{Policies, Settings};

/// What is asked.
const QUERY: &str = "data.signature.allow";
/// How long all statements of one image may take.
const TIME: Duration = Duration::from_secs(60);
/// Bytes that one answer may take.
const MEMORY: u64 = 256 << 20;

/// Policies, made ready; without any everything is allowed.
pub struct Verdict {
    rego: Option<Rego>,
}

struct Rego {
    files: Vec<String>,
    query: Prepared,
    sources: span::Sources,
    data: Value,
}

impl Verdict {
    /// Reads the files.
    pub fn of(files: &[String]) -> Result<Verdict, Failure> {
        let (mut loaded, mut faults) = (Loaded::default(), Vec::new());
        let options = parse::Options { language: Language::V0, ..parse::Options::default() };
        for file in files {
            match Path::new(file).extension().and_then(|extension| extension.to_str()) {
                Some("rego") => match load::bytes(Path::new(file)) {
                    Ok(content) => faults.extend(loaded.module(file, &content, &options).err().into_iter().flatten()),
                    Err(fault) => faults.push(fault),
                },
                Some("cue") => return Err(format!("--policy {file}: CUE is not spoken: write it in Rego").into()),
                _ => return Err(format!("--policy {file}: invalid policy format, expected .cue or .rego").into()),
            }
        }
        if files.is_empty() {
            return Ok(Verdict { rego: None });
        }
        let unread = |faults: Vec<Fault>| Failure::from(format!("read the policies: {}", text(&faults)));
        if !faults.is_empty() {
            return Err(unread(faults));
        }
        let policies = Policies::of(loaded, Settings::default()).map_err(unread)?;
        let (query, sources) = policies.query(QUERY).map_err(unread)?;
        Ok(Verdict { rego: Some(Rego { files: files.to_vec(), query, sources, data: policies.data }) })
    }

    /// Asks about each statement; one that is not allowed is enough to fail.
    pub fn on<'a>(&self, statements: impl Iterator<Item = &'a [u8]>) -> Result<(), Failure> {
        let Some(rego) = &self.rego else { return Ok(()) };
        say(&format!("will be validating against Rego policies: [{}]", rego.files.join(" ")));
        let deadline = Instant::now().checked_add(TIME);
        let faults: Vec<String> = statements.filter_map(|statement| rego.fault(statement, deadline)).collect();
        if faults.is_empty() {
            return Ok(());
        }
        let count = faults.len();
        say(&format!("There are {count} number of errors occurred during the validation:\n"));
        faults.iter().for_each(|fault| say(&format!("- {fault}")));
        Err(format!("{count} validation errors occurred").into())
    }
}

impl Rego {
    /// Why it does not allow a statement.
    fn fault(&self, statement: &[u8], deadline: Option<Instant>) -> Option<String> {
        let input = match Value::from_json(statement) {
            Ok(input) => input,
            Err(error) => return Some(format!("the statement cannot be read: {error}")),
        };
        let budget = Budget { deadline, memory: MEMORY, ..Budget::default() };
        let options = RunOptions { budget, world: crate::rego::world(), ..RunOptions::default() };
        let outcome = match self.query.run(Some(&input), &self.data, &options) {
            Ok(outcome) => outcome,
            Err(error) => return Some(error.line(&self.sources)),
        };
        // What erred is to OPA as if it were not there: a rule that should have denied then allows.
        if let Some(error) = outcome.builtin_errors.first() {
            return Some(error.line(&self.sources));
        }
        match outcome.solutions.as_slice() {
            [] => Some(format!("result is undefined for query '{QUERY}'")),
            [one] if one.expressions.len() == 1 && one.expressions[0].value == Value::Bool(true) => None,
            [one, ..] => {
                let value = one.expressions.first().map_or_else(String::new, |one| one.value.to_string());
                Some(format!("expression value, {value}, is not true"))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(policy: &str, statements: &[&str]) -> Result<(), String> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.rego");
        std::fs::write(&path, policy).unwrap();
        let verdict = Verdict::of(&[path.display().to_string()]).map_err(|failure| failure.why)?;
        verdict.on(statements.iter().map(|one| one.as_bytes())).map_err(|failure| failure.why)
    }

    #[test]
    fn only_true_allows_and_each_statement_is_asked_about() {
        let of = "package signature\nallow { input.predicate.ok == true }";
        assert_eq!(asked(of, &[r#"{"predicate":{"ok":true}}"#]), Ok(()));
        let (good, bad) = (r#"{"predicate":{"ok":true}}"#, r#"{"predicate":{"ok":false}}"#);
        assert_eq!(asked(of, &[good, bad, bad]), Err("2 validation errors occurred".into()));
        for policy in [
            "package signature\nallow = \"true\"",
            "package signature\nallow = {\"a\"}",
            "package signature\nallow = false",
            "package other\nallow = true",
            "package signature\nallow = x { x := http.send({\"method\": \"get\", \"url\": \"http://127.0.0.1:1\"}) }",
            "package signature\nallow { not to_number(\"x\") }",
        ] {
            assert_eq!(asked(policy, &[good]), Err("1 validation errors occurred".into()), "{policy}");
        }
        assert!(asked("package signature\nallow if true", &[good]).unwrap_err().starts_with("read the policies"));
        assert_eq!(asked("package signature\nimport rego.v1\nallow if input.predicate.ok", &[good]), Ok(()));
    }

    #[test]
    fn cue_is_refused_by_name_and_without_policies_nothing_is_asked() {
        let refused = |file: &str| Verdict::of(&[file.to_owned()]).err().map(|failure| failure.why).unwrap();
        assert!(refused("a.cue").contains("CUE is not spoken"));
        assert!(refused("a.yaml").contains("invalid policy format"));
        assert!(refused("nowhere.rego").contains("nowhere.rego"));
        assert!(Verdict::of(&[]).unwrap().on([&b"no json"[..]].into_iter()).is_ok());
    }
}
