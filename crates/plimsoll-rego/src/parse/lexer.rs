//! Bytes to tokens. In: a text, a position, the keywords that hold. Out: the next token with its bytes, and what is wrong
//! with it. Positions are small and copied, because the grammar tries some texts in several ways.

use std::sync::LazyLock;

use regex::Regex;

use super::token::{Keywords, Tok, always};

const BOM: u32 = 0xFEFF;
const NBSP: u32 = 0xA0;

/// Where reading stands: `curr` is the character that was read last and not yet used.
#[derive(Debug, Clone, Copy)]
pub(super) struct Position {
    offset: usize,
    width: usize,
    curr: Option<u32>,
}

impl Position {
    /// The byte where the character stands that is read next.
    pub(super) fn at(&self) -> usize {
        self.offset - self.width
    }
}

/// Which token is looked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Mode {
    Token,
    /// On with a template string, after the brace that ended an expression in it.
    Template {
        raw: bool,
    },
}

#[derive(Debug, Clone, Copy)]
pub(super) struct Token {
    pub tok: Tok,
    pub start: usize,
    pub end: usize,
    /// The text, of strings with what delimits them. Not always the token's bytes: `$` is not part of it.
    pub text: (usize, usize),
}

pub(super) struct Lexer<'t> {
    pub bytes: &'t [u8],
    pub position: Position,
    /// What is wrong with the token that is being read.
    pub errors: Vec<&'static str>,
}

