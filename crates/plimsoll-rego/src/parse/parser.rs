//! Where reading stands and how it is put back: tokens, comments, errors and hints, all of which a text that is tried in
//! several ways gives more than once. What is kept after all is what the last way gave.

use std::borrow::Cow;

use super::lexer::{Lexer, Mode, Position};
use super::token::{Keywords, Tok, always};
use super::{Features, MAX_ERRORS, MAX_NESTING, MAX_RESCANS, Options};
use crate::ast::{Comment, Language, Term, TermKind, text};
use crate::error::{Code, RegoError};
use crate::span::Span;

/// Bytes that may be read again in any text, however short.
const FREE_RESCANS: u64 = 1 << 20;

/// A list of which a state knows the last entry: putting a state back drops what came after, at no cost.
struct Chain<T> {
    entries: Vec<(T, u32)>,
}

impl<T> Chain<T> {
    fn new() -> Chain<T> {
        Chain { entries: Vec::new() }
    }

    fn push(&mut self, last: &mut u32, entry: T) {
        self.entries.push((entry, *last));
        *last = u32::try_from(self.entries.len()).unwrap_or(u32::MAX);
    }

    fn list(&self, mut last: u32) -> Vec<&T> {
        let mut found = Vec::new();
        while let Some((entry, before)) = (last as usize).checked_sub(1).and_then(|at| self.entries.get(at)) {
            found.push(entry);
            last = *before;
        }
        found.reverse();
        found
    }
}

/// Everything that is put back when a text is read another way.
#[derive(Clone, Copy)]
pub(super) struct State {
    position: Position,
    pub tok: Tok,
    /// The token's bytes.
    pub start: usize,
    pub end: usize,
    text: (usize, usize),
    /// Where the token before ended, white space aside.
    pub last_end: usize,
    pub wildcards: u32,
    pub skipped_newline: bool,
    pub keywords: Keywords,
    errors: u32,
    pub comments: u32,
    hints: u32,
}

pub(super) struct Parser<'t> {
    lexer: Lexer<'t>,
    pub source: u32,
    pub options: &'t Options,
    pub features: Features,
    pub s: State,
    errors: Chain<(String, usize)>,
    comments: Chain<(usize, usize)>,
    hints: Chain<String>,
    /// `not` takes a body (`future.keywords.not`).
    pub not_bodies: bool,
    /// Keywords are tried only to see whether a hint would help; no hints of hints.
    pub guessing: bool,
    depth: u32,
    work_left: u64,
    /// Where no term could be read, in order, and what was left then: an error is told once.
    failures: Vec<(usize, State)>,
    /// A bound was met: nothing more is read.
    stopped: Option<RegoError>,
    /// Errors that were told before reading went on at another statement.
    told: u32,
}

