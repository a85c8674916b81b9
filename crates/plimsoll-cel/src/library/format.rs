//! `string.format`, and values as the texts that `string()` gives.

use std::fmt::Write as _;

use super::{Row, cost, priced, time};
use crate::budget::{Meter, Out, error};
use crate::types::Type;
use crate::value::{Key, Value};

/// Go's shortest `%g`: with an exponent below -4 and from 6.
pub(crate) fn go_g(number: f64) -> String {
    if number.is_nan() {
        return "NaN".to_owned();
    }
    if number.is_infinite() {
        return if number > 0.0 { "+Inf".to_owned() } else { "-Inf".to_owned() };
    }
    let scientific = format!("{number:e}");
    let (digits, exponent) = scientific.split_once('e').unwrap_or((&scientific, "0"));
    let exponent: i32 = exponent.parse().unwrap_or(0);
    if number != 0.0 && !(-4..6).contains(&exponent) {
        let sign = if exponent < 0 { '-' } else { '+' };
        return format!("{digits}e{sign}{:02}", exponent.unsigned_abs());
    }
    format!("{number}")
}

/// As `string()` writes it.
pub(crate) fn go_text(value: &Value) -> String {
    match value {
        Value::String(text) => text.to_string(),
        Value::Bool(value) => value.to_string(),
        Value::Int(number) => number.to_string(),
        Value::Uint(number) => number.to_string(),
        Value::Double(number) => go_g(*number),
        Value::Timestamp(at) => time::timestamp_text(*at),
        Value::Duration(nanos) => time::duration_text(*nanos),
        Value::Null => "null".to_owned(),
        other => other.to_string(),
    }
}

/// Decimals of `%f` and `%e`, and where more are refused: no double has more that say anything.
const DECIMALS: usize = 6;
const MAX_DECIMALS: usize = 1_000;

/// Groups of three, as English has them.
fn grouped(text: &str) -> String {
    let (sign, digits) = text.strip_prefix('-').map_or(("", text), |digits| ("-", digits));
    let (whole, rest) = digits.split_at(digits.find('.').unwrap_or(digits.len()));
    let mut out = String::from(sign);
    for (number, digit) in whole.chars().enumerate() {
        if number > 0 && (whole.len() - number) % 3 == 0 {
            out.push(',');
        }
        out.push(digit);
    }
    out + rest
}

fn double_of(value: &Value) -> Option<f64> {
    match value {
        Value::Double(number) => Some(*number),
        Value::String(text) => match &**text {
            "NaN" => Some(f64::NAN),
            "Infinity" => Some(f64::INFINITY),
            "-Infinity" => Some(f64::NEG_INFINITY),
            _ => None,
        },
        _ => None,
    }
}

fn special(number: f64) -> Option<&'static str> {
    if number.is_nan() {
        return Some("NaN");
    }
    number.is_infinite().then_some(if number > 0.0 { "∞" } else { "-∞" })
}

fn fixed(value: &Value, decimals: usize) -> Result<String, String> {
    let number = double_of(value).ok_or_else(|| only("fixed-point", "double", value))?;
    let number = if number == 0.0 { 0.0 } else { number };
    Ok(special(number).map_or_else(|| grouped(&format!("{number:.decimals$}")), str::to_owned))
}

/// Always with six decimals: what is asked for is, by a slip of cel-go's, the least width.
fn scientific(value: &Value, width: usize) -> Result<String, String> {
    let text = unpadded(value)?;
    let missing = width.saturating_sub(text.chars().count());
    Ok(" ".repeat(missing) + &text)
}

fn unpadded(value: &Value) -> Result<String, String> {
    let number = double_of(value).ok_or_else(|| only("scientific", "double", value))?;
    if let Some(word) = special(number) {
        return Ok(word.to_owned());
    }
    let number = if number == 0.0 { 0.0 } else { number };
    let text = format!("{number:.DECIMALS$e}");
    let (digits, exponent) = text.split_once('e').unwrap_or((&text, "0"));
    let exponent: i32 = exponent.parse().unwrap_or(0);
    let raised: String = format!("{:02}", exponent.unsigned_abs())
        .chars()
        .map(|digit| match digit {
            '0' => '⁰',
            '1' => '¹',
            '2' => '²',
            '3' => '³',
            '4' => '⁴',
            '5' => '⁵',
            '6' => '⁶',
            '7' => '⁷',
            '8' => '⁸',
            _ => '⁹',
        })
        .collect();
    Ok(format!("{digits}×10{}{raised}", if exponent < 0 { "⁻" } else { "" }))
}

fn only(what: &str, takes: &str, value: &Value) -> String {
    format!("error during formatting: {what} clause can only be used on {takes}s, was given {}", value.type_name())
}

fn decimal(value: &Value) -> Result<String, String> {
    match value {
        Value::Int(number) => Ok(number.to_string()),
        Value::Uint(number) => Ok(number.to_string()),
        other => Err(format!(
            "error during formatting: decimal clause can only be used on integers, was given {}",
            other.type_name()
        )),
    }
}

