//! SPDX 2.3 JSON (ISO/IEC 5962, spdx.github.io/spdx-spec/v2.3): what is in the subject; once it was judged, verdict,
//! coverage and vulnerabilities as annotations and security references. In: a report or a bill. Out: a document whose
//! namespace is derived from its content.

use std::collections::BTreeMap;

use plimsoll_model::{Inventory, Match, MatchState, Report, Subject, SubjectKind, ToolInfo};
use serde_json::{Value, json};

use crate::canonical::{canonical, canonical_inventory};
use crate::components::{Bill, Component, Parts, References, parts, seconds, sha256_hex, uuid, web_address};
use crate::licence::Licence;
use crate::options::{RenderOptions, ReportError};
use crate::text::json::{compact, pretty, without_empty};
use crate::text::safe::sentence;
use crate::view::facts::facts;
use crate::view::{SubjectView, View, coverage, words};

pub fn render(report: &Report, options: &RenderOptions<'_>) -> Result<Vec<u8>, ReportError> {
    let report = canonical(report);
    let view = View::new(&report, options);
    let mut references = References::default();
    let mut document = Document::new(&report.tool, report.at);
    for (name, value) in facts(&report) {
        document.say(format!("{name}: {value}"));
    }
    for subject in &view.subjects {
        let assessment = subject.assessment;
        let name = &assessment.subject.name;
        document.say(format!("{name}: {}", subject.outcome().word()));
        for reason in subject.reasons() {
            document.say(format!("{name}: {}: {}", words::effect(reason.effect), reason.message));
        }
        for line in coverage::lines(subject) {
            document.say(format!("{name}: coverage: {} {}", line.told.sign(), line.text));
        }
        let parts = parts(&assessment.subject, &assessment.inventory, &mut references);
        document.add(&assessment.subject, &assessment.inventory, &parts, Some(subject));
    }
    document.finish()
}

/// The bill of an inventory without a verdict.
pub fn bill(bill: &Bill<'_>, _: &RenderOptions<'_>) -> Result<Vec<u8>, ReportError> {
    let inventory = canonical_inventory(bill.inventory);
    let bill = Bill { inventory: &inventory, ..*bill };
    let mut document = Document::new(bill.tool, bill.at);
    for problem in &bill.inventory.problems {
        document.say(format!("problem: {problem}"));
    }
    for seen in &bill.inventory.seen_not_read {
        document.say(format!("seen, not read: {}: {}", seen.location, seen.what));
    }
    let parts = parts(bill.subject, bill.inventory, &mut References::default());
    document.add(bill.subject, bill.inventory, &parts, None);
    document.finish()
}

struct Document {
    created: String,
    creator: String,
    names: Vec<String>,
    packages: Vec<Value>,
    relationships: Vec<Value>,
    annotations: Vec<Value>,
    /// Licences that are not on SPDX's list, by the reference that the document gives them.
    licences: BTreeMap<String, String>,
}

impl Document {
    fn new(tool: &ToolInfo, at: jiff::Timestamp) -> Document {
        Document {
            created: seconds(at),
            creator: format!("Tool: {}-{}", tool.name, tool.version),
            names: Vec::new(),
            packages: Vec::new(),
            relationships: Vec::new(),
            annotations: Vec::new(),
            licences: BTreeMap::new(),
        }
    }

    fn annotation(&self, comment: &str) -> Value {
        json!({
            "annotationDate": self.created,
            "annotationType": "OTHER",
            "annotator": self.creator,
            "comment": sentence(comment),
        })
    }

    fn say(&mut self, comment: String) {
        let annotation = self.annotation(&comment);
        self.annotations.push(annotation);
    }

    fn relate(&mut self, from: &str, kind: &str, to: &str) {
        self.relationships.push(json!({"spdxElementId": from, "relationshipType": kind, "relatedSpdxElement": to}));
    }

    fn add(&mut self, subject: &Subject, inventory: &Inventory, parts: &Parts<'_>, view: Option<&SubjectView<'_>>) {
        let own = id("Subject", &parts.reference);
        self.names.push(subject.name.clone());
        self.relate("SPDXRef-DOCUMENT", "DESCRIBES", &own);
        let digest = subject.digest.as_ref();
        self.packages.push(json!({
            "SPDXID": own,
            "name": sentence(&subject.name),
            "versionInfo": digest.map(ToString::to_string),
            "downloadLocation": "NOASSERTION",
            "filesAnalyzed": false,
            "licenseConcluded": "NOASSERTION",
            "licenseDeclared": "NOASSERTION",
            "copyrightText": "NOASSERTION",
            "primaryPackagePurpose": if subject.kind == SubjectKind::Image { "CONTAINER" } else { "APPLICATION" },
            "checksums": digest.map(|d| vec![json!({
                "algorithm": d.algorithm().name().to_ascii_uppercase(), "checksumValue": d.hex()
            })]),
            "externalRefs": parts.purl.as_ref().map(|p| vec![purl(p)]),
        }));
        if let (Some(distro), Some(reference)) = (&inventory.distro, &parts.system) {
            let system = id("System", reference);
            self.packages.push(json!({
                "SPDXID": system,
                "name": sentence(distro.family.name()),
                "versionInfo": distro.version,
                "downloadLocation": "NOASSERTION",
                "filesAnalyzed": false,
                "licenseConcluded": "NOASSERTION",
                "licenseDeclared": "NOASSERTION",
                "copyrightText": "NOASSERTION",
                "primaryPackagePurpose": "OPERATING-SYSTEM",
            }));
            self.relate(&own, "CONTAINS", &system);
        }
        let mut known: BTreeMap<usize, Vec<&Match>> = BTreeMap::new();
        for m in view.iter().flat_map(|v| &v.assessment.matches) {
            for package in &m.packages {
                known.entry(*package).or_default().push(m);
            }
        }
        for (index, component) in parts.components.iter().enumerate() {
            let matches = known.get(&index).map_or(&[][..], Vec::as_slice);
            let package = self.package(component, matches);
            self.packages.push(package);
            self.relate(&own, "CONTAINS", &id("Package", &component.reference));
            for target in &component.depends_on {
                self.relate(&id("Package", &component.reference), "DEPENDS_ON", &id("Package", target));
            }
        }
    }

