//! Signatures of images as bundles. In: an image's digest and annotations, and a key; or a bundle and what is demanded. Out: a bundle
//! as Cosign 3 writes it; or what was signed and by whom. Where they lie is whoever calls to know.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde_json::Value;

use crate::artifact::Artifact;
use crate::bundle::{Bundle, MEDIA_TYPES};
use crate::keys;
use crate::public_key::{Hash, hex};
use crate::refusal::{Reason, Refusal};
use crate::signing::{self, Unsigned};
use crate::statement::{SIGNATURE, STATEMENT_V1};
use crate::trusted_root::TrustMaterial;
use crate::verify::{Demand, Verified, verify_bundle};

/// What the media types of all bundles begin with.
const MEDIA_TYPE_PREFIX: &str = "application/vnd.dev.sigstore.bundle";
/// The annotation of a referrer that says what its bundle holds. Nothing rests on it.
pub const CONTENT: (&str, &str) = ("dev.sigstore.bundle.content", "dsse-envelope");
/// The annotation of a referrer with the type of its predicate. Nothing rests on it.
pub const PREDICATE_TYPE: &str = "dev.sigstore.bundle.predicateType";

/// Whether a layer of this media type is a bundle, of whatever version: one that cannot be read is refused, and not passed over.
pub fn is_bundle(media_type: &str) -> bool {
    media_type.starts_with(MEDIA_TYPE_PREFIX)
}

/// The media type that is written.
pub const fn media_type() -> &'static str {
    MEDIA_TYPES[0].0
}

