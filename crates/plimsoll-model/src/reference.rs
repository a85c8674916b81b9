//! The name of an image. In: what people type. Out: the full, normalised name that policies judge, as the
//! distribution project's reference grammar has it (`nginx` → `docker.io/library/nginx:latest`).

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::digest::{Digest, DigestError};

/// The longest name (registry and repository) that the distribution grammar allows.
const MAX_NAME: usize = 255;
/// The longest tag that the distribution grammar allows.
const MAX_TAG: usize = 128;

/// A fully normalised image reference. With neither tag nor digest written, the tag is `latest` and
/// [`ImageReference::tag_was_implied`] says so.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub struct ImageReference {
    registry: String,
    repository: String,
    tag: Option<String>,
    digest: Option<Digest>,
    implied_tag: bool,
}

/// Why a text names no image. The words finish "could not read the image name: …".
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ReferenceError {
    #[error("it is empty")]
    Empty,
    #[error("repository {0:?} has upper-case letters; repository names are lower case")]
    UpperCase(String),
    #[error("{0:?} is not a registry host")]
    BadRegistry(String),
    #[error("{0:?} is not a repository name")]
    BadRepository(String),
    #[error("{0:?} is not a tag")]
    BadTag(String),
    #[error("{0}")]
    BadDigest(#[source] DigestError),
    #[error("the name has {0} characters; at most {MAX_NAME} are allowed")]
    TooLong(usize),
    #[error("the prefix {0:?} is not part of an image name: drop the prefix")]
    Scheme(String),
}

impl ImageReference {
    /// Registry host with its port, `docker.io` for Docker Hub.
    pub fn registry(&self) -> &str {
        &self.registry
    }

    /// Repository below the registry, `library/nginx`.
    pub fn repository(&self) -> &str {
        &self.repository
    }

    pub fn tag(&self) -> Option<&str> {
        self.tag.as_deref()
    }

    pub fn digest(&self) -> Option<&Digest> {
        self.digest.as_ref()
    }

    /// True when the writer gave neither tag nor digest.
    pub fn tag_was_implied(&self) -> bool {
        self.implied_tag
    }

    /// `registry/repository`, what policies match on.
    pub fn name(&self) -> String {
        format!("{}/{}", self.registry, self.repository)
    }

    /// The same image pinned to `digest`; the tag stays for people to read.
    pub fn with_digest(&self, digest: Digest) -> ImageReference {
        ImageReference { digest: Some(digest), ..self.clone() }
    }

    /// The same repository and tag at another registry host, as a mirror has it.
    ///
    /// # Errors
    /// When `registry` is no host, or `repository` no repository name.
    pub fn at(&self, registry: &str, repository: &str) -> Result<ImageReference, ReferenceError> {
        check_registry(registry)?;
        check_repository(repository)?;
        Ok(ImageReference { registry: registry.to_owned(), repository: repository.to_owned(), ..self.clone() })
    }
}

impl FromStr for ImageReference {
    type Err = ReferenceError;

    fn from_str(text: &str) -> Result<ImageReference, ReferenceError> {
        if text.is_empty() {
            return Err(ReferenceError::Empty);
        }
        if let Some((scheme, _)) = text.split_once("://") {
            return Err(ReferenceError::Scheme(format!("{scheme}://")));
        }
        let (rest, digest) = match text.split_once('@') {
            Some((rest, digest)) => (rest, Some(digest.parse().map_err(ReferenceError::BadDigest)?)),
            None => (text, None),
        };
        // A colon after the last slash starts a tag; one before it belongs to the registry's port.
        let (name, tag) = match rest.rfind(':') {
            Some(at) if !rest[at..].contains('/') => (&rest[..at], Some(&rest[at + 1..])),
            _ => (rest, None),
        };
        if let Some(tag) = tag {
            check_tag(tag)?;
        }
        let (registry, repository) = match name.split_once('/') {
            Some((first, remainder)) if is_registry(first) => (first, remainder.to_owned()),
            _ => ("docker.io", name.to_owned()),
        };
        let registry = if registry == "index.docker.io" { "docker.io" } else { registry };
        let repository = if registry == "docker.io" && !repository.contains('/') {
            format!("library/{repository}")
        } else {
            repository
        };
        check_registry(registry)?;
        check_repository(&repository)?;
        let length = registry.len() + 1 + repository.len();
        if length > MAX_NAME {
            return Err(ReferenceError::TooLong(length));
        }
        let implied_tag = tag.is_none() && digest.is_none();
        let tag = if implied_tag { Some("latest".to_owned()) } else { tag.map(str::to_owned) };
        Ok(ImageReference { registry: registry.to_owned(), repository, tag, digest, implied_tag })
    }
}

/// The first part is a host when it could not be a repository part: it has a dot, a port, upper-case letters, or is
/// `localhost`.
fn is_registry(first: &str) -> bool {
    first == "localhost"
        || first.contains(['.', ':'])
        || (first.chars().any(|c| c.is_ascii_uppercase()) && check_registry(first).is_ok())
}

fn check_registry(host: &str) -> Result<(), ReferenceError> {
    let bad = || ReferenceError::BadRegistry(host.to_owned());
    let (name, port) = if let Some(rest) = host.strip_prefix('[') {
        let (address, after) = rest.split_once(']').ok_or_else(bad)?;
        if address.parse::<std::net::Ipv6Addr>().is_err() {
            return Err(bad());
        }
        match after.strip_prefix(':') {
            Some(port) => (None, Some(port)),
            None if after.is_empty() => (None, None),
            None => return Err(bad()),
        }
    } else {
        match host.split_once(':') {
            Some((name, port)) => (Some(name), Some(port)),
            None => (Some(host), None),
        }
    };
    if let Some(port) = port
        && (port.is_empty() || port.parse::<u16>().is_err() || !port.bytes().all(|b| b.is_ascii_digit()))
    {
        return Err(bad());
    }
    if let Some(name) = name {
        let label = |part: &str| {
            !part.is_empty()
                && part.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
                && !part.starts_with('-')
                && !part.ends_with('-')
        };
        if !name.split('.').all(label) {
            return Err(bad());
        }
    }
    Ok(())
}

fn check_repository(repository: &str) -> Result<(), ReferenceError> {
    if repository.bytes().any(|b| b.is_ascii_uppercase()) {
        return Err(ReferenceError::UpperCase(repository.to_owned()));
    }
    if repository.split('/').all(is_repository_part) {
        Ok(())
    } else {
        Err(ReferenceError::BadRepository(repository.to_owned()))
    }
}

/// Lower-case letters and digits, joined by one dot, one or two underscores, or any number of dashes.
fn is_repository_part(part: &str) -> bool {
    let word = |c: u8| c.is_ascii_lowercase() || c.is_ascii_digit();
    let bytes = part.as_bytes();
    let (Some(first), Some(last)) = (bytes.first(), bytes.last()) else { return false };
    if !word(*first) || !word(*last) {
        return false;
    }
    part.split(|c: char| c.is_ascii_lowercase() || c.is_ascii_digit())
        .all(|separator| matches!(separator, "" | "." | "_" | "__") || separator.bytes().all(|b| b == b'-'))
}

fn check_tag(tag: &str) -> Result<(), ReferenceError> {
    let word = |b: u8| b.is_ascii_alphanumeric() || b == b'_';
    let good = tag.len() <= MAX_TAG
        && tag.bytes().next().is_some_and(word)
        && tag.bytes().all(|b| word(b) || b == b'.' || b == b'-');
    if good { Ok(()) } else { Err(ReferenceError::BadTag(tag.to_owned())) }
}

impl fmt::Display for ImageReference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.registry, self.repository)?;
        if let Some(tag) = &self.tag {
            write!(f, ":{tag}")?;
        }
        if let Some(digest) = &self.digest {
            write!(f, "@{digest}")?;
        }
        Ok(())
    }
}

