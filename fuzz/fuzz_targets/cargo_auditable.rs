//! cargo-auditable's section in a program, and what is packed in it.
#![no_main]

use libfuzzer_sys::fuzz_target;
use plimsoll_inventory::binaries::cargo_auditable;

fuzz_target!(|data: &[u8]| {
    plimsoll_fuzz::read(data.len(), &cargo_auditable::parse(data));
    // A kilobyte of zlib may hold a megabyte of names: that has its own bound.
    let _ = cargo_auditable::list(data);
});
