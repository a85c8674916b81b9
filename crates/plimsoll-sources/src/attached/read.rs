//! Reading what is attached to an image. In: where, and the image's digest. Out: manifests and bytes that were checked against
//! their digests and sizes.

use std::collections::HashSet;
use std::sync::Arc;

use plimsoll_model::{Digest, ImageReference};

use crate::attached::pages::listed;
use crate::attached::{
    Kind, MAX_PAYLOAD, MAX_REFERRERS, MAX_REFERRERS_BYTES, PREDICATE_TYPE, Referrer, failed, is_absent, malformed, tag,
};
use crate::error::SourceError;
use crate::limits::MAX_MANIFEST;
use crate::local::blobs::{bounded, small_blob};
use crate::local::layout::LayoutFolder;
use crate::oci::manifest::{Descriptor, Document, Manifest, document};
use crate::oci::media;
use crate::registry::error::RegistryError;
use crate::registry::session::Session;
use crate::registry::{fetch, pull};
use crate::sources::{Shared, Sources};

/// What was found, and the way to the bytes of its layers.
pub struct Attached<T> {
    pub found: T,
    from: From,
}

enum From {
    Registry { sources: Sources, reference: ImageReference, sessions: Vec<Arc<Session>> },
    Layout(Arc<LayoutFolder>),
}

impl<T> Attached<T> {
    /// The bytes of a layer, checked. Must not be called from a task of a server.
    ///
    /// # Errors
    /// It is larger than [`MAX_PAYLOAD`], cannot be had, or is not what its descriptor says.
    pub fn bytes(&self, layer: &Descriptor) -> Result<Vec<u8>, SourceError> {
        match &self.from {
            From::Registry { sources, reference, sessions } => {
                let work = |shared: Arc<Shared>| async move { payload(&shared, sessions, reference, layer).await };
                sources.blocking(&reference.to_string(), work)
            }
            From::Layout(layout) => small_blob(layout.as_ref(), layer, "layer", MAX_PAYLOAD),
        }
    }

    pub(super) fn of_layout(layout: &Arc<LayoutFolder>, found: T) -> Attached<T> {
        Attached { found, from: From::Layout(Arc::clone(layout)) }
    }
}

/// The document that a reference names, as its registry has it.
#[derive(Debug, Clone)]
pub struct Holding {
    /// Of the manifest or index.
    pub digest: Digest,
    /// As the registry calls it, or it itself.
    pub media_type: String,
    pub size: u64,
    /// The entries of an index, none for a manifest.
    pub entries: Vec<Descriptor>,
}

impl Sources {
    /// The manifest or index that `reference` names. Must not be called from a task of a server.
    ///
    /// # Errors
    /// When no place has it, or it cannot be believed.
    pub fn holding(&self, reference: &ImageReference) -> Result<Holding, SourceError> {
        self.blocking(&reference.to_string(), |shared| async move { holding(&shared, reference).await })
    }

    /// The manifest at the tag in the repository of `reference` that derives from `digest`; `None` when it is nowhere. Must not be
    /// called from a task of a server.
    ///
    /// # Errors
    /// It could not be told, or what is there is no manifest, has too many layers or cannot be believed.
    pub fn attached(
        &self,
        reference: &ImageReference,
        digest: &Digest,
        kind: Kind,
    ) -> Result<Option<Attached<Manifest>>, SourceError> {
        let work = |shared: Arc<Shared>| async move {
            let name = tag(digest, kind);
            let sessions = pull::sessions(&shared, reference, shared.until())?;
            let ask = async |session: &Arc<Session>| {
                if !session.endpoint.resolves_tags {
                    return Ok(None);
                }
                match fetch::manifest(session, &name, None).await {
                    Ok(got) => {
                        manifest_of(&format!("{}:{name}", reference.name()), &got.bytes, &got.media_type).map(Some)
                    }
                    Err(RegistryError::NotFound { .. }) => Ok(None),
                    Err(error) => Err(failed(reference, error)),
                }
            };
            Ok(first(&sessions, ask).await?.map(|(manifest, session)| (manifest, vec![session])))
        };
        let found = self.blocking(&reference.to_string(), work)?;
        Ok(found.map(|(found, sessions)| self.attachment(reference, found, sessions)))
    }

