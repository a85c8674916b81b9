//! Keys and signatures. RSA is computed here on plain numbers: checking needs public ones alone. Curves are RustCrypto's, which sign
//! in constant time. What a check cannot judge (an odd key, a size beyond bounds) is a signature that does not hold.

use hmac::{Hmac, KeyInit, Mac};
use num_bigint::BigUint;
use sha1_rego as sha1;
use sha2_rego::{self as sha2, Digest};

use super::der::{self, Reader};
use crate::budget::{Exhausted, Meter};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::builtins) enum Hash {
    Md5,
    Sha1,
    Sha256,
    Sha384,
    Sha512,
}

pub(in crate::builtins) fn digest(hash: Hash, bytes: &[u8]) -> Vec<u8> {
    match hash {
        Hash::Md5 => md5::Md5::digest(bytes).to_vec(),
        Hash::Sha1 => sha1::Sha1::digest(bytes).to_vec(),
        Hash::Sha256 => sha2::Sha256::digest(bytes).to_vec(),
        Hash::Sha384 => sha2::Sha384::digest(bytes).to_vec(),
        Hash::Sha512 => sha2::Sha512::digest(bytes).to_vec(),
    }
}

fn mac<M: Mac + KeyInit>(key: &[u8], bytes: &[u8]) -> Vec<u8> {
    // HMAC takes keys of any length.
    match <M as KeyInit>::new_from_slice(key) {
        Ok(mut mac) => {
            mac.update(bytes);
            mac.finalize().into_bytes().to_vec()
        }
        Err(_) => Vec::new(),
    }
}

pub(in crate::builtins) fn hmac(hash: Hash, key: &[u8], bytes: &[u8]) -> Vec<u8> {
    match hash {
        Hash::Md5 => mac::<Hmac<md5::Md5>>(key, bytes),
        Hash::Sha1 => mac::<Hmac<sha1::Sha1>>(key, bytes),
        Hash::Sha256 => mac::<Hmac<sha2::Sha256>>(key, bytes),
        Hash::Sha384 => mac::<Hmac<sha2::Sha384>>(key, bytes),
        Hash::Sha512 => mac::<Hmac<sha2::Sha512>>(key, bytes),
    }
}

/// In time that does not tell where the two part.
pub(in crate::builtins) fn same(a: &[u8], b: &[u8]) -> bool {
    a.len() == b.len() && a.iter().zip(b).fold(0, |differs, (a, b)| differs | (a ^ b)) == 0
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::builtins) enum Curve {
    P256,
    P384,
    P521,
}

impl Curve {
    /// Bytes of a coordinate.
    pub(in crate::builtins) fn size(self) -> usize {
        match self {
            Curve::P256 => 32,
            Curve::P384 => 48,
            Curve::P521 => 66,
        }
    }

    pub(in crate::builtins) fn name(self) -> &'static str {
        match self {
            Curve::P256 => "P-256",
            Curve::P384 => "P-384",
            Curve::P521 => "P-521",
        }
    }

    pub(in crate::builtins) fn named(name: &str) -> Option<Curve> {
        [Curve::P256, Curve::P384, Curve::P521].into_iter().find(|curve| curve.name() == name)
    }

    pub(super) fn of_oid(arcs: &[u64]) -> Option<Curve> {
        match arcs {
            [1, 2, 840, 10045, 3, 1, 7] => Some(Curve::P256),
            [1, 3, 132, 0, 34] => Some(Curve::P384),
            [1, 3, 132, 0, 35] => Some(Curve::P521),
            _ => None,
        }
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::builtins) enum PublicKey {
    Rsa {
        n: BigUint,
        e: BigUint,
    },
    /// The point without compression.
    Ec {
        curve: Curve,
        point: Vec<u8>,
    },
    Ed25519(Vec<u8>),
    /// Of a kind that is not worked with: its algorithm's identifier.
    Other(Vec<u64>),
}

