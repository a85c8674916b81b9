//! A text and a place in it, for the parsers of this crate.

use crate::Fault;

/// Walks through a text, character by character.
#[derive(Debug, Clone)]
pub struct Cursor<'a> {
    pub text: &'a str,
    pub at: usize,
}

impl<'a> Cursor<'a> {
    pub fn new(text: &'a str) -> Cursor<'a> {
        Cursor { text, at: 0 }
    }

    /// What has not been read.
    pub fn rest(&self) -> &'a str {
        self.text.get(self.at..).unwrap_or_default()
    }

    pub fn peek(&self) -> Option<char> {
        self.rest().chars().next()
    }

    pub fn next(&mut self) -> Option<char> {
        let next = self.peek()?;
        self.at += next.len_utf8();
        Some(next)
    }

    /// Takes a word if it is what follows.
    pub fn take(&mut self, word: &str) -> bool {
        let found = self.rest().starts_with(word);
        if found {
            self.at += word.len();
        }
        found
    }

    /// Takes as long as the characters are such.
    pub fn take_while(&mut self, such: impl Fn(char) -> bool) -> &'a str {
        let rest = self.rest();
        let end = rest.find(|c| !such(c)).unwrap_or(rest.len());
        self.at += end;
        &rest[..end]
    }

    /// Takes so many hexadecimal digits that are a character's number.
    pub fn hexadecimal(&mut self, digits: usize) -> Option<char> {
        let code = self.rest().get(..digits).filter(|code| code.bytes().all(|digit| digit.is_ascii_hexdigit()))?;
        let c = u32::from_str_radix(code, 16).ok().and_then(char::from_u32)?;
        self.at += digits;
        Some(c)
    }

    pub fn ended(&self) -> bool {
        self.at >= self.text.len()
    }

    /// A fault at this place.
    pub fn fault(&self, message: impl Into<String>) -> Fault {
        Fault::at(self.text, self.at, message)
    }

    /// A fault at another place.
    pub fn fault_at(&self, at: usize, message: impl Into<String>) -> Fault {
        Fault::at(self.text, at, message)
    }
}
