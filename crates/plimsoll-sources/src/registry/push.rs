//! Blobs and manifests to one registry. In: a session and bytes. Out: they are there, under their digest or a tag; or they are gone.
//! What it does not do: go on with a blob that broke off.
//! <https://github.com/opencontainers/distribution-spec/blob/main/spec.md#push>

use std::io::Read;

use plimsoll_model::Digest;
use reqwest::header::CONTENT_LENGTH;
use reqwest::{Response, StatusCode};

use crate::hash;
use crate::oci::media;
use crate::registry::answer;
use crate::registry::error::RegistryError;
use crate::registry::fetch::{self, promised};
use crate::registry::session::{Ask, Session, Way, content_type};

/// Bytes of a blob that are sent at once, and held in memory for it.
const PIECE: u64 = 32 << 20;

/// Puts a blob of any size into the repository, if it is not there: a large one piece by piece.
///
/// # Errors
/// The registry does not take it, or its bytes cannot be read or are fewer.
pub async fn stream(
    session: &Session,
    digest: &Digest,
    size: u64,
    from: &mut (dyn Read + Send),
) -> Result<(), RegistryError> {
    let what = format!("blob {digest}");
    let piece = |from: &mut (dyn Read + Send), length: u64| {
        let mut bytes = Vec::with_capacity(length as usize);
        let read = from.take(length).read_to_end(&mut bytes);
        let bad = |why: String| session.bad_answer(&what, why);
        read.map_err(|error| bad(format!("its bytes cannot be read: {error}")))?;
        match bytes.len() as u64 == length {
            true => Ok(bytes),
            false => Err(bad(format!("its bytes end {} before they should", length - bytes.len() as u64))),
        }
    };
    if size <= PIECE {
        return blob(session, digest, &piece(from, size)?).await;
    }
    let path = format!("blobs/{digest}");
    if session.ask(&asked(&path, Way::Head, &what)).await.is_ok_and(|answer| has(&answer, digest, size)) {
        return Ok(());
    }
    let opened = said(session, &asked("blobs/uploads/", Way::Post, &what), StatusCode::ACCEPTED).await?;
    let mut place = session.upload_place(&opened, &what).await?;
    let mut sent = 0;
    while sent < size {
        let bytes = piece(from, PIECE.min(size - sent))?;
        let answer =
            said(session, &asked(place.as_str(), Way::Patch(sent, &bytes), &what), StatusCode::ACCEPTED).await?;
        place = session.upload_place(&answer, &what).await?;
        sent += bytes.len() as u64;
    }
    place.query_pairs_mut().append_pair("digest", &digest.to_string());
    let end = asked(place.as_str(), Way::Put("application/octet-stream", b""), &what);
    let answer = said(session, &end, StatusCode::CREATED).await?;
    match promised(&answer).filter(|found| found.algorithm() == digest.algorithm() && found != digest) {
        None => Ok(()),
        Some(found) => {
            let (host, wanted) = (session.host().to_owned(), digest.clone());
            Err(RegistryError::DigestMismatch { host, what, wanted, found })
        }
    }
}

/// Takes a tag, or the manifest of a digest, out of the repository.
///
/// # Errors
/// The registry does not do it.
pub async fn remove(session: &Session, name: &str) -> Result<(), RegistryError> {
    let what = fetch::named(session, name);
    let path = format!("manifests/{name}");
    let ask = Ask { path: &path, accept: "*/*", from: 0, way: Way::Delete, what: &what };
    session.ask(&ask).await.map(drop).map_err(written)
}

