//! Tokens of GraphQL with their places, as gqlparser reads them.

use crate::builtins::go_text::quote_text;

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Token {
    /// `Name`, `Int`, `String` …, `<EOF>`, or the sign itself.
    pub kind: &'static str,
    pub value: String,
    pub line: usize,
    pub column: usize,
}

impl Token {
    /// How a message names it.
    pub(super) fn shown(&self) -> String {
        if self.value.is_empty() { self.kind.to_owned() } else { format!("{} {}", self.kind, quote_text(&self.value)) }
    }
}

pub(super) struct Lexer<'a> {
    rest: &'a str,
    line: usize,
    column: usize,
}

const SIGNS: [(&str, &str); 14] = [
    ("...", "..."),
    ("!", "!"),
    ("$", "$"),
    ("&", "&"),
    ("(", "("),
    (")", ")"),
    (":", ":"),
    ("=", "="),
    ("@", "@"),
    ("[", "["),
    ("]", "]"),
    ("{", "{"),
    ("}", "}"),
    ("|", "|"),
];

impl<'a> Lexer<'a> {
    pub(super) fn new(text: &'a str) -> Lexer<'a> {
        Lexer { rest: text, line: 1, column: 1 }
    }

    /// Goes on by so many bytes, at a character's end.
    fn skip(&mut self, bytes: usize) -> &'a str {
        let (taken, rest) = self.rest.split_at_checked(bytes).unwrap_or((self.rest, ""));
        self.rest = rest;
        let mut characters = taken.chars().peekable();
        while let Some(c) = characters.next() {
            if c == '\n' || c == '\r' && characters.peek() != Some(&'\n') {
                self.line += 1;
                self.column = 1;
            } else if c != '\r' {
                self.column += 1;
            }
        }
        taken
    }

    /// What is no token, after so many bytes.
    fn invalid(&mut self, bytes: usize) -> Token {
        self.skip(bytes);
        Token { kind: "<Invalid>", value: String::new(), line: self.line, column: self.column }
    }

    pub(super) fn next(&mut self) -> Token {
        let blank = |c: char| matches!(c, ' ' | '\t' | ',' | '\n' | '\r' | '\u{FEFF}');
        let blanks = self.rest.len() - self.rest.trim_start_matches(blank).len();
        self.skip(blanks);
        let (line, column) = (self.line, self.column);
        let token = |kind: &'static str, value: String| Token { kind, value, line, column };
        let Some(first) = self.rest.chars().next() else { return token("<EOF>", String::new()) };
        if let Some((text, kind)) = SIGNS.iter().find(|(text, _)| self.rest.starts_with(text)) {
            self.skip(text.len());
            return token(kind, String::new());
        }
        let run = |fits: fn(char) -> bool| self.rest.find(|c: char| !fits(c)).unwrap_or(self.rest.len());
        match first {
            '#' => {
                let end = run(|c| c > '\u{1F}' || c == '\t');
                let text = self.skip(end).to_owned();
                token("Comment", text)
            }
            'a'..='z' | 'A'..='Z' | '_' => {
                let end = run(|c| c.is_ascii_alphanumeric() || c == '_');
                let text = self.skip(end).to_owned();
                token("Name", text)
            }
            '-' | '0'..='9' => match number(self.rest) {
                Ok((length, float)) => {
                    let text = self.skip(length).to_owned();
                    token(if float { "Float" } else { "Int" }, text)
                }
                Err(length) => self.invalid(length),
            },
            '"' => {
                let block = self.rest.starts_with("\"\"\"");
                match if block { block_string(self.rest) } else { string(self.rest) } {
                    Ok((length, value)) => {
                        self.skip(length);
                        // A text is where what is in it begins.
                        let (kind, quotes) = if block { ("BlockString", 3) } else { ("String", 1) };
                        Token { kind, value, line, column: column + quotes }
                    }
                    Err(length) => self.invalid(length),
                }
            }
            _ => token("<Invalid>", String::new()),
        }
    }
}

