//! Manifests and indexes. In: JSON bytes and the media type under which they came. Out: one `Document`.
//! What is both an index and a manifest is refused, for two readers would see two images in it.
//! <https://github.com/opencontainers/image-spec/blob/main/manifest.md>, `image-index.md`, `descriptor.md`

use std::collections::BTreeMap;

use plimsoll_model::{Digest, ImageReference, Platform};
use serde::Deserialize;

use crate::error::SourceError;
use crate::limits::{MAX_INDEX_ENTRIES, MAX_LAYERS, MAX_MANIFEST};
use crate::oci::{media, spelling};

/// The name of an image in a layout.
pub const REF_NAME: &str = "org.opencontainers.image.ref.name";
/// The full name that containerd and `docker save` write beside it.
pub const CONTAINERD_NAME: &str = "io.containerd.image.name";

/// What names bytes: their type, digest and size.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Descriptor {
    #[serde(default)]
    pub media_type: String,
    pub digest: Digest,
    pub size: u64,
    #[serde(default)]
    pub platform: Option<Platform>,
    #[serde(default, deserialize_with = "null_is_default")]
    pub annotations: BTreeMap<String, String>,
    /// Where else the bytes may be had. Never followed: an image must not choose what we connect to.
    #[serde(default, deserialize_with = "null_is_default")]
    pub urls: Vec<String>,
    #[serde(default)]
    pub artifact_type: Option<String>,
}

impl Descriptor {
    /// True for the attestations that builders put beside the images of an index.
    pub fn is_attestation(&self) -> bool {
        self.annotations.get("vnd.docker.reference.type").is_some_and(|kind| kind == "attestation-manifest")
            || self.platform.as_ref().is_some_and(|p| p.os == "unknown" && p.architecture == "unknown")
    }
}

/// A manifest of one image or artifact.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Manifest {
    pub media_type: String,
    pub artifact_type: Option<String>,
    pub config: Descriptor,
    pub layers: Vec<Descriptor>,
    pub annotations: BTreeMap<String, String>,
    pub subject: Option<Descriptor>,
}

impl Manifest {
    /// What it is, as registries count it (OCI distribution 1.1): its own type, or that of its configuration where it names none.
    pub fn kind(&self) -> Option<&str> {
        let own = self.artifact_type.as_deref().filter(|kind| !kind.is_empty());
        own.or(Some(self.config.media_type.as_str()).filter(|kind| !kind.is_empty()))
    }
}

/// A list of manifests.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Index {
    pub manifests: Vec<Descriptor>,
    pub annotations: BTreeMap<String, String>,
}

/// What a manifest's bytes turn out to be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Document {
    Manifest(Box<Manifest>),
    Index(Index),
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Raw {
    #[serde(default)]
    schema_version: Option<u64>,
    #[serde(default)]
    media_type: Option<String>,
    #[serde(default)]
    artifact_type: Option<String>,
    config: Option<Descriptor>,
    layers: Option<Vec<Descriptor>>,
    manifests: Option<Vec<Descriptor>>,
    /// Only in the manifests of Docker's first schema.
    fs_layers: Option<serde_json::Value>,
    #[serde(default, deserialize_with = "null_is_default")]
    annotations: BTreeMap<String, String>,
    subject: Option<Descriptor>,
}

fn null_is_default<'de, D, T>(deserializer: D) -> Result<T, D::Error>
where
    D: serde::Deserializer<'de>,
    T: Default + Deserialize<'de>,
{
    Ok(Option::<T>::deserialize(deserializer)?.unwrap_or_default())
}

/// True when a text names the same image in full, whether or not its tag was written.
pub fn same_name(name: &str, reference: &ImageReference) -> bool {
    name.parse::<ImageReference>().is_ok_and(|name| name.to_string() == reference.to_string())
}

