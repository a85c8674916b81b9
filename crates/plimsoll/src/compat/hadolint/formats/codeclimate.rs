//! Code Climate's issues, and GitLab's flavour of them, where each has a fingerprint.

use std::fmt::Write as _;

use serde::Serialize;
use sha1::{Digest, Sha1};

use super::super::levels::Level;
use super::super::report::{FileReport, Item};
use super::{Facts, to_json};

#[derive(Serialize)]
struct Issue<'a> {
    categories: [&'static str; 1],
    check_name: &'a str,
    description: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    fingerprint: Option<String>,
    location: Place<'a>,
    severity: &'static str,
    #[serde(rename = "type")]
    kind: &'static str,
}

#[derive(Serialize)]
#[serde(untagged)]
enum Place<'a> {
    Lines { lines: Range<u32>, path: &'a str },
    Positions { path: &'a str, positions: Range<Position> },
}

#[derive(Serialize, Clone, Copy)]
struct Range<T> {
    begin: T,
    end: T,
}

#[derive(Serialize, Clone, Copy)]
struct Position {
    column: u32,
    line: u32,
}

/// One object after another, each with a NUL byte behind it.
pub fn codeclimate(facts: &Facts<'_>) -> String {
    let mut out = String::new();
    for report in facts.reports {
        for item in report.items() {
            out.push_str(&to_json(&issue(report, item)));
            out.push('\0');
        }
    }
    out
}

/// A list; the fingerprint is that of the issue's own JSON without it.
pub fn gitlab(facts: &Facts<'_>) -> String {
    let mut issues = Vec::new();
    for report in facts.reports {
        for item in report.items() {
            let mut issue = issue(report, item);
            issue.fingerprint = Some(hash(&to_json(&issue)));
            issues.push(issue);
        }
    }
    to_json(&issues)
}

fn issue<'a>(report: &'a FileReport, item: Item<'a>) -> Issue<'a> {
    let path = &report.path;
    let (location, severity) = match item {
        Item::Entry(entry) => {
            (Place::Lines { lines: Range { begin: entry.line, end: entry.line }, path }, severity(entry.level))
        }
        Item::Fault(fault) => {
            let position = Position { column: fault.column, line: fault.line };
            (Place::Positions { path, positions: Range { begin: position, end: position } }, "blocker")
        }
    };
    Issue {
        categories: ["Bug Risk"],
        check_name: item.code(),
        description: item.message(),
        fingerprint: None,
        location,
        severity,
        kind: "issue",
    }
}

fn severity(level: Level) -> &'static str {
    match level {
        Level::Error => "blocker",
        Level::Warning => "major",
        Level::Info => "info",
        Level::Style | Level::Ignore => "minor",
    }
}

fn hash(text: &str) -> String {
    Sha1::digest(text.as_bytes()).iter().fold(String::new(), |mut hex, byte| {
        let _ = write!(hex, "{byte:02x}");
        hex
    })
}
