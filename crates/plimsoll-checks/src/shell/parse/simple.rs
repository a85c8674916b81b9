//! Simple commands: assignments, words and redirections, and functions of the form `name() body`.

use super::super::{Assignment, Command, Compound, CompoundKind, Part, Redirect, Simple, Word};
use super::{Parser, is_delimiter};

impl Parser<'_> {
    /// A simple command, or the function whose name it seemed to be.
    pub(super) fn simple(&mut self) -> Option<Command> {
        let start = self.at;
        let mut end = start;
        let mut simple =
            Simple { span: self.span(start), assignments: Vec::new(), words: Vec::new(), redirects: Vec::new() };
        loop {
            self.blanks();
            if let Some(redirect) = self.redirect() {
                simple.redirects.push(redirect);
            } else if let Some(assignment) = self.assignment(&simple) {
                simple.assignments.push(assignment);
            } else if self.byte() == Some(b'(') && !simple.words.is_empty() {
                // `declare -a x=(a b)`
                let value = self.at > start && self.text.as_bytes()[self.at - 1] == b'=';
                if let (true, Some(word)) = (value, simple.words.last_mut()) {
                    let array = self.array();
                    word.span = word.span.to(array.span);
                    word.parts.extend(array.parts);
                    end = self.at;
                    continue;
                }
                if simple.words.len() == 1
                    && let Some(function) = self.function(start, &simple)
                {
                    return Some(Command::Compound(function));
                }
                let from = self.at;
                match self.balanced_end(from + 1) {
                    Some(end) => self.at = end,
                    None => self.skip_to_separator(),
                }
                self.fault(from..self.at, "a parenthesis is not expected here");
            } else if let Some(word) = self.word() {
                simple.words.push(word);
            } else {
                break;
            }
            end = self.at;
        }
        if end == start {
            return None;
        }
        simple.span = self.joined.span(start..end);
        Some(Command::Simple(simple))
    }

    /// `name() body`, where a parenthesis follows the first word.
    fn function(&mut self, start: usize, simple: &Simple) -> Option<Compound> {
        let from = self.at;
        self.at += 1;
        self.blanks();
        if !simple.assignments.is_empty() || !simple.redirects.is_empty() || !self.eat(")") {
            self.at = from;
            return None;
        }
        let body = self.function_body(start);
        let words = simple.words.clone();
        let span = self.span(start);
        Some(Compound { span, kind: CompoundKind::Function, scripts: vec![body], words, redirects: Vec::new() })
    }

    /// `name=value` or `name+=value`, before the command's name only.
    fn assignment(&mut self, simple: &Simple) -> Option<Assignment> {
        if !simple.words.is_empty() {
            return None;
        }
        let start = self.at;
        let bytes = self.rest().as_bytes();
        if !bytes.first().is_some_and(|byte| byte.is_ascii_alphabetic() || *byte == b'_') {
            return None;
        }
        let mut at = bytes.iter().position(|byte| !(byte.is_ascii_alphanumeric() || *byte == b'_'))?;
        let name = &self.rest()[..at];
        if bytes[at] == b'[' {
            let closed = bytes[at..].iter().position(|byte| *byte == b']' || is_delimiter(*byte))?;
            if bytes[at + closed] != b']' {
                return None;
            }
            at += closed + 1;
        }
        let append = bytes.get(at) == Some(&b'+');
        at += usize::from(append);
        if bytes.get(at) != Some(&b'=') {
            return None;
        }
        self.at += at + 1;
        let value = if self.byte() == Some(b'(') { Some(self.array()) } else { self.word() };
        Some(Assignment { span: self.span(start), name: name.to_owned(), value, append })
    }

    /// `(a b c)` as one word, a blank between its words.
    fn array(&mut self) -> Word {
        let start = self.at;
        self.at += 1;
        let mut parts = Vec::new();
        loop {
            self.lines();
            let from = self.at;
            let Some(word) = self.word() else { break };
            if !parts.is_empty() {
                parts.push(Part::Bare(" ".to_owned(), self.joined.span(from..from)));
            }
            parts.extend(word.parts);
        }
        if !self.eat(")") {
            self.fault(start..start + 1, "`(` has no `)`");
        }
        Word { span: self.span(start), parts }
    }

    /// A redirection with its target, where one starts here.
    pub(super) fn redirect(&mut self) -> Option<Redirect> {
        const OPERATORS: [&str; 13] = ["<<<", "<<-", "&>>", "<<", "<&", "<>", ">>", ">&", ">|", "&>", "<", ">", ""];
        let start = self.at;
        let bytes = self.rest().as_bytes();
        let descriptor = match bytes.first()? {
            byte if byte.is_ascii_digit() => bytes.iter().position(|byte| !byte.is_ascii_digit())?,
            b'{' => {
                let name = bytes.iter().skip(1).position(|byte| !(byte.is_ascii_alphanumeric() || *byte == b'_'))?;
                if name == 0 || bytes[name + 1] != b'}' {
                    return None;
                }
                name + 2
            }
            b'<' | b'>' | b'&' => 0,
            _ => return None,
        };
        let after = &self.rest()[descriptor..];
        let operator = OPERATORS.iter().find(|operator| after.starts_with(**operator))?;
        let process = after.as_bytes().get(1) == Some(&b'(') && operator.len() == 1;
        if operator.is_empty() || (descriptor > 0 && operator.starts_with('&')) || process {
            return None;
        }
        self.at += descriptor + operator.len();
        let written = start..self.at;
        self.blanks();
        let from = self.at;
        let target = self.word();
        if target.is_none() {
            self.at = written.end;
            self.fault(written.clone(), "a redirection has no target");
        }
        if let (true, Some(target)) = (operator.starts_with("<<") && *operator != "<<<", &target) {
            let name = target.parts.iter().map(Part::text).collect();
            self.heredocs.push((name, *operator == "<<-", from..self.at));
        }
        Some(Redirect { span: self.span(start), operator: self.text[written].to_owned(), target })
    }
}
