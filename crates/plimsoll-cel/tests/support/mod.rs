//! Cases of `tests/corpora/*.cases`, and what we answer to them.
//!
//! ```text
//! # a remark
//! @vars {"object": {"a": 1}}
//! object.a + 1
//!     = 2
//!     $ 3
//! ```
//!
//! An expression is a line of its own; below it, indented, stand its value (`=`), or what it is refused for (`!`: line, column
//! and message of the first issue), or what its evaluation ends with (`~`), and what it costs (`$`). `@vars` gives the variables
//! of the lines below it, `@more` and `@patch` the libraries.

use plimsoll_cel::budget::Budget;
use plimsoll_cel::types::Type;
use plimsoll_cel::value::Value;
use plimsoll_cel::{Environment, admission_environment};

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    Value(String),
    Refused(String),
    Failed(String),
    Nothing,
}

#[derive(Debug, Clone)]
pub struct Case {
    pub line: usize,
    pub expression: String,
    pub answer: Answer,
    pub cost: Option<u64>,
    pub vars: String,
    pub more: bool,
    pub patch: bool,
}

/// The lines of a file: cases, and all others as they stand.
#[derive(Debug, Clone)]
pub enum Line {
    Other(String),
    Case(Case),
}

pub fn read(text: &str) -> Vec<Line> {
    let mut lines = Vec::new();
    let (mut vars, mut more, mut patch) = ("{}".to_owned(), false, false);
    for (number, line) in text.lines().enumerate() {
        let told = line.trim_start();
        if line.starts_with(' ') {
            if let Some(Line::Case(case)) = lines.last_mut() {
                let rest = told.get(1..).unwrap_or("").trim_start().to_owned();
                match told.chars().next() {
                    Some('=') => case.answer = Answer::Value(rest),
                    Some('!') => case.answer = Answer::Refused(rest),
                    Some('~') => case.answer = Answer::Failed(rest),
                    Some('$') => case.cost = rest.parse().ok(),
                    _ => {}
                }
            }
            continue;
        }
        match told.split_once(' ').map_or((told, ""), |(word, rest)| (word, rest)) {
            ("@vars", rest) => vars = rest.to_owned(),
            ("@more", _) => more = true,
            ("@patch", _) => patch = true,
            ("" | "#", _) => {}
            _ => {
                lines.push(Line::Case(Case {
                    line: number + 1,
                    expression: line.to_owned(),
                    answer: Answer::Nothing,
                    cost: None,
                    vars: vars.clone(),
                    more,
                    patch,
                }));
                continue;
            }
        }
        lines.push(Line::Other(line.to_owned()));
    }
    lines
}

pub fn write(lines: &[Line]) -> String {
    let mut out = String::new();
    for line in lines {
        match line {
            Line::Other(text) => out.push_str(text),
            Line::Case(case) => {
                out.push_str(&case.expression);
                let answer = match &case.answer {
                    Answer::Value(text) => format!("= {text}"),
                    Answer::Refused(text) => format!("! {text}"),
                    Answer::Failed(text) => format!("~ {text}"),
                    Answer::Nothing => String::new(),
                };
                out.push_str(&format!("\n    {answer}"));
                if let Some(cost) = case.cost {
                    out.push_str(&format!("\n    $ {cost}"));
                }
            }
        }
        out.push('\n');
    }
    out
}

pub fn on_one_line(text: &str) -> String {
    text.replace('\\', "\\\\").replace('\n', "\\n").replace('\r', "\\r")
}

const NAMES: [&str; 5] = ["object", "oldObject", "params", "namespaceObject", "request"];

fn environment(case: &Case) -> Environment {
    let mut environment = admission_environment(true, true);
    if case.more {
        environment = environment.with_more();
    }
    if case.patch {
        environment = environment.with_patches();
    }
    environment.variable("unused", Type::Dyn)
}

/// What we say to a case, and what it cost.
pub fn ours(case: &Case) -> (Answer, Option<u64>) {
    let vars: serde_json::Value = serde_json::from_str(&case.vars).expect("variables are JSON");
    let values: Vec<Value> = NAMES
        .iter()
        .map(|name| vars.get(name).map_or(Value::Null, |value| Value::from_json(value).expect("not too deep")))
        .collect();
    match environment(case).compile(&case.expression) {
        Err(refused) => {
            let issue = refused.issues.first().expect("refused for something");
            (Answer::Refused(on_one_line(&format!("{}:{}: {}", issue.line, issue.column, issue.message))), None)
        }
        Ok(program) => {
            let outcome = program.run(values.as_slice(), Budget::default());
            let cost = Some(outcome.cost);
            match outcome.value {
                Ok(value) => (Answer::Value(value.to_string()), cost),
                Err(failure) => (Answer::Failed(on_one_line(&failure.to_string())), None),
            }
        }
    }
}

/// Whether two answers are the same. Three kinds of words are not compared: of what cannot be parsed (they are a parser
/// generator's; the line is), of regular expressions that are none, and of which function has no such overload. What is found
/// wrong when a program is made of an expression has no place there, and has one here.
pub fn agree(theirs: &Answer, ours: &Answer) -> bool {
    let general =
        |text: &str| match ["no such overload", "error parsing regexp"].iter().find(|known| text.contains(**known)) {
            Some(known) => (*known).to_owned(),
            None => text.to_owned(),
        };
    match (theirs, ours) {
        (Answer::Refused(a), Answer::Refused(b)) if a.contains(": Syntax error") => {
            a.split(':').next() == b.split(':').next()
        }
        (Answer::Refused(a), Answer::Refused(b)) => match (a.strip_prefix("program: "), b.splitn(3, ':').nth(2)) {
            (Some(a), Some(b)) => general(a) == general(b.trim_start()),
            _ => a == b,
        },
        (Answer::Failed(a), Answer::Failed(b)) => general(a) == general(b),
        (a, b) => a == b,
    }
}
