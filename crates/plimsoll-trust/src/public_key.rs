//! Public keys, and whether a signature is theirs. In: PEM or DER (SubjectPublicKeyInfo, RFC 5280 §4.1.2.7), message or digest,
//! signature. Out: yes, or a refusal. What it does not do: it knows no private key, no certificate, and not whom a key belongs to.

use ed25519_dalek::VerifyingKey;
use num_bigint::BigUint;
use p256::ecdsa::signature::hazmat::PrehashVerifier as _;
use ring::{digest, signature};
use sha2_rego::{Digest as _, Sha512};

use crate::der::{self, Reader};
use crate::pem;
use crate::refusal::{Reason, Refusal, malformed};

/// The label of a key in PEM.
pub(crate) const LABEL: &str = "PUBLIC KEY";
/// An RSA key of 8,192 bits has 1,062 bytes of SPKI; nothing that is supported is larger.
const MOST_SPKI: usize = 2048;
/// What ring checks, too: smaller keys are broken, larger ones only cost time.
const RSA_BITS: std::ops::RangeInclusive<u64> = 2048..=8192;
/// Exponents as ring takes them: odd, and of at most 33 bits.
const MOST_RSA_EXPONENT: u64 = (1 << 33) - 1;

pub(crate) const ID_EC: &[u8] = &[0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01];
pub(crate) const ID_P256: &[u8] = &[0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07];
pub(crate) const ID_P384: &[u8] = &[0x2b, 0x81, 0x04, 0x00, 0x22];
pub(crate) const ID_ED25519: &[u8] = &[0x2b, 0x65, 0x70];
pub(crate) const ID_RSA: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x01];

/// All of a SubjectPublicKeyInfo of Ed25519 before its 32 bytes.
pub(crate) const ED25519_SPKI: &[u8] = &[0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x03, 0x21, 0x00];

/// What a key does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Scheme {
    /// ECDSA on P-256.
    EcdsaP256,
    /// ECDSA on P-384.
    EcdsaP384,
    /// Ed25519.
    Ed25519,
    /// RSA, PKCS #1 v1.5.
    Rsa,
}

/// A hash function of the SHA-2 family.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Hash {
    /// 32 bytes.
    Sha256,
    /// 48 bytes.
    Sha384,
    /// 64 bytes.
    Sha512,
}

impl Hash {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Sha256, Self::Sha384, Self::Sha512];

    /// As statements, logs and command lines call it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Sha256 => "sha256",
            Self::Sha384 => "sha384",
            Self::Sha512 => "sha512",
        }
    }

    /// The one that is called so.
    pub fn called(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|hash| hash.name() == name)
    }

    /// The digest of `bytes`.
    pub fn of(self, bytes: &[u8]) -> Vec<u8> {
        digest::digest(self.ring(), bytes).as_ref().to_vec()
    }

    /// The digest that hexadecimal digits write, in either case; nothing where they are not as many as it has.
    pub fn from_hex(self, digits: &str) -> Option<Vec<u8>> {
        unhex(digits).filter(|digest| digest.len() == self.length())
    }

    /// How many bytes a digest has.
    pub const fn length(self) -> usize {
        match self {
            Self::Sha256 => 32,
            Self::Sha384 => 48,
            Self::Sha512 => 64,
        }
    }

    const fn ring(self) -> &'static digest::Algorithm {
        match self {
            Self::Sha256 => &digest::SHA256,
            Self::Sha384 => &digest::SHA384,
            Self::Sha512 => &digest::SHA512,
        }
    }

    /// What stands before a digest under an RSA signature (RFC 8017 §9.2, note 1).
    const fn digest_info(self) -> &'static [u8] {
        match self {
            Self::Sha256 => b"\x30\x31\x30\x0d\x06\x09\x60\x86\x48\x01\x65\x03\x04\x02\x01\x05\x00\x04\x20",
            Self::Sha384 => b"\x30\x41\x30\x0d\x06\x09\x60\x86\x48\x01\x65\x03\x04\x02\x02\x05\x00\x04\x30",
            Self::Sha512 => b"\x30\x51\x30\x0d\x06\x09\x60\x86\x48\x01\x65\x03\x04\x02\x03\x05\x00\x04\x40",
        }
    }
}

/// SHA-256 of `bytes`.
pub(crate) fn sha256(bytes: &[u8]) -> [u8; 32] {
    let mut out = [0; 32];
    out.copy_from_slice(digest::digest(&digest::SHA256, bytes).as_ref());
    out
}

