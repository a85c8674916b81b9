//! hadolint's own JSON, and Codacy's.

use serde::Serialize;

use super::{Facts, to_json};

#[derive(Serialize)]
struct Row<'a> {
    code: &'a str,
    column: u32,
    file: &'a str,
    level: &'a str,
    line: u32,
    message: &'a str,
}

/// A list of all findings.
pub fn json(facts: &Facts<'_>) -> String {
    let mut rows = Vec::new();
    for report in facts.reports {
        rows.extend(report.items().into_iter().map(|item| Row {
            code: item.code(),
            column: item.column(),
            file: &report.name,
            level: item.level().name(),
            line: item.line(),
            message: item.message(),
        }));
    }
    to_json(&rows)
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Codacy<'a> {
    filename: &'a str,
    line: u32,
    message: &'a str,
    pattern_id: &'a str,
}

/// One object after another with nothing between.
pub fn codacy(facts: &Facts<'_>) -> String {
    let mut out = String::new();
    for report in facts.reports {
        for item in report.items() {
            out.push_str(&to_json(&Codacy {
                filename: &report.name,
                line: item.line(),
                message: item.message(),
                pattern_id: item.code(),
            }));
        }
    }
    out
}
