//! A file that is linted. In: its path and text. Out: places: byte spans to lines and columns and back. Rules speak in spans;
//! only here do they become a [`Location`].

use plimsoll_model::{Finding, Lines, Location, RuleInfo, Severity, TextEdit, TextFix};

/// Bytes `start..end` of a file's text, both on character boundaries.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Span {
    pub start: usize,
    pub end: usize,
}

impl Span {
    pub fn new(start: usize, end: usize) -> Span {
        Span { start, end: end.max(start) }
    }

    /// From the start of this to the end of `other`.
    pub fn to(self, other: Span) -> Span {
        Span::new(self.start, other.end)
    }

    pub fn is_empty(self) -> bool {
        self.start == self.end
    }

    /// The empty span at its end: where an insertion goes.
    pub fn after(self) -> Span {
        Span::new(self.end, self.end)
    }

    /// The empty span at its start.
    pub fn before(self) -> Span {
        Span::new(self.start, self.start)
    }
}

/// A file's text with the starts of its lines.
#[derive(Debug, Clone)]
pub struct Source<'a> {
    /// As the user named it.
    pub path: &'a str,
    /// Without a byte order mark.
    pub text: &'a str,
    lines: Lines,
}

impl<'a> Source<'a> {
    pub fn new(path: &'a str, text: &'a str) -> Source<'a> {
        Source { path, text, lines: Lines::new(text) }
    }

    /// The text of a span; empty where the span is none of this file's.
    pub fn slice(&self, span: Span) -> &'a str {
        self.text.get(span.start..span.end).unwrap_or_default()
    }

    /// The line of a byte, from 1.
    pub fn line(&self, offset: usize) -> u32 {
        self.lines.line(offset)
    }

    /// The line and the column in characters of a byte, both from 1.
    pub fn line_column(&self, offset: usize) -> (u32, u32) {
        self.lines.line_column(self.text, offset)
    }

    /// The line and the column in units of UTF-16, both from 1.
    pub fn line_units(&self, offset: usize) -> (u32, u32) {
        self.lines.line_units(self.text, offset)
    }

    /// The bytes of a line (from 1) without its line break; none past the end.
    pub fn line_span(&self, line: u32) -> Option<Span> {
        self.lines.line_range(self.text, line).map(|range| Span::new(range.start, range.end))
    }

    /// How many lines there are; a last line break begins one more.
    pub fn line_count(&self) -> u32 {
        self.lines.count()
    }

    /// The byte at a line and column in characters, both from 1; none outside the file.
    pub fn offset(&self, line: u32, column: u32) -> Option<usize> {
        self.lines.offset(self.text, line, column)
    }

    pub fn location(&self, span: Span) -> Location {
        let (line, column) = self.line_column(span.start);
        let (end_line, end_column) = self.line_column(span.end);
        Location {
            path: self.path.to_owned(),
            layer: None,
            line: Some(line),
            column: Some(column),
            end_line: Some(end_line),
            end_column: Some(end_column),
        }
    }
}

/// What a rule says of a file, before ignores and policy.
#[derive(Debug, Clone, PartialEq)]
pub struct Found {
    pub rule: &'static RuleInfo,
    /// The rule's own, unless a rule knows better.
    pub severity: Severity,
    /// The smallest piece of text that has the fault.
    pub span: Span,
    /// What is wrong here: one sentence without a full stop, naming the thing.
    pub message: String,
    /// What to do about this one; the rule's remedy where none is given.
    pub remedy: Option<String>,
    pub fix: Option<TextFix>,
    /// Further places that belong to it.
    pub related: Vec<Span>,
}

impl Found {
    pub fn new(rule: &'static RuleInfo, span: Span, message: impl Into<String>) -> Found {
        Found {
            rule,
            severity: rule.severity,
            span,
            message: message.into(),
            remedy: None,
            fix: None,
            related: Vec::new(),
        }
    }

    pub fn remedy(mut self, remedy: impl Into<String>) -> Found {
        self.remedy = Some(remedy.into());
        self
    }

    pub fn severity(mut self, severity: Severity) -> Found {
        self.severity = severity;
        self
    }

    pub fn related(mut self, span: Span) -> Found {
        self.related.push(span);
        self
    }

    /// A fix that leaves the meaning as it was, but for the fault.
    pub fn fix(self, title: impl Into<String>, edits: Vec<TextEdit>) -> Found {
        self.with_fix(title, true, edits)
    }

    /// A fix that may change what a build or a workload does.
    pub fn unsafe_fix(self, title: impl Into<String>, edits: Vec<TextEdit>) -> Found {
        self.with_fix(title, false, edits)
    }

    fn with_fix(mut self, title: impl Into<String>, safe: bool, mut edits: Vec<TextEdit>) -> Found {
        edits.sort();
        self.fix = Some(TextFix { title: title.into(), safe, edits });
        self
    }

    /// As the other crates know it.
    pub fn finding(self, source: &Source<'_>) -> Finding {
        let places = std::iter::once(self.span).chain(self.related);
        Finding {
            rule: self.rule.id.to_owned(),
            severity: self.severity,
            message: self.message,
            remedy: Some(self.remedy.unwrap_or_else(|| self.rule.remedy.to_owned())),
            locations: places.map(|span| source.location(span)).collect(),
            measure: None,
            fix: self.fix,
        }
    }
}

/// Puts `text` in the place of a span.
pub fn replace(span: Span, text: impl Into<String>) -> TextEdit {
    TextEdit { start: span.start, end: span.end, text: text.into() }
}

/// Puts `text` at a byte.
pub fn insert(at: usize, text: impl Into<String>) -> TextEdit {
    TextEdit { start: at, end: at, text: text.into() }
}

/// Takes a span away.
pub fn remove(span: Span) -> TextEdit {
    replace(span, "")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_go_there_and_back() {
        let source = Source::new("f", "ab\nçd\r\n\nx");
        assert_eq!(source.line_count(), 4);
        for (offset, place) in
            [(0, (1, 1)), (2, (1, 3)), (3, (2, 1)), (5, (2, 2)), (8, (3, 1)), (9, (4, 1)), (10, (4, 2))]
        {
            assert_eq!(source.line_column(offset), place, "{offset}");
            assert_eq!(source.offset(place.0, place.1), Some(offset), "{place:?}");
        }
        assert_eq!(source.slice(source.line_span(2).unwrap()), "çd");
        assert_eq!((source.line_span(5), source.offset(1, 4), source.offset(0, 1)), (None, None, None));
    }
}
