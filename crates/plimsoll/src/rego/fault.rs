//! What went wrong, in OPA's words and shapes. In: errors of the language, of evaluation, of files. Out: lines for people,
//! objects for JSON. Under a rego error stand its line and a caret, and our advice where there is one.

use plimsoll_rego::ast::{Term, TermKind};
use plimsoll_rego::error::{Code, RegoError};
use plimsoll_rego::eval::EvalError;
use plimsoll_rego::span::{Sources, Span};
use serde::Serialize;
use unicode_width::UnicodeWidthChar as _;

/// One error of the report.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Fault {
    pub message: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub code: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub location: Option<Place>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub details: Option<Box<Details>>,
    /// Lines below the message, without their tabs.
    #[serde(skip)]
    pub below: Vec<String>,
    /// What stands at the front of an evaluation error: the place, or the query's own text.
    #[serde(skip)]
    pub front: Option<Box<str>>,
}

/// A place as OPA's JSON has it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Place {
    pub file: Box<str>,
    pub row: usize,
    pub col: usize,
}

/// Details of a parse error.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Details {
    pub line: String,
    pub idx: usize,
}

impl Place {
    pub fn of(span: Span, sources: &Sources) -> Option<Place> {
        let source = sources.get(span.source)?;
        let (row, col) = source.row_column(span.start);
        Some(Place { file: (&*source.name).into(), row, col })
    }

    /// `file:row`, or `row:column` of a query, which has no file.
    pub fn short(&self) -> String {
        match self.file.is_empty() {
            true => format!("{}:{}", self.row, self.col),
            false => format!("{}:{}", self.file, self.row),
        }
    }
}

impl Fault {
    /// An error that has no code.
    pub fn plain(message: impl Into<String>) -> Fault {
        Fault { message: message.into(), code: None, location: None, details: None, below: Vec::new(), front: None }
    }

    /// An error of the language.
    pub fn rego(error: &RegoError, sources: &Sources) -> Fault {
        let location = Place::of(error.span, sources);
        let line =
            location.as_ref().and_then(|place| sources.get(error.span.source).map(|source| source.line(place.row)));
        let mut below = error.details.clone();
        let mut details = None;
        if let (Some(line), Some(place)) = (line, &location) {
            let (shown, caret) = excerpt(line, place.col);
            if error.code == Code::Parse {
                details = Some(Box::new(Details { line: line.to_owned(), idx: place.col.saturating_sub(1) }));
                if !below.iter().any(|have| have.trim_end().ends_with('^')) {
                    below.extend([shown, caret]);
                }
            } else {
                below.extend([shown, caret]);
            }
        }
        let hint = error.hint.as_deref().or_else(|| advice(&error.message));
        below.extend(hint.map(|hint| format!("hint: {hint}")));
        Fault { message: error.message.clone(), code: Some(error.code.as_str()), location, details, below, front: None }
    }

    /// All errors of one text.
    pub fn all(errors: &[RegoError], sources: &Sources) -> Vec<Fault> {
        errors.iter().map(|error| Fault::rego(error, sources)).collect()
    }

    /// An error of evaluation: in front of it stands its place, or the query's own text.
    pub fn evaluation(error: &EvalError, sources: &Sources) -> Fault {
        let location = error.span.and_then(|span| Place::of(span, sources));
        let text = error.span.and_then(|span| sources.get(span.source).map(|source| source.slice(span).into()));
        let front = text.filter(|_| location.as_ref().is_some_and(|place| place.file.is_empty()));
        Fault { code: Some(error.code.as_str()), location, front, ..Fault::plain(error.message.clone()) }
    }

    /// One error as lines.
    pub fn text(&self) -> String {
        let mut line = String::new();
        match (&self.front, &self.location) {
            (Some(front), _) => line.push_str(&format!("{front}: ")),
            (None, Some(place)) => line.push_str(&format!("{}: ", place.short())),
            (None, None) => {}
        }
        if let Some(code) = &self.code {
            line.push_str(&format!("{code}: "));
        }
        line.push_str(&self.message);
        for below in &self.below {
            line.push_str("\n\t");
            line.push_str(below);
        }
        line
    }
}

/// Characters of a longer line that are shown on either side of the caret.
const AROUND: usize = 100;

/// The line, or of a very long one what is around the column (of bytes, from 1), and the line of the caret below it.
fn excerpt(line: &str, column: usize) -> (String, String) {
    let at = line.char_indices().take_while(|(start, c)| start + c.len_utf8() < column).count();
    let first = if line.len() > 4 * AROUND { at.saturating_sub(AROUND) } else { 0 };
    let mut rest = line.chars().skip(first);
    let before: String = rest.by_ref().take(at - first).collect();
    let length = if line.len() > 4 * AROUND { AROUND } else { usize::MAX };
    let after: String = rest.by_ref().take(length).collect();
    let (left, right) = (if first > 0 { "…" } else { "" }, if rest.next().is_some() { "…" } else { "" });
    // Tabs stay tabs, so that both lines are shown alike; wide characters take their columns.
    let space = |c: char| if c == '\t' { "\t".to_owned() } else { " ".repeat(c.width().unwrap_or(0)) };
    let caret: String = left.chars().chain(before.chars()).map(space).collect();
    (format!("{left}{before}{after}{right}"), format!("{caret}^"))
}

/// The way out of faults that the notes of newcomers have, in the words of the command line.
fn advice(message: &str) -> Option<&'static str> {
    if message == "package expected" {
        return Some("begin the file with the name of its package, such as `package main`");
    }
    let old = message.starts_with("`if` keyword is required") || message.starts_with("`contains` keyword is required");
    old.then_some(
        "this is Rego of before OPA 1.0: --v0-compatible reads it as it is, `opa fmt --v0-v1 -w` makes it right for both",
    )
}

/// All errors as OPA prints them.
pub fn text(faults: &[Fault]) -> String {
    let lines: Vec<String> = faults.iter().map(Fault::text).collect();
    match faults.len() {
        1 => format!("1 error occurred: {}", lines.join("\n")),
        count => format!("{count} errors occurred:\n{}", lines.join("\n")),
    }
}

/// A package path's part as a name.
pub fn part(term: &Term) -> String {
    match &term.kind {
        TermKind::String(text) => text.to_string(),
        TermKind::Var(name) => name.to_string(),
        _ => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_caret_stands_below_its_byte() {
        let shown = |line: &str, column| excerpt(line, column);
        assert_eq!(shown("x := y", 6), ("x := y".into(), "     ^".into()));
        assert_eq!(shown("\té + y", 6), ("\té + y".into(), "\t   ^".into()));
        assert_eq!(shown("\"漢\" + y", 9), ("\"漢\" + y".into(), "       ^".into()));
        assert_eq!(shown("", 0), (String::new(), "^".into()));
        assert_eq!(shown("x", 9), ("x".into(), " ^".into()));
        let long = format!("{}y{}", "a".repeat(5000), "b".repeat(5000));
        let (line, caret) = shown(&long, 5001);
        assert_eq!(line, format!("…{}y{}…", "a".repeat(100), "b".repeat(99)));
        assert_eq!(caret, format!("{}^", " ".repeat(101)));
    }
}
