//! Software bills of materials. In: a document's bytes. Out: the inventory that it lists, as if it had been read from the
//! image itself. What it does not do: check signatures; whose word an attestation is, is for others to say.
//!
//! How to add a format: one file that turns bytes into a [`document::Document`], a [`SbomKind`], and a line in [`read`].

use plimsoll_model::{Digest, Inventory};

pub mod cyclonedx;
pub mod document;
pub mod envelope;
pub mod purls;
pub mod spdx;
pub mod spdx_tag_value;

use crate::text::text;

/// The forms that are read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SbomKind {
    CycloneDx,
    SpdxJson,
    SpdxTagValue,
}

impl SbomKind {
    /// The kind as Trivy's reports name it.
    pub fn trivy_name(self) -> &'static str {
        match self {
            SbomKind::CycloneDx => "cyclonedx",
            SbomKind::SpdxJson | SbomKind::SpdxTagValue => "spdx",
        }
    }
}

/// What a bill of materials says.
#[derive(Debug)]
pub struct SbomInventory {
    /// Layers are those that the document names; there is no configuration.
    pub inventory: Inventory,
    pub kind: SbomKind,
    /// The image that the document is about, where it says so.
    pub image_id: Option<Digest>,
    pub repo_tags: Vec<String>,
    pub repo_digests: Vec<String>,
    /// The image's full name.
    pub reference: Option<String>,
}

/// Why a document is no bill of materials that is read. The words finish "could not …".
#[derive(Debug, thiserror::Error)]
pub enum SbomError {
    #[error("read {0}: it is larger than {limit} MiB", limit = MAX_SIZE >> 20)]
    TooLarge(String),
    #[error("read {name} as JSON")]
    Json {
        name: String,
        #[source]
        source: serde_json::Error,
    },
    #[error("read {0}: it is neither CycloneDX JSON nor SPDX 2 (JSON or tag-value)")]
    UnknownFormat(String),
    #[error("read {name}: {version} is not read yet; write it as {instead}")]
    UnknownVersion { name: String, version: String, instead: &'static str },
    #[error("read {0}: the attestation in it holds no bill of materials")]
    EmptyEnvelope(String),
}

/// The largest documents of whole distributions have some 100 MB; a document takes about three times its size in memory.
pub const MAX_SIZE: usize = 256 << 20;

/// Reads CycloneDX JSON (1.2 to 1.7), SPDX 2.2 and 2.3 (JSON, tag-value), and either of them inside an in-toto statement or a
/// DSSE envelope. `name` is for messages.
pub fn read_sbom(bytes: &[u8], name: &str) -> Result<SbomInventory, SbomError> {
    if bytes.len() > MAX_SIZE {
        return Err(SbomError::TooLarge(name.to_owned()));
    }
    read(&text(bytes), name, 0)
}

fn read(text: &str, name: &str, depth: usize) -> Result<SbomInventory, SbomError> {
    let trimmed = text.trim_start();
    if trimmed.starts_with("SPDXVersion:") || trimmed.starts_with('#') && trimmed.contains("\nSPDXVersion:") {
        return Ok(spdx_tag_value::document(trimmed).inventory(SbomKind::SpdxTagValue));
    }
    if !trimmed.starts_with('{') {
        return Err(SbomError::UnknownFormat(name.to_owned()));
    }
    let json = |source| SbomError::Json { name: name.to_owned(), source };
    // Of JSON lines the first is read: one attestation a line is how they are stored, and one is all that is asked for.
    let (probe, first) = envelope::first_value(trimmed).map_err(json)?;
    let unknown = |version: String, instead| SbomError::UnknownVersion { name: name.to_owned(), version, instead };
    if probe.bom_format.as_deref() == Some("CycloneDX") {
        return Ok(cyclonedx::document(first).map_err(json)?.inventory(SbomKind::CycloneDx));
    }
    match probe.spdx_version.as_deref() {
        Some("SPDX-2.1" | "SPDX-2.2" | "SPDX-2.3") => {
            return Ok(spdx::document(first).map_err(json)?.inventory(SbomKind::SpdxJson));
        }
        Some(version) => return Err(unknown(version.to_owned(), "SPDX 2.3")),
        None if probe.context => return Err(unknown("SPDX 3".to_owned(), "SPDX 2.3")),
        None => {}
    }
    match envelope::inner(first, depth) {
        None => Err(SbomError::UnknownFormat(name.to_owned())),
        Some(None) => Err(SbomError::EmptyEnvelope(name.to_owned())),
        Some(Some(inner)) => read(&inner, name, depth + 1),
    }
}

#[cfg(test)]
mod tests {
    use plimsoll_model::{Ecosystem, ProblemEffect};

