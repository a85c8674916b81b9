//! Private keys. In: PEM texts of PKCS#8, PKCS#1 and SEC 1, or chance. Out: keys that sign, and their public halves. How a key lies
//! encrypted in a file is [`super::encrypted`]'s. What it does not do: keep copies: keys are wiped from memory when they go, but
//! for the working copy that ring makes of an RSA key.

use std::fmt;

use p256::ecdsa::signature::Signer as _;
use p256::pkcs8::{EncodePrivateKey, EncodePublicKey, PrivateKeyInfoRef};
use ring::rand::{SecureRandom as _, SystemRandom};
use ring::rsa::KeyPair as RsaKeyPair;
use ring::signature::RSA_PKCS1_SHA256;
use zeroize::Zeroizing;

use crate::der;
use crate::pem;
use crate::public_key::{ED25519_SPKI, ID_EC, ID_ED25519, ID_P256, ID_P384, ID_RSA, LABEL};
use crate::refusal::{Reason, Refusal};

/// Whatever can sign: a key in memory, or one that somebody keeps elsewhere ([`super::KeptKey`]).
pub trait Signer {
    /// The public half, as a `SubjectPublicKeyInfo` in DER.
    fn spki(&self) -> &[u8];

    /// The signature over a message: ECDSA in ASN.1 over SHA-256 (P-256) or SHA-384 (P-384), PKCS#1 v1.5 over SHA-256, or Ed25519.
    ///
    /// # Errors
    /// The key's keeper does not sign.
    fn sign(&self, message: &[u8]) -> Result<Vec<u8>, Refusal>;
}

/// A private key in memory: ECDSA on P-256 or P-384, Ed25519, or RSA of 2,048 to 4,096 bits.
pub struct PrivateKey {
    kind: Kind,
    pkcs8: Zeroizing<Vec<u8>>,
    spki: Vec<u8>,
}

enum Kind {
    P256(p256::ecdsa::SigningKey),
    P384(p384::ecdsa::SigningKey),
    Ed25519(Box<ed25519_dalek::SigningKey>),
    Rsa(Box<RsaKeyPair>),
}

impl fmt::Debug for PrivateKey {
    /// What kind it is, and nothing of it.
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = match &self.kind {
            Kind::P256(_) => "P-256",
            Kind::P384(_) => "P-384",
            Kind::Ed25519(_) => "Ed25519",
            Kind::Rsa(_) => "RSA",
        };
        write!(out, "PrivateKey({kind})")
    }
}

/// How often 32 bytes are drawn that are no key of P-256: once in four billion draws they are none.
const MAX_DRAWS: usize = 8;
/// The version of a `PKCS#8` that has no public half.
const PKCS8_VERSION: &[u8] = &[0x02, 0x01, 0x00];
/// All of a PKCS#8 of Ed25519 (version 1) before its 32 bytes.
const ED25519_PKCS8: &[u8] =
    &[0x30, 0x2e, 0x02, 0x01, 0x00, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x04, 0x22, 0x04, 0x20];

impl PrivateKey {
    /// A new key on P-256.
    ///
    /// # Errors
    /// The system gives no random bytes.
    pub fn generate() -> Result<PrivateKey, Refusal> {
        let none = || Refusal::new(Reason::NoRandomness, "the system gives no random bytes for a key");
        let mut scalar = Zeroizing::new([0; 32]);
        for _ in 0..MAX_DRAWS {
            SystemRandom::new().fill(scalar.as_mut_slice()).map_err(|_| none())?;
            // One that is not below the order of the curve, or is zero, is drawn again.
            if let Ok(secret) = p256::SecretKey::from_slice(scalar.as_slice()) {
                return PrivateKey::p256(secret);
            }
        }
        Err(none())
    }

