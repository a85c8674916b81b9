//! The text of an expression → its tokens, with the byte where each begins.

use std::sync::Arc;

use crate::source::Refused;

#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Token {
    Ident(Arc<str>),
    Int(u64),
    Uint(u64),
    Double(f64),
    String(Arc<str>),
    Bytes(Arc<[u8]>),
    True,
    False,
    Null,
    In,
    /// Operators and brackets.
    Sign(&'static str),
    End,
}

#[derive(Debug, Clone)]
pub(crate) struct Placed {
    pub token: Token,
    pub at: usize,
}

impl Token {
    /// As messages name it.
    pub fn describe(&self, text: &str, at: usize) -> String {
        match self {
            Token::End => "<EOF>".to_owned(),
            Token::Sign(sign) => (*sign).to_owned(),
            Token::Ident(name) => name.to_string(),
            Token::True => "true".to_owned(),
            Token::False => "false".to_owned(),
            Token::Null => "null".to_owned(),
            Token::In => "in".to_owned(),
            _ => text.get(at..).unwrap_or("").chars().take_while(|letter| !letter.is_whitespace()).take(40).collect(),
        }
    }
}

/// Longest first.
const SIGNS: [&str; 26] = [
    "&&", "||", "==", "!=", "<=", ">=", "<", ">", "[", "]", "{", "}", "(", ")", ".", ",", "-", "!", "?", ":", "+", "*",
    "/", "%", "=", "&",
];

struct Lexer<'a> {
    text: &'a str,
    at: usize,
}

pub(crate) fn tokens(text: &str) -> Result<Vec<Placed>, Refused> {
    let mut lexer = Lexer { text, at: 0 };
    let mut all = Vec::with_capacity(text.len() / 4 + 1);
    loop {
        lexer.skip();
        let at = lexer.at;
        let token = lexer.token()?;
        let end = token == Token::End;
        all.push(Placed { token, at });
        if end {
            return Ok(all);
        }
    }
}

impl<'a> Lexer<'a> {
    fn rest(&self) -> &'a str {
        self.text.get(self.at..).unwrap_or("")
    }

    fn refuse<T>(&self, at: usize, message: impl Into<String>) -> Result<T, Refused> {
        Err(Refused::one(self.text, at, message))
    }

    fn skip(&mut self) {
        loop {
            let rest = self.rest();
            let plain = rest.trim_start_matches([' ', '\t', '\r', '\n', '\u{c}']);
            self.at += rest.len() - plain.len();
            if !plain.starts_with("//") {
                return;
            }
            self.at += plain.find('\n').unwrap_or(plain.len());
        }
    }

    fn token(&mut self) -> Result<Token, Refused> {
        let rest = self.rest();
        let bytes = rest.as_bytes();
        let Some(&first) = bytes.first() else { return Ok(Token::End) };
        let second = bytes.get(1).copied();
        if first.is_ascii_digit() || (first == b'.' && second.is_some_and(|b| b.is_ascii_digit())) {
            return self.number();
        }
        if let Some((length, raw, binary)) = string_prefix(bytes) {
            return self.string(length, raw, binary);
        }
        if first.is_ascii_alphabetic() || first == b'_' {
            let length = rest.bytes().take_while(|b| b.is_ascii_alphanumeric() || *b == b'_').count();
            let name = rest.get(..length).unwrap_or("");
            self.at += length;
            return Ok(match name {
                "true" => Token::True,
                "false" => Token::False,
                "null" => Token::Null,
                "in" => Token::In,
                _ => Token::Ident(name.into()),
            });
        }
        match SIGNS.iter().find(|sign| rest.starts_with(**sign)) {
            Some(sign) if !matches!(*sign, "=" | "&") => {
                self.at += sign.len();
                Ok(Token::Sign(sign))
            }
            _ => {
                let letter: String = rest.chars().take(1).collect();
                self.refuse(self.at, format!("Syntax error: token recognition error at: '{letter}'"))
            }
        }
    }

    fn number(&mut self) -> Result<Token, Refused> {
        let start = self.at;
        let rest = self.rest();
        if let Some(hex) = rest.strip_prefix("0x") {
            let digits = hex.bytes().take_while(u8::is_ascii_hexdigit).count();
            if digits > 0 {
                let number = u64::from_str_radix(hex.get(..digits).unwrap_or(""), 16);
                self.at += 2 + digits;
                return self.whole(start, number.ok());
            }
        }
        let bytes = rest.as_bytes();
        let digits = |from: usize| bytes.iter().skip(from).take_while(|b| b.is_ascii_digit()).count();
        let mut length = digits(0);
        let mut double = false;
        if bytes.get(length) == Some(&b'.') && digits(length + 1) > 0 {
            double = true;
            length += 1 + digits(length + 1);
        }
        if matches!(bytes.get(length), Some(b'e' | b'E')) {
            let sign = usize::from(matches!(bytes.get(length + 1), Some(b'+' | b'-')));
            let exponent = digits(length + 1 + sign);
            if exponent > 0 {
                double = true;
                length += 1 + sign + exponent;
            }
        }
        let text = rest.get(..length).unwrap_or("");
        self.at += length;
        if double {
            let number: f64 = text.parse().unwrap_or(f64::INFINITY);
            if number.is_infinite() {
                return self.refuse(start, "invalid double literal");
            }
            return Ok(Token::Double(number));
        }
        self.whole(start, text.parse().ok())
    }

    fn whole(&mut self, start: usize, number: Option<u64>) -> Result<Token, Refused> {
        let unsigned = self.rest().starts_with(['u', 'U']);
        self.at += usize::from(unsigned);
        match number {
            Some(number) if unsigned => Ok(Token::Uint(number)),
            Some(number) => Ok(Token::Int(number)),
            None => self.refuse(start, if unsigned { "invalid uint literal" } else { "invalid int literal" }),
        }
    }

    fn string(&mut self, prefix: usize, raw: bool, binary: bool) -> Result<Token, Refused> {
        let start = self.at;
        let body = self.text.get(self.at + prefix..).unwrap_or("");
        let quote = if body.starts_with('"') { '"' } else { '\'' };
        let triple: String = std::iter::repeat_n(quote, 3).collect();
        let (opening, closing) = if body.starts_with(&triple) { (3, triple) } else { (1, quote.to_string()) };
        let inner = body.get(opening..).unwrap_or("");
        let mut out: Vec<u8> = Vec::new();
        let mut letters = inner.char_indices();
        loop {
            let Some((at, letter)) = letters.next() else {
                let shown: String = self.rest().chars().take(20).collect();
                return self.refuse(start, format!("Syntax error: token recognition error at: '{shown}'"));
            };
            if inner.get(at..).is_some_and(|rest| rest.starts_with(&closing)) {
                self.at += prefix + opening + at + closing.len();
                break;
            }
            match letter {
                '\n' | '\r' if opening == 1 => {
                    let shown: String = self.rest().chars().take_while(|c| *c != '\n').take(20).collect();
                    return self.refuse(start, format!("Syntax error: token recognition error at: '{shown}'"));
                }
                '\\' if !raw => match escape(&mut letters, binary) {
                    Some(Escaped::Letter(letter)) => out.extend(letter.encode_utf8(&mut [0; 4]).bytes()),
                    Some(Escaped::Byte(byte)) => out.push(byte),
                    None => {
                        let coded = inner.get(at + 1..).is_some_and(|rest| rest.starts_with(['u', 'U']));
                        return match (coded, binary) {
                            (true, true) => self.refuse(start, "unable to unescape string"),
                            (true, false) => self.refuse(start, "invalid unicode code point"),
                            _ => self.refuse(start, "Syntax error: token recognition error: no such escape in a text"),
                        };
                    }
                },
                // A triple-quoted text has \n for each end of line, however the file has it.
                '\r' if opening == 3 => {
                    if !inner.get(at + 1..).is_some_and(|rest| rest.starts_with('\n')) {
                        out.push(b'\n');
                    }
                }
                other => out.extend(other.encode_utf8(&mut [0; 4]).bytes()),
            }
        }
        if binary {
            return Ok(Token::Bytes(out.into()));
        }
        match String::from_utf8(out) {
            Ok(text) => Ok(Token::String(text.into())),
            Err(_) => self.refuse(start, "invalid string literal"),
        }
    }
}

