use proptest::prelude::*;
use ring::rand::SystemRandom;
use ring::signature::{self, EcdsaKeyPair, Ed25519KeyPair, KeyPair as _};

use super::*;

fn element(tag: u8, content: &[u8]) -> Vec<u8> {
    let length = content.len();
    let mut out = match length {
        0..0x80 => vec![tag, length as u8],
        0x80..0x100 => vec![tag, 0x81, length as u8],
        _ => vec![tag, 0x82, (length >> 8) as u8, length as u8],
    };
    out.extend(content);
    out
}

/// An SPKI: the algorithm's identifier with its parameters, and the key.
fn spki(algorithm: &[u8], key: &[u8]) -> Vec<u8> {
    let bits: Vec<u8> = std::iter::once(0).chain(key.iter().copied()).collect();
    element(0x30, &[element(0x30, algorithm), element(0x03, &bits)].concat())
}

fn oid(content: &[u8]) -> Vec<u8> {
    [&[0x06, content.len() as u8], content].concat()
}

fn ec(curve: &[u8], point: &[u8]) -> Vec<u8> {
    spki(&[oid(ID_EC), oid(curve)].concat(), point)
}

fn ecdsa(algorithm: &'static signature::EcdsaSigningAlgorithm) -> EcdsaKeyPair {
    let random = SystemRandom::new();
    let pkcs8 = EcdsaKeyPair::generate_pkcs8(algorithm, &random).unwrap();
    EcdsaKeyPair::from_pkcs8(algorithm, pkcs8.as_ref(), &random).unwrap()
}

/// Whole and by digest: the message, and no other, by the key, and no other.
fn signs(key: &PublicKey, hash: Hash, signature: &[u8]) {
    assert_eq!(key.verify(b"message", signature), Ok(()));
    assert_eq!(key.verify_digest(hash, &hash.of(b"message"), signature), Ok(()));
    let wrong = Err(Reason::SignatureInvalid);
    assert_eq!(key.verify(b"other", signature).map_err(|r| r.reason), wrong);
    assert_eq!(key.verify_digest(hash, &hash.of(b"other"), signature).map_err(|r| r.reason), wrong);
    for at in 0..signature.len() {
        let mut flipped = signature.to_vec();
        flipped[at] ^= 1;
        assert!(key.verify(b"message", &flipped).is_err(), "{at}");
    }
    assert!(key.verify(b"message", &[]).is_err() && key.verify_digest(hash, &hash.of(b"message"), &[]).is_err());
    assert_eq!(PublicKey::from_pem(key.to_pem().as_bytes()).as_ref(), Ok(key));
}

#[test]
fn ecdsa_is_checked_whole_and_by_digest() {
    let random = SystemRandom::new();
    let pair = ecdsa(&signature::ECDSA_P256_SHA256_ASN1_SIGNING);
    let key = PublicKey::from_spki(&ec(ID_P256, pair.public_key().as_ref())).unwrap();
    signs(&key, Hash::Sha256, pair.sign(&random, b"message").unwrap().as_ref());
    let pair = ecdsa(&signature::ECDSA_P384_SHA384_ASN1_SIGNING);
    let key = PublicKey::from_spki(&ec(ID_P384, pair.public_key().as_ref())).unwrap();
    signs(&key, Hash::Sha384, pair.sign(&random, b"message").unwrap().as_ref());
}

#[test]
fn p384_with_sha256_is_as_older_programs_sign() {
    use p384::ecdsa::signature::hazmat::PrehashSigner as _;
    let pair = p384::ecdsa::SigningKey::from_slice(&[7; 48]).unwrap();
    let point = pair.verifying_key().to_sec1_point(false);
    let key = PublicKey::from_spki(&ec(ID_P384, point.as_bytes())).unwrap();
    let signature: p384::ecdsa::Signature = pair.sign_prehash(&Hash::Sha256.of(b"message")).unwrap();
    signs(&key, Hash::Sha256, signature.to_der().as_bytes());
}

#[test]
fn ed25519_needs_the_whole_message() {
    let pair = Ed25519KeyPair::from_seed_unchecked(&[5; 32]).unwrap();
    let key = PublicKey::from_spki(&spki(&oid(ID_ED25519), pair.public_key().as_ref())).unwrap();
    assert_eq!(PublicKey::from_ed25519(pair.public_key().as_ref()).as_ref(), Ok(&key));
    let signature = pair.sign(b"message");
    assert_eq!(key.verify(b"message", signature.as_ref()), Ok(()));
    assert!(key.verify(b"other", signature.as_ref()).is_err());
    let refusal = key.verify_digest(Hash::Sha256, &[0; 32], signature.as_ref()).unwrap_err();
    assert_eq!(refusal.reason, Reason::ArtifactNeeded);
}

#[test]
fn ed25519_of_a_digest_is_taken_for_bytes_and_not_for_messages() {
    // RFC 8032 §7.3: the message is "abc".
    let seed = hexadecimal("833fe62409237b9d62ec77587520911e9a759cec1d19755b7da901b96dca3d42");
    let signature = hexadecimal(concat!(
        "98a70222f0b8121aa9d30f813d683f809e462b469c7ff87639499bb94e6dae41",
        "31f85042463c2a355a2003d062adf5aaa10b8c61e636062aaad11c2a26083406"
    ));
    let pair = Ed25519KeyPair::from_seed_unchecked(&seed).unwrap();
    let key = PublicKey::from_ed25519(pair.public_key().as_ref()).unwrap();
    assert_eq!(key.verify_bytes(b"abc", &signature), Ok(()));
    assert!(key.verify_bytes(b"abd", &signature).is_err() && key.verify(b"abc", &signature).is_err());
    assert_eq!(key.verify_bytes(b"abc", pair.sign(b"abc").as_ref()), Ok(()));
    assert!(key.verify_bytes(b"abc", &signature[1..]).is_err());
}

