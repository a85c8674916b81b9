//! Attaching something to an image. In: bytes with their types and annotations. Out: they are there, beside what was there before:
//! both forms are one document that is read, added to and written. Nothing but the registry itself is asked: mirrors are for
//! reading. Where two write at once, the later one looks whether it still stands there, and adds itself again.

use std::collections::BTreeMap;
use std::sync::Arc;

use plimsoll_model::{Algorithm, Digest, ImageReference};
use serde_json::{Value, json};

use crate::attached::pages::{Listed, listed};
use crate::attached::read::{Holding, if_there, manifest_of};
use crate::attached::{Kind, failed, index_tag, malformed, tag};
use crate::error::SourceError;
use crate::hash;
use crate::limits::{MAX_INDEX_ENTRIES, MAX_LAYERS, MAX_MANIFEST};
use crate::oci::manifest::{Document, Manifest, document};
use crate::oci::media;
use crate::registry::error::RegistryError;
use crate::registry::session::Session;
use crate::registry::{fetch, push};
use crate::sources::{Shared, Sources};

/// How often a document is written that others write at the same time.
const TRIES: usize = 5;
/// Go's zero time, which stands where these images have no time of their own: the same layers give the same configuration.
const NO_TIME: &str = "0001-01-01T00:00:00Z";
const IMAGE_CONFIG: &str = "application/vnd.oci.image.config.v1+json";
const EMPTY_CONFIG: &str = "application/vnd.oci.empty.v1+json";

/// A layer that is added.
#[derive(Debug, Clone)]
pub struct NewLayer {
    pub media_type: String,
    pub annotations: BTreeMap<String, String>,
    pub bytes: Vec<u8>,
}

/// A referrer that is added: one layer, and what the manifest says of itself.
#[derive(Debug, Clone)]
pub struct NewReferrer {
    pub artifact_type: String,
    pub annotations: BTreeMap<String, String>,
    pub layer: NewLayer,
}

impl Sources {
    /// Adds a layer to the manifest at the tag in the repository of `reference` that derives from `digest`. Layers that `replaces`
    /// picks leave. Out: the manifest's digest. Must not be called from a task of a server.
    ///
    /// # Errors
    /// What is there cannot be read or is full, or the registry does not take it.
    pub fn attach(
        &self,
        reference: &ImageReference,
        digest: &Digest,
        kind: Kind,
        layer: &NewLayer,
        replaces: &dyn Fn(&crate::oci::manifest::Descriptor) -> bool,
    ) -> Result<Digest, SourceError> {
        self.blocking(&reference.to_string(), |shared| async move {
            let session = registry(&shared, reference)?;
            let pushed = |source| SourceError::Push { what: reference.to_string(), source: Box::new(source) };
            let name = tag(digest, kind);
            let what = format!("{}:{name}", reference.name());
            let own = hash::digest(Algorithm::Sha256, &layer.bytes);
            push::blob(&session, &own, &layer.bytes).await.map_err(pushed)?;
            let added = descriptor(&layer.media_type, &own, layer.bytes.len(), &layer.annotations);
            for _ in 0..TRIES {
                let (mut manifest, read) = match at_tag(&session, reference, &name).await? {
                    Some(got) => (value(&what, &got.bytes)?, Some(manifest_of(&what, &got.bytes, &got.media_type)?)),
                    None => (json!({"schemaVersion": 2, "mediaType": media::OCI_MANIFEST}), None),
                };
                let mut layers = kept(&manifest, read.as_ref(), replaces);
                layers.push(added.clone());
                if layers.len() > MAX_LAYERS {
                    return Err(malformed(&what, format!("it has {MAX_LAYERS} layers already, and more are not read")));
                }
                let config = config(&layers);
                let config_digest = hash::digest(Algorithm::Sha256, &config);
                push::blob(&session, &config_digest, &config).await.map_err(pushed)?;
                manifest["config"] = descriptor(IMAGE_CONFIG, &config_digest, config.len(), &BTreeMap::new());
                manifest["layers"] = layers.into();
                let bytes = bounded_json(&what, &manifest)?;
                let media_type = manifest["mediaType"].as_str().unwrap_or(media::OCI_MANIFEST);
                push::manifest(&session, &name, media_type, &bytes).await.map_err(pushed)?;
                let now = at_tag(&session, reference, &name).await?;
                let now = now.map(|got| value(&what, &got.bytes)).transpose()?.unwrap_or_default();
                if now["layers"].as_array().is_some_and(|layers| layers.contains(&added)) {
                    return Ok(hash::digest(Algorithm::Sha256, &bytes));
                }
            }
            Err(malformed(what, "what is written there is gone each time: somebody else writes it, too"))
        })
    }

