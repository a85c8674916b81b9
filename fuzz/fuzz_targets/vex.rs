//! VEX documents in their three forms.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let (_, problems) = plimsoll_policy::read_vex("vex.json", data);
    plimsoll_fuzz::told(data.len(), &[], &problems);
});
