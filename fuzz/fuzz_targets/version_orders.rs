//! Every version order: three versions, the laws of an order, and Go's releases.
#![no_main]

use libfuzzer_sys::fuzz_target;
use plimsoll_advisories::versions::{ORDERS, go, order};

fuzz_target!(|data: &[u8]| {
    let [a, b, c] = plimsoll_fuzz::lines(data);
    for order in ORDERS {
        plimsoll_fuzz::laws(order, a, b, c);
    }
    if let (Ok(release), Some(semver)) = (go::release_to_semver(a), order("semver")) {
        assert!(semver.check(&release).is_ok(), "{a:?} became {release:?}");
    }
});