    /// The manifests in the repository of `reference` that name the one of `digest` as their subject, in the order of the registry's
    /// list, each once; what of them could not be read stands there as the reason. When they are more than [`MAX_REFERRERS`], or have
    /// more than [`MAX_REFERRERS_BYTES`] together, that reason ends the list. What an index says of them is not believed. Must not be called
    /// from a task of a server.
    ///
    /// # Errors
    /// The list cannot be had.
    pub fn referrers(
        &self,
        reference: &ImageReference,
        digest: &Digest,
    ) -> Result<Attached<Vec<Result<Referrer, SourceError>>>, SourceError> {
        let work = |shared: Arc<Shared>| async move {
            let sessions = pull::sessions(&shared, reference, shared.until())?;
            let ask = async |session: &Arc<Session>| {
                let entries = listed(session, digest).await.map_err(|error| failed(reference, error))?.entries();
                Ok(Some(entries).filter(|entries| !entries.is_empty()))
            };
            let Some((entries, session)) = first(&sessions, ask).await? else { return Ok((vec![], vec![])) };
            let mut seen = HashSet::new();
            let mut found = Vec::new();
            let mut bytes = 0_u64;
            for entry in entries.iter().filter(|entry| !media::is_index(&entry.media_type)) {
                if !seen.insert(&entry.digest) {
                    continue;
                }
                if seen.len() > MAX_REFERRERS {
                    let why = format!("there are more than {MAX_REFERRERS}");
                    found.push(Err(malformed(format!("the referrers of {}@{digest}", reference.name()), why)));
                    break;
                }
                // One that is too large by itself is refused unread.
                bytes += if entry.size > MAX_MANIFEST { 0 } else { entry.size };
                if bytes > MAX_REFERRERS_BYTES {
                    let what = format!("all referrers of {}@{digest}", reference.name());
                    found.push(Err(SourceError::TooLarge { what, limit: MAX_REFERRERS_BYTES }));
                    break;
                }
                found.push(referrer(&shared, &session, reference, digest, entry).await);
            }
            Ok((found, vec![session]))
        };
        let (found, sessions) = self.blocking(&reference.to_string(), work)?;
        Ok(self.attachment(reference, found, sessions))
    }

    fn attachment<T>(&self, reference: &ImageReference, found: T, sessions: Vec<Arc<Session>>) -> Attached<T> {
        Attached { found, from: From::Registry { sources: self.clone(), reference: reference.clone(), sessions } }
    }
}

/// What the first place has that has something, and which place it is. That one place has nothing counts only when all could be
/// asked.
async fn first<T>(
    sessions: &[Arc<Session>],
    ask: impl AsyncFn(&Arc<Session>) -> Result<Option<T>, SourceError>,
) -> Result<Option<(T, Arc<Session>)>, SourceError> {
    let mut last = None;
    for session in sessions {
        match ask(session).await {
            Ok(Some(found)) => return Ok(Some((found, Arc::clone(session)))),
            Ok(None) => {}
            // What could not be asked counts for more than what somebody put elsewhere.
            Err(error) if last.as_ref().is_none_or(SourceError::is_of_content) => last = Some(error),
            Err(_) => {}
        }
    }
    last.map_or(Ok(None), Err)
}

pub(super) async fn holding(shared: &Arc<Shared>, reference: &ImageReference) -> Result<Holding, SourceError> {
    let sessions = pull::sessions(shared, reference, shared.until())?;
    let name = reference.digest().map_or_else(|| reference.tag().unwrap_or("latest").to_owned(), ToString::to_string);
    let ask = |session: Arc<Session>| {
        let name = &name;
        async move { fetch::manifest(&session, name, reference.digest()).await.map_err(|error| failed(reference, error)) }
    };
    let (_, got) = pull::at_first(&sessions, reference, ask).await?;
    let what = format!("manifest {} of {}", got.digest, reference.name());
    let (own, entries) = match document(&what, &got.bytes, &got.media_type)? {
        Document::Index(index) => (media::OCI_INDEX.to_owned(), index.manifests),
        Document::Manifest(manifest) => (manifest.media_type, vec![]),
    };
    let media_type = if got.media_type.is_empty() { own } else { got.media_type };
    Ok(Holding { digest: got.digest, media_type, size: got.bytes.len() as u64, entries })
}

