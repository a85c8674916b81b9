//! Private keys under a password, as Cosign's files have them. In: PEM and a password. Out: the key; and the same the other way.
//!
//! The PEM holds JSON: scrypt makes a key of the password, and NaCl's secretbox (XSalsa20 and Poly1305) holds a PKCS#8. What the
//! file may ask of this machine is bounded: a stranger's file names the costs. <https://doi.org/10.17487/RFC7914>

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use poly1305::Poly1305;
use poly1305::universal_hash::KeyInit as _;
use ring::rand::{SecureRandom as _, SystemRandom};
use salsa20::XSalsa20;
use salsa20::cipher::{KeyIvInit as _, StreamCipher as _};
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use super::private::PrivateKey;
use crate::pem;
use crate::refusal::{Reason, Refusal};

/// What the PEM block of an encrypted key is called: as it is written, and as older files have it.
const LABELS: [&str; 2] = ["ENCRYPTED SIGSTORE PRIVATE KEY", "ENCRYPTED COSIGN PRIVATE KEY"];

/// Costs of scrypt that are taken, as powers of two: 32, 64 and 128 MiB of memory. These are all that was ever written; more would
/// let a file take the machine, and less is not worth the name.
const COSTS: [u8; 3] = [15, 16, 17];
/// The cost that is written.
const COST: u8 = 16;
const BLOCK_SIZE: u32 = 8;
const PARALLELISM: u32 = 1;
const SALT: usize = 32;
const NONCE: usize = 24;
/// Bytes of a Poly1305 tag, which stand before the ciphertext.
const TAG: usize = 16;
/// Bytes of a salt that are read: RFC 7914 names no bound, and nobody writes more than 32.
const MAX_SALT: usize = 64;

/// The file's JSON, in the order that is written.
#[derive(Serialize, Deserialize)]
struct File {
    kdf: Kdf,
    cipher: Cipher,
    ciphertext: String,
}

#[derive(Serialize, Deserialize)]
struct Kdf {
    name: String,
    params: Params,
    salt: String,
}

#[derive(Serialize, Deserialize)]
struct Params {
    #[serde(rename = "N")]
    n: u64,
    r: u64,
    p: u64,
}

#[derive(Serialize, Deserialize)]
struct Cipher {
    name: String,
    nonce: String,
}

/// True when a PEM text holds an encrypted key, by its first line.
pub fn is_encrypted(text: &[u8]) -> bool {
    let text = text.trim_ascii_start();
    LABELS.iter().any(|label| text.strip_prefix(b"-----BEGIN ").is_some_and(|rest| rest.starts_with(label.as_bytes())))
}

/// The key of an encrypted PEM text.
///
/// # Errors
/// It is none, asks for other costs, another cipher or another function than are taken, or the password is another one.
pub fn open(text: &[u8], password: &[u8]) -> Result<PrivateKey, Refusal> {
    let block = pem::only("the private key", text)?;
    if !LABELS.contains(&block.label.as_str()) {
        return Err(Refusal::new(
            Reason::Unsupported,
            format!("the private key is {:?}, not an encrypted one", block.label),
        ));
    }
    let file: File = serde_json::from_slice(&block.bytes).map_err(|why| malformed(&format!("its JSON: {why}")))?;
    if file.kdf.name != "scrypt" {
        let name = shown(&file.kdf.name);
        return Err(Refusal::new(
            Reason::KeyDerivation,
            format!("the private key derives its key by {name}, not by scrypt"),
        ));
    }
    let Params { n, r, p } = file.kdf.params;
    let cost = COSTS.into_iter().find(|cost| 1 << cost == n);
    let (Some(cost), true) = (cost, r == u64::from(BLOCK_SIZE) && p == u64::from(PARALLELISM)) else {
        let costs = format!(
            "the private key asks for scrypt with N={n}, r={r}, p={p}: N is 32768, 65536 or 131072, r is 8 and p is 1"
        );
        return Err(Refusal::new(Reason::KeyDerivationCost, costs));
    };
    if file.cipher.name != "nacl/secretbox" {
        let name = shown(&file.cipher.name);
        return Err(Refusal::new(
            Reason::KeyCipher,
            format!("the private key is encrypted by {name}, not by nacl/secretbox"),
        ));
    }
    let decoded =
        |text: &str, what: &str| STANDARD.decode(text).map_err(|_| malformed(&format!("the base64 of its {what}")));
    let (salt, nonce) = (decoded(&file.kdf.salt, "salt")?, decoded(&file.cipher.nonce, "nonce")?);
    let nonce: [u8; NONCE] = nonce.as_slice().try_into().map_err(|_| {
        Refusal::new(Reason::KeyNonce, format!("the private key has a nonce of {} bytes, not of {NONCE}", nonce.len()))
    })?;
    if salt.is_empty() || salt.len() > MAX_SALT {
        return Err(malformed(&format!("a salt of {} bytes", salt.len())));
    }
    let sealed = decoded(&file.ciphertext, "ciphertext")?;
    let plain = opened(&sealed, &*derived(password, &salt, cost)?, &nonce);
    let plain = plain.ok_or_else(|| {
        Refusal::new(Reason::WrongPassword, "the private key is not of this password, or was changed")
    })?;
    PrivateKey::from_pkcs8(&plain)
}

