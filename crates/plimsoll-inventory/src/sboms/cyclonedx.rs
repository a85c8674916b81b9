//! CycloneDX JSON, versions 1.2 to 1.7. In: the document. Out: its components and what hangs on what. What it does not do:
//! read the vulnerabilities that it may carry. Format: <https://cyclonedx.org/docs/1.6/json/>.

use serde::Deserialize;

use super::document::{Component, ComponentKind, Document};

#[derive(Deserialize)]
struct Bom {
    metadata: Option<Metadata>,
    #[serde(default)]
    components: Vec<Part>,
    #[serde(default)]
    dependencies: Vec<Dependency>,
}

#[derive(Deserialize)]
struct Metadata {
    component: Option<Part>,
}

#[derive(Deserialize)]
struct Part {
    #[serde(rename = "type", default)]
    kind: String,
    #[serde(rename = "bom-ref")]
    reference: Option<String>,
    #[serde(default)]
    name: String,
    version: Option<String>,
    purl: Option<String>,
    #[serde(default)]
    licenses: Vec<LicenseChoice>,
    #[serde(default)]
    properties: Vec<Property>,
    /// Parts of parts; the JSON parser bounds the depth.
    #[serde(default)]
    components: Vec<Part>,
}

#[derive(Deserialize)]
struct LicenseChoice {
    license: Option<License>,
    expression: Option<String>,
}

#[derive(Deserialize)]
struct License {
    id: Option<String>,
    name: Option<String>,
}

#[derive(Deserialize)]
struct Property {
    #[serde(default)]
    name: String,
    value: Option<String>,
}

#[derive(Deserialize)]
struct Dependency {
    #[serde(rename = "ref")]
    from: String,
    #[serde(rename = "dependsOn", default)]
    to: Vec<String>,
}

const PREFIX: &str = "aquasecurity:trivy:";

/// Components of a CycloneDX document.
pub fn document(json: &str) -> Result<Document, serde_json::Error> {
    let bom: Bom = serde_json::from_str(json)?;
    let mut out = Document::default();
    if let Some(mut subject) = bom.metadata.and_then(|m| m.component) {
        let parts = std::mem::take(&mut subject.components);
        out.components.push(Component { kind: ComponentKind::Subject, ..component(subject) });
        flatten(parts, &mut out.components);
    }
    flatten(bom.components, &mut out.components);
    out.edges = bom.dependencies.into_iter().map(|d| (d.from, d.to)).collect();
    Ok(out)
}

fn flatten(parts: Vec<Part>, into: &mut Vec<Component>) {
    for mut part in parts {
        let inner = std::mem::take(&mut part.components);
        into.push(component(part));
        flatten(inner, into);
    }
}

fn component(part: Part) -> Component {
    let license = |choice: LicenseChoice| choice.expression.or_else(|| choice.license.and_then(|l| l.id.or(l.name)));
    Component {
        kind: match part.kind.as_str() {
            "operating-system" => ComponentKind::OperatingSystem,
            "application" => ComponentKind::Application,
            "library" | "framework" => ComponentKind::Library,
            _ => ComponentKind::Other,
        },
        reference: part.reference.clone().or_else(|| part.purl.clone()).unwrap_or_default(),
        bom_ref: part.reference,
        name: part.name,
        version: part.version.unwrap_or_default(),
        purl: part.purl.filter(|purl| !purl.is_empty()),
        licenses: part.licenses.into_iter().filter_map(license).filter(|l| !l.is_empty()).collect(),
        properties: part
            .properties
            .into_iter()
            .filter_map(|p| Some((p.name.strip_prefix(PREFIX)?.to_owned(), p.value?)))
            .collect(),
        source_info: String::new(),
    }
}
