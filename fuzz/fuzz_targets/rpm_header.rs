//! One header of an rpm database, the names of source packages, and the list of packages that distroless images have.
#![no_main]

use libfuzzer_sys::fuzz_target;
use plimsoll_inventory::os::rpm;

fuzz_target!(|data: &[u8]| {
    if let Ok(Some(package)) = rpm::header::package(data) {
        // Package files are the only thing that repeats: a folder's name for each of its files.
        let files: usize = package.files.iter().map(String::len).sum();
        assert!(files <= 64 << 20, "{files} bytes of paths out of {}", data.len());
    }
    let _ = rpm::header::source_package(plimsoll_fuzz::text(data), None);
    plimsoll_fuzz::database(data.len(), &(rpm::MANIFEST.read)("container-manifest-2", data));
});
