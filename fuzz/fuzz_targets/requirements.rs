//! pip's requirements files.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| plimsoll_fuzz::reader("requirements-txt", "requirements.txt", data));
