//! Envelopes of the Notary Project in JWS (flattened JSON, RFC 7515 §7.2.2). In: bytes and their media type. Out: what is signed, with
//! which attributes and by which certificates, once the form of all of it is right and the signature is that of the first certificate.
//! What it does not do: trust anybody.
//! <https://github.com/notaryproject/specifications/blob/main/specs/signature-envelope-jws.md>

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jiff::Timestamp;
use serde_json::{Map, Value};

use crate::certificate::Certificate;
use crate::json;
use crate::notation::{COSE, JWS, chain};
use crate::public_key::{Hash, PublicKey, Scheme};
use crate::refusal::{Reason, Refusal, malformed};

/// Envelopes have ten kilobytes, most of them certificates and a time stamp.
pub const MOST_BYTES: usize = 4 << 20;
/// Bytes of a digest's text, whatever its algorithm.
const MOST_DIGEST: usize = 256;
/// Certificates of a chain: a signer's, a root, and a few between.
const MOST_CERTIFICATES: usize = 16;
/// What the payload must call itself.
const PAYLOAD: &str = "application/vnd.cncf.notary.payload.v1+json";

const SCHEME: &str = "io.cncf.notary.signingScheme";
const SIGNING_TIME: &str = "io.cncf.notary.signingTime";
const AUTHENTIC_TIME: &str = "io.cncf.notary.authenticSigningTime";
const EXPIRY: &str = "io.cncf.notary.expiry";
const PLUGIN: &str = "io.cncf.notary.verificationPlugin";
const PLUGIN_VERSION: &str = "io.cncf.notary.verificationPluginMinVersion";
const TIMESTAMP: &str = "io.cncf.notary.timestampSignature";
const AGENT: &str = "io.cncf.notary.signingAgent";
const CHAIN: &str = "x5c";

/// Members of the protected header that are not extensions.
const KNOWN: [&str; 7] = ["alg", "cty", "crit", SCHEME, SIGNING_TIME, AUTHENTIC_TIME, EXPIRY];

/// One algorithm: its name in JWS, its name for people, and the key that it goes with and no other.
#[derive(Debug, PartialEq, Eq)]
struct Algorithm {
    name: &'static str,
    words: &'static str,
    hash: Hash,
    scheme: Scheme,
    /// Bits of an RSA key.
    bits: Option<u64>,
}

const ALGORITHMS: [Algorithm; 5] = [
    algorithm("PS256", "RSASSA-PSS-SHA-256", Hash::Sha256, Scheme::Rsa, Some(2048)),
    algorithm("PS384", "RSASSA-PSS-SHA-384", Hash::Sha384, Scheme::Rsa, Some(3072)),
    algorithm("PS512", "RSASSA-PSS-SHA-512", Hash::Sha512, Scheme::Rsa, Some(4096)),
    algorithm("ES256", "ECDSA-SHA-256", Hash::Sha256, Scheme::EcdsaP256, None),
    algorithm("ES384", "ECDSA-SHA-384", Hash::Sha384, Scheme::EcdsaP384, None),
];
/// The one that the specification has besides; no key of its curve is read here.
const UNSUPPORTED: &str = "ES512";

const fn algorithm(
    name: &'static str,
    words: &'static str,
    hash: Hash,
    scheme: Scheme,
    bits: Option<u64>,
) -> Algorithm {
    Algorithm { name, words, hash, scheme, bits }
}

impl Algorithm {
    fn fits(&self, key: &PublicKey) -> bool {
        // Whole bytes, as the specification's own implementation counts.
        self.scheme == key.scheme() && self.bits == key.rsa_bits().map(|bits| bits.div_ceil(8) * 8)
    }
}

/// Whose word the time of signing is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum SigningScheme {
    /// The signer's own, which proves nothing.
    X509,
    /// An authority's that signs for others, and is trusted in that.
    SigningAuthority,
}

impl SigningScheme {
    /// As envelopes have it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::X509 => "notary.x509",
            Self::SigningAuthority => "notary.x509.signingAuthority",
        }
    }
}

/// An envelope whose form is right and whose signature is that of its first certificate.
#[derive(Clone, Debug)]
pub struct Envelope {
    algorithm: &'static Algorithm,
    scheme: SigningScheme,
    signing_time: Timestamp,
    expiry: Option<Timestamp>,
    /// Of the protected header, what is no part of the specification.
    extended: Map<String, Value>,
    plugin: Option<String>,
    media_type: String,
    digest: String,
    size: u64,
    annotations: BTreeMap<String, String>,
    chain: Vec<Certificate>,
    signature: Vec<u8>,
    timestamp: Option<Vec<u8>>,
    agent: Option<String>,
}

