//! SARIF 2.1.0 (OASIS): vulnerabilities, findings and refusals as results of one run. In: a report. Out: a log that code
//! hosts show beside the lines. "Could not tell" is a result of kind `open`, and a notification of the invocation.

pub(crate) mod place;
mod rules;

use plimsoll_model::{Effect, Match, MatchState, Problem, ProblemEffect, Report, Severity};
use serde_json::{Value, json};

use crate::canonical::canonical;
use crate::components::{References, sha256_hex};
use crate::options::{RenderOptions, ReportError};
use crate::text::json::{pretty, without_empty};
use crate::text::safe::sentence;
use crate::view::actions::upgrade;
use crate::view::facts::facts;
use crate::view::{SubjectView, View, coverage, packages_of, words};
use rules::Rules;

/// The published schema that logs name.
pub(crate) const SCHEMA: &str =
    "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json";

pub fn render(report: &Report, options: &RenderOptions<'_>) -> Result<Vec<u8>, ReportError> {
    let report = canonical(report);
    let view = View::new(&report, options);
    let mut rules = Rules::new(options);
    let mut results = Vec::new();
    let mut notifications = Vec::new();
    let mut seen = References::default();
    for subject in &view.subjects {
        let mut found = results_of(subject, &mut rules);
        for result in &mut found {
            // What the policy only warns of is no error.
            if subject.may_run_anyway() && result["level"] == "error" {
                result["level"] = Value::String("warning".into());
            }
            fingerprint(result, subject, &mut seen);
        }
        results.append(&mut found);
        notifications.extend(subject.problems().into_iter().map(|p| notification(p, Some(subject))));
    }
    notifications.extend(report.problems.iter().map(|p| notification(p, None)));
    let mut properties = serde_json::Map::new();
    for (name, value) in facts(&report) {
        // Several databases or files share one name.
        let list = properties.entry(name).or_insert_with(|| Value::Array(Vec::new()));
        if let Value::Array(list) = list {
            list.push(Value::String(value));
        }
    }
    let lines = view.subjects.iter().flat_map(|s| {
        let name = &s.assessment.subject.name;
        coverage::lines(s).into_iter().map(move |l| format!("{name}: {} {}", l.told.sign(), l.text))
    });
    properties.insert("plimsoll:coverage".into(), lines.map(Value::String).collect());
    let mut log = json!({
        "$schema": SCHEMA,
        "version": "2.1.0",
        "runs": [{
            "tool": {"driver": {
                "name": report.tool.name,
                "version": report.tool.version,
                "informationUri": "https://github.com/plimsoll-dev/plimsoll",
                "rules": rules.finish(),
            }},
            "invocations": [{
                // The tool ran; that it could not tell is in the notifications and the results.
                "executionSuccessful": true,
                "toolExecutionNotifications": notifications,
            }],
            "columnKind": "unicodeCodePoints",
            "results": results,
            "properties": properties,
        }],
    });
    without_empty(&mut log, &["results", "rules"]);
    pretty(&log)
}

