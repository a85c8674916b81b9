//! SARIF 2.1.0 as hadolint writes it: no rules, one region a finding. `plimsoll lint` writes a fuller one.

use serde::Serialize;

use super::super::flags::SPOKEN;
use super::super::levels::Level;
use super::{Facts, to_json};

#[derive(Serialize)]
struct Log<'a> {
    #[serde(rename = "$schema")]
    schema: &'static str,
    runs: [Run<'a>; 1],
    version: &'static str,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Run<'a> {
    default_source_language: &'static str,
    results: Vec<Outcome<'a>>,
    tool: Tool,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Outcome<'a> {
    level: &'static str,
    locations: [Location<'a>; 1],
    message: Text<'a>,
    rule_id: &'a str,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Location<'a> {
    physical_location: Physical<'a>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Physical<'a> {
    artifact_location: Artifact<'a>,
    region: Region,
}

#[derive(Serialize)]
struct Artifact<'a> {
    uri: &'a str,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Region {
    end_column: u32,
    end_line: u32,
    source_language: &'static str,
    start_column: u32,
    start_line: u32,
}

#[derive(Serialize)]
struct Text<'a> {
    text: &'a str,
}

#[derive(Serialize)]
struct Tool {
    driver: Driver,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Driver {
    download_uri: &'static str,
    full_name: &'static str,
    name: &'static str,
    short_description: Text<'static>,
    version: &'static str,
}

/// One log. The tool keeps hadolint's name, by which services know the findings of earlier runs again.
pub fn sarif(facts: &Facts<'_>) -> String {
    let mut results = Vec::new();
    for report in facts.reports {
        for item in report.items() {
            let (column, line) = (item.column(), item.line());
            let source_language = if item.code().starts_with("SC") { "sh" } else { "dockerfile" };
            let region =
                Region { end_column: column, end_line: line, source_language, start_column: column, start_line: line };
            let physical_location = Physical { artifact_location: Artifact { uri: &report.name }, region };
            results.push(Outcome {
                level: match item.level() {
                    Level::Error => "error",
                    Level::Warning => "warning",
                    Level::Info | Level::Style | Level::Ignore => "note",
                },
                locations: [Location { physical_location }],
                message: Text { text: item.message() },
                rule_id: item.code(),
            });
        }
    }
    let driver = Driver {
        download_uri: env!("CARGO_PKG_REPOSITORY"),
        full_name: "Plimsoll's Dockerfile rules under hadolint's codes",
        name: "Hadolint",
        short_description: Text { text: "Dockerfile linter" },
        version: SPOKEN,
    };
    to_json(&Log {
        schema: "http://json.schemastore.org/sarif-2.1.0",
        runs: [Run { default_source_language: "dockerfile", results, tool: Tool { driver } }],
        version: "2.1.0",
    })
}