/// A public key that can be used: its curve and point, or its modulus, were looked at.
#[derive(Clone, PartialEq, Eq)]
pub struct PublicKey {
    scheme: Scheme,
    spki: Vec<u8>,
    /// As ring takes it: the point, the 32 bytes, or the RSAPublicKey.
    raw: Vec<u8>,
}

impl PublicKey {
    /// The key in `text`: one `PUBLIC KEY` block with only white space around it.
    ///
    /// # Errors
    /// `malformed`, `too-large`, and `unsupported` for kinds of keys that are none of [`Scheme`].
    pub fn from_pem(text: &[u8]) -> Result<Self, Refusal> {
        Self::from_spki(&pem::one(text, LABEL)?)
    }

    /// The key in `spki`, a DER SubjectPublicKeyInfo.
    ///
    /// # Errors
    /// As [`PublicKey::from_pem`].
    pub fn from_spki(spki: &[u8]) -> Result<Self, Refusal> {
        if spki.len() > MOST_SPKI {
            return Err(Refusal::new(Reason::TooLarge, format!("a public key of more than {MOST_SPKI} bytes")));
        }
        let mut info = Reader::new(der::whole(spki, der::SEQUENCE)?.content);
        let mut algorithm = info.inside(der::SEQUENCE)?;
        let key = info.expect(der::BIT_STRING)?;
        info.end()?;
        let raw = der::bits(&key)?;
        let kind = algorithm.expect(der::OID)?.content;
        let scheme = match kind {
            ID_EC => curve(algorithm.expect(der::OID)?.content, raw)?,
            ID_ED25519 => ed25519(raw)?,
            ID_RSA => {
                algorithm.expect(der::NULL)?;
                rsa(raw)?
            }
            _ => return Err(Refusal::new(Reason::Unsupported, "a public key that is not ECDSA, Ed25519 or RSA")),
        };
        algorithm.end()?;
        Ok(Self { scheme, spki: spki.to_vec(), raw: raw.to_vec() })
    }

    /// A bare Ed25519 key of 32 bytes.
    ///
    /// # Errors
    /// `malformed`.
    pub fn from_ed25519(raw: &[u8]) -> Result<Self, Refusal> {
        let scheme = ed25519(raw)?;
        Ok(Self { scheme, spki: [ED25519_SPKI, raw].concat(), raw: raw.to_vec() })
    }

    /// What the key does.
    pub const fn scheme(&self) -> Scheme {
        self.scheme
    }

    /// Its DER SubjectPublicKeyInfo, as it came.
    pub fn spki(&self) -> &[u8] {
        &self.spki
    }

    /// It as PEM.
    pub fn to_pem(&self) -> String {
        pem::text(LABEL, &self.spki).to_string()
    }

    /// SHA-256 of its SPKI: what logs are known by.
    pub fn key_id(&self) -> [u8; 32] {
        sha256(&self.spki)
    }

    /// How many bits the modulus of an RSA key has.
    pub(crate) fn rsa_bits(&self) -> Option<u64> {
        (self.scheme == Scheme::Rsa).then(|| rsa_numbers(&self.raw).ok()).flatten().map(|(modulus, _)| modulus.bits())
    }

    /// Whether `signature` is that of this key over `message`: ECDSA in DER with SHA-256 on P-256, and on P-384 with SHA-384 or, as
    /// older programs sign, SHA-256; Ed25519; RSA PKCS #1 v1.5 with SHA-256.
    ///
    /// # Errors
    /// `signature-invalid`.
    pub fn verify(&self, message: &[u8], signature: &[u8]) -> Result<(), Refusal> {
        if self.scheme == Scheme::EcdsaP384 && self.verify_with(Hash::Sha384, message, signature).is_ok() {
            return Ok(());
        }
        self.verify_with(Hash::Sha256, message, signature)
    }

    /// The same for bytes that are signed themselves and not in an envelope: Ed25519 may also have signed their SHA-512 (Ed25519ph,
    /// RFC 8032 §5.1), as signers do whose log takes only digests.
    ///
    /// # Errors
    /// `signature-invalid`.
    pub fn verify_bytes(&self, bytes: &[u8], signature: &[u8]) -> Result<(), Refusal> {
        match self.verify(bytes, signature) {
            Err(_) if self.scheme == Scheme::Ed25519 && self.prehashed(bytes, signature) => Ok(()),
            outcome => outcome,
        }
    }

