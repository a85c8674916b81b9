//! `conftest test` and `conftest reformat`. In: files and policies, or a report. Out: a report; 1 where something failed.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use plimsoll_rego::value::Value;

use super::engine::{self, Dialect, Wanted};
use super::flags::{Language, Reformat, Report, Test};
use super::output::{self, Shown};
use super::protos::Protos;
use super::result::{self, Check};
use super::settings::Settings;
use super::{bundles, configs, parallel, print};
use crate::exit::Exit;
use crate::rego::load;

/// Files that one run looks at.
const MAX_FILES: usize = 1_000_000;
/// Folders in folders.
const MAX_DEPTH: usize = 64;

pub fn dialect(language: &Language, settings: &Settings) -> Result<Dialect, String> {
    Ok(Dialect {
        strict: settings.truth(language.strict, "strict")?,
        version: settings.text(language.rego_version.as_ref(), "rego-version").unwrap_or_else(|| "v1".into()),
        capabilities: settings.text(language.capabilities.as_ref(), "capabilities").filter(|path| !path.is_empty()),
        protos: Arc::new(Protos::of(settings.list(&language.proto_file_dirs, "proto-file-dirs", &[]))),
    })
}

/// What a report's flags ask, and its format.
pub fn shown(report: &Report, settings: &Settings) -> Result<(Shown, String), String> {
    let shown = Shown {
        no_color: settings.truth(report.no_color, "no-color")?,
        hide_message: settings.truth(report.junit_hide_message, "junit-hide-message")?,
        hide_passed: settings.truth(report.github_hide_passed, "github-hide-passed")?,
        ..Shown::default()
    };
    Ok((shown, settings.text(report.output.as_ref(), "output").unwrap_or_else(|| "stdout".into())))
}

pub fn run(asked: &Test, settings: &Settings) -> Result<Exit, String> {
    if asked.files.is_empty() {
        eprintln!(
            "Usage:\n  plimsoll conftest test <path> [path [...]] [flags]\n\nMore: plimsoll conftest test --help"
        );
        return Err("missing required arguments".into());
    }
    let checks = checks(asked, settings).map_err(|why| format!("running test: {why}"))?;
    let status = result::status(&checks, settings.truth(asked.fail_on_warn, "fail-on-warn")?);
    let quiet = settings.truth(asked.report.quiet, "quiet")?;
    if quiet && status == 0 {
        return Ok(Exit::Allowed);
    }
    let (shown, format) = shown(&asked.report, settings)?;
    let shown = Shown {
        suppress_exceptions: settings.truth(asked.suppress_exceptions, "suppress-exceptions")?,
        trace: settings.truth(asked.language.trace, "trace")?,
        ..shown
    };
    if shown.trace {
        eprint!("{}", output::trace(&checks, &shown));
    }
    let printed = print(&output::written(&checks, &format, &shown));
    Ok(match (printed, settings.truth(asked.no_fail, "no-fail")?) {
        (Exit::Allowed, true) => Exit::Allowed,
        (Exit::Allowed, false) => Exit::Other(status),
        (failed, _) => failed,
    })
}

