//! JSON as Go's `encoding/json` reads and writes it: its words for what it refuses, its order of keys, its escapes. Numbers keep
//! their texts. Also `json.marshal`, `json.marshal_with_options`, `json.unmarshal` and `json.is_valid`.

use std::borrow::Cow;

use super::go_text::quote_byte;
use super::{Builtin, Context, Failure, want};
use crate::budget::{Exhausted, Meter};
use crate::value::{JsonStyle, MAX_DEPTH, Number, NumberError, Value};

type Result<T = Option<Value>> = std::result::Result<T, Failure>;

pub(super) const BUILTINS: &[Builtin] = &[
    Builtin::new("json.is_valid", "(x: string) => result: boolean", is_valid),
    Builtin::new("json.marshal", "(x: any) => y: string", marshal),
    Builtin::new(
        "json.marshal_with_options",
        "(x: any, opts: object<indent: string, prefix: string, pretty: boolean>[string: any]) => y: string",
        marshal_with_options,
    ),
    Builtin::new("json.unmarshal", "(x: string) => y: any", unmarshal),
];

fn marshal(context: &mut Context<'_>, args: &[Value]) -> Result {
    let text = write(context.meter, want::argument(args, 0), None)?;
    Ok(Some(Value::string(text)))
}

fn marshal_with_options(context: &mut Context<'_>, args: &[Value]) -> Result {
    let options = want::object(args, 1, 2)?;
    let (mut prefix, mut indent) = ("", "\t");
    let (mut implied, mut explicit) = (false, None);
    for (index, (key, value)) in options.entries().iter().enumerate() {
        let name = key.as_str().ok_or_else(|| {
            let error = format!("operand {index} must be string but got {}", key.type_name());
            want::operand(2, format_args!("failed to stringify key {key} at index {index}: {error}"))
        })?;
        let text = || {
            value.as_str().ok_or_else(|| {
                let error = format!("operand {index} must be string but got {}", value.type_name());
                want::operand(2, format_args!("key {key} failed cast to string: {error}"))
            })
        };
        match name {
            "prefix" => {
                prefix = text()?;
                implied = true;
            }
            "indent" => {
                indent = text()?;
                implied = true;
            }
            "pretty" => match value {
                Value::Bool(yes) => explicit = Some(*yes),
                _ => return Err(want::operand(2, format_args!("key {key} failed cast to bool"))),
            },
            _ => return Err(want::operand(2, format_args!("object contained unknown key {key}"))),
        }
    }
    let pretty = explicit.unwrap_or(implied);
    let text = write(context.meter, want::argument(args, 0), pretty.then_some((prefix, indent)))?;
    Ok(Some(if pretty { Value::string(format!("{prefix}{text}")) } else { Value::string(text) }))
}

fn unmarshal(context: &mut Context<'_>, args: &[Value]) -> Result {
    let text = want::string(args, 0, 1)?;
    read(context.meter, text).map(Some)
}

fn is_valid(context: &mut Context<'_>, args: &[Value]) -> Result {
    let Some(text) = want::argument(args, 0).as_str() else { return Ok(Some(Value::Bool(false))) };
    Ok(Some(Value::Bool(valid(context.meter, text)?)))
}

/// Whether the whole text is one JSON value. Too deep a one is Go's `exceeded max depth` from 10,000 on; ours ends sooner.
pub(super) fn valid(meter: &mut Meter, text: &str) -> Result<bool> {
    let mut reader = Reader { text: text.as_bytes(), at: 0, meter, decoded: text };
    match reader.value(0).and_then(|_| reader.rest_is_blank()) {
        Ok(()) => Ok(true),
        Err(Failure::Error { .. }) => Ok(false),
        Err(halt) => Err(halt),
    }
}

/// The value of a text, as OPA's `util.UnmarshalJSON` gives it.
pub(super) fn read(meter: &mut Meter, text: &str) -> Result<Value> {
    let mut reader = Reader { text: text.as_bytes(), at: 0, meter, decoded: text };
    let value = reader.value(0)?;
    reader.skip_blank();
    let Some(&byte) = reader.text.get(reader.at) else { return Ok(value) };
    // Go asks for one more token and names that.
    let token = match byte {
        b'[' | b'{' => char::from(byte).to_string(),
        b']' | b'}' | b',' | b':' => {
            return Err(reader.unexpected("looking for beginning of value"));
        }
        _ => match reader.value(0)? {
            Value::Null => return Ok(value),
            Value::Bool(yes) => format!("%!s(bool={yes})"),
            Value::String(text) => text.to_string(),
            other => other.to_string(),
        },
    };
    Err(Failure::builtin(format!("error: invalid character '{token}' after top-level value")))
}

