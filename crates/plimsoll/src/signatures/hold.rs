//! What is said to be signed, held against authorities. In: what was read, authorities, the digest that must be signed, the time. Out:
//! who signed what, or why nobody of them did. It touches neither network nor disk.

use std::cell::LazyCell;
use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use plimsoll_model::loadline::LogDemand;
use plimsoll_model::{Algorithm, Digest, Refused, SignedKind, Verified};
use plimsoll_sources::oci::media;
use plimsoll_trust::classic::{Attestation, Claims, Signature};
use plimsoll_trust::notation::{self, Target};
use plimsoll_trust::{
    Artifact, Bundle, Content, Demand, Envelope, Hash, Reason, Refusal, SIGNATURE, Statement, Subject, TimeSource,
    TrustMaterial, verify_bundle,
};
use serde_json::Value;

use super::authorities::{Known, Notation, Trusted};
use super::registry::{Form, Item};

/// What times are counted in here.
const SECOND: SignedDuration = SignedDuration::from_secs(1);

/// A signature or an attestation that is true.
pub struct Held<'a> {
    pub verified: Verified,
    /// What is stated, and the bytes of it that were signed; none for a signature of the classic form, which states nothing.
    pub stated: Option<(Statement, &'a [u8])>,
}

/// What became of one item.
#[derive(Default)]
pub struct Outcome<'a> {
    pub held: Vec<Held<'a>>,
    pub refused: Vec<Refused>,
    /// Of which authorities it cannot be told whether theirs counts, and why.
    pub untold: Vec<(String, String)>,
}

/// Holds an item against each of the authorities. `read` is what [`Read::of`] gave.
///
/// What is no signature that is read here is refused, of whatever kind it is: it proves nothing, and whoever may push can put it there.
/// Only where a trusted signer's is there, and something else about it is not known, it cannot be told.
pub fn hold<'a>(
    read: &'a Result<Read<'_>, Refusal>,
    authorities: &[&Trusted],
    digest: &Digest,
    now: Timestamp,
) -> Outcome<'a> {
    let mut outcome = Outcome::default();
    let refused = |refusal: Refusal, (kind, predicate_type), authority| Refused {
        kind,
        digest: digest.clone(),
        authority,
        predicate_type,
        code: refusal.reason.code().to_owned(),
        message: refusal.message,
    };
    let read = match read {
        Ok(read) => read,
        // Of what cannot be read there is one thing to say, whoever it is held against; and it may have been a signature.
        Err(refusal) => {
            outcome.refused.push(refused(refusal.clone(), (SignedKind::Signature, None), None));
            return outcome;
        }
    };
    // Read once, however many do not hold it: whoever may push chooses how much there is to read.
    let said = LazyCell::new(|| read.said());
    for authority in authorities {
        match read.held(authority, digest, now) {
            Ok(held) => outcome.held.push(held),
            Err(refusal) if refusal.reason.is_doubt() => {
                outcome.untold.push((authority.name.clone(), refusal.to_string()));
            }
            Err(refusal) => outcome.refused.push(refused(refusal, said.clone(), Some(authority.name.clone()))),
        }
    }
    outcome
}

/// An item that was read.
pub enum Read<'a> {
    /// As Cosign signs.
    Sigstore(Box<Signed<'a>>),
    /// As Notation signs.
    Notation(Box<notation::Envelope>),
}

