//! A signer of the Notary Project: a root, an authority below it, a certificate, and an authority of time stamps. In: what is signed, and
//! how, each part of which can be made wrong. Out: the envelope as JSON, and the roots that make it true.

#![allow(dead_code, reason = "each that includes it uses a part")]

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::rand::SystemRandom;
use ring::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, ECDSA_P384_SHA384_FIXED_SIGNING, EcdsaKeyPair, EcdsaSigningAlgorithm,
    KeyPair as _, RSA_PSS_SHA256, RSA_PSS_SHA384, RsaKeyPair,
};
use serde_json::{Value, json};

use super::der;
use super::setup::Setup;
use super::world::{
    CODE_SIGNING, DAY, Key, SIGNED, SINCE, UNTIL, authority, b64, ecdsa, purposes, rfc3339, sha256, stamp,
    tsa_certificates, unb64, usage,
};

pub const PAYLOAD: &str = "application/vnd.cncf.notary.payload.v1+json";
pub const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
/// The signer's name, as Go's tools show it.
pub const SUBJECT: &str = "CN=notary signer,O=acme\\, inc,L=Seattle,ST=WA,C=US";

/// An RSA key of 2,048 bits that everybody has.
const RSA: &str = include_str!("../../tests/keys/rsa2048.pem");

/// With what is signed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Kind {
    P256,
    P384,
    Rsa,
}

enum Pair {
    Ecdsa(Box<EcdsaKeyPair>, Kind),
    Rsa(Box<RsaKeyPair>),
}

impl Pair {
    fn new(kind: Kind) -> Self {
        let random = SystemRandom::new();
        let ecdsa = |algorithm: &'static EcdsaSigningAlgorithm| {
            let pkcs8 = EcdsaKeyPair::generate_pkcs8(algorithm, &random).unwrap();
            Self::Ecdsa(Box::new(EcdsaKeyPair::from_pkcs8(algorithm, pkcs8.as_ref(), &random).unwrap()), kind)
        };
        match kind {
            Kind::P256 => ecdsa(&ECDSA_P256_SHA256_FIXED_SIGNING),
            Kind::P384 => ecdsa(&ECDSA_P384_SHA384_FIXED_SIGNING),
            Kind::Rsa => {
                let body: String = RSA.lines().filter(|line| !line.starts_with('-')).collect();
                Self::Rsa(Box::new(RsaKeyPair::from_pkcs8(&unb64(&Value::String(body))).unwrap()))
            }
        }
    }

    fn spki(&self) -> Vec<u8> {
        let (algorithm, key) = match self {
            Self::Ecdsa(pair, kind) => {
                let curve = if *kind == Kind::P256 { "1.2.840.10045.3.1.7" } else { "1.3.132.0.34" };
                (vec![der::oid("1.2.840.10045.2.1"), der::oid(curve)], pair.public_key().as_ref().to_vec())
            }
            Self::Rsa(pair) => {
                (vec![der::oid("1.2.840.113549.1.1.1"), der::element(0x05, &[])], pair.public_key().as_ref().to_vec())
            }
        };
        der::sequence(&[der::sequence(&algorithm), der::bits(&key)])
    }

    /// Under the key's own algorithm, whatever the header calls it; RSA by SHA-384 where it is called so.
    fn sign(&self, message: &[u8], alg: &str) -> Vec<u8> {
        let random = SystemRandom::new();
        match self {
            Self::Ecdsa(pair, _) => pair.sign(&random, message).unwrap().as_ref().to_vec(),
            Self::Rsa(pair) => {
                let mut signature = vec![0; pair.public().modulus_len()];
                let padding = if alg == "PS384" { &RSA_PSS_SHA384 } else { &RSA_PSS_SHA256 };
                pair.sign(padding, &random, message, &mut signature).unwrap();
                signature
            }
        }
    }
}

