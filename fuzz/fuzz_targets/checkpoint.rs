//! Checkpoints of logs: a text that no log signed makes no entry good.
#![no_main]

use libfuzzer_sys::fuzz_target;
use plimsoll_fuzz::trust;
use plimsoll_trust::{Artifact, Entry, Hash, Parts, Proof, SignedContent, Subject, verify_parts};

fuzz_target!(|data: &[u8]| {
    let note = plimsoll_fuzz::text(data);
    let body = b"{}".to_vec();
    let root: [u8; 32] = Hash::Sha256.of(b"\0{}").try_into().unwrap_or_default();
    for log in &trust::root().logs {
        let proof = Proof { index: 0, size: 1, root, hashes: Vec::new(), checkpoint: Some(note.to_owned()) };
        let version = if log.base_url.contains("log.") { "0.0.2" } else { "0.0.1" };
        let entry = Entry {
            index: 0,
            log: log.id.clone(),
            kind: ("hashedrekord".to_owned(), version.to_owned()),
            integrated: None,
            promise: None,
            proof: Some(proof),
            body: body.clone(),
        };
        let parts = Parts {
            certificate: None,
            content: SignedContent::Message(b"a signature"),
            entries: std::slice::from_ref(&entry),
            proven: true,
            timestamps: &[],
            stamped: None,
        };
        for demand in trust::demands(Subject::Any) {
            let artifact = Artifact::Bytes(trust::ARTIFACT);
            assert!(verify_parts(&parts, &artifact, trust::root(), demand, trust::now()).is_err());
        }
    }
});