/// Reads a manifest or index. `media_type` is what the descriptor or the registry called it; empty when nobody said.
///
/// # Errors
/// When the bytes are too many, no JSON, of an old schema, of two kinds at once, or of another kind than was said.
pub fn document(what: &str, bytes: &[u8], media_type: &str) -> Result<Document, SourceError> {
    let malformed = |why: String| SourceError::Malformed { what: what.to_owned(), why };
    if bytes.len() as u64 > MAX_MANIFEST {
        return Err(SourceError::TooLarge { what: what.to_owned(), limit: MAX_MANIFEST });
    }
    spelling::check(what, bytes, spelling::MANIFEST)?;
    let raw: Raw =
        serde_json::from_slice(bytes).map_err(|source| SourceError::Json { what: what.to_owned(), source })?;
    if raw.fs_layers.is_some() || raw.schema_version == Some(1) {
        return Err(malformed(
            "it is of Docker's first schema, which ended in 2017: build and push the image anew".into(),
        ));
    }
    let inside = raw.media_type.unwrap_or_default();
    if !inside.is_empty() && !media_type.is_empty() && inside != media_type {
        return Err(malformed(format!("it calls itself {inside:?} but came as {media_type:?}")));
    }
    let kind = if inside.is_empty() { media_type.to_owned() } else { inside };
    match (raw.config, raw.layers, raw.manifests) {
        (None, None, Some(manifests)) if kind.is_empty() || media::is_index(&kind) => {
            if manifests.len() > MAX_INDEX_ENTRIES {
                return Err(malformed(format!(
                    "it has {} entries; at most {MAX_INDEX_ENTRIES} are read",
                    manifests.len()
                )));
            }
            Ok(Document::Index(Index { manifests, annotations: raw.annotations }))
        }
        (Some(config), layers, None) if kind.is_empty() || media::is_manifest(&kind) => {
            let layers = layers.unwrap_or_default();
            if layers.len() > MAX_LAYERS {
                return Err(malformed(format!("it has {} layers; at most {MAX_LAYERS} are read", layers.len())));
            }
            Ok(Document::Manifest(Box::new(Manifest {
                media_type: kind,
                artifact_type: raw.artifact_type,
                config,
                layers,
                annotations: raw.annotations,
                subject: raw.subject,
            })))
        }
        (config, layers, Some(_)) if config.is_some() || layers.is_some() => {
            Err(malformed("it is a manifest and an index at once, so that two readers would see two images".into()))
        }
        _ if !kind.is_empty() && !media::is_index(&kind) && !media::is_manifest(&kind) => {
            Err(malformed(format!("its media type is {kind:?}, which is neither manifest nor index")))
        }
        (None, Some(_), None) => Err(malformed("it has layers but no config".into())),
        _ => Err(malformed(format!("it is neither a manifest nor an index, though it came as {kind:?}"))),
    }
}

/// Reads the `index.json` of a layout, which is an index whatever it calls itself.
///
/// # Errors
/// When it is no index.
pub fn layout_index(what: &str, bytes: &[u8]) -> Result<Index, SourceError> {
    match document(what, bytes, "")? {
        Document::Index(index) => Ok(index),
        Document::Manifest(_) => {
            Err(SourceError::Malformed { what: what.to_owned(), why: "it is a manifest, not an index".into() })
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn descriptor() -> String {
        format!(r#"{{"mediaType":"m","digest":"sha256:{}","size":3}}"#, "0a".repeat(32))
    }

    #[test]
    fn manifest_and_index_at_once_is_refused() {
        let d = descriptor();
        let text = format!(r#"{{"schemaVersion":2,"config":{d},"layers":[],"manifests":[]}}"#);
        let error = document("x", text.as_bytes(), "").unwrap_err().to_string();
        assert!(error.contains("at once"), "{error}");
    }

    #[test]
    fn media_type_inside_must_be_the_one_outside() {
        let text = format!(r#"{{"mediaType":"{}","manifests":[]}}"#, media::OCI_INDEX);
        assert!(document("x", text.as_bytes(), media::OCI_INDEX).is_ok());
        assert!(document("x", text.as_bytes(), media::OCI_MANIFEST).is_err());
        let text = r#"{"manifests":[]}"#;
        assert!(document("x", text.as_bytes(), media::OCI_MANIFEST).is_err(), "an index that came as a manifest");
    }

    #[test]
    fn first_schema_says_what_to_do() {
        let error = document("x", br#"{"schemaVersion":1,"fsLayers":[]}"#, "").unwrap_err().to_string();
        assert!(error.contains("build and push the image anew"), "{error}");
    }

    #[test]
    fn nulls_are_nothing() {
        let d = descriptor();
        let text = format!(r#"{{"config":{d},"layers":null,"annotations":null}}"#);
        let Document::Manifest(manifest) = document("x", text.as_bytes(), "").unwrap() else { panic!("no manifest") };
        assert!(manifest.layers.is_empty());
    }

    #[test]
    fn negative_sizes_and_bad_digests_are_refused() {
        for text in [
            format!(r#"{{"manifests":[{}]}}"#, descriptor().replace(":3", ":-3")),
            format!(r#"{{"manifests":[{}]}}"#, descriptor().replace("sha256:0a", "sha256:../")),
        ] {
            assert!(matches!(document("x", text.as_bytes(), ""), Err(SourceError::Json { .. })), "{text}");
        }
    }

    proptest::proptest! {
        #[test]
        fn any_bytes_are_read_or_refused(bytes: Vec<u8>) {
            let _ = document("x", &bytes, "");
        }
    }
}
