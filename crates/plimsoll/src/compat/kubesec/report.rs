//! Kubesec's reports. In: a file's text. Out: one report for each object, and the JSON that kubesec prints.

use std::sync::Arc;

use plimsoll_yaml::{FaultKind, Node, documents};
use serde::Serialize;

use super::evaluate::Facts;
use super::rules::{RULES, Rule};
use super::valid;

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Report {
    /// `Kind/name.namespace`.
    object: String,
    valid: bool,
    file_name: String,
    message: String,
    pub score: i32,
    scoring: Scoring,
}

#[derive(Debug, Default, Serialize)]
struct Scoring {
    #[serde(skip_serializing_if = "Vec::is_empty")]
    critical: Vec<Entry>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    passed: Vec<Entry>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    advise: Vec<Entry>,
}

#[derive(Debug, Serialize)]
struct Entry {
    id: &'static str,
    selector: &'static str,
    reason: &'static str,
    points: i32,
}

/// The reports of a text.
///
/// # Errors
/// The text is no YAML, or has nothing in it: nothing is scored then.
pub fn reports(file_name: &str, text: &str) -> Result<Vec<Report>, String> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let (documents, fault) = documents(text);
    if let Some(fault) = fault {
        let words = plimsoll_report::safe(&fault.message).into_owned();
        return Err(match fault.kind {
            FaultKind::Bound => format!("yaml: line {}: could not read it: {words}", fault.line),
            _ => format!("yaml: line {}: {words}", fault.line),
        });
    }
    let objects = documents.iter().filter(|document| !document.is_null());
    let reports: Vec<Report> = objects.map(|object| report(file_name, object)).collect();
    if reports.is_empty() { Err("invalid input".into()) } else { Ok(reports) }
}

fn report(file_name: &str, object: &Arc<Node>) -> Report {
    let mut report = Report {
        object: name(object),
        valid: true,
        file_name: file_name.to_owned(),
        message: String::new(),
        score: 0,
        scoring: Scoring::default(),
    };
    if let Some(fault) = valid::fault(object) {
        (report.valid, report.message) = (false, fault);
        return report;
    }
    let kind = object.get("kind").and_then(|kind| kind.text()).unwrap_or_default();
    let facts = Facts::new(object, kind);
    let mut applied = 0;
    for rule in RULES.iter().filter(|rule| rule.kinds.contains(&kind)) {
        applied += 1;
        let entry = Entry::of(rule);
        match (rule.points < 0, (rule.holds)(&facts)) {
            (true, true) => report.scoring.critical.push(entry),
            (false, true) => report.scoring.passed.push(entry),
            (false, false) => report.scoring.advise.push(entry),
            (true, false) => continue,
        }
    }
    let scoring = &mut report.scoring;
    report.score = scoring.critical.iter().chain(&scoring.passed).map(|entry| entry.points).sum();
    for list in [&mut scoring.critical, &mut scoring.passed, &mut scoring.advise] {
        list.sort_by(|a, b| b.points.abs().cmp(&a.points.abs()).then(a.selector.cmp(b.selector)));
    }
    report.message = match (applied, report.score) {
        (0, _) => "This resource kind is not supported by kubesec".into(),
        (_, score @ 0..) => format!("Passed with a score of {score} points"),
        (_, score) => format!("Failed with a score of {score} points"),
    };
    report
}

impl Entry {
    fn of(rule: &Rule) -> Entry {
        Entry { id: rule.id, selector: rule.selector, reason: rule.reason, points: rule.points }
    }
}

/// `Kind/name.namespace`, with kubesec's words for what is not set.
fn name(object: &Node) -> String {
    let set = |node: &Node, key: &str| node.get(key).filter(|v| !v.is_null()).and_then(|v| v.text().map(str::to_owned));
    let Some(kind) = set(object, "kind") else { return "Unknown".into() };
    let field = |key: &str| object.get("metadata").and_then(|metadata| set(metadata, key));
    let (name, namespace) = (field("name"), field("namespace"));
    format!("{kind}/{}.{}", name.as_deref().unwrap_or("undefined"), namespace.as_deref().unwrap_or("default"))
}

/// JSON as kubesec prints it: two spaces, and the letters that HTML minds escaped. Ends without a line break.
pub fn json(value: &impl Serialize) -> serde_json::Result<String> {
    Ok(crate::compat::go_json(&serde_json::to_string_pretty(value)?))
}
