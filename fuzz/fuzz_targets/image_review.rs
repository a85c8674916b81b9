//! An `ImageReview` by every road: read, decided with verdicts of every kind, answered.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| plimsoll_fuzz::review::answered(data));
