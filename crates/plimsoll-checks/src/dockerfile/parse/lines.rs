//! Physical lines to logical ones. In: the file. Out: parser directives, comments, lines joined over their continuations, and
//! what stands in here-documents, as BuildKit reads them.

use std::collections::HashMap;

use super::super::ast::{Directive, Fault, Heredoc, Text};
use super::words::HeredocMark;
use crate::joined::Joined;
use crate::source::Span;

/// The instructions that a line may begin with.
pub(super) const KEYWORDS: &[&str] = &[
    "ADD",
    "ARG",
    "CMD",
    "COPY",
    "ENTRYPOINT",
    "ENV",
    "EXPOSE",
    "FROM",
    "HEALTHCHECK",
    "LABEL",
    "MAINTAINER",
    "ONBUILD",
    "RUN",
    "SHELL",
    "STOPSIGNAL",
    "USER",
    "VOLUME",
    "WORKDIR",
];

pub(super) struct Lines<'a> {
    text: &'a str,
    /// The next line's first byte.
    at: usize,
    pub escape: char,
    pub directives: Vec<Directive>,
    /// No more directives may come.
    directives_done: bool,
    pub comments: Vec<Text>,
    pub faults: Vec<Fault>,
    /// There were more of them than are told.
    pub faults_left_out: bool,
    /// Where each line stands, by what it says: made once a here-document's end was looked for in vain, so that many of
    /// them do not read the file again and again.
    ends: Option<HashMap<(bool, &'a str), Vec<usize>>>,
}

/// A line without its line break.
struct Line {
    start: usize,
    end: usize,
}