struct Reader<'a, 'm> {
    text: &'a [u8],
    decoded: &'a str,
    at: usize,
    meter: &'m mut Meter,
}

impl Reader<'_, '_> {
    fn skip_blank(&mut self) {
        while matches!(self.text.get(self.at), Some(b' ' | b'\t' | b'\r' | b'\n')) {
            self.at += 1;
        }
    }

    fn unexpected(&self, place: &str) -> Failure {
        match self.text.get(self.at) {
            None => Failure::builtin("unexpected EOF"),
            Some(byte) => Failure::builtin(format!("invalid character {} {place}", quote_byte(*byte))),
        }
    }

    fn rest_is_blank(&mut self) -> Result<()> {
        self.skip_blank();
        if self.at < self.text.len() { Err(self.unexpected("after top-level value")) } else { Ok(()) }
    }

    fn value(&mut self, depth: u32) -> Result<Value> {
        self.skip_blank();
        self.meter.steps(1)?;
        self.meter.memory(32)?;
        match self.text.get(self.at) {
            None if depth == 0 => Err(Failure::builtin("EOF")),
            Some(b'{') => self.object(depth),
            Some(b'[') => self.array(depth),
            Some(b'"') => {
                self.at += 1;
                self.string().map(Value::string)
            }
            Some(b't') => self.literal("true", Value::Bool(true)),
            Some(b'f') => self.literal("false", Value::Bool(false)),
            Some(b'n') => self.literal("null", Value::Null),
            Some(b'-' | b'0'..=b'9') => self.number(),
            _ => Err(self.unexpected("looking for beginning of value")),
        }
    }

    fn literal(&mut self, word: &str, value: Value) -> Result<Value> {
        for wanted in word.bytes() {
            if self.text.get(self.at) != Some(&wanted) {
                let place = format!("in literal {word} (expecting {})", quote_byte(wanted));
                return Err(self.unexpected(&place));
            }
            self.at += 1;
        }
        Ok(value)
    }

    fn digits(&mut self) -> usize {
        let from = self.at;
        while self.text.get(self.at).is_some_and(u8::is_ascii_digit) {
            self.at += 1;
        }
        self.at - from
    }

    fn number(&mut self) -> Result<Value> {
        let from = self.at;
        if self.text.get(self.at) == Some(&b'-') {
            self.at += 1;
        }
        if self.text.get(self.at) == Some(&b'0') {
            self.at += 1;
        } else if self.digits() == 0 {
            return Err(self.unexpected("in numeric literal"));
        }
        if self.text.get(self.at) == Some(&b'.') {
            self.at += 1;
            if self.digits() == 0 {
                return Err(self.unexpected("after decimal point in numeric literal"));
            }
        }
        if matches!(self.text.get(self.at), Some(b'e' | b'E')) {
            self.at += 1;
            if matches!(self.text.get(self.at), Some(b'+' | b'-')) {
                self.at += 1;
            }
            if self.digits() == 0 {
                return Err(self.unexpected("in exponent of numeric literal"));
            }
        }
        want_bytes(self.meter, self.at - from)?;
        let text = self.decoded.get(from..self.at).unwrap_or_default();
        Number::read(text.as_bytes()).map(Value::Number).map_err(|error| match error {
            NumberError::TooBig => Failure::fatal("number too big"),
            NumberError::Syntax => Failure::builtin("invalid number"),
        })
    }

