//! The arrows of admission: a review's bytes in, images out; verdicts in, an answer's bytes out.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "helpers of tests are not inside a test function, and a test that cannot go on says so"
)]

mod deciding;
mod kinds;
mod laws;
mod reading;
mod recorded;
mod rendering;
mod updates;

use plimsoll_admission::{About, Answer, Asked, Decision, Review, ReviewError, Road, decide, read};
use plimsoll_model::loadline::Mode;
use plimsoll_model::{Effect, Outcome, Reason, ReasonCode, Verdict};
use serde_json::{Value, json};

pub const DIGEST: &str = "sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";

/// An AdmissionReview v1 about that object: a CREATE, or an UPDATE where there is an old one.
pub fn admission(group: &str, kind: &str, object: Value, old: Option<Value>) -> Value {
    json!({
        "kind": "AdmissionReview", "apiVersion": "admission.k8s.io/v1",
        "request": {
            "uid": "u-1", "kind": {"group": group, "version": "v1", "kind": kind},
            "resource": {"group": group, "version": "v1", "resource": "things"},
            "name": "thing", "namespace": "shop",
            "operation": if old.is_some() { "UPDATE" } else { "CREATE" },
            "userInfo": {"username": "jane", "groups": ["dev", "system:authenticated"], "extra": {"a": ["b"]}},
            "object": object, "oldObject": old, "dryRun": false, "options": {"kind": "CreateOptions"}
        }
    })
}

/// A pod with that spec.
pub fn pod(spec: Value) -> Value {
    json!({"kind": "Pod", "apiVersion": "v1", "metadata": {"name": "p"}, "spec": spec})
}

/// A pod of containers `c0`, `c1` … with these images.
pub fn pod_of(images: &[&str]) -> Value {
    let containers: Vec<Value> =
        images.iter().enumerate().map(|(i, image)| json!({"name": format!("c{i}"), "image": image})).collect();
    pod(json!({"containers": containers}))
}

pub fn image_review(images: &[&str]) -> Value {
    let containers: Vec<Value> = images.iter().map(|image| json!({"image": image})).collect();
    json!({
        "kind": "ImageReview", "apiVersion": "imagepolicy.k8s.io/v1alpha1", "metadata": {},
        "spec": {"containers": containers, "namespace": "shop"}, "status": {"allowed": false}
    })
}

pub fn read_value(road: Road, review: &Value) -> Result<Review, ReviewError> {
    read(road, review.to_string().as_bytes())
}

pub fn validated(review: &Value) -> Review {
    match read_value(Road::Validate, review) {
        Ok(review) => review,
        Err(error) => panic!("{error}\n{review}"),
    }
}

/// Why a review was refused.
pub fn why(road: Road, body: &str) -> String {
    match read(road, body.as_bytes()) {
        Ok(review) => panic!("was read: {review:?}\n{body}"),
        Err(error) => error.why,
    }
}

pub fn images(review: &Review) -> Vec<&str> {
    review.images.iter().map(|i| i.image.as_str()).collect()
}

pub fn reason(effect: Effect, code: ReasonCode, message: &str) -> Reason {
    Reason {
        effect,
        code,
        message: message.into(),
        clause: None,
        matches: Vec::new(),
        findings: Vec::new(),
        problems: Vec::new(),
    }
}

/// A verdict under `enforce`, its outcome that of its strongest reason.
pub fn verdict(reasons: Vec<Reason>) -> Verdict {
    let outcome = match reasons.iter().map(|r| r.effect).max() {
        Some(Effect::Deny) => Outcome::Denied,
        Some(Effect::Undecided) => Outcome::Undecided,
        _ => Outcome::Allowed,
    };
    Verdict {
        outcome,
        mode: Mode::Enforce,
        effective: outcome,
        ruled_by: None,
        reasons,
        hidden: Vec::new(),
        unused: Vec::new(),
    }
}

pub fn denied(message: &str) -> Verdict {
    verdict(vec![reason(Effect::Deny, ReasonCode::Vulnerability, message)])
}

pub fn allowed() -> Verdict {
    verdict(Vec::new())
}

pub fn about() -> About<'static> {
    About {
        policy: "production",
        policy_digest: "sha256:aa",
        databases: "plimsoll.index@sha256:bb, baseline",
        verdict_digest: "sha256:cc".into(),
    }
}

/// The answer to a review whose images have these verdicts, in order.
pub fn answer(review: &Review, verdicts: &[Verdict]) -> Answer {
    let decisions: Vec<Decision<'_>> = review
        .images
        .iter()
        .zip(verdicts)
        .map(|(image, verdict)| Decision { on: Asked::Image(image), verdict, digest: None, retry_after: None })
        .collect();
    decide(review, &decisions, &about())
}
