//! Certificates: what is read is written and read as the same, and every part has a value or a refusal.
#![no_main]

use libfuzzer_sys::fuzz_target;
use plimsoll_trust::{CLAIMS, Certificate};

fuzz_target!(|data: &[u8]| {
    let Ok(certificate) = Certificate::from_der(data) else { return };
    assert_eq!(certificate.der(), data);
    assert_eq!(Certificate::all_from_pem(certificate.to_pem().as_bytes()), Ok(vec![certificate.clone()]));
    if let Ok(name) = certificate.name() {
        assert!(!name.text().chars().any(char::is_control));
    }
    let _ = certificate.issuer_of_identity();
    for claim in CLAIMS {
        let _ = certificate.claim(claim.number);
    }
    let (from, until) = certificate.validity();
    assert_eq!(certificate.valid_at(from) && certificate.valid_at(until), from <= until);
});