/// The key as an encrypted PEM text, with its last line ended.
///
/// # Errors
/// The system gives no random bytes.
pub fn seal(key: &PrivateKey, password: &[u8]) -> Result<String, Refusal> {
    let (mut salt, mut nonce) = ([0; SALT], [0; NONCE]);
    let random = SystemRandom::new();
    random
        .fill(&mut salt)
        .and_then(|()| random.fill(&mut nonce))
        .map_err(|_| Refusal::new(Reason::NoRandomness, "the system gives no random bytes for a salt"))?;
    sealed_with(key, password, &salt, &nonce)
}

fn sealed_with(key: &PrivateKey, password: &[u8], salt: &[u8], nonce: &[u8; NONCE]) -> Result<String, Refusal> {
    let sealed = sealed(key.pkcs8(), &*derived(password, salt, COST)?, nonce);
    let file = File {
        kdf: Kdf {
            name: "scrypt".into(),
            params: Params { n: 1 << COST, r: BLOCK_SIZE.into(), p: PARALLELISM.into() },
            salt: STANDARD.encode(salt),
        },
        cipher: Cipher { name: "nacl/secretbox".into(), nonce: STANDARD.encode(nonce) },
        ciphertext: STANDARD.encode(sealed),
    };
    let json = serde_json::to_vec(&file).map_err(|why| malformed(&why.to_string()))?;
    Ok(pem::text(LABELS[0], &json).to_string())
}

fn derived(password: &[u8], salt: &[u8], cost: u8) -> Result<Zeroizing<[u8; 32]>, Refusal> {
    let mut key = Zeroizing::new([0; 32]);
    let failed = "scrypt does not take its parameters";
    let params = scrypt::Params::new(cost, BLOCK_SIZE, PARALLELISM).map_err(|_| malformed(failed))?;
    scrypt::scrypt(password, salt, &params, key.as_mut_slice()).map_err(|_| malformed(failed))?;
    Ok(key)
}

/// The stream behind the key of its authenticator, which is its first 32 bytes.
fn stream(key: &[u8; 32], nonce: &[u8; NONCE]) -> (XSalsa20, Poly1305) {
    let mut cipher = XSalsa20::new(key.into(), nonce.into());
    let mut first = Zeroizing::new([0; 32]);
    cipher.apply_keystream(first.as_mut_slice());
    let authenticator = Poly1305::new((&*first).into());
    (cipher, authenticator)
}

fn sealed(plain: &[u8], key: &[u8; 32], nonce: &[u8; NONCE]) -> Vec<u8> {
    let (mut cipher, authenticator) = stream(key, nonce);
    let mut sealed = vec![0; TAG];
    sealed.extend_from_slice(plain);
    cipher.apply_keystream(&mut sealed[TAG..]);
    let tag = authenticator.compute_unpadded(&sealed[TAG..]);
    sealed[..TAG].copy_from_slice(&tag);
    sealed
}

/// `None` when key or bytes are other ones.
fn opened(sealed: &[u8], key: &[u8; 32], nonce: &[u8; NONCE]) -> Option<Zeroizing<Vec<u8>>> {
    let (tag, sealed) = sealed.split_at_checked(TAG)?;
    let (mut cipher, authenticator) = stream(key, nonce);
    let found = authenticator.compute_unpadded(sealed);
    // All of them are looked at: how many are right is nobody's to learn from the time it takes.
    let differ = tag.iter().zip(found.iter()).fold(0, |differ, (a, b)| differ | (a ^ b));
    if std::hint::black_box(differ) != 0 {
        return None;
    }
    let mut plain = Zeroizing::new(sealed.to_vec());
    cipher.apply_keystream(&mut plain);
    Some(plain)
}

/// A stranger's word, short.
fn shown(word: &str) -> String {
    const MOST: usize = 40;
    format!("{:?}", word.chars().take(MOST).collect::<String>())
}

