//! Answers in the shape of each protocol.

use plimsoll_admission::{AdmissionVersion, Answer, Envelope, Road, pin, refuse, render};
use serde_json::{Value, json};

use crate::{
    DIGEST, admission, allowed, answer, denied, image_review, pod, pod_of, read_value, reason, validated, verdict,
};

fn rendered(envelope: &Envelope, answer: &Answer) -> Value {
    serde_json::from_slice(&render(envelope, answer)).unwrap()
}

/// The answer that pins every image.
fn pinned(review: &plimsoll_admission::Review) -> Answer {
    pin(review, &vec![Some(DIGEST); review.images.len()], &[])
}

#[test]
fn an_image_review_is_answered_with_its_status() {
    let review = read_value(Road::ImagePolicy, &image_review(&["a"])).unwrap();
    assert_eq!(
        String::from_utf8(render(&review.envelope, &answer(&review, &[denied("bad")]))).unwrap(),
        r#"{"apiVersion":"imagepolicy.k8s.io/v1alpha1","kind":"ImageReview","status":{"allowed":false,"reason":"image a: denied: bad","auditAnnotations":{"databases":"plimsoll.index@sha256:bb, baseline","images":"a","outcome":"denied","policy":"production@sha256:aa","verdict":"sha256:cc"}}}"#
    );
    let allowed = rendered(&review.envelope, &answer(&review, &[allowed()]));
    assert_eq!((&allowed["status"]["allowed"], &allowed["status"]["reason"]), (&json!(true), &Value::Null));
}

#[test]
fn an_image_review_s_reason_says_that_there_are_warnings() {
    use plimsoll_model::{Effect, ReasonCode};
    let review = read_value(Road::ImagePolicy, &image_review(&["a"])).unwrap();
    let both = verdict(vec![
        reason(Effect::Deny, ReasonCode::Tag, "bad"),
        reason(Effect::Warn, ReasonCode::Footprint, "has a shell"),
    ]);
    let value = rendered(&review.envelope, &answer(&review, &[both]));
    assert_eq!(value["status"]["reason"], "image a: denied: bad (and 1 warning)");
}

#[test]
fn a_denial_echoes_version_and_uid_and_has_a_status() {
    for version in [AdmissionVersion::V1, AdmissionVersion::V1beta1] {
        let mut body = admission("", "Pod", pod_of(&["a"]), None);
        body["apiVersion"] = json!(version.api_version());
        let review = validated(&body);
        let value = rendered(&review.envelope, &answer(&review, &[denied("bad")]));
        assert_eq!(value["apiVersion"], version.api_version());
        assert_eq!(value["kind"], "AdmissionReview");
        let response = &value["response"];
        assert_eq!((&response["uid"], &response["allowed"]), (&json!("u-1"), &json!(false)));
        assert_eq!(response["status"], json!({"code": 403, "message": "container \"c0\" image a: denied: bad"}));
        assert!(response.get("patch").is_none() && response.get("patchType").is_none());
    }
}

#[test]
fn what_cannot_be_read_is_refused_in_due_form() {
    let mut body = admission("", "Pod", pod_of(&["a"]), None);
    body["request"]["operation"] = json!("PATCH\n");
    let error = read_value(Road::Validate, &body).unwrap_err();
    let value = rendered(&error.envelope.unwrap(), &refuse(&error.why));
    assert_eq!(
        value["response"],
        json!({
            "uid": "u-1", "allowed": false,
            "status": {"code": 400, "message": "the request's operation is \"PATCH\\n\"; known: CREATE, UPDATE, DELETE and CONNECT"},
            "auditAnnotations": {"outcome": "refused"}
        })
    );
    let value = rendered(&Envelope::ImageReview, &Answer { code: 503, ..refuse("no room; try again in 1 s") });
    assert_eq!(value["status"]["allowed"], false);
    assert_eq!(value["status"]["reason"], "no room; try again in 1 s");
}

