//! What holds for any bytes.

use plimsoll_admission::{About, Asked, Decision, Envelope, Review, Road, decide, pin, read, refuse, render};
use plimsoll_model::loadline::Mode;
use plimsoll_model::{Effect, Outcome, ReasonCode, Verdict};
use proptest::prelude::*;
use serde_json::{Value, json};

use crate::{DIGEST, about, admission, image_review, pod, reason, verdict};

const ROADS: [Road; 4] = [Road::ImagePolicy, Road::Validate, Road::Mutate, Road::Any];

/// The answer parses and keeps the protocol.
fn obeys(envelope: &Envelope, bytes: &[u8]) -> Value {
    let value: Value = serde_json::from_slice(bytes).unwrap();
    let (allowed, audit) = match envelope {
        Envelope::ImageReview => {
            assert_eq!(value["apiVersion"], "imagepolicy.k8s.io/v1alpha1");
            assert_eq!(value["kind"], "ImageReview");
            (value["status"]["allowed"].as_bool().unwrap(), &value["status"]["auditAnnotations"])
        }
        Envelope::Admission { version, uid, mutating } => {
            assert_eq!(value["apiVersion"], version.api_version());
            assert_eq!(value["kind"], "AdmissionReview");
            let response = &value["response"];
            assert_eq!(response["uid"].as_str(), Some(uid.as_str()));
            assert_eq!(response.get("patch").is_some(), response.get("patchType").is_some());
            assert!(*mutating || response.get("patch").is_none());
            let allowed = response["allowed"].as_bool().unwrap();
            assert!(allowed || response["status"]["code"].as_u64().unwrap() >= 400);
            let warnings = response["warnings"].as_array().map_or(&[][..], Vec::as_slice);
            assert!(warnings.len() <= 16 && warnings.iter().all(|w| w.as_str().unwrap().chars().count() <= 256));
            (allowed, &response["auditAnnotations"])
        }
    };
    for (key, value) in audit.as_object().into_iter().flatten() {
        assert!(key.bytes().all(|b| b.is_ascii_lowercase() || b == b'-') && key.len() <= 63, "{key}");
        assert!(value.as_str().unwrap().chars().all(|c| !c.is_control()), "{value}");
    }
    let message = match envelope {
        Envelope::ImageReview => &value["status"]["reason"],
        Envelope::Admission { .. } => &value["response"]["status"]["message"],
    };
    let message = message.as_str().unwrap_or_default();
    assert!(message.len() <= 2100 && message.chars().all(|c| !c.is_control() && c != '\u{202e}'), "{message:?}");
    assert!(allowed || !message.is_empty());
    value
}

fn any_verdict() -> impl Strategy<Value = Verdict> {
    let effect = prop_oneof![Just(Effect::Info), Just(Effect::Warn), Just(Effect::Undecided), Just(Effect::Deny)];
    let code = prop_oneof![
        Just(ReasonCode::Policy),
        Just(ReasonCode::BreakGlass),
        Just(ReasonCode::Exempt),
        Just(ReasonCode::Tag)
    ];
    let outcome = prop_oneof![Just(Outcome::Allowed), Just(Outcome::Undecided), Just(Outcome::Denied)];
    let mode = prop_oneof![Just(Mode::Enforce), Just(Mode::Warn), Just(Mode::Audit)];
    (prop::collection::vec((effect, code, any::<String>()), 0..6), outcome, mode).prop_map(
        |(reasons, effective, mode)| {
            let reasons = reasons.into_iter().map(|(effect, code, message)| reason(effect, code, &message)).collect();
            Verdict { effective, mode, ..verdict(reasons) }
        },
    )
}

fn decided(review: &Review, verdicts: &[Verdict]) -> plimsoll_admission::Answer {
    let decisions: Vec<Decision<'_>> = review
        .images
        .iter()
        .zip(verdicts)
        .map(|(image, verdict)| Decision { on: Asked::Image(image), verdict, digest: Some(DIGEST), retry_after: None })
        .collect();
    decide(review, &decisions, &about())
}

fn pinned(review: &Review) -> plimsoll_admission::Answer {
    pin(review, &vec![Some(DIGEST); review.images.len()], &[])
}

/// RFC 6902, as far as our patches go: `replace` of what is there.
fn apply(object: &mut Value, patch: &[u8]) {
    let ops: Vec<Value> = serde_json::from_slice(patch).unwrap();
    for op in ops {
        assert_eq!(op["op"], "replace");
        *object.pointer_mut(op["path"].as_str().unwrap()).unwrap() = op["value"].clone();
    }
}