    /// After the opening quote.
    fn string(&mut self) -> Result<Cow<'static, str>> {
        let mut out = String::new();
        loop {
            let from = self.at;
            while self.text.get(self.at).is_some_and(|byte| *byte >= b' ' && *byte != b'"' && *byte != b'\\') {
                self.at += 1;
            }
            want_bytes(self.meter, self.at - from)?;
            out.push_str(self.decoded.get(from..self.at).unwrap_or_default());
            match self.text.get(self.at) {
                Some(b'"') => {
                    self.at += 1;
                    return Ok(Cow::Owned(out));
                }
                Some(b'\\') => {
                    self.at += 1;
                    self.escape(&mut out)?;
                }
                _ => return Err(self.unexpected("in string literal")),
            }
        }
    }

    fn escape(&mut self, out: &mut String) -> Result<()> {
        let character = match self.text.get(self.at) {
            Some(b'b') => '\u{8}',
            Some(b'f') => '\u{c}',
            Some(b'n') => '\n',
            Some(b'r') => '\r',
            Some(b't') => '\t',
            Some(byte @ (b'\\' | b'/' | b'"')) => char::from(*byte),
            Some(b'u') => {
                self.at += 1;
                let unit = self.unit()?;
                if !(0xD800..0xDC00).contains(&unit) || self.text.get(self.at..self.at + 2) != Some(b"\\u") {
                    out.push(char::from_u32(unit).unwrap_or(char::REPLACEMENT_CHARACTER));
                    return Ok(());
                }
                let back = self.at;
                self.at += 2;
                let low = self.unit()?;
                if (0xDC00..0xE000).contains(&low) {
                    let code = 0x10000 + ((unit - 0xD800) << 10) + (low - 0xDC00);
                    out.push(char::from_u32(code).unwrap_or(char::REPLACEMENT_CHARACTER));
                } else {
                    self.at = back;
                    out.push(char::REPLACEMENT_CHARACTER);
                }
                return Ok(());
            }
            _ => return Err(self.unexpected("in string escape code")),
        };
        self.at += 1;
        out.push(character);
        Ok(())
    }

    fn unit(&mut self) -> Result<u32> {
        let mut unit = 0;
        for _ in 0..4 {
            let digit = self.text.get(self.at).and_then(|byte| char::from(*byte).to_digit(16));
            let Some(digit) = digit else { return Err(self.unexpected("in \\u hexadecimal character escape")) };
            unit = unit << 4 | digit;
            self.at += 1;
        }
        Ok(unit)
    }

    fn deeper(depth: u32) -> Result<u32> {
        if depth + 1 >= MAX_DEPTH { Err(Exhausted::Depth.into()) } else { Ok(depth + 1) }
    }

    fn array(&mut self, depth: u32) -> Result<Value> {
        let depth = Reader::deeper(depth)?;
        self.at += 1;
        let mut items = Vec::new();
        self.skip_blank();
        if self.text.get(self.at) == Some(&b']') {
            self.at += 1;
            return Ok(Value::array(items));
        }
        loop {
            items.push(self.value(depth)?);
            self.skip_blank();
            match self.text.get(self.at) {
                Some(b',') => self.at += 1,
                Some(b']') => {
                    self.at += 1;
                    return Ok(Value::array(items));
                }
                _ => return Err(self.unexpected("after array element")),
            }
        }
    }

    fn object(&mut self, depth: u32) -> Result<Value> {
        let depth = Reader::deeper(depth)?;
        self.at += 1;
        let mut entries = Vec::new();
        self.skip_blank();
        if self.text.get(self.at) == Some(&b'}') {
            self.at += 1;
            return Ok(Value::object(entries));
        }
        loop {
            self.skip_blank();
            if self.text.get(self.at) != Some(&b'"') {
                return Err(self.unexpected("looking for beginning of object key string"));
            }
            self.at += 1;
            let key = self.string()?;
            self.skip_blank();
            if self.text.get(self.at) != Some(&b':') {
                return Err(self.unexpected("after object key"));
            }
            self.at += 1;
            let value = self.value(depth)?;
            self.meter.memory(key.len() as u64 + 48)?;
            entries.push((Value::string(key), value));
            self.skip_blank();
            match self.text.get(self.at) {
                Some(b',') => self.at += 1,
                Some(b'}') => {
                    self.at += 1;
                    return Ok(Value::object(entries));
                }
                _ => return Err(self.unexpected("after object key:value pair")),
            }
        }
    }
}

fn want_bytes(meter: &mut Meter, bytes: usize) -> std::result::Result<(), Exhausted> {
    meter.steps(bytes as u64 / 64)?;
    meter.memory(bytes as u64)
}

/// The text of a value, paid for before it is written: node by node, however often nodes are shared.
pub(super) fn write(meter: &mut Meter, value: &Value, layout: Option<(&str, &str)>) -> Result<String> {
    weigh(meter, value, layout, 1)?;
    let mut out = String::new();
    value.write_json(&mut out, &JsonStyle { escape_html: true, indent: layout });
    Ok(out)
}

/// Pays for the text of a value, without the escapes.
pub(super) fn weigh(
    meter: &mut Meter,
    value: &Value,
    layout: Option<(&str, &str)>,
    depth: usize,
) -> std::result::Result<(), Exhausted> {
    let line = layout.map_or(0, |(prefix, indent)| prefix.len() + indent.len() * depth + 1);
    meter.steps(1)?;
    want_bytes(meter, line + 8)?;
    match value {
        Value::Null | Value::Bool(_) => Ok(()),
        Value::Number(number) => want_bytes(meter, number.text_len()),
        Value::String(text) => want_bytes(meter, text.len()),
        Value::Array(array) => array.items().iter().try_for_each(|item| weigh(meter, item, layout, depth + 1)),
        Value::Set(set) => set.members().iter().try_for_each(|member| weigh(meter, member, layout, depth + 1)),
        Value::Object(object) => object.entries().iter().try_for_each(|(key, value)| {
            weigh(meter, key, None, 0)?;
            weigh(meter, value, layout, depth + 1)
        }),
    }
}
