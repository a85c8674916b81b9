//! Ranges as each ecosystem writes them.
#![no_main]

use libfuzzer_sys::fuzz_target;
use plimsoll_advisories::versions::expression::{npm_satisfies, satisfies, upper_bounds};
use plimsoll_model::Ecosystem;

fuzz_target!(|data: &[u8]| {
    let [version, expression] = plimsoll_fuzz::lines(data);
    for ecosystem in Ecosystem::ALL {
        let _ = satisfies(ecosystem, version, expression);
    }
    let _ = npm_satisfies(version, expression);
    let _ = upper_bounds(&[expression.to_owned()]);
});
