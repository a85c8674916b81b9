//! Blobs and manifests to one registry. In: a session and bytes. Out: they are there, under their digest or a tag. What it does
//! not do: send a blob in pieces, or go on with one that broke off; what is pushed here is small.
//! <https://github.com/opencontainers/distribution-spec/blob/main/spec.md#push>

use plimsoll_model::Digest;

use crate::registry::error::RegistryError;
use crate::registry::session::{Ask, Session, Way};

/// Puts a blob into the repository, if it is not there.
///
/// # Errors
/// The registry does not take it.
pub async fn blob(session: &Session, digest: &Digest, bytes: &[u8]) -> Result<(), RegistryError> {
    let what = format!("blob {digest}");
    let ask = |path, way| Ask { path, accept: "*/*", from: 0, way, what: &what };
    // Whatever the answer is but yes, the upload tells more.
    let path = format!("blobs/{digest}");
    if session.ask(&ask(&path, Way::Head)).await.is_ok() {
        return Ok(());
    }
    let opened = session.ask(&ask("blobs/uploads/", Way::Post)).await.map_err(written)?;
    let mut place = session.upload_place(&opened, &what)?;
    place.query_pairs_mut().append_pair("digest", &digest.to_string());
    let put = ask(place.as_str(), Way::Put("application/octet-stream", bytes));
    session.ask(&put).await.map(drop).map_err(written)
}

/// Puts a manifest under a tag.
///
/// # Errors
/// The registry does not take it.
pub async fn manifest(session: &Session, tag: &str, media_type: &str, bytes: &[u8]) -> Result<(), RegistryError> {
    let what = format!("manifest {}:{tag}", session.endpoint.repository);
    let path = format!("manifests/{tag}");
    let ask = Ask { path: &path, accept: "*/*", from: 0, way: Way::Put(media_type, bytes), what: &what };
    session.ask(&ask).await.map(drop).map_err(written)
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
