//! Signatures of blobs: files that are signed as they are. In: bytes and a key; or a signature beside them and what is demanded. Out: a
//! signature, bare or as a bundle; or by whom it is.

use jiff::Timestamp;

use crate::artifact::Artifact;
use crate::certificate::Certificate;
use crate::json;
use crate::keys;
use crate::refusal::{Refusal, malformed};
use crate::signing::{self, Unsigned};
use crate::trusted_root::TrustMaterial;
use crate::verify::{Demand, Parts, SignedContent, Verified, verify_parts};

/// A bundle with the signature of `key` on these bytes, without an entry in a log.
///
/// # Errors
/// The key's keeper does not sign.
pub fn sign(key: &dyn keys::Signer, blob: &[u8]) -> Result<Vec<u8>, Refusal> {
    Ok(signing::sign(key, None, Unsigned::Message(blob))?.to_json().to_string().into_bytes())
}

/// What lies beside a bare signature, in files of their own, and proves it; none of it is believed yet.
#[derive(Clone, Debug, Default)]
pub struct Beside {
    /// The signer's certificate.
    pub certificate: Option<Certificate>,
    /// A proof that it was logged, as the log answered.
    pub sct: Option<Vec<u8>>,
    /// The answer of an authority of timestamps.
    pub timestamp: Option<Vec<u8>>,
}

/// The one certificate in a file: PEM, or that in base64, as Cosign writes it.
///
/// # Errors
/// `malformed` for what is none, or more than one; and as [`Certificate::from_der`].
pub fn certificate(text: &[u8]) -> Result<Certificate, Refusal> {
    let folded: Vec<u8> = text.iter().copied().filter(|byte| !byte.is_ascii_whitespace()).collect();
    let inner = std::str::from_utf8(&folded).ok().and_then(|text| json::base64(text, "a certificate").ok());
    match Certificate::all_from_pem(inner.as_deref().unwrap_or(text))?.as_slice() {
        [one] => Ok(one.clone()),
        _ => Err(malformed("more than one certificate where the signer's alone belongs")),
    }
}

/// The timestamp in a file: an authority's answer as it is, or in the JSON that Cosign keeps it in.
///
/// # Errors
/// `malformed`.
pub fn timestamp(bytes: &[u8]) -> Result<Vec<u8>, Refusal> {
    match bytes.first() {
        // A sequence of DER, as no object of JSON begins.
        Some(0x30) => Ok(bytes.to_vec()),
        _ => kept_timestamp(bytes, "the timestamp"),
    }
}

/// The timestamp in Cosign's JSON.
pub(crate) fn kept_timestamp(text: &[u8], what: &str) -> Result<Vec<u8>, Refusal> {
    json::bytes(&json::parse(text, what)?, "SignedRFC3161Timestamp", what)
}

/// A bare signature on these bytes, held to a demand. There is no entry of a log with it: a demand for one is not fulfilled.
///
/// # Errors
/// As [`verify_parts`].
pub fn verify(
    blob: &[u8],
    signature: &[u8],
    beside: &Beside,
    trust: &TrustMaterial,
    demand: &Demand,
    now: Timestamp,
) -> Result<Verified, Refusal> {
    let parts = Parts {
        certificate: beside.certificate.as_ref(),
        sct: beside.sct.as_deref(),
        content: SignedContent::Message(signature),
        entries: &[],
        proven: false,
        timestamps: beside.timestamp.as_slice(),
        stamped: None,
    };
    verify_parts(&parts, &Artifact::Bytes(blob), trust, demand, now)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bundle::Bundle;
    use crate::keys::{PrivateKey, Signer as _};
    use crate::public_key::PublicKey;
    use crate::refusal::Reason;
    use crate::verify::{Signer, Subject, verify_bundle};

    #[test]
    fn what_is_signed_is_verified_and_another_blob_or_key_is_refused() {
        let (key, other) = (PrivateKey::generate().unwrap(), PrivateKey::generate().unwrap());
        let demand = |key: &PrivateKey, log: bool| {
            let signer = Signer::Key(PublicKey::from_spki(key.spki()).unwrap());
            Demand { log, ..Demand::new(signer, Subject::Any) }
        };
        let (trust, now) = (TrustMaterial::production().unwrap(), Timestamp::UNIX_EPOCH);
        let bundle = Bundle::from_json(&sign(&key, b"blob").unwrap()).unwrap();
        let signature = key.sign(b"blob").unwrap();
        let held = |blob: &[u8], key: &PrivateKey, log: bool| {
            let demand = demand(key, log);
            let of_bundle = verify_bundle(&bundle, &Artifact::Bytes(blob), &trust, &demand, now);
            let bare = verify(blob, &signature, &Beside::default(), &trust, &demand, now);
            [of_bundle.map(drop).map_err(|why| why.reason), bare.map(drop).map_err(|why| why.reason)]
        };
        assert_eq!(held(b"blob", &key, false), [Ok(()), Ok(())]);
        assert_eq!(held(b"blab", &key, false), [Err(Reason::ArtifactMismatch), Err(Reason::SignatureInvalid)]);
        assert_eq!(held(b"blob", &other, false), [Err(Reason::SignatureInvalid), Err(Reason::SignatureInvalid)]);
        assert_eq!(held(b"blob", &key, true), [Err(Reason::LogEntryMissing), Err(Reason::LogEntryMissing)]);
    }

    #[test]
    fn files_beside_a_signature_are_read_in_their_two_forms_and_junk_in_none() {
        let trust = TrustMaterial::production().unwrap();
        let pem = trust.authorities[0].chain[0].to_pem();
        let coded = crate::dsse::encode(pem.as_bytes());
        for good in [pem.clone(), format!("{coded}\n"), format!("{}\n{}", &coded[..76], &coded[76..])] {
            assert_eq!(certificate(good.as_bytes()).unwrap().to_pem(), pem);
        }
        let twice = format!("{pem}{pem}");
        let (label, half) = (pem.replace("CERTIFICATE", "PUBLIC KEY"), &pem[..pem.len() / 2]);
        for bad in [
            "",
            "AAAA",
            "junk",
            &twice,
            &crate::dsse::encode(twice.as_bytes()),
            &crate::dsse::encode(coded.as_bytes()),
            &label,
            half,
        ] {
            assert_eq!(certificate(bad.as_bytes()).unwrap_err().reason, Reason::Malformed, "{bad:.20}");
        }
        assert!(certificate(&[0xff, 0x30]).is_err());
        assert_eq!(timestamp(&[0x30, 0]), Ok(vec![0x30, 0]));
        assert_eq!(timestamp(br#"{"SignedRFC3161Timestamp":"MAA="}"#), Ok(vec![0x30, 0]));
        for bad in [&b""[..], b"MAA=", b"{}", br#"{"SignedRFC3161Timestamp":"MAA=","SignedRFC3161Timestamp":"MAA="}"#] {
            assert_eq!(timestamp(bad).unwrap_err().reason, Reason::Malformed);
        }
    }
}
