//! SARIF 2.1.0 on one line: a rule for each namespace and kind of result.

use std::collections::BTreeMap;

use serde::Serialize;

use super::Shown;
use crate::compat::conftest::SPOKEN;
use crate::compat::conftest::result::{self, Check, Finding, Meta};
use crate::rego::json;

const SCHEMA: &str =
    "https://raw.githubusercontent.com/oasis-tcs/sarif-spec/main/sarif-2.1/schema/sarif-schema-2.1.0.json";

#[derive(Serialize)]
struct Report<'a> {
    version: &'static str,
    #[serde(rename = "$schema")]
    schema: &'static str,
    runs: [Run<'a>; 1],
}

#[derive(Serialize)]
struct Run<'a> {
    tool: Tool<'a>,
    invocations: [Invocation; 1],
    results: Vec<Found<'a>>,
}

#[derive(Serialize)]
struct Tool<'a> {
    driver: Driver<'a>,
}

#[derive(Serialize)]
struct Driver<'a> {
    #[serde(rename = "informationUri")]
    uri: &'static str,
    name: &'static str,
    rules: Vec<Rule<'a>>,
    version: &'static str,
}

#[derive(Serialize)]
struct Invocation {
    #[serde(rename = "executionSuccessful")]
    successful: bool,
    #[serde(rename = "exitCode")]
    status: u8,
    #[serde(rename = "exitCodeDescription")]
    description: &'static str,
}

#[derive(Serialize)]
struct Text<'a> {
    text: &'a str,
}

#[derive(Serialize)]
struct Rule<'a> {
    id: String,
    #[serde(rename = "shortDescription")]
    description: Text<'a>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    properties: BTreeMap<String, Meta>,
}

#[derive(Serialize)]
struct Found<'a> {
    #[serde(rename = "ruleId")]
    rule: String,
    #[serde(rename = "ruleIndex")]
    index: usize,
    level: &'static str,
    message: Text<'a>,
    locations: [Place; 1],
}

#[derive(Serialize)]
struct Place {
    #[serde(rename = "physicalLocation")]
    physical: Physical,
}

#[derive(Serialize)]
struct Physical {
    #[serde(rename = "artifactLocation")]
    artifact: Uri,
    #[serde(skip_serializing_if = "Option::is_none")]
    region: Option<Region>,
}

#[derive(Serialize)]
struct Uri {
    uri: String,
}

#[derive(Serialize)]
struct Region {
    #[serde(rename = "startLine")]
    start: i64,
    #[serde(rename = "endLine")]
    end: i64,
}

/// What becomes of findings of one kind.
struct Kind {
    rule: &'static str,
    level: &'static str,
    description: &'static str,
}

const DENY: Kind = Kind { rule: "deny", level: "error", description: "Policy violation" };
const WARN: Kind = Kind { rule: "warn", level: "warning", description: "Policy warning" };
const ALLOW: Kind = Kind { rule: "allow", level: "note", description: "Policy exception" };
const SUCCESS: Kind = Kind { rule: "success", level: "none", description: "Policy was satisfied successfully" };
const SKIP: Kind = Kind { rule: "skip", level: "none", description: "Policy check was skipped" };

#[derive(Default)]
struct Lists<'a> {
    rules: Vec<Rule<'a>>,
    results: Vec<Found<'a>>,
}

impl<'a> Lists<'a> {
    fn add(&mut self, check: &'a Check, kind: &Kind, finding: Option<&'a Finding>) {
        let id = format!("{}/{}", check.namespace, kind.rule);
        let index = self.rules.iter().position(|rule| rule.id == id).unwrap_or_else(|| {
            let own = || BTreeMap::from([("description".to_owned(), Meta::Json(kind.description.into()))]);
            let properties = finding.map_or_else(own, |finding| finding.metadata.clone());
            self.rules.push(Rule { id: id.clone(), description: Text { text: kind.description }, properties });
            self.rules.len() - 1
        });
        let at = finding.and_then(|finding| finding.location.as_ref());
        let line = at.map(|at| at.line_text().parse().unwrap_or(0));
        let artifact = Uri { uri: escaped(at.map_or(&check.file, |at| &at.file)) };
        let region = line.map(|line| Region { start: line, end: line });
        self.results.push(Found {
            rule: id,
            index,
            level: kind.level,
            message: Text { text: finding.map_or(kind.description, |finding| &finding.message) },
            locations: [Place { physical: Physical { artifact, region } }],
        });
    }
}

pub fn write(checks: &[Check], _: &Shown) -> String {
    let mut all = Lists::default();
    for check in checks {
        for (kind, findings) in [(&DENY, &check.failures), (&WARN, &check.warnings), (&ALLOW, &check.exceptions)] {
            for finding in findings {
                all.add(check, kind, Some(finding));
            }
        }
        if check.failures.is_empty() && check.warnings.is_empty() {
            let passed = check.successes > 0 || !check.exceptions.is_empty();
            all.add(check, if passed { &SUCCESS } else { &SKIP }, None);
        }
    }
    let description = match () {
        () if checks.iter().any(|check| !check.failures.is_empty()) => "Policy violations found",
        () if checks.iter().any(|check| !check.warnings.is_empty()) => "Policy warnings found",
        () => "No policy violations found",
    };
    let invocation = Invocation { successful: true, status: result::status(checks, false), description };
    let driver = Driver {
        uri: "https://github.com/open-policy-agent/conftest",
        name: "conftest",
        rules: all.rules,
        version: SPOKEN,
    };
    let run = Run { tool: Tool { driver }, invocations: [invocation], results: all.results };
    json::compact(&Report { version: "2.1.0", schema: SCHEMA, runs: [run] })
}

/// A path as part of a URI.
fn escaped(path: &str) -> String {
    let mut out = String::new();
    for byte in path.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' => out.push(char::from(byte)),
            b'-' | b'_' | b'.' | b'~' | b'$' | b'&' | b'+' | b',' | b'/' | b':' | b';' | b'=' | b'@' => {
                out.push(char::from(byte));
            }
            byte => out.push_str(&format!("%{byte:02X}")),
        }
    }
    out
}