/// Text that may be JSON: reviews with parts cut, doubled or replaced.
fn mangled() -> impl Strategy<Value = Vec<u8>> {
    let base = prop_oneof![
        Just(image_review(&["a", "b:1"]).to_string()),
        Just(
            admission(
                "",
                "Pod",
                pod(json!({"containers": [{"name": "a", "image": "x"}], "volumes": [{"image": {"reference": "y"}}]})),
                Some(json!({}))
            )
            .to_string()
        ),
        Just(
            admission(
                "batch",
                "CronJob",
                json!({"spec": {"jobTemplate": {"spec": {"template": {"spec": {"containers": [{"image": "x"}]}}}}}}),
                None
            )
            .to_string()
        ),
        Just(
            admission("x", "Thing", json!({"spec": {"template": {"spec": {"containers": [{"image": "x"}]}}}}), None)
                .to_string()
        ),
    ];
    let splice = prop_oneof![
        Just("null".to_owned()),
        Just("[".to_owned()),
        Just("}".to_owned()),
        Just("\"".to_owned()),
        Just(",\"image\":\"z\"".to_owned()),
        Just("{}".to_owned()),
        Just("-1e999".to_owned()),
        Just("\\u0000".to_owned()),
        any::<String>(),
    ];
    (base, any::<prop::sample::Index>(), 0usize..40, splice).prop_map(|(base, at, cut, splice)| {
        let mut bytes = base.into_bytes();
        let start = at.index(bytes.len());
        let end = (start + cut).min(bytes.len());
        bytes.splice(start..end, splice.into_bytes());
        bytes
    })
}

fn check(bytes: &[u8], verdicts: &[Verdict]) {
    for road in ROADS {
        match read(road, bytes) {
            Ok(review) => {
                let answer = decided(&review, verdicts);
                if answer.allowed && !review.envelope.mutating() {
                    assert!(review.images.len() <= verdicts.len(), "an image was left unjudged");
                }
                if review.images.iter().zip(verdicts).any(|(_, v)| v.effective != Outcome::Allowed) {
                    assert!(!answer.allowed);
                }
                obeys(&review.envelope, &render(&review.envelope, &answer));
            }
            Err(error) => {
                assert!(!error.why.is_empty() && error.why.chars().all(|c| !c.is_control()), "{:?}", error.why);
                if let Some(envelope) = error.envelope {
                    obeys(&envelope, &render(&envelope, &refuse(&error.why)));
                }
            }
        }
    }
}

proptest! {
    #[test]
    fn any_bytes_are_answered_in_due_form(bytes in prop::collection::vec(any::<u8>(), 0..200), verdicts in prop::collection::vec(any_verdict(), 0..3)) {
        check(&bytes, &verdicts);
    }

    #[test]
    fn mangled_reviews_are_answered_in_due_form(bytes in mangled(), verdicts in prop::collection::vec(any_verdict(), 0..3)) {
        check(&bytes, &verdicts);
    }

    #[test]
    fn any_names_and_verdicts_are_answered_in_due_form(
        containers in prop::collection::vec((any::<String>(), any::<String>()), 0..6),
        verdicts in prop::collection::vec(any_verdict(), 0..7),
        policy in any::<String>(),
    ) {
        let containers: Vec<Value> = containers.iter().map(|(name, image)| json!({"name": name, "image": image})).collect();
        let body = admission("", "Pod", pod(json!({"containers": containers})), None).to_string();
        check(body.as_bytes(), &verdicts);
        let review = read(Road::Validate, body.as_bytes()).unwrap();
        let about = About { policy: &policy, policy_digest: &policy, databases: &policy, verdict_digest: policy.clone() };
        obeys(&review.envelope, &render(&review.envelope, &decide(&review, &[], &about)));
    }

    #[test]
    fn a_pod_that_was_pinned_is_not_pinned_again(
        images in prop::collection::vec(prop_oneof!["[a-z]{1,8}", "[a-z]{1,4}(\\.[a-z]{2})?(:[0-9]{2,4})?/[a-z/]{1,8}:[a-zA-Z0-9._-]{1,9}", "[ -~]{0,12}", Just(format!("a@{DIGEST}"))], 1..6),
    ) {
        let containers: Vec<Value> = images.iter().map(|image| json!({"name": "c", "image": image})).collect();
        let mut object = pod(json!({"containers": containers, "initContainers": containers}));
        let read_again = |object: &Value| read(Road::Mutate, admission("", "Pod", object.clone(), None).to_string().as_bytes()).unwrap();
        let review = read_again(&object);
        if let Some(patch) = pinned(&review).patch {
            apply(&mut object, &patch);
        }
        let again = read_again(&object);
        prop_assert_eq!(pinned(&again).patch, None);
        // What was written is the user's own text with the digest behind it.
        for (i, image) in images.iter().enumerate() {
            let now = object["spec"]["containers"][i]["image"].as_str().unwrap();
            let pinned = format!("{image}@{DIGEST}");
            prop_assert!(now == image || now == pinned, "{}", now);
        }
    }
}
