//! go.mod and the go.sum beside it.
#![no_main]

use libfuzzer_sys::fuzz_target;
use plimsoll_inventory::lockfiles::gomod;

fuzz_target!(|data: &[u8]| {
    let [go_mod, go_sum] = plimsoll_fuzz::parts(data);
    plimsoll_fuzz::read(data.len(), &gomod::parse(go_mod, Some(go_sum)));
    plimsoll_fuzz::read(data.len(), &gomod::parse(data, None));
});
