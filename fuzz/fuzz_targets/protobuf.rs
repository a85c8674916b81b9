//! containerd's answers.
#![no_main]

use libfuzzer_sys::fuzz_target;
use plimsoll_sources::engine::{containerd, protobuf};

fuzz_target!(|data: &[u8]| {
    if let Some(fields) = protobuf::fields(data) {
        assert!(fields.len() <= data.len());
    }
    let _ = containerd::image_target(data);
});