#[derive(Debug, Clone)]
pub(in crate::builtins) struct RsaPrivate {
    pub n: BigUint,
    pub e: BigUint,
    pub d: BigUint,
    /// Two or more.
    pub primes: Vec<BigUint>,
}

#[derive(Debug, Clone)]
pub(in crate::builtins) enum PrivateKey {
    Rsa(RsaPrivate),
    Ec { curve: Curve, d: Vec<u8>, point: Vec<u8> },
    Ed25519 { seed: Vec<u8>, public: Vec<u8> },
}

impl PrivateKey {
    pub(in crate::builtins) fn public(&self) -> PublicKey {
        match self {
            PrivateKey::Rsa(key) => PublicKey::Rsa { n: key.n.clone(), e: key.e.clone() },
            PrivateKey::Ec { curve, point, .. } => PublicKey::Ec { curve: *curve, point: point.clone() },
            PrivateKey::Ed25519 { public, .. } => PublicKey::Ed25519(public.clone()),
        }
    }

    pub(in crate::builtins) fn ed25519(seed: &[u8]) -> Option<PrivateKey> {
        let bytes: [u8; 32] = seed.try_into().ok()?;
        let public = ed25519_dalek::SigningKey::from_bytes(&bytes).verifying_key().to_bytes().to_vec();
        Some(PrivateKey::Ed25519 { seed: seed.to_vec(), public })
    }

    /// A key of a curve by its number.
    pub(in crate::builtins) fn ec(curve: Curve, d: &[u8]) -> Option<PrivateKey> {
        let d = padded(d, curve.size())?;
        let point = match curve {
            Curve::P256 => {
                p256::ecdsa::SigningKey::from_slice(&d).ok()?.verifying_key().to_sec1_point(false).as_bytes().to_vec()
            }
            Curve::P384 => {
                p384::ecdsa::SigningKey::from_slice(&d).ok()?.verifying_key().to_sec1_point(false).as_bytes().to_vec()
            }
            Curve::P521 => {
                p521::ecdsa::SigningKey::from_slice(&d).ok()?.verifying_key().to_sec1_point(false).as_bytes().to_vec()
            }
        };
        Some(PrivateKey::Ec { curve, d, point })
    }
}

/// A number as so many bytes; none where it has more.
pub(in crate::builtins) fn padded(number: &[u8], size: usize) -> Option<Vec<u8>> {
    let zeros = number.iter().take_while(|byte| **byte == 0).count();
    let number = number.get(zeros..).unwrap_or_default();
    let mut out = vec![0; size.checked_sub(number.len())?];
    out.extend_from_slice(number);
    Some(out)
}

/// Larger moduli and exponents are refused: no certificate has such, and work grows with the square of the one and with the other.
const MAX_RSA_BITS: u64 = 16_384;
const MAX_EXPONENT_BITS: u64 = 31;
/// Go's library signs and checks with no smaller key.
const MIN_RSA_BITS: u64 = 1_024;

fn rsa_public(meter: &mut Meter, n: &BigUint, e: &BigUint, signature: &[u8]) -> Result<Option<Vec<u8>>, Exhausted> {
    let bits = n.bits();
    if !(MIN_RSA_BITS..=MAX_RSA_BITS).contains(&bits)
        || e.bits() > MAX_EXPONENT_BITS
        || !n.bit(0)
        || *e < BigUint::from(2u8)
    {
        return Ok(None);
    }
    let words = bits / 64;
    meter.steps(words * words * e.bits() / 32)?;
    let size = usize::try_from(bits.div_ceil(8)).unwrap_or(usize::MAX);
    let number = BigUint::from_bytes_be(signature);
    if signature.len() != size || number >= *n {
        return Ok(None);
    }
    Ok(padded(&number.modpow(e, n).to_bytes_be(), size))
}

