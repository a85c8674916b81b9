//! Bills of materials: CycloneDX, SPDX in both forms, attestations around them.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    if let Ok(read) = plimsoll_inventory::read_sbom(data, "bill") {
        plimsoll_fuzz::told(data.len(), &read.inventory.packages, &read.inventory.problems);
    }
});
