//! An image from registries. In: a reference and the places that may have it. Out: a `ResolvedImage` whose layers arrive
//! in the background, a few at a time, from the first one that is opened.

use std::fs::File;
use std::io;
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::Instant;

use plimsoll_model::{Digest, ImageReference, LayerReader, Platform};
use tokio::sync::Semaphore;

use crate::error::SourceError;
use crate::file_part::FilePart;
use crate::image::{OpenBlob, ResolvedImage, assembled, check_is_image};
use crate::limits::{MAX_CONFIG, MAX_INDEX_DEPTH};
use crate::local::blobs::bounded;
use crate::oci::config::image_config;
use crate::oci::manifest::{Descriptor, Document, Manifest, document};
use crate::oci::platform::pick;
use crate::registry::error::RegistryError;
use crate::registry::fetch::{self, FetchedManifest};
use crate::registry::session::Session;
use crate::sources::Shared;

/// Downloads of one image at the same time. More do not make a link faster and look like an attack to some registries.
const AT_ONCE: usize = 4;

/// A manifest with the sessions that may have its blobs, the one that had the manifest first.
pub(crate) struct Found {
    pub sessions: Vec<Arc<Session>>,
    pub manifest: Manifest,
    pub digest: Digest,
    pub index_digest: Option<Digest>,
}

/// The manifest that `reference` leads to at the first place that has it.
pub(crate) async fn find(
    shared: &Arc<Shared>,
    reference: &ImageReference,
    platform: Option<&Platform>,
    until: Instant,
) -> Result<Found, SourceError> {
    let sessions = sessions(shared, reference, until)?;
    let ask = |session| async move { descend(shared, &session, reference, platform).await };
    let (at, mut found) = at_first(&sessions, reference, ask).await?;
    // Blobs are asked for where the manifest was, and then at the other places in their order.
    found.sessions = sessions[at..].iter().chain(&sessions[..at]).cloned().collect();
    Ok(found)
}

/// The digest that `reference` has or its tag means, at the first place that knows.
pub(crate) async fn resolve(shared: &Arc<Shared>, reference: &ImageReference) -> Result<Digest, SourceError> {
    if let Some(digest) = reference.digest() {
        return Ok(digest.clone());
    }
    let sessions = sessions(shared, reference, shared.until())?;
    let tag = reference.tag().unwrap_or("latest");
    let ask = |session: Arc<Session>| async move {
        let failed = |source| failed(reference, source, vec![]);
        if let Some(digest) = fetch::digest_of_tag(&session, tag).await.map_err(failed)? {
            return Ok(digest);
        }
        let got = fetch::manifest(&session, tag, None).await.map_err(failed)?;
        // A cache that takes nothing costs time, not truth.
        let _ = shared.cache.put(&got.digest, &got.bytes);
        Ok(got.digest)
    };
    Ok(at_first(&sessions, reference, ask).await?.1)
}

fn failed(reference: &ImageReference, source: RegistryError, tried: Vec<String>) -> SourceError {
    SourceError::Registry { what: reference.to_string(), tried, source: Box::new(source) }
}

/// The places that may have `reference`, the first to be asked first.
pub(crate) fn sessions(
    shared: &Shared,
    reference: &ImageReference,
    until: Instant,
) -> Result<Vec<Arc<Session>>, SourceError> {
    let endpoints = shared.mirrors.endpoints(reference).map_err(|error| failed(reference, error, vec![]))?;
    let count = endpoints.len();
    let session = |(at, endpoint)| Arc::new(Session::new(endpoint, shared, at + 1 == count, until));
    Ok(endpoints.into_iter().enumerate().map(session).collect())
}

/// What the first place answers that has an answer, and which place it is.
pub(crate) async fn at_first<T, F>(
    sessions: &[Arc<Session>],
    reference: &ImageReference,
    ask: impl Fn(Arc<Session>) -> F,
) -> Result<(usize, T), SourceError>
where
    F: Future<Output = Result<T, SourceError>>,
{
    let mut tried = vec![];
    let mut last = None;
    for (at, session) in sessions.iter().enumerate() {
        let by_digest = reference.digest();
        if by_digest.is_none() && !session.endpoint.resolves_tags
            || by_digest.is_some() && !session.endpoint.serves_digests
        {
            continue;
        }
        match ask(Arc::clone(session)).await {
            Ok(answer) => return Ok((at, answer)),
            Err(SourceError::Registry { source, .. }) => {
                tried.extend(last.replace(source).map(|error: Box<RegistryError>| crate::error::chain(&error)));
            }
            // The image is there and cannot be read: another place has the same one.
            Err(error) => return Err(error),
        }
    }
    let none = || RegistryError::NotFound {
        host: reference.registry().to_owned(),
        what: reference.to_string(),
        words: "no configured mirror may be asked for it".into(),
    };
    Err(failed(reference, last.map_or_else(none, |error| *error), tried))
}

