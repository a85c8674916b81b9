//! Answers of timestamp authorities, in the bundle of a seed whose log gives no time: what is taken for one is of the time at which the
//! seed was stamped, and never of another signature.
#![no_main]

use libfuzzer_sys::fuzz_target;
use plimsoll_fuzz::trust;
use plimsoll_trust::{Artifact, Subject, TimeSource, verify_bundle};

fuzz_target!(|data: &[u8]| {
    let artifact = Artifact::Bytes(trust::ARTIFACT);
    for (seed, is_stamped) in [(trust::STAMPED, true), (trust::LOGGED, false)] {
        let mut bundle = trust::bundle(seed);
        bundle.timestamps = vec![data.to_vec()];
        for demand in trust::demands(Subject::Any) {
            let verified = verify_bundle(&bundle, &artifact, trust::root(), demand, trust::now());
            let times = verified.map(|verified| verified.times).unwrap_or_default();
            for (_, time) in times.iter().filter(|(source, _)| *source == TimeSource::TimestampAuthority) {
                assert!(is_stamped, "a timestamp of another signature was taken");
                assert_eq!(*time, trust::now());
            }
        }
    }
});
