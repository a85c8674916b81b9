//! Keys that are elsewhere: in a service, in a token of hardware. In: the public half, and whoever keeps the private one. Out: a
//! [`Signer`]. What it does not do: ask anybody itself, or believe its keeper: a signature that is not the key's is none.

use std::fmt;

use super::private::Signer;
use crate::public_key::{Hash, PublicKey, Scheme};
use crate::refusal::{Reason, Refusal};

/// Whoever keeps a private key that does not leave it.
pub trait Keeper {
    /// A signature by the key: ECDSA in ASN.1, PKCS#1 v1.5, or Ed25519.
    ///
    /// # Errors
    /// `signer-failed`: the key's keeper does not sign.
    fn signature(&self, of: Handed<'_>) -> Result<Vec<u8>, Refusal>;
}

/// What a keeper is handed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Handed<'a> {
    /// The digest of what is to be signed.
    Digest(Hash, &'a [u8]),
    /// All of it: Ed25519 hashes with the key.
    Message(&'a [u8]),
}

/// A key that its keeper signs with.
pub struct KeptKey {
    name: String,
    public: PublicKey,
    keeper: Box<dyn Keeper>,
}

impl KeptKey {
    /// The key of this name (for messages) and public half, in that one's keeping.
    pub fn new(name: &str, public: PublicKey, keeper: Box<dyn Keeper>) -> KeptKey {
        KeptKey { name: name.to_owned(), public, keeper }
    }
}

impl fmt::Debug for KeptKey {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "KeptKey({:?})", self.public)
    }
}

impl Signer for KeptKey {
    fn spki(&self) -> &[u8] {
        self.public.spki()
    }

    fn sign(&self, message: &[u8]) -> Result<Vec<u8>, Refusal> {
        let hash = match self.public.scheme() {
            Scheme::EcdsaP256 | Scheme::Rsa => Some(Hash::Sha256),
            Scheme::EcdsaP384 => Some(Hash::Sha384),
            Scheme::Ed25519 => None,
        };
        let signature = match hash {
            Some(hash) => self.keeper.signature(Handed::Digest(hash, &hash.of(message)))?,
            None => self.keeper.signature(Handed::Message(message))?,
        };
        let verified = self.public.verify_with(hash.unwrap_or(Hash::Sha256), message, &signature);
        verified.map_err(|_| {
            let name = &self.name;
            let why = format!("what the keeper of {name} gave is no signature by the key whose public half it showed");
            Refusal::new(Reason::SignatureInvalid, why)
        })?;
        Ok(signature)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::keys::PrivateKey;

    /// Signs with this key, whichever is asked for, as long as it is told to.
    struct Drawer(PrivateKey, &'static [u8], bool);

    impl Keeper for Drawer {
        fn signature(&self, of: Handed<'_>) -> Result<Vec<u8>, Refusal> {
            let expected = match self.0.spki().len() {
                120 => Handed::Digest(Hash::Sha384, &Hash::Sha384.of(self.1)) == of,
                44 => Handed::Message(self.1) == of,
                _ => Handed::Digest(Hash::Sha256, &Hash::Sha256.of(self.1)) == of,
            };
            assert!(expected, "{of:?}");
            if self.2 { self.0.sign(self.1) } else { Err(Refusal::new(Reason::SignerFailed, "the drawer is locked")) }
        }
    }

    fn key(name: &str) -> PrivateKey {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/keys/");
        PrivateKey::from_pem(&std::fs::read(format!("{folder}{name}.pem")).unwrap()).unwrap()
    }

    fn kept(public: &PrivateKey, by: &str, unlocked: bool) -> KeptKey {
        let public = PublicKey::from_spki(public.spki()).unwrap();
        KeptKey::new(by, public, Box::new(Drawer(key(by), b"message", unlocked)))
    }

    #[test]
    fn a_key_elsewhere_signs_as_one_at_hand_does() {
        for name in ["p256", "p384-sec1-parameters", "ed25519", "rsa2048"] {
            let own = key(name);
            let there = kept(&own, name, true);
            assert_eq!(there.spki(), own.spki());
            let signature = there.sign(b"message").unwrap();
            PublicKey::from_spki(own.spki()).unwrap().verify(b"message", &signature).unwrap();
        }
    }

    #[test]
    fn a_keepers_answer_is_held_to_the_public_half() {
        let other = PrivateKey::generate().unwrap();
        assert_eq!(kept(&other, "p256", true).sign(b"message").unwrap_err().reason, Reason::SignatureInvalid);
        assert_eq!(kept(&key("p256"), "p256", false).sign(b"message").unwrap_err().reason, Reason::SignerFailed);
    }
}
