//! Signatures and attestations of the classic form. In: a layer's bytes and annotations, what is trusted, what is demanded, the time.
//! Out: what was signed and by whom, or a refusal. What it does not do: believe an annotation: a certificate that lies beside a payload
//! says nothing where a key is demanded, and its issuers come from the trusted root alone.

use std::collections::BTreeMap;

use jiff::Timestamp;

use crate::artifact::Artifact;
use crate::blob::{self, Beside};
use crate::bundle::{Bundle, Content, Material};
use crate::certificate::{Certificate, LABEL};
use crate::dsse::{Envelope, encode};
use crate::json;
use crate::pem;
use crate::refusal::{Reason, Refusal, malformed};
use crate::rekor::Entry;
use crate::simple_signing::{self, SimpleSigning};
use crate::trusted_root::TrustMaterial;
use crate::verify::{Demand, Parts, SignedContent, Signer, Verified, verify_parts};

/// What a signature has to say.
#[derive(Debug, Clone, Default)]
pub struct Claims {
    /// The image's digest; `None` where the user wants the claims unchecked.
    pub digest: Option<String>,
    /// Annotations that have to be there. Of no meaning without a digest.
    pub annotations: BTreeMap<String, String>,
}

/// A bundle over a payload, or with an envelope, as the annotations of a layer that holds it. Not all of it has a place there: a log's
/// entry is there with its promise and without its proof, and of several entries or timestamps the first. An envelope's signature is in
/// it, and empty here.
///
/// # Errors
/// `unsupported` for an entry of a log that gives no promises.
pub fn annotations(bundle: &Bundle) -> Result<BTreeMap<String, String>, Refusal> {
    let signature = match &bundle.content {
        Content::Message { signature, .. } => encode(signature),
        Content::Envelope(_) => String::new(),
    };
    let mut all = BTreeMap::from([(simple_signing::SIGNATURE.to_owned(), signature)]);
    if let Material::Certificate(der) = &bundle.material {
        all.insert(simple_signing::CERTIFICATE.to_owned(), pem::text(LABEL, der).to_string());
    }
    if let Some(entry) = bundle.entries.first() {
        let why = "the classic form of a signature holds no entry of a log that gives no promises: write a bundle";
        let text = entry.to_annotation().ok_or_else(|| Refusal::new(Reason::Unsupported, why))?;
        all.insert(simple_signing::BUNDLE.to_owned(), text);
    }
    if let Some(stamp) = bundle.timestamps.first() {
        let text = format!(r#"{{"SignedRFC3161Timestamp":"{}"}}"#, encode(stamp));
        all.insert(simple_signing::TIMESTAMP.to_owned(), text);
    }
    Ok(all)
}

/// What stands among a layer's annotations to prove what is in it, read once however many it is held against. None where there is
/// none, or nothing but white space; what cannot be read is a refusal where it counts, and nowhere else.
struct Proofs {
    certificate: Option<Result<Certificate, Refusal>>,
    sct: Option<Vec<u8>>,
    entry: Option<Result<Entry, Refusal>>,
    timestamp: Option<Result<Vec<u8>, Refusal>>,
}

impl Proofs {
    fn of(annotations: &BTreeMap<String, String>) -> Self {
        let certificate = |pem: &str| match Certificate::all_from_pem(pem.as_bytes())?.as_slice() {
            [one] => Ok(one.clone()),
            _ => Err(malformed("more than one certificate of the signer among the layer's annotations")),
        };
        let timestamp =
            |stamp: &str| blob::kept_timestamp(stamp.as_bytes(), "the timestamp among the layer's annotations");
        Self {
            certificate: at(annotations, simple_signing::CERTIFICATE).map(certificate),
            entry: at(annotations, simple_signing::BUNDLE).map(|entry| Entry::from_annotation(entry.as_bytes())),
            timestamp: at(annotations, simple_signing::TIMESTAMP).map(timestamp),
            sct: None,
        }
    }

    fn beside(beside: Beside) -> Self {
        let Beside { certificate, sct, timestamp } = beside;
        Self { certificate: certificate.map(Ok), sct, entry: None, timestamp: timestamp.map(Ok) }
    }

    /// With what they prove, as far as it is demanded. A certificate that lies beside a signature says nothing where a key is asked for.
    fn parts<'a>(
        &'a self,
        content: SignedContent<'a>,
        stamped: Option<&'a [u8]>,
        demand: &Demand,
    ) -> Result<Parts<'a>, Refusal> {
        let by_key = matches!(demand.signer, Signer::Key(_));
        let entry = read(self.entry.as_ref().filter(|_| demand.log))?;
        let timestamp = read(self.timestamp.as_ref())?;
        Ok(Parts {
            certificate: read(self.certificate.as_ref().filter(|_| !by_key))?,
            sct: self.sct.as_deref(),
            content,
            entries: entry.map_or(&[], std::slice::from_ref),
            proven: false,
            timestamps: timestamp.map_or(&[], std::slice::from_ref),
            stamped,
        })
    }
}

