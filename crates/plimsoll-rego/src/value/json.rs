//! JSON in. In: hostile bytes, under limits. Out: a [`Value`], or where and why not, in Go's words (`encoding/json` with
//! `UseNumber`, as OPA reads documents): numbers keep their text, of equal keys the last one stays, what is no UTF-8 or half
//! a surrogate pair becomes U+FFFD.

use super::number::NumberError;
use super::{Array, Number, Object, Text, Value};

/// What a document may be at most.
#[derive(Debug, Clone, Copy)]
pub struct JsonLimits {
    pub bytes: usize,
    pub depth: u32,
    pub nodes: usize,
}

impl Default for JsonLimits {
    fn default() -> JsonLimits {
        JsonLimits { bytes: 256 << 20, depth: super::MAX_DEPTH - 64, nodes: 20_000_000 }
    }
}

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message} at byte {offset}")]
pub struct JsonError {
    /// Go's words: `invalid character 'x' looking for beginning of value`.
    pub message: String,
    pub offset: usize,
}

impl Value {
    /// One JSON document and nothing behind it.
    pub fn from_json(bytes: &[u8]) -> Result<Value, JsonError> {
        Value::from_json_within(bytes, &JsonLimits::default())
    }

    pub fn from_json_within(bytes: &[u8], limits: &JsonLimits) -> Result<Value, JsonError> {
        let mut reader = Reader::new(bytes, limits)?;
        let value = reader.document()?;
        match reader.next_token() {
            None => Ok(value),
            Some(_) => Err(reader.unexpected("after top-level value")),
        }
    }

    /// The first JSON document of the bytes and how many bytes it took.
    pub fn first_json(bytes: &[u8], limits: &JsonLimits) -> Result<(Value, usize), JsonError> {
        let mut reader = Reader::new(bytes, limits)?;
        let value = reader.document()?;
        Ok((value, reader.at))
    }
}

struct Reader<'a> {
    bytes: &'a [u8],
    /// The bytes as far as they are UTF-8.
    text: &'a str,
    at: usize,
    limits: JsonLimits,
    nodes: usize,
}

/// A composite that is not closed yet: where its members begin among all that are open.
enum Open {
    Array(usize),
    /// And the key whose value comes next.
    Object(usize, Value),
}

