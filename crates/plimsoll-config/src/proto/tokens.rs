//! The words of a definition. In: text. Out: tokens, one at a time, without comments.

use crate::Fault;
use crate::cursor::Cursor;

#[derive(Debug, Clone, PartialEq)]
pub enum Token<'a> {
    Word(&'a str),
    Number(&'a str),
    Text(String),
    Sign(char),
    End,
}

pub struct Tokens<'a> {
    cursor: Cursor<'a>,
}

fn letter(c: char) -> bool {
    c.is_ascii_alphanumeric() || c == '_'
}

impl<'a> Tokens<'a> {
    pub fn new(text: &'a str) -> Tokens<'a> {
        Tokens { cursor: Cursor::new(text.strip_prefix('\u{feff}').unwrap_or(text)) }
    }

    /// Where the last token ended.
    pub fn at(&self) -> usize {
        let mut ahead = self.cursor.clone();
        ahead.take_while(char::is_whitespace);
        ahead.at
    }

    pub fn fault(&self, at: usize, message: impl Into<String>) -> Fault {
        self.cursor.fault_at(at, message)
    }

    fn space(&mut self) -> Result<(), Fault> {
        loop {
            self.cursor.take_while(char::is_whitespace);
            let start = self.cursor.at;
            if self.cursor.take("//") {
                self.cursor.take_while(|c| c != '\n');
            } else if self.cursor.take("/*") {
                let end = self.cursor.rest().find("*/");
                self.cursor.at += end.ok_or_else(|| self.fault(start, "a comment does not end"))? + 2;
            } else {
                return Ok(());
            }
        }
    }

    pub fn next(&mut self) -> Result<Token<'a>, Fault> {
        self.space()?;
        let start = self.cursor.at;
        match self.cursor.peek() {
            None => Ok(Token::End),
            Some(c) if c.is_ascii_digit() => Ok(Token::Number(self.cursor.take_while(|c| letter(c) || c == '.'))),
            Some(c) if letter(c) => Ok(Token::Word(self.cursor.take_while(letter))),
            Some(quote @ ('"' | '\'')) => {
                self.cursor.next();
                let mut text = String::new();
                loop {
                    match self.cursor.next() {
                        None | Some('\n') => return Err(self.fault(start, "a text does not end")),
                        Some(c) if c == quote => return Ok(Token::Text(text)),
                        // What texts say is of use in imports alone, which have no escapes.
                        Some('\\') => text.extend(self.cursor.next()),
                        Some(c) => text.push(c),
                    }
                }
            }
            Some(c) => {
                self.cursor.next();
                Ok(Token::Sign(c))
            }
        }
    }

    pub fn peek(&self) -> Result<Token<'a>, Fault> {
        Tokens { cursor: self.cursor.clone() }.next()
    }

    /// Whether this keyword, which follows, begins a block: fields may be named and typed by keywords, too.
    pub fn opens(&self, keyword: &str) -> Result<bool, Fault> {
        let mut ahead = Tokens { cursor: self.cursor.clone() };
        let begins = ahead.next()? == Token::Word(keyword) && matches!(ahead.next()?, Token::Word(_));
        Ok(begins && ahead.next()? == Token::Sign('{'))
    }

    pub fn sign(&mut self, sign: char) -> Result<(), Fault> {
        let at = self.at();
        match self.next()? == Token::Sign(sign) {
            true => Ok(()),
            false => Err(self.fault(at, format!("expected {sign}"))),
        }
    }

    pub fn word(&mut self) -> Result<&'a str, Fault> {
        let at = self.at();
        match self.next()? {
            Token::Word(word) => Ok(word),
            _ => Err(self.fault(at, "expected a name")),
        }
    }

    /// A name of several words, maybe with a dot in front.
    pub fn name(&mut self) -> Result<String, Fault> {
        let mut name = String::new();
        if self.peek()? == Token::Sign('.') {
            self.next()?;
            name.push('.');
        }
        name.push_str(self.word()?);
        while self.peek()? == Token::Sign('.') {
            self.next()?;
            name.push('.');
            name.push_str(self.word()?);
        }
        Ok(name)
    }

    pub fn text(&mut self) -> Result<String, Fault> {
        let at = self.at();
        match self.next()? {
            Token::Text(text) => Ok(text),
            _ => Err(self.fault(at, "expected a text in quotation marks")),
        }
    }

    /// A whole number: decimal, octal or hexadecimal.
    pub fn number(&mut self) -> Result<i64, Fault> {
        let at = self.at();
        let negative = self.peek()? == Token::Sign('-');
        if negative {
            self.next()?;
        }
        let Token::Number(text) = self.next()? else { return Err(self.fault(at, "expected a number")) };
        let lower = text.to_ascii_lowercase();
        let read = match (lower.strip_prefix("0x"), lower.strip_prefix('0')) {
            (Some(digits), _) => i64::from_str_radix(digits, 16),
            (None, Some(digits)) if !digits.is_empty() => i64::from_str_radix(digits, 8),
            _ => lower.parse(),
        };
        let read = read.map_err(|_| self.fault(at, format!("{text} is no whole number")))?;
        Ok(if negative { -read } else { read })
    }

    /// Goes past a semicolon, whatever braces stand before it.
    pub fn past_statement(&mut self) -> Result<(), Fault> {
        self.past(';', 0)
    }

    /// Goes past a closing brace, whose opening one has been read.
    pub fn past_block(&mut self) -> Result<(), Fault> {
        self.past('}', 1)
    }

    /// Goes past a closing bracket, whose opening one has been read.
    pub fn past_options(&mut self) -> Result<(), Fault> {
        self.past(']', 1)
    }

    fn past(&mut self, last: char, open: usize) -> Result<(), Fault> {
        let mut open = open;
        loop {
            let at = self.at();
            match self.next()? {
                Token::End => return Err(self.fault(at, format!("expected {last}"))),
                Token::Sign('{' | '[') => open += 1,
                Token::Sign(sign @ ('}' | ']')) => {
                    open = open.checked_sub(1).ok_or_else(|| self.fault(at, format!("expected {last}")))?;
                    if open == 0 && sign == last {
                        return Ok(());
                    }
                }
                Token::Sign(';') if open == 0 && last == ';' => return Ok(()),
                _ => {}
            }
        }
    }
}
