//! Compound commands: `( )`, `{ }`, `(( ))`, `[[ ]]`, branches, loops, `case`, functions.

use super::super::{Command, Compound, CompoundKind, Item, Part, Pipeline, Redirect, Script, Separator, Word};
use super::{Closer, Parser, is_delimiter};

impl Parser<'_> {
    /// A compound command with its redirections, where one starts here.
    pub(super) fn compound(&mut self) -> Option<Compound> {
        let start = self.at;
        let (kind, scripts, words) = match (self.byte()?, self.keyword()) {
            (b'(', _) => self.parentheses(),
            (b'[', _) if self.starts("[[") && self.byte_after(2).is_none_or(is_delimiter) => self.test(),
            (_, Some("{")) => {
                self.at += 1;
                let script = self.script(Closer::Brace);
                self.close(start, "}", "{");
                (CompoundKind::Group, vec![script], Vec::new())
            }
            (_, Some("if")) => (CompoundKind::If, self.branches(), Vec::new()),
            (_, Some(word @ ("while" | "until"))) => {
                self.at += word.len();
                let condition = self.script(Closer::Do);
                let body = self.body(start, word);
                let kind = if word == "while" { CompoundKind::While } else { CompoundKind::Until };
                (kind, vec![condition, body], Vec::new())
            }
            (_, Some(word @ ("for" | "select"))) => self.each(word),
            (_, Some("case")) => self.case(),
            (_, Some("function")) => self.named_function()?,
            _ => return None,
        };
        let mut redirects = Vec::new();
        let end = self.redirects(&mut redirects);
        Some(Compound { span: self.joined.span(start..end), kind, scripts, words, redirects })
    }

    /// Redirections after a compound command; gives the last one's end.
    fn redirects(&mut self, redirects: &mut Vec<Redirect>) -> usize {
        let mut end = self.at;
        loop {
            self.blanks();
            let Some(redirect) = self.redirect() else { return end };
            redirects.push(redirect);
            end = self.at;
        }
    }

    /// Goes past a closing word, or tells that it is missing.
    fn close(&mut self, opened: usize, word: &str, opening: &str) {
        let there = match word {
            ")" => self.byte() == Some(b')'),
            _ => self.keyword() == Some(word),
        };
        if there {
            self.at += word.len();
        } else {
            self.fault(opened..opened + opening.len(), format!("`{opening}` has no `{word}`"));
        }
    }

    fn parentheses(&mut self) -> (CompoundKind, Vec<Script>, Vec<Word>) {
        let start = self.at;
        if self.starts("((")
            && let Some(end) = self.arithmetic_end(start + 2)
        {
            self.at = end + 2;
            let word = self.verbatim(start + 2..end);
            return (CompoundKind::Arithmetic, Vec::new(), vec![word]);
        }
        self.at += 1;
        let script = self.script(Closer::Paren);
        self.close(start, ")", "(");
        (CompoundKind::Subshell, vec![script], Vec::new())
    }

    /// A range as one word, as it stands.
    fn verbatim(&self, range: std::ops::Range<usize>) -> Word {
        let span = self.joined.span(range.clone());
        Word { span, parts: vec![Part::Bare(self.text[range].to_owned(), span)] }
    }

    fn branches(&mut self) -> Vec<Script> {
        let start = self.at;
        let mut scripts = Vec::new();
        let mut word = "if";
        self.at += word.len();
        loop {
            if word != "else" {
                scripts.push(self.script(Closer::Then));
                if self.keyword() == Some("then") {
                    self.at += "then".len();
                } else {
                    self.fault(start..start + 2, format!("`{word}` has no `then`"));
                }
            }
            scripts.push(self.script(Closer::Fi));
            match self.keyword() {
                Some(next @ ("elif" | "else")) if word != "else" => {
                    self.at += next.len();
                    word = next;
                }
                _ => break,
            }
        }
        self.close(start, "fi", "if");
        scripts
    }

    /// `do … done`
    fn body(&mut self, start: usize, word: &str) -> Script {
        if self.keyword() == Some("do") {
            self.at += 2;
        } else {
            self.fault(start..start + word.len(), format!("`{word}` has no `do`"));
        }
        let body = self.script(Closer::Done);
        self.close(start, "done", word);
        body
    }

    fn each(&mut self, word: &str) -> (CompoundKind, Vec<Script>, Vec<Word>) {
        let start = self.at;
        self.at += word.len();
        self.blanks();
        let mut words = Vec::new();
        if self.starts("((")
            && let Some(end) = self.arithmetic_end(self.at + 2)
        {
            words.push(self.verbatim(self.at + 2..end));
            self.at = end + 2;
        } else {
            words.extend(self.word());
            self.lines();
            if self.keyword() == Some("in") {
                self.at += 2;
                loop {
                    self.blanks();
                    match self.word() {
                        Some(word) => words.push(word),
                        None => break,
                    }
                }
            }
        }
        self.blanks();
        if self.byte() == Some(b';') && self.closer().is_none() {
            self.at += 1;
        }
        self.lines();
        let body = if self.eat_brace() {
            let body = self.script(Closer::Brace);
            self.close(start, "}", word);
            body
        } else {
            self.body(start, word)
        };
        let kind = if word == "for" { CompoundKind::For } else { CompoundKind::Select };
        (kind, vec![body], words)
    }

    fn eat_brace(&mut self) -> bool {
        let there = self.keyword() == Some("{");
        if there {
            self.at += 1;
        }
        there
    }

    fn case(&mut self) -> (CompoundKind, Vec<Script>, Vec<Word>) {
        let start = self.at;
        self.at += "case".len();
        self.blanks();
        let mut words: Vec<Word> = self.word().into_iter().collect();
        let mut scripts = Vec::new();
        self.lines();
        if self.keyword() == Some("in") {
            self.at += 2;
        } else {
            self.fault(start..start + 4, "`case` has no `in`");
        }
        loop {
            self.lines();
            if self.at >= self.text.len() || self.keyword() == Some("esac") {
                break;
            }
            let branch = self.at;
            self.eat("(");
            loop {
                self.blanks();
                match self.word() {
                    Some(word) => words.push(word),
                    None => break,
                }
                self.blanks();
                if self.byte() != Some(b'|') {
                    break;
                }
                self.at += 1;
            }
            self.blanks();
            if !self.eat(")") {
                self.fault(branch..self.at.max(branch), "a branch of `case` has no `)` after its pattern");
                if self.closer().is_some() && self.at == branch {
                    break;
                }
                let ahead = self.rest().find([')', ';', '\n']).map(|at| self.at + at);
                if let Some(at) = ahead.filter(|at| self.text.as_bytes()[*at] == b')') {
                    self.at = at + 1;
                }
            }
            scripts.push(self.script(Closer::Esac));
            match self.closer() {
                Some((Closer::Esac, length)) if self.byte() == Some(b';') => self.at += length,
                Some((Closer::Esac, _)) => {}
                _ => break,
            }
            if self.at == branch {
                break;
            }
        }
        self.close(start, "esac", "case");
        (CompoundKind::Case, scripts, words)
    }

    /// `function name [()] body`
    fn named_function(&mut self) -> Option<(CompoundKind, Vec<Script>, Vec<Word>)> {
        let start = self.at;
        self.at += "function".len();
        self.blanks();
        let Some(name) = self.word() else {
            self.at = start;
            return None;
        };
        self.blanks();
        if self.eat("(") {
            self.blanks();
            self.eat(")");
        }
        let body = self.function_body(start);
        Some((CompoundKind::Function, vec![body], vec![name]))
    }

    /// The compound command that is a function's body, as a script of one command.
    pub(super) fn function_body(&mut self, start: usize) -> Script {
        self.lines();
        let at = self.at;
        let body = self.deeper(|parser| parser.compound()).flatten();
        let Some(body) = body else {
            self.fault(start..at, "a function has no body");
            return Script::default();
        };
        let span = body.span;
        let pipeline = Pipeline { span, negated: false, commands: vec![Command::Compound(body)], pipes: Vec::new() };
        let item = Item { pipeline, separator: Separator::End, separator_span: span.after() };
        Script { items: vec![item], faults: Vec::new() }
    }

    /// `[[ … ]]`: its words and operators.
    fn test(&mut self) -> (CompoundKind, Vec<Script>, Vec<Word>) {
        let start = self.at;
        self.at += 2;
        let mut words = Vec::new();
        loop {
            self.lines();
            if self.starts("]]") && self.byte_after(2).is_none_or(is_delimiter) {
                self.at += 2;
                break;
            }
            match self.byte() {
                None | Some(b';') => {
                    self.fault(start..start + 2, "`[[` has no `]]`");
                    break;
                }
                Some(b'<' | b'>') if self.byte_after(1) == Some(b'(') => words.extend(self.word()),
                Some(byte) if is_delimiter(byte) => {
                    let from = self.at;
                    while self.byte() == Some(byte) {
                        self.at += 1;
                    }
                    words.push(self.verbatim(from..self.at));
                }
                Some(_) => match self.word() {
                    Some(word) => words.push(word),
                    None => self.step(),
                },
            }
        }
        (CompoundKind::Test, Vec::new(), words)
    }
}
