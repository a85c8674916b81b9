//! Trust policies of the Notary Project, distinguished names and files of trust stores: whatever is read can be asked, and a name covers
//! itself.
#![no_main]

use libfuzzer_sys::fuzz_target;
use plimsoll_trust::notation::{DistinguishedName, Document, StoreKind, anchors};

fuzz_target!(|data: &[u8]| {
    if let Ok(document) = Document::from_json(data) {
        let _ = document.statement("registry.example.com/shop/web");
    }
    if let Ok(text) = std::str::from_utf8(data)
        && let Ok(name) = DistinguishedName::parse(text)
    {
        assert!(name.covers(&name));
    }
    for kind in StoreKind::ALL {
        let _ = anchors(kind, data);
    }
});
