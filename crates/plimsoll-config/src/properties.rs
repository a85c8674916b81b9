//! Java's properties. In: text. Out: keys and texts as written: `${key}` stays, as conftest has it, and what could not be put
//! in its place (a circle, a brace that is not closed) is a fault.

use crate::cursor::Cursor;
use crate::{Around, Fault, MAX_EXPANDED, Made, Map, Value};

/// References in references, as conftest's library bounds them.
const MAX_REFERENCES: usize = 64;

pub fn read(text: &str, around: &Around<'_>) -> Result<Value, Fault> {
    let mut cursor = Cursor::new(text);
    let mut raw: Vec<(String, String, usize)> = Vec::new();
    let mut made = Made::default();
    loop {
        cursor.take_while(|c| matches!(c, ' ' | '\t' | '\u{c}' | '\n' | '\r'));
        let start = cursor.at;
        match cursor.peek() {
            None => break,
            Some('#' | '!') => {
                cursor.take_while(|c| !matches!(c, '\n' | '\r'));
                continue;
            }
            Some(_) => {}
        }
        let key = key(&mut cursor)?;
        cursor.take_while(blank);
        if matches!(cursor.peek(), Some(':' | '=')) {
            cursor.next();
        }
        cursor.take_while(blank);
        let value = value(&mut cursor)?;
        made.one().map_err(|message| cursor.fault(message))?;
        // A value without a key has no name to go by.
        if key.is_empty() {
            return Err(cursor.fault_at(start, "a value without a key"));
        }
        raw.push((key, value, start));
    }
    let values: std::collections::HashMap<&str, &str> =
        raw.iter().map(|(key, value, _)| (key.as_str(), value.as_str())).collect();
    let mut left = MAX_EXPANDED;
    let mut map = Map::new();
    for (key, _, start) in &raw {
        let value = values.get(key.as_str()).copied().unwrap_or_default();
        let mut expansion = Expansion { values: &values, around, left: &mut left };
        expansion.text(value, &mut vec![key.clone()]).map_err(|message| cursor.fault_at(*start, message))?;
        map.insert(key.clone(), Value::text(value));
    }
    Ok(Value::Map(map))
}

fn blank(c: char) -> bool {
    matches!(c, ' ' | '\t' | '\u{c}')
}

fn key(cursor: &mut Cursor<'_>) -> Result<String, Fault> {
    let mut key = String::new();
    while let Some(c) = cursor.peek() {
        if matches!(c, ' ' | '\u{c}' | '\t' | '\r' | '\n' | ':' | '=') {
            break;
        }
        cursor.next();
        match c {
            '\\' => escape(cursor, &mut key)?,
            c => key.push(c),
        }
    }
    Ok(key)
}

fn value(cursor: &mut Cursor<'_>) -> Result<String, Fault> {
    let mut value = String::new();
    while let Some(c) = cursor.next() {
        match c {
            '\n' | '\r' => break,
            '\\' if matches!(cursor.peek(), Some('\n' | '\r')) => {
                cursor.next();
                cursor.take_while(blank);
            }
            '\\' => escape(cursor, &mut value)?,
            c => value.push(c),
        }
    }
    Ok(value)
}

fn escape(cursor: &mut Cursor<'_>, out: &mut String) -> Result<(), Fault> {
    let start = cursor.at.saturating_sub(1);
    match cursor.next() {
        Some('f') => out.push('\u{c}'),
        Some('n') => out.push('\n'),
        Some('r') => out.push('\r'),
        Some('t') => out.push('\t'),
        Some('u') => {
            let digits: String = cursor.rest().chars().take(4).collect();
            let bad = || cursor.fault_at(start, "invalid unicode literal");
            if digits.len() != 4 || !digits.bytes().all(|digit| digit.is_ascii_hexdigit()) {
                return Err(bad());
            }
            let code = u32::from_str_radix(&digits, 16).map_err(|_| bad())?;
            // Half of a pair is what Go makes of it.
            out.push(char::from_u32(code).unwrap_or('\u{fffd}'));
            cursor.at += 4;
        }
        Some(c) => out.push(c),
        None => return Err(cursor.fault_at(start, "premature EOF")),
    }
    Ok(())
}

struct Expansion<'a> {
    values: &'a std::collections::HashMap<&'a str, &'a str>,
    around: &'a Around<'a>,
    left: &'a mut usize,
}

impl Expansion<'_> {
    /// Puts values in the place of references until there are none; the depth is bounded by [`MAX_REFERENCES`].
    fn text(&mut self, text: &str, above: &mut Vec<String>) -> Result<String, String> {
        if above.len() > MAX_REFERENCES {
            return Err("expansion too deep".into());
        }
        let mut text = text.to_owned();
        while let Some(start) = text.find("${") {
            let rest = &text[start + 2..];
            let Some(length) = rest.find('}') else { return Err("malformed expression".into()) };
            let key = rest[..length].to_owned();
            if above.contains(&key) {
                return Err(format!("circular reference: ${{{key}}}"));
            }
            let found = match self.values.get(key.as_str()) {
                Some(value) => (*value).to_owned(),
                None => (self.around.environment)(&key).unwrap_or_default(),
            };
            above.push(key);
            let made = self.text(&found, above)?;
            above.pop();
            text.replace_range(start..start + 2 + length + 1, &made);
            // Each step looks through the whole text again.
            let cost = text.len() + 1;
            *self.left = self
                .left
                .checked_sub(cost)
                .ok_or_else(|| format!("its references make more than {} MiB", MAX_EXPANDED >> 20))?;
        }
        Ok(text)
    }
}
