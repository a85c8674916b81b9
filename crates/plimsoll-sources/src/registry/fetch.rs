//! Manifests and blobs of one registry. In: a session and what to get. Out: bytes whose digest was checked. Blobs go to
//! the cache as they come, are never whole in memory, and go on where they broke off.

use std::fs::File;

use plimsoll_model::{Algorithm, Digest};
use reqwest::header::CONTENT_RANGE;
use reqwest::{Response, StatusCode};

use crate::cache::{BlobCache, Part, PartError};
use crate::hash;
use crate::limits::MAX_MANIFEST;
use crate::oci::manifest::Descriptor;
use crate::oci::media;
use crate::progress::Progress;
use crate::registry::answer;
use crate::registry::error::RegistryError;
use crate::registry::retry;
use crate::registry::session::{Ask, Session, Way, content_type};

/// A manifest as a registry gave it.
pub struct FetchedManifest {
    pub bytes: Vec<u8>,
    pub media_type: String,
    pub digest: Digest,
}

/// The digest that a tag means, by the registry's word alone: whoever opens it checks what comes. Registries that count
/// pulls do not count this. `None` when it takes no such question, or its answer is no digest.
///
/// # Errors
/// When it cannot be had, and asking for the manifest itself would not help.
pub async fn digest_of_tag(session: &Session, tag: &str) -> Result<Option<Digest>, RegistryError> {
    let what = format!("manifest {}:{tag}", session.endpoint.repository);
    let accept = media::ACCEPTED_MANIFESTS.join(", ");
    let path = format!("manifests/{tag}");
    match session.ask(&Ask { path: &path, accept: &accept, from: 0, way: Way::Head, what: &what }).await {
        Ok(response) => Ok(promised(&response).filter(|_| !answer::is_html(&content_type(&response), b""))),
        // Some proxies and old registries know GET alone.
        Err(RegistryError::NotFound { .. } | RegistryError::Html { .. }) => Ok(None),
        Err(RegistryError::Status { status, .. }) if !retry::passes(status) => Ok(None),
        Err(error) => Err(error),
    }
}

/// `Docker-Content-Digest`, when it has the form of one.
pub(crate) fn promised(response: &Response) -> Option<Digest> {
    response.headers().get("docker-content-digest")?.to_str().ok()?.parse().ok()
}

/// What a manifest is called in messages: by its tag, or by its digest.
pub(super) fn named(session: &Session, name: &str) -> String {
    let mark = if name.parse::<Digest>().is_ok() { '@' } else { ':' };
    format!("manifest {}{mark}{name}", session.endpoint.repository)
}

/// The manifest that `name`, a tag or digest, means.
///
/// # Errors
/// When it cannot be had, or is not the one that was named.
pub async fn manifest(
    session: &Session,
    name: &str,
    wanted: Option<&Digest>,
) -> Result<FetchedManifest, RegistryError> {
    let what = named(session, name);
    let accept = media::ACCEPTED_MANIFESTS.join(", ");
    let path = format!("manifests/{name}");
    let response = session.ask(&Ask { path: &path, accept: &accept, from: 0, way: Way::Get, what: &what }).await?;
    let media_type = content_type(&response);
    let promised = promised(&response);
    let bytes = session.bounded(response, MAX_MANIFEST, &what).await?;
    if answer::is_html(&media_type, &bytes) {
        return Err(RegistryError::Html { host: session.host().to_owned(), what });
    }
    let algorithm = wanted.map_or(Algorithm::Sha256, Digest::algorithm);
    let found = hash::digest(algorithm, &bytes);
    for wanted in wanted.into_iter().chain(promised.as_ref()) {
        let found = hash::digest(wanted.algorithm(), &bytes);
        if found != *wanted {
            return Err(RegistryError::DigestMismatch {
                host: session.host().to_owned(),
                what,
                wanted: wanted.clone(),
                found,
            });
        }
    }
    // Some registries answer with a type of no meaning; what is inside then says what it is.
    let media_type =
        if media::is_index(&media_type) || media::is_manifest(&media_type) { media_type } else { String::new() };
    Ok(FetchedManifest { bytes, media_type, digest: found })
}