async fn descend(
    shared: &Arc<Shared>,
    session: &Arc<Session>,
    reference: &ImageReference,
    platform: Option<&Platform>,
) -> Result<Found, SourceError> {
    let failed = |source| failed(reference, source, vec![]);
    let mut digest = reference.digest().cloned();
    let mut media_type = String::new();
    let mut index_digest = None;
    for _ in 0..MAX_INDEX_DEPTH {
        let name = digest.as_ref().map_or_else(|| reference.tag().unwrap_or("latest").to_owned(), ToString::to_string);
        let got = match digest.as_ref().and_then(|digest| cached(shared, digest)) {
            Some(bytes) => FetchedManifest {
                bytes,
                media_type: media_type.clone(),
                digest: digest.clone().expect("it was looked up by it"),
            },
            None => {
                let got = fetch::manifest(session, &name, digest.as_ref()).await.map_err(failed)?;
                // A cache that takes nothing costs time, not truth.
                let _ = shared.cache.put(&got.digest, &got.bytes);
                got
            }
        };
        let what = format!("manifest {} of {}", got.digest, reference.name());
        if !media_type.is_empty() && !got.media_type.is_empty() && media_type != got.media_type {
            let why = format!("its index calls it {media_type:?} but it came as {:?}", got.media_type);
            return Err(SourceError::Malformed { what, why });
        }
        match document(&what, &got.bytes, &got.media_type)? {
            Document::Index(index) => {
                index_digest.get_or_insert(got.digest.clone());
                let entry = pick(&reference.to_string(), &index, platform)?;
                digest = Some(entry.digest.clone());
                media_type = entry.media_type.clone();
            }
            Document::Manifest(manifest) => {
                return Ok(Found { sessions: vec![], manifest: *manifest, digest: got.digest, index_digest });
            }
        }
    }
    Err(SourceError::TooDeep { what: reference.to_string() })
}

/// The bytes of a manifest that the cache has, after its digest was checked again.
pub(crate) fn cached(shared: &Shared, digest: &Digest) -> Option<Vec<u8>> {
    let file = shared.cache.get(digest, None)?;
    let bytes = bounded(file, "a cached manifest", crate::limits::MAX_MANIFEST).ok()?;
    if crate::hash::check("a cached manifest", &bytes, digest).is_err() {
        shared.cache.remove(digest);
        return None;
    }
    Some(bytes)
}

/// The image that `reference` names.
pub(crate) async fn image(
    shared: &Arc<Shared>,
    reference: &ImageReference,
    platform: Option<&Platform>,
) -> Result<ResolvedImage, SourceError> {
    let until = shared.until();
    let found = find(shared, reference, platform, until).await?;
    let what = reference.to_string();
    check_is_image(&what, &found.manifest)?;
    let size = found.manifest.layers.iter().fold(0, |sum: u64, layer| sum.saturating_add(layer.size));
    if size > shared.image_limit {
        return Err(SourceError::TooLarge { what: format!("the layers of {what}"), limit: shared.image_limit });
    }
    let bytes = small_blob(shared, &found, &what).await?;
    let config = image_config(&format!("configuration of {what}"), &bytes)?;
    let fetches = Arc::new(Fetches {
        shared: Arc::clone(shared),
        sessions: found.sessions,
        layers: found.manifest.layers.clone(),
        states: Mutex::new(vec![State::Idle; found.manifest.layers.len()]),
        changed: Condvar::new(),
        until,
    });
    let open: OpenBlob = Arc::new(move |descriptor: &Descriptor| fetches.open(descriptor));
    let mut image = assembled(&what, &found.manifest, config, &open, &|descriptor| {
        shared.cache.get(&descriptor.digest, Some(descriptor.size)).is_some()
    });
    image.reference = Some(reference.clone());
    image.repo_tags = reference.tag().map(|tag| format!("{}:{tag}", reference.name())).into_iter().collect();
    let named = found.index_digest.as_ref().unwrap_or(&found.digest);
    image.repo_digests = vec![format!("{}@{named}", reference.name())];
    image.digest = Some(found.digest);
    image.index_digest = found.index_digest;
    image.of_platform(&what, platform)
}

/// The configuration's bytes, checked.
async fn small_blob(shared: &Arc<Shared>, found: &Found, what: &str) -> Result<Vec<u8>, SourceError> {
    let descriptor = &found.manifest.config;
    let named = format!("configuration of {what}");
    if descriptor.size > MAX_CONFIG {
        return Err(SourceError::TooLarge { what: named, limit: MAX_CONFIG });
    }
    for fresh in [false, true] {
        let file = blob(shared, &found.sessions, descriptor).await.map_err(|source| SourceError::Registry {
            what: what.to_owned(),
            tried: vec![],
            source: Box::new(source),
        })?;
        let bytes = bounded(file, &named, MAX_CONFIG)?;
        match crate::hash::check(&named, &bytes, &descriptor.digest) {
            Ok(()) => return Ok(bytes),
            // The copy in the cache rotted: once anew.
            Err(_) if !fresh => shared.cache.remove(&descriptor.digest),
            Err(error) => return Err(error),
        }
    }
    Err(SourceError::Malformed { what: named, why: "it changes each time it is read".into() })
}

