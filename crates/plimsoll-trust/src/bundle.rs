//! Bundles of Sigstore, versions 0.1, 0.2 and 0.3. In: JSON. Out: a signature with all that proves it, none of it believed yet; and
//! back. What it does not do: it judges nothing but the shape.

use serde_json::{Value, json};

use crate::dsse::{Envelope, encode};
use crate::json;
use crate::public_key::Hash;
use crate::refusal::{Reason, Refusal, malformed};
use crate::rekor::Entry;

/// Entries and timestamps of one signature: each costs a few checks of signatures.
const MOST_PROOFS: usize = 32;
/// Certificates that early bundles bring.
const MOST_CHAIN: usize = 16;

/// The version of a bundle's form.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Version {
    /// 0.1: entries have promises.
    V0_1,
    /// 0.2: entries have proofs.
    V0_2,
    /// 0.3: one certificate and no chain.
    V0_3,
}

/// The media types of bundles, the first of each version being the one that is written.
pub const MEDIA_TYPES: &[(&str, Version)] = &[
    ("application/vnd.dev.sigstore.bundle.v0.3+json", Version::V0_3),
    ("application/vnd.dev.sigstore.bundle+json;version=0.3", Version::V0_3),
    ("application/vnd.dev.sigstore.bundle+json;version=0.2", Version::V0_2),
    ("application/vnd.dev.sigstore.bundle+json;version=0.1", Version::V0_1),
];

/// Whose signature it is said to be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Material {
    /// The signer's certificate, in DER.
    Certificate(Vec<u8>),
    /// The same, and others behind it, as early versions have it.
    Chain(Vec<Vec<u8>>),
    /// A key that whoever verifies has already, by a hint that proves nothing.
    PublicKey(String),
}

/// What was signed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Content {
    /// Bytes that are elsewhere.
    Message {
        /// The signature.
        signature: Vec<u8>,
        /// What the signer says is their digest.
        digest: Option<(Hash, Vec<u8>)>,
    },
    /// A payload that is here.
    Envelope(Envelope),
}

/// A bundle.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bundle {
    /// Its form.
    pub version: Version,
    /// Whose signature it is.
    pub material: Material,
    /// Entries of transparency logs.
    pub entries: Vec<Entry>,
    /// Answers of timestamp authorities (RFC 3161).
    pub timestamps: Vec<Vec<u8>>,
    /// What was signed.
    pub content: Content,
}

impl Bundle {
    /// The bundle in `bytes`.
    ///
    /// # Errors
    /// `unsupported` for other versions, `malformed`, `too-large`, `envelope-signatures`.
    pub fn from_json(bytes: &[u8]) -> Result<Self, Refusal> {
        let what = "a bundle";
        let value = json::parse_holder(bytes, what)?;
        let kind = json::text(&value, "mediaType", what)?;
        let version = MEDIA_TYPES.iter().find(|(name, _)| *name == kind).map(|(_, version)| *version);
        let version = version.ok_or_else(|| Refusal::new(Reason::Unsupported, format!("a bundle of type {kind:?}")))?;
        let proofs = json::member(&value, "verificationMaterial");
        let proofs = proofs.ok_or_else(|| malformed("a bundle without \"verificationMaterial\""))?;
        let stamps = json::member(proofs, "timestampVerificationData");
        Ok(Self {
            version,
            material: material(proofs, version)?,
            entries: each(proofs, "tlogEntries", Entry::from_value)?,
            timestamps: stamps.map_or(Ok(Vec::new()), |stamps| {
                each(stamps, "rfc3161Timestamps", |t| json::bytes(t, "signedTimestamp", "a timestamp"))
            })?,
            content: content(&value)?,
        })
    }

