//! Parses many texts and prints their trees or errors as JSON lines, to be held against the real parser's: one object with
//! `id`, `text` (or `raw`, bytes in base64), `lang` and `kind` a line in, one object a line out.

use std::io::{BufRead, Write};

use plimsoll_rego::ast::{Language, json};
use plimsoll_rego::parse::{self, Options};
use plimsoll_rego::span::Sources;
use serde_json::{Value, json};

fn main() -> std::io::Result<()> {
    let places = std::env::args().nth(1).is_some();
    let shown = json::Options { locations: places, comments: true, indent: false };
    let mut out = std::io::BufWriter::new(std::io::stdout().lock());
    for line in std::io::stdin().lock().lines() {
        let line = line?;
        let ask: Value = serde_json::from_str(&line).unwrap_or_default();
        let text = ask["text"].as_str().unwrap_or_default();
        let language = match ask["lang"].as_str() {
            Some("v0") => Language::V0,
            Some("v0v1") => Language::V0CompatV1,
            _ => Language::V1,
        };
        let raw: Option<Vec<u8>> =
            ask["bytes"].as_array().map(|list| list.iter().map(|b| b.as_u64().unwrap_or(0) as u8).collect());
        let bytes = raw.as_deref().unwrap_or(text.as_bytes());
        let options = Options::of(language);
        let mut sources = Sources::default();
        let outcome = match ask["kind"].as_str() {
            Some("query") => {
                parse::parse_query(&mut sources, "", text, &options).map(|body| json::body(&body, &sources, shown))
            }
            _ => {
                let parsed = parse::parse_module(&mut sources, "a.rego", bytes, &options);
                parsed.module.map(|module| json::module(&module, &sources, shown)).ok_or(parsed.errors)
            }
        };
        let answer = match outcome {
            Ok(tree) => format!("{{\"id\":{},\"tree\":{tree}}}", ask["id"]),
            Err(errors) => {
                let told = errors.iter().map(|error| {
                    let (row, col) = sources.get(error.span.source).map_or((0, 0), |source| source.row_column(error.span.start));
                    json!({"message": error.message, "code": error.code.as_str(), "row": row, "col": col, "details": error.details})
                });
                json!({"id": ask["id"], "errors": told.collect::<Vec<_>>()}).to_string()
            }
        };
        writeln!(out, "{answer}")?;
    }
    Ok(())
}
