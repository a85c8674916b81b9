//! Making signatures that services vouch for. In: what is to be signed, a key, what services answered. Out: bundles, and what each
//! service is to be asked. What it does not do: it asks nobody, and believes no answer: whoever calls holds the finished bundle to a
//! demand, as if a stranger had made it.

mod authority;
mod config;
mod log;
mod stamp;
mod token;

pub use authority::{certificate, certificate_request};
pub use config::SigningConfig;
pub use log::{LogVersion, entry, entry_request};
pub use stamp::timestamp_request;
pub use token::{IdentityToken, random_text};

use crate::bundle::{Bundle, Content, Material, Version};
use crate::certificate::Certificate;
use crate::dsse::{Envelope, encode};
use crate::keys;
use crate::public_key::{Hash, PublicKey, Scheme, sha256};
use crate::refusal::Refusal;

/// What is to be signed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unsigned<'a> {
    /// The bytes themselves.
    Message(&'a [u8]),
    /// An in-toto statement, in an envelope.
    Statement(&'a [u8]),
}

/// A bundle with the signature of `key`, which no service has seen yet. `certificate` is that of the key's holder, where there is one.
///
/// # Errors
/// The key's keeper does not sign.
pub fn sign(key: &dyn keys::Signer, certificate: Option<&Certificate>, what: Unsigned<'_>) -> Result<Bundle, Refusal> {
    let content = match what {
        Unsigned::Message(bytes) => {
            let hash = hash(&PublicKey::from_spki(key.spki())?);
            Content::Message { signature: key.sign(bytes)?, digest: Some((hash, hash.of(bytes))) }
        }
        Unsigned::Statement(payload) => Content::Envelope(Envelope::sign(key, payload.to_vec())?),
    };
    let material = match certificate {
        Some(certificate) => Material::Certificate(certificate.der().to_vec()),
        None => Material::PublicKey(encode(&sha256(key.spki()))),
    };
    Ok(Bundle { version: Version::V0_3, material, entries: vec![], timestamps: vec![], content })
}

/// The hash that a key signs with.
fn hash(key: &PublicKey) -> Hash {
    match key.scheme() {
        Scheme::EcdsaP384 => Hash::Sha384,
        _ => Hash::Sha256,
    }
}

/// The bytes of a bundle's signature.
fn signature(bundle: &Bundle) -> &[u8] {
    match &bundle.content {
        Content::Message { signature, .. } => signature,
        Content::Envelope(envelope) => &envelope.signature,
    }
}