#[test]
fn pins_keep_the_user_s_own_spelling() {
    let spec = json!({
        "initContainers": [{"name": "i", "image": "nginx:1.21"}],
        "containers": [{"name": "a", "image": "nginx:1.21"}, {"name": "b", "image": "localhost:5000/x"}, {"name": "c", "image": format!("y:1@{DIGEST}")}],
        "volumes": [{"name": "e", "emptyDir": {}}, {"name": "v", "image": {"reference": "weights:2"}}]
    });
    let review = read_value(Road::Mutate, &admission("", "Pod", pod(spec), None)).unwrap();
    let answer = pinned(&review);
    let patch: Value = serde_json::from_slice(answer.patch.as_deref().unwrap()).unwrap();
    let mut ops: Vec<(String, String)> = patch
        .as_array()
        .unwrap()
        .iter()
        .map(|op| {
            assert_eq!(op["op"], "replace");
            (op["path"].as_str().unwrap().into(), op["value"].as_str().unwrap().into())
        })
        .collect();
    ops.sort();
    let op = |path: &str, image: &str| (path.to_owned(), format!("{image}@{DIGEST}"));
    assert_eq!(
        ops,
        [
            op("/spec/containers/0/image", "nginx:1.21"),
            op("/spec/containers/1/image", "localhost:5000/x"),
            op("/spec/initContainers/0/image", "nginx:1.21"),
            op("/spec/volumes/1/image/reference", "weights:2"),
        ]
    );
    use base64::Engine;
    let value = rendered(&review.envelope, &answer);
    assert_eq!(value["response"]["patchType"], "JSONPatch");
    let sent = base64::engine::general_purpose::STANDARD.decode(value["response"]["patch"].as_str().unwrap()).unwrap();
    assert_eq!(Some(sent), answer.patch);
}

#[test]
fn only_pods_are_pinned_and_only_where_a_patch_is_due() {
    let pod = || admission("", "Pod", pod_of(&["a:1"]), None);
    let template = json!({"spec": {"template": {"spec": {"containers": [{"name": "a", "image": "a:1"}]}}}});
    for (road, body) in [
        (Road::Validate, pod()),
        (Road::Any, pod()),
        (Road::Mutate, admission("apps", "Deployment", template, None)),
        (Road::Mutate, admission("example.com", "Pod", pod_of(&["a:1"])["spec"].take(), None)),
        (Road::Mutate, admission("", "Pod", pod_of(&[&format!("a:1@{DIGEST}")]), None)),
        (Road::Mutate, admission("", "Pod", pod_of(&["a:1"]), Some(pod_of(&["a:1"])))),
    ] {
        let review = read_value(road, &body).unwrap();
        let answer = pinned(&review);
        assert!(answer.allowed && answer.patch.is_none(), "{road:?} {body}");
        let value = rendered(&review.envelope, &answer);
        assert!(value["response"].get("patchType").is_none());
    }
}

#[test]
fn a_patch_never_goes_with_a_denial_or_to_who_did_not_ask_for_one() {
    let answer = Answer { allowed: true, code: 200, patch: Some(b"[]".to_vec()), ..refuse("") };
    let validating = Envelope::Admission { version: AdmissionVersion::V1, uid: "u".into(), mutating: false };
    let mutating = Envelope::Admission { version: AdmissionVersion::V1, uid: "u".into(), mutating: true };
    assert!(rendered(&validating, &answer)["response"].get("patch").is_none());
    assert!(rendered(&mutating, &answer)["response"].get("patch").is_some());
    let denied = Answer { allowed: false, code: 200, ..answer };
    let value = rendered(&mutating, &denied);
    assert!(value["response"].get("patch").is_none());
    assert_eq!(value["response"]["status"]["code"], 403);
}

#[test]
fn a_denied_image_on_the_mutating_road_is_a_denial() {
    let review = read_value(Road::Mutate, &admission("", "Pod", pod_of(&["a:1"]), None)).unwrap();
    let value = rendered(&review.envelope, &answer(&review, &[denied("bad")]));
    assert_eq!(value["response"]["allowed"], false);
}
