//! Words: quotes, variables, substitutions and arithmetic.

use super::super::{Part, Script, Word};
use super::{Closer, Parser, is_delimiter};
use crate::joined::Joined;

/// Text that is being gathered, and where it began.
#[derive(Default)]
struct Run {
    text: String,
    start: Option<usize>,
}

impl Parser<'_> {
    /// A word, where one starts here.
    pub(super) fn word(&mut self) -> Option<Word> {
        let start = self.at;
        let mut parts = Vec::new();
        let mut run = Run::default();
        let mut last = '\0';
        while let Some(c) = self.rest().chars().next() {
            match c {
                '\'' if self.single(&mut parts, &mut run) => {}
                '"' => {
                    self.end_run(&mut run, &mut parts);
                    parts.extend(self.double());
                }
                '$' if matches!(self.byte_after(1), Some(b'\'')) && self.dollar_single(&mut parts, &mut run) => {}
                '$' if self.byte_after(1) == Some(b'"') => {
                    self.end_run(&mut run, &mut parts);
                    self.at += 1;
                    parts.extend(self.double());
                }
                '$' | '`' => self.expansion(&mut parts, &mut run, false),
                '\\' if self.starts("\\\n") => self.at += 2,
                '\\' if self.starts("\\\r\n") => self.at += 3,
                '\\' => {
                    run.start.get_or_insert(self.at);
                    self.at += 1;
                    match self.rest().chars().next() {
                        Some(c) => {
                            run.text.push(c);
                            self.step();
                        }
                        None => run.text.push('\\'),
                    }
                }
                '<' | '>' if self.byte_after(1) == Some(b'(') => {
                    self.end_run(&mut run, &mut parts);
                    parts.push(self.substitution(2));
                }
                '(' if matches!(last, '@' | '!' | '?' | '*' | '+') && run.start.is_some() => {
                    let Some(end) = self.balanced_end(self.at + 1) else { break };
                    run.text.push_str(&self.text[self.at..end]);
                    self.at = end;
                }
                '\r' if !matches!(self.byte_after(1), Some(b'\n') | None) => {
                    run.start.get_or_insert(self.at);
                    run.text.push(c);
                    self.at += 1;
                }
                c if c.is_ascii() && is_delimiter(c as u8) => break,
                c => {
                    run.start.get_or_insert(self.at);
                    run.text.push(c);
                    self.step();
                }
            }
            last = c;
        }
        self.end_run(&mut run, &mut parts);
        if self.at == start {
            return None;
        }
        Some(Word { span: self.span(start), parts })
    }

    fn end_run(&mut self, run: &mut Run, parts: &mut Vec<Part>) {
        if let Some(start) = run.start.take() {
            parts.push(Part::Bare(std::mem::take(&mut run.text), self.span(start)));
        }
    }

    /// `'…'`. Where it stays open the quote stands for itself, so that what follows is read.
    fn single(&mut self, parts: &mut Vec<Part>, run: &mut Run) -> bool {
        let start = self.at;
        match self.text[start + 1..].find('\'') {
            Some(length) => {
                self.end_run(run, parts);
                let end = start + 1 + length;
                self.at = end + 1;
                parts.push(Part::Single(self.text[start + 1..end].to_owned(), self.span(start)));
            }
            None => {
                self.fault(start..start + 1, "a single quote stays open");
                run.start.get_or_insert(start);
                run.text.push('\'');
                self.at += 1;
            }
        }
        true
    }

    /// `$'…'`, with its escapes resolved; false where it stays open.
    fn dollar_single(&mut self, parts: &mut Vec<Part>, run: &mut Run) -> bool {
        let start = self.at;
        let mut text = String::new();
        let mut chars = self.text[start + 2..].char_indices();
        while let Some((at, c)) = chars.next() {
            if self.ahead == 0 {
                return false;
            }
            match c {
                '\'' => {
                    self.end_run(run, parts);
                    self.at = start + 2 + at + 1;
                    parts.push(Part::Single(text, self.span(start)));
                    return true;
                }
                '\\' => match chars.next().map(|(_, c)| c) {
                    Some('n') => text.push('\n'),
                    Some('t') => text.push('\t'),
                    Some('r') => text.push('\r'),
                    Some('a') => text.push('\u{7}'),
                    Some('b') => text.push('\u{8}'),
                    Some('e' | 'E') => text.push('\u{1b}'),
                    Some('f') => text.push('\u{c}'),
                    Some('v') => text.push('\u{b}'),
                    Some(c @ ('\\' | '\'' | '"' | '?')) => text.push(c),
                    // Numbers stand as written: nothing that we look for is spelled so.
                    Some(c) => text.extend(['\\', c]),
                    None => break,
                },
                c => text.push(c),
            }
        }
        self.ahead = self.ahead.saturating_sub(self.text.len() - start);
        false
    }

    /// `"…"`, to the text's end where it stays open.
    fn double(&mut self) -> Option<Part> {
        self.deeper(|parser| {
            let start = parser.at;
            parser.at += 1;
            let mut parts = Vec::new();
            let mut run = Run::default();
            loop {
                let Some(c) = parser.rest().chars().next() else {
                    parser.fault(start..start + 1, "a double quote stays open");
                    break;
                };
                match c {
                    '"' => break,
                    '$' | '`' => parser.expansion(&mut parts, &mut run, true),
                    '\\' if parser.starts("\\\n") => parser.at += 2,
                    '\\' if parser.starts("\\\r\n") => parser.at += 3,
                    '\\' if matches!(parser.byte_after(1), Some(b'"' | b'$' | b'`' | b'\\')) => {
                        run.start.get_or_insert(parser.at);
                        run.text.push_str(&parser.text[parser.at + 1..parser.at + 2]);
                        parser.at += 2;
                    }
                    c => {
                        run.start.get_or_insert(parser.at);
                        run.text.push(c);
                        parser.step();
                    }
                }
            }
            parser.end_run(&mut run, &mut parts);
            parser.eat("\"");
            Part::Double(parts, parser.span(start))
        })
    }

    /// What `$` or a backquote begins, or the character itself where it begins nothing.
    fn expansion(&mut self, parts: &mut Vec<Part>, run: &mut Run, quoted: bool) {
        let start = self.at;
        let part = match (self.byte(), self.byte_after(1)) {
            (Some(b'`'), _) => self.backquoted(),
            (_, Some(b'(')) => Some(self.dollar_parenthesis(run, parts)),
            (_, Some(b'{')) => self.braced(quoted),
            (_, Some(byte)) => self.variable(byte),
            (_, None) => None,
        };
        match part {
            Some(part) => {
                let end = std::mem::replace(&mut self.at, start);
                self.end_run(run, parts);
                self.at = end;
                parts.push(part);
            }
            None => {
                run.start.get_or_insert(start);
                run.text.push_str(&self.text[start..start + 1]);
                self.at = start + 1;
            }
        }
    }

    /// `$name`, `$1`, `$@`.
    fn variable(&mut self, first: u8) -> Option<Part> {
        let start = self.at;
        let rest = &self.text[start + 1..];
        let length = match first {
            b'a'..=b'z' | b'A'..=b'Z' | b'_' => {
                rest.find(|c: char| !(c.is_ascii_alphanumeric() || c == '_')).unwrap_or(rest.len())
            }
            b'0'..=b'9' | b'@' | b'*' | b'#' | b'?' | b'-' | b'$' | b'!' => 1,
            _ => return None,
        };
        self.at += 1 + length;
        let text = self.text[start..self.at].to_owned();
        Some(Part::Variable { name: rest[..length].to_owned(), text, span: self.span(start) })
    }

    /// `${…}`; none where it stays open.
    fn braced(&mut self, quoted: bool) -> Option<Part> {
        let start = self.at;
        let Some(end) = self.brace_end(start + 2, quoted) else {
            self.fault(start..start + 2, "`${` has no `}`");
            return None;
        };
        let inside = &self.text[start + 2..end];
        let name = inside.trim_start_matches(['!', '#']);
        let name = if name.is_empty() { inside } else { name };
        let length = name.find(|c: char| !(c.is_ascii_alphanumeric() || c == '_')).unwrap_or(name.len());
        let length = if length == 0 { name.chars().next().map_or(0, char::len_utf8) } else { length };
        self.at = end + 1;
        let text = self.text[start..self.at].to_owned();
        Some(Part::Variable { name: name[..length].to_owned(), text, span: self.span(start) })
    }

    /// Where the `}` is that closes what is open before `from`; single quotes mean nothing where `quoted`.
    fn brace_end(&mut self, from: usize, quoted: bool) -> Option<usize> {
        let bytes = self.text.as_bytes();
        let mut open = Vec::new();
        let mut at = from;
        while let Some(byte) = bytes.get(at).copied().filter(|_| at - from < self.ahead) {
            let top = open.last().copied();
            match byte {
                b'\\' => at += 1,
                b'\'' if top == Some(b')') || (top != Some(b'"') && !quoted) => {
                    // Where it stays open it means itself.
                    at += self.quote_end(at + 1).map_or(0, |end| end - at);
                }
                b'(' if top == Some(b')') => open.push(b')'),
                b'"' if top == Some(b'"') => {
                    open.pop();
                }
                b'"' | b'`' if top != Some(byte) => open.push(byte),
                b'`' => {
                    open.pop();
                }
                b'$' if bytes.get(at + 1) == Some(&b'{') => {
                    open.push(b'}');
                    at += 1;
                }
                b'$' if bytes.get(at + 1) == Some(&b'(') => {
                    open.push(b')');
                    at += 1;
                }
                b'}' if top.is_none() => return Some(at),
                b'}' | b')' if top == Some(byte) => {
                    open.pop();
                }
                _ => {}
            }
            at += 1;
        }
        self.ahead = self.ahead.saturating_sub(at - from);
        None
    }

    /// Where the next single quote is.
    fn quote_end(&mut self, from: usize) -> Option<usize> {
        let most = self.text.len().min(from.saturating_add(self.ahead));
        let end = self.text.as_bytes().get(from..most)?.iter().position(|byte| *byte == b'\'').map(|at| from + at);
        if end.is_none() {
            self.ahead = self.ahead.saturating_sub(most - from);
        }
        end
    }

    /// Where the `))` is that closes the arithmetic that begins at `from`; none where it is no arithmetic.
    pub(super) fn arithmetic_end(&mut self, from: usize) -> Option<usize> {
        let bytes = self.text.as_bytes();
        let mut depth = 0usize;
        let mut at = from;
        while let Some(byte) = bytes.get(at).filter(|_| at - from < self.ahead) {
            match byte {
                b'(' => depth += 1,
                b')' if depth > 0 => depth -= 1,
                b')' if bytes.get(at + 1) == Some(&b')') => return Some(at),
                b')' => break,
                _ => {}
            }
            at += 1;
        }
        self.ahead = self.ahead.saturating_sub(at - from);
        None
    }

    /// The byte after the `)` that closes what is open before `from`, on this line.
    pub(super) fn balanced_end(&mut self, from: usize) -> Option<usize> {
        let mut depth = 0usize;
        let mut at = from;
        while let Some(byte) = self.text.as_bytes().get(at).filter(|_| at - from < self.ahead) {
            match byte {
                b'(' => depth += 1,
                b')' if depth == 0 => return Some(at + 1),
                b')' => depth -= 1,
                b'\n' => break,
                _ => {}
            }
            at += 1;
        }
        self.ahead = self.ahead.saturating_sub(at - from);
        None
    }

    /// `$(( ))` or `$( )`.
    fn dollar_parenthesis(&mut self, run: &mut Run, parts: &mut Vec<Part>) -> Part {
        self.end_run(run, parts);
        let start = self.at;
        if self.byte_after(2) == Some(b'(')
            && let Some(end) = self.arithmetic_end(start + 3)
        {
            self.at = end + 2;
            return Part::Arithmetic(self.text[start + 3..end].to_owned(), self.span(start));
        }
        self.substitution(2)
    }

    /// A script up to `)`, after `length` bytes of opening.
    fn substitution(&mut self, length: usize) -> Part {
        let start = self.at;
        self.at += length;
        // Its here-documents are its own.
        let outer = std::mem::take(&mut self.heredocs);
        let script = self.script(Closer::Paren);
        self.unclosed_heredocs();
        self.heredocs = outer;
        if !self.eat(")") {
            let opening = start..start + length;
            let message = format!("`{}` has no `)`", &self.text[opening.clone()]);
            self.fault(opening, message);
        }
        Part::Substitution(script, self.span(start))
    }

    /// A command in backquotes; none where they stay open.
    fn backquoted(&mut self) -> Option<Part> {
        let start = self.at;
        let bytes = self.text.as_bytes();
        let mut inside = Joined::new(self.joined.at(start + 1));
        let mut from = start + 1;
        let mut at = from;
        let end = loop {
            match bytes.get(at).filter(|_| at - start < self.ahead) {
                Some(b'`') => break at,
                // One level of backslashes goes.
                Some(b'\\') if matches!(bytes.get(at + 1), Some(b'`' | b'\\' | b'$')) => {
                    self.gather(&mut inside, from..at);
                    from = at + 1;
                    at += 2;
                }
                Some(_) => at += 1,
                None => {
                    self.ahead = self.ahead.saturating_sub(at - start);
                    self.fault(start..start + 1, "a backquote stays open");
                    return None;
                }
            }
        };
        self.gather(&mut inside, from..end);
        self.at = end + 1;
        let script = self.deeper(|parser| parser.inner(&inside)).unwrap_or_default();
        Some(Part::Substitution(script, self.span(start)))
    }

    /// Adds a range of the text, piece by piece of the file.
    fn gather(&self, into: &mut Joined, range: std::ops::Range<usize>) {
        into.append(&self.joined.part(range));
    }

    /// A text of its own, as deep as this one is.
    fn inner(&mut self, text: &Joined) -> Script {
        let mut parser = Parser::new(text, self.depth);
        let script = parser.script(Closer::End);
        let room = super::MAX_FAULTS.saturating_sub(self.faults.len());
        self.faults.extend(parser.faults.into_iter().take(room));
        script
    }
}