impl<'a> Reader<'a> {
    fn new(bytes: &'a [u8], limits: &JsonLimits) -> Result<Reader<'a>, JsonError> {
        if bytes.len() > limits.bytes {
            let message = format!("document is larger than {} bytes", limits.bytes);
            return Err(JsonError { message, offset: limits.bytes });
        }
        let text = std::str::from_utf8(bytes)
            .or_else(|error| std::str::from_utf8(bytes.get(..error.valid_up_to()).unwrap_or_default()));
        let text = text.unwrap_or_default();
        Ok(Reader { bytes, text, at: 0, limits: *limits, nodes: 0 })
    }

    fn error<T>(&self, message: impl Into<String>) -> Result<T, JsonError> {
        Err(JsonError { message: message.into(), offset: self.at })
    }

    fn unexpected(&self, context: &str) -> JsonError {
        let message = match self.bytes.get(self.at) {
            None => "unexpected EOF".to_owned(),
            Some(byte) => format!("invalid character {} {context}", quoted_byte(*byte)),
        };
        JsonError { message, offset: self.at }
    }

    #[inline]
    fn next_token(&mut self) -> Option<u8> {
        while let Some(byte) = self.bytes.get(self.at) {
            if !matches!(byte, b' ' | b'\t' | b'\n' | b'\r') {
                return Some(*byte);
            }
            self.at += 1;
        }
        None
    }

    fn document(&mut self) -> Result<Value, JsonError> {
        let mut open: Vec<Open> = Vec::new();
        // Members of all open composites: each becomes one piece of memory when it closes.
        let mut items: Vec<Value> = Vec::new();
        let mut entries: Vec<(Value, Value)> = Vec::new();
        loop {
            self.nodes += 1;
            if self.nodes > self.limits.nodes {
                return self.error(format!("document has more than {} values", self.limits.nodes));
            }
            let mut value = match self.next_token() {
                Some(b'{') => {
                    self.at += 1;
                    if self.next_token() == Some(b'}') {
                        self.at += 1;
                        Value::object(Vec::new())
                    } else {
                        self.enter(open.len())?;
                        let key = self.key("looking for beginning of object key string")?;
                        open.push(Open::Object(entries.len(), key));
                        continue;
                    }
                }
                Some(b'[') => {
                    self.at += 1;
                    if self.next_token() == Some(b']') {
                        self.at += 1;
                        Value::array(Vec::new())
                    } else {
                        self.enter(open.len())?;
                        open.push(Open::Array(items.len()));
                        continue;
                    }
                }
                Some(b'"') => {
                    self.at += 1;
                    let mut owned = String::new();
                    Value::String(Text::new(self.string(&mut owned)?))
                }
                Some(b'-' | b'0'..=b'9') => Value::Number(self.number()?),
                Some(b't') => self.word("true", Value::Bool(true))?,
                Some(b'f') => self.word("false", Value::Bool(false))?,
                Some(b'n') => self.word("null", Value::Null)?,
                None if open.is_empty() && self.nodes == 1 => return self.error("EOF"),
                _ => return Err(self.unexpected("looking for beginning of value")),
            };
            // Hands the value to what is open, and closes what ends here.
            loop {
                match open.last_mut() {
                    None => return Ok(value),
                    Some(Open::Array(_)) => {
                        items.push(value);
                        match self.next_token() {
                            Some(b',') => {
                                self.at += 1;
                                break;
                            }
                            Some(b']') => self.at += 1,
                            _ => return Err(self.unexpected("after array element")),
                        }
                    }
                    Some(Open::Object(_, key)) => {
                        entries.push((std::mem::replace(key, Value::Null), value));
                        match self.next_token() {
                            Some(b',') => {
                                self.at += 1;
                                *key = self.key("looking for beginning of object key string")?;
                                break;
                            }
                            Some(b'}') => self.at += 1,
                            _ => return Err(self.unexpected("after object key:value pair")),
                        }
                    }
                }
                value = match open.pop() {
                    Some(Open::Array(start)) => Value::Array(Array::of_tail(&mut items, start)),
                    Some(Open::Object(start, _)) => Value::Object(Object::of_tail(&mut entries, start)),
                    None => return self.error("unexpected EOF"),
                };
            }
        }
    }

    fn enter(&self, depth: usize) -> Result<(), JsonError> {
        if depth >= self.limits.depth as usize {
            return self.error(format!("document is nested deeper than {}", self.limits.depth));
        }
        Ok(())
    }

    /// A key and its colon.
    fn key(&mut self, context: &str) -> Result<Value, JsonError> {
        if self.next_token() != Some(b'"') {
            return Err(self.unexpected(context));
        }
        self.at += 1;
        let mut owned = String::new();
        let text = self.string(&mut owned)?;
        let key = Text::new(text);
        if self.next_token() != Some(b':') {
            return Err(self.unexpected("after object key"));
        }
        self.at += 1;
        Ok(Value::String(key))
    }

    fn word(&mut self, word: &str, value: Value) -> Result<Value, JsonError> {
        let mut expected = word.bytes();
        expected.next();
        self.at += 1;
        for want in expected {
            if self.bytes.get(self.at) != Some(&want) {
                return Err(self.unexpected(&format!("in literal {word} (expecting '{}')", char::from(want))));
            }
            self.at += 1;
        }
        Ok(value)
    }

    fn number(&mut self) -> Result<Number, JsonError> {
        let start = self.at;
        let digit = |reader: &Reader<'_>| reader.bytes.get(reader.at).is_some_and(u8::is_ascii_digit);
        let digits = |reader: &mut Reader<'_>| {
            while digit(reader) {
                reader.at += 1;
            }
        };
        if self.bytes.get(self.at) == Some(&b'-') {
            self.at += 1;
        }
        if !digit(self) {
            return Err(self.unexpected("in numeric literal"));
        }
        if self.bytes.get(self.at) == Some(&b'0') {
            self.at += 1;
        } else {
            digits(self);
        }
        if self.bytes.get(self.at) == Some(&b'.') {
            self.at += 1;
            if !digit(self) {
                return Err(self.unexpected("after decimal point in numeric literal"));
            }
            digits(self);
        }
        if matches!(self.bytes.get(self.at), Some(b'e' | b'E')) {
            self.at += 1;
            if matches!(self.bytes.get(self.at), Some(b'+' | b'-')) {
                self.at += 1;
            }
            if !digit(self) {
                return Err(self.unexpected("in exponent of numeric literal"));
            }
            digits(self);
        }
        Number::read(self.bytes.get(start..self.at).unwrap_or_default()).map_err(|error| {
            let message = match error {
                NumberError::Syntax => "invalid number literal".to_owned(),
                NumberError::TooBig => format!("invalid number: {error}"),
            };
            JsonError { message, offset: start }
        })
    }