    fn prehashed(&self, bytes: &[u8], signature: &[u8]) -> bool {
        let key = self.raw.as_slice().try_into().ok().and_then(|raw| VerifyingKey::from_bytes(raw).ok());
        let signature = ed25519_dalek::Signature::from_slice(signature);
        matches!((key, signature), (Some(key), Ok(signature))
            if key.verify_prehashed_strict(Sha512::new_with_prefix(bytes), None, &signature).is_ok())
    }

    /// The same with the hash that a certificate or timestamp names; Ed25519 takes none.
    pub(crate) fn verify_with(&self, hash: Hash, message: &[u8], signature: &[u8]) -> Result<(), Refusal> {
        let algorithm: &dyn signature::VerificationAlgorithm = match (self.scheme, hash) {
            (Scheme::EcdsaP256, Hash::Sha256) => &signature::ECDSA_P256_SHA256_ASN1,
            (Scheme::EcdsaP256, Hash::Sha384) => &signature::ECDSA_P256_SHA384_ASN1,
            (Scheme::EcdsaP384, Hash::Sha256) => &signature::ECDSA_P384_SHA256_ASN1,
            (Scheme::EcdsaP384, Hash::Sha384) => &signature::ECDSA_P384_SHA384_ASN1,
            (Scheme::EcdsaP256 | Scheme::EcdsaP384, Hash::Sha512) => {
                return self.verify_digest(hash, &hash.of(message), signature);
            }
            (Scheme::Ed25519, _) => &signature::ED25519,
            (Scheme::Rsa, Hash::Sha256) => &signature::RSA_PKCS1_2048_8192_SHA256,
            (Scheme::Rsa, Hash::Sha384) => &signature::RSA_PKCS1_2048_8192_SHA384,
            (Scheme::Rsa, Hash::Sha512) => &signature::RSA_PKCS1_2048_8192_SHA512,
        };
        signature::UnparsedPublicKey::new(algorithm, &self.raw).verify(message, signature).map_err(|_| wrong())
    }

    /// Whether `signature` is that of this key over `message` in the forms of JWS (RFC 7518 §3.4, §3.5): ECDSA as two numbers of fixed
    /// length, RSA by PSS with a salt as long as the digest. No other scheme has one here.
    ///
    /// # Errors
    /// `signature-invalid`.
    pub(crate) fn verify_jws(&self, hash: Hash, message: &[u8], signature: &[u8]) -> Result<(), Refusal> {
        let algorithm: &dyn signature::VerificationAlgorithm = match (self.scheme, hash) {
            (Scheme::EcdsaP256, Hash::Sha256) => &signature::ECDSA_P256_SHA256_FIXED,
            (Scheme::EcdsaP384, Hash::Sha384) => &signature::ECDSA_P384_SHA384_FIXED,
            (Scheme::Rsa, Hash::Sha256) => &signature::RSA_PSS_2048_8192_SHA256,
            (Scheme::Rsa, Hash::Sha384) => &signature::RSA_PSS_2048_8192_SHA384,
            (Scheme::Rsa, Hash::Sha512) => &signature::RSA_PSS_2048_8192_SHA512,
            _ => return Err(wrong()),
        };
        signature::UnparsedPublicKey::new(algorithm, &self.raw).verify(message, signature).map_err(|_| wrong())
    }

    /// Whether `signature` is that of this key over the message whose digest by `hash` is `digest`.
    ///
    /// # Errors
    /// `signature-invalid`; `artifact-needed` for Ed25519, which hashes messages with the key.
    pub fn verify_digest(&self, hash: Hash, digest: &[u8], signature: &[u8]) -> Result<(), Refusal> {
        if digest.len() != hash.length() {
            return Err(malformed("a digest of another length than its hash has"));
        }
        let good = match self.scheme {
            Scheme::EcdsaP256 => {
                let key = p256::ecdsa::VerifyingKey::from_sec1_bytes(&self.raw);
                let signature = p256::ecdsa::Signature::from_der(signature);
                matches!((key, signature), (Ok(key), Ok(signature)) if key.verify_prehash(digest, &signature).is_ok())
            }
            Scheme::EcdsaP384 => {
                let key = p384::ecdsa::VerifyingKey::from_sec1_bytes(&self.raw);
                let signature = p384::ecdsa::Signature::from_der(signature);
                // The crate takes digests of at least half the curve's length alone; SHA-256 has two thirds.
                matches!((key, signature), (Ok(key), Ok(signature)) if key.verify_prehash(digest, &signature).is_ok())
            }
            Scheme::Ed25519 => {
                let why = "a signature by Ed25519 is over the whole artifact, and only its digest is at hand";
                return Err(Refusal::new(Reason::ArtifactNeeded, why));
            }
            Scheme::Rsa => rsa_signed(&self.raw, hash, digest, signature)?,
        };
        if good { Ok(()) } else { Err(wrong()) }
    }
}