/// All that can be set, and set wrong.
#[derive(Clone)]
pub struct Notary {
    pub kind: Kind,
    pub digest: String,
    pub media_type: String,
    pub size: u64,
    pub annotations: Value,
    /// Members of the protected header to set, or with null to take out.
    pub protected: Vec<(&'static str, Value)>,
    pub signing_authority: bool,
    pub expiry: Option<i64>,
    pub subject: Vec<(&'static str, &'static str)>,
    pub leaf_valid: (i64, i64),
    pub leaf_usage: (u8, bool),
    pub leaf_purposes: Vec<&'static str>,
    pub leaf_extra: Vec<Vec<u8>>,
    /// The authority between root and signer: its extensions.
    pub middle: Vec<Vec<u8>>,
    pub middle_valid: (i64, i64),
    pub root_depth: Option<u64>,
    /// When a time stamp was made, if there is one.
    pub stamp: Option<i64>,
    pub stamp_setup: Setup,
    /// A self-signed certificate, and nothing above it.
    pub alone: bool,
}

impl Default for Notary {
    fn default() -> Self {
        Self {
            kind: Kind::P256,
            digest: format!("sha256:{}", "07".repeat(32)),
            media_type: MANIFEST.to_owned(),
            size: 1234,
            annotations: json!({"build": "7"}),
            protected: Vec::new(),
            signing_authority: false,
            expiry: None,
            subject: vec![
                ("2.5.4.6", "US"),
                ("2.5.4.8", "WA"),
                ("2.5.4.7", "Seattle"),
                ("2.5.4.10", "acme, inc"),
                ("2.5.4.3", "notary signer"),
            ],
            leaf_valid: (SIGNED - DAY, SIGNED + DAY),
            leaf_usage: (0x80, true),
            leaf_purposes: vec![CODE_SIGNING],
            leaf_extra: Vec::new(),
            middle: vec![authority(Some(0)), usage(0x06)],
            middle_valid: (SINCE, UNTIL),
            root_depth: None,
            stamp: None,
            stamp_setup: Setup::default(),
            alone: false,
        }
    }
}

/// What was made.
#[derive(Clone)]
pub struct Notarised {
    pub envelope: Value,
    /// Of the signers' authority and of that of time stamps, in DER.
    pub root: Vec<u8>,
    pub tsa_root: Vec<u8>,
    /// The signer's and what is above it.
    pub chain: Vec<Vec<u8>>,
}

fn name(parts: &[(&str, &str)]) -> Vec<u8> {
    let part = |(id, text): &(&str, &str)| der::set(&[der::sequence(&[der::oid(id), der::utf8(text)])]);
    der::sequence(&parts.iter().map(part).collect::<Vec<_>>())
}

struct Subject<'a> {
    serial: u64,
    issuer: &'a [u8],
    subject: &'a [u8],
    valid: (i64, i64),
    spki: Vec<u8>,
    extensions: Vec<Vec<u8>>,
}

impl Subject<'_> {
    fn certificate(&self, sign: impl Fn(&[u8]) -> Vec<u8>) -> Vec<u8> {
        let tbs = der::sequence(&[
            der::explicit(0, &der::integer(2)),
            der::integer(self.serial),
            ecdsa(),
            self.issuer.to_vec(),
            der::sequence(&[der::time(self.valid.0), der::time(self.valid.1)]),
            self.subject.to_vec(),
            self.spki.clone(),
            der::explicit(3, &der::sequence(&self.extensions)),
        ]);
        let signature = sign(&tbs);
        der::sequence(&[tbs, ecdsa(), der::bits(&signature)])
    }
}

/// Writes an envelope of each kind.
pub fn write(folder: &std::path::Path) {
    std::fs::create_dir_all(folder).unwrap();
    let default = Notary::default;
    for (name, notary) in [
        ("p256", Notary { expiry: Some(SIGNED + DAY), ..default() }),
        ("rsa", Notary { kind: Kind::Rsa, ..default() }),
        ("stamped", Notary { stamp: Some(SIGNED), ..default() }),
        ("authority", Notary { kind: Kind::P384, signing_authority: true, ..default() }),
        ("alone", Notary { alone: true, ..default() }),
    ] {
        std::fs::write(folder.join(format!("{name}.json")), notarise(&notary).envelope.to_string()).unwrap();
    }
}

