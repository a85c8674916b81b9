//! SonarQube's generic issues.

use serde::Serialize;

use super::super::levels::Level;
use super::super::report::Item;
use super::{Facts, to_json};

#[derive(Serialize)]
struct Document<'a> {
    issues: Vec<Issue<'a>>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Issue<'a> {
    engine_id: &'static str,
    primary_location: Place<'a>,
    rule_id: &'a str,
    severity: &'static str,
    #[serde(rename = "type")]
    kind: &'static str,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Place<'a> {
    file_path: &'a str,
    message: &'a str,
    text_range: Range,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Range {
    end_column: u32,
    end_line: u32,
    start_column: u32,
    start_line: u32,
}

/// One document.
pub fn sonarqube(facts: &Facts<'_>) -> String {
    let mut issues = Vec::new();
    for report in facts.reports {
        for item in report.items() {
            let (severity, kind, start_column) = match item {
                Item::Fault(fault) => ("BLOCKER", "BUG", fault.column),
                Item::Entry(entry) => match entry.level {
                    Level::Error => ("CRITICAL", "BUG", 0),
                    Level::Warning => ("MAJOR", "CODE_SMELL", 0),
                    Level::Info => ("MINOR", "CODE_SMELL", 0),
                    Level::Style | Level::Ignore => ("INFO", "CODE_SMELL", 0),
                },
            };
            let line = item.line();
            let range = Range { end_column: item.column(), end_line: line, start_column, start_line: line };
            issues.push(Issue {
                engine_id: "Hadolint",
                primary_location: Place { file_path: &report.path, message: item.message(), text_range: range },
                rule_id: item.code(),
                severity,
                kind,
            });
        }
    }
    to_json(&Document { issues })
}