impl Envelope {
    /// The envelope in `bytes`, which came as `media_type`.
    ///
    /// # Errors
    /// `unsupported` for COSE, ES512 and critical attributes that nobody knows here; `payload-type`; `key-mismatch` where the algorithm is
    /// not that of the key; `signature-invalid`; `chain-broken`, `certificate-is-authority`, `not-code-signing`, `issuer-purpose`;
    /// `malformed` and `too-large`.
    pub fn read(media_type: &str, bytes: &[u8]) -> Result<Self, Refusal> {
        match media_type {
            JWS => Self::from_jws(bytes),
            COSE => Err(Refusal::new(Reason::Unsupported, "a signature in COSE, which is not read")),
            _ => Err(malformed(format!("a signature of the media type {media_type:?}, which no envelope has"))),
        }
    }

    fn from_jws(bytes: &[u8]) -> Result<Self, Refusal> {
        if bytes.len() > MOST_BYTES {
            return Err(Refusal::new(Reason::TooLarge, format!("an envelope of more than {MOST_BYTES} bytes")));
        }
        let what = "an envelope";
        let value = json::parse_holder(bytes, what)?;
        let members = object(&value, what)?;
        if let Some(other) =
            members.keys().find(|k| !["payload", "protected", "header", "signature"].contains(&k.as_str()))
        {
            return Err(malformed(format!("an envelope with the member {other:?}, which it does not have")));
        }
        let part = |name| Ok::<_, Refusal>((json::text(&value, name, what)?, base64url(&value, name, what)?));
        let (protected_text, protected) = part("protected")?;
        let (payload_text, payload) = part("payload")?;
        let (_, signature) = part("signature")?;
        let protected = json::parse_holder(&protected, "the protected header")?;
        let protected = object(&protected, "the protected header")?;
        let header = members.get("header").ok_or_else(|| malformed("an envelope without an unprotected header"))?;
        let header = object(header, "the unprotected header")?;
        // RFC 7515 §4: one name in both would mean two things.
        if let Some(both) = header.keys().find(|name| protected.contains_key(*name) || KNOWN.contains(&name.as_str())) {
            return Err(malformed(format!("{both:?} stands in the header that nobody signed")));
        }

        let attributes = Attributes::read(protected)?;
        let target = json::parse_holder(&payload, "the payload")?;
        let chain = certificates(header)?;
        chain::check(&chain)?;
        let leaf = chain.first().ok_or_else(|| malformed("an envelope without a certificate"))?;
        let algorithm = attributes.algorithm;
        if !algorithm.fits(leaf.key()) {
            let why = format!("the algorithm {} is not the one of the signer's key", algorithm.name);
            return Err(Refusal::new(Reason::KeyMismatch, why));
        }
        let signed = format!("{protected_text}.{payload_text}");
        leaf.key().verify_jws(algorithm.hash, signed.as_bytes(), &signature)?;

        let Attributes { scheme, signing_time, expiry, extended, plugin, .. } = attributes;
        let artifact = "the artifact that is signed";
        let target =
            json::member(&target, "targetArtifact").ok_or_else(|| malformed("a payload without its artifact"))?;
        let size = target.get("size").and_then(Value::as_u64);
        let annotations = match json::member(target, "annotations") {
            None => BTreeMap::new(),
            Some(annotations) => {
                let text = |(key, value): (&String, &Value)| Some((key.clone(), value.as_str()?.to_owned()));
                let all: Option<BTreeMap<_, _>> = object(annotations, "annotations")?.iter().map(text).collect();
                all.ok_or_else(|| malformed("an annotation that is no text"))?
            }
        };
        Ok(Self {
            algorithm,
            scheme,
            signing_time,
            expiry,
            extended,
            plugin,
            media_type: json::text(target, "mediaType", artifact)?.to_owned(),
            digest: digest(target, artifact)?,
            size: size.ok_or_else(|| malformed("the artifact that is signed has no size"))?,
            annotations,
            chain,
            signature,
            timestamp: header
                .get(TIMESTAMP)
                .map(|_| json::bytes(&value["header"], TIMESTAMP, "the header"))
                .transpose()?,
            agent: header.get(AGENT).and_then(Value::as_str).map(str::to_owned),
        })
    }

