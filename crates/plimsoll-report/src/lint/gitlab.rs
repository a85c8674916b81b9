//! GitLab's Code Quality report. In: a lint report. Out: the array that a job gives as `artifacts:reports:codequality`.

use plimsoll_model::{LintReport, Location, Problem, Severity};
use serde_json::{Value, json};

use super::{LintOptions, PROBLEM, files, is_undecided, place, said, untold};
use crate::components::sha256_hex;
use crate::options::ReportError;
use crate::text::json::pretty;
use crate::text::safe::sentence;

pub fn render(report: &LintReport, options: &LintOptions<'_>) -> Result<Vec<u8>, ReportError> {
    let mut issues = Vec::new();
    for file in files(report) {
        for found in &file.findings {
            let finding = &found.finding;
            let severity = match finding.severity {
                Severity::Critical => "blocker",
                Severity::High => "critical",
                Severity::Medium => "major",
                Severity::Low => "minor",
                Severity::Unknown => "info",
            };
            issues.push(json!({
                "description": sentence(&finding.message),
                "check_name": options.label(file.kind, &finding.rule),
                "fingerprint": found.fingerprint,
                "severity": severity,
                "location": location(&place(file, found)),
            }));
        }
        issues.extend(untold(file).map(problem));
    }
    issues.extend(report.problems.iter().map(problem));
    pretty(&issues)
}

fn problem(problem: &Problem) -> Value {
    let place = problem.location.clone().unwrap_or_else(|| Location::path("."));
    let said = sentence(&said(problem));
    json!({
        "description": said,
        "check_name": PROBLEM,
        "fingerprint": sha256_hex(format!("{PROBLEM}\n{}\n{said}", place.path).as_bytes()),
        "severity": if is_undecided(problem) { "major" } else { "info" },
        "location": location(&place),
    })
}

fn location(place: &Location) -> Value {
    let begin = place.line.unwrap_or(1);
    let end = place.end_line.unwrap_or(begin).max(begin);
    json!({"path": place.path.trim_start_matches("./"), "lines": {"begin": begin, "end": end}})
}
