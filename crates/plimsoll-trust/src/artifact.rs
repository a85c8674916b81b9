//! What is signed, as it is at hand: all of its bytes, or a digest of them. It reads no file.

use crate::public_key::Hash;

/// An artifact.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Artifact<'a> {
    /// Its bytes.
    Bytes(&'a [u8]),
    /// The digest of its bytes by this hash.
    Digest(Hash, Vec<u8>),
}

impl Artifact<'_> {
    /// Its digest; none where another is all that is known.
    pub fn digest(&self, hash: Hash) -> Option<Vec<u8>> {
        match self {
            Self::Bytes(bytes) => Some(hash.of(bytes)),
            Self::Digest(known, digest) => (*known == hash).then(|| digest.clone()),
        }
    }
}