/// Signs.
pub fn notarise(notary: &Notary) -> Notarised {
    let (root, middle, pair) = (Key::new(), Key::new(), Pair::new(notary.kind));
    let root_name = name(&[("2.5.4.6", "US"), ("2.5.4.3", "notary root")]);
    let middle_name = name(&[("2.5.4.6", "US"), ("2.5.4.3", "notary authority")]);
    let leaf_name = name(&notary.subject);
    let root_certificate = Subject {
        serial: 1,
        issuer: &root_name,
        subject: &root_name,
        valid: (SINCE, UNTIL),
        spki: root.spki(),
        extensions: vec![authority(notary.root_depth), usage(0x06)],
    };
    let root_der = root_certificate.certificate(|tbs| root.sign(tbs));
    let middle_certificate = Subject {
        serial: 2,
        issuer: &root_name,
        subject: &middle_name,
        valid: notary.middle_valid,
        spki: middle.spki(),
        extensions: notary.middle.clone(),
    };
    let (uses, critical) = notary.leaf_usage;
    let uses = der::element(0x03, &[uses.trailing_zeros() as u8, uses]);
    let mut extensions = vec![der::extension("2.5.29.15", critical, &uses)];
    if !notary.leaf_purposes.is_empty() {
        extensions.push(purposes(&notary.leaf_purposes, false));
    }
    extensions.extend(notary.leaf_extra.clone());
    let leaf = |issuer: &[u8], spki, sign: &dyn Fn(&[u8]) -> Vec<u8>| {
        let extensions = extensions.clone();
        Subject { serial: 3, issuer, subject: &leaf_name, valid: notary.leaf_valid, spki, extensions }.certificate(sign)
    };
    let own = Key::new();
    let (chain, alg) = if notary.alone {
        let der = leaf(&leaf_name, own.spki(), &|tbs: &[u8]| own.sign(tbs));
        (vec![der], "ES256")
    } else {
        let leaf = leaf(&middle_name, pair.spki(), &|tbs: &[u8]| middle.sign(tbs));
        let alg = match notary.kind {
            Kind::P256 => "ES256",
            Kind::P384 => "ES384",
            Kind::Rsa => "PS256",
        };
        (vec![leaf, middle_certificate.certificate(|tbs| root.sign(tbs)), root_der.clone()], alg)
    };

    let scheme = if notary.signing_authority { "notary.x509.signingAuthority" } else { "notary.x509" };
    let time = if notary.signing_authority { "authenticSigningTime" } else { "signingTime" };
    let mut protected = json!({
        "alg": alg,
        "cty": PAYLOAD,
        "crit": ["io.cncf.notary.signingScheme"],
        "io.cncf.notary.signingScheme": scheme,
        format!("io.cncf.notary.{time}"): rfc3339(SIGNED),
    });
    let critical = |protected: &mut Value, name: &str| protected["crit"].as_array_mut().unwrap().push(name.into());
    if notary.signing_authority {
        critical(&mut protected, "io.cncf.notary.authenticSigningTime");
    }
    if let Some(expiry) = notary.expiry {
        protected["io.cncf.notary.expiry"] = rfc3339(expiry).into();
        critical(&mut protected, "io.cncf.notary.expiry");
    }
    for (name, value) in &notary.protected {
        match value {
            Value::Null => drop(protected.as_object_mut().unwrap().remove(*name)),
            value => protected[*name] = value.clone(),
        }
    }
    let payload = json!({"targetArtifact": {
        "mediaType": notary.media_type, "digest": notary.digest, "size": notary.size, "annotations": notary.annotations,
    }});
    let alg = protected["alg"].as_str().unwrap_or_default().to_owned();
    let protected = URL_SAFE_NO_PAD.encode(protected.to_string());
    let payload = URL_SAFE_NO_PAD.encode(payload.to_string());
    let signed = format!("{protected}.{payload}");
    let signature = if notary.alone { fixed(&own.sign(signed.as_bytes())) } else { pair.sign(signed.as_bytes(), &alg) };
    let mut envelope = json!({
        "payload": payload,
        "protected": protected,
        "signature": URL_SAFE_NO_PAD.encode(&signature),
        "header": {
            "x5c": chain.iter().map(|der| b64(der)).collect::<Vec<_>>(),
            "io.cncf.notary.signingAgent": "offline world/1",
        },
    });
    let (above, clock, stranger) = (Key::new(), Key::new(), Key::new());
    let setup = Setup { stamp_time: notary.stamp.unwrap_or(SIGNED), ..notary.stamp_setup.clone() };
    let certificates = tsa_certificates(&setup, &above, &clock, 7);
    if notary.stamp.is_some() {
        let imprint = setup.stamped.clone().unwrap_or_else(|| sha256(&signature));
        let answer = stamp(&setup, &imprint, &clock, &certificates, &stranger);
        envelope["header"]["io.cncf.notary.timestampSignature"] = b64(token(&answer)).into();
    }
    Notarised { envelope, root: chain.last().unwrap().clone(), tsa_root: certificates.1, chain }
}

/// The token in an answer: what stands after its status, which has five bytes.
fn token(answer: &[u8]) -> &[u8] {
    assert_eq!(answer[1], 0x82, "an answer has more than 255 bytes");
    &answer[4 + 5..]
}

/// The two numbers of a DER signature on P-256, each of 32 bytes.
fn fixed(signature: &[u8]) -> Vec<u8> {
    let mut at = 2;
    let mut out = Vec::new();
    for _ in 0..2 {
        let length = usize::from(signature[at + 1]);
        let number = &signature[at + 2..at + 2 + length];
        let number = number.strip_prefix(&[0]).unwrap_or(number);
        out.extend(std::iter::repeat_n(0, 32 - number.len()));
        out.extend(number);
        at += 2 + length;
    }
    out
}

/// An extension that names a place with a list of what was revoked, which nobody reads.
pub fn revocation_list() -> Vec<u8> {
    der::extension("2.5.29.31", false, &der::sequence(&[]))
}
