//! poetry.lock and the pyproject.toml beside it.
#![no_main]

use libfuzzer_sys::fuzz_target;
use plimsoll_inventory::lockfiles::poetry;

fuzz_target!(|data: &[u8]| {
    let [lock, project] = plimsoll_fuzz::parts(data);
    plimsoll_fuzz::read(data.len(), &poetry::parse(lock, Some(project)));
    plimsoll_fuzz::read(data.len(), &poetry::parse(data, None));
});
