//! What bash has and `sh` has not. ShellCheck takes `sh` to be what POSIX says; Debian's and Ubuntu's is dash, Alpine's ash.

use super::words::cut;
use super::{AMPERSAND, APPEND, ARRAY, DOUBLE_BRACKETS, DOUBLE_EQUALS, Look, PROCESS, REPLACEMENT, SOURCE, SUBSTRING};
use crate::shell::{Assignment, Compound, Redirect, Simple, Word};
use crate::source::{Span, replace};

impl Look<'_> {
    pub(super) fn double_brackets(&mut self, compound: &Compound) {
        if self.posix {
            self.say(&DOUBLE_BRACKETS.info, compound.span, "`sh` has no `[[`");
        }
    }

    /// `[ a == b ]`
    pub(super) fn double_equals(&mut self, simple: &Simple) {
        for word in simple.words.iter().skip(2) {
            if self.posix
                && self.source.slice(word.span) == "=="
                && let Some(found) = self.say(&DOUBLE_EQUALS.info, word.span, "`[` of `sh` has no `==`")
            {
                *found = found.clone().fix("write =", vec![replace(word.span, "=")]);
            }
        }
    }

    /// `test a == b`
    pub(super) fn double_equals_of_test(&mut self, simple: &Simple) {
        let equals =
            simple.words.iter().skip(2).find(|word| self.source.slice(word.span) == "==").map(|word| word.span);
        if let Some(equals) = equals.filter(|_| self.posix && simple.words.len() == 4)
            && let Some(found) = self.say(&DOUBLE_EQUALS.info, simple.span, "`test` of `sh` has no `==`")
        {
            *found = found.clone().fix("write =", vec![replace(equals, "=")]);
        }
    }

    pub(super) fn process_substitution(&mut self, span: Span) {
        if self.posix {
            self.say(&PROCESS.info, span, "`sh` has no `<(…)`");
        }
    }

    /// `&> file`
    pub(super) fn ampersand_redirect(&mut self, redirect: &Redirect) {
        if !self.posix {
            return;
        }
        let message = "to `sh`, `&>` is `&` and `>`: the command runs in the background";
        let Some(target) = &redirect.target else { return };
        let edits = vec![replace(redirect.span, format!("> {} 2>&1", self.source.slice(target.span)))];
        if let Some(found) = self.say(&AMPERSAND.info, redirect.span, message) {
            *found = found.clone().fix("write > … 2>&1", edits);
        }
    }

    pub(super) fn assigned(&mut self, assignment: &Assignment) {
        if !self.posix {
            return;
        }
        if assignment.append {
            let span = Span::new(assignment.span.start, assignment.span.start + assignment.name.len());
            self.say(&APPEND.info, span, "`sh` has no `+=`");
        }
        let array = assignment.value.as_ref().map(|value| value.span);
        if let Some(span) = array.filter(|span| self.source.slice(*span).starts_with('(')) {
            self.say(&ARRAY.info, span, "`sh` has no arrays");
        }
    }

    pub(super) fn source_command(&mut self, simple: &Simple) {
        if !self.posix {
            return;
        }
        let Some(last) = simple.words.last() else { return };
        let span = Span::new(simple.span.start, last.span.end);
        let name = simple.name_span();
        // Without a slash, `.` looks in the folders of PATH.
        let path = simple.words.get(1).map(Word::text).is_some_and(|path| path.contains('/'));
        let raw = self.source.slice(name) == "source";
        if let Some(found) = self.say(&SOURCE.info, span, "`sh` has no `source`").filter(|_| raw) {
            let edits = vec![replace(name, ".")];
            let fault = found.clone();
            *found = if path { fault.fix("write .", edits) } else { fault.unsafe_fix("write .", edits) };
        }
    }

    /// `${x:0:1}` and `${x/a/b}`, wherever they stand.
    pub(super) fn variable(&mut self, name: &str, text: &str, span: Span) {
        if !self.posix || name.is_empty() || matches!(name, "@" | "*") {
            return;
        }
        let Some(rest) = text.strip_prefix("${").and_then(|rest| rest.strip_prefix(name)) else { return };
        let shown = cut(text);
        if rest.starts_with('/') {
            self.say(&REPLACEMENT.info, span, format!("`sh` has no `{shown}`: it replaces nothing"));
        } else if rest.starts_with(':') && !rest[1..].starts_with(['-', '=', '?', '+', '}']) {
            self.say(&SUBSTRING.info, span, format!("`sh` has no `{shown}`: it cuts nothing"));
        }
    }
}
