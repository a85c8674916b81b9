//! Every other feed: Debian's list and tracker, Alpine, RustSec, known exploited, EPSS. All read the same bytes.
#![no_main]

use libfuzzer_sys::fuzz_target;
use plimsoll_advisories::feeds::{FEEDS, feed_of};

fuzz_target!(|data: &[u8]| {
    for feed in FEEDS.iter().filter(|feed| !feed.id.starts_with("osv")) {
        let records = (feed.read)("v3.19/main.yaml", data);
        plimsoll_fuzz::told(data.len(), &[], &records.problems);
    }
    let _ = feed_of("data/DSA/list", data);
});
