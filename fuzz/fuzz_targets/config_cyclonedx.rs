//! CycloneDX in XML, as policies see it: values are finite and bounded in depth, places of faults lie in the text.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| plimsoll_fuzz::config::read("cyclonedx", data));
