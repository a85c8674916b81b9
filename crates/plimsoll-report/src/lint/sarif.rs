//! SARIF 2.1.0 (OASIS) of a lint run. In: a lint report. Out: a log with the rules and their help, results with regions,
//! fixes and fingerprints; what ignores and the baseline keep quiet is there as suppressed. What could not be read is a
//! notification of the invocation.

use std::collections::BTreeMap;

use plimsoll_model::{
    IgnoredBy, Lines, LintFinding, LintReport, LintedFile, Location, Problem, ProblemEffect, Severity, TextEdit,
    TextFix,
};
use serde_json::{Value, json};

use super::{LintOptions, PROBLEM, files, level, said};
use crate::formats::{SARIF_SCHEMA, sarif_uri as uri};
use crate::options::ReportError;
use crate::text::json::{pretty, without_empty};
use crate::text::safe::sentence;

pub fn render(report: &LintReport, options: &LintOptions<'_>) -> Result<Vec<u8>, ReportError> {
    let mut rules: BTreeMap<&str, Value> = BTreeMap::new();
    let (mut results, mut notifications) = (Vec::new(), Vec::new());
    for file in files(report) {
        let lines = Lines::new(&file.text);
        let ignored = file.ignored.iter().map(|ignored| {
            let kind = match ignored.by {
                IgnoredBy::File => "inSource",
                IgnoredBy::Baseline | IgnoredBy::Policy => "external",
            };
            let justification = sentence(&ignored.reason);
            (&ignored.finding, Some(json!([{"kind": kind, "status": "accepted", "justification": justification}])))
        });
        for (found, suppressions) in file.findings.iter().map(|found| (found, None)).chain(ignored) {
            let id = found.finding.rule.as_str();
            rules.entry(id).or_insert_with(|| rule(file, id, options));
            let mut result = result(file, &lines, found);
            result["suppressions"] = suppressions.unwrap_or_default();
            results.push(result);
        }
        notifications.extend(file.problems.iter().map(notification));
    }
    notifications.extend(report.problems.iter().map(notification));
    let mut log = json!({
        "$schema": SARIF_SCHEMA,
        "version": "2.1.0",
        "runs": [{
            "tool": {"driver": {
                "name": report.tool.name,
                "version": report.tool.version,
                "informationUri": "https://github.com/plimsoll-dev/plimsoll",
                "rules": rules.into_values().collect::<Vec<_>>(),
            }},
            "invocations": [{"executionSuccessful": true, "toolExecutionNotifications": notifications}],
            "columnKind": "unicodeCodePoints",
            "results": results,
        }],
    });
    // An insertion's text and a deletion's emptiness both count.
    without_empty(&mut log, &["results", "rules"]);
    pretty(&log)
}

fn rule(file: &LintedFile, id: &str, options: &LintOptions<'_>) -> Value {
    let Some((family, rule)) = options.rule(file.kind, id) else {
        return json!({"id": sentence(id), "shortDescription": {"text": sentence(id)}});
    };
    let score = match rule.severity {
        Severity::Critical => "9.5",
        Severity::High => "8.0",
        Severity::Medium => "5.5",
        Severity::Low => "2.0",
        Severity::Unknown => "0.0",
    };
    let tags: Vec<&str> =
        ["security", family, rule.severity.name()].into_iter().chain(rule.aliases.iter().copied()).collect();
    let markdown = format!(
        "{}\n\n**What to do:** {}\n\nBad:\n\n```\n{}\n```\n\nGood:\n\n```\n{}\n```\n",
        rule.why, rule.remedy, rule.bad, rule.good
    );
    json!({
        "id": rule.id,
        "shortDescription": {"text": rule.title},
        "fullDescription": {"text": rule.why},
        "help": {"text": format!("{}\nWhat to do: {}", rule.why, rule.remedy), "markdown": markdown},
        "defaultConfiguration": {"level": level(rule.severity)},
        "properties": {"security-severity": score, "precision": "high", "tags": tags},
    })
}

fn result(file: &LintedFile, lines: &Lines, found: &LintFinding) -> Value {
    let finding = &found.finding;
    let remedy = finding.remedy.as_ref().map(|remedy| format!("; {}", sentence(remedy))).unwrap_or_default();
    let whole = [Location::path(file.path.clone())];
    let places = if finding.locations.is_empty() { &whole[..] } else { &finding.locations };
    let (first, further) = places.split_at(1);
    let related = further.iter().enumerate().map(|(index, place)| {
        let mut value = physical(place);
        value["id"] = json!(index + 1);
        value
    });
    // Edits are bytes of a text that must be there to say their lines.
    let fix = finding.fix.as_ref().filter(|_| !file.text.is_empty());
    json!({
        "ruleId": sentence(&finding.rule),
        "level": level(finding.severity),
        "message": {"text": format!("{}{remedy}", sentence(&finding.message))},
        "locations": first.iter().map(physical).collect::<Vec<_>>(),
        "relatedLocations": related.collect::<Vec<_>>(),
        "partialFingerprints": {"plimsoll/v1": found.fingerprint},
        "fixes": fix.map(|fix| vec![changes(file, lines, fix)]),
        "properties": {"severity": finding.severity.name()},
    })
}

fn physical(place: &Location) -> Value {
    let region = place.line.map(|line| {
        let last = place.end_line.filter(|last| *last >= line);
        json!({
            "startLine": line,
            "startColumn": place.column,
            "endLine": last,
            "endColumn": last.and(place.end_column),
        })
    });
    json!({"physicalLocation": {"artifactLocation": {"uri": uri(&place.path)}, "region": region}})
}

fn changes(file: &LintedFile, lines: &Lines, fix: &TextFix) -> Value {
    let replacement = |edit: &TextEdit| {
        let (line, column) = lines.line_column(&file.text, edit.start);
        let (last, end) = lines.line_column(&file.text, edit.end);
        let region = json!({"startLine": line, "startColumn": column, "endLine": last, "endColumn": end});
        // A deletion has no text to insert; an insertion deletes a region of no length.
        let text = (!edit.text.is_empty()).then(|| json!({"text": edit.text}));
        json!({"deletedRegion": region, "insertedContent": text})
    };
    json!({
        "description": {"text": sentence(&fix.title)},
        "artifactChanges": [{
            "artifactLocation": {"uri": uri(&file.path)},
            "replacements": fix.edits.iter().map(replacement).collect::<Vec<_>>(),
        }],
    })
}

fn notification(problem: &Problem) -> Value {
    let level = match problem.effect {
        ProblemEffect::Undecided => "error",
        ProblemEffect::Note => "note",
    };
    json!({
        "descriptor": {"id": PROBLEM},
        "level": level,
        "message": {"text": sentence(&said(problem))},
        "locations": problem.location.as_ref().map(|place| vec![physical(place)]),
    })
}