    use super::*;

    const LAYER: &str = "sha256:0101010101010101010101010101010101010101010101010101010101010101";

    fn cyclonedx() -> String {
        let property = |name: &str, value: &str| format!(r#"{{"name":"aquasecurity:trivy:{name}","value":"{value}"}}"#);
        let (image, diff, layer) =
            (property("ImageID", LAYER), property("DiffID", LAYER), property("LayerDiffID", LAYER));
        let (src, version, release) =
            (property("SrcName", "openssl"), property("SrcVersion", "1.0.2k"), property("SrcRelease", "16.el7"));
        let (epoch, kind, npm) = (property("SrcEpoch", "1"), property("Type", "centos"), property("Type", "npm"));
        let path = property("FilePath", "app/x.gemspec");
        format!(
            r#"{{"bomFormat":"CycloneDX","specVersion":"1.5",
            "metadata":{{"component":{{"bom-ref":"me","type":"container","name":"shop","properties":[{image},{diff}]}}}},
            "components":[
              {{"bom-ref":"os","type":"operating-system","name":"centos","version":"7.6","properties":[{kind}]}},
              {{"bom-ref":"ssl","type":"library","name":"openssl-libs","version":"1.0.2k-16.el7",
                "purl":"pkg:rpm/centos/openssl-libs@1.0.2k-16.el7?arch=x86_64&epoch=1",
                "licenses":[{{"license":{{"name":"OpenSSL"}}}}],
                "properties":[{src},{version},{release},{epoch},{layer}]}},
              {{"bom-ref":"lock","type":"application","name":"web/package-lock.json","properties":[{npm}]}},
              {{"bom-ref":"a","type":"library","name":"a","purl":"pkg:npm/a@1"}},
              {{"bom-ref":"b","type":"library","name":"b","purl":"pkg:npm/b@2"}},
              {{"bom-ref":"g","type":"library","name":"g","purl":"pkg:gem/g@3","properties":[{path}]}},
              {{"type":"library","name":"nameless","version":"1"}},
              {{"type":"container","name":"sidecar","purl":"pkg:oci/sidecar@sha256:00"}},
              {{"type":"file","name":"x"}}],
            "dependencies":[{{"ref":"lock","dependsOn":["a"]}},{{"ref":"a","dependsOn":["b","nothing"]}}]}}"#
        )
    }

    #[test]
    fn cyclonedx_gives_what_the_image_gave() {
        let sbom = read_sbom(cyclonedx().as_bytes(), "x.json").unwrap();
        assert_eq!((sbom.kind, sbom.image_id.unwrap().to_string()), (SbomKind::CycloneDx, LAYER.to_owned()));
        let inventory = sbom.inventory;
        assert_eq!(inventory.distro.unwrap().to_string(), "centos 7.6");
        assert_eq!(inventory.layers.len(), 1);
        let find = |name: &str| inventory.packages.iter().find(|p| p.name == name).unwrap();
        let ssl = find("openssl-libs");
        assert_eq!((ssl.version.as_str(), ssl.source_version()), ("1:1.0.2k-16.el7", "1:1.0.2k-16.el7"));
        assert_eq!(
            (ssl.location.layer, ssl.licenses.join(","), ssl.bom_ref.as_deref()),
            (Some(0), "OpenSSL".into(), Some("ssl"))
        );
        for name in ["a", "b"] {
            assert_eq!(
                (find(name).reader.as_str(), find(name).location.path.as_str()),
                ("npm", "web/package-lock.json")
            );
        }
        assert_eq!(find("a").depends_on, ["b@2"]);
        assert_eq!((find("g").reader.as_str(), find("g").location.path.as_str()), ("cyclonedx", "app/x.gemspec"));
        let effects: Vec<_> = inventory.problems.iter().map(|p| p.effect).collect();
        assert_eq!(effects, [ProblemEffect::Undecided, ProblemEffect::Note]);
        assert!(inventory.problems[0].message.contains("nameless"));
    }

