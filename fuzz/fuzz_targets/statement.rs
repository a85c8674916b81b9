//! In-toto statements: what is read is written and read as the same, and is of the artifacts that it names and of no other.
#![no_main]

use libfuzzer_sys::fuzz_target;
use plimsoll_trust::{Hash, Statement};

fuzz_target!(|data: &[u8]| {
    match Statement::from_json(data) {
        Ok(read) => {
            let again = Statement::from_json(&read.to_json()).expect("what is written is read");
            assert_eq!(again, read);
            assert!(!read.subjects.is_empty() && !read.predicate_type.is_empty());
            let named = |hex: &str| read.subjects.iter().any(|s| s.digests.get("sha256").is_some_and(|d| d == hex));
            let digest = Hash::Sha256.of(data);
            let hex: String = digest.iter().map(|b| format!("{b:02x}")).collect();
            assert_eq!(read.subject(Hash::Sha256, &digest).is_some(), named(&hex));
            assert_eq!(read.subject(Hash::Sha256, &[0xab; 32]).is_some(), named(&"ab".repeat(32)));
        }
        Err(refusal) => assert!(!refusal.message.is_empty(), "refused with words"),
    }
});