    /// The text behind an opening quote; borrowed from the document where it has no escapes and is UTF-8.
    fn string<'t>(&mut self, owned: &'t mut String) -> Result<&'t str, JsonError>
    where
        'a: 't,
    {
        let start = self.at;
        self.at = start + plain_length(self.bytes.get(start..).unwrap_or_default());
        loop {
            match self.bytes.get(self.at) {
                Some(b'"') => {
                    let end = self.at;
                    self.at += 1;
                    if let Some(text) = self.text.get(start..end) {
                        return Ok(text);
                    }
                    push_lossy(owned, self.bytes.get(start..end).unwrap_or_default());
                    return Ok(owned);
                }
                Some(b'\\') => {
                    push_lossy(owned, self.bytes.get(start..self.at).unwrap_or_default());
                    return self.escaped(owned);
                }
                Some(0..0x20) => return Err(self.unexpected("in string literal")),
                Some(_) => self.at += 1,
                None => return Err(self.unexpected("")),
            }
        }
    }

    /// Goes on from the first backslash.
    fn escaped<'t>(&mut self, owned: &'t mut String) -> Result<&'t str, JsonError> {
        let mut start = self.at;
        loop {
            match self.bytes.get(self.at) {
                Some(b'"') => {
                    push_lossy(owned, self.bytes.get(start..self.at).unwrap_or_default());
                    self.at += 1;
                    return Ok(owned);
                }
                Some(b'\\') => {
                    push_lossy(owned, self.bytes.get(start..self.at).unwrap_or_default());
                    self.at += 1;
                    let plain = match self.bytes.get(self.at) {
                        Some(b'n') => '\n',
                        Some(b't') => '\t',
                        Some(b'r') => '\r',
                        Some(b'b') => '\u{8}',
                        Some(b'f') => '\u{c}',
                        Some(byte @ (b'"' | b'\\' | b'/')) => char::from(*byte),
                        Some(b'u') => {
                            self.at += 1;
                            self.unicode()?
                        }
                        _ => return Err(self.unexpected("in string escape code")),
                    };
                    // `unicode` leaves off at its last digit.
                    self.at += 1;
                    owned.push(plain);
                    start = self.at;
                }
                Some(0..0x20) => return Err(self.unexpected("in string literal")),
                Some(_) => self.at += 1,
                None => return Err(self.unexpected("")),
            }
        }
    }

    /// Four digits, and four more where they are the first half of a pair; ends at the last digit.
    fn unicode(&mut self) -> Result<char, JsonError> {
        for ahead in 0..4 {
            if !self.bytes.get(self.at + ahead).is_some_and(u8::is_ascii_hexdigit) {
                self.at += ahead;
                return Err(self.unexpected("in \\u hexadecimal character escape"));
            }
        }
        let first = hex4(self.bytes.get(self.at..self.at + 4)).unwrap_or(0xfffd);
        self.at += 3;
        if (0xd800..0xdc00).contains(&first)
            && self.bytes.get(self.at + 1..self.at + 3) == Some(b"\\u")
            && let Some(second @ 0xdc00..0xe000) = hex4(self.bytes.get(self.at + 3..self.at + 7))
        {
            self.at += 6;
            let point = 0x10000 + ((first - 0xd800) << 10) + (second - 0xdc00);
            return Ok(char::from_u32(point).unwrap_or(char::REPLACEMENT_CHARACTER));
        }
        Ok(char::from_u32(first).unwrap_or(char::REPLACEMENT_CHARACTER))
    }
}