fn checks(asked: &Test, settings: &Settings) -> Result<Vec<Check>, String> {
    let ignore = settings.text(asked.ignore.as_ref(), "ignore");
    let files = files(&asked.files, ignore.as_deref()).map_err(|why| format!("parse files: {why}"))?;
    let parser = settings.text(asked.parser.as_ref(), "parser").filter(|parser| !parser.is_empty());
    let dialect = dialect(&asked.language, settings)?;
    let mut documents = configs::read(&files, parser.as_deref(), &dialect.protos)
        .map_err(|why| format!("parse configurations: {why}"))?;
    let name = settings.text(asked.stdin_filename.as_ref(), "stdin-filename").filter(|name| !name.is_empty());
    if let (Some(name), true) = (name, documents.contains_key("-"))
        && let Some(document) = documents.remove("-")
    {
        documents.insert(name, document);
    }
    let policy = settings.list(&asked.language.policy, "policy", &["policy"]);
    let update = settings.list(&asked.update, "update", &[]);
    if let (Some(folder), false) = (policy.first(), update.is_empty()) {
        bundles::fetch(Path::new(folder), &update, settings.said(asked.tls, "tls")?, true)
            .map_err(|why| format!("update policies: {why}"))?;
    }
    let data = settings.list(&asked.language.data, "data", &[]);
    let policies = engine::load(&policy, &data, &dialect)?;
    let given = settings.list(&asked.namespace, "namespace", &["main"]);
    let namespaces = match settings.truth(asked.all_namespaces, "all-namespaces")? {
        true => engine::namespaces(&policies.loaded.modules),
        false if given.iter().any(|pattern| pattern.contains(['*', '?', '['])) => {
            matching(engine::namespaces(&policies.loaded.modules), &given)?
        }
        false => given,
    };
    let wanted = Wanted {
        trace: settings.truth(asked.language.trace, "trace")?,
        builtin_errors: settings.truth(asked.language.show_builtin_errors, "show-builtin-errors")?,
    };
    let engine = policies.engine(wanted)?;
    let combine = settings.truth(asked.combine, "combine")?;
    let documents: Vec<(String, Value)> = match combine {
        true => vec![("Combined".into(), configs::combined(&documents))],
        false => documents.into_iter().collect(),
    };
    let mut all = Vec::new();
    for namespace in &namespaces {
        let rules = engine.rules(namespace).map_err(|why| format!("query rule: {why}"))?;
        let judged = parallel(&documents, |(path, document)| match combine {
            true => engine.check_combined(document, &rules).map_err(|why| format!("check combined: {why}")),
            false => engine.check(path, document, &rules).map_err(|why| format!("query rule: {why}")),
        });
        for check in judged {
            all.push(check?);
        }
    }
    Ok(all)
}

/// The namespaces that a pattern matches.
pub fn matching(namespaces: Vec<String>, patterns: &[String]) -> Result<Vec<String>, String> {
    let mut kept = Vec::new();
    for namespace in namespaces {
        for pattern in patterns {
            let bad = || format!("filter namespaces: match pattern {pattern:?}: syntax error in pattern");
            if glob(pattern).ok_or_else(bad)?.is_match(&namespace) {
                kept.push(namespace);
                break;
            }
        }
    }
    Ok(kept)
}

/// Go's `path.Match`: `*` and `?` stop at `/`.
fn glob(pattern: &str) -> Option<regex::Regex> {
    let mut out = String::from(r"\A(?s:");
    let mut letters = pattern.chars().peekable();
    let literal = |c: char| regex::escape(c.encode_utf8(&mut [0; 4]));
    while let Some(c) = letters.next() {
        match c {
            '*' => out.push_str("[^/]*"),
            '?' => out.push_str("[^/]"),
            '\\' => out.push_str(&literal(letters.next()?)),
            '[' => {
                out.push('[');
                if letters.next_if_eq(&'^').is_some() {
                    out.push('^');
                }
                let mut count = 0;
                loop {
                    let c = letters.next()?;
                    match c {
                        ']' if count > 0 => break,
                        ']' => return None,
                        '\\' => out.push_str(&literal(letters.next()?)),
                        '-' => return None,
                        c => out.push_str(&literal(c)),
                    }
                    count += 1;
                    if letters.next_if_eq(&'-').is_some() {
                        out.push('-');
                        let c = letters.next().filter(|c| !matches!(c, ']' | '-'))?;
                        out.push_str(&literal(if c == '\\' { letters.next()? } else { c }));
                    }
                }
                out.push(']');
            }
            c => out.push_str(&literal(c)),
        }
    }
    out.push_str(r")\z");
    regex::Regex::new(&out).ok()
}

/// The files of paths: of folders those that a parser knows, in the order of their names.
fn files(given: &[String], ignore: Option<&str>) -> Result<Vec<String>, String> {
    let ignore = ignore.filter(|pattern| !pattern.is_empty()).map(regex::Regex::new).transpose();
    let ignore = ignore.map_err(|error| format!("given regexp couldn't be parsed :{error}"))?;
    let left_out = |path: &str| ignore.as_ref().is_some_and(|pattern| pattern.is_match(path));
    let mut files = Vec::new();
    for path in given.iter().filter(|path| !path.is_empty()) {
        if path == "-" {
            files.push(path.clone());
            continue;
        }
        let found = std::fs::metadata(path)
            .map_err(|error| format!("get file info: {}", load::failed("stat", Path::new(path), &error).text()))?;
        if found.is_dir() {
            let mut walk = Walk { files: &mut files, seen: BTreeSet::new(), left_out: &left_out };
            walk.folder(Path::new(path), 0).map_err(|why| format!("get files from directory: {why}"))?;
        } else if !left_out(path) {
            files.push(path.clone());
        }
    }
    if files.is_empty() {
        return Err("no files found".into());
    }
    Ok(files)
}

