//! Digests of bytes that stream by. In: chunks. Out: a digest, and whether it is the one that was named.

use std::io::{self, Read};

use plimsoll_model::{Algorithm, Digest};
use sha2::{Digest as _, Sha256, Sha512};

/// A running hash of either algorithm.
#[derive(Debug, Clone)]
pub enum Hash {
    Sha256(Sha256),
    Sha512(Box<Sha512>),
}

impl Hash {
    pub fn new(algorithm: Algorithm) -> Hash {
        match algorithm {
            Algorithm::Sha256 => Hash::Sha256(Sha256::new()),
            Algorithm::Sha512 => Hash::Sha512(Box::new(Sha512::new())),
        }
    }

    pub fn update(&mut self, bytes: &[u8]) {
        match self {
            Hash::Sha256(hash) => hash.update(bytes),
            Hash::Sha512(hash) => hash.update(bytes),
        }
    }

    pub fn finish(self) -> Digest {
        let digest = match self {
            Hash::Sha256(hash) => Digest::from_bytes(Algorithm::Sha256, &hash.finalize()),
            Hash::Sha512(hash) => Digest::from_bytes(Algorithm::Sha512, &hash.finalize()),
        };
        digest.expect("a finished hash has the length of its algorithm")
    }
}

/// Passes bytes through, hashing and counting them; stops soon after `limit`. Fills the buffer it is given while there are
/// bytes, so that the first read shows a whole magic number.
pub struct Hashing<R> {
    inner: R,
    hash: Option<Hash>,
    count: u64,
    limit: u64,
}

impl<R: Read> Hashing<R> {
    /// `algorithm` none: count only.
    pub fn new(inner: R, algorithm: Option<Algorithm>, limit: u64) -> Hashing<R> {
        Hashing { inner, hash: algorithm.map(Hash::new), count: 0, limit }
    }

    /// Bytes that went by.
    pub fn count(&self) -> u64 {
        self.count
    }

    /// The digest of all bytes that went by, and their number.
    pub fn finish(self) -> (Option<Digest>, u64) {
        (self.hash.map(Hash::finish), self.count)
    }
}

impl<R: Read> Read for Hashing<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.count > self.limit {
            return Ok(0);
        }
        let mut read = 0;
        while read < buffer.len() {
            match self.inner.read(&mut buffer[read..]) {
                Ok(0) => break,
                Ok(more) => read = buffer.len().min(read + more),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        self.count += read as u64;
        if let Some(hash) = &mut self.hash {
            hash.update(&buffer[..read]);
        }
        Ok(read)
    }
}