fn binary(value: &Value) -> Result<String, String> {
    match value {
        Value::Int(number) => Ok(signed(*number, |number| format!("{number:b}"))),
        Value::Uint(number) => Ok(format!("{number:b}")),
        Value::Bool(value) => Ok(u8::from(*value).to_string()),
        other => Err(format!(
            "error during formatting: only integers and bools can be formatted as binary, was given {}",
            other.type_name()
        )),
    }
}

fn signed(number: i64, by: fn(u64) -> String) -> String {
    format!("{}{}", if number < 0 { "-" } else { "" }, by(number.unsigned_abs()))
}

fn hexadecimal(value: &Value, upper: bool) -> Result<String, String> {
    let text = match value {
        Value::Int(number) => signed(*number, |number| format!("{number:x}")),
        Value::Uint(number) => format!("{number:x}"),
        Value::String(text) => text.bytes().map(|byte| format!("{byte:02x}")).collect(),
        Value::Bytes(bytes) => bytes.iter().map(|byte| format!("{byte:02x}")).collect(),
        other => {
            return Err(format!(
                "error during formatting: only integers, byte buffers, and strings can be formatted as hex, was given {}",
                other.type_name()
            ));
        }
    };
    Ok(if upper { text.to_uppercase() } else { text })
}

fn octal(value: &Value) -> Result<String, String> {
    match value {
        Value::Int(number) => Ok(signed(*number, |number| format!("{number:o}"))),
        Value::Uint(number) => Ok(format!("{number:o}")),
        other => Err(format!(
            "error during formatting: octal clause can only be used on integers, was given {}",
            other.type_name()
        )),
    }
}

/// `%s`. Within lists and maps texts and bytes are quoted.
fn plain(meter: &mut Meter<'_>, out: &mut String, value: &Value, nested: bool) -> Out<Result<(), String>> {
    meter.memory(8)?;
    match value {
        Value::List(list) => {
            out.push('[');
            for (number, item) in list.items().iter().enumerate() {
                if number > 0 {
                    out.push_str(", ");
                }
                if let Err(message) = plain(meter, out, item, true)? {
                    return Ok(Err(message));
                }
            }
            out.push(']');
        }
        Value::Map(map) => {
            let mut parts = Vec::with_capacity(map.entries().len());
            for (key, value) in map.entries() {
                let mut text = match key {
                    Key::String(key) => super::go_text::quoted(key),
                    other => other.value().to_string().trim_end_matches('u').to_owned(),
                };
                text.push(':');
                if let Err(message) = plain(meter, &mut text, value, true)? {
                    return Ok(Err(message));
                }
                meter.memory(text.len())?;
                parts.push(text);
            }
            parts.sort();
            let _ = write!(out, "{{{}}}", parts.join(", "));
        }
        Value::String(text) => {
            meter.memory(text.len())?;
            let _ = if nested { write!(out, "{}", super::go_text::quoted(text)) } else { write!(out, "{text}") };
        }
        Value::Bytes(bytes) => {
            meter.memory(bytes.len())?;
            let Ok(text) = std::str::from_utf8(bytes) else {
                let why = "could not convert argument \"invalid UTF-8 in bytes, cannot convert to string\" to string";
                return Ok(Err(format!("error during formatting: {why}")));
            };
            let _ = if nested { write!(out, "b\"{text}\"") } else { write!(out, "{text}") };
        }
        Value::Timestamp(at) => {
            let text = time::timestamp_text(*at);
            let _ = if nested { write!(out, "timestamp(\"{text}\")") } else { write!(out, "{text}") };
        }
        Value::Duration(nanos) => {
            let text = time::duration_text(*nanos);
            let _ = if nested { write!(out, "duration(\"{text}\")") } else { write!(out, "{text}") };
        }
        Value::Double(number) => {
            let _ = if nested && !number.is_finite() {
                write!(
                    out,
                    "\"{}\"",
                    if number.is_nan() {
                        "NaN"
                    } else if *number > 0.0 {
                        "Infinity"
                    } else {
                        "-Infinity"
                    }
                )
            } else {
                write!(out, "{}", if nested { fixed(value, DECIMALS).unwrap_or_default() } else { go_g(*number) })
            };
        }
        Value::Bool(_) | Value::Int(_) | Value::Uint(_) | Value::Null => out.push_str(&go_text(value)),
        Value::Type(of) => out.push_str(super::types::runtime_name(of)),
        other => {
            return Ok(Err(format!("error during formatting: {STRING}, was given {}", other.type_name())));
        }
    }
    Ok(Ok(()))
}

/// What stands after a percent sign, parsed.
struct Clause {
    letter: char,
    decimals: usize,
}

