//! A content digest, `algorithm:hex`, as the OCI image specification writes it. In: text. Out: a value that cannot be
//! malformed. Computing digests belongs to the crates that read bytes.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// The digest algorithms that the OCI image specification registers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Algorithm {
    Sha256,
    Sha512,
}

impl Algorithm {
    /// The name before the colon.
    pub fn name(self) -> &'static str {
        match self {
            Algorithm::Sha256 => "sha256",
            Algorithm::Sha512 => "sha512",
        }
    }

    /// How many hexadecimal digits a digest of this algorithm has.
    pub fn hex_len(self) -> usize {
        match self {
            Algorithm::Sha256 => 64,
            Algorithm::Sha512 => 128,
        }
    }
}

/// A well-formed digest: known algorithm, lower-case hexadecimal digits of the right number.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub struct Digest {
    algorithm: Algorithm,
    hex: String,
}

/// Why a text is not a digest. The words finish "could not read the digest: …".
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DigestError {
    #[error("no ':' between algorithm and digits in {0:?}")]
    NoColon(String),
    #[error("digest algorithm {0:?} is not one of sha256, sha512")]
    UnknownAlgorithm(String),
    #[error("digest has {found} hexadecimal digits, not {wanted}")]
    WrongLength { found: usize, wanted: usize },
    #[error("digest has {0:?} where a lower-case hexadecimal digit belongs")]
    NotHex(char),
}

impl Digest {
    /// A digest from an algorithm and the raw hash bytes; `None` when the number of bytes does not fit the algorithm.
    pub fn from_bytes(algorithm: Algorithm, bytes: &[u8]) -> Option<Digest> {
        use fmt::Write;
        if bytes.len() * 2 != algorithm.hex_len() {
            return None;
        }
        let mut hex = String::with_capacity(bytes.len() * 2);
        for byte in bytes {
            // Writing to a String cannot fail.
            let _ = write!(hex, "{byte:02x}");
        }
        Some(Digest { algorithm, hex })
    }

    pub fn algorithm(&self) -> Algorithm {
        self.algorithm
    }

    /// The digits after the colon.
    pub fn hex(&self) -> &str {
        &self.hex
    }

    /// The bytes that the digits write.
    pub fn bytes(&self) -> Vec<u8> {
        // There are no others than these digits, in pairs.
        let value = |digit: u8| if digit.is_ascii_digit() { digit - b'0' } else { digit - b'a' + 10 };
        let (pairs, _) = self.hex.as_bytes().as_chunks::<2>();
        pairs.iter().map(|[high, low]| value(*high) << 4 | value(*low)).collect()
    }

    /// The first twelve digits, for people.
    pub fn short(&self) -> &str {
        &self.hex[..12]
    }
}

impl FromStr for Digest {
    type Err = DigestError;

    fn from_str(text: &str) -> Result<Digest, DigestError> {
        let (name, hex) = text.split_once(':').ok_or_else(|| DigestError::NoColon(text.to_owned()))?;
        let algorithm = match name {
            "sha256" => Algorithm::Sha256,
            "sha512" => Algorithm::Sha512,
            other => return Err(DigestError::UnknownAlgorithm(other.to_owned())),
        };
        if let Some(bad) = hex.chars().find(|c| !matches!(c, '0'..='9' | 'a'..='f')) {
            return Err(DigestError::NotHex(bad));
        }
        if hex.len() != algorithm.hex_len() {
            return Err(DigestError::WrongLength { found: hex.len(), wanted: algorithm.hex_len() });
        }
        Ok(Digest { algorithm, hex: hex.to_owned() })
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.algorithm.name(), self.hex)
    }
}

impl From<Digest> for String {
    fn from(digest: Digest) -> String {
        digest.to_string()
    }
}

impl TryFrom<String> for Digest {
    type Error = DigestError;

    fn try_from(text: String) -> Result<Digest, DigestError> {
        text.parse()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digest_of_63_digits_says_so() {
        let error = format!("sha256:{}", "a".repeat(63)).parse::<Digest>().unwrap_err();
        assert_eq!(error.to_string(), "digest has 63 hexadecimal digits, not 64");
    }

    #[test]
    fn digest_round_trips() {
        let text = format!("sha256:{}", "0f".repeat(32));
        assert_eq!(text.parse::<Digest>().unwrap().to_string(), text);
    }

    #[test]
    fn upper_case_and_unknown_algorithms_are_refused() {
        assert!(format!("sha256:{}", "A".repeat(64)).parse::<Digest>().is_err());
        assert!("md5:00".parse::<Digest>().is_err());
        assert!("sha256".parse::<Digest>().is_err());
    }

    #[test]
    fn bytes_of_the_wrong_number_give_nothing() {
        assert!(Digest::from_bytes(Algorithm::Sha256, &[0; 31]).is_none());
        assert_eq!(Digest::from_bytes(Algorithm::Sha256, &[0; 32]).unwrap().hex(), "0".repeat(64));
    }

    #[test]
    fn bytes_are_those_that_the_digits_write() {
        let all: Vec<u8> = (0..=255).collect();
        for (algorithm, length) in [(Algorithm::Sha256, 32), (Algorithm::Sha512, 64)] {
            for bytes in all.chunks_exact(length) {
                assert_eq!(Digest::from_bytes(algorithm, bytes).unwrap().bytes(), bytes);
            }
        }
    }
}
