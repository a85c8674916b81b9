//! Envelopes of the Notary Project: whatever is read has a chain and an artifact, and whatever is judged has an answer, which no level
//! that tells more can turn into a refusal.
#![no_main]

use std::collections::BTreeMap;

use libfuzzer_sys::fuzz_target;
use plimsoll_fuzz::trust;
use plimsoll_trust::notation::{
    Envelope, Identities, JWS, Level, Statement, Stores, Target, VerifyTimestamp, verify,
};

fuzz_target!(|data: &[u8]| {
    let read = Envelope::read(JWS, data);
    if let Ok(envelope) = &read {
        assert!(!envelope.chain().is_empty() && !envelope.signature().is_empty());
        envelope.chain().iter().for_each(|one| drop((one.subject_words(), one.issuer_words())));
    }
    let chain = read.as_ref().map(|envelope| envelope.chain().to_vec()).unwrap_or_default();
    let digest = read.as_ref().map(|envelope| envelope.target().1.to_owned()).unwrap_or_default();
    let stamped = read.as_ref().is_ok_and(|envelope| envelope.timestamp().is_some());
    let tsa = stamped.then(|| Ok(chain.clone()));
    let stores = Stores { ca: Ok(chain.clone()), signing_authority: Ok(chain), tsa };
    let held = |level| {
        let statement = Statement {
            name: "a".into(),
            scopes: vec!["*".into()],
            level: Some(level),
            verify_timestamp: VerifyTimestamp::Always,
            stores: vec![],
            identities: Identities::Any,
        };
        let target = Target { digest: &digest, media_type: None, size: None };
        verify(JWS, data, &target, &statement, &stores, &BTreeMap::new(), trust::now()).is_ok()
    };
    let [strict, permissive, audit] = [Level::STRICT, Level::PERMISSIVE, Level::AUDIT].map(held);
    assert!(strict <= permissive && permissive <= audit && audit <= read.is_ok());
});
