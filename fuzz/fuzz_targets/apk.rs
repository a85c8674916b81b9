//! apk's database of what is installed.
#![no_main]

use libfuzzer_sys::fuzz_target;
use plimsoll_inventory::os::apk;

fuzz_target!(|data: &[u8]| {
    plimsoll_fuzz::database(data.len(), &apk::parse_installed("lib/apk/db/installed", data));
});
