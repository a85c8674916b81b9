//! Our own JSON of a lint run. In: a lint report. Out: every finding with its places, its fix with its edits, and the other
//! names of its rule.

use plimsoll_model::{
    Finding, IgnoredFinding, LintCounts, LintFinding, LintReport, LintedFile, Problem, TextFix, ToolInfo,
};
use serde::Serialize;

use super::{LINT_SCHEMA_VERSION, LintOptions, files};
use crate::options::ReportError;
use crate::text::json::pretty;

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct JsonReport<'a> {
    schema_version: u32,
    tool: &'a ToolInfo,
    files: Vec<JsonFile<'a>>,
    problems: &'a [Problem],
    summary: LintCounts,
}

#[derive(Serialize)]
struct JsonFile<'a> {
    path: &'a str,
    kind: Option<&'static str>,
    /// From 100, nothing found, down to 0.
    score: u32,
    findings: Vec<JsonFinding<'a>>,
    problems: &'a [Problem],
    /// How many findings do not count.
    ignored: usize,
    #[serde(rename = "ignoredFindings", skip_serializing_if = "<[IgnoredFinding]>::is_empty")]
    ignored_findings: &'a [IgnoredFinding],
}

#[derive(Serialize)]
struct JsonFinding<'a> {
    rule: &'a str,
    #[serde(skip_serializing_if = "<[&str]>::is_empty")]
    aliases: &'static [&'static str],
    severity: plimsoll_model::Severity,
    message: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    remedy: Option<&'a str>,
    locations: &'a [plimsoll_model::Location],
    #[serde(skip_serializing_if = "Option::is_none")]
    fix: Option<&'a TextFix>,
    fingerprint: &'a str,
}

pub fn render(report: &LintReport, options: &LintOptions<'_>) -> Result<Vec<u8>, ReportError> {
    pretty(&JsonReport {
        schema_version: LINT_SCHEMA_VERSION,
        tool: &report.tool,
        files: files(report).into_iter().map(|file| json_file(file, options)).collect(),
        problems: &report.problems,
        summary: report.counts(),
    })
}

fn json_file<'a>(file: &'a LintedFile, options: &LintOptions<'_>) -> JsonFile<'a> {
    let finding = |LintFinding { finding, fingerprint }: &'a LintFinding| {
        let Finding { rule, severity, message, remedy, locations, fix, .. } = finding;
        JsonFinding {
            rule,
            aliases: options.rule(file.kind, rule).map(|(_, rule)| rule.aliases).unwrap_or_default(),
            severity: *severity,
            message,
            remedy: remedy.as_deref(),
            locations,
            fix: fix.as_ref(),
            fingerprint,
        }
    };
    JsonFile {
        path: &file.path,
        kind: file.kind.map(|kind| kind.name()),
        score: file.score(),
        findings: file.findings.iter().map(finding).collect(),
        problems: &file.problems,
        ignored: file.ignored.len(),
        ignored_findings: &file.ignored,
    }
}
