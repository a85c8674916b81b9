//! A whole image of one or two layers as they are stored: decompression, tar, whiteouts, links, every reader.
#![no_main]

use libfuzzer_sys::fuzz_target;

// The bytes as they are; then, where they are a plain tar, with checksums that fit and the second half as a layer above.
fuzz_target!(|data: &[u8]| {
    let read = plimsoll_fuzz::image(&[data]);
    assert!(!read.layers.is_empty());
    if data.get(257..262) == Some(b"ustar") {
        let mut mended = data.to_vec();
        plimsoll_fuzz::mend::tar(&mut mended);
        let half = mended.len() / 1024 * 512;
        let (lower, upper) = mended.split_at(half);
        plimsoll_fuzz::image(&[lower, upper]);
        plimsoll_fuzz::image(&[&mended]);
    }
});
