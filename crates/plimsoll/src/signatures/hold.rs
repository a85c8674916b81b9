//! What is said to be signed, held against authorities. In: bytes, authorities, the digest that must be signed, the time. Out: who
//! signed what, or why nobody of them did. It touches neither network nor disk.

use std::cell::LazyCell;
use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use jiff::Timestamp;
use plimsoll_model::loadline::LogDemand;
use plimsoll_model::{Algorithm, Digest, Refused, SignedKind, Verified};
use plimsoll_trust::{
    Artifact, Bundle, Certificate, Content, Demand, Entry, Envelope, Hash, Parts, Reason, Refusal, SIGNATURE,
    SignedContent, Signer, SimpleSigning, Statement, Subject, TimeSource, simple_signing, verify_bundle, verify_parts,
};
use serde_json::Value;

use super::authorities::Trusted;
use super::registry::{Form, Item};

/// An attestation that is true, with its statement.
pub struct Held {
    pub verified: Verified,
    pub statement: Option<Statement>,
}

/// What became of one item.
pub struct Outcome {
    pub held: Vec<Held>,
    pub refused: Vec<Refused>,
}

/// Holds an item against each of the authorities.
pub fn hold(item: &Item, authorities: &[&Trusted], digest: &Digest, now: Timestamp) -> Outcome {
    let mut outcome = Outcome { held: Vec::new(), refused: Vec::new() };
    let read = Read::of(item);
    // Read once, however many do not hold it: whoever may push chooses how much there is to read.
    let said = LazyCell::new(|| said(item));
    for authority in authorities {
        let held = read.as_ref().map_err(Clone::clone).and_then(|read| read.held(authority, digest, now));
        match held {
            Ok(held) => outcome.held.push(held),
            Err(refusal) => {
                let (kind, predicate_type) = (*said).clone();
                outcome.refused.push(Refused {
                    kind,
                    digest: digest.clone(),
                    authority: read.is_ok().then(|| authority.name.clone()),
                    predicate_type,
                    code: refusal.reason.code().to_owned(),
                    message: refusal.message,
                });
            }
        }
        // Of what cannot be read there is one thing to say, whoever it is held against.
        if read.is_err() {
            break;
        }
    }
    outcome
}

/// An item whose form is right.
enum Read<'a> {
    Classic { payload: &'a [u8], signature: Vec<u8>, proofs: Proofs },
    Envelope { envelope: Envelope, proofs: Proofs },
    Bundle(Box<Bundle>),
}

/// What stands among the annotations of a classic layer.
struct Proofs {
    /// None where there is none.
    certificate: Option<Result<Certificate, Refusal>>,
    entries: Vec<Entry>,
    timestamps: Vec<Vec<u8>>,
}

