//! The policy document: parsed, shown, parsed again.
#![no_main]

use libfuzzer_sys::fuzz_target;
use plimsoll_policy::{Known, effective, parse, remarks};

fuzz_target!(|data: &[u8]| {
    let known = Known {
        footprint_rules: &["runs-as-root", "latest-tag"],
        workload_rules: &["privileged-container", "shell-form-command"],
    };
    match parse("loadline.yaml", data, &known) {
        Ok(policy) => {
            let shown = effective(&policy);
            let again = parse("shown.yaml", shown.as_bytes(), &known);
            assert!(again.is_ok(), "what we show is not what we read: {:?}\n{shown}", again.err());
            let _ = remarks(&policy, jiff::Timestamp::UNIX_EPOCH);
        }
        Err(error) => assert!(!error.to_string().is_empty()),
    }
});