/// An item of Cosign's whose form is right.
pub enum Signed<'a> {
    Signature(Signature<'a>),
    Attestation(Attestation<'a>),
    Bundle(Box<Bundle>),
}

impl<'a> Read<'a> {
    /// Reads an item, once for all whom it is held against.
    ///
    /// # Errors
    /// Its form is not right, or is not read here.
    pub fn of(item: &'a Item) -> Result<Read<'a>, Refusal> {
        Ok(Read::Sigstore(Box::new(match &item.form {
            Form::Classic { payload, annotations } => Signed::Signature(Signature::read(payload, annotations)?),
            Form::Envelope { bytes, annotations } => Signed::Attestation(Attestation::read(bytes, annotations)?),
            Form::Bundle(bytes) => Signed::Bundle(Box::new(Bundle::from_json(bytes)?)),
            Form::Notation { media_type, bytes } => {
                return Ok(Read::Notation(Box::new(notation::Envelope::read(media_type, bytes)?)));
            }
        })))
    }

    /// What it says that it is, which nobody vouches for.
    fn said(&self) -> (SignedKind, Option<String>) {
        let envelope = match self {
            Read::Sigstore(signed) => signed.envelope(),
            Read::Notation(_) => None,
        };
        let statement = envelope.and_then(|envelope| Statement::from_json(&envelope.payload).ok());
        match statement {
            Some(statement) if statement.predicate_type != SIGNATURE => {
                (SignedKind::Attestation, Some(statement.predicate_type))
            }
            // What cannot be read may have been a signature.
            _ => (SignedKind::Signature, None),
        }
    }

    /// Whether that authority signed it, of that digest.
    fn held(&self, authority: &Trusted, digest: &Digest, now: Timestamp) -> Result<Held<'_>, Refusal> {
        let other = |why: &str| Err(Refusal::new(Reason::KeyMismatch, why));
        match (&authority.known, self) {
            (Known::Sigstore { signer, root, log }, Read::Sigstore(signed)) => {
                let demand = |log| Demand { log, ..Demand::new(signer.clone(), Subject::Any) };
                // A log that is not asked for is looked at all the same: what a trusted one says of the signature must be true, and shows
                // when it was made.
                match signed.verified((authority, root), digest, &demand(true), now) {
                    Err(refusal)
                        if *log == LogDemand::Unneeded
                            && matches!(refusal.reason, Reason::LogEntryMissing | Reason::LogUnknown) =>
                    {
                        signed.verified((authority, root), digest, &demand(false), now)
                    }
                    outcome => outcome,
                }
            }
            (Known::Notation(known), Read::Notation(envelope)) => {
                let verified = notarised(&authority.name, known, envelope, digest, now)?;
                Ok(Held { verified, stated: None })
            }
            (Known::Notation(_), Read::Sigstore(_)) => {
                other("it is signed as Cosign signs, and a certificate of Notation's is wanted")
            }
            (Known::Sigstore { .. }, Read::Notation(_)) => {
                other("it is signed as Notation signs, and a key or identity of Cosign's is wanted")
            }
        }
    }
}

impl Signed<'_> {
    /// The envelope in it, which nobody vouches for yet.
    fn envelope(&self) -> Option<&Envelope> {
        match self {
            Signed::Signature(_) => None,
            Signed::Attestation(attestation) => Some(attestation.envelope()),
            Signed::Bundle(bundle) => match &bundle.content {
                Content::Envelope(envelope) => Some(envelope),
                Content::Message { .. } => None,
            },
        }
    }

    fn verified(
        &self,
        (authority, root): (&Trusted, &TrustMaterial),
        digest: &Digest,
        demand: &Demand,
        now: Timestamp,
    ) -> Result<Held<'_>, Refusal> {
        let done = match self {
            Signed::Signature(signature) => {
                let claims = Claims { digest: Some(digest.to_string()), annotations: BTreeMap::new() };
                let (signed, done) = signature.verify(root, demand, &claims, now)?;
                let annotations = texts(signed.annotations());
                let verified = verified(authority, digest, &done, SignedKind::Signature, annotations);
                return Ok(Held { verified, stated: None });
            }
            Signed::Attestation(attestation) => attestation.verify(&artifact(digest), root, demand, now)?,
            Signed::Bundle(bundle) => verify_bundle(bundle, &artifact(digest), root, demand, now)?,
        };
        let Some(payload) = self.envelope().map(|envelope| envelope.payload.as_slice()) else {
            return Err(Refusal::new(Reason::NotASignature, "bytes are signed, and no statement about an image"));
        };
        stated(authority, digest, done, payload)
    }
}

/// A signature of the Notary Project that counts.
fn notarised(
    authority: &str,
    known: &Notation,
    envelope: &notation::Envelope,
    digest: &Digest,
    now: Timestamp,
) -> Result<Verified, Refusal> {
    let name = digest.to_string();
    let target = Target { digest: &name, media_type: None, size: None };
    let Notation { statement, stores } = known;
    let done = notation::held(envelope, &target, statement, stores, &BTreeMap::new(), now)?;
    // The digest fixes the bytes, and not as what somebody signed them.
    let (signed_as, ..) = done.envelope.target();
    if !media::ACCEPTED_MANIFESTS.contains(&signed_as) {
        let why = format!("it is signed as {signed_as:?}, which is no image");
        return Err(Refusal::new(Reason::ArtifactMismatch, why));
    }
    let chain = done.envelope.chain();
    let leaf = chain.first().ok_or_else(|| Refusal::new(Reason::ChainBroken, "there is no certificate"))?;
    // Where nobody vouches for a time, it holds as long as each certificate; and never longer than the signer says.
    let lasts = chain.iter().map(|one| one.validity().1).filter(|_| done.signed_at.is_none());
    // The signer names the first moment at which it does not hold; this is the last at which it does.
    let expiry = done.envelope.expiry().map(|end| end.checked_sub(SECOND).unwrap_or(end));
    Ok(Verified {
        kind: SignedKind::Signature,
        authority: authority.to_owned(),
        digest: digest.clone(),
        signer: format!("{} (by {})", leaf.subject_words(), leaf.issuer_words()),
        annotations: done.envelope.annotations().clone(),
        signed_at: done.signed_at,
        not_before: Some(leaf.validity().0),
        not_after: lasts.chain(expiry).min(),
        predicate_type: None,
        made_at: None,
        rego: BTreeMap::new(),
        vex: Vec::new(),
        vex_problems: Vec::new(),
    })
}

