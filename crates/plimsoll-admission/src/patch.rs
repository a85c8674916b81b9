//! What a mutating review is answered with: a JSON Patch (RFC 6902). Pinning: the tag that was judged becomes the digest that was
//! judged, behind the user's spelling; what has a digest already is left, so a second time gives nothing. Changing: the object
//! becomes what mutators made of it. What it does not do: judge, or mutate.

use plimsoll_model::{Digest, ImageReference};
use serde::Serialize;
use serde_json::Value;

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

/// The operations that make `before` into `after`.
pub fn difference(before: &Value, after: &Value) -> Vec<Value> {
    match serde_json::to_value(json_patch::diff(before, after)) {
        Ok(Value::Array(operations)) => operations,
        // A patch is a list of plain objects.
        _ => Vec::new(),
    }
}

/// The answer with a patch that begins with these operations, on which the answer's own patch rests.
pub fn change(mut operations: Vec<Value>, answer: Answer) -> Answer {
    let own: Option<Vec<Value>> = answer.patch.as_deref().and_then(|patch| serde_json::from_slice(patch).ok());
    operations.extend(own.into_iter().flatten());
    let patch = (!operations.is_empty()).then(|| serde_json::to_vec(&operations).ok()).flatten();
    Answer { patch, ..answer }
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
    fn a_change_comes_before_the_pins() {
        let pins = serde_json::json!([{"op": "replace", "path": "/spec/containers/1/image", "value": "b@sha256:0"}]);
        let answer = Answer {
            allowed: true,
            code: 200,
            message: String::new(),
            warnings: Vec::new(),
            audit: std::collections::BTreeMap::new(),
            patch: Some(pins.to_string().into_bytes()),
        };
        let before =
            serde_json::json!({"metadata": {"labels": {"a/b~c": "1"}}, "spec": {"containers": [{"image": "a"}]}});
        let mut after = before.clone();
        after["metadata"]["labels"]["a/b~c"] = "2".into();
        after["spec"]["containers"] = serde_json::json!([{"image": "a"}, {"image": "b"}]);
        let changed = change(difference(&before, &after), answer.clone());
        let patch: json_patch::Patch = serde_json::from_slice(changed.patch.as_deref().unwrap()).unwrap();
        let mut made = before.clone();
        json_patch::patch(&mut made, &patch).unwrap();
        after["spec"]["containers"][1]["image"] = "b@sha256:0".into();
        assert_eq!(made, after);
        assert_eq!(change(difference(&before, &before), Answer { patch: None, ..answer }).patch, None);
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
