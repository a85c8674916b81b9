//! Globs over image names.
#![no_main]

use libfuzzer_sys::fuzz_target;
use plimsoll_policy::glob::{is_everything, matches};

fuzz_target!(|data: &[u8]| {
    let [pattern, name] = plimsoll_fuzz::lines(data);
    let fits = matches(pattern, name);
    // Each star stands for nothing too, and a longer star for all that a short one does.
    if fits && pattern.len() < 200 {
        assert!(matches(&pattern.replace('*', "**"), name), "{pattern:?} {name:?}");
    }
    if is_everything(pattern) && pattern.len() < 200 {
        assert!(fits, "{pattern:?} {name:?}");
    }
    if !name.is_empty() && name.len() < 200 {
        assert!(matches(name, name) || name.contains('*'), "{name:?}");
    }
});
