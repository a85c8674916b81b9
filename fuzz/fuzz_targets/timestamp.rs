//! Answers of timestamp authorities: no bytes but the seeds' own give a time.
#![no_main]

use libfuzzer_sys::fuzz_target;
use plimsoll_fuzz::trust;
use plimsoll_trust::{Artifact, Parts, SignedContent, Subject, TimeSource, verify_parts};

fuzz_target!(|data: &[u8]| {
    let timestamps = [data.to_vec()];
    let parts = Parts {
        certificate: None,
        content: SignedContent::Message(b"a signature"),
        entries: &[],
        proven: true,
        timestamps: &timestamps,
        stamped: Some(b"what nobody stamped"),
    };
    for demand in trust::demands(Subject::Any) {
        let verified = verify_parts(&parts, &Artifact::Bytes(trust::ARTIFACT), trust::root(), demand, trust::now());
        let times = verified.map(|v| v.times).unwrap_or_default();
        assert!(times.iter().all(|(source, _)| *source != TimeSource::TimestampAuthority));
    }
});