    /// The key of a PKCS#8 `PrivateKeyInfo` in DER.
    ///
    /// # Errors
    /// It is none, or of a kind or size that does not sign here.
    pub fn from_pkcs8(der: &[u8]) -> Result<PrivateKey, Refusal> {
        let info = PrivateKeyInfoRef::try_from(der).map_err(|_| malformed("it is no PKCS#8"))?;
        let wrong = || malformed("what is in its PKCS#8 is no key of the kind that it names");
        let broken = |_| wrong();
        match info.algorithm.oid.as_bytes() {
            ID_EC => {
                let curve = info.algorithm.parameters_oid().map_err(|_| malformed("its curve has no name"))?;
                match curve.as_bytes() {
                    ID_P256 => PrivateKey::p256(p256::SecretKey::try_from(info).map_err(broken)?),
                    ID_P384 => PrivateKey::p384(p384::SecretKey::try_from(info).map_err(broken)?),
                    _ => Err(unsupported(format!("the curve {curve}: P-256 and P-384 sign here"))),
                }
            }
            ID_ED25519 => {
                // An octet string within the octet string: RFC 8410, section 7.
                let seed = info.private_key.as_bytes().strip_prefix(&[0x04, 0x20]);
                let seed = seed.and_then(|seed| <&[u8; 32]>::try_from(seed).ok()).ok_or_else(wrong)?;
                PrivateKey::ed25519(seed, info.public_key.map(|key| key.raw_bytes().to_vec()))
            }
            ID_RSA => PrivateKey::rsa(info.private_key.as_bytes()),
            _ => Err(unsupported(format!("the algorithm {}: ECDSA, Ed25519 and RSA sign here", info.algorithm.oid))),
        }
    }

    /// The key of an unencrypted PEM text: `PRIVATE KEY` (PKCS#8), `RSA PRIVATE KEY` (PKCS#1) or `EC PRIVATE KEY` (SEC 1, with or
    /// without the block of parameters that OpenSSL writes before it).
    ///
    /// # Errors
    /// It is none of these, or of a kind or size that does not sign here.
    pub fn from_pem(text: &[u8]) -> Result<PrivateKey, Refusal> {
        let mut blocks = pem::blocks("the private key", text)?;
        if blocks.len() > 1 && blocks.first().is_some_and(|block| block.label == "EC PARAMETERS") {
            blocks.remove(0);
        }
        let [block] = blocks.as_slice() else { return Err(malformed("there is more than one PEM block in its file")) };
        match block.label.as_str() {
            "PRIVATE KEY" => PrivateKey::from_pkcs8(&block.bytes),
            "RSA PRIVATE KEY" => PrivateKey::rsa(&block.bytes),
            "EC PRIVATE KEY" => {
                // The curve is named inside; each reads its own alone.
                let p256 = p256::SecretKey::from_sec1_der(&block.bytes).map(PrivateKey::p256);
                let read = p256.or_else(|_| p384::SecretKey::from_sec1_der(&block.bytes).map(PrivateKey::p384));
                read.unwrap_or_else(|_| Err(malformed("it is no SEC 1 key on P-256 or P-384")))
            }
            "ENCRYPTED PRIVATE KEY" => {
                Err(unsupported("keys that PKCS#8 encrypts: decrypt it first (openssl pkey)".into()))
            }
            label if label.starts_with("ENCRYPTED ") => Err(unsupported("an encrypted key in this place".into())),
            label => Err(unsupported(format!("a PEM block of the kind {label:?}"))),
        }
    }

    fn p256(secret: p256::SecretKey) -> Result<PrivateKey, Refusal> {
        let pkcs8 = Zeroizing::new(encoded(&secret)?.as_bytes().to_vec());
        let spki = public(&secret.public_key())?;
        Ok(PrivateKey { kind: Kind::P256(secret.into()), pkcs8, spki })
    }

    fn p384(secret: p384::SecretKey) -> Result<PrivateKey, Refusal> {
        let pkcs8 = Zeroizing::new(encoded(&secret)?.as_bytes().to_vec());
        let spki = public(&secret.public_key())?;
        Ok(PrivateKey { kind: Kind::P384(secret.into()), pkcs8, spki })
    }

    fn ed25519(seed: &[u8; 32], public: Option<Vec<u8>>) -> Result<PrivateKey, Refusal> {
        let key = Box::new(ed25519_dalek::SigningKey::from_bytes(seed));
        let own = key.verifying_key();
        if public.is_some_and(|public| public != own.as_bytes()) {
            return Err(malformed("its public half is another key's"));
        }
        let pkcs8 = Zeroizing::new([ED25519_PKCS8, seed].concat());
        let spki = [ED25519_SPKI, own.as_bytes().as_slice()].concat();
        Ok(PrivateKey { kind: Kind::Ed25519(key), pkcs8, spki })
    }