/// The name of a hash in a signature of PKCS #1.
fn prefix(hash: Hash) -> &'static [u8] {
    match hash {
        Hash::Md5 => b"\x30\x20\x30\x0c\x06\x08\x2a\x86\x48\x86\xf7\x0d\x02\x05\x05\x00\x04\x10",
        Hash::Sha1 => b"\x30\x21\x30\x09\x06\x05\x2b\x0e\x03\x02\x1a\x05\x00\x04\x14",
        Hash::Sha256 => b"\x30\x31\x30\x0d\x06\x09\x60\x86\x48\x01\x65\x03\x04\x02\x01\x05\x00\x04\x20",
        Hash::Sha384 => b"\x30\x41\x30\x0d\x06\x09\x60\x86\x48\x01\x65\x03\x04\x02\x02\x05\x00\x04\x30",
        Hash::Sha512 => b"\x30\x51\x30\x0d\x06\x09\x60\x86\x48\x01\x65\x03\x04\x02\x03\x05\x00\x04\x40",
    }
}

fn pkcs1_padded(hash: Hash, digest: &[u8], size: usize) -> Option<Vec<u8>> {
    let prefix = prefix(hash);
    let fill = size.checked_sub(prefix.len() + digest.len() + 3).filter(|fill| *fill >= 8)?;
    let mut out = vec![0, 1];
    out.resize(2 + fill, 0xFF);
    out.push(0);
    out.extend_from_slice(prefix);
    out.extend_from_slice(digest);
    Some(out)
}

/// MGF1 over a text, in place.
fn mask(hash: Hash, seed: &[u8], out: &mut [u8]) {
    let size = digest(hash, b"").len();
    for (counter, chunk) in (0u32..).zip(out.chunks_mut(size)) {
        let mut input = seed.to_vec();
        input.extend_from_slice(&counter.to_be_bytes());
        for (byte, mask) in chunk.iter_mut().zip(digest(hash, &input)) {
            *byte ^= mask;
        }
    }
}

fn pss_hash(hash: Hash, digested: &[u8], salt: &[u8]) -> Vec<u8> {
    let mut input = vec![0; 8];
    input.extend_from_slice(digested);
    input.extend_from_slice(salt);
    digest(hash, &input)
}

/// Whether an encoded message is PSS of this digest, with a salt of any length.
fn pss_holds(hash: Hash, digested: &[u8], encoded: &[u8], bits: u64) -> bool {
    let size = usize::try_from(bits.div_ceil(8)).unwrap_or(usize::MAX);
    // One bit less than whole bytes: the first byte is not part of it.
    let Some(encoded) = encoded.get(encoded.len().saturating_sub(size)..) else { return false };
    let Some((0xBC, encoded)) = encoded.split_last() else { return false };
    let Some(masked) = encoded.len().checked_sub(digested.len()) else { return false };
    let (masked, hashed) = encoded.split_at(masked);
    let unused = 8 * size as u64 - bits;
    let high = if unused == 0 { 0 } else { 0xFFu8 << (8 - unused) };
    if masked.first().is_none_or(|first| first & high != 0) {
        return false;
    }
    let mut block = masked.to_vec();
    mask(hash, hashed, &mut block);
    if let Some(first) = block.first_mut() {
        *first &= !high;
    }
    let Some(one) = block.iter().position(|byte| *byte != 0) else { return false };
    if block.get(one) != Some(&1) {
        return false;
    }
    let salt = block.get(one + 1..).unwrap_or_default();
    same(&pss_hash(hash, digested, salt), hashed)
}

fn pss_padded(hash: Hash, digested: &[u8], salt: &[u8], bits: u64) -> Option<Vec<u8>> {
    let size = usize::try_from(bits.div_ceil(8)).ok()?;
    let zeros = size.checked_sub(digested.len() + salt.len() + 2)?;
    let hashed = pss_hash(hash, digested, salt);
    let mut block = vec![0; zeros];
    block.push(1);
    block.extend_from_slice(salt);
    mask(hash, &hashed, &mut block);
    let unused = 8 * size as u64 - bits;
    if let Some(first) = block.first_mut() {
        *first &= (0xFFu16 >> unused) as u8;
    }
    block.extend_from_slice(&hashed);
    block.push(0xBC);
    Some(block)
}