impl<'a> Read<'a> {
    fn of(item: &'a Item) -> Result<Read<'a>, Refusal> {
        Ok(match &item.form {
            Form::Classic { payload, annotations } => {
                let signature = annotations.get(simple_signing::SIGNATURE).filter(|text| !text.is_empty());
                let signature =
                    signature.ok_or_else(|| malformed("the layer has no signature among its annotations"))?;
                Read::Classic { payload, signature: decoded(signature)?, proofs: Proofs::of(annotations)? }
            }
            Form::Envelope { bytes, annotations } => {
                Read::Envelope { envelope: Envelope::from_json(bytes)?, proofs: Proofs::of(annotations)? }
            }
            Form::Bundle(bytes) => Read::Bundle(Box::new(Bundle::from_json(bytes)?)),
        })
    }

    /// Whether that authority signed it, of that digest. A log that is not asked for is looked at all the same: what a trusted one
    /// says of the signature must be true, and shows when it was made.
    fn held(&self, authority: &Trusted, digest: &Digest, now: Timestamp) -> Result<Held, Refusal> {
        let demand = |log| Demand { log, ..Demand::new(authority.signer.clone(), Subject::Any) };
        match self.verified(authority, digest, &demand(true), now) {
            Err(refusal)
                if authority.log == LogDemand::Unneeded
                    && matches!(refusal.reason, Reason::LogEntryMissing | Reason::LogUnknown) =>
            {
                self.verified(authority, digest, &demand(false), now)
            }
            outcome => outcome,
        }
    }

    fn verified(&self, authority: &Trusted, digest: &Digest, demand: &Demand, now: Timestamp) -> Result<Held, Refusal> {
        let root = &authority.root;
        let by_key = matches!(authority.signer, Signer::Key(_));
        match self {
            Read::Classic { payload, signature, proofs } => {
                let parts = proofs.parts(SignedContent::Message(signature), by_key)?;
                let done = verify_parts(&parts, &Artifact::Bytes(payload), root, demand, now)?;
                let signing = SimpleSigning::parse(payload)?;
                signing.holds(&digest.to_string(), &BTreeMap::new())?;
                let annotations =
                    signing.annotations().filter_map(|(key, value)| Some((key.to_owned(), value.as_str()?.to_owned())));
                Ok(Held {
                    verified: verified(authority, digest, &done, SignedKind::Signature, annotations.collect()),
                    statement: None,
                })
            }
            Read::Envelope { envelope, proofs } => {
                let parts = proofs.parts(SignedContent::Envelope(envelope), by_key)?;
                let done = verify_parts(&parts, &artifact(digest)?, root, demand, now)?;
                stated(authority, digest, done, &envelope.payload)
            }
            Read::Bundle(bundle) => {
                let done = verify_bundle(bundle, &artifact(digest)?, root, demand, now)?;
                let Content::Envelope(envelope) = &bundle.content else {
                    let why = "bytes are signed, and no statement about an image";
                    return Err(Refusal::new(Reason::NotASignature, why));
                };
                stated(authority, digest, done, &envelope.payload)
            }
        }
    }
}

impl Proofs {
    fn of(annotations: &BTreeMap<String, String>) -> Result<Proofs, Refusal> {
        let at = |key: &str| annotations.get(key).map(|text| text.trim()).filter(|text| !text.is_empty());
        let certificate = at(simple_signing::CERTIFICATE).map(|pem| -> Result<Certificate, Refusal> {
            let [one] = <[_; 1]>::try_from(Certificate::all_from_pem(pem.as_bytes())?)
                .map_err(|_| malformed("more than one certificate of the signer among the layer's annotations"))?;
            Ok(one)
        });
        let entries = match at(simple_signing::BUNDLE) {
            Some(text) => vec![Entry::from_annotation(text.as_bytes())?],
            None => Vec::new(),
        };
        let timestamps = match at(simple_signing::TIMESTAMP) {
            Some(text) => {
                let value: Value =
                    serde_json::from_str(text).map_err(|_| malformed("the annotation with a time stamp is no JSON"))?;
                let stamp = value.get("SignedRFC3161Timestamp").and_then(Value::as_str);
                vec![decoded(stamp.ok_or_else(|| malformed("the annotation with a time stamp holds none"))?)?]
            }
            None => Vec::new(),
        };
        Ok(Proofs { certificate, entries, timestamps })
    }

