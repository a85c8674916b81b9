//! Dockle's three formats. In: checkpoints with their alerts. Out: text. The shapes are dockle's; the sentences are ours.

use plimsoll_report::safe;
use serde::Serialize;
use serde_json::{Value, json};

use super::checkpoints::{CHECKPOINTS, Detail, Level};

/// `LEVEL\t- CODE: title`, then each alert below it.
pub fn list(details: &[Detail], colour: bool) -> String {
    let mut text = String::new();
    for detail in details {
        let (label, code) = (detail.level.label(), detail.checkpoint.code);
        let (label, code) = match colour {
            true => (painted(label, number(detail.level)), painted(code, CYAN)),
            false => (label.to_owned(), code.to_owned()),
        };
        text += &format!("{label}\t- {code}: {}\n", detail.checkpoint.title);
        if detail.level > Level::Ignore {
            for alert in &detail.alerts {
                text += &format!("\t* {}\n", safe(&alert.text));
            }
        }
    }
    text
}

const CYAN: u8 = 36;

fn number(level: Level) -> u8 {
    match level {
        Level::Fatal => 31,
        Level::Warn => 33,
        Level::Info => 35,
        Level::Skip | Level::Ignore => 34,
    }
}

fn painted(text: &str, number: u8) -> String {
    format!("\u{1b}[{number}m{text}\u{1b}[0m")
}

#[derive(Serialize)]
struct Document<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    image: Option<&'a str>,
    summary: Summary,
    details: Vec<Row<'a>>,
}

#[derive(Serialize)]
struct Summary {
    fatal: usize,
    warn: usize,
    info: usize,
    skip: usize,
    pass: usize,
}

#[derive(Serialize)]
struct Row<'a> {
    code: &'a str,
    title: &'a str,
    level: &'a str,
    alerts: Vec<&'a str>,
}

/// `image` is left out where the image was read from a file.
pub fn json(image: Option<&str>, details: &[Detail]) -> Result<String, serde_json::Error> {
    let count = |level: Level| details.iter().filter(|detail| detail.level == level).count();
    let told = details.iter().filter(|detail| detail.level > Level::Ignore).count();
    let summary = Summary {
        fatal: count(Level::Fatal),
        warn: count(Level::Warn),
        info: count(Level::Info),
        skip: count(Level::Skip),
        pass: CHECKPOINTS.len() - told,
    };
    fn row(detail: &Detail) -> Row<'_> {
        Row {
            code: detail.checkpoint.code,
            title: detail.checkpoint.title,
            level: detail.level.label(),
            alerts: detail.alerts.iter().map(|alert| alert.text.as_str()).collect(),
        }
    }
    let document = Document { image, summary, details: details.iter().map(row).collect() };
    Ok(serde_json::to_string_pretty(&document)? + "\n")
}

/// SARIF 2.1.0: one rule and one result for each checkpoint that has alerts.
pub fn sarif(details: &[Detail]) -> Result<String, serde_json::Error> {
    let rules: Vec<Value> = details
        .iter()
        .map(|detail| {
            let code = detail.checkpoint.code;
            json!({
                "id": code, "name": code, "shortDescription": { "text": detail.checkpoint.title },
                "helpUri": format!("https://github.com/goodwithtech/dockle/blob/master/CHECKPOINT.md#{code}"),
            })
        })
        .collect();
    let results: Vec<Value> = details
        .iter()
        .enumerate()
        .map(|(index, detail)| {
            let text = detail.alerts.iter().map(|alert| alert.text.as_str()).collect::<Vec<_>>().join(", ");
            let place = |uri: &str| json!({ "physicalLocation": { "artifactLocation": { "uri": uri } } });
            let places: Vec<Value> = detail.alerts.iter().map(|alert| place(&alert.place)).collect();
            json!({
                "ruleId": detail.checkpoint.code, "ruleIndex": index, "level": sarif_level(detail.level),
                "message": { "text": text }, "locations": places,
            })
        })
        .collect();
    let driver = json!({
        "informationUri": "https://github.com/goodwithtech/dockle", "name": "Dockle", "rules": rules,
    });
    let document = json!({
        "version": "2.1.0",
        "$schema": "https://json.schemastore.org/sarif-2.1.0-rtm.5.json",
        "runs": [{ "tool": { "driver": driver }, "results": results }],
    });
    Ok(serde_json::to_string_pretty(&document)? + "\n")
}

fn sarif_level(level: Level) -> &'static str {
    match level {
        Level::Fatal => "error",
        Level::Warn => "warning",
        Level::Info => "note",
        Level::Skip | Level::Ignore => "none",
    }
}