/// How a signature was made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::builtins) enum Scheme {
    Pkcs1(Hash),
    Pss(Hash),
    Ecdsa(Hash),
    Ed25519,
}

/// Whether a signature holds; ECDSA's is the two numbers in a row.
pub(in crate::builtins) fn holds(
    meter: &mut Meter,
    key: &PublicKey,
    scheme: Scheme,
    message: &[u8],
    signature: &[u8],
) -> Result<bool, Exhausted> {
    // About a thousandth of a second.
    meter.steps(message.len() as u64 / 64 + 2_000)?;
    Ok(match (key, scheme) {
        (PublicKey::Rsa { n, e }, Scheme::Pkcs1(hash)) => {
            let digested = digest(hash, message);
            match rsa_public(meter, n, e, signature)? {
                Some(opened) => {
                    pkcs1_padded(hash, &digested, opened.len()).is_some_and(|wanted| same(&wanted, &opened))
                }
                None => false,
            }
        }
        (PublicKey::Rsa { n, e }, Scheme::Pss(hash)) => {
            let digested = digest(hash, message);
            rsa_public(meter, n, e, signature)?.is_some_and(|opened| pss_holds(hash, &digested, &opened, n.bits() - 1))
        }
        (PublicKey::Ec { curve, point }, Scheme::Ecdsa(hash)) => {
            let (r, s) = signature.split_at(signature.len() / 2);
            ecdsa_holds(*curve, point, &digest(hash, message), r, s)
        }
        (PublicKey::Ed25519(key), Scheme::Ed25519) => ed25519_holds(key, message, signature),
        _ => false,
    })
}

fn ed25519_holds(key: &[u8], message: &[u8], signature: &[u8]) -> bool {
    use ed25519_dalek::Verifier;
    let Ok(key) = <[u8; 32]>::try_from(key) else { return false };
    let Ok(key) = ed25519_dalek::VerifyingKey::from_bytes(&key) else { return false };
    let Ok(signature) = ed25519_dalek::Signature::from_slice(signature) else { return false };
    key.verify(message, &signature).is_ok()
}

/// As long as a coordinate at least, so that short hashes go with long curves.
fn stretched(digest: &[u8], size: usize) -> Vec<u8> {
    padded(digest, size).unwrap_or_else(|| digest.to_vec())
}

pub(super) fn ecdsa_holds(curve: Curve, point: &[u8], digest: &[u8], r: &[u8], s: &[u8]) -> bool {
    let size = curve.size();
    let (Some(mut numbers), Some(s)) = (padded(r, size), padded(s, size)) else { return false };
    numbers.extend(s);
    let digest = stretched(digest, size);
    macro_rules! check {
        ($ecdsa:path) => {{
            use ecdsa::signature::hazmat::PrehashVerifier;
            use $ecdsa as ecdsa;
            let Ok(key) = ecdsa::VerifyingKey::from_sec1_bytes(point) else { return false };
            let Ok(signature) = ecdsa::Signature::from_slice(&numbers) else { return false };
            key.verify_prehash(&digest, &signature).is_ok()
        }};
    }
    match curve {
        Curve::P256 => check!(p256::ecdsa),
        Curve::P384 => check!(p384::ecdsa),
        Curve::P521 => check!(p521::ecdsa),
    }
}

