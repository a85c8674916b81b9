//! Values of single fields. In: a place in the text, a type. Out: the value as Protocol Buffers' JSON has it.

use crate::cursor::Cursor;
use crate::proto::{Entry, Messages, Scalar};
use crate::{Fault, Value};

/// A value as it is written.
#[derive(Debug, PartialEq)]
pub enum Word<'a> {
    Text(Vec<u8>),
    /// A boolean, an enum's value, an infinity: maybe with a sign.
    Name(&'a str),
    /// Digits with their sign.
    Number {
        text: String,
        whole: bool,
    },
}

/// What may not follow a word or number.
fn joins(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '-' | '+' | '.' | '_')
}

pub fn read<'a>(cursor: &mut Cursor<'a>) -> Result<Word<'a>, Fault> {
    let start = cursor.at;
    if matches!(cursor.peek(), Some('"' | '\'')) {
        let mut bytes = Vec::new();
        while matches!(cursor.peek(), Some('"' | '\'')) {
            text(cursor, &mut bytes)?;
            space(cursor);
        }
        return Ok(Word::Text(bytes));
    }
    let negative = cursor.take("-");
    if cursor.peek().is_some_and(|c| c.is_ascii_alphabetic() || c == '_') {
        cursor.take_while(|c| c.is_ascii_alphanumeric() || c == '_');
        let word = cursor.text.get(start..cursor.at).unwrap_or_default();
        return match cursor.peek().is_some_and(joins) {
            true => Err(cursor.fault_at(start, "expected a value")),
            false => Ok(Word::Name(word)),
        };
    }
    if negative {
        space(cursor);
    }
    let digits = cursor.take_while(|c| c.is_ascii_alphanumeric() || matches!(c, '.' | '+' | '-'));
    if !digits.starts_with(|c: char| c.is_ascii_digit() || c == '.') || cursor.peek().is_some_and(joins) {
        return Err(cursor.fault_at(start, "expected a value"));
    }
    let lower = digits.to_ascii_lowercase();
    let sign = if negative { "-" } else { "" };
    let whole = match (lower.strip_prefix("0x"), lower.strip_prefix('0')) {
        (Some(digits), _) => !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_hexdigit()),
        (None, Some(digits)) if digits.bytes().all(|byte| matches!(byte, b'0'..=b'7')) => true,
        (None, Some(digits)) if digits.starts_with(|c: char| c.is_ascii_digit()) => {
            return Err(cursor.fault_at(start, "expected a number"));
        }
        _ => lower.bytes().all(|byte| byte.is_ascii_digit()),
    };
    let plain = if whole { lower.as_str() } else { lower.strip_suffix('f').unwrap_or(&lower) };
    if !whole && (plain.starts_with("0x") || plain.parse::<f64>().is_err()) {
        return Err(cursor.fault_at(start, "expected a number"));
    }
    Ok(Word::Number { text: format!("{sign}{plain}"), whole })
}

/// Goes past white space and comments.
pub fn space(cursor: &mut Cursor<'_>) {
    loop {
        cursor.take_while(|c| matches!(c, ' ' | '\n' | '\r' | '\t'));
        if !cursor.take("#") {
            return;
        }
        cursor.take_while(|c| c != '\n');
    }
}

/// One text in its quotation marks.
fn text(cursor: &mut Cursor<'_>, bytes: &mut Vec<u8>) -> Result<(), Fault> {
    let start = cursor.at;
    let quote = cursor.next();
    let wrong = |cursor: &Cursor<'_>, at: usize| cursor.fault_at(at, "such an escape is not known");
    loop {
        let at = cursor.at;
        match cursor.next() {
            None | Some('\n' | '\0') => return Err(cursor.fault_at(start, "a text does not end")),
            c if c == quote => return Ok(()),
            Some('\\') => match cursor.next() {
                Some(c @ ('"' | '\'' | '\\' | '?')) => bytes.extend(u8::try_from(c)),
                Some('a') => bytes.push(7),
                Some('b') => bytes.push(8),
                Some('n') => bytes.push(b'\n'),
                Some('r') => bytes.push(b'\r'),
                Some('t') => bytes.push(b'\t'),
                Some('v') => bytes.push(11),
                Some('f') => bytes.push(12),
                Some('0'..='7') => {
                    let digits = digits(cursor, at + 1, 3, 8);
                    bytes.push(u8::from_str_radix(digits, 8).map_err(|_| wrong(cursor, at))?);
                }
                Some('x') => {
                    let digits = digits(cursor, at + 2, 2, 16);
                    bytes.push(u8::from_str_radix(digits, 16).map_err(|_| wrong(cursor, at))?);
                }
                Some(letter @ ('u' | 'U')) => {
                    let c = match cursor.hexadecimal(if letter == 'u' { 4 } else { 8 }) {
                        Some(c) => c,
                        None => pair(cursor).ok_or_else(|| wrong(cursor, at))?,
                    };
                    bytes.extend(c.encode_utf8(&mut [0; 4]).bytes());
                }
                _ => return Err(wrong(cursor, at)),
            },
            Some(c) => bytes.extend(c.encode_utf8(&mut [0; 4]).bytes()),
        }
    }
}

