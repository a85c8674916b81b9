//! Kubernetes manifests, Compose files and Dockerfiles: the images that they name.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let text = plimsoll_fuzz::text(data);
    let found = plimsoll_checks::manifest::named_images("k8s.yaml", text);
    plimsoll_fuzz::told(data.len(), &[], &found.problems);
    assert!(found.images.len() <= 1 << 20, "{} images", found.images.len());
});