impl<'t> Lexer<'t> {
    pub(super) fn new(bytes: &'t [u8]) -> Lexer<'t> {
        let position = Position { offset: 0, width: 0, curr: None };
        let mut lexer = Lexer { bytes, position, errors: Vec::new() };
        lexer.next();
        if lexer.position.curr == Some(BOM) {
            lexer.next();
        }
        lexer
    }

    fn next(&mut self) {
        let at = self.position.offset;
        let Some(first) = self.bytes.get(at).copied() else {
            self.position = Position { offset: self.bytes.len(), width: 0, curr: None };
            return;
        };
        let (mut curr, mut width) = (u32::from(first), 1);
        if first == 0 {
            self.errors.push("illegal null character");
        } else if first >= 0x80 {
            match decode(&self.bytes[at..]) {
                Some((read, bytes)) => (curr, width) = (read, bytes),
                None => {
                    curr = 0xFFFD;
                    self.errors.push("illegal utf-8 character");
                }
            }
            if curr == BOM && at > 0 {
                self.errors.push("illegal byte-order mark");
            }
        }
        self.position = Position { offset: at + width, width, curr: Some(curr) };
    }

    fn is(&self, byte: u8) -> bool {
        self.position.curr == Some(u32::from(byte))
    }

    fn next_if(&mut self, byte: u8) -> bool {
        let is = self.is(byte);
        if is {
            self.next();
        }
        is
    }

    fn skip_while(&mut self, wanted: impl Fn(u32) -> bool) -> bool {
        let mut found = false;
        while self.position.curr.is_some_and(&wanted) {
            self.next();
            found = true;
        }
        found
    }

    /// Where a later line begins with a word, after a place: there a statement may begin.
    pub(super) fn next_statement(&self, from: usize) -> Option<usize> {
        let rest = self.bytes.get(from..)?;
        let begins = |pair: &[u8]| pair[0] == b'\n' && is_letter(u32::from(pair[1]));
        rest.windows(2).position(begins).map(|at| from + at + 1)
    }

    /// The position at a byte that begins a character.
    pub(super) fn seek(&mut self, offset: usize) -> Position {
        self.position = Position { offset, width: 0, curr: None };
        self.next();
        self.errors.clear();
        self.position
    }

    /// How long the token at a place is: what an error there underlines.
    pub(super) fn token_length(&self, at: usize) -> usize {
        let Some(rest) = self.bytes.get(at..) else { return 0 };
        match rest.first() {
            Some(first) if is_letter(u32::from(*first)) || is_decimal(u32::from(*first)) => {
                let name = |byte: &&u8| is_letter(u32::from(**byte)) || is_decimal(u32::from(**byte));
                rest.iter().take_while(name).count()
            }
            Some(_) => decode(rest).map_or(1, |(_, width)| width),
            None => 0,
        }
    }

    /// Reads one token; `keywords` beside those of every version, `not` among them.
    pub(super) fn scan(&mut self, mode: Mode, keywords: Keywords) -> Token {
        let start = self.position.at();
        let mut text = None;
        let tok = match (mode, self.position.curr) {
            (Mode::Template { raw }, _) => self.template(raw, start.saturating_sub(1), &mut text),
            (_, None) => Tok::Eof,
            (_, Some(0x20 | 0x09 | 0x0A | 0x0D)) => {
                self.next();
                Tok::Whitespace
            }
            (_, Some(c)) if is_letter(c) => {
                self.skip_while(|c| is_letter(c) || is_digit(c));
                let end = self.position.at();
                let name = std::str::from_utf8(&self.bytes[start..end]).unwrap_or_default();
                // As in OPA, a keyword right before a character of another script is none: it cannot be read anyway.
                let word = if self.position.width > 1 { None } else { always(name).or_else(|| keywords.tok(name)) };
                word.unwrap_or(Tok::Ident)
            }
            (_, Some(c)) if is_decimal(c) => {
                self.number();
                Tok::Number
            }
            (_, Some(c)) => {
                self.next();
                let tok = self.symbol(c, start, &mut text);
                if tok != Tok::String && tok != Tok::Comment {
                    // Symbols have no text: taken for names, they are empty ones.
                    text.get_or_insert((start, start));
                }
                tok
            }
        };
        let end = self.position.at();
        Token { tok, start, end, text: text.unwrap_or((start, end)) }
    }

    fn symbol(&mut self, c: u32, start: usize, text: &mut Option<(usize, usize)>) -> Tok {
        let either = |equals: bool, with: Tok, without: Tok| if equals { with } else { without };
        match u8::try_from(c).ok() {
            Some(b'#') => {
                self.skip_while(|c| c != 0x0A);
                Tok::Comment
            }
            Some(b'"') => {
                self.string();
                Tok::String
            }
            Some(b'`') => {
                self.raw_string();
                Tok::String
            }
            Some(b'[') => Tok::LBrack,
            Some(b']') => Tok::RBrack,
            Some(b'{') => Tok::LBrace,
            Some(b'}') => Tok::RBrace,
            Some(b'(') => Tok::LParen,
            Some(b')') => Tok::RParen,
            Some(b',') => Tok::Comma,
            Some(b':') => either(self.next_if(b'='), Tok::Assign, Tok::Colon),
            Some(b'+') => Tok::Add,
            Some(b'-') => Tok::Sub,
            Some(b'*') => Tok::Mul,
            Some(b'/') => Tok::Quo,
            Some(b'%') => Tok::Rem,
            Some(b'&') => Tok::And,
            Some(b'|') => Tok::Or,
            Some(b'=') => either(self.next_if(b'='), Tok::Equal, Tok::Unify),
            Some(b'>') => either(self.next_if(b'='), Tok::Gte, Tok::Gt),
            Some(b'<') => either(self.next_if(b'='), Tok::Lte, Tok::Lt),
            Some(b'!') => {
                if self.next_if(b'=') {
                    return Tok::Neq;
                }
                self.errors.push("illegal ! character");
                Tok::Illegal
            }
            Some(b';') => Tok::Semicolon,
            Some(b'.') => Tok::Dot,
            Some(b'$') => {
                if self.next_if(b'`') {
                    self.template(true, start + 1, text)
                } else if self.next_if(b'"') {
                    self.template(false, start + 1, text)
                } else {
                    self.errors.push("illegal $ character");
                    Tok::Illegal
                }
            }
            _ if c == NBSP => {
                self.errors.push("illegal non-breaking space character, use a regular space instead");
                Tok::Illegal
            }
            _ => Tok::Illegal,
        }
    }

    fn number(&mut self) {
        self.skip_while(is_decimal);
        if self.next_if(b'.') && !self.skip_while(is_decimal) {
            self.errors.push("expected fraction");
        }
        if self.next_if(b'e') || self.next_if(b'E') {
            if !self.next_if(b'+') {
                self.next_if(b'-');
            }
            if !self.skip_while(is_decimal) {
                self.errors.push("expected exponent");
            }
        }
        if self.position.curr.is_some_and(is_letter) {
            self.errors.push("illegal number format");
            self.skip_while(|c| is_letter(c) || is_digit(c));
        }
    }

    fn string(&mut self) {
        loop {
            if self.position.curr.is_none() || self.is(b'\n') {
                self.errors.push("non-terminated string");
                return;
            }
            let escape = self.is(b'\\');
            let end = self.is(b'"');
            self.next();
            if end {
                return;
            }
            if escape {
                self.escape(false);
            }
        }
    }

    /// After a backslash. Tells whether a brace was escaped.
    fn escape(&mut self, template: bool) -> bool {
        match self.position.curr.and_then(|c| u8::try_from(c).ok()) {
            Some(b'\\' | b'"' | b'/' | b'b' | b'f' | b'n' | b'r' | b't') => self.next(),
            Some(b'u') => (0..4).for_each(|_| self.next()),
            Some(b'{') if template => {
                self.next();
                return true;
            }
            _ => self.errors.push("illegal escape sequence"),
        }
        false
    }

    fn raw_string(&mut self) {
        self.skip_while(|c| c != u32::from(b'`'));
        if !self.next_if(b'`') {
            self.errors.push("non-terminated string");
        }
    }

    fn template(&mut self, raw: bool, start: usize, text: &mut Option<(usize, usize)>) -> Tok {
        let (quote, part, end) = match raw {
            true => (b'`', Tok::RawTemplatePart, Tok::RawTemplateEnd),
            false => (b'"', Tok::TemplatePart, Tok::TemplateEnd),
        };
        let tok = loop {
            if self.position.curr.is_none() || (!raw && self.is(b'\n')) {
                self.errors.push("non-terminated string");
                break part;
            }
            if self.next_if(quote) {
                break end;
            }
            if self.next_if(b'{') {
                break part;
            }
            let escape = self.is(b'\\');
            self.next();
            if escape && raw {
                self.next_if(b'{');
            } else if escape {
                self.escape(true);
            }
        };
        *text = Some((start, self.position.at()));
        tok
    }
}

/// The first character and how many bytes it takes, where it is one.
fn decode(bytes: &[u8]) -> Option<(u32, usize)> {
    let width = match bytes.first()? {
        0xC2..=0xDF => 2,
        0xE0..=0xEF => 3,
        0xF0..=0xF4 => 4,
        _ => return None,
    };
    let text = std::str::from_utf8(bytes.get(..width)?).ok()?;
    text.chars().next().map(|c| (u32::from(c), width))
}

fn is_letter(c: u32) -> bool {
    matches!(u8::try_from(c), Ok(b'a'..=b'z' | b'A'..=b'Z' | b'_'))
}

fn is_decimal(c: u32) -> bool {
    matches!(u8::try_from(c), Ok(b'0'..=b'9'))
}

/// Digits of every script may stand in a name after its first letter.
fn is_digit(c: u32) -> bool {
    static DIGIT: LazyLock<Option<Regex>> = LazyLock::new(|| Regex::new(r"^\p{Nd}$").ok());
    if c < 0x80 {
        return is_decimal(c);
    }
    let Some(c) = char::from_u32(c) else { return false };
    DIGIT.as_ref().is_some_and(|digit| digit.is_match(c.encode_utf8(&mut [0; 4])))
}

/// The text that a JSON string means, without its quotes; none where it is no such string. A half of a surrogate pair is
/// U+FFFD, as in Go.
pub(super) fn unescape(inner: &str) -> Option<String> {
    let mut out = String::with_capacity(inner.len());
    let mut rest = inner.chars();
    while let Some(c) = rest.next() {
        match c {
            '\\' => match rest.next()? {
                c @ ('\\' | '"' | '/') => out.push(c),
                'b' => out.push('\u{8}'),
                'f' => out.push('\u{c}'),
                'n' => out.push('\n'),
                'r' => out.push('\r'),
                't' => out.push('\t'),
                'u' => {
                    let unit = hex(&mut rest)?;
                    let mut ahead = rest.clone();
                    let low =
                        (ahead.next() == Some('\\') && ahead.next() == Some('u')).then(|| hex(&mut ahead)).flatten();
                    match low {
                        Some(low @ 0xDC00..=0xDFFF) if (0xD800..0xDC00).contains(&unit) => {
                            rest = ahead;
                            let code = 0x10000 + ((unit - 0xD800) << 10) + (low - 0xDC00);
                            out.push(char::from_u32(code).unwrap_or('\u{FFFD}'));
                        }
                        _ => out.push(char::from_u32(unit).unwrap_or('\u{FFFD}')),
                    }
                }
                _ => return None,
            },
            '"' | '\u{0}'..='\u{1F}' => return None,
            c => out.push(c),
        }
    }
    Some(out)
}

fn hex(rest: &mut std::str::Chars<'_>) -> Option<u32> {
    (0..4).try_fold(0, |sum, _| Some(sum * 16 + rest.next()?.to_digit(16)?))
}
