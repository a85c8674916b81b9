//! An update is judged for what it changes.

use plimsoll_admission::Road;
use serde_json::{Value, json};

use crate::{admission, images, pod, pod_of, read_value, validated};

#[test]
fn an_image_that_the_object_named_before_is_left_out() {
    let review =
        validated(&admission("", "Pod", pod_of(&["a:1", "b:2", "a:1", "c:1"]), Some(pod_of(&["a:1", "b:1", "c:1"]))));
    assert_eq!((images(&review), review.unchanged), (vec!["b:2"], 2));
    assert_eq!(review.images[0].containers[0].pointer, "/spec/containers/1/image");
}

#[test]
fn another_spelling_is_another_image() {
    let review = validated(&admission("", "Pod", pod_of(&["docker.io/library/nginx"]), Some(pod_of(&["nginx"]))));
    assert_eq!((images(&review), review.unchanged), (vec!["docker.io/library/nginx"], 0));
}

#[test]
fn only_the_new_ephemeral_container_is_judged() {
    let before = pod(json!({"containers": [{"name": "web", "image": "a:1"}]}));
    let after = pod(
        json!({"containers": [{"name": "web", "image": "a:1"}], "ephemeralContainers": [{"name": "d", "image": "debug:1"}]}),
    );
    let mut review = admission("", "Pod", after, Some(before));
    review["request"]["subResource"] = json!("ephemeralcontainers");
    let review = validated(&review);
    assert_eq!((images(&review), review.unchanged), (vec!["debug:1"], 1));
    assert_eq!(review.images[0].containers[0].kind.word(), "ephemeral container");
}

#[test]
fn an_old_object_that_tells_nothing_excuses_nothing() {
    let same = || pod_of(&["a:1"]);
    for old in [
        Value::Null,
        json!({}),
        json!("text"),
        json!({"kind": "Pod", "spec": {"containers": "x"}}),
        json!({"kind": "ConfigMap", "apiVersion": "v1", "spec": {"containers": [{"image": "a:1"}]}}),
        json!({"kind": "Pod", "spec": {"template": {"spec": {"containers": [{"image": "a:1"}]}}}}),
    ] {
        let mut review = admission("", "Pod", same(), Some(old.clone()));
        review["request"]["operation"] = json!("UPDATE");
        assert_eq!(images(&validated(&review)), ["a:1"], "{old}");
    }
    let mut review = admission("", "Pod", same(), Some(json!({})));
    review["request"].as_object_mut().unwrap().remove("oldObject");
    assert_eq!(images(&validated(&review)), ["a:1"]);
}

#[test]
fn an_old_object_excuses_nothing_outside_an_update() {
    for operation in ["CREATE", ""] {
        let mut review = admission("", "Pod", pod_of(&["a:1"]), Some(pod_of(&["a:1"])));
        review["request"]["operation"] = json!(operation);
        assert_eq!(images(&validated(&review)), ["a:1"], "{operation}");
    }
}

#[test]
fn an_old_object_that_names_an_image_twice_over_excuses_nothing() {
    let body = r#"{"kind":"AdmissionReview","apiVersion":"admission.k8s.io/v1","request":{"uid":"u","kind":{"kind":"Pod"},
        "operation":"UPDATE","object":{"spec":{"containers":[{"image":"bad"}]}},
        "oldObject":{"spec":{"containers":[{"image":"good","image":"bad"}]}}}}"#;
    let review = plimsoll_admission::read(Road::Validate, body.as_bytes()).unwrap();
    assert_eq!(images(&review), ["bad"]);
}

#[test]
fn an_image_without_a_name_is_never_as_it_was() {
    let review = validated(&admission("", "Pod", pod_of(&[""]), Some(pod_of(&[""]))));
    assert_eq!((images(&review), review.unchanged), (vec![""], 0));
}

#[test]
fn a_stranger_s_update_leaves_out_what_was_there_too() {
    let object =
        |image: &str| json!({"spec": {"template": {"spec": {"containers": [{"image": image}, {"image": "same"}]}}}});
    let review = validated(&admission("example.com", "Rollout", object("new"), Some(object("old"))));
    assert_eq!((images(&review), review.unchanged), (vec!["new"], 1));
}

#[test]
fn the_metadata_of_an_update_is_read_even_when_nothing_is_judged() {
    let review = read_value(Road::Mutate, &admission("", "Pod", pod_of(&["a"]), Some(pod_of(&["a"])))).unwrap();
    assert!(review.images.is_empty() && review.is_pod && review.envelope.mutating());
}

#[test]
fn object_and_old_object_are_where_the_review_says() {
    let new = json!({"metadata": {"name": "wéb"}, "spec": {"containers": [{"name": "w", "image": "b"}]}});
    let old = json!({"metadata": {"name": "wéb"}, "spec": {"containers": [{"name": "w", "image": "a"}]}});
    let text = admission("", "Pod", new.clone(), Some(old.clone())).to_string();
    let review = plimsoll_admission::read(Road::Validate, text.as_bytes()).unwrap();
    let part = |place: Option<std::ops::Range<usize>>| serde_json::from_str::<Value>(&text[place.unwrap()]).unwrap();
    assert_eq!(part(review.object), new);
    assert_eq!(part(review.old_object), old);
    let created = validated(&admission("", "Pod", new, None));
    assert!(created.object.is_some() && created.old_object.is_none());
}
