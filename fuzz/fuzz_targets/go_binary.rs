//! Go's build information in programs of every form.
#![no_main]

use libfuzzer_sys::fuzz_target;
use plimsoll_inventory::binaries::{go, go_build_info};

fuzz_target!(|data: &[u8]| {
    let _ = go_build_info::build_info(data);
    plimsoll_fuzz::read(data.len(), &go::parse(data));
});
