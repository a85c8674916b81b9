//! A key's file → a private key, or words: read again as it is written, and what its public half takes is what it signs.
#![no_main]

use libfuzzer_sys::fuzz_target;
use plimsoll_trust::keys::{self, Signer as _};
use plimsoll_trust::{PrivateKey, PublicKey};

fuzz_target!(|file: &[u8]| {
    let read = match keys::is_encrypted(file) {
        // Under the password of the seeds.
        true => keys::open(file, b"pw"),
        false => PrivateKey::from_pem(file).or_else(|_| PrivateKey::from_pkcs8(file)),
    };
    match read {
        Ok(key) => {
            let again = PrivateKey::from_pkcs8(key.pkcs8()).expect("what is written is read");
            assert_eq!(again.spki(), key.spki());
            let public = PublicKey::from_pem(key.public_pem().as_bytes()).expect("a key has a public half");
            let signature = key.sign(file).expect("a key in memory signs");
            public.verify(file, &signature).expect("what a key signs its public half takes");
        }
        Err(refusal) => assert!(!refusal.message.is_empty(), "refused with words"),
    }
});
