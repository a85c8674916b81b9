//! EDN. In: text. Out: vectors and lists as lists, maps as maps; everything else is a text, numbers, `true` and `nil` too, as
//! conftest makes them: `:keyword`, `<nil>`, a character as its code point's number.
//!
//! Sets and tagged values, of which conftest gives what Go's printer makes of its own types, are refused, and so is what stands
//! behind the first value, which conftest passes by.

use crate::cursor::Cursor;
use crate::{Fault, Made, Map, Value, deep};

pub fn read(text: &str) -> Result<Value, Fault> {
    let mut reader = Reader { cursor: Cursor::new(text), made: Made::default() };
    let value = reader.value(0)?;
    reader.space(0)?;
    match reader.cursor.ended() {
        true => Ok(value),
        false => Err(reader.cursor.fault("something stands behind the first value")),
    }
}

struct Reader<'a> {
    cursor: Cursor<'a>,
    made: Made,
}

fn blank(c: char) -> bool {
    c.is_whitespace() || c == ','
}

/// What ends a symbol, a keyword, a number or a character.
fn ends(c: char) -> bool {
    blank(c) || matches!(c, '(' | ')' | '[' | ']' | '{' | '}' | '"' | ';')
}

impl Reader<'_> {
    /// White space, comments and what `#_` leaves out.
    fn space(&mut self, depth: usize) -> Result<(), Fault> {
        loop {
            self.cursor.take_while(blank);
            if self.cursor.peek() == Some(';') {
                self.cursor.take_while(|c| c != '\n');
            } else if self.cursor.take("#_") {
                self.value(depth + 1)?;
            } else {
                return Ok(());
            }
        }
    }

    fn value(&mut self, depth: usize) -> Result<Value, Fault> {
        deep(depth).map_err(|message| self.cursor.fault(message))?;
        self.made.one().map_err(|message| self.cursor.fault(message))?;
        self.space(depth)?;
        let at = self.cursor.at;
        match self.cursor.peek() {
            None => Err(self.cursor.fault("unexpected end of input")),
            Some('(') => self.list(')', depth),
            Some('[') => self.list(']', depth),
            Some('{') => {
                let Value::List(items) = self.list('}', depth)? else { return Err(self.cursor.fault("no map")) };
                let mut map = Map::new();
                let mut items = items.into_iter();
                while let Some(key) = items.next() {
                    let Some(value) = items.next() else {
                        return Err(self.cursor.fault_at(at, "a key of a map has no value"));
                    };
                    let Value::Text(key) = key else {
                        return Err(self.cursor.fault_at(at, "a key of a map is a collection"));
                    };
                    map.insert(key, value);
                }
                Ok(Value::Map(map))
            }
            Some('"') => self.string().map(Value::Text),
            Some('#') => Err(self.cursor.fault("sets and tagged values are not spoken here")),
            Some('\\') => self.character(),
            Some(')' | ']' | '}') => Err(self.cursor.fault("a collection ends that did not start")),
            Some(_) => {
                let word = self.cursor.take_while(|c| !ends(c));
                self.word(word, at).map(Value::Text)
            }
        }
    }

    fn list(&mut self, end: char, depth: usize) -> Result<Value, Fault> {
        let start = self.cursor.at;
        self.cursor.next();
        let mut items = Vec::new();
        loop {
            self.space(depth)?;
            match self.cursor.peek() {
                Some(c) if c == end => {
                    self.cursor.next();
                    return Ok(Value::List(items));
                }
                None => {
                    return Err(self.cursor.fault_at(start, format!("the collection is not closed: {end} is missing")));
                }
                Some(_) => items.push(self.value(depth + 1)?),
            }
        }
    }

    fn string(&mut self) -> Result<String, Fault> {
        let start = self.cursor.at;
        self.cursor.next();
        let mut out = String::new();
        loop {
            let at = self.cursor.at;
            match self.cursor.next() {
                Some('"') => return Ok(out),
                Some('\\') => match self.cursor.next() {
                    Some('t') => out.push('\t'),
                    Some('r') => out.push('\r'),
                    Some('n') => out.push('\n'),
                    Some('b') => out.push('\u{8}'),
                    Some('f') => out.push('\u{c}'),
                    Some(c @ ('\\' | '"')) => out.push(c),
                    Some('u') => {
                        let code = self.cursor.rest().get(..4).and_then(|code| u32::from_str_radix(code, 16).ok());
                        let Some(code) = code else { return Err(self.cursor.fault_at(at, "invalid escape")) };
                        self.cursor.at += 4;
                        out.push(char::from_u32(code).unwrap_or('\u{fffd}'));
                    }
                    _ => return Err(self.cursor.fault_at(at, "invalid escape")),
                },
                Some(c) => out.push(c),
                None => return Err(self.cursor.fault_at(start, "the text is not closed")),
            }
        }
    }

    fn character(&mut self) -> Result<Value, Fault> {
        let at = self.cursor.at;
        self.cursor.next();
        let mut word = String::new();
        word.extend(self.cursor.next());
        word.push_str(self.cursor.take_while(|c| !ends(c)));
        let code = match word.as_str() {
            "newline" => 10,
            "return" => 13,
            "space" => 32,
            "tab" => 9,
            "formfeed" => 12,
            "backspace" => 8,
            word => {
                let mut letters = word.chars();
                match (letters.next(), letters.as_str()) {
                    (Some(c), "") => u32::from(c),
                    (Some('u'), digits) if digits.len() == 4 => {
                        u32::from_str_radix(digits, 16).map_err(|_| self.cursor.fault_at(at, "no such character"))?
                    }
                    _ => return Err(self.cursor.fault_at(at, "no such character")),
                }
            }
        };
        Ok(Value::Text(code.to_string()))
    }

    /// A symbol, keyword or number, as Go prints it.
    fn word(&self, word: &str, at: usize) -> Result<String, Fault> {
        let bad = |what: &str| Err(self.cursor.fault_at(at, format!("{word} is no {what}")));
        let digits = word.strip_prefix(['+', '-']).unwrap_or(word);
        if digits.starts_with(|c: char| c.is_ascii_digit()) {
            if let Some(big) = word.strip_suffix('N') {
                // Go prints the insides of its big numbers.
                return bad(&format!("number of 64 bits: write {big} without N"));
            }
            let plain = word.strip_suffix('M').unwrap_or(word);
            if plain.len() == word.len() && digits.bytes().all(|byte| byte.is_ascii_digit()) {
                if digits.len() > 1 && digits.starts_with('0') {
                    return bad("number: it begins with 0");
                }
                return match word.parse::<i64>() {
                    Ok(number) => Ok(number.to_string()),
                    Err(_) => bad("number of 64 bits"),
                };
            }
            return match plain.parse::<f64>() {
                Ok(number) if number.is_finite() => Ok(crate::go::shown(number)),
                _ => bad("number"),
            };
        }
        match word {
            "nil" => Ok("<nil>".into()),
            ":" | "" => bad("keyword"),
            word => Ok(word.to_owned()),
        }
    }
}