async fn referrer(
    shared: &Shared,
    session: &Arc<Session>,
    reference: &ImageReference,
    subject: &Digest,
    entry: &Descriptor,
) -> Result<Referrer, SourceError> {
    let what = format!("{}@{}", reference.name(), entry.digest);
    if entry.size > MAX_MANIFEST {
        return Err(SourceError::TooLarge { what, limit: MAX_MANIFEST });
    }
    let bytes = match pull::cached(shared, &entry.digest) {
        Some(bytes) => bytes,
        None => {
            let name = entry.digest.to_string();
            let got = fetch::manifest(session, &name, Some(&entry.digest)).await;
            let got = got.map_err(|error| failed(reference, named_wrongly(error)))?;
            if got.bytes.len() as u64 == entry.size {
                // A cache that takes nothing costs time, not truth.
                let _ = shared.cache.put(&got.digest, &got.bytes);
            }
            got.bytes
        }
    };
    if bytes.len() as u64 != entry.size {
        return Err(SourceError::SizeMismatch { what, wanted: entry.size, found: bytes.len() as u64 });
    }
    referrer_of(what, &entry.digest, &bytes, &entry.media_type, subject)
}

/// What matters of a manifest that has to refer to `subject`.
pub(super) fn referrer_of(
    what: String,
    digest: &Digest,
    bytes: &[u8],
    media_type: &str,
    subject: &Digest,
) -> Result<Referrer, SourceError> {
    let mut manifest = manifest_of(&what, bytes, media_type)?;
    for layer in &mut manifest.layers {
        (layer.annotations, layer.urls) = Default::default();
    }
    match &manifest.subject {
        Some(named) if named.digest == *subject => Ok(Referrer {
            digest: digest.clone(),
            artifact_type: manifest.kind().map(str::to_owned),
            predicate_type: manifest.annotations.remove(PREDICATE_TYPE),
            layers: manifest.layers,
        }),
        Some(named) => Err(malformed(what, format!("its subject is {}, not {subject}", named.digest))),
        None => Err(malformed(what, "it names no subject")),
    }
}

pub(super) fn manifest_of(what: &str, bytes: &[u8], media_type: &str) -> Result<Manifest, SourceError> {
    match document(what, bytes, media_type)? {
        Document::Manifest(manifest) => Ok(*manifest),
        Document::Index(_) => Err(malformed(what, "it is an index, not a manifest")),
    }
}

async fn payload(
    shared: &Shared,
    sessions: &[Arc<Session>],
    reference: &ImageReference,
    layer: &Descriptor,
) -> Result<Vec<u8>, SourceError> {
    let what = format!("layer {} of {}", layer.digest, reference.name());
    if layer.size > MAX_PAYLOAD {
        return Err(SourceError::TooLarge { what, limit: MAX_PAYLOAD });
    }
    for fresh in [false, true] {
        let file = pull::blob(shared, sessions, layer).await;
        let file = file.map_err(|error| failed(reference, named_wrongly(error)))?;
        let bytes = bounded(file, &what, MAX_PAYLOAD)?;
        match crate::hash::check(&what, &bytes, &layer.digest) {
            Ok(()) => return Ok(bytes),
            // The copy in the cache rotted: once anew.
            Err(_) if !fresh => shared.cache.remove(&layer.digest),
            Err(error) => return Err(error),
        }
    }
    Err(malformed(what, "it changes each time it is read"))
}

/// Registries refuse digests and media types that they do not know, by which whoever may push chooses how something is named.
fn named_wrongly(error: RegistryError) -> RegistryError {
    match error {
        RegistryError::Status { host, what, status: status @ (400 | 405 | 406 | 415 | 422), words, .. } => {
            RegistryError::Unreadable { host, what, why: format!("it is refused with status {status}: {words}") }
        }
        error => error,
    }
}

/// A document that may not be there.
pub(super) fn if_there<T>(found: Result<T, SourceError>) -> Result<Option<T>, SourceError> {
    match found {
        Ok(found) => Ok(Some(found)),
        Err(error) if is_absent(&error) => Ok(None),
        Err(error) => Err(error),
    }
}