/// A statement that is true: a signature where it says nothing more, else an attestation.
fn stated<'a>(
    authority: &Trusted,
    digest: &Digest,
    mut done: plimsoll_trust::Verified,
    payload: &'a [u8],
) -> Result<Held<'a>, Refusal> {
    let Some(statement) = done.statement.take() else {
        return Err(Refusal::new(Reason::StatementMalformed, "there is no statement"));
    };
    let verified = if statement.predicate_type == SIGNATURE {
        let subject = statement.subject(hash(digest), &digest.bytes());
        let annotations = subject.into_iter().flat_map(|subject| &subject.annotations);
        let annotations = texts(annotations.map(|(key, value)| (key.as_str(), value)));
        verified(authority, digest, &done, SignedKind::Signature, annotations)
    } else {
        let verified = verified(authority, digest, &done, SignedKind::Attestation, BTreeMap::new());
        Verified { predicate_type: Some(statement.predicate_type.clone()), ..verified }
    };
    Ok(Held { verified, stated: Some((statement, payload)) })
}

/// The annotations that are texts, which alone a policy can ask for.
fn texts<'a>(annotations: impl Iterator<Item = (&'a str, &'a Value)>) -> BTreeMap<String, String> {
    annotations.filter_map(|(key, value)| Some((key.to_owned(), value.as_str()?.to_owned()))).collect()
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
        vex_problems: Vec::new(),
    }
}

fn artifact(digest: &Digest) -> Artifact<'static> {
    Artifact::Digest(hash(digest), digest.bytes())
}

