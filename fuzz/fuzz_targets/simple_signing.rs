//! The payload of a classic signature → what it says: as it is written, it is read again, and says the same of the same image alone.
#![no_main]

use std::collections::BTreeMap;

use libfuzzer_sys::fuzz_target;
use plimsoll_trust::SimpleSigning;

fuzz_target!(|payload: &[u8]| {
    match SimpleSigning::parse(payload) {
        Ok(read) => {
            let written = read.render();
            let again = SimpleSigning::parse(&written).expect("what is written is read");
            assert_eq!((again.digest(), again.reference(), again.render()), (read.digest(), read.reference(), written));
            let none = BTreeMap::new();
            assert!(read.holds(read.digest(), &none).is_ok());
            assert!(read.holds(&format!("{}0", read.digest()), &none).is_err());
        }
        Err(refusal) => assert!(!refusal.message.is_empty(), "refused with words"),
    }
});
