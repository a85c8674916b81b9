//! dpkg's status, of a whole system and of one package, and the lists beside it.
#![no_main]

use libfuzzer_sys::fuzz_target;
use plimsoll_inventory::os::dpkg;

fuzz_target!(|data: &[u8]| {
    plimsoll_fuzz::database(data.len(), &dpkg::parse_status("var/lib/dpkg/status", data, false));
    plimsoll_fuzz::database(data.len(), &dpkg::parse_status("var/lib/dpkg/status.d/x", data, true));
    for sums in [false, true] {
        assert!(dpkg::listed_files(sums, data).map(str::len).sum::<usize>() <= data.len());
    }
});