impl<'t> Parser<'t> {
    pub(super) fn new(source: u32, bytes: &'t [u8], options: &'t Options, keywords: Keywords) -> Parser<'t> {
        let lexer = Lexer::new(bytes);
        let s = State {
            position: lexer.position,
            tok: Tok::Illegal,
            start: 0,
            end: 0,
            text: (0, 0),
            last_end: 0,
            wildcards: 0,
            skipped_newline: false,
            keywords,
            errors: 0,
            comments: 0,
            hints: 0,
        };
        Parser {
            lexer,
            source,
            options,
            features: options.features(),
            s,
            errors: Chain::new(),
            comments: Chain::new(),
            hints: Chain::new(),
            not_bodies: false,
            guessing: false,
            depth: 0,
            failures: Vec::new(),
            work_left: (bytes.len() as u64).saturating_mul(MAX_RESCANS).saturating_add(FREE_RESCANS),
            stopped: None,
            told: 0,
        }
    }

    // Tokens.

    pub(super) fn scan(&mut self) {
        self.advance(true, Mode::Token);
    }

    /// Stops at white space.
    pub(super) fn scan_ws(&mut self) {
        self.advance(false, Mode::Token);
    }

    pub(super) fn advance(&mut self, skip_white_space: bool, mode: Mode) {
        if self.s.tok != Tok::Whitespace {
            self.s.last_end = self.s.end;
            self.s.skipped_newline = false;
        }
        if self.stopped.is_some() {
            self.s.tok = Tok::Eof;
            return;
        }
        loop {
            self.lexer.position = self.s.position;
            let token = self.lexer.scan(mode, self.s.keywords);
            self.s.position = self.lexer.position;
            (self.s.tok, self.s.start, self.s.end, self.s.text) = (token.tok, token.start, token.end, token.text);
            match self.work_left.checked_sub((token.end - token.start) as u64 + 1) {
                Some(left) => self.work_left = left,
                None => {
                    self.stop(Code::Limit, "too many ways to read this text must be tried");
                    return;
                }
            }
            if !self.lexer.errors.is_empty() {
                for error in std::mem::take(&mut self.lexer.errors) {
                    self.error(token.start, error);
                }
                self.s.tok = Tok::Illegal;
            }
            match self.s.tok {
                Tok::Whitespace => {
                    if self.lexer.bytes.get(token.start) == Some(&b'\n') {
                        self.s.skipped_newline = true;
                    }
                    if !skip_white_space {
                        return;
                    }
                }
                Tok::Comment => self.comments.push(&mut self.s.comments, (token.start, token.end)),
                _ => return,
            }
        }
    }

    /// What follows the token, white space not skipped.
    pub(super) fn peek_ws(&mut self) -> Tok {
        let saved = self.s;
        self.scan_ws();
        std::mem::replace(&mut self.s, saved).tok
    }

    /// What follows the token.
    pub(super) fn peek(&mut self) -> Tok {
        let saved = self.s;
        self.scan();
        std::mem::replace(&mut self.s, saved).tok
    }

    /// The token's text: of strings with what delimits them.
    pub(super) fn text(&self) -> &'t str {
        self.slice(self.s.text.0, self.s.text.1)
    }

    /// The token as a name. A character right behind it that can be in none spoils it, as in OPA, whose messages show that.
    pub(super) fn name(&self) -> Cow<'t, str> {
        let name = self.text();
        let spoilt = match self.lexer.bytes.get(self.s.end) {
            Some(0xC0..=0xDF) => 1,
            Some(0xE0..=0xEF) => 2,
            Some(0xF0..=0xFF) => 3,
            _ => return name.into(),
        };
        format!("{name}{}", "\u{FFFD}".repeat(spoilt)).into()
    }

    pub(super) fn slice(&self, start: usize, end: usize) -> &'t str {
        self.lexer.bytes.get(start..end).and_then(|bytes| std::str::from_utf8(bytes).ok()).unwrap_or_default()
    }

    pub(super) fn span(&self, start: usize, end: usize) -> Span {
        Span::new(self.source, start, end)
    }

    pub(super) fn token_span(&self) -> Span {
        self.span(self.s.start, self.s.end)
    }

    /// From a place to the end of the token before this one.
    pub(super) fn span_from(&self, start: usize) -> Span {
        self.span(start, self.s.last_end.max(start))
    }

    /// Where a term's text begins inside the brackets around it: OPA's place of it.
    pub(super) fn inner_start(&self, span: Span) -> usize {
        let text = self.slice(span.start as usize, span.end as usize);
        let outside = text.len() - text.trim_start_matches(['(', ' ', '\t', '\r', '\n']).len();
        span.start as usize + outside
    }

    /// A character beyond ASCII stands there.
    pub(super) fn is_foreign(&self, at: usize) -> bool {
        self.lexer.bytes.get(at).is_some_and(|byte| *byte >= 0x80)
    }

    // Failures.

    /// A term was tried here in vain: what was left then is put back.
    pub(super) fn has_failed(&mut self, start: usize) -> bool {
        let failure = self.failures.iter().rev().take_while(|(at, _)| *at >= start).find(|(at, _)| *at == start);
        if let Some((_, left)) = failure {
            self.s = *left;
        }
        failure.is_some()
    }

    pub(super) fn note_outcome(&mut self, start: usize, found: bool) {
        while self.failures.last().is_some_and(|(at, _)| *at >= start) {
            self.failures.pop();
        }
        if !found {
            self.failures.push((start, self.s));
        }
    }

    pub(super) fn failures(&mut self) -> &mut Vec<(usize, State)> {
        &mut self.failures
    }

    // Bounds.

    /// One level deeper, where there is room; who is let in leaves again.
    pub(super) fn enter(&mut self) -> bool {
        self.deepen(1)
    }

    pub(super) fn leave(&mut self) {
        self.depth = self.depth.saturating_sub(1);
    }

    pub(super) fn deepen(&mut self, levels: u32) -> bool {
        self.depth += levels;
        let fits = self.depth <= MAX_NESTING && self.stopped.is_none();
        if !fits {
            self.depth -= levels;
            self.too_deep();
        }
        fits
    }

    pub(super) fn too_deep(&mut self) {
        self.stop(Code::Parse, "max parsing recursion depth exceeded");
    }

    pub(super) fn shallow(&mut self, levels: u32) {
        self.depth = self.depth.saturating_sub(levels);
    }

    fn stop(&mut self, code: Code, message: &str) {
        if self.stopped.is_none() {
            self.stopped = Some(RegoError::new(code, self.token_span(), message));
        }
        self.s.tok = Tok::Eof;
    }

    pub(super) fn is_stopped(&self) -> bool {
        self.stopped.is_some()
    }

    // Errors.

    pub(super) fn has_errors(&self) -> bool {
        self.s.errors != self.told || self.stopped.is_some()
    }

    /// After errors, stands at the next line that may begin a statement, where there is one and errors are not too many.
    pub(super) fn recover(&mut self) -> bool {
        let failed = self.failures.last().map_or(0, |(at, _)| *at).max(self.s.start);
        if self.stopped.is_some() || self.errors.list(self.s.errors).len() >= MAX_ERRORS {
            return false;
        }
        let Some(at) = self.lexer.next_statement(failed) else { return false };
        self.told = self.s.errors;
        self.s.hints = 0;
        self.failures.clear();
        self.s.position = self.lexer.seek(at);
        self.s.tok = Tok::Whitespace;
        self.scan();
        true
    }

    pub(super) fn error(&mut self, at: usize, message: impl Into<String>) {
        let mut message: String = message.into();
        let hints = self.hints.list(self.s.hints);
        if let Some((first, more)) = hints.split_first() {
            message.push_str(if more.is_empty() { " (hint: " } else { " (hints: " });
            message.push_str(first);
            for hint in more {
                message.push_str(", ");
                message.push_str(hint);
            }
            message.push(')');
        }
        self.s.hints = 0;
        self.errors.push(&mut self.s.errors, (message, at));
    }

    pub(super) fn error_here(&mut self, message: impl Into<String>) {
        self.error(self.s.start, message);
    }

    pub(super) fn hint(&mut self, hint: impl Into<String>) {
        self.hints.push(&mut self.s.hints, hint.into());
    }

    pub(super) fn has_hints(&self) -> bool {
        self.s.hints != 0
    }

    /// The token may not stand here.
    pub(super) fn illegal(&mut self, note: &str) {
        if self.s.tok == Tok::Illegal {
            return self.error_here("illegal token");
        }
        let kind = if self.s.tok.is_keyword() { "keyword" } else { "token" };
        let colon = if note.is_empty() { "" } else { ": " };
        self.error_here(format!("unexpected {} {kind}{colon}{note}", self.s.tok.text()));
    }

    /// Everything that is wrong, in the order it was found, with the line it stands in.
    pub(super) fn errors(&self) -> Vec<RegoError> {
        if let Some(error) = &self.stopped {
            return vec![error.clone()];
        }
        self.errors.list(self.s.errors).into_iter().map(|(message, at)| self.rego_error(message.clone(), *at)).collect()
    }

    fn rego_error(&self, message: String, at: usize) -> RegoError {
        let bytes = self.lexer.bytes;
        // A line's end belongs to the line that it begins, as OPA counts.
        let start = if bytes.get(at) == Some(&b'\n') { at + 1 } else { at };
        let length = if start == at { self.lexer.token_length(at) } else { 0 };
        let mut error = RegoError::new(Code::Parse, self.span(start, start + length), message);
        error.details = excerpt(bytes, at);
        error
    }

    /// The line of a place, as errors show it.
    pub(super) fn excerpt(&self, span: Span) -> Vec<String> {
        excerpt(self.lexer.bytes, span.start as usize)
    }

    pub(super) fn comments(&self) -> Vec<Comment> {
        let comment = |(start, end): &(usize, usize)| {
            let mut text = self.slice(start + 1, *end);
            // A lone carriage return goes; of several, the first stays where nothing else does.
            if text == "\r" {
                text = "";
            }
            while text.len() > 1 && text.ends_with('\r') {
                text = &text[..text.len() - 1];
            }
            Comment { span: self.span(*start, *end), text: text.into() }
        };
        self.comments.list(self.s.comments).into_iter().map(comment).collect()
    }

    // Words.

    pub(super) fn is_keyword(&self, word: &str) -> bool {
        always(word).is_some() || self.s.keywords.has(word)
    }

    /// The token may be a part of a reference, although it is a keyword.
    pub(super) fn allowed_in_ref(&self) -> bool {
        let word = self.s.tok.text();
        self.features.keywords_in_refs && (text::is_keyword(word, self.options.language) || self.is_keyword(word))
    }

    /// A name, or a keyword that is taken as one.
    pub(super) fn take_name(&mut self) -> bool {
        if self.s.tok != Tok::Ident && self.allowed_in_ref() {
            self.s.tok = Tok::Ident;
        }
        self.s.tok == Tok::Ident
    }

    /// A keyword with `.` or `[` behind it is the first part of a reference.
    pub(super) fn take_ref_keyword(&mut self) -> bool {
        if self.s.tok == Tok::Ident || !self.allowed_in_ref() || !matches!(self.peek_ws(), Tok::Dot | Tok::LBrack) {
            return false;
        }
        self.s.tok = Tok::Ident;
        true
    }

    /// A keyword that this version must import and that every later one has: worth a hint.
    pub(super) fn could_import(&self, word: &str) -> bool {
        let known = match self.options.language {
            Language::V0 | Language::V0CompatV1 => Keywords::V0,
            Language::V1 => Keywords::V1,
        };
        known.has(word) && !self.guessing
    }

    /// Tries something with every keyword known, and puts everything back.
    pub(super) fn guess<T>(&mut self, attempt: impl FnOnce(&mut Self) -> T) -> T {
        let (saved, guessing) = (self.s, std::mem::replace(&mut self.guessing, true));
        let failures = std::mem::take(&mut self.failures);
        self.s.keywords = self.s.keywords.with(Keywords::ALL);
        let result = attempt(self);
        (self.s, self.guessing, self.failures) = (saved, guessing, failures);
        result
    }

    pub(super) fn wildcard(&mut self) -> TermKind {
        let number = self.s.wildcards;
        self.s.wildcards += 1;
        TermKind::Var(format!("${number}").into())
    }

    /// The token as a variable; `_` gets a name of its own.
    pub(super) fn variable(&mut self) -> Term {
        let span = self.token_span();
        let name = self.name();
        let kind = if name == "_" { self.wildcard() } else { TermKind::Var(name.into()) };
        Term::new(span, kind)
    }
}

/// The line of a place and a caret below it, tabs in front left out. A place in white space stands for what comes before.
fn excerpt(bytes: &[u8], at: usize) -> Vec<String> {
    let is_newline = |byte: &u8| matches!(byte, b'\r' | b'\n');
    let space = |byte: u8| matches!(byte, 0x09..=0x0D | b' ' | 0x85 | 0xA0);
    let mut at = at.min(bytes.len().saturating_sub(1));
    while at > 0 && bytes.get(at).copied().is_some_and(space) {
        at -= 1;
    }
    let before = bytes.get(..=at).unwrap_or_default();
    let mut begin = before.iter().rposition(is_newline).map_or(0, |newline| newline + 1);
    let end = bytes.get(at..).unwrap_or_default().iter().position(is_newline).map_or(bytes.len(), |found| at + found);
    begin = begin.min(end);
    let line = String::from_utf8_lossy(&bytes[begin..end]);
    let shown = line.trim_start_matches('\t');
    let indent = at.saturating_sub(begin).saturating_sub(line.len() - shown.len());
    vec![shown.to_owned(), format!("{}^", " ".repeat(indent))]
}
