//! Trusted roots: what is read holds keys and certificates that are read again as the same, and a root under which a seed is good
//! trusts the log that holds it and the authority that issued its certificate.
#![no_main]

use libfuzzer_sys::fuzz_target;
use plimsoll_fuzz::trust;
use plimsoll_trust::{Artifact, Certificate, PublicKey, Subject, TrustMaterial, verify_bundle};

fuzz_target!(|data: &[u8]| {
    let root = match TrustMaterial::from_json(data) {
        Ok(root) => root,
        Err(refusal) => {
            assert!(!refusal.message.is_empty(), "refused with words");
            return;
        }
    };
    for key in root.logs.iter().chain(&root.certificate_logs).filter_map(|log| log.key.as_ref()) {
        assert_eq!(PublicKey::from_spki(key.spki()).as_ref(), Ok(key));
    }
    for certificate in root.authorities.iter().chain(&root.timestamp_authorities).flat_map(|one| &one.chain) {
        assert_eq!(Certificate::from_der(certificate.der()).as_ref(), Ok(certificate));
    }
    let artifact = Artifact::Bytes(trust::ARTIFACT);
    for seed in [trust::LOGGED, trust::STAMPED] {
        let bundle = trust::bundle(seed);
        let demand = &trust::demands(Subject::Any)[0];
        if verify_bundle(&bundle, &artifact, &root, demand, trust::now()).is_ok() {
            let known = |root: &TrustMaterial| {
                let log = root.logs.iter().find(|log| log.id == bundle.entries[0].log && log.key.is_some());
                log.map(|log| log.key.clone())
            };
            assert_eq!(known(&root), known(trust::root()));
            assert!(root.authorities.iter().any(|one| trust::root().authorities.iter().any(|own| own.chain[0] == one.chain[0])));
        }
    }
});
