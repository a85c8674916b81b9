//! package-lock.json in its three versions.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| plimsoll_fuzz::reader("npm-lock", "package-lock.json", data));