impl std::fmt::Debug for PublicKey {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(out, "PublicKey({:?}, {})", self.scheme, hex(&self.key_id()))
    }
}

/// Lower-case hexadecimal digits.
pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|b| format!("{b:02x}")).collect()
}

/// The bytes that hexadecimal digits write, in either case.
pub(crate) fn unhex(text: &str) -> Option<Vec<u8>> {
    let digit = |b: &u8| char::from(*b).to_digit(16).and_then(|d| u8::try_from(d).ok());
    let (pairs, rest) = text.as_bytes().as_chunks::<2>();
    rest.is_empty().then(|| pairs.iter().map(|[high, low]| Some(digit(high)? << 4 | digit(low)?)).collect())?
}

fn wrong() -> Refusal {
    Refusal::new(Reason::SignatureInvalid, "the signature is not that of the key over these bytes")
}

fn curve(id: &[u8], point: &[u8]) -> Result<Scheme, Refusal> {
    let (scheme, length, good) = match id {
        ID_P256 => (Scheme::EcdsaP256, 65, p256::ecdsa::VerifyingKey::from_sec1_bytes(point).is_ok()),
        ID_P384 => (Scheme::EcdsaP384, 97, p384::ecdsa::VerifyingKey::from_sec1_bytes(point).is_ok()),
        _ => return Err(Refusal::new(Reason::Unsupported, "a public key on a curve that is neither P-256 nor P-384")),
    };
    // Points of fewer bytes are legal elsewhere; here they would give one key two names.
    if point.len() == length && good {
        Ok(scheme)
    } else {
        Err(malformed("a public key that is no point of its curve"))
    }
}

fn ed25519(raw: &[u8]) -> Result<Scheme, Refusal> {
    if raw.len() == 32 { Ok(Scheme::Ed25519) } else { Err(malformed("an Ed25519 key that has not 32 bytes")) }
}

fn rsa(raw: &[u8]) -> Result<Scheme, Refusal> {
    let (modulus, exponent) = rsa_numbers(raw)?;
    if !RSA_BITS.contains(&modulus.bits()) {
        return Err(Refusal::new(Reason::Unsupported, "an RSA key of fewer than 2,048 or more than 8,192 bits"));
    }
    let good = u64::try_from(&exponent).is_ok_and(|e| (3..=MOST_RSA_EXPONENT).contains(&e) && e & 1 == 1);
    if good && modulus.bit(0) { Ok(Scheme::Rsa) } else { Err(malformed("an RSA key whose numbers cannot be")) }
}

fn rsa_numbers(raw: &[u8]) -> Result<(BigUint, BigUint), Refusal> {
    let mut numbers = Reader::new(der::whole(raw, der::SEQUENCE)?.content);
    let modulus = BigUint::from_bytes_be(der::unsigned(&numbers.expect(der::INTEGER)?)?);
    let exponent = BigUint::from_bytes_be(der::unsigned(&numbers.expect(der::INTEGER)?)?);
    numbers.end()?;
    Ok((modulus, exponent))
}

/// RFC 8017 §8.2.2 for a digest: all of the encoded message is made and compared, nothing of it is parsed. The numbers are
/// public, so they need no constant time.
fn rsa_signed(raw: &[u8], hash: Hash, digest: &[u8], signature: &[u8]) -> Result<bool, Refusal> {
    let (modulus, exponent) = rsa_numbers(raw)?;
    let length = usize::try_from(modulus.bits().div_ceil(8)).map_err(|_| malformed("an RSA key without end"))?;
    let number = BigUint::from_bytes_be(signature);
    if signature.len() != length || number >= modulus {
        return Ok(false);
    }
    let info = hash.digest_info();
    let padding = length.saturating_sub(info.len() + digest.len() + 3);
    let mut expected = vec![0, 1];
    expected.resize(2 + padding, 0xff);
    expected.push(0);
    expected.extend(info.iter().chain(digest));
    Ok(number.modpow(&exponent, &modulus) == BigUint::from_bytes_be(&expected))
}

#[cfg(test)]
#[path = "public_key_tests.rs"]
mod tests;