fn read<T>(proof: Option<&Result<T, Refusal>>) -> Result<Option<&T>, Refusal> {
    proof.map(|proof| proof.as_ref().map_err(Clone::clone)).transpose()
}

/// An annotation that says something.
fn at<'a>(annotations: &'a BTreeMap<String, String>, name: &str) -> Option<&'a str> {
    annotations.get(name).map(|text| text.trim()).filter(|text| !text.is_empty())
}

/// A layer with a payload whose signature stands among its annotations.
pub struct Signature<'a> {
    payload: &'a [u8],
    signature: Vec<u8>,
    proofs: Proofs,
}

impl<'a> Signature<'a> {
    /// Reads a layer.
    ///
    /// # Errors
    /// `malformed` without a signature; `too-large`.
    pub fn read(payload: &'a [u8], annotations: &BTreeMap<String, String>) -> Result<Self, Refusal> {
        let signature = at(annotations, simple_signing::SIGNATURE);
        let signature = signature.ok_or_else(|| malformed("the layer has no signature among its annotations"))?;
        let signature = json::base64(signature, "the signature among the layer's annotations")?;
        if payload.len() > simple_signing::MAX_PAYLOAD {
            let why = format!("the signed payload has more than {} bytes", simple_signing::MAX_PAYLOAD);
            return Err(Refusal::new(Reason::TooLarge, why));
        }
        Ok(Self { payload, signature, proofs: Proofs::of(annotations) })
    }

    /// Holds it to a demand and to claims. Out: what was signed, and by whom.
    ///
    /// # Errors
    /// `malformed` for proofs that cannot be read; `artifact-mismatch` and `annotation-mismatch` where it says something else; and as
    /// [`verify_parts`].
    pub fn verify(
        &self,
        trust: &TrustMaterial,
        demand: &Demand,
        claims: &Claims,
        now: Timestamp,
    ) -> Result<(SimpleSigning, Verified), Refusal> {
        let parts = self.proofs.parts(SignedContent::Message(&self.signature), None, demand)?;
        let verified = verify_parts(&parts, &Artifact::Bytes(self.payload), trust, demand, now)?;
        let read = SimpleSigning::parse(self.payload)?;
        if let Some(digest) = &claims.digest {
            read.holds(digest, &claims.annotations)?;
        }
        Ok((read, verified))
    }
}

/// A layer that is an envelope, with what proves it among its annotations.
pub struct Attestation<'a> {
    bytes: &'a [u8],
    envelope: Envelope,
    proofs: Proofs,
}

impl<'a> Attestation<'a> {
    /// Reads a layer.
    ///
    /// # Errors
    /// As [`Envelope::from_json`].
    pub fn read(bytes: &'a [u8], annotations: &BTreeMap<String, String>) -> Result<Self, Refusal> {
        Ok(Self { bytes, envelope: Envelope::from_json(bytes)?, proofs: Proofs::of(annotations) })
    }

