//! `conftest parse`. In: files. Out: what policies see of them, as JSON.

use std::collections::BTreeMap;

use plimsoll_rego::value::Value;
use serde::ser::{SerializeMap as _, SerializeSeq as _};
use serde::{Serialize, Serializer};
use serde_json::value::RawValue;

use super::flags::Parse;
use super::protos::Protos;
use super::settings::Settings;
use super::{configs, print};
use crate::exit::Exit;
use crate::rego::json;

pub fn run(asked: &Parse, settings: &Settings) -> Result<Exit, String> {
    if asked.files.is_empty() {
        return Err("must supply path to at least one file".into());
    }
    let parser = settings.text(asked.parser.as_ref(), "parser").filter(|parser| !parser.is_empty());
    let protos = Protos::of(settings.list(&[], "proto-file-dirs", &[]));
    let documents = configs::read(&asked.files, parser.as_deref(), &protos)
        .map_err(|why| format!("parse configurations: {why}"))?;
    if settings.truth(asked.combine, "combine")? {
        let entries = configs::apart(&documents).map(|(path, contents)| Entry { path, contents: Plain(contents) });
        let entries: Vec<Entry<'_>> = entries.collect();
        return Ok(print(&format!("{}\n", json::pretty_by(&entries, "\t"))));
    }
    let mut values = documents.values();
    let text = match (values.next(), values.next()) {
        (Some(one), None) => json::pretty_by(&Plain(one), "  "),
        _ => {
            let all: BTreeMap<&String, Plain<'_>> =
                documents.iter().map(|(path, value)| (path, Plain(value))).collect();
            json::pretty_by(&all, "  ")
        }
    };
    Ok(print(&text))
}

#[derive(Serialize)]
struct Entry<'a> {
    path: &'a str,
    contents: Plain<'a>,
}

/// A document whose numbers are written as Go's JSON writes them, not as Rego does: `1234567`, not `1.234567e+06`.
struct Plain<'a>(&'a Value);

impl Serialize for Plain<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.0 {
            Value::Number(number) => {
                let text = match number.is_integer_text() {
                    true => number.to_string(),
                    false => go(number.as_f64()),
                };
                RawValue::from_string(text).map_err(serde::ser::Error::custom)?.serialize(serializer)
            }
            Value::Array(array) => {
                let mut sequence = serializer.serialize_seq(Some(array.items().len()))?;
                for item in array.items() {
                    sequence.serialize_element(&Plain(item))?;
                }
                sequence.end()
            }
            Value::Object(object) => {
                let mut map = serializer.serialize_map(Some(object.entries().len()))?;
                for (key, value) in object.entries() {
                    map.serialize_entry(key.as_str().unwrap_or_default(), &Plain(value))?;
                }
                map.end()
            }
            other => json::Json(other.clone()).serialize(serializer),
        }
    }
}

/// `encoding/json`'s text of a float.
fn go(number: f64) -> String {
    let size = number.abs();
    if size == 0.0 || (1e-6..1e21).contains(&size) {
        return format!("{number}");
    }
    let text = format!("{number:e}");
    match text.split_once('e') {
        Some((digits, exponent)) if !exponent.starts_with('-') => format!("{digits}e+{exponent}"),
        _ => text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_written_as_go_writes_them() {
        for (number, text) in [(1e21, "1e+21"), (1e20, "100000000000000000000"), (1.5e-7, "1.5e-7"), (-0.25, "-0.25")] {
            assert_eq!(go(number), text);
        }
    }
}