    /// Puts a manifest into the repository of `reference` whose subject is the manifest or index `subject`. Registries that keep no
    /// list of referrers get an index at the derived tag. Out: the new manifest's digest. Must not be called from a task of a server.
    ///
    /// # Errors
    /// The index cannot be read or is full, or the registry does not take it.
    pub fn refer(
        &self,
        reference: &ImageReference,
        subject: &Holding,
        new: &NewReferrer,
    ) -> Result<Digest, SourceError> {
        self.blocking(&reference.to_string(), |shared| async move {
            let session = registry(&shared, reference)?;
            let pushed = |source| SourceError::Push { what: reference.to_string(), source: Box::new(source) };
            let digest = &subject.digest;
            let what = format!("{}@{digest}", reference.name());
            let layer = &new.layer;
            let own = hash::digest(Algorithm::Sha256, &layer.bytes);
            let empty = hash::digest(Algorithm::Sha256, b"{}");
            push::blob(&session, &own, &layer.bytes).await.map_err(pushed)?;
            push::blob(&session, &empty, b"{}").await.map_err(pushed)?;
            let none = BTreeMap::new();
            let manifest = json!({
                "schemaVersion": 2,
                "mediaType": media::OCI_MANIFEST,
                "artifactType": new.artifact_type,
                "config": descriptor(EMPTY_CONFIG, &empty, 2, &none),
                "layers": [descriptor(&layer.media_type, &own, layer.bytes.len(), &layer.annotations)],
                "subject": json!({"mediaType": subject.media_type, "size": subject.size, "digest": digest.to_string()}),
                "annotations": new.annotations,
            });
            let bytes = bounded_json(&what, &manifest)?;
            let made = hash::digest(Algorithm::Sha256, &bytes);
            let known = push::referrer(&session, &made, &bytes, digest).await.map_err(pushed)?;
            if !known && matches!(listed(&session, digest).await.map_err(pushed)?, Listed::ByTag(_)) {
                let mut entry = descriptor(media::OCI_MANIFEST, &made, bytes.len(), &new.annotations);
                entry["artifactType"] = new.artifact_type.clone().into();
                add_to_index(&session, reference, digest, entry).await?;
            }
            Ok(made)
        })
    }
}