    /// Its JSON.
    pub fn to_json(&self) -> Value {
        let kind = MEDIA_TYPES.iter().find(|(_, version)| *version == self.version).map_or("", |(name, _)| name);
        let raw = |der: &Vec<u8>| json!({"rawBytes": encode(der)});
        let mut proofs = match &self.material {
            Material::Certificate(der) => json!({"certificate": raw(der)}),
            Material::Chain(chain) => {
                json!({"x509CertificateChain": {"certificates": chain.iter().map(raw).collect::<Vec<_>>()}})
            }
            Material::PublicKey(hint) => json!({"publicKey": {"hint": hint}}),
        };
        if !self.entries.is_empty() {
            proofs["tlogEntries"] = self.entries.iter().map(Entry::to_value).collect();
        }
        if !self.timestamps.is_empty() {
            let stamps: Vec<_> = self.timestamps.iter().map(|t| json!({"signedTimestamp": encode(t)})).collect();
            proofs["timestampVerificationData"] = json!({"rfc3161Timestamps": stamps});
        }
        let mut value = json!({"mediaType": kind, "verificationMaterial": proofs});
        match &self.content {
            Content::Envelope(envelope) => value["dsseEnvelope"] = envelope.to_json(),
            Content::Message { signature, digest } => {
                value["messageSignature"] = json!({"signature": encode(signature)});
                if let Some((hash, digest)) = digest {
                    let name = HASHES.iter().find(|(_, h)| h == hash).map_or("", |(name, _)| name);
                    value["messageSignature"]["messageDigest"] = json!({"algorithm": name, "digest": encode(digest)});
                }
            }
        }
        value
    }
}

const HASHES: &[(&str, Hash)] = &[("SHA2_256", Hash::Sha256), ("SHA2_384", Hash::Sha384), ("SHA2_512", Hash::Sha512)];

fn each<T>(value: &Value, name: &str, read: impl Fn(&Value) -> Result<T, Refusal>) -> Result<Vec<T>, Refusal> {
    let Some(list) = json::member(value, name) else { return Ok(Vec::new()) };
    let list = list.as_array().ok_or_else(|| malformed(format!("{name:?} of a bundle is no list")))?;
    if list.len() > MOST_PROOFS {
        return Err(Refusal::new(Reason::TooLarge, format!("a bundle with more than {MOST_PROOFS} {name}")));
    }
    list.iter().map(read).collect()
}

fn material(proofs: &Value, version: Version) -> Result<Material, Refusal> {
    let raw = |value: &Value| json::bytes(value, "rawBytes", "a certificate of a bundle");
    let parts = ["certificate", "x509CertificateChain", "publicKey"].map(|name| json::member(proofs, name));
    match parts {
        [Some(one), None, None] => Ok(Material::Certificate(raw(one)?)),
        [None, Some(chain), None] if version < Version::V0_3 => {
            let chain = chain.get("certificates").and_then(Value::as_array).filter(|all| !all.is_empty());
            let chain = chain.ok_or_else(|| malformed("a bundle with an empty chain of certificates"))?;
            if chain.len() > MOST_CHAIN {
                return Err(Refusal::new(
                    Reason::TooLarge,
                    format!("a bundle with more than {MOST_CHAIN} certificates"),
                ));
            }
            chain.iter().map(raw).collect::<Result<_, _>>().map(Material::Chain)
        }
        [None, None, Some(key)] => {
            let hint = json::member(key, "hint").map(|_| json::text(key, "hint", "a key of a bundle"));
            Ok(Material::PublicKey(hint.transpose()?.unwrap_or_default().to_owned()))
        }
        _ => Err(malformed("a bundle that names not exactly one certificate, chain (before version 0.3) or key")),
    }
}

fn content(value: &Value) -> Result<Content, Refusal> {
    match (json::member(value, "messageSignature"), json::member(value, "dsseEnvelope")) {
        (Some(message), None) => {
            let what = "the signature of a bundle";
            let signature = json::bytes(message, "signature", what)?;
            if signature.is_empty() {
                return Err(malformed("a bundle with a signature of no bytes"));
            }
            let digest = json::member(message, "messageDigest").map(|digest| {
                let name = json::text(digest, "algorithm", "a digest")?;
                let known = HASHES.iter().find(|(known, _)| *known == name).map(|(_, hash)| *hash);
                let hash = known.ok_or_else(|| Refusal::new(Reason::Unsupported, format!("a digest by {name:?}")))?;
                Ok((hash, json::bytes(digest, "digest", "a digest")?))
            });
            Ok(Content::Message { signature, digest: digest.transpose()? })
        }
        (None, Some(envelope)) => Envelope::from_value(envelope).map(Content::Envelope),
        _ => Err(malformed("a bundle that holds not exactly one signature or envelope")),
    }
}
