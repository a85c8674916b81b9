//! Java archives: the zip directory, archives in archives, manifests, properties, file names.
#![no_main]

use libfuzzer_sys::fuzz_target;
use plimsoll_inventory::languages::{jar, jar_names, zip};

fuzz_target!(|data: &[u8]| {
    if let Ok(archive) = zip::Archive::open(data) {
        for member in archive.members().flatten().take(64) {
            if let Ok(bytes) = member.unpack(1 << 20) {
                assert!(bytes.len() <= 1 << 20);
            }
        }
    }
    let _ = jar::parse(data, "app/a-1.0.jar");
    let text = plimsoll_fuzz::text(data);
    let manifest = jar_names::manifest(text);
    let _ = (jar_names::guess(text, &manifest), jar_names::file_name(text), jar::outermost(text));
});
