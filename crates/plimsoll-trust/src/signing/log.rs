//! Transparency logs, Rekor's versions 1 and 2. In: a bundle and the key that signed it; a log's answer. Out: what the log is asked; its
//! entry, not believed yet.

use serde_json::{Value, json};

use super::{hash, signature};
use crate::bundle::{Bundle, Content, Material};
use crate::certificate::LABEL as CERTIFICATE;
use crate::dsse::encode;
use crate::json;
use crate::pem;
use crate::public_key::{PublicKey, Scheme, hex, unhex};
use crate::refusal::{Reason, Refusal, malformed};
use crate::rekor::{Entry, Proof};

/// The version of a log's API.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogVersion {
    /// Entries have a promise with a time, and a proof.
    V1,
    /// Entries have a proof alone.
    V2,
}

/// The body of a request to hold the signature of a bundle.
///
/// # Errors
/// `unsupported` for Ed25519 where the log takes digests alone.
pub fn entry_request(bundle: &Bundle, key: &PublicKey, version: LogVersion) -> Result<Vec<u8>, Refusal> {
    let certificate = match &bundle.material {
        Material::Certificate(der) => Some(der),
        Material::Chain(chain) => chain.first(),
        Material::PublicKey(_) => None,
    };
    let digests_alone = version == LogVersion::V2 || matches!(bundle.content, Content::Message { .. });
    if digests_alone && key.scheme() == Scheme::Ed25519 {
        let why = "the log holds signatures of digests, and Ed25519 signs whole bytes: sign with another kind of key";
        return Err(Refusal::new(Reason::Unsupported, why));
    }
    let hash = hash(key);
    let digest = match &bundle.content {
        Content::Message { digest: Some((of, digest)), .. } if *of == hash => digest.clone(),
        Content::Message { .. } => return Err(malformed("a bundle without the digest of what is signed")),
        Content::Envelope(envelope) => hash.of(&envelope.signed_bytes()),
    };
    let signed = encode(signature(bundle));
    let body = match version {
        LogVersion::V2 => {
            let mut verifier = json!({"keyDetails": details(key)?});
            match certificate {
                Some(der) => verifier["x509Certificate"] = json!({"rawBytes": encode(der)}),
                None => verifier["publicKey"] = json!({"rawBytes": encode(key.spki())}),
            }
            json!({"hashedRekordRequestV002": {
                "digest": encode(&digest), "signature": {"content": signed, "verifier": verifier}}})
        }
        LogVersion::V1 => {
            let verifier = certificate.map_or_else(|| key.to_pem(), |der| pem::text(CERTIFICATE, der).to_string());
            let verifier = encode(verifier.as_bytes());
            match &bundle.content {
                Content::Message { .. } => json!({"apiVersion": "0.0.1", "kind": "hashedrekord", "spec": {
                    "data": {"hash": {"algorithm": hash.name(), "value": hex(&digest)}},
                    "signature": {"content": signed, "publicKey": {"content": verifier}}}}),
                Content::Envelope(envelope) => json!({"apiVersion": "0.0.1", "kind": "dsse", "spec": {
                    "proposedContent": {"envelope": envelope.to_json().to_string(), "verifiers": [verifier]}}}),
            }
        }
    };
    Ok(body.to_string().into_bytes())
}

/// The entry in a log's answer.
///
/// # Errors
/// `malformed`, `too-large`.
pub fn entry(answer: &[u8], version: LogVersion) -> Result<Entry, Refusal> {
    let what = "the answer of the transparency log";
    let value = json::parse_holder(answer, what)?;
    if version == LogVersion::V2 {
        return Entry::from_value(&value);
    }
    let entries: Vec<&Value> = value.as_object().map(|all| all.values().collect()).unwrap_or_default();
    let [one] = entries.as_slice() else {
        return Err(malformed(format!("{what} holds {} entries where one is expected", entries.len())));
    };
    first_version(one)
}

/// An entry as the first version's API has it: digests in hexadecimal digits, and what the log says of it apart.
fn first_version(value: &Value) -> Result<Entry, Refusal> {
    let what = "an entry of a transparency log";
    let unsigned = |value: &Value, name: &str| {
        u64::try_from(json::integer(value, name, what)?)
            .map_err(|_| malformed(format!("{what} with a negative number")))
    };
    let digits = |value: &Value| {
        let bytes = value.as_str().and_then(unhex);
        bytes.ok_or_else(|| malformed(format!("{what} with a digest that is not in hexadecimal digits")))
    };
    let hash = |value: &Value| {
        <[u8; 32]>::try_from(digits(value)?).map_err(|_| malformed(format!("{what} with a hash that has not 32 bytes")))
    };
    let body = json::bytes(value, "body", what)?;
    let read = json::parse(&body, what)?;
    let word = json::member(value, "verification").ok_or_else(|| malformed(format!("{what} without a proof")))?;
    let proof = json::member(word, "inclusionProof").map(|proof| {
        let hashes = proof.get("hashes").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
        Ok(Proof {
            index: unsigned(proof, "logIndex")?,
            size: unsigned(proof, "treeSize")?,
            root: hash(&proof["rootHash"])?,
            hashes: hashes.iter().map(hash).collect::<Result<_, Refusal>>()?,
            checkpoint: json::member(proof, "checkpoint").and_then(Value::as_str).map(str::to_owned),
        })
    });
    Ok(Entry {
        index: unsigned(value, "logIndex")?,
        log: digits(&value["logID"])?,
        kind: (json::text(&read, "kind", what)?.to_owned(), json::text(&read, "apiVersion", what)?.to_owned()),
        integrated: Some(json::integer(value, "integratedTime", what)?),
        promise: json::member(word, "signedEntryTimestamp")
            .map(|_| json::bytes(word, "signedEntryTimestamp", what))
            .transpose()?,
        proof: proof.transpose()?,
        body,
    })
}

/// A key and how it signs, as the second version calls it.
fn details(key: &PublicKey) -> Result<&'static str, Refusal> {
    match (key.scheme(), key.rsa_bits()) {
        (Scheme::EcdsaP256, _) => Ok("PKIX_ECDSA_P256_SHA_256"),
        (Scheme::EcdsaP384, _) => Ok("PKIX_ECDSA_P384_SHA_384"),
        (Scheme::Rsa, Some(2048)) => Ok("PKIX_RSA_PKCS1V15_2048_SHA256"),
        (Scheme::Rsa, Some(3072)) => Ok("PKIX_RSA_PKCS1V15_3072_SHA256"),
        (Scheme::Rsa, Some(4096)) => Ok("PKIX_RSA_PKCS1V15_4096_SHA256"),
        _ => Err(Refusal::new(Reason::Unsupported, "a kind of key that the log has no name for")),
    }
}
