//! SPDX 2.2 and 2.3 JSON. In: the document. Out: its packages and what hangs on what. What it does not do: files and
//! snippets. Format: <https://spdx.github.io/spdx-spec/v2.3/>.

use serde::Deserialize;

use super::document::{Component, ComponentKind, Document};

#[derive(Deserialize)]
struct Spdx {
    #[serde(default)]
    packages: Vec<Element>,
    #[serde(default)]
    relationships: Vec<Relationship>,
    #[serde(rename = "documentDescribes", default)]
    describes: Vec<String>,
}

/// A package, before it is known what it is. The tag-value form fills the same.
#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct Element {
    pub name: String,
    #[serde(rename = "SPDXID")]
    pub id: String,
    pub version_info: Option<String>,
    pub license_declared: Option<String>,
    pub license_concluded: Option<String>,
    pub primary_package_purpose: Option<String>,
    pub source_info: Option<String>,
    /// Where Trivy kept its properties, `Key: value`, before it moved them to annotations.
    pub attribution_texts: Vec<String>,
    pub annotations: Vec<Annotation>,
    pub external_refs: Vec<ExternalRef>,
}

#[derive(Deserialize)]
pub(super) struct Annotation {
    #[serde(default)]
    pub comment: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct ExternalRef {
    #[serde(default)]
    pub reference_type: String,
    #[serde(default)]
    pub reference_locator: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Relationship {
    spdx_element_id: String,
    relationship_type: String,
    #[serde(default)]
    related_spdx_element: String,
}

/// Packages of an SPDX document.
pub fn document(json: &str) -> Result<Document, serde_json::Error> {
    let spdx: Spdx = serde_json::from_str(json)?;
    let relations =
        spdx.relationships.into_iter().map(|r| (r.spdx_element_id, r.relationship_type, r.related_spdx_element));
    let described = spdx.describes.into_iter().map(|to| ("SPDXRef-DOCUMENT".into(), "DESCRIBES".into(), to));
    Ok(gathered(spdx.packages, relations.chain(described).collect()))
}

pub(super) fn gathered(elements: Vec<Element>, relations: Vec<(String, String, String)>) -> Document {
    let mut out = Document::default();
    let mut described: Vec<String> = Vec::new();
    for (from, kind, to) in relations {
        match kind.as_str() {
            "DESCRIBES" => described.push(to),
            "DESCRIBED_BY" => described.push(from),
            "CONTAINS" | "DEPENDS_ON" => out.edges.push((from, vec![to])),
            "CONTAINED_BY" | "DEPENDENCY_OF" => out.edges.push((to, vec![from])),
            _ => {}
        }
    }
    described.sort();
    out.components = elements
        .into_iter()
        .map(|element| {
            let described = described.binary_search(&element.id).is_ok();
            component(element, described)
        })
        .collect();
    out
}

fn component(element: Element, described: bool) -> Component {
    let purl = element.external_refs.into_iter().find(|r| r.reference_type == "purl").map(|r| r.reference_locator);
    // Purposes came with 2.3; before, Trivy told kinds apart by its ids.
    let purpose = element.primary_package_purpose.unwrap_or_default().replace('_', "-");
    let has = |word: &str| element.id.strip_prefix("SPDXRef-").is_some_and(|rest| rest.starts_with(word));
    let kind = if purpose == "OPERATING-SYSTEM" || has("OperatingSystem-") {
        ComponentKind::OperatingSystem
    } else if (described && purl.is_none()) || has("ContainerImage-") || has("Filesystem-") || has("Repository-") {
        ComponentKind::Subject
    } else if purpose == "APPLICATION" || has("Application-") {
        ComponentKind::Application
    } else if matches!(purpose.as_str(), "" | "LIBRARY" | "FRAMEWORK" | "INSTALL") {
        ComponentKind::Library
    } else {
        ComponentKind::Other
    };
    let said =
        |text: &Option<String>| text.clone().filter(|text| !matches!(text.as_str(), "" | "NOASSERTION" | "NONE"));
    let notes = element.attribution_texts.into_iter().chain(element.annotations.into_iter().map(|a| a.comment));
    Component {
        reference: element.id,
        bom_ref: None,
        kind,
        name: element.name,
        version: element.version_info.unwrap_or_default(),
        purl,
        licenses: said(&element.license_declared).or_else(|| said(&element.license_concluded)).into_iter().collect(),
        properties: notes
            .filter_map(|note| note.split_once(": ").map(|(key, value)| (key.to_owned(), value.to_owned())))
            .collect(),
        source_info: element.source_info.unwrap_or_default(),
    }
}
