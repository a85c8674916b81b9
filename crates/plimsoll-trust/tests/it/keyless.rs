//! Every case of the offline world, by the artifact's bytes and by its digest.

use std::collections::BTreeSet;

use plimsoll_trust::{Bundle, Reason, TimeSource};

use crate::cases::{self, Peer};
use crate::world::{SIGNED, Setup, make};

#[test]
fn each_case_is_judged_with_its_own_code() {
    let cases = cases::all();
    let mut wrong = Vec::new();
    for case in &cases {
        for by_digest in [false, true] {
            let outcome = case.judge(by_digest);
            let code = outcome.as_ref().map(|_| ()).map_err(|refusal| refusal.reason);
            if code != case.expected {
                wrong.push(format!("{} (by digest: {by_digest}): {outcome:?}", case.name));
            }
        }
    }
    assert!(wrong.is_empty(), "{} of {}:\n{}", wrong.len(), cases.len(), wrong.join("\n"));
    assert!(cases.len() >= 100, "{}", cases.len());
    let names: BTreeSet<_> = cases.iter().map(|case| case.name).collect();
    assert_eq!(names.len(), cases.len());
    assert!(cases.iter().filter(|case| case.peer == Peer::Agrees).count() >= 60);
}

#[test]
fn every_attack_of_bundles_has_a_case() {
    let cases = cases::all();
    for number in [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 20, 21, 22, 23, 24] {
        let prefix = format!("{number}-");
        assert!(cases.iter().any(|case| case.name.starts_with(&prefix) && case.expected.is_err()), "{number}");
    }
}

#[test]
fn what_verified_tells_who_signed_and_who_vouches_for_the_time() {
    let case = cases::all().into_iter().find(|case| case.name == "v1-with-timestamp").unwrap();
    let verified = case.judge(false).unwrap();
    let (_, name, issuer) = verified.identity.unwrap();
    assert_eq!((name.text(), issuer.as_str()), (crate::world::IDENTITY, crate::world::ISSUER));
    let times: Vec<_> = verified.times.iter().map(|(source, time)| (*source, time.as_second())).collect();
    assert_eq!(times, [(TimeSource::TimestampAuthority, SIGNED), (TimeSource::Log, SIGNED)]);
    assert_eq!(verified.log_indexes, [4_000_000_001]);
}

#[test]
fn bundles_are_written_as_they_are_read() {
    for version in ["0.1", "0.2", "0.3"] {
        for setup in [
            Setup::default(),
            Setup::v2(),
            Setup::statement("https://spdx.dev/Document"),
            Setup { managed: true, ..Setup::v2() },
        ] {
            let made = make(&Setup { version, ..setup });
            let read = Bundle::from_json(made.bundle.to_string().as_bytes()).unwrap();
            assert_eq!(read.to_json(), made.bundle);
        }
    }
}

#[test]
fn more_than_the_bounds_is_refused() {
    let mut made = make(&Setup::v2());
    let proofs = &mut made.bundle["verificationMaterial"];
    let token = proofs["timestampVerificationData"]["rfc3161Timestamps"][0].clone();
    proofs["timestampVerificationData"]["rfc3161Timestamps"] = vec![token; 33].into();
    assert_eq!(Bundle::from_json(made.bundle.to_string().as_bytes()).unwrap_err().reason, Reason::TooLarge);
    let mut made = make(&Setup::default());
    let entry = made.bundle["verificationMaterial"]["tlogEntries"][0].clone();
    made.bundle["verificationMaterial"]["tlogEntries"] = vec![entry; 33].into();
    assert_eq!(Bundle::from_json(made.bundle.to_string().as_bytes()).unwrap_err().reason, Reason::TooLarge);
}
