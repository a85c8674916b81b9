//! The parser. In: joined text. Out: a [`Script`] and what was not understood. It descends, reads every byte a bounded number of
//! times, and after a syntax error goes on at the next separator. It follows POSIX's shell command language:
//! <https://pubs.opengroup.org/onlinepubs/9799919799/utilities/V3_chap02.html>, and bash's manual where it adds to it.

mod compound;
mod simple;
mod words;

use super::{Command, Item, Pipeline, Script, Separator};
use crate::joined::Joined;
use crate::source::Span;

/// How deep commands, substitutions and quotes may be nested: more than people write, little enough for a thread's stack.
pub const MAX_DEPTH: usize = 50;

/// No more faults are told of one script.
const MAX_FAULTS: usize = 100;

/// Reads a script.
pub fn parse(text: &Joined) -> Script {
    let mut parser = Parser::new(text, 0);
    let mut script = parser.script(Closer::End);
    parser.faults.sort_by_key(|(span, _)| *span);
    script.faults = parser.faults;
    script
}

/// What ends a script.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Closer {
    /// The text's end.
    End,
    /// `)`
    Paren,
    /// `}`
    Brace,
    /// `then`
    Then,
    /// `elif`, `else`, `fi`
    Fi,
    /// `do`
    Do,
    /// `done`
    Done,
    /// `;;`, `;&`, `;;&`, `esac`
    Esac,
}

struct Parser<'t> {
    joined: &'t Joined,
    text: &'t str,
    at: usize,
    depth: usize,
    /// What the scripts that are being read wait for, the outermost first.
    open: Vec<Closer>,
    /// Here-documents whose content starts at the next line: the name, and whether tabs go.
    heredocs: Vec<(String, bool, std::ops::Range<usize>)>,
    /// How many bytes may still be looked at in vain, in search of an end that is not there.
    ahead: usize,
    faults: Vec<(Span, String)>,
    /// The rest was given up: that what is open has no end then tells nothing.
    given_up: bool,
}

impl<'t> Parser<'t> {
    fn new(joined: &'t Joined, depth: usize) -> Parser<'t> {
        let text = joined.as_str();
        // Each byte four times, and something for the small.
        let ahead = text.len() * 4 + 4096;
        Parser {
            joined,
            text,
            at: 0,
            depth,
            open: Vec::new(),
            heredocs: Vec::new(),
            ahead,
            faults: Vec::new(),
            given_up: false,
        }
    }

    fn fault(&mut self, range: std::ops::Range<usize>, message: impl Into<String>) {
        if self.faults.len() < MAX_FAULTS && !self.given_up {
            self.faults.push((self.joined.span(range), message.into()));
        }
    }

    fn span(&self, start: usize) -> Span {
        self.joined.span(start..self.at)
    }

    fn rest(&self) -> &'t str {
        self.text.get(self.at..).unwrap_or_default()
    }