    #[test]
    fn attestations_are_unwrapped() {
        let statement = format!(r#"{{"_type":"x","predicate":{{"Data":{}}}}}"#, cyclonedx());
        let lines = format!("{statement}\n{statement}\n");
        assert_eq!(read_sbom(lines.as_bytes(), "x.intoto.jsonl").unwrap().inventory.packages.len(), 4);
        assert!(matches!(read_sbom(br#"{"payload":"!"}"#, "x"), Err(SbomError::EmptyEnvelope(_))));
    }

    #[test]
    fn spdx_in_both_forms_gives_the_same() {
        let json = br#"{"spdxVersion":"SPDX-2.3","packages":[
            {"SPDXID":"SPDXRef-ContainerImage-1","name":"shop","attributionTexts":["RepoTag: shop:1"]},
            {"SPDXID":"SPDXRef-OperatingSystem-1","name":"debian","versionInfo":"12"},
            {"SPDXID":"SPDXRef-Package-1","name":"libssl3","versionInfo":"9","licenseDeclared":"NOASSERTION",
             "sourceInfo":"built package from: openssl 3.0.1-1","attributionTexts":["PkgID: x"],
             "externalRefs":[{"referenceCategory":"PACKAGE-MANAGER","referenceType":"purl","referenceLocator":"pkg:deb/debian/libssl3@3.0.1-1?arch=amd64"}]}],
            "relationships":[{"spdxElementId":"SPDXRef-DOCUMENT","relationshipType":"DESCRIBES","relatedSpdxElement":"SPDXRef-ContainerImage-1"}]}"#;
        let tags = b"SPDXVersion: SPDX-2.2\nPackageName: shop\nSPDXID: SPDXRef-ContainerImage-1\nPackageAttributionText: <text>RepoTag: shop:1</text>\n\nPackageName: debian\nSPDXID: SPDXRef-OperatingSystem-1\nPackageVersion: 12\n\nPackageName: libssl3\nSPDXID: SPDXRef-Package-1\nPackageSourceInfo: built package from: openssl 3.0.1-1\nExternalRef: PACKAGE-MANAGER purl pkg:deb/debian/libssl3@3.0.1-1?arch=amd64\nPackageComment: <text>two\nlines</text>\nFileName: ./x\nSPDXID: SPDXRef-File\nRelationship: SPDXRef-DOCUMENT DESCRIBES SPDXRef-ContainerImage-1\n";
        let (json, tags) = (read_sbom(json, "x.json").unwrap(), read_sbom(tags, "x.spdx").unwrap());
        assert_eq!((json.kind, tags.kind), (SbomKind::SpdxJson, SbomKind::SpdxTagValue));
        assert_eq!(json.inventory, tags.inventory);
        assert_eq!(json.repo_tags, ["shop:1"]);
        let ssl = &json.inventory.packages[0];
        assert_eq!(
            (ssl.ecosystem, ssl.id(), ssl.source_name()),
            (Ecosystem::Dpkg, "libssl3@3.0.1-1".into(), "openssl")
        );
        assert!(json.inventory.problems.is_empty());
        let cut = read_sbom(b"SPDXVersion: SPDX-2.2\nPackageName: a\nPackageComment: <text>x", "x").unwrap();
        assert!(cut.inventory.problems.iter().any(|p| p.message.contains("not closed")));
    }

    #[test]
    fn packages_of_no_named_distribution_are_undecided() {
        let text = br#"{"bomFormat":"CycloneDX","components":[{"type":"library","name":"a","purl":"pkg:apk/musl@1"}]}"#;
        let sbom = read_sbom(text, "x").unwrap();
        assert_eq!(sbom.inventory.problems[0].kind, plimsoll_model::ProblemKind::UnknownDistro);
    }

    #[test]
    fn what_is_no_bill_of_materials_is_refused_by_name() {
        for (text, words) in [
            (&b"<bom/>"[..], "neither CycloneDX JSON nor SPDX"),
            (b"{}", "neither"),
            (b"{", "as JSON"),
            (br#"{"spdxVersion":"SPDX-1.0"}"#, "SPDX-1.0 is not read"),
            (br#"{"@context":"https://spdx.org/rdf/3.0.1/spdx-context.jsonld"}"#, "SPDX 3"),
        ] {
            let error = read_sbom(text, "x.json").unwrap_err().to_string();
            assert!(error.contains(words) && error.contains("x.json"), "{error}");
        }
    }
}
