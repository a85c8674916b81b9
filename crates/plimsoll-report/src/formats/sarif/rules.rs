//! The rules of a SARIF log, each once, by id. In: what results name. Out: descriptors with help.

use std::collections::BTreeMap;

use plimsoll_model::{Finding, Match, ReasonCode, Severity};
use serde_json::{Value, json};

use crate::options::RenderOptions;
use crate::text::safe::{safe, sentence};
use crate::view::words;

pub struct Rules<'a> {
    options: &'a RenderOptions<'a>,
    known: BTreeMap<String, Value>,
}

impl<'a> Rules<'a> {
    pub fn new(options: &'a RenderOptions<'a>) -> Rules<'a> {
        Rules { options, known: BTreeMap::new() }
    }

    /// Sorted by id.
    pub fn finish(self) -> Vec<Value> {
        self.known.into_values().collect()
    }

    /// A vulnerability is a rule of its own: code hosts group by rule. The worst rating of several packages stays.
    pub fn vulnerability(&mut self, m: &Match) -> String {
        let id = safe(&m.id).into_owned();
        let score = score(m);
        if self.known.get(&id).is_some_and(|r| rated(r) >= score) {
            return id;
        }
        let title = sentence(words::title(m));
        let about = if m.vulnerability.description.is_empty() { &title } else { &m.vulnerability.description };
        let help = format!("{}\n{}", sentence(about), words::fix(&m.fix));
        self.known.insert(
            id.clone(),
            json!({
                "id": id,
                "name": "VulnerablePackage",
                "shortDescription": {"text": if title.is_empty() { &id } else { &title }},
                "fullDescription": {"text": sentence(about)},
                "helpUri": words::link(&m.id),
                "help": {"text": help},
                "properties": {
                    "security-severity": format!("{:.1}", f64::from(score) / 10.0),
                    "precision": "very-high",
                    "tags": ["security", "vulnerability", m.severity.name()],
                },
            }),
        );
        id
    }

    pub fn finding(&mut self, finding: &Finding) -> String {
        let id = safe(&finding.rule).into_owned();
        let rule = self.options.rule(&finding.rule);
        let severity = rule.map_or(finding.severity, |r| r.severity);
        let (title, why, remedy) = rule.map_or((id.as_str(), "", ""), |r| (r.title, r.why, r.remedy));
        let text = format!("{why}\nWhat to do: {remedy}");
        let markdown = rule.map(|r| {
            format!(
                "{why}\n\n**What to do:** {remedy}\n\nBad:\n\n```\n{}\n```\n\nGood:\n\n```\n{}\n```\n",
                r.bad, r.good
            )
        });
        self.known.entry(id.clone()).or_insert_with(|| {
            json!({
                "id": id,
                "shortDescription": {"text": title},
                "fullDescription": {"text": if why.is_empty() { title } else { why }},
                "help": rule.map(|_| json!({"text": text, "markdown": markdown})),
                "properties": {
                    "security-severity": format!("{:.1}", f64::from(of_severity(severity)) / 10.0),
                    "precision": "high",
                    "tags": ["security", "footprint", severity.name()],
                },
            })
        });
        id
    }

    /// A reason that rests on no single match or finding.
    pub fn reason(&mut self, code: ReasonCode) -> String {
        let id = format!("policy/{}", words::slug(&code));
        self.known.entry(id.clone()).or_insert_with(|| {
            json!({
                "id": id,
                "shortDescription": {"text": words::reason(code)},
                "fullDescription": {"text": words::reason(code)},
                "properties": {"tags": ["security", "policy"]},
            })
        });
        id
    }
}

/// CVSS in tenths: the best version's score, else the middle of the severity's band.
fn score(m: &Match) -> u32 {
    let scores = m.vulnerability.cvss.iter().flat_map(|c| [c.v40_score, c.v3_score]).flatten();
    let best = scores.fold(0.0_f64, f64::max);
    // What the distribution rates low is not shown as critical for the sake of another's score.
    if best > 0.0 && Severity::from_cvss(best) == m.severity {
        (best.clamp(0.0, 10.0) * 10.0).round() as u32
    } else {
        of_severity(m.severity)
    }
}

fn of_severity(severity: Severity) -> u32 {
    match severity {
        Severity::Critical => 95,
        Severity::High => 80,
        Severity::Medium => 55,
        Severity::Low => 20,
        Severity::Unknown => 0,
    }
}

fn rated(rule: &Value) -> u32 {
    let text = rule["properties"]["security-severity"].as_str().unwrap_or("0");
    text.parse::<f64>().map_or(0, |score| (score * 10.0).round() as u32)
}