fn malformed(why: &str) -> Refusal {
    Refusal::new(Reason::Malformed, format!("the encrypted private key cannot be read: {why}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::keys::Signer as _;

    /// Made by `cosign generate-key-pair` 3.1 under the password "pw", and its public half.
    const COSIGNS: &str = include_str!("../../tests/keys/cosign.key");
    const COSIGNS_PUBLIC: &str = include_str!("../../tests/keys/cosign.pub");

    /// The file of a key with one text of its JSON replaced.
    fn changed(from: &str, to: &str) -> Vec<u8> {
        let block = pem::only("x", COSIGNS.as_bytes()).unwrap();
        let json = std::str::from_utf8(&block.bytes).unwrap();
        assert!(json.contains(from), "{from} in {json}");
        pem::text(LABELS[0], json.replace(from, to).as_bytes()).as_bytes().to_vec()
    }

    fn reason(text: &[u8]) -> Reason {
        open(text, b"pw").unwrap_err().reason
    }

    #[test]
    fn a_file_of_cosign_is_read_under_both_names() {
        let key = open(COSIGNS.as_bytes(), b"pw").unwrap();
        assert_eq!(key.public_pem(), COSIGNS_PUBLIC);
        assert!(is_encrypted(COSIGNS.as_bytes()) && !is_encrypted(COSIGNS_PUBLIC.as_bytes()));
        let older = COSIGNS.replace("SIGSTORE", "COSIGN");
        assert_eq!(open(older.as_bytes(), b"pw").unwrap().spki(), key.spki());
    }

    #[test]
    fn the_same_salt_and_nonce_give_the_same_file() {
        let block = pem::only("x", COSIGNS.as_bytes()).unwrap();
        let file: File = serde_json::from_slice(&block.bytes).unwrap();
        let (salt, nonce) = (STANDARD.decode(file.kdf.salt).unwrap(), STANDARD.decode(file.cipher.nonce).unwrap());
        let key = open(COSIGNS.as_bytes(), b"pw").unwrap();
        let ours = sealed_with(&key, b"pw", &salt, nonce.as_slice().try_into().unwrap()).unwrap();
        assert_eq!(ours.trim_end(), COSIGNS.trim_end());
    }

    #[test]
    fn what_is_sealed_opens_with_its_password_alone_even_an_empty_one() {
        let key = PrivateKey::generate().unwrap();
        let text = seal(&key, b"").unwrap();
        assert_eq!(open(text.as_bytes(), b"").unwrap().spki(), key.spki());
        assert_eq!(open(text.as_bytes(), b"x").unwrap_err().reason, Reason::WrongPassword);
        assert_ne!(seal(&key, b"").unwrap(), text, "salt and nonce are new each time");
    }

    #[test]
    fn case_25_costs_functions_ciphers_and_nonces_of_a_hostile_file_are_refused() {
        for cost in ["1073741824", "65537", "16384", "0", "262144"] {
            assert_eq!(reason(&changed("65536", cost)), Reason::KeyDerivationCost, "{cost}");
        }
        assert_eq!(reason(&changed("\"r\":8", "\"r\":1024")), Reason::KeyDerivationCost);
        assert_eq!(reason(&changed("\"p\":1", "\"p\":1000000")), Reason::KeyDerivationCost);
        assert_eq!(reason(&changed("scrypt", "argon2id")), Reason::KeyDerivation);
        assert_eq!(reason(&changed("nacl/secretbox", "nacl/box")), Reason::KeyCipher);
        assert_eq!(reason(&changed("\"nonce\":\"", "\"nonce\":\"AAAA")), Reason::KeyNonce);
        assert_eq!(reason(&changed("\"salt\":\"", &format!("\"salt\":\"{}", "AAAA".repeat(20)))), Reason::Malformed);
        assert_eq!(reason(&changed("\"N\":65536", "\"N\":-1")), Reason::Malformed);
        assert_eq!(reason(&changed("\"N\":65536", "\"N\":65536,\"N\":65536")), Reason::Malformed);
        assert_eq!(reason(&changed("\"ciphertext\":\"", "\"ciphertext\":\"****")), Reason::Malformed);
        assert_eq!(reason(&changed("\"ciphertext\":\"", "\"ciphertext\":\"AAAA")), Reason::WrongPassword);
        assert_eq!(reason(b"{}"), Reason::Malformed);
        assert_eq!(reason(COSIGNS_PUBLIC.as_bytes()), Reason::Unsupported);
        assert_eq!(reason(format!("{COSIGNS}trailing").as_bytes()), Reason::Malformed);
    }

    #[test]
    fn every_byte_of_the_box_counts() {
        let (key, nonce) = ([7; 32], [9; NONCE]);
        let whole = sealed(b"a private key", &key, &nonce);
        assert_eq!(opened(&whole, &key, &nonce).unwrap().as_slice(), b"a private key");
        for at in 0..whole.len() {
            let mut other = whole.clone();
            other[at] ^= 1;
            assert!(opened(&other, &key, &nonce).is_none(), "{at}");
        }
        assert!(opened(&whole[..TAG - 1], &key, &nonce).is_none());
        assert!(opened(&[], &key, &nonce).is_none());
    }
}