/// How many bytes stand before the first quote, backslash or control character.
fn plain_length(bytes: &[u8]) -> usize {
    // Eight at a time: the lowest bit that is set is that of the first such byte, for a borrow only goes upwards.
    const ONES: u64 = u64::from_le_bytes([1; 8]);
    const HIGH: u64 = ONES << 7;
    let mut passed = 0;
    let mut words = bytes.chunks_exact(8);
    for word in words.by_ref() {
        let Ok(word) = word.try_into().map(u64::from_le_bytes) else { break };
        let zero = |word: u64| word.wrapping_sub(ONES) & !word;
        let control = word.wrapping_sub(ONES * 0x20) & !word;
        let found = (zero(word ^ (ONES * u64::from(b'"'))) | zero(word ^ (ONES * u64::from(b'\\'))) | control) & HIGH;
        if found != 0 {
            return passed + (found.trailing_zeros() / 8) as usize;
        }
        passed += 8;
    }
    let rest = words.remainder();
    passed + rest.iter().position(|byte| matches!(byte, b'"' | b'\\' | 0..0x20)).unwrap_or(rest.len())
}

fn hex4(digits: Option<&[u8]>) -> Option<u32> {
    digits?.iter().try_fold(0, |number, digit| Some(number * 16 + char::from(*digit).to_digit(16)?))
}

/// Each byte that is part of no character becomes a U+FFFD of its own, as in Go.
fn push_lossy(text: &mut String, mut bytes: &[u8]) {
    loop {
        match std::str::from_utf8(bytes) {
            Ok(valid) => return text.push_str(valid),
            Err(error) => {
                let (valid, rest) = bytes.split_at(error.valid_up_to());
                text.push_str(std::str::from_utf8(valid).unwrap_or_default());
                text.push(char::REPLACEMENT_CHARACTER);
                bytes = rest.get(1..).unwrap_or_default();
            }
        }
    }
}

/// Go's `quoteChar` of a byte in messages.
fn quoted_byte(byte: u8) -> String {
    match byte {
        b'\'' => r"'\''".into(),
        b'"' => "'\"'".into(),
        _ => {
            let mut text = String::new();
            super::text::quote(&mut text, char::from(byte).encode_utf8(&mut [0; 4]));
            format!("'{}'", text.trim_matches('"'))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_text_ends_at_the_first_byte_that_means_something() {
        for length in 0..40 {
            for (at, byte) in (0..length).flat_map(|at| (0..=255).map(move |byte| (at, byte))) {
                let mut bytes = vec![b'a'; length];
                bytes[at] = byte;
                let ends = byte == b'"' || byte == b'\\' || byte < 0x20;
                assert_eq!(plain_length(&bytes), if ends { at } else { length }, "{byte} at {at} of {length}");
                // What stands behind it makes no difference.
                bytes[at..].fill(byte);
                assert_eq!(plain_length(&bytes), if ends { at } else { length }, "{byte} from {at} of {length}");
            }
        }
    }

    #[test]
    fn of_many_keys_each_is_found() {
        let keys: Vec<String> = (0..2000)
            .map(|at| format!("k{}{at}", "é".repeat(at % 5)))
            .chain(["".into(), "a".into(), "ab".into()])
            .collect();
        let members: Vec<String> = keys.iter().map(|key| format!("{key:?}:{{{key:?}:1}}")).collect();
        let value = Value::from_json(format!("{{{}}}", members.join(",")).as_bytes()).unwrap();
        for key in &keys {
            let inner =
                value.get(&Value::string(key.as_str())).and_then(|inner| inner.get(&Value::string(key.as_str())));
            assert_eq!(inner, Some(&Value::int(1)), "{key}");
        }
    }
}