impl<'a> Lines<'a> {
    pub fn new(text: &'a str) -> Lines<'a> {
        Lines {
            text,
            at: if text.starts_with('\u{feff}') { '\u{feff}'.len_utf8() } else { 0 },
            escape: '\\',
            directives: Vec::new(),
            directives_done: false,
            comments: Vec::new(),
            faults: Vec::new(),
            faults_left_out: false,
            ends: None,
        }
    }

    /// Where the next line starts.
    pub fn position(&self) -> usize {
        self.at
    }

    fn line(&mut self) -> Option<Line> {
        let start = self.at;
        let rest = self.text.get(start..).filter(|rest| !rest.is_empty())?;
        let length = rest.find('\n').map_or(rest.len(), |at| at + 1);
        self.at = start + length;
        Some(Line { start, end: start + rest[..length].trim_end_matches(['\r', '\n']).len() })
    }

    /// The next instruction with its continuation lines joined.
    pub fn logical(&mut self) -> Option<Joined> {
        loop {
            let line = self.line()?;
            let raw = &self.text[line.start..line.end];
            let stripped = raw.trim_start();
            let start = line.end - stripped.len();
            if self.directive(stripped, start) {
                continue;
            }
            if stripped.starts_with('#') {
                self.comment(stripped, start);
                continue;
            }
            if stripped.is_empty() {
                continue;
            }
            let mut joined = Joined::new(start);
            let (kept, mut goes_on) = continued(stripped, self.escape);
            joined.push(kept, start);
            while goes_on {
                let Some(line) = self.line() else { break };
                let raw = &self.text[line.start..line.end];
                let stripped = raw.trim_start();
                if stripped.starts_with('#') {
                    self.comment(stripped, line.end - stripped.len());
                } else if !stripped.is_empty() {
                    let (kept, more) = continued(raw, self.escape);
                    joined.push(kept, line.start);
                    goes_on = more;
                }
            }
            if joined.as_str().trim().is_empty() {
                let span = Span::new(start, start + stripped.len());
                self.fault(span, "a line is continued, but holds no instruction".to_owned());
                continue;
            }
            return Some(joined);
        }
    }

    /// Tells a fault, while there are not too many.
    pub fn fault(&mut self, span: Span, message: String) {
        if self.faults.len() < super::MAX_FAULTS {
            self.faults.push(Fault { span, message });
        } else {
            self.faults_left_out = true;
        }
    }

    fn comment(&mut self, line: &str, start: usize) {
        let text = line.strip_prefix('#').unwrap_or(line).trim().to_owned();
        self.comments.push(Text { text, span: Span::new(start, start + line.trim_end().len()) });
    }

    /// Whether a line is a parser directive; the first line that is none ends them.
    fn directive(&mut self, line: &str, start: usize) -> bool {
        if self.directives_done {
            return false;
        }
        let Some((name, value)) = directive(line) else {
            self.directives_done = true;
            return false;
        };
        let text = |range: std::ops::Range<usize>| Text {
            text: line[range.clone()].to_owned(),
            span: Span::new(start + range.start, start + range.end),
        };
        let directive = Directive { name: text(name), value: text(value) };
        let same = |known: &Directive| known.name.text.eq_ignore_ascii_case(&directive.name.text);
        if self.directives.iter().any(same) {
            let message = format!("the parser directive `{}` stands here a second time", directive.name.text);
            self.fault(directive.name.span, message);
            return true;
        }
        if directive.name.text.eq_ignore_ascii_case("escape") {
            match directive.value.text.as_str() {
                "\\" => self.escape = '\\',
                "`" => self.escape = '`',
                other => {
                    let message =
                        format!("`{other}` cannot be the escape character, only a backslash or a backtick can");
                    self.fault(directive.value.span, message);
                }
            }
        }
        self.directives.push(directive);
        true
    }

    /// Reads the here-documents that a line opened, in their order.
    pub fn heredocs(&mut self, line: &Joined, marks: Vec<HeredocMark>) -> Vec<Heredoc> {
        marks.into_iter().map(|mark| self.heredoc(line, mark)).collect()
    }

    fn heredoc(&mut self, line: &Joined, mark: HeredocMark) -> Heredoc {
        let start = self.at;
        let end = self.end_of(&mark);
        let (content, after, closed) = match end {
            Some((content, after)) => (content, after, true),
            None => {
                let until = self.next_instruction(start);
                (until, until, false)
            }
        };
        self.at = after;
        let span = line.span(mark.range);
        if !closed {
            let message = format!("the here-document `{}` has no end", mark.name);
            self.fault(span, message);
        }
        Heredoc {
            mark: span,
            name: mark.name,
            strip: mark.strip,
            quoted: mark.quoted,
            content: Span::new(start, content),
            closed,
        }
    }

    /// Where the line that closes a here-document starts, and where the one after it does.
    fn end_of(&mut self, mark: &HeredocMark) -> Option<(usize, usize)> {
        let from = self.at;
        let start = if let Some(ends) = &self.ends {
            let places = ends.get(&(mark.strip, mark.name.as_str()))?;
            *places.get(places.partition_point(|place| *place < from))?
        } else {
            let found = loop {
                let Some(line) = self.line() else { break None };
                let text = &self.text[line.start..line.end];
                let text = if mark.strip { text.trim_start_matches('\t') } else { text };
                if text == mark.name {
                    break Some(line.start);
                }
            };
            self.at = from;
            match found {
                Some(place) => place,
                None => {
                    self.ends = Some(ends(self.text));
                    return None;
                }
            }
        };
        let after = self.text[start..].find('\n').map_or(self.text.len(), |at| start + at + 1);
        Some((start, after))
    }

    /// Where a here-document without an end is taken to end: at the next line that begins as instructions usually do, so
    /// that the rest of the file is read all the same.
    fn next_instruction(&mut self, from: usize) -> usize {
        self.at = from;
        while let Some(line) = self.line() {
            let word = self.text[line.start..line.end].split([' ', '\t']).next().unwrap_or_default();
            if word.len() < line.end - line.start && KEYWORDS.contains(&word) {
                return line.start;
            }
        }
        self.text.len()
    }
}

/// Where lines begin, by their text without leading tabs (true) and as it is (false).
fn ends(text: &str) -> HashMap<(bool, &str), Vec<usize>> {
    let mut ends: HashMap<(bool, &str), Vec<usize>> = HashMap::new();
    let mut at = 0;
    for line in text.split_inclusive('\n') {
        let bare = line.trim_end_matches(['\r', '\n']);
        ends.entry((true, bare.trim_start_matches('\t'))).or_default().push(at);
        ends.entry((false, bare)).or_default().push(at);
        at += line.len();
    }
    ends
}

/// A line without its continuation mark, and whether it had one: the escape character as the last one before blanks, unless
/// another stands before it.
fn continued(line: &str, escape: char) -> (&str, bool) {
    match line.trim_end_matches([' ', '\t']).strip_suffix(escape) {
        Some(kept) if !kept.ends_with(escape) => (kept, true),
        _ => (line, false),
    }
}

/// The ranges of a directive's name and value, where a line has the form `# name = value` and the name is a known one.
fn directive(line: &str) -> Option<(std::ops::Range<usize>, std::ops::Range<usize>)> {
    let blank = |c: char| matches!(c, ' ' | '\t' | '\u{c}' | '\r');
    let after = line.strip_prefix('#')?.trim_start_matches(blank);
    let start = line.len() - after.len();
    let length = after.find(|c: char| !c.is_ascii_alphanumeric())?;
    let name = start..start + length;
    if !["syntax", "escape", "check"].iter().any(|known| line[name.clone()].eq_ignore_ascii_case(known)) {
        return None;
    }
    let value = line[name.end..].trim_start_matches(blank).strip_prefix('=')?.trim_start_matches(blank);
    let start = line.len() - value.len();
    let value = value.trim_end_matches(blank);
    (!value.is_empty()).then(|| (name, start..start + value.len()))
}
