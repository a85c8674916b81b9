//! Signatures of the classic form. In: a layer's payload and annotations, what is trusted, what is demanded, the time. Out: what was
//! signed and by whom, or a refusal. What it does not do: believe an annotation: a certificate that lies beside a payload says nothing
//! where a key is demanded, and its issuers come from the trusted root alone.

use std::collections::BTreeMap;

use jiff::Timestamp;

use crate::artifact::Artifact;
use crate::certificate::Certificate;
use crate::json;
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

/// The signature over `payload` that a layer's annotations hold, held to a demand and to claims. Out: what was signed, and by whom.
///
/// # Errors
/// `malformed` and `too-large` for what cannot be read; `artifact-mismatch` and `annotation-mismatch` where it says something else; and
/// as [`verify_parts`].
pub fn verify(
    payload: &[u8],
    annotations: &BTreeMap<String, String>,
    trust: &TrustMaterial,
    demand: &Demand,
    claims: &Claims,
    now: Timestamp,
) -> Result<(SimpleSigning, Verified), Refusal> {
    let text = |name: &str| annotations.get(name).map(String::as_str).filter(|text| !text.is_empty());
    let signature = text(simple_signing::SIGNATURE);
    let signature = signature.ok_or_else(|| malformed("the layer has no signature among its annotations"))?;
    let signature = json::base64(signature, "the signature among the layer's annotations")?;
    if payload.len() > simple_signing::MAX_PAYLOAD {
        let why = format!("the signed payload has more than {} bytes", simple_signing::MAX_PAYLOAD);
        return Err(Refusal::new(Reason::TooLarge, why));
    }
    let certificate = match (&demand.signer, text(simple_signing::CERTIFICATE)) {
        (Signer::Key(_), _) | (Signer::Keyless(_), None) => None,
        (Signer::Keyless(_), Some(pem)) => match Certificate::all_from_pem(pem.as_bytes())?.as_slice() {
            [one] => Some(one.clone()),
            _ => return Err(malformed("more than one certificate of the signer among the layer's annotations")),
        },
    };
    let entry = text(simple_signing::BUNDLE).filter(|_| demand.log);
    let entry = entry.map(|entry| Entry::from_annotation(entry.as_bytes())).transpose()?;
    let timestamp = text(simple_signing::TIMESTAMP).map(|stamp| {
        let what = "the timestamp among the layer's annotations";
        json::bytes(&json::parse(stamp.as_bytes(), what)?, "SignedRFC3161Timestamp", what)
    });
    let timestamp = timestamp.transpose()?;
    let parts = Parts {
        certificate: certificate.as_ref(),
        content: SignedContent::Message(&signature),
        entries: entry.as_slice(),
        proven: false,
        timestamps: timestamp.as_slice(),
        stamped: None,
    };
    let verified = verify_parts(&parts, &Artifact::Bytes(payload), trust, demand, now)?;
    let read = SimpleSigning::parse(payload)?;
    if let Some(digest) = &claims.digest {
        read.holds(digest, &claims.annotations)?;
    }
    Ok((read, verified))
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
        let signature = crate::dsse::encode(&key.sign(&payload).unwrap());
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
        verify(payload, annotations, &trust, &demand, claims, Timestamp::UNIX_EPOCH)
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
        let body = crate::dsse::encode(br#"{"apiVersion":"0.0.1","kind":"hashedrekord","spec":{}}"#);
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
                assert!(verify(&payload, &smuggled, &trust, &demand, &claims(DIGEST), Timestamp::UNIX_EPOCH).is_err());
            }
        }
    }
}
