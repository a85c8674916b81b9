//! Package URLs: what is written is read again as the same.
#![no_main]

use libfuzzer_sys::fuzz_target;
use plimsoll_inventory::sboms::purls;
use plimsoll_model::purl::PackageUrl;

fuzz_target!(|data: &[u8]| {
    let Some(url) = PackageUrl::parse(plimsoll_fuzz::text(data)) else { return };
    let shown = url.to_string();
    let again = PackageUrl::parse(&shown).map(|url| url.to_string());
    assert_eq!(again.as_deref(), Some(shown.as_str()));
    let _ = (purls::package(&url, "fuzz"), purls::distro(&url));
});