/// Puts a blob into the repository, if it is not there.
///
/// # Errors
/// The registry does not take it.
pub async fn blob(session: &Session, digest: &Digest, bytes: &[u8]) -> Result<(), RegistryError> {
    let what = format!("blob {digest}");
    let ask = |path, way| Ask { path, accept: "*/*", from: 0, way, what: &what };
    // Whatever the answer is but yes, the upload tells more.
    let path = format!("blobs/{digest}");
    if session.ask(&ask(&path, Way::Head)).await.is_ok_and(|answer| has(&answer, digest, bytes.len() as u64)) {
        return Ok(());
    }
    let opened = said(session, &ask("blobs/uploads/", Way::Post), StatusCode::ACCEPTED).await?;
    let mut place = session.upload_place(&opened, &what).await?;
    place.query_pairs_mut().append_pair("digest", &digest.to_string());
    taken(session, &ask(place.as_str(), Way::Put("application/octet-stream", bytes)), bytes).await.map(drop)
}

/// Puts a manifest under a tag.
///
/// # Errors
/// The registry does not take it.
pub async fn manifest(session: &Session, tag: &str, media_type: &str, bytes: &[u8]) -> Result<(), RegistryError> {
    let what = format!("manifest {}:{tag}", session.endpoint.repository);
    let path = format!("manifests/{tag}");
    let ask = Ask { path: &path, accept: "*/*", from: 0, way: Way::Put(media_type, bytes), what: &what };
    taken(session, &ask, bytes).await.map(drop)
}

/// Puts a manifest under its digest that names `subject`; true when the registry says that it lists it as a referrer.
///
/// # Errors
/// The registry does not take it.
pub async fn referrer(
    session: &Session,
    digest: &Digest,
    bytes: &[u8],
    subject: &Digest,
) -> Result<bool, RegistryError> {
    let what = format!("manifest {}@{digest}", session.endpoint.repository);
    let path = format!("manifests/{digest}");
    let ask = Ask { path: &path, accept: "*/*", from: 0, way: Way::Put(media::OCI_MANIFEST, bytes), what: &what };
    let answer = taken(session, &ask, bytes).await?;
    let listed = answer.headers().get("oci-subject").and_then(|value| value.to_str().ok());
    Ok(listed.is_some_and(|listed| listed == subject.to_string()))
}

fn asked<'a>(path: &'a str, way: Way<'a>, what: &'a str) -> Ask<'a> {
    Ask { path, accept: "*/*", from: 0, way, what }
}

/// True when an answer to HEAD says that the blob is there. A page that somebody in between answers to everything does not.
fn has(answer: &Response, digest: &Digest, size: u64) -> bool {
    let length = answer.headers().get(CONTENT_LENGTH).and_then(|length| length.to_str().ok()?.parse::<u64>().ok());
    answer.status() == StatusCode::OK
        && !answer::is_html(&content_type(answer), b"")
        // What says neither how long it is nor what it is says nothing: then it is sent once too often.
        && promised(answer).map_or(length == Some(size), |promised| promised == *digest)
        && length.is_none_or(|length| length == size)
}

/// An answer of the one status that means yes here.
async fn said(session: &Session, ask: &Ask<'_>, yes: StatusCode) -> Result<Response, RegistryError> {
    let answer = session.ask(ask).await.map_err(written)?;
    if answer.status() != yes {
        return Err(written(session.refusal(answer, ask.what).await));
    }
    Ok(answer)
}

/// Puts bytes there; what the registry then says to have is what was sent.
async fn taken(session: &Session, ask: &Ask<'_>, bytes: &[u8]) -> Result<Response, RegistryError> {
    let answer = said(session, ask, StatusCode::CREATED).await?;
    let Some(found) = promised(&answer) else { return Ok(answer) };
    let wanted = hash::digest(found.algorithm(), bytes);
    if wanted != found {
        let (host, what) = (session.host().to_owned(), ask.what.to_owned());
        return Err(RegistryError::DigestMismatch { host, what, wanted, found });
    }
    Ok(answer)
}

/// The same refusals in the words of somebody who writes.
fn written(error: RegistryError) -> RegistryError {
    match error {
        RegistryError::Forbidden { host, what, words } => RegistryError::NotTaken { host, what, status: 403, words },
        RegistryError::Status { host, what, status, words, .. } => {
            RegistryError::NotTaken { host, what, status, words }
        }
        other => other,
    }
}