fn clause(letters: &mut std::iter::Peekable<std::str::Chars<'_>>) -> Result<Clause, String> {
    let mut decimals = DECIMALS;
    if letters.next_if_eq(&'.').is_some() {
        let mut digits = String::new();
        while let Some(digit) = letters.next_if(char::is_ascii_digit) {
            digits.push(digit);
        }
        if letters.peek().is_none() {
            return Err("error while parsing precision: could not find end of precision specifier".to_owned());
        }
        decimals = digits.parse().map_err(|_| {
            format!("error while parsing precision: error while converting precision to integer: strconv.Atoi: parsing \"{digits}\": invalid syntax")
        })?;
        if decimals > MAX_DECIMALS {
            return Err(format!("error while parsing precision: more than {MAX_DECIMALS} decimals"));
        }
    }
    match letters.next() {
        Some(letter) => Ok(Clause { letter, decimals }),
        None => Err("unexpected end of string".to_owned()),
    }
}

const STRING: &str = "string clause can only be used on strings, bools, bytes, ints, doubles, maps, lists, types, durations, and timestamps";

/// The type within a type that `%s` does not write.
fn no_text(of: &Type) -> Option<&str> {
    match of {
        Type::List(item) => no_text(item),
        Type::Map(pair) => no_text(&pair.0).or_else(|| no_text(&pair.1)),
        Type::Opaque(_) | Type::Object(_) | Type::Optional(_) => Some(super::types::runtime_name(of)),
        _ => None,
    }
}

/// What is wrong with a pattern for values of these types, and with which of them; nothing where that is seen only when they are
/// there.
pub(crate) fn pattern_fault(pattern: &str, types: &[&Type]) -> Option<(Option<usize>, String)> {
    let mut letters = pattern.chars().peekable();
    let mut next = 0_usize;
    while let Some(letter) = letters.next() {
        if letter != '%' || letters.next_if_eq(&'%').is_some() {
            continue;
        }
        let Some(of) = types.get(next) else { return Some((None, format!("index {next} out of range"))) };
        next += 1;
        let clause = match clause(&mut letters) {
            Ok(clause) => clause,
            Err(message) if message.starts_with("unexpected") => return Some((None, message)),
            Err(message) => return Some((None, format!("could not parse formatting clause: {message}"))),
        };
        if of.is_dyn() {
            continue;
        }
        let (takes, says): (&[Type], &str) = match clause.letter {
            's' => match no_text(of) {
                None => continue,
                Some(name) => {
                    return Some((Some(next - 1), format!("error during formatting: {STRING}, was given {name}")));
                }
            },
            'd' => (&[Type::Int, Type::Uint], "decimal clause can only be used on integers"),
            'f' => (&[Type::Double, Type::String], "fixed-point clause can only be used on doubles"),
            'e' => (&[Type::Double, Type::String], "scientific clause can only be used on doubles"),
            'b' => (&[Type::Int, Type::Uint, Type::Bool], "only integers and bools can be formatted as binary"),
            'x' | 'X' => (
                &[Type::Int, Type::Uint, Type::String, Type::Bytes],
                "only integers, byte buffers, and strings can be formatted as hex",
            ),
            'o' => (&[Type::Int, Type::Uint], "octal clause can only be used on integers"),
            other => {
                return Some((
                    None,
                    format!("could not parse formatting clause: unrecognized formatting clause \"{other}\""),
                ));
            }
        };
        if !takes.contains(of) {
            let name = super::types::runtime_name(of);
            return Some((Some(next - 1), format!("error during formatting: {says}, was given {name}")));
        }
    }
    (next < types.len())
        .then(|| (None, format!("too many arguments supplied to string.format (expected {next}, got {})", types.len())))
}

fn format(meter: &mut Meter<'_>, args: &[Value]) -> Out {
    let [Value::String(pattern), Value::List(given)] = args else { return Err(super::no_such_overload()) };
    meter.memory(pattern.len())?;
    let mut out = String::with_capacity(pattern.len());
    let mut letters = pattern.chars().peekable();
    let mut next = 0_usize;
    while let Some(letter) = letters.next() {
        if letter != '%' {
            out.push(letter);
            continue;
        }
        if letters.next_if_eq(&'%').is_some() {
            out.push('%');
            continue;
        }
        let Some(value) = given.items().get(next) else { return error(format!("index {next} out of range")) };
        next += 1;
        let clause = match clause(&mut letters) {
            Ok(clause) => clause,
            Err(message) => return error(message),
        };
        meter.memory(clause.decimals)?;
        let made = match clause.letter {
            's' => plain(meter, &mut out, value, false)?.map(|()| String::new()),
            'd' => decimal(value),
            'f' => fixed(value, clause.decimals),
            'e' => scientific(value, clause.decimals),
            'b' => binary(value),
            'x' => hexadecimal(value, false),
            'X' => hexadecimal(value, true),
            'o' => octal(value),
            other => Err(format!("could not parse formatting clause: unrecognized formatting clause \"{other}\"")),
        };
        match made {
            Ok(text) => {
                meter.memory(text.len())?;
                out.push_str(&text);
            }
            Err(message) => return error(message),
        }
    }
    Ok(Value::string(out))
}

pub(super) const ROWS: &[Row] = &[priced("string.format(list(dyn)) -> string", cost::pass, format)];