    fn package(&mut self, c: &Component<'_>, matches: &[&Match]) -> Value {
        let p = c.package;
        let mut refs = vec![purl(&c.purl_text)];
        for m in matches.iter().filter(|m| m.state == MatchState::Affected) {
            let page = words::link(&m.id)
                .or_else(|| m.vulnerability.references.iter().find_map(|r| web_address(r)).map(str::to_owned));
            if let Some(page) = page {
                let known = json!({
                    "referenceCategory": "SECURITY",
                    "referenceType": "advisory",
                    "referenceLocator": page,
                    "comment": sentence(&m.id),
                });
                if !refs.contains(&known) {
                    refs.push(known);
                }
            }
        }
        let annotations: Vec<Value> = matches
            .iter()
            .map(|m| {
                let state = match &m.state {
                    MatchState::Affected => format!("affected ({}), {}", m.severity, words::fix(&m.fix)),
                    MatchState::NotAffected { reason } => format!("not affected: {reason}"),
                    MatchState::Undecided { reason } => format!("could not tell: {reason}"),
                };
                self.annotation(&format!("{}: {state}", m.id))
            })
            .collect();
        let place = match (p.location.path.as_str(), p.location.layer) {
            ("", _) => String::new(),
            (path, Some(layer)) => format!("found in {path} (layer {layer})"),
            (path, None) => format!("found in {path}"),
        };
        json!({
            "SPDXID": id("Package", &c.reference),
            "name": if p.name.is_empty() { "unnamed".to_owned() } else { sentence(&p.name) },
            "versionInfo": sentence(&p.version),
            "supplier": supplier(p.vendor.as_deref()),
            "downloadLocation": "NOASSERTION",
            "filesAnalyzed": false,
            "sourceInfo": sentence(&place),
            "licenseConcluded": "NOASSERTION",
            "licenseDeclared": self.licence(&p.licenses),
            "copyrightText": "NOASSERTION",
            "primaryPackagePurpose": "LIBRARY",
            "externalRefs": refs,
            "annotations": annotations,
        })
    }

    /// All of them hold, as far as we know; what is not on the list is declared as a text of its own.
    fn licence(&mut self, texts: &[String]) -> String {
        let mut terms: Vec<String> = Vec::new();
        for text in texts.iter().filter(|t| !t.trim().is_empty()) {
            let term = match Licence::of(text) {
                Licence::Id(id) => id,
                Licence::Expression(text) => format!("({text})"),
                Licence::Name(name) => {
                    let reference = format!("LicenseRef-{}", &sha256_hex(name.as_bytes())[..16]);
                    self.licences.insert(reference.clone(), name);
                    reference
                }
            };
            if !terms.contains(&term) {
                terms.push(term);
            }
        }
        if terms.is_empty() { "NOASSERTION".to_owned() } else { terms.join(" AND ") }
    }

    fn finish(self) -> Result<Vec<u8>, ReportError> {
        let name = match self.names.as_slice() {
            [one] => sentence(one),
            _ => "everything that was checked".to_owned(),
        };
        let licences: Vec<Value> = self
            .licences
            .iter()
            .map(|(id, text)| json!({"licenseId": id, "name": sentence(text), "extractedText": sentence(text)}))
            .collect();
        let mut document = json!({
            "spdxVersion": "SPDX-2.3",
            "dataLicense": "CC0-1.0",
            "SPDXID": "SPDXRef-DOCUMENT",
            "name": name,
            "creationInfo": {"created": self.created, "creators": [self.creator]},
            "packages": self.packages,
            "relationships": self.relationships,
            "annotations": self.annotations,
            "hasExtractedLicensingInfos": licences,
        });
        without_empty(&mut document, &[]);
        let namespace = format!("https://plimsoll.dev/spdx/{}", uuid(&compact(&document)?));
        document["documentNamespace"] = Value::String(namespace);
        pretty(&document)
    }
}

/// Only letters, digits, `.` and `-` may stand in an SPDX id: a hash of the reference is short and unique.
fn id(kind: &str, reference: &str) -> String {
    format!("SPDXRef-{kind}-{}", &sha256_hex(reference.as_bytes())[..20])
}

fn purl(text: &str) -> Value {
    json!({"referenceCategory": "PACKAGE-MANAGER", "referenceType": "purl", "referenceLocator": text})
}

/// `Name <address>` as `Organization: Name (address)`.
fn supplier(vendor: Option<&str>) -> String {
    let Some(vendor) = vendor.map(sentence).filter(|v| !v.is_empty()) else { return "NOASSERTION".into() };
    let plain = |text: &str| text.replace(['(', ')', '<', '>'], " ").split_whitespace().collect::<Vec<_>>().join(" ");
    match vendor.split_once('<') {
        Some((name, address)) if address.contains('@') && !name.trim().is_empty() => {
            format!("Organization: {} ({})", plain(name), plain(address))
        }
        _ => format!("Organization: {}", plain(&vendor)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn maintainers_become_organisations() {
        assert_eq!(supplier(Some("Debian X <x@example.org>")), "Organization: Debian X (x@example.org)");
        assert_eq!(supplier(Some("A (B)\n")), "Organization: A B");
        assert_eq!(supplier(None), "NOASSERTION");
    }
}