fn hexadecimal(text: &str) -> Vec<u8> {
    (0..text.len()).step_by(2).map(|at| u8::from_str_radix(&text[at..at + 2], 16).unwrap()).collect()
}

/// Made with `openssl genrsa 2048`, `openssl rsa -pubout` and `openssl dgst -sha256 -sign` over the five bytes `hello`.
const RSA_KEY: &str = include_str!("../tests/keys/rsa-2048.pub");
const RSA_SIGNATURE: &[u8] = include_bytes!("../tests/keys/rsa-2048.hello.sig");

#[test]
fn rsa_is_checked_whole_and_by_digest() {
    let key = PublicKey::from_pem(RSA_KEY.as_bytes()).unwrap();
    assert_eq!(key.scheme(), Scheme::Rsa);
    assert_eq!(key.verify(b"hello", RSA_SIGNATURE), Ok(()));
    assert_eq!(key.verify_digest(Hash::Sha256, &Hash::Sha256.of(b"hello"), RSA_SIGNATURE), Ok(()));
    assert!(key.verify(b"other", RSA_SIGNATURE).is_err());
    assert!(key.verify_digest(Hash::Sha256, &Hash::Sha256.of(b"other"), RSA_SIGNATURE).is_err());
    assert!(key.verify_digest(Hash::Sha384, &Hash::Sha384.of(b"hello"), RSA_SIGNATURE).is_err());
    let longer = [&[0][..], RSA_SIGNATURE].concat();
    assert!(key.verify_digest(Hash::Sha256, &Hash::Sha256.of(b"hello"), &longer).is_err());
}

#[test]
fn keys_that_cannot_be_are_refused() {
    let rsa = |modulus: &[u8], exponent: &[u8]| {
        let raw = element(0x30, &[element(0x02, modulus), element(0x02, exponent)].concat());
        spki(&[oid(ID_RSA), vec![5, 0]].concat(), &raw)
    };
    let modulus = |length: usize| [&[0, 0xff][..], &vec![0xff; length - 1]].concat();
    assert!(PublicKey::from_spki(&rsa(&modulus(256), &[1, 0, 1])).is_ok());
    let pair = ecdsa(&signature::ECDSA_P256_SHA256_ASN1_SIGNING);
    let point = pair.public_key().as_ref();
    let mut off_curve = point.to_vec();
    off_curve[64] ^= 1;
    for (what, bytes, reason) in [
        ("nothing", vec![], Reason::Malformed),
        ("an empty point", ec(ID_P256, &[]), Reason::Malformed),
        ("infinity", ec(ID_P256, &[0]), Reason::Malformed),
        ("a point off its curve", ec(ID_P256, &off_curve), Reason::Malformed),
        ("a point of another curve", ec(ID_P384, point), Reason::Malformed),
        ("a compressed point", ec(ID_P256, &[&[2 + (point[64] & 1)], &point[1..33]].concat()), Reason::Malformed),
        ("an unknown curve", ec(&[0x2b, 0x81, 0x04, 0x00, 0x0a], point), Reason::Unsupported),
        ("an unknown kind", spki(&oid(&[0x2b, 0x65, 0x71]), &[0; 57]), Reason::Unsupported),
        ("a short Ed25519 key", spki(&oid(ID_ED25519), &[0; 31]), Reason::Malformed),
        ("parameters where none are", spki(&[oid(ID_ED25519), vec![5, 0]].concat(), &[0; 32]), Reason::Malformed),
        ("a small RSA key", rsa(&modulus(128), &[1, 0, 1]), Reason::Unsupported),
        ("a huge RSA key", rsa(&modulus(1025), &[1, 0, 1]), Reason::Unsupported),
        ("an RSA exponent of one", rsa(&modulus(256), &[1]), Reason::Malformed),
        ("an even RSA exponent", rsa(&modulus(256), &[4]), Reason::Malformed),
        ("too many bytes", vec![0x30; MOST_SPKI + 1], Reason::TooLarge),
        ("bytes after the end", [ec(ID_P256, point), vec![0]].concat(), Reason::Malformed),
    ] {
        assert_eq!(PublicKey::from_spki(&bytes).map_err(|r| r.reason), Err(reason), "{what}");
    }
}

proptest! {
    #[test]
    fn no_bytes_make_it_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let _ = PublicKey::from_spki(&bytes);
        let _ = PublicKey::from_pem(&bytes);
    }
}

#[test]
fn digits_become_a_digest_or_nothing() {
    let digits = "00aFff".repeat(16);
    assert_eq!(Hash::Sha384.from_hex(&digits), Some([0, 0xaf, 0xff].repeat(16)));
    assert_eq!(Hash::Sha256.from_hex(&digits), None, "of another length");
    for bad in ["0g", "é", " 0", "+1"] {
        assert_eq!(Hash::Sha384.from_hex(&digits.replacen("00", bad, 1)), None, "{bad}");
    }
    assert_eq!(Hash::Sha384.from_hex(&digits[1..]), None, "half a byte");
}
