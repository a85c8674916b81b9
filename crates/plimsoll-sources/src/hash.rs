//! Digests of bytes. In: bytes. Out: a `Digest`, or the word that they are not the ones that were named.

use plimsoll_model::{Algorithm, Digest};
use sha2::Digest as _;

use crate::error::SourceError;

/// A running digest.
#[derive(Debug, Clone)]
pub enum Hasher {
    Sha256(sha2::Sha256),
    Sha512(Box<sha2::Sha512>),
}

impl Hasher {
    pub fn new(algorithm: Algorithm) -> Hasher {
        match algorithm {
            Algorithm::Sha256 => Hasher::Sha256(sha2::Sha256::new()),
            Algorithm::Sha512 => Hasher::Sha512(Box::default()),
        }
    }

    pub fn update(&mut self, bytes: &[u8]) {
        match self {
            Hasher::Sha256(hash) => hash.update(bytes),
            Hasher::Sha512(hash) => hash.update(bytes),
        }
    }

    pub fn finish(self) -> Digest {
        let (algorithm, bytes) = match self {
            Hasher::Sha256(hash) => (Algorithm::Sha256, hash.finalize().to_vec()),
            Hasher::Sha512(hash) => (Algorithm::Sha512, hash.finalize().to_vec()),
        };
        Digest::from_bytes(algorithm, &bytes).expect("the hash has as many bytes as its algorithm says")
    }
}

/// The digest of `bytes`.
pub fn digest(algorithm: Algorithm, bytes: &[u8]) -> Digest {
    let mut hash = Hasher::new(algorithm);
    hash.update(bytes);
    hash.finish()
}

/// Checks that `bytes` are the ones that `wanted` names. `what` names them in the error.
///
/// # Errors
/// When the digest differs.
pub fn check(what: &str, bytes: &[u8], wanted: &Digest) -> Result<(), SourceError> {
    let found = digest(wanted.algorithm(), bytes);
    if found == *wanted {
        Ok(())
    } else {
        Err(SourceError::DigestMismatch { what: what.to_owned(), wanted: wanted.clone(), found })
    }
}
