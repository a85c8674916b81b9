//! OSV records as JSON and as YAML.
#![no_main]

use libfuzzer_sys::fuzz_target;
use plimsoll_advisories::feeds::osv;

fuzz_target!(|data: &[u8]| {
    for read in [osv::read_json, osv::read_yaml] {
        let records = read("a.json", data);
        plimsoll_fuzz::told(data.len(), &[], &records.problems);
    }
});