/// Up to so many digits from a place, behind which the cursor goes.
fn digits<'a>(cursor: &mut Cursor<'a>, from: usize, most: usize, radix: u32) -> &'a str {
    let rest = cursor.text.get(from..).unwrap_or_default();
    let length = rest.chars().take(most).take_while(|c| c.is_digit(radix)).count();
    cursor.at = from + length;
    &rest[..length]
}

/// Two halves of a character beyond 16 bits: `d83d\ude00` behind the first `\u`.
fn pair(cursor: &mut Cursor<'_>) -> Option<char> {
    let rest = cursor.rest();
    let half =
        |text: &str| u16::from_str_radix(text, 16).ok().filter(|_| text.bytes().all(|byte| byte.is_ascii_hexdigit()));
    let high = half(rest.get(..4)?)?;
    let low = half(rest.get(4..)?.strip_prefix("\\u")?.get(..4)?)?;
    let c = char::decode_utf16([high, low]).next()?.ok()?;
    cursor.at += 10;
    Some(c)
}

/// A whole number in any base, with its sign.
fn whole(text: &str) -> Option<i128> {
    let (sign, digits) = text.strip_prefix('-').map_or((1, text), |digits| (-1, digits));
    let read = match (digits.strip_prefix("0x"), digits.strip_prefix('0')) {
        (Some(digits), _) => i128::from_str_radix(digits, 16),
        (None, Some(digits)) if !digits.is_empty() => i128::from_str_radix(digits, 8),
        _ => digits.parse(),
    };
    read.ok().map(|number| sign * number)
}

/// What is written, as that type has it.
pub fn value(word: Word<'_>, entry: Entry, messages: &Messages) -> Result<Value, String> {
    let kind = match entry {
        Entry::Scalar(kind) => kind,
        Entry::Enum(index) => return of_enum(&word, index, messages),
        Entry::Message(_) => return Err("a message stands in brackets".into()),
    };
    match (kind, word) {
        (Scalar::Text, Word::Text(bytes)) => {
            String::from_utf8(bytes).map(Value::Text).map_err(|_| "the text is not UTF-8".into())
        }
        (Scalar::Bytes, Word::Text(bytes)) => Ok(Value::Text(base64(&bytes))),
        (Scalar::Bool, Word::Name("t" | "true" | "True")) => Ok(Value::Bool(true)),
        (Scalar::Bool, Word::Name("f" | "false" | "False")) => Ok(Value::Bool(false)),
        (Scalar::Bool, Word::Number { text, whole: true }) if !text.starts_with('-') => match whole(&text) {
            Some(0) => Ok(Value::Bool(false)),
            Some(1) => Ok(Value::Bool(true)),
            _ => Err(format!("{text} is no boolean")),
        },
        (Scalar::Float | Scalar::Double, word) => float(kind, &word),
        (Scalar::Uint32 | Scalar::Uint64, Word::Number { text, .. }) if text.starts_with('-') => {
            Err(format!("{text} is negative"))
        }
        (Scalar::Int32 | Scalar::Int64 | Scalar::Uint32 | Scalar::Uint64, Word::Number { text, whole: true }) => {
            let number = whole(&text).ok_or_else(|| format!("{text} is too large"))?;
            ranged(kind, number).ok_or_else(|| format!("{text} is no {}", name(kind)))
        }
        (kind, word) => Err(format!("invalid value for {}: {}", name(kind), shown(&word))),
    }
}

fn ranged(kind: Scalar, number: i128) -> Option<Value> {
    match kind {
        Scalar::Int32 => i32::try_from(number).ok().map(|number| Value::Float(number.into())),
        Scalar::Uint32 => u32::try_from(number).ok().map(|number| Value::Float(number.into())),
        Scalar::Int64 => i64::try_from(number).ok().map(|number| Value::Text(number.to_string())),
        Scalar::Uint64 => u64::try_from(number).ok().map(|number| Value::Text(number.to_string())),
        _ => None,
    }
}

