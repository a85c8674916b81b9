//! One question about a program, and an answer to it, in the same words whoever gives it.

use std::fmt;

/// What `time.now_ns` is for both sides, in nanoseconds: in November 2026, after the tokens of public cases have expired and
/// before their certificates have.
pub const NOW: i64 = 1_795_000_000_000_000_000;

/// Modules, a query and what it is asked of.
#[derive(Debug, Clone, Default)]
pub struct Ask {
    /// Name and text.
    pub modules: Vec<(String, String)>,
    /// None: the modules are compiled only.
    pub query: Option<String>,
    /// JSON.
    pub input: Option<String>,
    /// Rego's notation; wins over `input`.
    pub input_term: Option<String>,
    /// JSON, an object.
    pub data: Option<String>,
    pub v0: bool,
    pub strict: bool,
    pub strict_builtin_errors: bool,
    /// Format the modules instead.
    pub format: bool,
}

/// A reason to refuse a program or to end its evaluation.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Problem {
    pub code: String,
    /// From 1; 0 where there is no place.
    pub row: u64,
    pub message: String,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    /// A text for each solution: see [`solution`].
    Values(Vec<String>),
    Compiled,
    /// The text of each module, in the order of their names.
    Formatted(Vec<String>),
    Errors(Vec<Problem>),
}

/// One solution as text: its bindings as an object if it has any, else the value of its expression, or of all in an array.
pub fn solution(mut bindings: Vec<(String, String)>, expressions: Vec<String>) -> String {
    if !bindings.is_empty() {
        bindings.sort();
        let pairs: Vec<String> = bindings.iter().map(|(name, value)| format!("\"{name}\": {value}")).collect();
        return format!("{{{}}}", pairs.join(", "));
    }
    match <[String; 1]>::try_from(expressions) {
        Ok([one]) => one,
        Err(all) => format!("[{}]", all.join(", ")),
    }
}

/// A message on one line.
pub fn escaped(text: &str) -> String {
    text.replace('\\', "\\\\").replace('\n', "\\n")
}

/// What [`escaped`] was made of.
pub fn unescaped(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    let mut letters = text.chars();
    while let Some(letter) = letters.next() {
        match letter {
            '\\' if letters.as_str().starts_with('n') => {
                letters.next();
                plain.push('\n');
            }
            '\\' => plain.extend(letters.next()),
            other => plain.push(other),
        }
    }
    plain
}

impl Answer {
    pub fn refused(code: &str, message: impl Into<String>) -> Answer {
        Answer::Errors(vec![Problem { code: code.into(), row: 0, message: message.into() }])
    }

    /// The codes, each once.
    pub fn codes(&self) -> Vec<&str> {
        let Answer::Errors(problems) = self else { return Vec::new() };
        let mut codes: Vec<&str> = problems.iter().map(|problem| problem.code.as_str()).collect();
        codes.sort_unstable();
        codes.dedup();
        codes
    }

    /// Solutions as a multiset, texts as they are, refusals by their codes.
    pub fn agrees(&self, other: &Answer) -> bool {
        match (self, other) {
            (Answer::Values(ours), Answer::Values(theirs)) => {
                let sorted = |values: &[String]| {
                    let mut values = values.to_vec();
                    values.sort();
                    values
                };
                ours == theirs || sorted(ours) == sorted(theirs)
            }
            (Answer::Errors(_), Answer::Errors(_)) => self.codes() == other.codes(),
            (Answer::Errors(_), _) | (_, Answer::Errors(_)) => false,
            _ => self == other,
        }
    }

    /// The lines that a file of cases records.
    pub fn lines(&self) -> Vec<String> {
        match self {
            Answer::Values(values) if values.is_empty() => vec!["--- undefined".into()],
            Answer::Values(values) => values.iter().map(|value| format!("--- value {value}")).collect(),
            Answer::Compiled => vec!["--- compiled".into()],
            Answer::Formatted(texts) => texts.iter().map(|text| format!("--- formatted {text:?}")).collect(),
            Answer::Errors(problems) => problems
                .iter()
                .map(|problem| format!("--- error {} {} {}", problem.code, problem.row, escaped(&problem.message)))
                .collect(),
        }
    }
}

impl fmt::Display for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.lines().join("\n"))
    }
}