/// A blob from the first place that has it.
pub(crate) async fn blob(
    shared: &Shared,
    sessions: &[Arc<Session>],
    descriptor: &Descriptor,
) -> Result<File, RegistryError> {
    let mut last = None;
    for session in sessions.iter().filter(|session| session.endpoint.serves_digests) {
        match fetch::blob(session, descriptor, &shared.cache, shared.progress.as_ref()).await {
            Ok(file) => return Ok(file),
            // A full disk is full for every mirror.
            Err(error @ RegistryError::Cache { .. }) => return Err(error),
            Err(error) => {
                last.get_or_insert(error);
            }
        }
    }
    Err(last.unwrap_or_else(|| RegistryError::NotFound {
        host: "any mirror".into(),
        what: format!("blob {}", descriptor.digest),
        words: String::new(),
    }))
}

#[derive(Clone)]
enum State {
    Idle,
    Coming,
    Here(Arc<File>),
    Failed(String),
}

/// The downloads of one image's layers.
struct Fetches {
    shared: Arc<Shared>,
    sessions: Vec<Arc<Session>>,
    layers: Vec<Descriptor>,
    states: Mutex<Vec<State>>,
    changed: Condvar,
    until: Instant,
}

impl Fetches {
    /// A layer's bytes, once they are all here and right. The first call starts the downloads of all layers.
    fn open(self: &Arc<Self>, descriptor: &Descriptor) -> io::Result<LayerReader> {
        let at = self
            .layers
            .iter()
            .position(|layer| layer.digest == descriptor.digest)
            .ok_or_else(|| io::Error::new(io::ErrorKind::NotFound, "the image has no such layer"))?;
        if crate::oci::media::is_foreign_layer(&descriptor.media_type)
            && self.shared.cache.get(&descriptor.digest, Some(descriptor.size)).is_none()
        {
            return Err(io::Error::new(
                io::ErrorKind::NotFound,
                "its bytes lie outside the registry and are not fetched",
            ));
        }
        self.start();
        let mut states = self.states.lock().unwrap_or_else(PoisonError::into_inner);
        loop {
            match &states[at] {
                State::Here(file) => {
                    return Ok(Box::new(FilePart::new(file, 0, descriptor.size)));
                }
                State::Failed(words) => return Err(io::Error::other(words.clone())),
                State::Idle | State::Coming => {}
            }
            // The downloads end by themselves at the deadline; a second more, and something is wrong here.
            let left = self.until.saturating_duration_since(Instant::now()) + std::time::Duration::from_secs(1);
            let (guard, waited) = self.changed.wait_timeout(states, left).unwrap_or_else(PoisonError::into_inner);
            states = guard;
            if waited.timed_out() && matches!(states[at], State::Idle | State::Coming) {
                let error = RegistryError::Deadline { after: self.shared.deadline };
                return Err(io::Error::new(io::ErrorKind::TimedOut, error.to_string()));
            }
        }
    }

    fn start(self: &Arc<Self>) {
        let mut states = self.states.lock().unwrap_or_else(PoisonError::into_inner);
        let room = Arc::new(Semaphore::new(AT_ONCE));
        for (at, layer) in self.layers.iter().enumerate() {
            // The same blob twice in one image is fetched once.
            let first = self.layers.iter().position(|other| other.digest == layer.digest) == Some(at);
            if !first || !matches!(states[at], State::Idle) || crate::oci::media::is_foreign_layer(&layer.media_type) {
                continue;
            }
            states[at] = State::Coming;
            let (this, room) = (Arc::clone(self), Arc::clone(&room));
            self.shared.runtime.handle().spawn(async move {
                let _permit = room.acquire().await;
                let fetched =
                    tokio::time::timeout_at(this.until.into(), blob(&this.shared, &this.sessions, &this.layers[at]));
                let fetched = fetched.await.unwrap_or(Err(RegistryError::Deadline { after: this.shared.deadline }));
                let state = match fetched {
                    Ok(file) => State::Here(Arc::new(file)),
                    Err(error) => State::Failed(with_hint(&error)),
                };
                this.states.lock().unwrap_or_else(PoisonError::into_inner)[at] = state;
                this.changed.notify_all();
            });
        }
    }
}

fn with_hint(error: &RegistryError) -> String {
    let words = format!("could not {}", crate::error::chain(error));
    match error.hint() {
        Some(hint) => format!("{words} (hint: {hint})"),
        None => words,
    }
}
