//! Lines of a watch on a kind: whatever an API server, or who is in its place, says.
#![no_main]

use libfuzzer_sys::fuzz_target;
use plimsoll_sources::cluster::follow::{Wanted, line_of_watch};

fuzz_target!(|data: &[u8]| {
    for (namespaced, namespace) in [(true, None), (false, None), (true, Some("shop".to_owned()))] {
        let wanted = Wanted { api_version: "v1".to_owned(), kind: "ConfigMap".to_owned(), namespace };
        assert!(line_of_watch(&wanted, namespaced, data) <= 1);
    }
});