    /// `bytes` are an `RSAPrivateKey` of PKCS#1.
    fn rsa(bytes: &[u8]) -> Result<PrivateKey, Refusal> {
        let key = RsaKeyPair::from_der(bytes).map_err(|why| match why.to_string().as_str() {
            "TooSmall" => Refusal::new(Reason::WeakKey, "the private key is an RSA key of less than 2,048 bits"),
            "TooLarge" => unsupported("RSA keys of more than 4,096 bits".into()),
            why => malformed(&format!("it is no sound RSA key ({why})")),
        })?;
        // Not all of its numbers are looked at before they are used; what is made of them is. So they are used once.
        rsa_signature(&key, b"").map_err(|_| malformed("the numbers of its RSA key do not fit one another"))?;
        let algorithm = der::write(der::SEQUENCE, &[der::write(der::OID, ID_RSA), der::write(der::NULL, &[])].concat());
        let octets = Zeroizing::new(der::write(der::OCTET_STRING, bytes));
        let inside = Zeroizing::new([PKCS8_VERSION, &algorithm, &octets].concat());
        let pkcs8 = Zeroizing::new(der::write(der::SEQUENCE, &inside));
        let public = der::write(der::BIT_STRING, &[&[0], key.public().as_ref()].concat());
        let spki = der::write(der::SEQUENCE, &[algorithm, public].concat());
        Ok(PrivateKey { kind: Kind::Rsa(Box::new(key)), pkcs8, spki })
    }

    /// The key as a PKCS#8 `PrivateKeyInfo` in DER.
    pub fn pkcs8(&self) -> &Zeroizing<Vec<u8>> {
        &self.pkcs8
    }

    /// The public half as PEM (`PUBLIC KEY`), with its last line ended.
    pub fn public_pem(&self) -> String {
        pem::text(LABEL, &self.spki).to_string()
    }
}

fn rsa_signature(key: &RsaKeyPair, message: &[u8]) -> Result<Vec<u8>, Refusal> {
    let mut signature = vec![0; key.public().modulus_len()];
    key.sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), message, &mut signature)
        .map_err(|_| Refusal::new(Reason::NoRandomness, "the RSA key does not sign"))?;
    Ok(signature)
}

impl Signer for PrivateKey {
    fn spki(&self) -> &[u8] {
        &self.spki
    }

    fn sign(&self, message: &[u8]) -> Result<Vec<u8>, Refusal> {
        match &self.kind {
            Kind::P256(key) => {
                let signature: p256::ecdsa::DerSignature = key.sign(message);
                Ok(signature.as_bytes().to_vec())
            }
            Kind::P384(key) => {
                let signature: p384::ecdsa::DerSignature = key.sign(message);
                Ok(signature.as_bytes().to_vec())
            }
            Kind::Ed25519(key) => Ok(key.sign(message).to_bytes().to_vec()),
            Kind::Rsa(key) => rsa_signature(key, message),
        }
    }
}

fn encoded(key: &impl EncodePrivateKey) -> Result<p256::pkcs8::SecretDocument, Refusal> {
    key.to_pkcs8_der().map_err(|_| malformed("it cannot be written as PKCS#8"))
}

fn public(key: &impl EncodePublicKey) -> Result<Vec<u8>, Refusal> {
    Ok(key.to_public_key_der().map_err(|_| malformed("its public half cannot be written"))?.into_vec())
}

fn malformed(why: &str) -> Refusal {
    Refusal::new(Reason::Malformed, format!("the private key cannot be read: {why}"))
}

