//! Bundles of Sigstore: what is read is written and read as the same, and whatever is judged has an answer. The trusted root is that of
//! the seeds, so that what comes behind its signatures is reached.
#![no_main]

use libfuzzer_sys::fuzz_target;
use plimsoll_fuzz::trust;
use plimsoll_trust::{Artifact, Bundle, Hash, Subject, verify_bundle};

fuzz_target!(|data: &[u8]| {
    let Ok(bundle) = Bundle::from_json(data) else { return };
    assert_eq!(Bundle::from_json(bundle.to_json().to_string().as_bytes()).as_ref(), Ok(&bundle));
    for demand in trust::demands(Subject::Any) {
        let whole = verify_bundle(&bundle, &Artifact::Bytes(trust::ARTIFACT), trust::root(), demand, trust::now());
        let digest = Artifact::Digest(Hash::Sha256, Hash::Sha256.of(trust::ARTIFACT));
        let by_digest = verify_bundle(&bundle, &digest, trust::root(), demand, trust::now());
        assert_eq!(whole.is_ok(), by_digest.is_ok(), "{whole:?}\n{by_digest:?}");
    }
});
