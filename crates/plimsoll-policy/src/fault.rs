//! Faults of a policy file, said so that the writer can mend them. In: what is wrong and where. Out: text with file,
//! line, column, the line itself and a caret below the fault. What it does not do: find faults.

use std::fmt;

/// The widest part of a line that an excerpt shows, in characters: a terminal's width less the margin.
const EXCERPT_WIDTH: usize = 100;

/// A stretch of one line of a file. Lines and columns count from 1, columns in characters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Span {
    pub line: u32,
    pub column: u32,
    /// Characters that the caret underlines; at least one is drawn.
    pub width: u32,
}

/// One fault of one policy file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// The file as the reader was told to open it.
    pub file: String,
    pub span: Span,
    /// What is wrong, a lower-case fragment: ``unknown key `sevrity` ``.
    pub message: String,
    /// What to write instead, when we know.
    pub suggestion: Option<String>,
    /// The whole line of the file that the fault stands on.
    pub line_text: String,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Span { line, column, width } = self.span;
        if line == 0 {
            write!(f, "{}: {}", self.file, self.message)?;
        } else {
            write!(f, "{}:{line}:{column}: {}", self.file, self.message)?;
            let number = line.to_string();
            let margin = " ".repeat(number.len());
            let (text, before) = excerpt(&self.line_text, column);
            let room = text.chars().count().saturating_sub(before).max(1);
            let carets = "^".repeat((width.max(1) as usize).min(room));
            write!(f, "\n{margin} |\n{number} | {text}\n{margin} | {}{carets}", " ".repeat(before))?;
            if let Some(suggestion) = &self.suggestion {
                write!(f, " {suggestion}")?;
            }
            return Ok(());
        }
        if let Some(suggestion) = &self.suggestion {
            write!(f, " ({suggestion})")?;
        }
        Ok(())
    }
}

/// The part of a line around `column`, and how many characters of it stand before the column. Tabs and
/// control characters become one space each, so that the caret stands where it should and nothing moves the cursor.
fn excerpt(line: &str, column: u32) -> (String, usize) {
    let at = (column.max(1) - 1) as usize;
    let from = if at < EXCERPT_WIDTH * 3 / 4 { 0 } else { at - EXCERPT_WIDTH / 2 };
    let text: String =
        line.chars().skip(from).take(EXCERPT_WIDTH).map(|c| if c.is_control() { ' ' } else { c }).collect();
    (text.trim_end().to_owned(), at - from)
}

/// Why a policy could not be used: every fault of every file, in the order of the text.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub struct PolicyError {
    pub faults: Vec<Fault>,
}

impl fmt::Display for PolicyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, fault) in self.faults.iter().enumerate() {
            if i > 0 {
                f.write_str("\n\n")?;
            }
            write!(f, "{fault}")?;
        }
        Ok(())
    }
}

/// Gathers the faults of one file while it is read.
pub(crate) struct Faults<'a> {
    file: &'a str,
    lines: Vec<&'a str>,
    pub list: Vec<Fault>,
}

/// A file with more faults than this is no policy; the rest would only scroll the first ones away.
const MAX_FAULTS: usize = 50;

impl<'a> Faults<'a> {
    pub fn new(file: &'a str, text: &'a str) -> Faults<'a> {
        Faults { file, lines: text.lines().collect(), list: Vec::new() }
    }

    pub fn add(&mut self, span: Span, message: impl Into<String>) {
        self.push(span, message.into(), None);
    }

    pub fn suggest(&mut self, span: Span, message: impl Into<String>, suggestion: impl Into<String>) {
        self.push(span, message.into(), Some(suggestion.into()));
    }

    pub fn push(&mut self, span: Span, message: String, suggestion: Option<String>) {
        let (message, suggestion) = (plain(message), suggestion.map(plain));
        if self.list.len() >= MAX_FAULTS || self.list.iter().any(|f| f.span == span && f.message == message) {
            return;
        }
        let line_text = (span.line as usize)
            .checked_sub(1)
            .and_then(|i| self.lines.get(i))
            .map_or_else(String::new, |line| line.chars().take(10_000).collect());
        self.list.push(Fault { file: self.file.to_owned(), span, message, suggestion, line_text });
    }
}

/// Words of the file stand in messages; control characters among them would move the reader's cursor.
fn plain(text: String) -> String {
    if text.contains(char::is_control) { text.replace(char::is_control, "\u{fffd}") } else { text }
}

/// The member of `known` that `word` was probably meant to be: at most a third of its letters differ.
pub(crate) fn nearest<'k>(word: &str, known: impl IntoIterator<Item = &'k str>) -> Option<&'k str> {
    let lower = word.to_lowercase();
    known
        .into_iter()
        .map(|candidate| (distance(&lower, &candidate.to_lowercase()), candidate))
        .filter(|(distance, candidate)| *distance <= (candidate.chars().count().max(3)) / 3)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
}

/// How many letters must be added, dropped, changed or swapped with their neighbour (Damerau's optimal string
/// alignment). Words over 64 letters are cut: no key is that long.
fn distance(a: &str, b: &str) -> usize {
    let a: Vec<char> = a.chars().take(64).collect();
    let b: Vec<char> = b.chars().take(64).collect();
    let mut before: Vec<usize> = Vec::new();
    let mut last: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.iter().enumerate() {
        let mut row = vec![i + 1];
        for (j, y) in b.iter().enumerate() {
            let mut cost = (last[j] + usize::from(x != y)).min(last[j + 1] + 1).min(row[j] + 1);
            if i > 0 && j > 0 && *x == b[j - 1] && a[i - 1] == *y {
                cost = cost.min(before[j - 1] + 1);
            }
            row.push(cost);
        }
        before = std::mem::replace(&mut last, row);
    }
    last[b.len()]
}

/// ``did you mean `x`?`` for [`nearest`]'s answer.
pub(crate) fn did_you_mean<'k>(word: &str, known: impl IntoIterator<Item = &'k str>) -> Option<String> {
    nearest(word, known).map(|k| format!("did you mean `{k}`?"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn near_words_are_found_and_far_ones_are_not() {
        let keys = ["severity", "fix", "grace", "knownExploited"];
        assert_eq!(nearest("sevrity", keys), Some("severity"));
        assert_eq!(nearest("known_exploited", keys), Some("knownExploited"));
        assert_eq!(nearest("fxi", keys), Some("fix"));
        assert_eq!(nearest("colour", keys), None);
    }

    #[test]
    fn long_lines_are_cut_around_the_fault() {
        let line = format!("{}BAD{}", "a".repeat(500), "b".repeat(500));
        let fault = Fault {
            file: "p.yaml".into(),
            span: Span { line: 1, column: 501, width: 3 },
            message: "bad".into(),
            suggestion: None,
            line_text: line,
        };
        let text = fault.to_string();
        assert!(text.lines().all(|l| l.len() < 120), "{text}");
        let caret = text.lines().last().unwrap().find("^^^").unwrap();
        assert_eq!(&text.lines().nth(2).unwrap()[caret..caret + 3], "BAD");
    }
}