pub(super) async fn add_to_index(
    session: &Session,
    reference: &ImageReference,
    digest: &Digest,
    entry: Value,
) -> Result<(), SourceError> {
    let name = index_tag(digest);
    let what = format!("{}:{name}", reference.name());
    for _ in 0..TRIES {
        let mut index = match at_tag(session, reference, &name).await? {
            Some(got) => match document(&what, &got.bytes, &got.media_type)? {
                Document::Index(_) => value(&what, &got.bytes)?,
                Document::Manifest(_) => {
                    return Err(malformed(what, "it is a manifest where the index of referrers belongs"));
                }
            },
            None => json!({"schemaVersion": 2, "mediaType": media::OCI_INDEX, "manifests": []}),
        };
        let Some(entries) = index["manifests"].as_array_mut() else { return Err(malformed(what, "it has no entries")) };
        if entries.iter().any(|known| known["digest"] == entry["digest"]) {
            return Ok(());
        }
        if entries.len() >= MAX_INDEX_ENTRIES {
            return Err(malformed(what, format!("it has {MAX_INDEX_ENTRIES} entries already, and more are not read")));
        }
        entries.push(entry.clone());
        let bytes = bounded_json(&what, &index)?;
        let media_type = index["mediaType"].as_str().unwrap_or(media::OCI_INDEX);
        let pushed = push::manifest(session, &name, media_type, &bytes).await;
        pushed.map_err(|source| SourceError::Push { what: what.clone(), source: Box::new(source) })?;
        let now = at_tag(session, reference, &name).await?;
        let now = now.map(|got| value(&what, &got.bytes)).transpose()?.unwrap_or_default();
        if now["manifests"].as_array().is_some_and(|all| all.iter().any(|one| one["digest"] == entry["digest"])) {
            return Ok(());
        }
    }
    Err(malformed(what, "what is written there is gone each time: somebody else writes it, too"))
}

pub(super) fn registry(shared: &Arc<Shared>, reference: &ImageReference) -> Result<Session, SourceError> {
    let endpoint = shared.mirrors.registry(reference);
    let endpoint =
        endpoint.map_err(|source| SourceError::Push { what: reference.to_string(), source: Box::new(source) })?;
    Ok(Session::new(endpoint, shared, true, shared.until()))
}

pub(super) async fn at_tag(
    session: &Session,
    reference: &ImageReference,
    name: &str,
) -> Result<Option<fetch::FetchedManifest>, SourceError> {
    if_there(fetch::manifest(session, name, None).await.map_err(|error: RegistryError| failed(reference, error)))
}

/// The layers that stay, as they stand there.
fn kept(
    manifest: &Value,
    read: Option<&Manifest>,
    replaces: &dyn Fn(&crate::oci::manifest::Descriptor) -> bool,
) -> Vec<Value> {
    let raw = manifest["layers"].as_array().map(Vec::as_slice).unwrap_or_default();
    let read = read.map(|manifest| manifest.layers.as_slice()).unwrap_or_default();
    raw.iter().zip(read).filter(|(_, layer)| !replaces(layer)).map(|(raw, _)| raw.clone()).collect()
}

/// An image's configuration with these layers, for readers that take such a manifest for an image: written in the order that Go's
/// tools have, so that the same layers give the same digest.
fn config(layers: &[Value]) -> Vec<u8> {
    let diff_ids: Vec<String> = layers.iter().map(|layer| layer["digest"].to_string()).collect();
    let history = vec![format!(r#"{{"created":"{NO_TIME}"}}"#); layers.len()];
    format!(
        r#"{{"architecture":"","created":"{NO_TIME}","history":[{}],"os":"","rootfs":{{"type":"layers","diff_ids":[{}]}},"config":{{}}}}"#,
        history.join(","),
        diff_ids.join(",")
    )
    .into_bytes()
}

fn descriptor(media_type: &str, digest: &Digest, size: usize, annotations: &BTreeMap<String, String>) -> Value {
    let mut made = json!({"mediaType": media_type, "size": size, "digest": digest.to_string()});
    if !annotations.is_empty() {
        made["annotations"] = json!(annotations);
    }
    made
}

pub(super) fn value(what: &str, bytes: &[u8]) -> Result<Value, SourceError> {
    serde_json::from_slice(bytes).map_err(|source| SourceError::Json { what: what.to_owned(), source })
}

pub(super) fn bounded_json(what: &str, value: &Value) -> Result<Vec<u8>, SourceError> {
    let bytes = serde_json::to_vec(value).map_err(|source| SourceError::Json { what: what.to_owned(), source })?;
    if bytes.len() as u64 > MAX_MANIFEST {
        return Err(SourceError::TooLarge { what: what.to_owned(), limit: MAX_MANIFEST });
    }
    Ok(bytes)
}