    /// With the content. A certificate that lies beside a signature says nothing where a key is asked for.
    fn parts<'p>(&'p self, content: SignedContent<'p>, by_key: bool) -> Result<Parts<'p>, Refusal> {
        let certificate = match &self.certificate {
            Some(Err(why)) if !by_key => return Err(why.clone()),
            Some(Ok(certificate)) if !by_key => Some(certificate),
            _ => None,
        };
        let (entries, timestamps) = (&self.entries, &self.timestamps);
        Ok(Parts { certificate, content, entries, proven: false, timestamps, stamped: None })
    }
}

/// A statement that is true: a signature where it says nothing more, else an attestation.
fn stated(
    authority: &Trusted,
    digest: &Digest,
    done: plimsoll_trust::Verified,
    payload: &[u8],
) -> Result<Held, Refusal> {
    let Some(statement) = done.statement.clone() else {
        return Err(Refusal::new(Reason::StatementMalformed, "there is no statement"));
    };
    let is_signature = statement.predicate_type == SIGNATURE;
    let kind = if is_signature { SignedKind::Signature } else { SignedKind::Attestation };
    let annotations = if is_signature { annotations_of(payload, digest) } else { BTreeMap::new() };
    let mut verified = verified(authority, digest, &done, kind, annotations);
    if !is_signature {
        verified.predicate_type = Some(statement.predicate_type.clone());
    }
    Ok(Held { verified, statement: Some(statement) })
}

/// What a statement says of the subject of that digest beside its name.
fn annotations_of(payload: &[u8], digest: &Digest) -> BTreeMap<String, String> {
    let Ok(statement) = serde_json::from_slice::<Value>(payload) else { return BTreeMap::new() };
    let subjects = statement.get("subject").and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
    let of = |subject: &&Value| {
        subject.pointer(&format!("/digest/{}", digest.algorithm().name())).and_then(Value::as_str) == Some(digest.hex())
    };
    let annotations =
        subjects.iter().find(of).and_then(|subject| subject.get("annotations")).and_then(Value::as_object);
    let texts =
        annotations.into_iter().flatten().filter_map(|(key, value)| Some((key.clone(), value.as_str()?.to_owned())));
    texts.collect()
}

fn verified(
    authority: &Trusted,
    digest: &Digest,
    done: &plimsoll_trust::Verified,
    kind: SignedKind,
    annotations: BTreeMap<String, String>,
) -> Verified {
    let signer = match &done.identity {
        Some((_, name, issuer)) => format!("{} (by {issuer})", name.text()),
        None => format!("the key sha256:{}", hex(&done.key.key_id())),
    };
    let vouched = done.times.iter().filter(|(source, _)| *source != TimeSource::Now).map(|(_, time)| *time);
    let signed_at = vouched.min();
    let validity = done.identity.as_ref().map(|(certificate, ..)| certificate.validity());
    Verified {
        kind,
        authority: authority.name.clone(),
        digest: digest.clone(),
        signer,
        annotations,
        signed_at,
        not_before: validity.map(|(begin, _)| begin),
        not_after: validity.filter(|_| signed_at.is_none()).map(|(_, end)| end),
        predicate_type: None,
        made_at: None,
        rego: BTreeMap::new(),
        vex: Vec::new(),
    }
}

/// What an item that nobody vouches for says that it is.
fn said(item: &Item) -> (SignedKind, Option<String>) {
    let payload = match &item.form {
        Form::Classic { .. } => return (SignedKind::Signature, None),
        Form::Envelope { bytes, .. } => Envelope::from_json(bytes).map(|envelope| envelope.payload).ok(),
        Form::Bundle(bytes) => match Bundle::from_json(bytes).map(|bundle| bundle.content) {
            Ok(Content::Envelope(envelope)) => Some(envelope.payload),
            _ => None,
        },
    };
    let statement = payload.and_then(|payload| Statement::from_json(&payload).ok());
    match statement {
        Some(statement) if statement.predicate_type != SIGNATURE => {
            (SignedKind::Attestation, Some(statement.predicate_type))
        }
        // What cannot be read may have been a signature.
        _ => (SignedKind::Signature, None),
    }
}

fn artifact(digest: &Digest) -> Result<Artifact<'static>, Refusal> {
    let hash = match digest.algorithm() {
        Algorithm::Sha256 => Hash::Sha256,
        Algorithm::Sha512 => Hash::Sha512,
    };
    let bytes = digest
        .hex()
        .as_bytes()
        .chunks(2)
        .map(|two| std::str::from_utf8(two).ok().and_then(|two| u8::from_str_radix(two, 16).ok()));
    let bytes: Option<Vec<u8>> = bytes.collect();
    bytes.map(|bytes| Artifact::Digest(hash, bytes)).ok_or_else(|| malformed("the digest is none"))
}

fn decoded(text: &str) -> Result<Vec<u8>, Refusal> {
    STANDARD.decode(text.trim()).map_err(|_| malformed("an annotation of the layer is no base64"))
}