    fn byte(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    fn byte_after(&self, count: usize) -> Option<u8> {
        self.text.as_bytes().get(self.at + count).copied()
    }

    fn starts(&self, with: &str) -> bool {
        self.rest().starts_with(with)
    }

    /// Goes past a character.
    fn step(&mut self) {
        self.at += self.rest().chars().next().map_or(0, char::len_utf8);
    }

    /// Goes past `what` where it stands here.
    fn eat(&mut self, what: &str) -> bool {
        let there = self.starts(what);
        if there {
            self.at += what.len();
        }
        there
    }

    /// Runs `read` one level deeper, or gives up on the whole rest where that is too deep.
    fn deeper<T>(&mut self, read: impl FnOnce(&mut Self) -> T) -> Option<T> {
        if self.depth >= MAX_DEPTH {
            if self.at < self.text.len() {
                let message = format!("it is nested deeper than {MAX_DEPTH} levels; the rest is not read");
                self.fault(self.at..self.text.len(), message);
            }
            self.at = self.text.len();
            self.given_up = true;
            return None;
        }
        self.depth += 1;
        let read = read(self);
        self.depth -= 1;
        Some(read)
    }

    /// Goes past blanks, continued lines and a comment.
    fn blanks(&mut self) {
        loop {
            match self.byte() {
                Some(b' ' | b'\t') => self.at += 1,
                Some(b'\r') if matches!(self.byte_after(1), Some(b'\n') | None) => self.at += 1,
                Some(b'\\') if self.byte_after(1) == Some(b'\n') => self.at += 2,
                Some(b'\\') if self.starts("\\\r\n") => self.at += 3,
                Some(b'#') => self.at += self.rest().find('\n').unwrap_or(self.rest().len()),
                _ => return,
            }
        }
    }

    /// Goes past a line break, and past the here-documents that start there.
    fn newline(&mut self) -> bool {
        if self.byte() != Some(b'\n') {
            return false;
        }
        self.at += 1;
        for (name, strip, mark) in std::mem::take(&mut self.heredocs) {
            let closed = loop {
                let line = self.rest().split_inclusive('\n').next();
                let Some(line) = line else { break false };
                self.at += line.len();
                let line = line.trim_end_matches(['\r', '\n']);
                if (if strip { line.trim_start_matches('\t') } else { line }) == name {
                    break true;
                }
            };
            if !closed {
                self.fault(mark, "the here-document has no end");
            }
        }
        true
    }

    /// Goes past blanks, comments and line breaks.
    fn lines(&mut self) {
        self.blanks();
        while self.newline() {
            self.blanks();
        }
    }

    /// A script up to what closes it, which is left where it stands.
    fn script(&mut self, closer: Closer) -> Script {
        self.open.push(closer);
        let script = self.deeper(|parser| parser.items());
        self.open.pop();
        script.unwrap_or_default()
    }

    fn items(&mut self) -> Script {
        let mut script = Script::default();
        loop {
            self.lines();
            if self.at >= self.text.len() {
                self.unclosed_heredocs();
                return script;
            }
            match self.closer() {
                Some((found, _)) if self.awaited(found) => return script,
                Some((_, length)) => {
                    let range = self.at..self.at + length;
                    let message = format!("`{}` closes nothing here", &self.text[range.clone()]);
                    self.at = range.end;
                    self.fault(range, message);
                    continue;
                }
                None => {}
            }
            let start = self.at;
            let item = self.item();
            if self.at == start {
                self.step();
                let message = format!("`{}` is not expected here", &self.text[start..self.at]);
                self.fault(start..self.at, message);
            }
            script.items.extend(item);
        }
    }

    /// Names that never got their line break.
    fn unclosed_heredocs(&mut self) {
        for (_, _, mark) in std::mem::take(&mut self.heredocs) {
            self.fault(mark, "the here-document has no end");
        }
    }

    /// What ends some script, where the next word is such, and its length.
    fn closer(&self) -> Option<(Closer, usize)> {
        match self.byte()? {
            b')' => return Some((Closer::Paren, 1)),
            b';' if self.starts(";;&") => return Some((Closer::Esac, 3)),
            b';' if self.starts(";;") || self.starts(";&") => return Some((Closer::Esac, 2)),
            _ => {}
        }
        let word = self.keyword()?;
        let closer = match word {
            "}" => Closer::Brace,
            "then" => Closer::Then,
            "elif" | "else" | "fi" => Closer::Fi,
            "do" => Closer::Do,
            "done" => Closer::Done,
            "esac" => Closer::Esac,
            _ => return None,
        };
        Some((closer, word.len()))
    }

    /// Whether some script being read waits for this. A word closes nothing outside the parentheses that it stands in.
    fn awaited(&self, closer: Closer) -> bool {
        for open in self.open.iter().rev() {
            let same = match (open, closer) {
                // What follows a condition may be missing; its end then ends all of it.
                (Closer::Then, Closer::Fi) | (Closer::Do, Closer::Done) => true,
                (open, closer) => *open == closer,
            };
            if same {
                return true;
            }
            if *open == Closer::Paren && closer != Closer::Paren {
                return false;
            }
        }
        false
    }

    /// The next word where it is short, stands alone and has no quotes: it may be a reserved one.
    fn keyword(&self) -> Option<&'t str> {
        const LONGEST: usize = "function".len();
        let bytes = self.rest().as_bytes();
        let end = bytes.iter().take(LONGEST + 1).position(|byte| is_delimiter(*byte));
        let length = end.unwrap_or(bytes.len());
        if length == 0 || length > LONGEST {
            return None;
        }
        self.text.get(self.at..self.at + length)
    }