    /// The algorithm, as Notation shows it.
    pub const fn algorithm(&self) -> &'static str {
        self.algorithm.words
    }

    /// Whose word [`Self::signing_time`] is.
    pub const fn scheme(&self) -> SigningScheme {
        self.scheme
    }

    /// When it was signed, as the scheme's teller says.
    pub const fn signing_time(&self) -> Timestamp {
        self.signing_time
    }

    /// From when on the signer calls it out of date.
    pub const fn expiry(&self) -> Option<Timestamp> {
        self.expiry
    }

    /// Signed attributes that are no part of the specification.
    pub const fn extended(&self) -> &Map<String, Value> {
        &self.extended
    }

    /// The plugin without which nobody can verify it.
    pub fn plugin(&self) -> Option<&str> {
        self.plugin.as_deref()
    }

    /// Media type, digest and size of what is signed.
    pub fn target(&self) -> (&str, &str, u64) {
        (&self.media_type, &self.digest, self.size)
    }

    /// What is signed along with it: the user's own metadata.
    pub const fn annotations(&self) -> &BTreeMap<String, String> {
        &self.annotations
    }

    /// The signer's certificate and those above it, the root last.
    pub fn chain(&self) -> &[Certificate] {
        &self.chain
    }

    /// The bytes of the signature, which a time stamp is of.
    pub fn signature(&self) -> &[u8] {
        &self.signature
    }

    /// The time stamp, a token of RFC 3161.
    pub fn timestamp(&self) -> Option<&[u8]> {
        self.timestamp.as_deref()
    }

    /// What made it; nobody signed that.
    pub fn agent(&self) -> Option<&str> {
        self.agent.as_deref()
    }
}

/// What the protected header says.
struct Attributes {
    algorithm: &'static Algorithm,
    scheme: SigningScheme,
    signing_time: Timestamp,
    expiry: Option<Timestamp>,
    extended: Map<String, Value>,
    plugin: Option<String>,
}

impl Attributes {
    fn read(header: &Map<String, Value>) -> Result<Self, Refusal> {
        let text = |name: &str| {
            let text = header.get(name).and_then(Value::as_str);
            text.ok_or_else(|| malformed(format!("the protected header has no text {name:?}")))
        };
        let alg = text("alg")?;
        let algorithm = ALGORITHMS.iter().find(|one| one.name == alg).ok_or_else(|| match alg {
            UNSUPPORTED => Refusal::new(Reason::Unsupported, "a signature by ES512, which is not supported"),
            _ => malformed(format!("a signature by {alg:?}, which the specification does not take")),
        })?;
        let cty = text("cty")?;
        if cty != PAYLOAD {
            return Err(Refusal::new(Reason::PayloadType, format!("the payload is {cty:?}, and not {PAYLOAD:?}")));
        }
        let scheme = match text(SCHEME)? {
            name if name == SigningScheme::X509.name() => SigningScheme::X509,
            name if name == SigningScheme::SigningAuthority.name() => SigningScheme::SigningAuthority,
            other => {
                let why = format!("the signing scheme {other:?} is not supported");
                return Err(Refusal::new(Reason::Unsupported, why));
            }
        };
        let (own, foreign) = match scheme {
            SigningScheme::X509 => (SIGNING_TIME, AUTHENTIC_TIME),
            SigningScheme::SigningAuthority => (AUTHENTIC_TIME, SIGNING_TIME),
        };
        if header.contains_key(foreign) {
            return Err(malformed(format!("{foreign:?} does not stand in a signature of its scheme")));
        }
        let time =
            |name: &str| instant(text(name)?).ok_or_else(|| malformed(format!("{name:?} is no time of RFC 3339")));
        let signing_time = time(own)?;
        let expiry = header.contains_key(EXPIRY).then(|| time(EXPIRY)).transpose()?;
        if expiry.is_some_and(|expiry| expiry <= signing_time) {
            return Err(malformed("a signature that expires before it is made"));
        }

        let critical = header
            .get("crit")
            .and_then(Value::as_array)
            .and_then(|list| list.iter().map(Value::as_str).collect::<Option<Vec<_>>>());
        let critical = critical.ok_or_else(|| malformed("the protected header has no list of texts \"crit\""))?;
        let mut must = vec![SCHEME];
        must.extend(expiry.map(|_| EXPIRY));
        must.extend((scheme == SigningScheme::SigningAuthority).then_some(AUTHENTIC_TIME));
        if let Some(missing) = must.iter().find(|name| !critical.contains(name)) {
            return Err(malformed(format!("{missing:?} is not marked critical")));
        }
        let extended: Map<String, Value> = header
            .iter()
            .filter(|(name, _)| !KNOWN.contains(&name.as_str()))
            .map(|(k, v)| (k.clone(), v.clone()))
            .collect();
        for (at, name) in critical.iter().enumerate() {
            if critical[..at].contains(name) || !(must.contains(name) || extended.contains_key(*name)) {
                return Err(malformed(format!("{name:?} is marked critical and is not there, or is marked twice")));
            }
            if extended.contains_key(*name) && ![PLUGIN, PLUGIN_VERSION].contains(name) {
                let why = format!("the attribute {name:?} must be understood, and is not known here");
                return Err(Refusal::new(Reason::Unsupported, why));
            }
        }
        for name in [PLUGIN, PLUGIN_VERSION] {
            if extended.contains_key(name) && (!critical.contains(&name) || text(name)?.trim().is_empty()) {
                return Err(malformed(format!("{name:?} is empty, or not marked critical")));
            }
        }
        if extended.contains_key(PLUGIN_VERSION) && !extended.contains_key(PLUGIN) {
            return Err(malformed(format!("{PLUGIN_VERSION:?} stands without {PLUGIN:?}")));
        }
        let plugin = extended.get(PLUGIN).and_then(Value::as_str).map(str::to_owned);
        Ok(Self { algorithm, scheme, signing_time, expiry, extended, plugin })
    }
}

