//! Pinning: the tag that was judged becomes the digest that was judged. In: decisions. Out: a JSON Patch (RFC 6902) that
//! leaves the user's spelling and adds the digest. What it does not do: touch what has a digest already, so a second
//! time gives nothing.

use plimsoll_model::{Digest, ImageReference};
use serde::Serialize;

use crate::answer::ImageDecision;

#[derive(Serialize)]
struct Replace<'a> {
    op: &'static str,
    path: &'a str,
    value: &'a str,
}

/// The patch for these images; none when there is nothing to change.
pub(crate) fn patch(images: &[ImageDecision<'_>]) -> Option<Vec<u8>> {
    let pinned: Vec<(&ImageDecision<'_>, String)> = images
        .iter()
        .filter_map(|decision| Some((decision, pinned(&decision.image.image, decision.pin_to?)?)))
        .collect();
    let ops: Vec<Replace<'_>> = pinned
        .iter()
        .flat_map(|(decision, value)| {
            decision.image.containers.iter().filter(|c| !c.pointer.is_empty()).map(move |container| Replace {
                op: "replace",
                path: &container.pointer,
                value,
            })
        })
        .collect();
    if ops.is_empty() {
        return None;
    }
    // Texts alone always serialise.
    serde_json::to_vec(&ops).ok()
}

/// The user's text with the digest behind it. None where it has one, or where the result would not be an image.
fn pinned(image: &str, digest: &str) -> Option<String> {
    if image.contains('@') {
        return None;
    }
    digest.parse::<Digest>().ok()?;
    let pinned = format!("{image}@{digest}");
    pinned.parse::<ImageReference>().ok().map(|_| pinned)
}

#[cfg(test)]
mod tests {
    use super::*;

    const DIGEST: &str = "sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";

    #[test]
    fn a_pin_keeps_the_spelling_and_the_tag() {
        assert_eq!(pinned("nginx:1.21", DIGEST), Some(format!("nginx:1.21@{DIGEST}")));
        assert_eq!(pinned("nginx", DIGEST), Some(format!("nginx@{DIGEST}")));
        assert_eq!(pinned("localhost:5000/a", DIGEST), Some(format!("localhost:5000/a@{DIGEST}")));
    }

    #[test]
    fn what_has_a_digest_or_is_no_image_is_left() {
        assert_eq!(pinned(&format!("nginx@{DIGEST}"), DIGEST), None);
        for image in ["", " nginx", "a/UPPER", "a b"] {
            assert_eq!(pinned(image, DIGEST), None, "{image:?}");
        }
        assert_eq!(pinned("nginx", "sha256:00"), None);
        assert_eq!(pinned("nginx", "latest"), None);
    }
}