/// Bytes of a number, and whether it is a float; or bytes until what is wrong.
fn number(text: &str) -> Result<(usize, bool), usize> {
    let bytes = text.as_bytes();
    let digits =
        |at: usize| bytes.get(at..).unwrap_or_default().iter().take_while(|byte| byte.is_ascii_digit()).count();
    let mut at = usize::from(bytes.first() == Some(&b'-'));
    let whole = digits(at);
    if whole == 0 || whole > 1 && bytes.get(at) == Some(&b'0') {
        return Err(at + usize::from(whole > 1));
    }
    at += whole;
    let mut float = false;
    if bytes.get(at) == Some(&b'.') {
        let fraction = digits(at + 1);
        if fraction == 0 {
            return Err(at + 1);
        }
        float = true;
        at += 1 + fraction;
    }
    if matches!(bytes.get(at), Some(b'e' | b'E')) {
        let sign = usize::from(matches!(bytes.get(at + 1), Some(b'+' | b'-')));
        let exponent = digits(at + 1 + sign);
        if exponent == 0 {
            return Err(at + 1 + sign);
        }
        float = true;
        at += 1 + sign + exponent;
    }
    Ok((at, float))
}

/// A text in quotes and its bytes; or bytes until what is wrong.
fn string(text: &str) -> Result<(usize, String), usize> {
    let mut out = String::new();
    let mut at = 1;
    loop {
        let rest = text.get(at..).unwrap_or_default();
        match rest.chars().next() {
            None => return Err(text.len()),
            Some('"') => return Ok((at + 1, out)),
            Some('\\') => {
                let (length, character) = escape(rest.get(1..).unwrap_or_default()).ok_or(at + 1)?;
                out.push(character);
                at += 1 + length;
            }
            Some(c) if c < ' ' && c != '\t' => return Err(at),
            Some(c) => {
                out.push(c);
                at += c.len_utf8();
            }
        }
    }
}

/// What follows a backslash: its bytes and the character that it stands for.
fn escape(text: &str) -> Option<(usize, char)> {
    let character = match text.chars().next()? {
        c @ ('"' | '\\' | '/') => c,
        'b' => '\u{8}',
        'f' => '\u{c}',
        'n' => '\n',
        'r' => '\r',
        't' => '\t',
        'u' => {
            let (digits, length) = match text.strip_prefix("u{") {
                Some(rest) => {
                    let end = rest.find('}').filter(|end| (1..=8).contains(end))?;
                    (rest.get(..end)?, end + 3)
                }
                None => (text.get(1..5)?, 5),
            };
            if !digits.bytes().all(|digit| digit.is_ascii_hexdigit()) {
                return None;
            }
            let code = u32::from_str_radix(digits, 16).ok()?;
            return Some((length, char::from_u32(code).unwrap_or(char::REPLACEMENT_CHARACTER)));
        }
        _ => return None,
    };
    Some((1, character))
}

fn block_string(text: &str) -> Result<(usize, String), usize> {
    let mut raw = String::new();
    let mut at = 3;
    loop {
        let rest = text.get(at..).unwrap_or_default();
        if rest.starts_with("\\\"\"\"") {
            raw.push_str("\"\"\"");
            at += 4;
            continue;
        }
        let quotes = rest.bytes().take_while(|byte| *byte == b'"').count();
        if quotes >= 3 {
            raw.extend(std::iter::repeat_n('"', quotes - 3));
            return Ok((at + quotes, unindented(&raw)));
        }
        let Some(c) = rest.chars().next() else { return Err(text.len()) };
        match c {
            '\r' => {
                raw.push('\n');
                at += if rest.starts_with("\r\n") { 2 } else { 1 };
                continue;
            }
            c if c < ' ' && !matches!(c, '\t' | '\n') => return Err(at),
            c => raw.push(c),
        }
        at += c.len_utf8();
    }
}

/// Without the indent that all lines share and blank lines around.
fn unindented(raw: &str) -> String {
    let blank = |line: &&str| line.trim_matches([' ', '\t']).is_empty();
    let indent = |line: &str| line.len() - line.trim_start_matches([' ', '\t']).len();
    let common = raw.split('\n').filter(|line| !blank(line)).map(indent).min();
    let mut lines: Vec<&str> = raw.split('\n').collect();
    if let Some(common) = common {
        for line in lines.iter_mut().skip(1) {
            *line = line.get(common..).unwrap_or_default();
        }
    }
    let from = lines.iter().position(|line| !blank(line)).unwrap_or(lines.len());
    let to = lines.iter().rposition(|line| !blank(line)).map_or(from, |last| last + 1);
    lines.get(from..to).unwrap_or_default().join("\n")
}
