//! The tar format alone, checksums mended: names, pax and GNU headers, sparse files.
#![no_main]

use libfuzzer_sys::fuzz_target;
use plimsoll_inventory::archive::names::{normalise, readable};
use plimsoll_inventory::archive::tar::{EntryKind, TarReader};

fuzz_target!(|data: &[u8]| {
    let mut bytes = data.to_vec();
    plimsoll_fuzz::mend::tar(&mut bytes);
    let mut reader = TarReader::new(bytes.as_slice(), 1 << 20);
    let mut entries = 0;
    while let Ok(Some(entry)) = reader.next_entry() {
        entries += 1;
        assert!(entries <= bytes.len() / 512 + 1, "more entries than blocks");
        let _ = (normalise(&entry.name), readable(&entry.name));
        let mut given = 0u64;
        loop {
            match reader.data() {
                Ok([]) => {
                    // An entry of an unknown kind has bytes to skip and no size.
                    let file = entry.kind == EntryKind::File && !entry.too_sparse;
                    assert!(!file || given == entry.size, "{given} bytes of {}", entry.size);
                    break;
                }
                Ok(part) => given += part.len() as u64,
                Err(_) => return,
            }
        }
    }
});