fn malformed(why: &str) -> Refusal {
    Refusal::new(Reason::Malformed, why)
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use plimsoll_trust::keys::Signer as _;
    use plimsoll_trust::{IN_TOTO, PrivateKey, PublicKey, TrustMaterial, image_bundle, pre_authentication_encoding};
    use serde_json::json;

    use super::*;

    fn image() -> Digest {
        format!("sha256:{}", "07".repeat(32)).parse().unwrap()
    }

    fn authority(name: &str, key: &PrivateKey, log: LogDemand) -> Trusted {
        let signer = Signer::Key(PublicKey::from_spki(key.spki()).unwrap());
        Trusted { name: name.into(), signer, root: Arc::new(TrustMaterial::default()), log }
    }

    fn item(form: Form) -> Item {
        Item { layer: image(), form }
    }

    fn classic(key: &PrivateKey, digest: &Digest, more: &[(&str, &str)]) -> Item {
        let annotations = BTreeMap::from([("env".to_owned(), json!("prod")), ("count".to_owned(), json!(3))]);
        let payload = SimpleSigning::new("example.com/a", &digest.to_string(), annotations).render();
        let signature = STANDARD.encode(key.sign(&payload).unwrap());
        let mut annotations = BTreeMap::from([(simple_signing::SIGNATURE.to_owned(), signature)]);
        annotations.extend(more.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())));
        item(Form::Classic { payload, annotations })
    }

    fn bundle(key: &PrivateKey) -> Item {
        let annotations = BTreeMap::from([("env".to_owned(), "prod".to_owned())]);
        item(Form::Bundle(image_bundle::sign(key, &[7; 32], &annotations).unwrap()))
    }

    /// An attestation in the classic form: an envelope in a layer.
    fn attestation(key: &PrivateKey, predicate_type: &str) -> Item {
        let payload = Statement::of(&[7; 32], predicate_type, json!({"a": 1})).to_json();
        let signature = STANDARD.encode(key.sign(&pre_authentication_encoding(IN_TOTO, &payload)).unwrap());
        let envelope = json!({
            "payloadType": IN_TOTO, "payload": STANDARD.encode(&payload), "signatures": [{"keyid": "", "sig": signature}],
        });
        item(Form::Envelope { bytes: envelope.to_string().into_bytes(), annotations: BTreeMap::new() })
    }

    fn codes(item: &Item, authorities: &[&Trusted], digest: &Digest) -> Vec<String> {
        let outcome = hold(item, authorities, digest, Timestamp::UNIX_EPOCH);
        assert!(outcome.held.is_empty());
        outcome.refused.into_iter().map(|one| one.code).collect()
    }

    #[test]
    fn both_forms_count_for_whom_they_are_of_with_what_was_signed_along() {
        let (key, other) = (PrivateKey::generate().unwrap(), PrivateKey::generate().unwrap());
        let (release, audit) =
            (authority("release", &key, LogDemand::Unneeded), authority("audit", &other, LogDemand::Unneeded));
        for one in [classic(&key, &image(), &[]), bundle(&key)] {
            let outcome = hold(&one, &[&audit, &release], &image(), Timestamp::UNIX_EPOCH);
            let [held] = outcome.held.as_slice() else { panic!("{:?}", outcome.refused) };
            assert_eq!((held.verified.authority.as_str(), held.verified.kind), ("release", SignedKind::Signature));
            assert_eq!(held.verified.annotations, BTreeMap::from([("env".to_owned(), "prod".to_owned())]));
            // Nobody vouches for a time, and the clock of whoever verifies is no word on when it was signed.
            let Verified { signed_at, not_before, not_after, digest, .. } = &held.verified;
            assert_eq!((signed_at, not_before, not_after, digest), (&None, &None, &None, &image()));
            let [refused] = outcome.refused.as_slice() else { panic!() };
            assert_eq!((refused.authority.as_deref(), refused.code.as_str()), (Some("audit"), "signature-invalid"));
            let elsewhere = format!("sha256:{}", "08".repeat(32)).parse().unwrap();
            assert_eq!(codes(&one, &[&release], &elsewhere), ["artifact-mismatch"]);
        }
    }

    #[test]
    fn case_5_an_attestation_is_one_in_whatever_form_and_a_signature_is_one() {
        let key = PrivateKey::generate().unwrap();
        let release = authority("release", &key, LogDemand::Unneeded);
        let kind = |predicate_type: &str| {
            let outcome = hold(&attestation(&key, predicate_type), &[&release], &image(), Timestamp::UNIX_EPOCH);
            let one = outcome.held.into_iter().next().unwrap();
            (one.verified.kind, one.verified.predicate_type)
        };
        let spdx = "https://spdx.dev/Document";
        assert_eq!(kind(spdx), (SignedKind::Attestation, Some(spdx.to_owned())));
        assert_eq!(kind(SIGNATURE), (SignedKind::Signature, None));
        // Refused, it is still told as what it says that it is.
        let stranger = PrivateKey::generate().unwrap();
        let outcome = hold(&attestation(&stranger, spdx), &[&release], &image(), Timestamp::UNIX_EPOCH);
        assert_eq!(
            (outcome.refused[0].kind, outcome.refused[0].predicate_type.as_deref()),
            (SignedKind::Attestation, Some(spdx))
        );
    }

    #[test]
    fn a_log_that_is_asked_for_must_be_there() {
        let key = PrivateKey::generate().unwrap();
        let strict = authority("release", &key, LogDemand::Required);
        for one in [classic(&key, &image(), &[]), bundle(&key), attestation(&key, "https://spdx.dev/Document")] {
            assert_eq!(codes(&one, &[&strict], &image()), ["log-entry-missing"]);
        }
    }

    #[test]
    fn case_20_what_lies_beside_a_signature_neither_helps_nor_hinders_a_key() {
        let (key, stranger) = (PrivateKey::generate().unwrap(), PrivateKey::generate().unwrap());
        let release = authority("release", &key, LogDemand::Unneeded);
        for text in [" \n", "no certificate", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"] {
            let beside = [(simple_signing::CERTIFICATE, text), (simple_signing::CHAIN, text)];
            let outcome = hold(&classic(&key, &image(), &beside), &[&release], &image(), Timestamp::UNIX_EPOCH);
            assert_eq!(outcome.held.len(), 1, "{text:?}: {:?}", outcome.refused);
            assert_eq!(codes(&classic(&stranger, &image(), &beside), &[&release], &image()), ["signature-invalid"]);
        }
    }

    #[test]
    fn what_cannot_be_read_is_refused_once_and_never_panics() {
        let key = PrivateKey::generate().unwrap();
        let release = authority("release", &key, LogDemand::Unneeded);
        let audit = authority("audit", &PrivateKey::generate().unwrap(), LogDemand::Unneeded);
        let none = BTreeMap::new;
        for form in [
            Form::Classic { payload: b"{}".to_vec(), annotations: none() },
            Form::Classic {
                payload: b"{}".to_vec(),
                annotations: BTreeMap::from([(simple_signing::SIGNATURE.to_owned(), "no base64!".to_owned())]),
            },
            Form::Envelope { bytes: b"[]".to_vec(), annotations: none() },
            Form::Envelope { bytes: vec![0xff; 64], annotations: none() },
            Form::Bundle(b"{\"mediaType\": \"application/x\"}".to_vec()),
            Form::Bundle(Vec::new()),
        ] {
            let outcome = hold(&item(form), &[&release, &audit], &image(), Timestamp::UNIX_EPOCH);
            let [refused] = outcome.refused.as_slice() else { panic!("{:?}", outcome.refused) };
            assert!(outcome.held.is_empty() && refused.authority.is_none(), "{refused:?}");
        }
        // Every byte of a bundle changed: refused, or still truly signed.
        let Form::Bundle(whole) = bundle(&key).form else { panic!() };
        for at in 0..whole.len() {
            let mut changed = whole.clone();
            changed[at] ^= 0x20;
            let outcome = hold(&item(Form::Bundle(changed)), &[&release], &image(), Timestamp::UNIX_EPOCH);
            assert!(outcome.held.iter().all(|one| one.verified.digest == image()));
            assert_eq!(outcome.held.len() + outcome.refused.len(), 1, "{at}");
        }
    }
}