struct Walk<'a> {
    files: &'a mut Vec<String>,
    seen: BTreeSet<PathBuf>,
    left_out: &'a dyn Fn(&str) -> bool,
}

impl Walk<'_> {
    fn folder(&mut self, folder: &Path, depth: usize) -> Result<(), String> {
        if !self.seen.insert(folder.to_path_buf()) {
            return Ok(());
        }
        if depth > MAX_DEPTH {
            return Err(format!("{}: folders nest deeper than {MAX_DEPTH}", folder.display()));
        }
        let wrong = |error: std::io::Error| format!("walk path: {}", load::failed("open", folder, &error).text());
        let mut entries = Vec::new();
        for entry in std::fs::read_dir(folder).map_err(wrong)? {
            entries.push(entry.map_err(wrong)?.path());
        }
        entries.sort();
        for entry in entries {
            // As Go joins them: a leading `./` is gone.
            let path: PathBuf = entry.strip_prefix(".").map_or_else(|_| entry.clone(), Path::to_path_buf);
            self.entry(&path, depth)?;
        }
        Ok(())
    }

    fn entry(&mut self, path: &Path, depth: usize) -> Result<(), String> {
        if self.files.len() > MAX_FILES {
            return Err(format!("more than {MAX_FILES} files"));
        }
        let wrong = |error: std::io::Error| format!("walk path: {}", load::failed("lstat", path, &error).text());
        let found = std::fs::symlink_metadata(path).map_err(wrong)?;
        if found.is_dir() {
            return self.folder(path, depth + 1);
        }
        let shown = path.to_string_lossy();
        if (self.left_out)(&shown) {
            return Ok(());
        }
        if !found.is_symlink() {
            return self.file(path);
        }
        let real = std::fs::canonicalize(path).map_err(wrong)?;
        if std::fs::metadata(&real).map_err(wrong)?.is_dir() {
            return self.folder(&real, depth + 1);
        }
        self.file(&real)
    }

    /// A file that a parser knows.
    fn file(&mut self, path: &Path) -> Result<(), String> {
        if configs::parser_of(&path.to_string_lossy()).is_err() {
            return Ok(());
        }
        // Reports and policies have names as texts, by which this file would not be found.
        let name = path.to_str().ok_or_else(|| format!("walk path: {}: its name is no UTF-8", path.display()))?;
        self.files.push(name.to_owned());
        Ok(())
    }
}

/// A report in JSON, in another format.
pub fn reformat(asked: &Reformat, settings: &Settings) -> Result<Exit, String> {
    let content = match asked.files.first() {
        Some(path) => {
            load::bytes(Path::new(path)).map_err(|fault| format!("failed to open input file: {}", fault.text()))?
        }
        None => load::standard_input().map_err(|fault| fault.text())?,
    };
    let checks: Option<Vec<Check>> =
        serde_json::from_slice(&content).map_err(|error| format!("failed to parse JSON input: {error}"))?;
    let format = settings.text(asked.output.as_ref(), "output").unwrap_or_else(|| "stdout".into());
    Ok(print(&output::written(&checks.unwrap_or_default(), &format, &Shown::default())))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_of_namespaces_are_those_of_paths() {
        let matches = |pattern: &str, name: &str| glob(pattern).is_some_and(|glob| glob.is_match(name));
        assert!(matches("main.*", "main.gke") && matches("*", "a.b") && matches("k[a-c]?", "kbx"));
        assert!(!matches("main.*", "main") && !matches("[^a]b", "ab") && !matches("a", "ab"));
        assert!(glob("[").is_none() && glob("a\\").is_none() && glob("[]a]").is_none());
    }
}