/// The statement that is the signature of the image whose SHA-256 is `digest`, with annotations where there are any.
pub fn statement(digest: &[u8; 32], annotations: &BTreeMap<String, String>) -> Vec<u8> {
    let annotations = match annotations.is_empty() {
        true => String::new(),
        false => format!(r#","annotations":{}"#, serde_json::json!(annotations)),
    };
    // Written by hand, for the order is part of what people compare.
    format!(
        r#"{{"_type":"{STATEMENT_V1}","subject":[{{"digest":{{"sha256":"{}"}}{annotations}}}],"predicateType":"{SIGNATURE}","predicate":{{}}}}"#,
        hex(digest)
    )
    .into_bytes()
}

/// A bundle with the signature of `key` on the image whose SHA-256 is `digest`, without an entry in a log.
///
/// # Errors
/// The key's keeper does not sign.
pub fn sign(
    key: &dyn keys::Signer,
    digest: &[u8; 32],
    annotations: &BTreeMap<String, String>,
) -> Result<Vec<u8>, Refusal> {
    let bundle = signing::sign(key, None, Unsigned::Statement(&statement(digest, annotations)))?;
    Ok(bundle.to_json().to_string().into_bytes())
}

/// A bundle held to a demand, on the image whose SHA-256 is `digest`, and to annotations of that image. Out: the annotations that are
/// there, and by whom it is signed.
///
/// # Errors
/// `annotation-mismatch`, and as [`Bundle::from_json`] and [`verify_bundle`].
pub fn verify(
    bundle: &[u8],
    digest: &[u8; 32],
    trust: &TrustMaterial,
    demand: &Demand,
    annotations: &BTreeMap<String, String>,
    now: Timestamp,
) -> Result<(BTreeMap<String, Value>, Verified), Refusal> {
    let bundle = Bundle::from_json(bundle)?;
    let verified = verify_bundle(&bundle, &Artifact::Digest(Hash::Sha256, digest.to_vec()), trust, demand, now)?;
    let subject = verified.statement.as_ref().and_then(|statement| statement.subject(Hash::Sha256, digest));
    let found = subject.map(|subject| subject.annotations.clone()).unwrap_or_default();
    for (key, wanted) in annotations {
        if found.get(key).and_then(Value::as_str) != Some(wanted) {
            return Err(Refusal::new(Reason::AnnotationMismatch, format!("the annotation {key:?} is not {wanted:?}")));
        }
    }
    Ok((found, verified))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dsse::{IN_TOTO, encode, pre_authentication_encoding};
    use crate::json;
    use crate::keys::{PrivateKey, Signer as _};
    use crate::public_key::PublicKey;
    use crate::verify::{Signer, Subject};

    const IMAGE: [u8; 32] = [7; 32];

    fn annotated() -> BTreeMap<String, String> {
        BTreeMap::from([("a".to_owned(), "b".to_owned())])
    }

    fn held(
        key: &PrivateKey,
        bundle: &[u8],
        digest: &[u8; 32],
        annotations: &BTreeMap<String, String>,
    ) -> Result<usize, Reason> {
        let signer = Signer::Key(PublicKey::from_spki(key.spki()).unwrap());
        let demand = Demand { log: false, ..Demand::new(signer, Subject::Signature) };
        let trust = TrustMaterial::production().unwrap();
        let found = verify(bundle, digest, &trust, &demand, annotations, Timestamp::UNIX_EPOCH);
        found.map(|(found, _)| found.len()).map_err(|refusal| refusal.reason)
    }

    /// A bundle of the key over any statement.
    fn of(key: &PrivateKey, statement: &str) -> Vec<u8> {
        let signature = key.sign(&pre_authentication_encoding(IN_TOTO, statement.as_bytes())).unwrap();
        let (payload, signature) = (encode(statement.as_bytes()), encode(&signature));
        format!(r#"{{"mediaType":"{}","verificationMaterial":{{"publicKey":{{"hint":""}}}},"dsseEnvelope":{{"payload":"{payload}","payloadType":"{IN_TOTO}","signatures":[{{"sig":"{signature}"}}]}}}}"#, media_type()).into_bytes()
    }

    #[test]
    fn what_is_signed_is_verified_with_its_annotations() {
        let key = PrivateKey::generate().unwrap();
        let bundle = sign(&key, &IMAGE, &annotated()).unwrap();
        assert_eq!(held(&key, &bundle, &IMAGE, &annotated()), Ok(1));
        assert_eq!(held(&key, &bundle, &IMAGE, &BTreeMap::new()), Ok(1));
        let plain = sign(&key, &IMAGE, &BTreeMap::new()).unwrap();
        assert_eq!(held(&key, &plain, &IMAGE, &BTreeMap::new()), Ok(0));
        assert_eq!(held(&key, &plain, &IMAGE, &annotated()), Err(Reason::AnnotationMismatch));
        let text = String::from_utf8(sign(&key, &IMAGE, &annotated()).unwrap()).unwrap();
        let value: Value = serde_json::from_str(&text).unwrap();
        let payload = json::base64(value["dsseEnvelope"]["payload"].as_str().unwrap(), "it").unwrap();
        assert_eq!(
            String::from_utf8(payload).unwrap(),
            format!(
                r#"{{"_type":"https://in-toto.io/Statement/v1","subject":[{{"digest":{{"sha256":"{}"}},"annotations":{{"a":"b"}}}}],"predicateType":"https://sigstore.dev/cosign/sign/v1","predicate":{{}}}}"#,
                "07".repeat(32)
            )
        );
    }

    #[test]
    fn cases_1_and_5_another_image_another_key_and_an_attestation_are_no_signature() {
        let (key, other) = (PrivateKey::generate().unwrap(), PrivateKey::generate().unwrap());
        let bundle = sign(&key, &IMAGE, &BTreeMap::new()).unwrap();
        assert_eq!(held(&key, &bundle, &[8; 32], &BTreeMap::new()), Err(Reason::ArtifactMismatch));
        assert_eq!(held(&other, &bundle, &IMAGE, &BTreeMap::new()), Err(Reason::SignatureInvalid));
        let subject =
            format!(r#""_type":"{STATEMENT_V1}","subject":[{{"digest":{{"sha256":"{}"}}}}]"#, "07".repeat(32));
        let attestation =
            of(&key, &format!(r#"{{{subject},"predicateType":"https://spdx.dev/Document","predicate":{{}}}}"#));
        assert_eq!(held(&key, &attestation, &IMAGE, &BTreeMap::new()), Err(Reason::NotASignature));
        let twice = of(
            &key,
            &format!(
                r#"{{{subject},"predicateType":"https://spdx.dev/Document","predicateType":"{SIGNATURE}","predicate":{{}}}}"#
            ),
        );
        assert_eq!(held(&key, &twice, &IMAGE, &BTreeMap::new()), Err(Reason::StatementMalformed));
        let signature = format!(r#"{{{subject},"predicateType":"{SIGNATURE}","predicate":{{}}}}"#);
        assert_eq!(held(&key, &of(&key, &signature), &IMAGE, &BTreeMap::new()), Ok(0));
        assert!(
            held(&key, &of(&key, &signature.replace(r#""}}]"#, r#""},"annotations":7}]"#)), &IMAGE, &BTreeMap::new())
                .is_err()
        );
    }

    #[test]
    fn case_22_a_second_signature_in_the_envelope_is_refused() {
        let key = PrivateKey::generate().unwrap();
        let bundle = String::from_utf8(sign(&key, &IMAGE, &BTreeMap::new()).unwrap()).unwrap();
        for more in [r#"[{"sig":"AAAA"},"#, r#"[{"sig":""},"#, "[null,"] {
            let two = bundle.replace("[{", &format!("{more}{{"));
            assert_eq!(held(&key, two.as_bytes(), &IMAGE, &BTreeMap::new()), Err(Reason::EnvelopeSignatures), "{two}");
        }
        let other = bundle.replace(IN_TOTO, "application/json");
        assert!(held(&key, other.as_bytes(), &IMAGE, &BTreeMap::new()).is_err());
    }
}
