//! CycloneDX 1.6 JSON (ECMA-424): what is in the subject and, once it was judged, what is known against it. In: a report
//! or a bill. Out: a document whose serial number is derived from its content.

use plimsoll_model::{Cvss, HiddenBy, Inventory, Match, MatchState, Report, Subject, SubjectKind, ToolInfo};
use serde_json::{Value, json};

use crate::canonical::{canonical, canonical_inventory};
use crate::components::{Bill, Component, Parts, References, parts, seconds, uuid, web_address};
use crate::licence::Licence;
use crate::options::{RenderOptions, ReportError};
use crate::text::json::{compact, pretty, without_empty};
use crate::view::actions::upgrade;
use crate::view::facts::facts;
use crate::view::{SubjectView, View, coverage, words};

pub fn render(report: &Report, options: &RenderOptions<'_>) -> Result<Vec<u8>, ReportError> {
    let report = canonical(report);
    let view = View::new(&report, options);
    let mut references = References::default();
    let all: Vec<Parts<'_>> =
        view.subjects.iter().map(|s| parts(&s.assessment.subject, &s.assessment.inventory, &mut references)).collect();
    let vulnerabilities: Vec<Value> = view
        .subjects
        .iter()
        .zip(&all)
        .flat_map(|(subject, parts)| vulnerabilities(subject, parts, &mut references))
        .collect();
    let mut properties: Vec<Value> = facts(&report).into_iter().map(|(name, value)| property(name, &value)).collect();
    for subject in &view.subjects {
        let lines = coverage::lines(subject);
        properties.extend(lines.iter().map(|l| {
            property("plimsoll:coverage", &format!("{}: {} {}", subject.assessment.subject.name, l.told.sign(), l.text))
        }));
    }
    let compositions = view.subjects.iter().zip(&all).map(|(subject, parts)| {
        let aggregate = if subject.incomplete() { "incomplete" } else { "complete" };
        json!({"aggregate": aggregate, "assemblies": [parts.reference]})
    });
    let subjects: Vec<(&Subject, &Inventory, &Parts<'_>)> =
        view.subjects.iter().zip(&all).map(|(s, p)| (&s.assessment.subject, &s.assessment.inventory, p)).collect();
    document(&report.tool, report.at, &subjects, properties, vulnerabilities, compositions.collect(), &mut references)
}

/// The bill of an inventory without a verdict.
pub fn bill(bill: &Bill<'_>, _: &RenderOptions<'_>) -> Result<Vec<u8>, ReportError> {
    let inventory = canonical_inventory(bill.inventory);
    let bill = Bill { inventory: &inventory, ..*bill };
    let mut references = References::default();
    let parts = parts(bill.subject, bill.inventory, &mut references);
    let aggregate = if bill.inventory.problems.is_empty() && bill.inventory.seen_not_read.is_empty() {
        "complete"
    } else {
        "incomplete"
    };
    let told = bill.inventory.problems.iter().map(|p| property("plimsoll:problem", &p.to_string()));
    let seen = bill.inventory.seen_not_read.iter();
    let seen = seen.map(|s| property("plimsoll:seen-not-read", &format!("{}: {}", s.location, s.what)));
    let compositions = vec![json!({"aggregate": aggregate, "assemblies": [parts.reference]})];
    let subjects = [(bill.subject, bill.inventory, &parts)];
    document(bill.tool, bill.at, &subjects, told.chain(seen).collect(), Vec::new(), compositions, &mut references)
}

fn document(
    tool: &ToolInfo,
    at: jiff::Timestamp,
    subjects: &[(&Subject, &Inventory, &Parts<'_>)],
    properties: Vec<Value>,
    vulnerabilities: Vec<Value>,
    compositions: Vec<Value>,
    references: &mut References,
) -> Result<Vec<u8>, ReportError> {
    let mut components = Vec::new();
    let mut dependencies = Vec::new();
    for (_, inventory, parts) in subjects {
        if let (Some(distro), Some(reference)) = (&inventory.distro, &parts.system) {
            components.push(json!({
                "type": "operating-system",
                "bom-ref": reference,
                "name": distro.family.name(),
                "version": distro.version,
                "description": distro.pretty_name,
            }));
            dependencies.push(json!({"ref": reference, "dependsOn": []}));
        }
        for c in &parts.components {
            components.push(component(c));
            dependencies.push(json!({"ref": c.reference, "dependsOn": c.depends_on}));
        }
        let top: Vec<&String> = parts.system.iter().chain(&parts.top).collect();
        dependencies.push(json!({"ref": parts.reference, "dependsOn": top}));
    }
    let main = match subjects {
        [(subject, _, parts)] => subject_component(subject, parts),
        several => {
            let reference = references.take("plimsoll:run");
            let all: Vec<&String> = several.iter().map(|(_, _, parts)| &parts.reference).collect();
            dependencies.push(json!({"ref": reference, "dependsOn": all}));
            components.extend(several.iter().map(|(subject, _, parts)| subject_component(subject, parts)));
            json!({"type": "application", "bom-ref": reference, "name": "everything that was checked"})
        }
    };
    let mut document = json!({
        "$schema": "http://cyclonedx.org/schema/bom-1.6.schema.json",
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "version": 1,
        "metadata": {
            "timestamp": seconds(at),
            "tools": {"components": [{"type": "application", "name": tool.name, "version": tool.version}]},
            "component": main,
            "properties": properties,
        },
        "components": components,
        "dependencies": dependencies,
        "compositions": compositions,
        "vulnerabilities": vulnerabilities,
    });
    without_empty(&mut document, &["components"]);
    let serial = format!("urn:uuid:{}", uuid(&compact(&document)?));
    document["serialNumber"] = Value::String(serial);
    pretty(&document)
}

fn property(name: &str, value: &str) -> Value {
    json!({"name": name, "value": value})
}

fn subject_component(subject: &Subject, parts: &Parts<'_>) -> Value {
    let digest = subject.digest.as_ref();
    let algorithm = digest.map(|d| if d.algorithm().name() == "sha256" { "SHA-256" } else { "SHA-512" });
    let version = digest.map(ToString::to_string);
    json!({
        "type": if subject.kind == SubjectKind::Image { "container" } else { "application" },
        "bom-ref": parts.reference,
        "name": subject.reference.as_ref().map_or_else(|| subject.name.clone(), |r| r.name()),
        "version": version,
        "purl": parts.purl,
        "hashes": digest.map(|d| vec![json!({"alg": algorithm, "content": d.hex()})]),
    })
}

fn component(c: &Component<'_>) -> Value {
    let p = c.package;
    // Scopes and groups are names of their own in CycloneDX; a Go module's path is not.
    let grouped = matches!(c.purl.kind.as_str(), "maven" | "npm" | "composer") && !c.purl.namespace.is_empty();
    let (group, name) =
        if grouped { (Some(c.purl.namespace.as_str()), c.purl.name.as_str()) } else { (None, p.name.as_str()) };
    let mut properties = vec![property("plimsoll:reader", &p.reader)];
    if let Some(layer) = p.location.layer {
        properties.push(property("plimsoll:layer", &layer.to_string()));
    }
    if let Some(source) = &p.source {
        properties.push(property("plimsoll:source", &format!("{} {}", source.name, source.version)));
    }
    if p.guessed {
        properties.push(property("plimsoll:guessed", "true"));
    }
    let occurrence = (!p.location.path.is_empty())
        .then(|| json!({"occurrences": [{"location": p.location.path, "line": p.location.line}]}));
    json!({
        "type": "library",
        "bom-ref": c.reference,
        "group": group,
        "name": if name.is_empty() { "unnamed" } else { name },
        "version": p.version,
        "scope": if p.dev { Some("optional") } else { None },
        "purl": c.purl_text,
        "supplier": p.vendor.as_ref().map(|v| json!({"name": v})),
        "licenses": licences(&p.licenses),
        "evidence": occurrence,
        "properties": properties,
    })
}

/// One expression by itself, or a list of ids and names: the specification lets them not mix.
fn licences(texts: &[String]) -> Vec<Value> {
    let list: Vec<Licence> = texts.iter().filter(|t| !t.trim().is_empty()).map(|t| Licence::of(t)).collect();
    if let [Licence::Expression(text)] = list.as_slice() {
        return vec![json!({"expression": text})];
    }
    let mut out: Vec<Value> = Vec::new();
    for licence in list {
        let value = match licence {
            Licence::Id(id) => json!({"license": {"id": id}}),
            Licence::Expression(name) | Licence::Name(name) => json!({"license": {"name": name}}),
        };
        if !out.contains(&value) {
            out.push(value);
        }
    }
    out
}

fn vulnerabilities(subject: &SubjectView<'_>, parts: &Parts<'_>, references: &mut References) -> Vec<Value> {
    let hidden = subject.assessment.verdict.iter().flat_map(|v| &v.hidden);
    let hidden: Vec<(usize, HiddenBy, &str)> =
        hidden.filter_map(|h| Some((h.r#match?, h.by, h.reason.as_str()))).collect();
    let matches = subject.assessment.matches.iter().enumerate();
    matches
        .map(|(index, m)| {
            let hidden = hidden.iter().find(|(i, _, _)| *i == index).map(|(_, by, reason)| (*by, *reason));
            vulnerability(m, parts, hidden, references)
        })
        .collect()
}

fn vulnerability(m: &Match, parts: &Parts<'_>, hidden: Option<(HiddenBy, &str)>, references: &mut References) -> Value {
    let v = &m.vulnerability;
    let affected: Vec<&Component<'_>> = m.packages.iter().filter_map(|i| parts.components.get(*i)).collect();
    let status = match (&m.state, hidden) {
        (MatchState::NotAffected { .. }, _) | (_, Some((HiddenBy::Vex, _))) => "unaffected",
        (MatchState::Undecided { .. }, _) => "unknown",
        (MatchState::Affected, _) => "affected",
    };
    let affects: Vec<Value> = if affected.is_empty() {
        vec![json!({"ref": parts.reference})]
    } else {
        let one = |c: &&Component<'_>| {
            let version = Some(&c.package.version).filter(|v| !v.is_empty());
            json!({"ref": c.reference, "versions": version.map(|v| vec![json!({"version": v, "status": status})])})
        };
        affected.iter().map(one).collect()
    };
    let recommendation = upgrade(m).map_or_else(|| words::fix(&m.fix), |to| format!("upgrade {} to {to}", m.name));
    let mut properties = vec![property("plimsoll:fix", &words::fix(&m.fix))];
    if m.known_exploited.is_some() {
        properties.push(property("plimsoll:known-exploited", "true"));
    }
    if let Some(epss) = &m.epss {
        properties.push(property("plimsoll:epss", &epss.score.to_string()));
    }
    let mut advisories: Vec<&str> = v.references.iter().filter_map(|r| web_address(r)).collect();
    advisories.sort_unstable();
    advisories.dedup();
    json!({
        "bom-ref": references.take(&format!("{} in {}", m.id, affected.first().map_or(&parts.reference, |c| &c.reference))),
        "id": m.id,
        "source": m.data_source.as_ref().map(|s| json!({"name": s.name, "url": web_address(&s.url)})),
        "references": m.aliases.iter().chain(&m.vendor_ids)
            .map(|id| json!({"id": id, "source": {"url": words::link(id), "name": if words::link(id).is_some() { None } else { Some("alias") }}}))
            .collect::<Vec<_>>(),
        "ratings": ratings(m),
        "cwes": v.cwes.iter().filter_map(|c| c.strip_prefix("CWE-")?.parse::<u32>().ok()).filter(|c| *c > 0).collect::<Vec<_>>(),
        "description": words::title(m),
        "detail": if v.title.is_empty() { "" } else { v.description.as_str() },
        "recommendation": recommendation,
        "advisories": advisories.iter().map(|url| json!({"url": url})).collect::<Vec<_>>(),
        "published": v.published.map(seconds),
        "updated": v.modified.map(seconds),
        "analysis": analysis(m, hidden),
        "affects": affects,
        "properties": properties,
    })
}

/// What we or somebody we believe said of it. A waiver accepts a risk and says nothing of being affected.
fn analysis(m: &Match, hidden: Option<(HiddenBy, &str)>) -> Option<Value> {
    match (&m.state, hidden) {
        (MatchState::NotAffected { reason }, _) => Some(json!({"state": "not_affected", "detail": reason})),
        (_, Some((HiddenBy::Vex, reason))) => Some(json!({"state": "not_affected", "detail": reason})),
        (_, Some((by, reason))) => Some(json!({"detail": words::hidden(by, reason)})),
        (MatchState::Undecided { reason }, None) => Some(json!({"state": "in_triage", "detail": reason})),
        (MatchState::Affected, None) => None,
    }
}

/// The severity that we judge by first, then each source's.
fn ratings(m: &Match) -> Vec<Value> {
    let source = |name: &str| json!({"name": name});
    let mut ratings = vec![json!({
        "source": m.severity_source.as_deref().map(source),
        "severity": m.severity.name(),
        "method": "other",
    })];
    for (name, severity) in &m.vulnerability.vendor_severity {
        if m.severity_source.as_ref() != Some(name) {
            ratings.push(json!({"source": source(name), "severity": severity.name(), "method": "other"}));
        }
    }
    for cvss in &m.vulnerability.cvss {
        ratings.extend(cvss_ratings(cvss));
    }
    ratings
}

fn cvss_ratings(cvss: &Cvss) -> Vec<Value> {
    let v3 = match cvss.v3_vector.as_deref() {
        Some(vector) if vector.starts_with("CVSS:3.0") => "CVSSv3",
        _ => "CVSSv31",
    };
    [
        (cvss.v2_score, &cvss.v2_vector, "CVSSv2"),
        (cvss.v3_score, &cvss.v3_vector, v3),
        (cvss.v40_score, &cvss.v40_vector, "CVSSv4"),
    ]
    .into_iter()
    .filter(|(score, vector, _)| score.is_some() || vector.is_some())
    .map(|(score, vector, method)| {
        json!({"source": {"name": cvss.source}, "score": score, "method": method, "vector": vector})
    })
    .collect()
}
