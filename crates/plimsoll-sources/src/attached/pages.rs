//! The list of an image's referrers at one registry. In: a session and a digest. Out: descriptors, by a bounded number of pages; or
//! the word that this registry keeps no list, and what the index at the derived tag says instead.

use plimsoll_model::Digest;
use reqwest::Response;
use reqwest::header::LINK;

use crate::attached::{MAX_PAGES, index_tag};
use crate::limits::{MAX_INDEX_ENTRIES, MAX_MANIFEST};
use crate::oci::manifest::{Descriptor, Document, document};
use crate::oci::media;
use crate::registry::error::RegistryError;
use crate::registry::fetch;
use crate::registry::place::{next_place, same_origin};
use crate::registry::session::{Ask, Session, Way, content_type};

/// How a registry keeps referrers.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Listed {
    /// By itself.
    ByApi(Vec<Descriptor>),
    /// In an index at the derived tag, which may not be there yet.
    ByTag(Vec<Descriptor>),
}

impl Listed {
    pub fn entries(self) -> Vec<Descriptor> {
        match self {
            Listed::ByApi(entries) | Listed::ByTag(entries) => entries,
        }
    }
}

/// Statuses of registries that know no such list.
const UNKNOWN_HERE: [u16; 3] = [400, 405, 406];

/// What refers to the manifest of this digest.
///
/// # Errors
/// The registry cannot be asked, or its answer is no list, is endless, or leads elsewhere.
pub(super) async fn listed(session: &Session, digest: &Digest) -> Result<Listed, RegistryError> {
    match by_api(session, digest).await {
        Ok(entries) => Ok(Listed::ByApi(entries)),
        Err(error) if knows_no_list(&error) => by_tag(session, digest).await,
        Err(error) => Err(error),
    }
}

fn knows_no_list(error: &RegistryError) -> bool {
    match error {
        RegistryError::NotFound { .. } => true,
        RegistryError::Status { status, .. } => UNKNOWN_HERE.contains(status),
        _ => false,
    }
}

/// What every list has.
#[derive(serde::Deserialize)]
struct Manifests {
    #[serde(rename = "manifests")]
    _manifests: Vec<serde::de::IgnoredAny>,
}

async fn by_api(session: &Session, digest: &Digest) -> Result<Vec<Descriptor>, RegistryError> {
    let what = format!("the referrers of {}@{digest}", session.endpoint.repository);
    let mut path = format!("referrers/{digest}");
    let mut entries = Vec::new();
    for page in 1..=MAX_PAGES {
        let ask = Ask { path: &path, accept: media::OCI_INDEX, from: 0, way: Way::Get, what: &what };
        let response = session.ask(&ask).await.map_err(|error| match error {
            // The list is there, for its first page was.
            error if page > 1 && knows_no_list(&error) => {
                session.bad_answer(&what, format!("its page {page} is not there: {}", crate::error::chain(&error)))
            }
            error => error,
        })?;
        if content_type(&response) != media::OCI_INDEX {
            let kind: String = content_type(&response).chars().take(80).collect();
            return Err(session.bad_answer(&what, format!("it comes as {kind:?}, not as an index")));
        }
        let next = next_page(session, &response)?;
        let bytes = session.bounded(response, MAX_MANIFEST, &what).await?;
        // Nobody can push what the registry makes by itself.
        if serde_json::from_slice::<Manifests>(&bytes).is_err() {
            return Err(session.bad_answer(&what, "it is no list"));
        }
        entries.extend(index(session, &what, &bytes, media::OCI_INDEX)?);
        if entries.len() > MAX_INDEX_ENTRIES {
            return Err(session.unreadable(&what, format!("there are more than {MAX_INDEX_ENTRIES}")));
        }
        match next {
            Some(next) => path = next,
            None => return Ok(entries),
        }
    }
    Err(session.unreadable(&what, format!("there are more than {MAX_PAGES} pages")))
}

/// The index at the derived tag; one that is not there is empty. A place that is not to be believed about tags is not asked.
async fn by_tag(session: &Session, digest: &Digest) -> Result<Listed, RegistryError> {
    if !session.endpoint.resolves_tags {
        return Ok(Listed::ByTag(vec![]));
    }
    let tag = index_tag(digest);
    match fetch::manifest(session, &tag, None).await {
        Ok(got) => {
            let what = format!("the index of referrers {}:{tag}", session.endpoint.repository);
            Ok(Listed::ByTag(index(session, &what, &got.bytes, &got.media_type)?))
        }
        Err(RegistryError::NotFound { .. }) => Ok(Listed::ByTag(vec![])),
        Err(error) => Err(error),
    }
}

fn index(session: &Session, what: &str, bytes: &[u8], media_type: &str) -> Result<Vec<Descriptor>, RegistryError> {
    match document(what, bytes, media_type) {
        Ok(Document::Index(index)) => Ok(index.manifests),
        Ok(Document::Manifest(_)) => Err(session.unreadable(what, "it is a manifest, not an index")),
        Err(error) => Err(session.unreadable(what, crate::error::chain(&error))),
    }
}

/// `Link: <…>; rel="next"`: where the list goes on. Credentials go along, so it has to be the same registry.
fn next_page(session: &Session, response: &Response) -> Result<Option<String>, RegistryError> {
    let links = response.headers().get_all(LINK).iter().filter_map(|value| value.to_str().ok());
    let Some(next) = links.flat_map(|links| links.split(',')).find_map(next_of) else { return Ok(None) };
    let place = next_place(session.host(), response.url(), next)?;
    if !same_origin(response.url(), &place) {
        return Err(session.bad_answer("the referrers", "their next page is at another host"));
    }
    Ok(Some(place.to_string()))
}

fn next_of(link: &str) -> Option<&str> {
    let (address, parameters) = link.trim().strip_prefix('<')?.split_once('>')?;
    let is_next = |parameter: &str| matches!(parameter.trim(), "rel=next" | "rel=\"next\"");
    parameters.split(';').any(is_next).then_some(address)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_next_page_is_told_from_other_links() {
        assert_eq!(next_of(r#"</v2/a/referrers/x?n=2>; rel="next""#), Some("/v2/a/referrers/x?n=2"));
        assert_eq!(next_of("<https://h/x>;title=a; rel=next"), Some("https://h/x"));
        for other in [r#"</x>; rel="prev""#, "</x", "x; rel=next", "", "</x>"] {
            assert_eq!(next_of(other), None, "{other}");
        }
    }
}