fn hash(digest: &Digest) -> Hash {
    match digest.algorithm() {
        Algorithm::Sha256 => Hash::Sha256,
        Algorithm::Sha512 => Hash::Sha512,
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use base64::Engine as _;
    use base64::engine::general_purpose::STANDARD;
    use plimsoll_trust::keys::Signer as _;
    use plimsoll_trust::{
        IN_TOTO, PrivateKey, PublicKey, Signer, SimpleSigning, image_bundle, pre_authentication_encoding,
        simple_signing,
    };
    use serde_json::json;

    use super::*;

    fn image() -> Digest {
        format!("sha256:{}", "07".repeat(32)).parse().unwrap()
    }

    fn authority(name: &str, key: &PrivateKey, log: LogDemand) -> Trusted {
        let signer = Signer::Key(PublicKey::from_spki(key.spki()).unwrap());
        let known = Known::Sigstore { signer, root: Arc::new(TrustMaterial::default()), log };
        Trusted { name: name.into(), known }
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
        enveloped(key, &Statement::of(&[7; 32], predicate_type, json!({"a": 1})).to_json())
    }

    fn enveloped(key: &PrivateKey, payload: &[u8]) -> Item {
        let signature = STANDARD.encode(key.sign(&pre_authentication_encoding(IN_TOTO, payload)).unwrap());
        let envelope = json!({
            "payloadType": IN_TOTO, "payload": STANDARD.encode(payload), "signatures": [{"keyid": "", "sig": signature}],
        });
        item(Form::Envelope { bytes: envelope.to_string().into_bytes(), annotations: BTreeMap::new() })
    }

    /// What was verified, and what was refused.
    fn held(item: &Item, authorities: &[&Trusted], digest: &Digest) -> (Vec<Verified>, Vec<Refused>) {
        let read = Read::of(item);
        let outcome = hold(&read, authorities, digest, Timestamp::UNIX_EPOCH);
        (outcome.held.into_iter().map(|one| one.verified).collect(), outcome.refused)
    }

    fn codes(item: &Item, authorities: &[&Trusted], digest: &Digest) -> Vec<String> {
        let (verified, refused) = held(item, authorities, digest);
        assert!(verified.is_empty());
        refused.into_iter().map(|one| one.code).collect()
    }

    #[test]
    fn both_forms_count_for_whom_they_are_of_with_what_was_signed_along() {
        let (key, other) = (PrivateKey::generate().unwrap(), PrivateKey::generate().unwrap());
        let (release, audit) =
            (authority("release", &key, LogDemand::Unneeded), authority("audit", &other, LogDemand::Unneeded));
        for one in [classic(&key, &image(), &[]), bundle(&key)] {
            let (held, refused) = held(&one, &[&audit, &release], &image());
            let [held] = held.as_slice() else { panic!("{refused:?}") };
            assert_eq!((held.authority.as_str(), held.kind), ("release", SignedKind::Signature));
            assert_eq!(held.annotations, BTreeMap::from([("env".to_owned(), "prod".to_owned())]));
            // Nobody vouches for a time, and the clock of whoever verifies is no word on when it was signed.
            let Verified { signed_at, not_before, not_after, digest, .. } = held;
            assert_eq!((signed_at, not_before, not_after, digest), (&None, &None, &None, &image()));
            let [refused] = refused.as_slice() else { panic!() };
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
            let one = held(&attestation(&key, predicate_type), &[&release], &image()).0.remove(0);
            (one.kind, one.predicate_type)
        };
        let spdx = "https://spdx.dev/Document";
        assert_eq!(kind(spdx), (SignedKind::Attestation, Some(spdx.to_owned())));
        assert_eq!(kind(SIGNATURE), (SignedKind::Signature, None));
        // Refused, it is still told as what it says that it is.
        let stranger = PrivateKey::generate().unwrap();
        let mut one = attestation(&stranger, spdx);
        let refused = held(&one, &[&release], &image()).1.remove(0);
        assert_eq!((refused.kind, refused.predicate_type.as_deref()), (SignedKind::Attestation, Some(spdx)));
        // Also where what lies beside it cannot be read.
        let Form::Envelope { annotations, .. } = &mut one.form else { panic!() };
        annotations.insert(simple_signing::TIMESTAMP.to_owned(), "no JSON".to_owned());
        let refused = held(&one, &[&release], &image()).1.remove(0);
        assert_eq!((refused.kind, refused.code.as_str()), (SignedKind::Attestation, "malformed"));
    }

    #[test]
    fn case_4_what_is_truly_signed_and_no_statement_is_none_in_the_classic_form_either() {
        let key = PrivateKey::generate().unwrap();
        let release = authority("release", &key, LogDemand::Unneeded);
        let whole: Value =
            serde_json::from_slice(&Statement::of(&[7; 32], "https://a.b/c", json!({})).to_json()).unwrap();
        let without = |name: &str| {
            let mut changed = whole.clone();
            changed.as_object_mut().unwrap().remove(name);
            changed.to_string()
        };
        let with = |name: &str, value: Value| {
            let mut changed = whole.clone();
            changed[name] = value;
            changed.to_string()
        };
        assert_eq!(held(&enveloped(&key, whole.to_string().as_bytes()), &[&release], &image()).0.len(), 1);
        for payload in [
            "".to_owned(),
            "no JSON".to_owned(),
            "{}".to_owned(),
            "[]".to_owned(),
            without("_type"),
            without("subject"),
            without("predicateType"),
            with("_type", json!("https://example.com/other")),
            with("subject", json!([])),
            with("subject", json!([null])),
            with("predicateType", json!(7)),
        ] {
            let (held, refused) = held(&enveloped(&key, payload.as_bytes()), &[&release], &image());
            assert!(held.is_empty() && refused.len() == 1, "{payload}");
        }
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
            let (held, refused) = held(&classic(&key, &image(), &beside), &[&release], &image());
            assert_eq!(held.len(), 1, "{text:?}: {refused:?}");
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
            Form::Bundle(br#"{"mediaType":"application/vnd.dev.sigstore.bundle.v9+json"}"#.to_vec()),
            Form::Notation { media_type: notation::COSE.to_owned(), bytes: vec![0xd2, 0x84] },
            Form::Notation { media_type: notation::JWS.to_owned(), bytes: vec![b' '; notation::MOST_BYTES + 1] },
            Form::Notation { media_type: "text/plain".to_owned(), bytes: b"{}".to_vec() },
            Form::Bundle(Vec::new()),
        ] {
            let (held, refused) = held(&item(form), &[&release, &audit], &image());
            let [refused] = refused.as_slice() else { panic!("{refused:?}") };
            assert!(held.is_empty() && refused.authority.is_none(), "{refused:?}");
        }
        let untold =
            |form| hold(&Read::of(&item(form)), &[&release, &audit], &image(), Timestamp::UNIX_EPOCH).untold.len();
        let cose = Form::Notation { media_type: notation::COSE.to_owned(), bytes: vec![0xd2, 0x84] };
        assert_eq!(untold(cose), 0, "whoever may push can put it there");
        // Every byte of a bundle changed: refused, or still truly signed.
        let Form::Bundle(whole) = bundle(&key).form else { panic!() };
        for at in 0..whole.len() {
            let mut changed = whole.clone();
            changed[at] ^= 0x20;
            let (held, refused) = held(&item(Form::Bundle(changed)), &[&release], &image());
            assert!(held.iter().all(|one| one.digest == image()));
            assert_eq!(held.len() + refused.len(), 1, "{at}");
        }
    }
}