/// A digest as it is named; it may be of a kind that is not known here, but it is one word.
fn digest(target: &Value, what: &str) -> Result<String, Refusal> {
    let text = json::text(target, "digest", what)?;
    let one_word = text.len() <= MOST_DIGEST && text.bytes().all(|byte| byte.is_ascii_graphic());
    one_word.then(|| text.to_owned()).ok_or_else(|| malformed(format!("the digest of {what} is none")))
}

fn object<'a>(value: &'a Value, what: &str) -> Result<&'a Map<String, Value>, Refusal> {
    value.as_object().ok_or_else(|| malformed(format!("{what} is no object")))
}

/// Base64 of the alphabet for URLs, without padding and in its one form.
fn base64url(value: &Value, name: &str, what: &str) -> Result<Vec<u8>, Refusal> {
    let bytes = URL_SAFE_NO_PAD.decode(json::text(value, name, what)?);
    let bytes = bytes.map_err(|why| malformed(format!("{name:?} of {what} is no base64url: {why}")))?;
    if bytes.is_empty() { Err(malformed(format!("{name:?} of {what} is empty"))) } else { Ok(bytes) }
}

fn certificates(header: &Map<String, Value>) -> Result<Vec<Certificate>, Refusal> {
    let list = header.get(CHAIN).and_then(Value::as_array).ok_or_else(|| malformed("an envelope without \"x5c\""))?;
    if list.len() > MOST_CERTIFICATES {
        let why = format!("an envelope with more than {MOST_CERTIFICATES} certificates");
        return Err(Refusal::new(Reason::TooLarge, why));
    }
    let read = |value: &Value| {
        let text = value.as_str().ok_or_else(|| malformed("a certificate in \"x5c\" that is no text"))?;
        Certificate::from_der(&json::base64(text, "a certificate in \"x5c\"")?)
    };
    list.iter().map(read).collect()
}

/// A time in the form of RFC 3339, which is one of those that are read elsewhere.
fn instant(text: &str) -> Option<Timestamp> {
    let bytes = text.as_bytes();
    let zone = match bytes.split_last()? {
        (b'Z', _) => 1,
        _ => 6,
    };
    let whole = text.get(..19)?;
    let shape = |text: &str, form: &str| {
        text.len() == form.len()
            && text.bytes().zip(form.bytes()).all(|(b, f)| if f == b'0' { b.is_ascii_digit() } else { b == f })
    };
    let (fraction, offset) = text.get(19..)?.split_at_checked(text.len().checked_sub(19 + zone)?)?;
    let is_fraction = fraction.is_empty()
        || fraction
            .strip_prefix('.')
            .is_some_and(|f| (1..=9).contains(&f.len()) && f.bytes().all(|b| b.is_ascii_digit()));
    let is_offset = offset == "Z" || shape(offset, "+00:00") || shape(offset, "-00:00");
    if shape(whole, "0000-00-00T00:00:00") && is_fraction && is_offset { text.parse().ok() } else { None }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_have_the_form_of_the_specification() {
        for good in ["2022-04-06T07:01:20Z", "2022-04-06T07:01:20.5Z", "2022-04-06T09:01:20+02:00"] {
            assert_eq!(instant(good).unwrap().as_second(), 1_649_228_480, "{good}");
        }
        for bad in [
            "",
            "Z",
            "2022-04-06",
            "2022-04-06 07:01:20Z",
            "2022-04-06t07:01:20Z",
            "2022-04-06T07:01:20",
            "2022-04-06T07:01Z",
            "2022-04-06T07:01:20.Z",
            "2022-04-06T07:01:20+0200",
            "2022-04-06T07:01:20[UTC]",
            "2022-13-06T07:01:20Z",
            "+002022-04-06T07:01:20Z",
            "2022-04-06T07:01:2\u{e9}Z",
        ] {
            assert_eq!(instant(bad), None, "{bad}");
        }
    }
}
