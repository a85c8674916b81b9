//! Checkpoints of logs, of both versions, in the bundles of seeds: one that is taken says what the log signed, whatever stands below.
#![no_main]

use libfuzzer_sys::fuzz_target;
use plimsoll_fuzz::trust;
use plimsoll_trust::{Artifact, Subject, verify_bundle};

fuzz_target!(|data: &[u8]| {
    let note = plimsoll_fuzz::text(data);
    let artifact = Artifact::Bytes(trust::ARTIFACT);
    for seed in [trust::LOGGED, trust::STAMPED] {
        let mut bundle = trust::bundle(seed);
        let proof = bundle.entries[0].proof.as_mut().expect("the seed has a proof");
        let signed = proof.checkpoint.replace(note.to_owned()).expect("the seed has a checkpoint");
        let (signed, _) = signed.split_once("\n\n").expect("a checkpoint has an empty line");
        for demand in trust::demands(Subject::Any) {
            if verify_bundle(&bundle, &artifact, trust::root(), demand, trust::now()).is_ok() {
                assert_eq!(note.rsplit_once("\n\n").map(|(text, _)| text), Some(signed));
            }
        }
    }
});
