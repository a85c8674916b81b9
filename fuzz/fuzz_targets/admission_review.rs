//! An `AdmissionReview` by every road: read, decided with verdicts of every kind, answered. A target of its own, so that
//! its corpus is.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| plimsoll_fuzz::review::answered(data));