fn results_of(subject: &SubjectView<'_>, rules: &mut Rules<'_>) -> Vec<Value> {
    let assessment = subject.assessment;
    let mut results = Vec::new();
    for reason in subject.reasons().iter().filter(|r| r.matches.is_empty() && r.findings.is_empty()) {
        let (kind, level) = weight(Some(reason.effect), Severity::High);
        let message = format!("{}: {}", assessment.subject.name, sentence(&reason.message));
        results.push(json!({
            "ruleId": rules.reason(reason.code),
            "kind": kind,
            "level": level,
            "message": {"text": message},
            "locations": place::of_subject(subject),
            "properties": {"clause": reason.clause},
        }));
    }
    for (index, m) in assessment.matches.iter().enumerate() {
        if matches!(m.state, MatchState::NotAffected { .. }) {
            continue;
        }
        let undecided = matches!(m.state, MatchState::Undecided { .. });
        let effect = if undecided { Some(Effect::Undecided) } else { subject.effects.matches[index] };
        let (kind, level) = weight(effect, m.severity);
        let first = packages_of(assessment, m).next();
        let hidden = hidden(subject, |h| h.r#match == Some(index));
        results.push(json!({
            "ruleId": rules.vulnerability(m),
            "kind": kind,
            "level": level,
            "message": {"text": message(subject, m)},
            "locations": place::of(subject, first.map(|p| &p.location), &m.name),
            "suppressions": hidden,
            "properties": {
                "package": m.name,
                "installedVersion": m.version,
                "fixedVersions": m.fix.versions(),
                "layer": first.and_then(|p| p.location.layer),
                "knownExploited": if m.known_exploited.is_some() { Some(true) } else { None },
                "epss": m.epss.as_ref().map(|e| e.score),
            },
        }));
    }
    for (index, finding) in assessment.findings.iter().enumerate() {
        let hidden = hidden(subject, |h| h.finding == Some(index));
        if hidden.is_none() && !subject.findings.contains(&index) {
            continue;
        }
        let (kind, level) = weight(subject.effects.findings[index], finding.severity);
        let remedy = finding.remedy.as_ref().map(|r| format!("; {}", sentence(r))).unwrap_or_default();
        results.push(json!({
            "ruleId": rules.finding(finding),
            "kind": kind,
            "level": level,
            "message": {"text": format!("{}{remedy}", sentence(&finding.message))},
            "locations": place::of_all(subject, &finding.locations),
            "suppressions": hidden,
        }));
    }
    results
}

/// What the verdict did not count, as SARIF says it.
fn hidden(subject: &SubjectView<'_>, is: impl Fn(&plimsoll_model::Hidden) -> bool) -> Option<Vec<Value>> {
    let verdict = subject.assessment.verdict.as_ref()?;
    let hidden = verdict.hidden.iter().find(|h| is(h))?;
    let why = sentence(&words::hidden(hidden.by, &hidden.reason));
    Some(vec![json!({"kind": "external", "status": "accepted", "justification": why})])
}

/// Kind and level (SARIF §3.27.9–10: any kind but `fail` has level `none`).
fn weight(effect: Option<Effect>, severity: Severity) -> (&'static str, &'static str) {
    match effect {
        Some(Effect::Undecided) => ("open", "none"),
        Some(Effect::Info) => ("informational", "none"),
        Some(Effect::Deny) => ("fail", "error"),
        Some(Effect::Warn) => ("fail", "warning"),
        None => match severity {
            Severity::Critical | Severity::High => ("fail", "error"),
            Severity::Medium => ("fail", "warning"),
            Severity::Low | Severity::Unknown => ("fail", "note"),
        },
    }
}

fn message(subject: &SubjectView<'_>, m: &Match) -> String {
    let fix = upgrade(m).map_or_else(|| words::fix(&m.fix), |version| format!("upgrade to {version}"));
    let state = match &m.state {
        MatchState::Undecided { reason } => format!(" (could not tell: {reason})"),
        _ => String::new(),
    };
    let name = &subject.assessment.subject.name;
    let text = format!("{} in {} {} of {name}{state}: {}; {fix}", m.id, m.name, m.version, words::title(m));
    sentence(&text)
}

/// The same fault keeps its fingerprint when versions, lines or layers change.
fn fingerprint(result: &mut Value, subject: &SubjectView<'_>, seen: &mut References) {
    let name = match &subject.assessment.subject.reference {
        Some(reference) => reference.name(),
        None => subject.assessment.subject.name.clone(),
    };
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let path = text(&result["locations"][0]["logicalLocations"][0]["fullyQualifiedName"]);
    let package = text(&result["properties"]["package"]);
    let identity = format!("{name}\n{}\n{package}\n{path}", text(&result["ruleId"]));
    let identity = seen.take(&sha256_hex(identity.as_bytes()));
    result["partialFingerprints"] = json!({"plimsoll/v1": identity});
}

fn notification(problem: &Problem, subject: Option<&SubjectView<'_>>) -> Value {
    let level = match problem.effect {
        ProblemEffect::Undecided => "error",
        ProblemEffect::Note => "note",
    };
    let hint = problem.hint.as_ref().map(|h| format!(" (hint: {h})")).unwrap_or_default();
    let of = subject.map(|s| format!("{}: ", s.assessment.subject.name)).unwrap_or_default();
    json!({
        "descriptor": {"id": format!("problem/{}", words::slug(&problem.kind))},
        "level": level,
        "message": {"text": sentence(&format!("{of}{}{hint}", problem.message))},
        "locations": problem.location.as_ref().map(|l| vec![place::physical(l)]),
    })
}
