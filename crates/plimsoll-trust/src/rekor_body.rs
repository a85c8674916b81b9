//! What an entry of a log is of. In: its kind and body, and the signature at hand with its key and what it is over. Out: that they are
//! the same, or which of them is not. An entry that is genuine and of something else proves nothing.

use serde_json::Value;

use crate::artifact::Artifact;
use crate::certificate::{Certificate, LABEL};
use crate::dsse::Envelope;
use crate::json;
use crate::pem;
use crate::public_key::{Hash, PublicKey, unhex};
use crate::refusal::{Reason, Refusal, malformed};
use crate::rekor::Entry;

/// Whose signature it is.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Verifier<'a> {
    Certificate(&'a Certificate),
    Key(&'a PublicKey),
}

impl Verifier<'_> {
    pub(crate) const fn key(&self) -> &PublicKey {
        match self {
            Verifier::Certificate(certificate) => certificate.key(),
            Verifier::Key(key) => key,
        }
    }
}

/// What was signed.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Signed<'a> {
    Message { artifact: &'a Artifact<'a>, signature: &'a [u8] },
    Envelope(&'a Envelope),
}

impl Signed<'_> {
    pub(crate) fn signature(&self) -> &[u8] {
        match self {
            Signed::Message { signature, .. } => signature,
            Signed::Envelope(envelope) => &envelope.signature,
        }
    }

    /// Whether what the signature is over has this digest; none where that cannot be told from a digest by another hash.
    fn has(&self, hash: Hash, digest: &[u8]) -> Option<bool> {
        match self {
            Signed::Message { artifact, .. } => artifact.digest(hash).map(|d| d == digest),
            Signed::Envelope(envelope) => Some(hash.of(&envelope.signed_bytes()) == digest),
        }
    }
}

/// Whether `entry` is of this signature, key and content.
///
/// # Errors
/// `log-entry-other-artifact`, `log-entry-other-signature`, `log-entry-other-key`, `unsupported`, `malformed`.
pub(crate) fn check(entry: &Entry, signed: Signed<'_>, verifier: Verifier<'_>) -> Result<(), Refusal> {
    let body = json::parse(&entry.body, "the body of an entry")?;
    let (kind, version) = (entry.kind.0.as_str(), entry.kind.1.as_str());
    // The body is what was logged; what stands around it must not call it something else.
    if json::text(&body, "kind", "an entry")? != kind || json::text(&body, "apiVersion", "an entry")? != version {
        return Err(malformed("an entry of a log of another kind than its bundle says"));
    }
    let spec = json::member(&body, "spec").ok_or_else(|| malformed("an entry of a log that says nothing"))?;
    match (kind, version) {
        ("hashedrekord", "0.0.1") => hashedrekord_1(spec, signed, verifier),
        ("hashedrekord", "0.0.2") => hashedrekord_2(spec, signed, verifier),
        ("dsse", "0.0.1") => dsse_1(spec, signed, verifier),
        ("dsse", "0.0.2") => dsse_2(spec, signed, verifier),
        ("intoto", "0.0.2") => intoto_2(spec, signed, verifier),
        _ => Err(Refusal::new(Reason::Unsupported, format!("an entry of a log of the kind {kind} {version}"))),
    }
}

fn at<'a>(value: &'a Value, place: &str) -> Result<&'a Value, Refusal> {
    value.pointer(place).filter(|v| !v.is_null()).ok_or_else(|| malformed(format!("an entry of a log has no {place}")))
}

fn base64_at(value: &Value, place: &str) -> Result<Vec<u8>, Refusal> {
    let text = at(value, place)?.as_str().ok_or_else(|| malformed(format!("{place} of an entry is no text")))?;
    json::base64(text, place)
}

fn other(reason: Reason) -> Refusal {
    let what = match reason {
        Reason::LogEntryArtifact => "artifact",
        Reason::LogEntrySignature => "signature",
        _ => "key",
    };
    Refusal::new(reason, format!("the entry of the log is of another {what}"))
}

fn same(good: bool, reason: Reason) -> Result<(), Refusal> {
    if good { Ok(()) } else { Err(other(reason)) }
}

/// The digest in an object `{algorithm, value}` of hexadecimal digits.
fn hex_digest(value: &Value) -> Result<(Hash, Vec<u8>), Refusal> {
    let name = json::text(value, "algorithm", "a digest of an entry")?;
    let unknown = || Refusal::new(Reason::Unsupported, format!("an entry of a log with a digest by {name:?}"));
    let hash = Hash::called(name).ok_or_else(unknown)?;
    let digest = unhex(json::text(value, "value", "a digest of an entry")?);
    Ok((hash, digest.ok_or_else(|| malformed("a digest of an entry that is not in hexadecimal digits"))?))
}

fn digest_is(signed: Signed<'_>, hash: Hash, digest: &[u8]) -> Result<(), Refusal> {
    match signed.has(hash, digest) {
        Some(good) => same(good, Reason::LogEntryArtifact),
        None => Err(Refusal::new(
            Reason::ArtifactNeeded,
            "the log has a digest by another hash than the artifact is known by",
        )),
    }
}