impl From<ImageReference> for String {
    fn from(reference: ImageReference) -> String {
        reference.to_string()
    }
}

impl TryFrom<String> for ImageReference {
    type Error = ReferenceError;

    fn try_from(text: String) -> Result<ImageReference, ReferenceError> {
        text.parse()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn full(text: &str) -> String {
        text.parse::<ImageReference>().unwrap().to_string()
    }

    #[test]
    fn short_names_become_full_names() {
        for (short, long) in [
            ("nginx", "docker.io/library/nginx:latest"),
            ("nginx:1.21", "docker.io/library/nginx:1.21"),
            ("acme/shop", "docker.io/acme/shop:latest"),
            ("index.docker.io/nginx", "docker.io/library/nginx:latest"),
            ("localhost/shop", "localhost/shop:latest"),
            ("localhost:5000/shop:v1", "localhost:5000/shop:v1"),
            ("127.0.0.1:5000/a/b/c", "127.0.0.1:5000/a/b/c:latest"),
            ("[::1]:5000/shop", "[::1]:5000/shop:latest"),
            ("gcr.io/distroless/static:nonroot", "gcr.io/distroless/static:nonroot"),
        ] {
            assert_eq!(full(short), long, "{short}");
        }
    }

    #[test]
    fn tag_and_digest_stand_together() {
        let digest = format!("sha256:{}", "ab".repeat(32));
        let reference: ImageReference = format!("nginx:1.21@{digest}").parse().unwrap();
        assert_eq!(reference.tag(), Some("1.21"));
        assert_eq!(reference.digest().unwrap().to_string(), digest);
        let pinned: ImageReference = format!("nginx@{digest}").parse().unwrap();
        assert_eq!(pinned.tag(), None);
        assert!(!pinned.tag_was_implied());
    }

    #[test]
    fn faults_are_named() {
        for (text, words) in [
            ("", "empty"),
            ("docker-pullable://nginx", "drop the prefix"),
            ("acme/Shop", "upper-case"),
            ("nginx:", "not a tag"),
            ("nginx@sha256:beef", "4 hexadecimal digits"),
            ("a..b.io/x/", "not a registry host"),
            ("gcr.io/", "not a repository name"),
            ("nginx/../etc", "not a repository name"),
        ] {
            let error = text.parse::<ImageReference>().unwrap_err().to_string();
            assert!(error.contains(words), "{text}: {error}");
        }
    }

    proptest! {
        #[test]
        fn any_text_is_read_or_refused_and_full_names_are_stable(text in "\\PC{0,80}") {
            if let Ok(reference) = text.parse::<ImageReference>() {
                let again: ImageReference = reference.to_string().parse().unwrap();
                prop_assert_eq!(again.to_string(), reference.to_string());
            }
        }
    }
}
