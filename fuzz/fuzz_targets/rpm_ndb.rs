//! rpm's database, the ndb form, down to its headers.
#![no_main]

use libfuzzer_sys::fuzz_target;
use plimsoll_inventory::os::rpm;

fuzz_target!(|data: &[u8]| {
    plimsoll_fuzz::database(data.len(), &(rpm::NDB.read)("rpmdb", data));
});
