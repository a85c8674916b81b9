//! What a repository holds about an image beside it: signatures, attestations, SBOMs. In: an image's digest and where to look.
//! Out: manifests whose digests were checked, and the bytes of their layers, one at a time; and such things put there.
//!
//! Two forms exist. Tags that derive from the image's digest (`sha256-<hex>.sig`), one manifest with a layer per signature; and
//! referrers of OCI 1.1, one manifest each that names the image as its `subject`, found by the registry's list or by an index at the
//! tag `sha256-<hex>`. <https://github.com/opencontainers/distribution-spec/blob/main/spec.md#listing-referrers>
//!
//! What it does not do: judge. That nothing is there and that it could not be told are two answers.

mod layout;
mod pages;
mod read;
mod transfer;
mod write;

use plimsoll_model::{Digest, ImageReference};

use crate::error::SourceError;
use crate::oci::manifest::Descriptor;
use crate::registry::error::RegistryError;

pub use layout::LayoutWriter;
pub use read::{Attached, Holding};
pub use write::{NewLayer, NewReferrer};

/// Bytes of one layer that is read here. SBOMs of large images reach some ten megabytes.
pub const MAX_PAYLOAD: u64 = 128 << 20;
/// Referrers of one image that are looked at.
pub const MAX_REFERRERS: usize = 1_000;
/// Bytes of their manifests together: one of a signature has about one kilobyte, and somebody who may push there must not fill memory.
pub const MAX_REFERRERS_BYTES: u64 = 16 << 20;
/// Pages of their list that are asked for.
pub const MAX_PAGES: usize = 100;

/// What a derived tag holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Signatures,
    Attestations,
    Sbom,
}

impl Kind {
    /// All of them.
    pub const ALL: [Kind; 3] = [Kind::Signatures, Kind::Attestations, Kind::Sbom];

    /// What their tags end in.
    pub const fn suffix(self) -> &'static str {
        match self {
            Kind::Signatures => "sig",
            Kind::Attestations => "att",
            Kind::Sbom => "sbom",
        }
    }
}

/// The tag that derives from an image's digest: `sha256-<hex>.sig`.
pub fn tag(digest: &Digest, kind: Kind) -> String {
    format!("{}.{}", index_tag(digest), kind.suffix())
}

/// The tag of the index of referrers, where a registry has no list: `sha256-<hex>`.
pub fn index_tag(digest: &Digest) -> String {
    format!("{}-{}", digest.algorithm().name(), digest.hex())
}

/// The annotation by which a manifest says what its bundle attests.
pub const PREDICATE_TYPE: &str = "dev.sigstore.bundle.predicateType";

/// What matters of a manifest that refers to an image.
#[derive(Debug, Clone)]
pub struct Referrer {
    /// Of the manifest.
    pub digest: Digest,
    pub artifact_type: Option<String>,
    /// As [`PREDICATE_TYPE`] has it.
    pub predicate_type: Option<String>,
    /// Without their annotations and other places.
    pub layers: Vec<Descriptor>,
}

fn failed(reference: &ImageReference, source: RegistryError) -> SourceError {
    SourceError::Registry { what: reference.to_string(), tried: vec![], source: Box::new(source) }
}

fn malformed(what: impl Into<String>, why: impl Into<String>) -> SourceError {
    SourceError::Malformed { what: what.into(), why: why.into() }
}

fn is_absent(error: &SourceError) -> bool {
    matches!(error, SourceError::Registry { source, .. } if matches!(**source, RegistryError::NotFound { .. }))
}
