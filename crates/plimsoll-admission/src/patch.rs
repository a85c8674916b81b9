//! Pinning: the tag that was judged becomes the digest that was judged. In: decisions. Out: a JSON Patch (RFC 6902) that
//! leaves the user's spelling and adds the digest. What it does not do: touch what has a digest already, so a second
//! time gives nothing.

use plimsoll_model::{Digest, ImageReference};
use serde::Serialize;

use crate::answer::Answer;
use crate::review::{NamedImage, Review};
use crate::words;

/// As many and as long as the warnings of a verdict.
const MAX_WARNINGS: usize = 16;
const MAX_WARNING: usize = 256;

#[derive(Serialize)]
struct Replace<'a> {
    op: &'static str,
    path: &'a str,
    value: &'a str,
}

/// The answer of a mutating review that pins `digests[i]` for the review's image `i`; none leaves it as it is. It lets the
/// pod pass: whether the images may run is asked when the pod is validated. `warnings` are shown to the user.
pub fn pin(review: &Review, digests: &[Option<&str>], warnings: &[String]) -> Answer {
    let pins = review.images.iter().zip(digests).filter_map(|(image, digest)| Some((image, (*digest)?)));
    Answer {
        allowed: true,
        code: 200,
        message: String::new(),
        warnings: warnings.iter().take(MAX_WARNINGS).map(|text| words::sentence(text, MAX_WARNING)).collect(),
        audit: std::collections::BTreeMap::new(),
        patch: (review.is_pod && review.envelope.mutating()).then(|| patch(pins)).flatten(),
    }
}

/// The patch for these images; none when there is nothing to change.
fn patch<'a>(pins: impl Iterator<Item = (&'a NamedImage, &'a str)>) -> Option<Vec<u8>> {
    let pinned: Vec<(&NamedImage, String)> =
        pins.filter_map(|(image, digest)| Some((image, pinned(&image.image, digest)?))).collect();
    let ops: Vec<Replace<'_>> = pinned
        .iter()
        .flat_map(|(image, value)| {
            image.containers.iter().filter(|c| !c.pointer.is_empty()).map(move |container| Replace {
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