    /// The same with what lies beside it in files.
    ///
    /// # Errors
    /// As [`Envelope::from_json`].
    pub fn with(bytes: &'a [u8], beside: Beside) -> Result<Self, Refusal> {
        Ok(Self { bytes, envelope: Envelope::from_json(bytes)?, proofs: Proofs::beside(beside) })
    }

    /// What is in it, which nobody vouches for yet.
    pub fn envelope(&self) -> &Envelope {
        &self.envelope
    }

    /// Holds it to a demand, on an artifact. Its timestamp is over the layer, envelope and all, and not over the signature in it.
    ///
    /// # Errors
    /// `malformed` for proofs that cannot be read; and as [`verify_parts`].
    pub fn verify(
        &self,
        artifact: &Artifact<'_>,
        trust: &TrustMaterial,
        demand: &Demand,
        now: Timestamp,
    ) -> Result<Verified, Refusal> {
        let parts = self.proofs.parts(SignedContent::Envelope(&self.envelope), Some(self.bytes), demand)?;
        verify_parts(&parts, artifact, trust, demand, now)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::keys::{PrivateKey, Signer as _};
    use crate::public_key::PublicKey;
    use crate::verify::Subject;

    const DIGEST: &str = "sha256:0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a";

    /// A key, a payload and the annotations of its layer.
    fn made() -> (PublicKey, Vec<u8>, BTreeMap<String, String>) {
        let key = PrivateKey::generate().unwrap();
        let payload = SimpleSigning::new("example.org/a", DIGEST, BTreeMap::from([("a".into(), "b".into())])).render();
        let signature = encode(&key.sign(&payload).unwrap());
        let annotations = BTreeMap::from([(simple_signing::SIGNATURE.to_owned(), signature)]);
        (PublicKey::from_spki(key.spki()).unwrap(), payload, annotations)
    }

    fn claims(digest: &str) -> Claims {
        Claims { digest: Some(digest.into()), annotations: BTreeMap::new() }
    }

    fn held(
        key: &PublicKey,
        log: bool,
        payload: &[u8],
        annotations: &BTreeMap<String, String>,
        claims: &Claims,
    ) -> Result<SimpleSigning, Reason> {
        let demand = Demand { log, ..Demand::new(Signer::Key(key.clone()), Subject::Any) };
        let trust = TrustMaterial::production().unwrap();
        Signature::read(payload, annotations)
            .and_then(|signature| signature.verify(&trust, &demand, claims, Timestamp::UNIX_EPOCH))
            .map(|(signed, _)| signed)
            .map_err(|refusal| refusal.reason)
    }

    #[test]
    fn a_signature_of_the_key_on_the_image_is_taken_and_nothing_else() {
        let (key, payload, annotations) = made();
        assert_eq!(held(&key, false, &payload, &annotations, &claims(DIGEST)).unwrap().digest(), DIGEST);
        assert!(held(&key, false, &payload, &annotations, &Claims::default()).is_ok());
        let (other, _, others) = made();
        assert_eq!(held(&other, false, &payload, &annotations, &claims(DIGEST)), Err(Reason::SignatureInvalid));
        assert_eq!(held(&key, false, &payload, &others, &claims(DIGEST)), Err(Reason::SignatureInvalid));
        assert_eq!(held(&key, false, &payload, &BTreeMap::new(), &claims(DIGEST)), Err(Reason::Malformed));
        let elsewhere = claims(&DIGEST.replace("0a", "0b"));
        assert_eq!(held(&key, false, &payload, &annotations, &elsewhere), Err(Reason::ArtifactMismatch));
        let annotated = Claims { annotations: BTreeMap::from([("a".into(), "c".into())]), ..claims(DIGEST) };
        assert_eq!(held(&key, false, &payload, &annotations, &annotated), Err(Reason::AnnotationMismatch));
        for at in (0..payload.len()).step_by(7) {
            let mut changed = payload.clone();
            changed[at] ^= 1;
            assert_eq!(
                held(&key, false, &changed, &annotations, &claims(DIGEST)),
                Err(Reason::SignatureInvalid),
                "{at}"
            );
        }
    }

    #[test]
    fn case_2_a_log_is_demanded_unless_somebody_says_otherwise_and_its_entry_is_not_believed_unseen() {
        let (key, payload, mut annotations) = made();
        assert_eq!(held(&key, true, &payload, &annotations, &claims(DIGEST)), Err(Reason::LogEntryMissing));
        annotations.insert(simple_signing::BUNDLE.into(), "{}".into());
        assert_eq!(held(&key, true, &payload, &annotations, &claims(DIGEST)), Err(Reason::Malformed));
        let body = encode(br#"{"apiVersion":"0.0.1","kind":"hashedrekord","spec":{}}"#);
        let entry = format!(
            r#"{{"SignedEntryTimestamp":"AAAA","Payload":{{"body":"{body}","integratedTime":1,"logIndex":1,"logID":"{}"}}}}"#,
            "0a".repeat(32)
        );
        annotations.insert(simple_signing::BUNDLE.into(), entry);
        assert_eq!(held(&key, true, &payload, &annotations, &claims(DIGEST)), Err(Reason::LogUnknown));
    }

    #[test]
    fn case_20_a_certificate_beside_the_payload_does_not_take_the_keys_place() {
        let (key, payload, annotations) = made();
        let (other, _, _) = made();
        for certificate in [" \n", "-----BEGIN CERTIFICATE-----", &other.to_pem(), &key.to_pem()] {
            for name in [simple_signing::CERTIFICATE, simple_signing::CHAIN] {
                let mut smuggled = annotations.clone();
                smuggled.insert(name.into(), certificate.into());
                assert!(held(&key, false, &payload, &smuggled, &claims(DIGEST)).is_ok());
                assert_eq!(held(&other, false, &payload, &smuggled, &claims(DIGEST)), Err(Reason::SignatureInvalid));
                // And where an identity is demanded, what is no certificate is no signature.
                let demand = Demand { log: false, ..Demand::new(Signer::Keyless(vec![]), Subject::Any) };
                let trust = TrustMaterial::production().unwrap();
                let signature = Signature::read(&payload, &smuggled).unwrap();
                assert!(signature.verify(&trust, &demand, &claims(DIGEST), Timestamp::UNIX_EPOCH).is_err());
            }
        }
    }

    #[test]
    fn case_21_what_two_readers_could_read_apart_is_refused_and_what_says_nothing_is_not_there() {
        let (key, payload, mut annotations) = made();
        let stamp = |annotations: &mut BTreeMap<String, String>, text: &str| {
            annotations.insert(simple_signing::TIMESTAMP.into(), text.into());
            held(&key, false, &payload, annotations, &claims(DIGEST)).map(|_| ())
        };
        assert_eq!(
            stamp(&mut annotations, r#"{"SignedRFC3161Timestamp":"AA==","SignedRFC3161Timestamp":"AQ=="}"#),
            Err(Reason::Malformed)
        );
        for bad in ["no JSON", "{}", r#"{"SignedRFC3161Timestamp":7}"#, r#"{"SignedRFC3161Timestamp":"A A="}"#] {
            assert_eq!(stamp(&mut annotations, bad), Err(Reason::Malformed), "{bad}");
        }
        assert_eq!(stamp(&mut annotations, " \n"), Ok(()));
        let signature = annotations[simple_signing::SIGNATURE].clone();
        annotations.insert(simple_signing::SIGNATURE.into(), format!(" {signature}\n"));
        assert!(held(&key, false, &payload, &annotations, &claims(DIGEST)).is_ok());
        let large = vec![b' '; simple_signing::MAX_PAYLOAD + 1];
        assert_eq!(held(&key, false, &large, &annotations, &claims(DIGEST)), Err(Reason::TooLarge));
    }
}