/// Signs; `salt` is drawn for PSS. None where key and scheme do not go together.
pub(in crate::builtins) fn sign(
    meter: &mut Meter,
    key: &PrivateKey,
    scheme: Scheme,
    message: &[u8],
    salt: &[u8],
) -> Result<Option<Vec<u8>>, Exhausted> {
    meter.steps(message.len() as u64 / 64 + 4_000)?;
    Ok(match (key, scheme) {
        (PrivateKey::Rsa(key), Scheme::Pkcs1(hash)) => {
            let size = usize::try_from(key.n.bits().div_ceil(8)).unwrap_or(usize::MAX);
            match pkcs1_padded(hash, &digest(hash, message), size.min(MAX_RSA_BITS as usize / 8)) {
                Some(encoded) => rsa_private(meter, key, &encoded)?,
                None => None,
            }
        }
        (PrivateKey::Rsa(key), Scheme::Pss(hash)) => {
            let bits = key.n.bits().saturating_sub(1).min(MAX_RSA_BITS);
            match pss_padded(hash, &digest(hash, message), salt, bits) {
                Some(encoded) => rsa_private(meter, key, &encoded)?,
                None => None,
            }
        }
        (PrivateKey::Ec { curve, d, .. }, Scheme::Ecdsa(hash)) => {
            let digest = stretched(&digest(hash, message), curve.size());
            macro_rules! signed {
                ($ecdsa:path) => {{
                    use ecdsa::signature::hazmat::PrehashSigner;
                    use $ecdsa as ecdsa;
                    ecdsa::SigningKey::from_slice(d).ok().and_then(|key| {
                        let signature: ecdsa::Signature = key.sign_prehash(&digest).ok()?;
                        Some(signature.to_bytes().to_vec())
                    })
                }};
            }
            match curve {
                Curve::P256 => signed!(p256::ecdsa),
                Curve::P384 => signed!(p384::ecdsa),
                Curve::P521 => signed!(p521::ecdsa),
            }
        }
        (PrivateKey::Ed25519 { seed, .. }, Scheme::Ed25519) => {
            use ed25519_dalek::Signer;
            <[u8; 32]>::try_from(seed.as_slice())
                .ok()
                .map(|seed| ed25519_dalek::SigningKey::from_bytes(&seed).sign(message).to_bytes().to_vec())
        }
        _ => None,
    })
}

/// The private operation, checked by the public one. Its time depends on the key; a policy that signs hands its key to whoever
/// may time it in any case.
fn rsa_private(meter: &mut Meter, key: &RsaPrivate, encoded: &[u8]) -> Result<Option<Vec<u8>>, Exhausted> {
    let bits = key.n.bits();
    if !(MIN_RSA_BITS..=MAX_RSA_BITS).contains(&bits) || key.d.bits() > bits || !key.n.bit(0) {
        return Ok(None);
    }
    let words = bits / 64;
    meter.steps(words * words * bits / 32)?;
    let number = BigUint::from_bytes_be(encoded);
    let signature = number.modpow(&key.d, &key.n);
    let size = usize::try_from(bits.div_ceil(8)).unwrap_or(usize::MAX);
    let Some(signature) = padded(&signature.to_bytes_be(), size) else { return Ok(None) };
    let opened = rsa_public(meter, &key.n, &key.e, &signature)?;
    Ok(opened.is_some_and(|opened| BigUint::from_bytes_be(&opened) == number).then_some(signature))
}

/// A `SubjectPublicKeyInfo`.
pub(in crate::builtins) fn public_key(info: &[u8]) -> Option<PublicKey> {
    let mut outer = Reader(info);
    let mut fields = outer.inside(der::SEQUENCE)?;
    if !outer.is_empty() {
        return None;
    }
    let mut algorithm = fields.inside(der::SEQUENCE)?;
    let arcs = der::oid(algorithm.next(der::OID)?)?;
    let bits = der::whole_bytes(fields.next(der::BIT_STRING)?)?;
    match &*arcs {
        [1, 2, 840, 113549, 1, 1, 1] => {
            let mut key = Reader(bits).inside(der::SEQUENCE)?;
            let n = BigUint::from_bytes_be(key.unsigned()?);
            let e = BigUint::from_bytes_be(key.unsigned()?);
            (1..=4 * MAX_RSA_BITS)
                .contains(&n.bits())
                .then_some(())
                .filter(|()| (1..=64).contains(&e.bits()))
                .map(|()| PublicKey::Rsa { n, e })
        }
        [1, 2, 840, 10045, 2, 1] => {
            let curve = Curve::of_oid(&der::oid(algorithm.next(der::OID)?)?)?;
            ec_point(curve, bits).map(|point| PublicKey::Ec { curve, point })
        }
        [1, 3, 101, 112] => (bits.len() == 32).then(|| PublicKey::Ed25519(bits.to_vec())),
        _ => Some(PublicKey::Other(arcs)),
    }
}