fn name(kind: Scalar) -> &'static str {
    match kind {
        Scalar::Bool => "bool",
        Scalar::Int32 => "i32",
        Scalar::Int64 => "i64",
        Scalar::Uint32 => "u32",
        Scalar::Uint64 => "u64",
        Scalar::Float => "float",
        Scalar::Double => "double",
        Scalar::Text => "string",
        Scalar::Bytes => "bytes",
    }
}

fn shown(word: &Word<'_>) -> String {
    match word {
        Word::Text(_) => "a text".into(),
        Word::Name(name) => (*name).to_owned(),
        Word::Number { text, .. } => text.clone(),
    }
}

/// Infinities and what is no number are texts.
fn float(kind: Scalar, word: &Word<'_>) -> Result<Value, String> {
    let number = match word {
        Word::Name(name) => match name.to_ascii_lowercase().as_str() {
            "nan" => Some(f64::NAN),
            "inf" | "infinity" => Some(f64::INFINITY),
            "-inf" | "-infinity" => Some(f64::NEG_INFINITY),
            _ => None,
        },
        Word::Number { text, .. } => text.parse().ok(),
        Word::Text(_) => None,
    };
    let number: f64 = number.ok_or_else(|| format!("invalid value for {}: {}", name(kind), shown(word)))?;
    #[expect(clippy::cast_possible_truncation, reason = "a float has 32 bits; beyond them it is infinite")]
    let single = number as f32;
    let number = match kind {
        // As short as 32 bits may be written.
        Scalar::Float if single.is_finite() => single.to_string().parse().unwrap_or(number),
        Scalar::Float => f64::from(single),
        _ => number,
    };
    Ok(match number {
        number if number.is_nan() => Value::text("NaN"),
        f64::INFINITY => Value::text("Infinity"),
        f64::NEG_INFINITY => Value::text("-Infinity"),
        number => Value::Float(number),
    })
}

fn of_enum(word: &Word<'_>, index: usize, messages: &Messages) -> Result<Value, String> {
    let Some(of) = messages.enums.get(index) else { return Err("an unknown enum".into()) };
    let number = match word {
        Word::Name(name) => of.values.iter().find(|(value, _)| value == name).map(|(_, number)| *number),
        Word::Number { text, whole: true } => whole(text).and_then(|number| i32::try_from(number).ok()),
        _ => None,
    };
    let number = number.ok_or_else(|| format!("{} is no value of {}", shown(word), of.name))?;
    Ok(enumerated(number, index, messages))
}

/// An enum's value by its first name, or its number where it has none.
fn enumerated(number: i32, index: usize, messages: &Messages) -> Value {
    let of = messages.enums.get(index);
    if of.is_some_and(|of| of.name == "google.protobuf.NullValue") {
        return Value::Null;
    }
    let name = of.and_then(|of| of.values.iter().find(|(_, value)| *value == number));
    name.map_or_else(|| Value::Float(number.into()), |(name, _)| Value::text(name.as_str()))
}

/// What a field has that is not set.
pub fn default(entry: Entry, messages: &Messages) -> Value {
    match entry {
        Entry::Scalar(Scalar::Bool) => Value::Bool(false),
        Entry::Scalar(Scalar::Text | Scalar::Bytes) => Value::text(""),
        Entry::Scalar(Scalar::Int64 | Scalar::Uint64) => Value::text("0"),
        Entry::Scalar(_) => Value::Float(0.0),
        Entry::Enum(index) => {
            let first = messages.enums.get(index).and_then(|of| of.values.first());
            enumerated(first.map_or(0, |(_, number)| *number), index, messages)
        }
        Entry::Message(_) => Value::Map(crate::Map::new()),
    }
}

/// Whether it is what proto3 leaves out. A negative zero is none.
pub fn zero(value: &Value, entry: Entry, messages: &Messages) -> bool {
    match value {
        Value::Float(number) if *number == 0.0 && number.is_sign_negative() => false,
        value => *value == default(entry, messages),
    }
}

/// A map's key as the text that JSON wants.
pub fn key(value: Value) -> String {
    match value {
        Value::Text(text) => text,
        Value::Bool(truth) => truth.to_string(),
        Value::Float(number) => number.to_string(),
        _ => String::new(),
    }
}

fn base64(bytes: &[u8]) -> String {
    const SIGNS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut out = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for three in bytes.chunks(3) {
        let joined = (0..3).fold(0usize, |joined, at| joined << 8 | usize::from(three.get(at).copied().unwrap_or(0)));
        for at in 0..4 {
            let sign = SIGNS.get(joined >> (18 - 6 * at) & 63).copied().unwrap_or(b'A');
            out.push(if at <= three.len() { char::from(sign) } else { '=' });
        }
    }
    out
}
