//! TOML. In: text. Out: its tables; whole numbers stay whole, times are texts as Go writes them (RFC 3339, those without a zone
//! in UTC, those without a date in the year 0).

use toml::value::{Date, Datetime, Offset, Time};

use crate::{Fault, Map, Value};

pub fn read(text: &str) -> Result<Value, Fault> {
    let table: toml::Table = toml::from_str(text).map_err(|error: toml::de::Error| {
        let message = error.message().to_owned();
        match error.span() {
            Some(span) => Fault::at(text, span.start, message),
            None => Fault::new(message),
        }
    })?;
    // The crate refuses what nests deeper than 80.
    map(table).map(Value::Map).map_err(Fault::new)
}

fn map(table: toml::Table) -> Result<Map, String> {
    table.into_iter().map(|(key, inner)| Ok((key, value(inner)?))).collect()
}

fn value(from: toml::Value) -> Result<Value, String> {
    Ok(match from {
        toml::Value::String(text) => Value::Text(text),
        toml::Value::Integer(number) => Value::Int(number),
        toml::Value::Float(number) if number.is_finite() => Value::Float(number),
        toml::Value::Float(number) => return Err(format!("{number} has no form in JSON")),
        toml::Value::Boolean(truth) => Value::Bool(truth),
        toml::Value::Datetime(time) => Value::Text(written(&time)),
        toml::Value::Array(items) => Value::List(items.into_iter().map(value).collect::<Result<_, _>>()?),
        toml::Value::Table(table) => Value::Map(map(table)?),
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
