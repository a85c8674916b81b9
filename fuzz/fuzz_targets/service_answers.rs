//! What services answer whoever signs: entries of both versions of the log, certificates, tokens of identity, signing configurations,
//! public halves and signatures of keys in Vault.
//! What is read is what it says, and no entry is read that is not written and read again as the same.
#![no_main]

use std::sync::OnceLock;

use libfuzzer_sys::fuzz_target;
use plimsoll_fuzz::trust;
use plimsoll_sources::vault::answer;
use plimsoll_trust::keys::Signer as _;
use plimsoll_trust::signing::{self, IdentityToken, LogVersion, SigningConfig};
use plimsoll_trust::{Bundle, PrivateKey};

fuzz_target!(|data: &[u8]| {
    for version in [LogVersion::V1, LogVersion::V2] {
        let Ok(entry) = signing::entry(data, version) else { continue };
        let mut bundle = trust::bundle(trust::LOGGED);
        bundle.entries = vec![entry];
        let again = Bundle::from_json(bundle.to_json().to_string().as_bytes());
        // A time of zero is none in a bundle.
        if bundle.entries[0].integrated != Some(0) {
            assert_eq!(again, Ok(bundle));
        }
    }
    if let Ok(token) = IdentityToken::parse(plimsoll_fuzz::text(data)) {
        assert!(!token.subject().is_empty() && !token.text().contains(char::is_whitespace));
        assert!(!format!("{token:?}").contains(token.text()));
    }
    static KEY: OnceLock<(PrivateKey, IdentityToken)> = OnceLock::new();
    let (key, token) = KEY.get_or_init(|| {
        let token = IdentityToken::parse("e30.eyJzdWIiOiJhIn0.AAAA").expect("a token");
        (PrivateKey::generate().expect("a key"), token)
    });
    if let Ok(certificate) = signing::certificate(data, token, key) {
        assert_eq!(certificate.key().spki(), key.spki());
    }
    if let Ok(key) = answer::key(data, None) {
        assert_eq!(answer::key(data, Some(key.version)), Ok(key));
    }
    let _ = answer::signature(data, 1);
    if let Ok(config) = SigningConfig::from_json(data) {
        let logs = config.logs(trust::now()).unwrap_or_default();
        assert!(logs.windows(2).all(|pair| pair[0].1 == pair[1].1), "logs of one version alone");
    }
});
