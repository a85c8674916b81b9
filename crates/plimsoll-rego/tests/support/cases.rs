//! Files of many small programs with what the real OPA said of each (`tests/corpora/*.cases`):
//!
//! ```text
//! --- v0                          flags of all cases: v0, strict, strict_builtin_errors
//! === a name
//! package a                       the first module, case.rego
//! p = x { x := y }
//! --- query data.a.p              without it: the first module's package
//! --- input {"x": 1}              also `--- data {…}`, each one line of JSON
//! --- module b.rego               further modules
//! package b
//! --- error rego_unsafe_var_error 2 var y is unsafe
//! ```
//!
//! The last lines are recorded: `value` for each solution, `undefined`, or `error` with code, row and message.

use super::ask::{Answer, Ask, Problem, unescaped};

#[derive(Debug, Clone, Default)]
pub struct Case {
    pub name: String,
    /// Row of its `===`.
    pub row: usize,
    pub ask: Ask,
    /// None: not recorded yet.
    pub want: Option<Answer>,
    /// Its lines without those that are recorded.
    pub written: Vec<String>,
}

#[derive(Debug, Clone, Default)]
pub struct Cases {
    /// Comments and flags before the first case.
    pub head: Vec<String>,
    pub list: Vec<Case>,
}

fn flag(ask: &mut Ask, word: &str) -> bool {
    match word {
        "v0" => ask.v0 = true,
        "strict" => ask.strict = true,
        "strict_builtin_errors" => ask.strict_builtin_errors = true,
        _ => return false,
    }
    true
}

fn problem(text: &str) -> Option<Problem> {
    let mut words = text.splitn(3, ' ');
    let code = words.next()?.to_owned();
    let row = words.next()?.parse().ok()?;
    Some(Problem { code, row, message: unescaped(words.next().unwrap_or("")) })
}

fn package_of(text: &str) -> Option<String> {
    let line = text.lines().find_map(|line| line.strip_prefix("package "))?;
    Some(format!("data.{}", line.split(['#', ';']).next().unwrap_or("").trim()))
}

/// Reads a file; what is wrong in it is said with its row.
pub fn read(text: &str) -> Result<Cases, String> {
    let mut cases = Cases::default();
    let mut flags = Ask::default();
    for (at, line) in text.lines().enumerate() {
        let row = at + 1;
        if let Some(name) = line.strip_prefix("=== ") {
            let mut ask = flags.clone();
            ask.modules.push(("case.rego".into(), String::new()));
            cases.list.push(Case { name: name.into(), row, ask, ..Case::default() });
            continue;
        }
        let directive = line.strip_prefix("--- ");
        let Some(case) = cases.list.last_mut() else {
            cases.head.push(line.into());
            match directive {
                Some(word) if flag(&mut flags, word) => {}
                None if line.is_empty() || line.starts_with('#') => {}
                _ => return Err(format!("row {row}: neither a flag nor a case: {line}")),
            }
            continue;
        };
        let Some(directive) = directive else {
            let Some((_, module)) = case.ask.modules.last_mut() else { continue };
            module.push_str(line);
            module.push('\n');
            case.written.push(line.into());
            continue;
        };
        let (word, rest) = directive.split_once(' ').unwrap_or((directive, ""));
        match word {
            "value" => match case.want.get_or_insert(Answer::Values(Vec::new())) {
                Answer::Values(values) => values.push(rest.into()),
                _ => return Err(format!("row {row}: a value beside errors")),
            },
            "undefined" => case.want = Some(Answer::Values(Vec::new())),
            "error" => {
                let problem = problem(rest).ok_or_else(|| format!("row {row}: no error: {line}"))?;
                match case.want.get_or_insert(Answer::Errors(Vec::new())) {
                    Answer::Errors(problems) => problems.push(problem),
                    _ => return Err(format!("row {row}: an error beside values")),
                }
            }
            _ => {
                case.written.push(line.into());
                match word {
                    "query" => case.ask.query = Some(rest.into()),
                    "input" => case.ask.input = Some(rest.into()),
                    "data" => case.ask.data = Some(rest.into()),
                    "module" => case.ask.modules.push((rest.into(), String::new())),
                    _ if flag(&mut case.ask, word) => {}
                    _ => return Err(format!("row {row}: unknown: {line}")),
                }
            }
        }
    }
    for case in &mut cases.list {
        while case.written.last().is_some_and(String::is_empty) {
            case.written.pop();
        }
        if case.ask.query.is_none() {
            case.ask.query = case.ask.modules.first().and_then(|(_, text)| package_of(text)).or(Some("data.a".into()));
        }
    }
    let mut names: Vec<&str> = cases.list.iter().map(|case| case.name.as_str()).collect();
    names.sort_unstable();
    match names.windows(2).find(|pair| pair[0] == pair[1]) {
        Some(pair) => Err(format!("two cases are named {}", pair[0])),
        None => Ok(cases),
    }
}

/// The file again, with the given answers as what is wanted.
pub fn write(cases: &Cases, answers: &[Answer]) -> String {
    let mut lines: Vec<String> = cases.head.clone();
    for (case, answer) in cases.list.iter().zip(answers) {
        lines.push(format!("=== {}", case.name));
        lines.extend(case.written.iter().cloned());
        lines.extend(answer.lines());
    }
    lines.join("\n") + "\n"
}
