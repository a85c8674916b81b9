//! Names of images, digests and platforms: what is written is read again as the same.
#![no_main]

use libfuzzer_sys::fuzz_target;
use plimsoll_model::{Digest, ImageReference, Platform};

fuzz_target!(|data: &[u8]| {
    let text = plimsoll_fuzz::text(data);
    if let Ok(reference) = text.parse::<ImageReference>() {
        let shown = reference.to_string();
        let again: ImageReference = shown.parse().unwrap_or_else(|error| panic!("{shown:?}: {error}"));
        assert_eq!(again.to_string(), shown);
        assert_eq!((again.registry(), again.repository()), (reference.registry(), reference.repository()));
        assert_eq!((again.tag(), again.digest()), (reference.tag(), reference.digest()));
    }
    if let Ok(digest) = text.parse::<Digest>() {
        assert_eq!(digest.to_string().parse::<Digest>().ok(), Some(digest));
    }
    if let Some(platform) = Platform::parse(text) {
        assert_eq!(Platform::parse(&platform.to_string()), Some(platform));
    }
});