/// A key or certificate in PEM, as the first version of the log has them.
fn verifier_pem(text: &[u8], verifier: Verifier<'_>) -> Result<(), Refusal> {
    let good = match verifier {
        Verifier::Certificate(certificate) => {
            let found = pem::all(text, LABEL).map_err(|_| other(Reason::LogEntryKey))?;
            found.first().map(|der| der.as_slice()) == Some(certificate.der())
        }
        Verifier::Key(key) => PublicKey::from_pem(text).is_ok_and(|found| found == *key),
    };
    same(good, Reason::LogEntryKey)
}

/// The same in the forms of the second version.
fn verifier_raw(value: &Value, verifier: Verifier<'_>) -> Result<(), Refusal> {
    let good = match verifier {
        Verifier::Certificate(certificate) => {
            json::member(value, "x509Certificate")
                .map(|_| base64_at(value, "/x509Certificate/rawBytes"))
                .transpose()?
                .as_deref()
                == Some(certificate.der())
        }
        Verifier::Key(key) => {
            json::member(value, "publicKey").map(|_| base64_at(value, "/publicKey/rawBytes")).transpose()?.as_deref()
                == Some(key.spki())
        }
    };
    same(good, Reason::LogEntryKey)
}

fn hashedrekord_1(spec: &Value, signed: Signed<'_>, verifier: Verifier<'_>) -> Result<(), Refusal> {
    let (hash, digest) = hex_digest(at(spec, "/data/hash")?)?;
    digest_is(signed, hash, &digest)?;
    same(base64_at(spec, "/signature/content")? == signed.signature(), Reason::LogEntrySignature)?;
    verifier_pem(&base64_at(spec, "/signature/publicKey/content")?, verifier)
}

fn sha2(name: &str) -> Result<Hash, Refusal> {
    match name {
        "SHA2_256" => Ok(Hash::Sha256),
        "SHA2_384" => Ok(Hash::Sha384),
        "SHA2_512" => Ok(Hash::Sha512),
        _ => Err(Refusal::new(Reason::Unsupported, format!("an entry of a log with a digest by {name:?}"))),
    }
}

fn hashedrekord_2(spec: &Value, signed: Signed<'_>, verifier: Verifier<'_>) -> Result<(), Refusal> {
    let spec = at(spec, "/hashedRekordV002")?;
    let hash = sha2(json::text(at(spec, "/data")?, "algorithm", "a digest of an entry")?)?;
    digest_is(signed, hash, &base64_at(spec, "/data/digest")?)?;
    same(base64_at(spec, "/signature/content")? == signed.signature(), Reason::LogEntrySignature)?;
    verifier_raw(at(spec, "/signature/verifier")?, verifier)
}

/// The one signature in a list of an entry that is of an envelope.
fn single(list: &Value) -> Result<&Value, Refusal> {
    match list.as_array().map(Vec::as_slice) {
        Some([one]) => Ok(one),
        _ => Err(other(Reason::LogEntrySignature)),
    }
}

fn envelope<'a>(signed: Signed<'a>) -> Result<&'a Envelope, Refusal> {
    match signed {
        Signed::Envelope(envelope) => Ok(envelope),
        Signed::Message { .. } => Err(other(Reason::LogEntryArtifact)),
    }
}

fn dsse_1(spec: &Value, signed: Signed<'_>, verifier: Verifier<'_>) -> Result<(), Refusal> {
    let envelope = envelope(signed)?;
    let (hash, digest) = hex_digest(at(spec, "/payloadHash")?)?;
    same(hash.of(&envelope.payload) == digest, Reason::LogEntryArtifact)?;
    let signature = single(at(spec, "/signatures")?)?;
    same(base64_at(signature, "/signature")? == envelope.signature, Reason::LogEntrySignature)?;
    verifier_pem(&base64_at(signature, "/verifier")?, verifier)
}

fn dsse_2(spec: &Value, signed: Signed<'_>, verifier: Verifier<'_>) -> Result<(), Refusal> {
    let envelope = envelope(signed)?;
    let spec = at(spec, "/dsseV002")?;
    let hash = sha2(json::text(at(spec, "/payloadHash")?, "algorithm", "a digest of an entry")?)?;
    same(hash.of(&envelope.payload) == base64_at(spec, "/payloadHash/digest")?, Reason::LogEntryArtifact)?;
    let signature = single(at(spec, "/signatures")?)?;
    same(base64_at(signature, "/content")? == envelope.signature, Reason::LogEntrySignature)?;
    verifier_raw(at(signature, "/verifier")?, verifier)
}

fn intoto_2(spec: &Value, signed: Signed<'_>, verifier: Verifier<'_>) -> Result<(), Refusal> {
    let envelope = envelope(signed)?;
    let (hash, digest) = hex_digest(at(spec, "/content/payloadHash")?)?;
    same(hash.of(&envelope.payload) == digest, Reason::LogEntryArtifact)?;
    let kind = at(spec, "/content/envelope/payloadType")?.as_str();
    same(kind == Some(envelope.payload_type.as_str()), Reason::LogEntryArtifact)?;
    let signature = single(at(spec, "/content/envelope/signatures")?)?;
    // The log has the envelope's base64 in base64 once more; some writers had it once.
    let found = base64_at(signature, "/sig")?;
    let inner = std::str::from_utf8(&found).ok().and_then(|text| json::base64(text, "a signature").ok());
    same(found == envelope.signature || inner.as_ref() == Some(&envelope.signature), Reason::LogEntrySignature)?;
    verifier_pem(&base64_at(signature, "/publicKey")?, verifier)
}