enum Escaped {
    Letter(char),
    Byte(u8),
}

fn escape(letters: &mut std::str::CharIndices<'_>, binary: bool) -> Option<Escaped> {
    let (_, letter) = letters.next()?;
    let mut number = |first: Option<char>, digits: usize, radix: u32| -> Option<u32> {
        let mut value = match first {
            Some(first) => first.to_digit(radix)?,
            None => 0,
        };
        for _ in 0..digits {
            value = value * radix + letters.next()?.1.to_digit(radix)?;
        }
        Some(value)
    };
    let plain = |letter| Some(Escaped::Letter(letter));
    let coded = |value: Option<u32>| {
        let value = value?;
        if binary { u8::try_from(value).ok().map(Escaped::Byte) } else { char::from_u32(value).map(Escaped::Letter) }
    };
    match letter {
        'a' => plain('\u{7}'),
        'b' => plain('\u{8}'),
        'f' => plain('\u{c}'),
        'n' => plain('\n'),
        'r' => plain('\r'),
        't' => plain('\t'),
        'v' => plain('\u{b}'),
        '\\' | '\'' | '"' | '`' | '?' => plain(letter),
        'x' | 'X' => coded(number(None, 2, 16)),
        '0'..='3' => coded(number(Some(letter), 2, 8)),
        'u' if !binary => coded(number(None, 4, 16)),
        'U' if !binary => coded(number(None, 8, 16)),
        _ => None,
    }
}

/// Bytes before the quote, whether escapes stay as they are, whether it is bytes.
fn string_prefix(bytes: &[u8]) -> Option<(usize, bool, bool)> {
    let lower = |at: usize| bytes.get(at).map(u8::to_ascii_lowercase);
    let quote = |at: usize| matches!(bytes.get(at), Some(b'"' | b'\''));
    match (lower(0), lower(1)) {
        _ if quote(0) => Some((0, false, false)),
        (Some(b'r'), _) if quote(1) => Some((1, true, false)),
        (Some(b'b'), _) if quote(1) => Some((1, false, true)),
        (Some(b'b'), Some(b'r')) if quote(2) => Some((2, true, true)),
        _ => None,
    }
}