/// A blob, from the cache or into it.
///
/// # Errors
/// When it cannot be had, is not the one that was named, or the disk does not take it. What came is kept for another try.
pub async fn blob(
    session: &Session,
    descriptor: &Descriptor,
    cache: &BlobCache,
    progress: &dyn Progress,
) -> Result<File, RegistryError> {
    if let Some(file) = cache.get(&descriptor.digest, Some(descriptor.size)) {
        progress.advanced(&descriptor.digest, descriptor.size, descriptor.size);
        return Ok(file);
    }
    let disk = |source| RegistryError::Cache { folder: cache.folder().display().to_string(), source };
    let what = format!("blob {}", descriptor.digest);
    let mut part = cache.part(&descriptor.digest).map_err(disk)?;
    if part.length() > descriptor.size {
        part.restart().map_err(disk)?;
    }
    let mut failed = 0;
    while part.length() < descriptor.size || descriptor.size == 0 {
        let before = part.length();
        match append(session, descriptor, &mut part, progress, &what, &disk).await {
            Ok(()) if part.length() == descriptor.size => break,
            Ok(()) => {
                // Broken off. As long as something comes each time, it is worth going on.
                failed = if part.length() > before { 1 } else { failed + 1 };
                match session.wait(failed, None) {
                    Some(wait) if failed < retry::MAX_TRIES => tokio::time::sleep(wait).await,
                    _ => {
                        let why = format!("it breaks off after {} of {} bytes", part.length(), descriptor.size);
                        return Err(session.bad_answer(&what, why));
                    }
                }
            }
            Err(error) => {
                if matches!(error, RegistryError::SizeMismatch { .. } | RegistryError::Unreadable { .. }) {
                    part.discard();
                }
                return Err(error);
            }
        }
    }
    let file = part.finish().map_err(|error| match error {
        PartError::Io(source) => disk(source),
        PartError::Digest(found) => RegistryError::DigestMismatch {
            host: session.host().to_owned(),
            what: what.clone(),
            wanted: descriptor.digest.clone(),
            found,
        },
    })?;
    cache.evict();
    Ok(file)
}

/// One request's worth of a blob, added to what is there.
async fn append(
    session: &Session,
    descriptor: &Descriptor,
    part: &mut Part,
    progress: &dyn Progress,
    what: &str,
    disk: &(dyn Fn(std::io::Error) -> RegistryError + Sync),
) -> Result<(), RegistryError> {
    let path = format!("blobs/{}", descriptor.digest);
    let from = part.length();
    let asked = session.ask(&Ask { path: &path, accept: "*/*", from, way: Way::Get, what }).await;
    let mut response = match asked {
        // The server does not know the range: from the start, then.
        Err(RegistryError::Status { status: 416, .. }) if from > 0 => {
            part.restart().map_err(disk)?;
            session.ask(&Ask { path: &path, accept: "*/*", from: 0, way: Way::Get, what }).await?
        }
        other => other?,
    };
    let begins = response.headers().get(CONTENT_RANGE).and_then(|value| value.to_str().ok()).and_then(range_start);
    let goes_on = response.status() == StatusCode::PARTIAL_CONTENT && begins == Some(part.length());
    if part.length() > 0 && !goes_on {
        part.restart().map_err(disk)?;
        if response.status() == StatusCode::PARTIAL_CONTENT {
            return Err(session.bad_answer(what, "it sends another range than the one asked for"));
        }
    }
    let is_page = content_type(&response).eq_ignore_ascii_case("text/html");
    // An error here means that it broke off; what came counts, and the caller sees that it is too short.
    let mut is_over = false;
    loop {
        let chunk = match response.chunk().await {
            Ok(Some(chunk)) => chunk,
            Ok(None) => {
                is_over = true;
                break;
            }
            Err(_) => break,
        };
        let total = part.length().saturating_add(chunk.len() as u64);
        if total > descriptor.size {
            let host = session.host().to_owned();
            if is_page {
                return Err(RegistryError::Html { host, what: what.to_owned() });
            }
            let what = what.to_owned();
            return Err(RegistryError::SizeMismatch { host, what, wanted: descriptor.size, found: total });
        }
        part.write(&chunk).map_err(disk)?;
        progress.advanced(&descriptor.digest, part.length(), descriptor.size);
    }
    if is_page && part.length() < descriptor.size {
        part.restart().map_err(disk)?;
        return Err(RegistryError::Html { host: session.host().to_owned(), what: what.to_owned() });
    }
    // All of it came, and the size was a lie. Other bytes are no blob of anybody's: they are somebody's words in its place.
    if is_over && part.length() < descriptor.size && part.is_whole() {
        let why = format!("it has {} bytes, not the {} that its descriptor promises", part.length(), descriptor.size);
        return Err(session.unreadable(what, why));
    }
    Ok(())
}

/// The first byte of `bytes FIRST-LAST/TOTAL`.
fn range_start(header: &str) -> Option<u64> {
    header.trim().strip_prefix("bytes ")?.split('-').next()?.trim().parse().ok()
}
