//! CycloneDX 1.4 and later, the `vulnerabilities` with an `analysis` (<https://cyclonedx.org/capabilities/vex/>). Where
//! the document has a main component, what it says of a part holds in that product only.

use std::collections::HashMap;

use plimsoll_model::{ImageReference, VexStatus};
use serde_json::Value;

use super::{Out, joined, list, text};

pub(super) fn is(value: &Value) -> bool {
    text(value, "bomFormat") == Some("CycloneDX")
}

pub(super) fn read(value: &Value, out: &mut Out<'_>) {
    let main = value.get("metadata").and_then(|m| m.get("component"));
    let mut purls: HashMap<&str, &str> = HashMap::new();
    let mut components: Vec<&Value> = list(value, "components").iter().chain(main).collect();
    while let Some(component) = components.pop() {
        if let (Some(reference), Some(purl)) = (text(component, "bom-ref"), text(component, "purl")) {
            purls.insert(reference, purl);
        }
        components.extend(list(component, "components"));
    }
    let product = Main {
        present: main.is_some(),
        reference: main.and_then(|m| text(m, "bom-ref")),
        name: main.and_then(|m| text(m, "purl").map(str::to_owned).or_else(|| image_name(m))),
    };
    for vulnerability in list(value, "vulnerabilities") {
        read_vulnerability(vulnerability, &product, &purls, out);
    }
}

/// The document's main component.
struct Main<'v> {
    present: bool,
    reference: Option<&'v str>,
    /// Package URL or image name.
    name: Option<String>,
}

/// A container's name is an image name; any other component's is not.
fn image_name(component: &Value) -> Option<String> {
    let name = text(component, "name").filter(|_| text(component, "type") == Some("container"))?;
    let version = text(component, "version");
    let full = match version {
        Some(version) if version.starts_with("sha256:") => format!("{name}@{version}"),
        Some(version) if !name.contains('@') && !name.rsplit('/').next().unwrap_or("").contains(':') => {
            format!("{name}:{version}")
        }
        _ => name.to_owned(),
    };
    full.parse::<ImageReference>().ok().map(|_| full)
}

fn read_vulnerability(vulnerability: &Value, main: &Main<'_>, purls: &HashMap<&str, &str>, out: &mut Out<'_>) {
    // Without an analysis it is a finding of some scanner, and no word on it.
    let Some(analysis) = vulnerability.get("analysis") else { return };
    let others = list(vulnerability, "references").iter().filter_map(|r| text(r, "id"));
    let ids: Vec<String> = text(vulnerability, "id").into_iter().chain(others).map(str::to_owned).collect();
    let named = ids.first().cloned().unwrap_or_default();
    let status = match text(analysis, "state") {
        Some("not_affected" | "false_positive") => VexStatus::NotAffected,
        Some("resolved" | "resolved_with_pedigree") => VexStatus::Fixed,
        Some("exploitable") => VexStatus::Affected,
        Some("in_triage") => VexStatus::UnderInvestigation,
        other => {
            out.problem(format!("use the statement on {named}: its state is {:?}", other.unwrap_or("missing")));
            return;
        }
    };
    let why = joined([text(analysis, "justification"), text(analysis, "detail")]);
    for affected in list(vulnerability, "affects") {
        let Some(reference) = text(affected, "ref") else { continue };
        // A BOM-Link is `urn:cdx:serial/version#bom-ref`.
        let reference =
            reference.strip_prefix("urn:cdx:").and_then(|r| r.split_once('#')).map_or(reference, |(_, r)| r);
        let is_main = main.reference == Some(reference);
        let purl = purls.get(reference).copied().or_else(|| reference.starts_with("pkg:").then_some(reference));
        let parts = match versions(affected, purl) {
            Ok(parts) => parts,
            Err(fault) => {
                out.problem(format!("use the statement on {named} for {reference}: {fault}"));
                continue;
            }
        };
        match (&main.name, is_main) {
            (Some(name), true) => out.statement(&ids, vec![name.clone()], Vec::new(), status, why.clone()),
            (Some(name), false) if !parts.is_empty() => {
                out.statement(&ids, vec![name.clone()], parts, status, why.clone());
            }
            (None, _) if !main.present && !parts.is_empty() => out.statement(&ids, parts, Vec::new(), status, why.clone()),
            _ => out.problem(format!(
                "use the statement on {named} for {reference}: give the document's components a package URL, so that they can be found in an image"
            )),
        }
    }
}

/// The package URLs of the versions that are meant; all versions when none are listed.
fn versions(affected: &Value, purl: Option<&str>) -> Result<Vec<String>, &'static str> {
    let Some(purl) = purl else { return Ok(Vec::new()) };
    let listed = list(affected, "versions");
    if listed.is_empty() {
        return Ok(vec![purl.to_owned()]);
    }
    let Some(parsed) = plimsoll_model::purl::PackageUrl::parse(purl) else {
        return Err("its package URL cannot be read");
    };
    let mut parts = Vec::new();
    for one in listed {
        if text(one, "range").is_some() {
            return Err("version ranges are not read; list the versions");
        }
        // `unaffected` versions are not what the analysis speaks of.
        if let Some(version) = text(one, "version").filter(|_| text(one, "status") != Some("unaffected")) {
            let mut url = parsed.clone();
            url.version = Some(version.to_owned());
            parts.push(url.to_string());
        }
    }
    if parts.is_empty() { Err("it lists no version that is meant") } else { Ok(parts) }
}
