//! Signatures of blobs: files that are signed as they are. In: bytes and a key; or a signature beside them and what is demanded. Out: a
//! signature, bare or as a bundle; or by whom it is.

use jiff::Timestamp;

use crate::artifact::Artifact;
use crate::keys;
use crate::refusal::Refusal;
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

/// A bare signature on these bytes, held to a demand. There is no entry of a log with it: a demand for one is not fulfilled.
///
/// # Errors
/// As [`verify_parts`].
pub fn verify(
    blob: &[u8],
    signature: &[u8],
    trust: &TrustMaterial,
    demand: &Demand,
    now: Timestamp,
) -> Result<Verified, Refusal> {
    let parts = Parts {
        certificate: None,
        content: SignedContent::Message(signature),
        entries: &[],
        proven: false,
        timestamps: &[],
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
            let bare = verify(blob, &signature, &trust, &demand, now);
            [of_bundle.map(drop).map_err(|why| why.reason), bare.map(drop).map_err(|why| why.reason)]
        };
        assert_eq!(held(b"blob", &key, false), [Ok(()), Ok(())]);
        assert_eq!(held(b"blab", &key, false), [Err(Reason::ArtifactMismatch), Err(Reason::SignatureInvalid)]);
        assert_eq!(held(b"blob", &other, false), [Err(Reason::SignatureInvalid), Err(Reason::SignatureInvalid)]);
        assert_eq!(held(b"blob", &key, true), [Err(Reason::LogEntryMissing), Err(Reason::LogEntryMissing)]);
    }
}