fn unsupported(what: String) -> Refusal {
    Refusal::new(Reason::Unsupported, format!("the private key: not supported is {what}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Each made by openssl: (private, public).
    const MADE: [(&str, &str); 6] = [
        (include_str!("../../tests/keys/p256.pem"), include_str!("../../tests/keys/p256.pub")),
        (include_str!("../../tests/keys/p256-sec1.pem"), include_str!("../../tests/keys/p256.pub")),
        (include_str!("../../tests/keys/p384-sec1-parameters.pem"), include_str!("../../tests/keys/p384.pub")),
        (include_str!("../../tests/keys/ed25519.pem"), include_str!("../../tests/keys/ed25519.pub")),
        (include_str!("../../tests/keys/rsa2048.pem"), include_str!("../../tests/keys/rsa2048.pub")),
        (include_str!("../../tests/keys/rsa2048-pkcs1.pem"), include_str!("../../tests/keys/rsa2048.pub")),
    ];

    #[test]
    fn keys_of_every_kind_are_read_and_written() {
        for (private, public) in MADE {
            let key = PrivateKey::from_pem(private.as_bytes()).unwrap();
            assert_eq!(key.public_pem(), public);
            let again = PrivateKey::from_pkcs8(key.pkcs8()).unwrap();
            assert_eq!((again.spki(), again.pkcs8().as_slice()), (key.spki(), key.pkcs8().as_slice()));
        }
        // As openssl writes it, byte for byte.
        for (private, _) in [MADE[0], MADE[3], MADE[4]] {
            let key = PrivateKey::from_pem(private.as_bytes()).unwrap();
            assert_eq!(*pem::text("PRIVATE KEY", key.pkcs8()), private);
        }
    }

    #[test]
    fn what_a_key_signs_its_public_half_takes() {
        let generated = PrivateKey::generate().unwrap();
        let read = MADE.map(|(private, _)| PrivateKey::from_pem(private.as_bytes()).unwrap());
        for key in read.iter().chain([&generated]) {
            let public = crate::PublicKey::from_spki(key.spki()).unwrap();
            let signature = key.sign(b"message").unwrap();
            public.verify(b"message", &signature).unwrap();
            assert!(public.verify(b"massage", &signature).is_err());
        }
    }

    #[test]
    fn weak_and_foreign_keys_are_refused() {
        let reason = |text: &str| PrivateKey::from_pem(text.as_bytes()).unwrap_err().reason;
        assert_eq!(reason(include_str!("../../tests/keys/rsa1024.pem")), Reason::WeakKey);
        assert_eq!(reason(include_str!("../../tests/keys/secp256k1.pem")), Reason::Unsupported);
        assert_eq!(reason(MADE[0].1), Reason::Unsupported);
        assert_eq!(reason(""), Reason::Malformed);
        assert_eq!(reason(&MADE[0].0.repeat(2)), Reason::Malformed);
        assert_eq!(reason(include_str!("../../tests/keys/cosign.key")), Reason::Unsupported);
    }

    #[test]
    fn bytes_behind_a_key_and_half_keys_are_refused() {
        for (private, _) in MADE {
            let der = PrivateKey::from_pem(private.as_bytes()).unwrap().pkcs8().to_vec();
            assert!(PrivateKey::from_pkcs8(&[der.as_slice(), &[0]].concat()).is_err());
            for length in 0..der.len() {
                assert!(PrivateKey::from_pkcs8(&der[..length]).is_err(), "{length}");
            }
        }
        assert!(PrivateKey::from_pkcs8(&[]).is_err());
    }

    #[test]
    fn new_keys_are_no_copies_of_each_other_and_are_read_again() {
        let keys = [(); 16].map(|()| PrivateKey::generate().unwrap());
        let spkis: std::collections::BTreeSet<_> = keys.iter().map(|key| key.spki().to_vec()).collect();
        assert_eq!(spkis.len(), keys.len());
        for key in &keys {
            assert_eq!(PrivateKey::from_pkcs8(key.pkcs8()).unwrap().spki(), key.spki());
        }
    }

    #[test]
    fn an_rsa_key_whose_numbers_do_not_fit_is_refused_when_it_is_read() {
        let der = PrivateKey::from_pem(MADE[4].0.as_bytes()).unwrap().pkcs8().to_vec();
        // Whatever bit is changed, what is taken for a key signs: its last numbers serve the computation alone.
        let mut refused = 0;
        for at in (der.len() - 400..der.len()).step_by(9) {
            let mut changed = der.clone();
            changed[at] ^= 2;
            match PrivateKey::from_pkcs8(&changed) {
                Ok(key) => assert!(key.sign(b"message").is_ok(), "{at}"),
                Err(_) => refused += 1,
            }
        }
        assert!(refused > 40, "{refused}");
    }

    #[test]
    fn nothing_of_a_key_is_shown() {
        let key = PrivateKey::generate().unwrap();
        assert_eq!(format!("{key:?}"), "PrivateKey(P-256)");
    }
}
