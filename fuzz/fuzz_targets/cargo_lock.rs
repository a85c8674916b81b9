//! Cargo.lock, alone and with its Cargo.toml beside it.
#![no_main]

use libfuzzer_sys::fuzz_target;
use plimsoll_inventory::{READERS, ReadInput};

fuzz_target!(|data: &[u8]| {
    plimsoll_fuzz::reader("cargo-lock", "Cargo.lock", data);
    let [lock, manifest, member] = plimsoll_fuzz::parts(data);
    let companions = [("Cargo.toml", manifest), ("a/Cargo.toml", member)].into();
    let reader = READERS.iter().find(|reader| reader.id == "cargo-lock").expect("it is registered");
    let output = (reader.read)(&ReadInput { path: "Cargo.lock", bytes: lock, companions: &companions });
    plimsoll_fuzz::read(data.len(), &output);
});