    /// A pipeline and what parts it from the next.
    fn item(&mut self) -> Option<Item> {
        let pipeline = self.pipeline();
        self.blanks();
        let start = self.at;
        let separator = match self.byte() {
            None => Separator::End,
            Some(b'\n') => {
                self.newline();
                let item = pipeline.map(|pipeline| Item {
                    pipeline,
                    separator: Separator::Sequence,
                    separator_span: self.joined.span(start..start + 1),
                });
                return item;
            }
            Some(b'&') if self.eat("&&") => Separator::And,
            Some(b'|') if self.eat("||") => Separator::Or,
            Some(b'&') => {
                self.at += 1;
                Separator::Background
            }
            Some(b';') if self.closer().is_none() => {
                self.at += 1;
                Separator::Sequence
            }
            Some(_) if self.closer().is_some_and(|(closer, _)| self.awaited(closer)) => Separator::End,
            // What closes nothing is told and left out, and the list goes on.
            Some(_) if self.closer().is_some() => Separator::Sequence,
            Some(_) => {
                self.skip_to_separator();
                if pipeline.is_none() && self.at == start {
                    return None;
                }
                self.fault(start..self.at, "this is not expected here");
                return pipeline.map(|pipeline| Item {
                    pipeline,
                    separator: Separator::Sequence,
                    separator_span: self.joined.span(start..start),
                });
            }
        };
        let separator_span = self.span(start);
        if pipeline.is_none() && separator != Separator::End {
            self.fault(start..self.at, "there is no command before this");
        }
        let pipeline = pipeline?;
        if matches!(separator, Separator::And | Separator::Or) {
            self.lines();
            if self.at >= self.text.len() {
                self.fault(start..start + 2, "there is no command after this");
            }
        }
        Some(Item { pipeline, separator, separator_span })
    }

    /// Goes to the next `;`, `&`, `|`, line break or `)`.
    fn skip_to_separator(&mut self) {
        let rest = self.rest();
        self.at += rest.find([';', '&', '|', '\n', ')']).unwrap_or(rest.len());
    }

    fn pipeline(&mut self) -> Option<Pipeline> {
        let start = self.at;
        let mut negated = false;
        while self.keyword() == Some("!") {
            self.at += 1;
            negated = !negated;
            self.blanks();
        }
        let mut commands = Vec::new();
        let mut pipes = Vec::new();
        let mut end = self.at;
        while let Some(command) = self.command() {
            commands.push(command);
            end = self.at;
            self.blanks();
            let pipe = self.at;
            if self.byte() != Some(b'|') || self.byte_after(1) == Some(b'|') {
                break;
            }
            self.at += 1;
            self.eat("&");
            pipes.push(self.span(pipe));
            self.lines();
            let nothing = self.closer().is_some() || matches!(self.byte(), None | Some(b'|' | b'&' | b';'));
            if nothing {
                self.fault(pipe..pipe + 1, "there is no command after this");
            }
            if self.byte() == Some(b'|') && self.byte_after(1) != Some(b'|') {
                self.at += 1;
                self.lines();
            }
        }
        if commands.is_empty() && !negated {
            return None;
        }
        Some(Pipeline { span: self.joined.span(start..end), negated, commands, pipes })
    }

    fn command(&mut self) -> Option<Command> {
        if self.at >= self.text.len() || self.closer().is_some() {
            return None;
        }
        if let Some(compound) = self.compound() {
            return Some(Command::Compound(compound));
        }
        self.simple()
    }
}

/// Where an unquoted word ends.
fn is_delimiter(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\r' | b'\n' | b';' | b'&' | b'|' | b'<' | b'>' | b'(' | b')')
}
