//! What registries and archives say of an image: manifests, indexes, configurations, docker's manifest.json.
#![no_main]

use libfuzzer_sys::fuzz_target;
use plimsoll_model::Platform;
use plimsoll_sources::local::docker::saved_images;
use plimsoll_sources::oci::config::image_config;
use plimsoll_sources::oci::manifest::{Document, document, layout_index};
use plimsoll_sources::oci::platform::pick;

fuzz_target!(|data: &[u8]| {
    for media_type in ["", "application/vnd.oci.image.manifest.v1+json", "application/vnd.oci.image.index.v1+json"] {
        if let Ok(Document::Index(index)) = document("it", data, media_type) {
            for wanted in [None, Platform::parse("linux/arm/v7")] {
                let _ = pick("it", &index, wanted.as_ref());
            }
        }
    }
    let _ = layout_index("it", data);
    let _ = image_config("it", data);
    let _ = saved_images("it", data);
});
