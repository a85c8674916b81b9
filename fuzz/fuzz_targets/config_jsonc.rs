//! JSON with comments: what is left is no longer than the text, and each byte's origin lies in it.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    let plain = plimsoll_config::jsonc::plain(data);
    assert!(plain.json.len() <= data.len());
    assert!((0..=plain.json.len()).all(|at| plain.origin(at) <= data.len()));
});