/// A point without compression that is on its curve.
pub(in crate::builtins) fn ec_point(curve: Curve, bytes: &[u8]) -> Option<Vec<u8>> {
    if bytes.len() != 2 * curve.size() + 1 || bytes.first() != Some(&4) {
        return None;
    }
    let on_curve = match curve {
        Curve::P256 => p256::PublicKey::from_sec1_bytes(bytes).is_ok(),
        Curve::P384 => p384::PublicKey::from_sec1_bytes(bytes).is_ok(),
        Curve::P521 => p521::PublicKey::from_sec1_bytes(bytes).is_ok(),
    };
    on_curve.then(|| bytes.to_vec())
}

/// PKCS #1's private key of RSA.
pub(super) fn pkcs1_private(bytes: &[u8]) -> Option<PrivateKey> {
    let mut key = Reader(bytes).inside(der::SEQUENCE)?;
    if !matches!(key.small()?, 0 | 1) {
        return None;
    }
    let mut number = || key.unsigned().map(BigUint::from_bytes_be);
    let (n, e, d, p, q) = (number()?, number()?, number()?, number()?, number()?);
    let fine =
        n.bits() <= MAX_RSA_BITS && p.bits() > 1 && q.bits() > 1 && p.bits() + q.bits() <= n.bits() + 1 && &p * &q == n;
    fine.then_some(PrivateKey::Rsa(RsaPrivate { n, e, d, primes: vec![p, q] }))
}

/// SEC 1's private key of a curve, where the curve is named within or around it.
pub(super) fn sec1_private(bytes: &[u8], around: Option<Curve>) -> Option<PrivateKey> {
    let mut key = Reader(bytes).inside(der::SEQUENCE)?;
    if key.small()? != 1 {
        return None;
    }
    let d = key.next(der::OCTET_STRING)?;
    let named = match key.maybe(der::context(0, true))? {
        Some(parameters) => Curve::of_oid(&der::oid(Reader(parameters).next(der::OID)?)?),
        None => None,
    };
    PrivateKey::ec(around.or(named)?, d)
}

/// PKCS #8.
pub(super) fn pkcs8_private(bytes: &[u8]) -> Option<PrivateKey> {
    let mut fields = Reader(bytes).inside(der::SEQUENCE)?;
    fields.small()?;
    let mut algorithm = fields.inside(der::SEQUENCE)?;
    let arcs = der::oid(algorithm.next(der::OID)?)?;
    let key = fields.next(der::OCTET_STRING)?;
    match &*arcs {
        [1, 2, 840, 113549, 1, 1, 1] => pkcs1_private(key),
        [1, 2, 840, 10045, 2, 1] => {
            let curve = der::oid(algorithm.next(der::OID)?).and_then(|arcs| Curve::of_oid(&arcs));
            sec1_private(key, curve)
        }
        [1, 3, 101, 112] => PrivateKey::ed25519(Reader(key).next(der::OCTET_STRING)?),
        _ => None,
    }
}

/// The two numbers of a signature in DER.
pub(super) fn ecdsa_der(signature: &[u8]) -> Option<(&[u8], &[u8])> {
    let mut outer = Reader(signature);
    let mut numbers = outer.inside(der::SEQUENCE)?;
    let out = (numbers.unsigned()?, numbers.unsigned()?);
    (numbers.is_empty() && outer.is_empty()).then_some(out)
}
