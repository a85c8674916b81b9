//! TOML. In: text. Out: its tables; whole numbers stay whole, times are texts as Go writes them (RFC 3339, those without a zone
//! in UTC, those without a date in the year 0).

use toml::value::{Date, Datetime, Offset, Time};
use toml_parser::Source;
use toml_parser::lexer::TokenKind;

use crate::{Fault, MAX_VALUES, Made, Map, Value};

pub fn read(text: &str) -> Result<Value, Fault> {
    // The crate makes all of a file at once: what cannot be within the bound is not given to it.
    if values(text) > MAX_VALUES {
        return Err(Fault::new(Made::too_many()));
    }
    let table: toml::Table = toml::from_str(text).map_err(|error: toml::de::Error| {
        let message = error.message().to_owned();
        match error.span() {
            Some(span) => Fault::at(text, span.start, message),
            None => Fault::new(message),
        }
    })?;
    // The crate refuses what nests deeper than 80.
    map(table, &mut Made::default()).map(Value::Map).map_err(Fault::new)
}

/// The values that a text makes at most, right or wrong: one for what follows an `=`, one for each further part between commas,
/// one for each `[`, and one table for each dot of a key.
fn values(text: &str) -> usize {
    let (mut count, mut dots) = (0usize, 0usize);
    // Brackets that are open in a value, whether we are in one, and whether this part of it was counted.
    let (mut open, mut in_value, mut counted) = (0usize, false, false);
    for token in Source::new(text).lex() {
        match token.kind() {
            TokenKind::Equals => {
                count += 1 + dots;
                (dots, in_value, counted) = (0, true, true);
            }
            TokenKind::Dot if in_value => dots += 1,
            TokenKind::Dot => count += 1,
            TokenKind::LeftSquareBracket | TokenKind::LeftCurlyBracket => {
                count += usize::from(token.kind() == TokenKind::LeftSquareBracket);
                open += usize::from(in_value);
                counted = false;
            }
            TokenKind::RightSquareBracket | TokenKind::RightCurlyBracket => {
                count += dots.saturating_sub(1);
                open = open.saturating_sub(1);
                (dots, counted) = (0, false);
            }
            TokenKind::Comma => {
                // The point of a number is no table.
                count += usize::from(!counted) + dots.saturating_sub(1);
                (dots, counted) = (0, false);
            }
            TokenKind::Newline if open == 0 => (dots, in_value) = (0, false),
            _ => {}
        }
    }
    count
}

fn map(table: toml::Table, made: &mut Made) -> Result<Map, String> {
    table.into_iter().map(|(key, inner)| Ok((key, value(inner, made)?))).collect()
}

fn value(from: toml::Value, made: &mut Made) -> Result<Value, String> {
    made.one()?;
    Ok(match from {
        toml::Value::String(text) => Value::Text(text),
        toml::Value::Integer(number) => Value::Int(number),
        toml::Value::Float(number) if number.is_finite() => Value::Float(number),
        toml::Value::Float(number) => return Err(format!("{number} has no form in JSON")),
        toml::Value::Boolean(truth) => Value::Bool(truth),
        toml::Value::Datetime(time) => Value::Text(written(&time)),
        toml::Value::Array(items) => {
            Value::List(items.into_iter().map(|item| value(item, made)).collect::<Result<_, _>>()?)
        }
        toml::Value::Table(table) => Value::Map(map(table, made)?),
    })
}

fn written(time: &Datetime) -> String {
    let date = time.date.unwrap_or(Date { year: 0, month: 1, day: 1 });
    let Time { hour, minute, second, nanosecond } =
        time.time.unwrap_or(Time { hour: 0, minute: 0, second: Some(0), nanosecond: None });
    let mut text =
        format!("{:04}-{:02}-{:02}T{hour:02}:{minute:02}:{:02}", date.year, date.month, date.day, second.unwrap_or(0));
    let part = nanosecond.unwrap_or(0);
    if part > 0 {
        let digits = format!("{part:09}");
        text.push('.');
        text.push_str(digits.trim_end_matches('0'));
    }
    match time.offset {
        None | Some(Offset::Z) | Some(Offset::Custom { minutes: 0 }) => text.push('Z'),
        Some(Offset::Custom { minutes }) => {
            let sign = if minutes < 0 { '-' } else { '+' };
            let minutes = minutes.unsigned_abs();
            text.push_str(&format!("{sign}{:02}:{:02}", minutes / 60, minutes % 60));
        }
    }
    text
}
