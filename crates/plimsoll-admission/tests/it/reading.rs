//! Reviews as they come, and as they should not.

use plimsoll_admission::{AdmissionVersion, Envelope, MAX_IMAGES, MAX_REVIEW, Operation, Road, read};
use serde_json::{Value, json};

use crate::{DIGEST, admission, image_review, images, pod, pod_of, read_value, validated, why};

const ROADS: [Road; 4] = [Road::ImagePolicy, Road::Validate, Road::Mutate, Road::Any];

#[test]
fn an_image_review_is_read_without_metadata_or_status() {
    let body = format!(
        r#"{{ "apiVersion":"imagepolicy.k8s.io/v1alpha1", "kind":"ImageReview",
        "spec":{{ "containers":[ {{ "image":"myrepo/myimage:v1" }}, {{ "image":"myrepo/myimage@{DIGEST}" }} ],
        "annotations":{{ "mycluster.image-policy.k8s.io/ticket-1234": "break-glass" }}, "namespace":"mynamespace" }} }}"#
    );
    for road in [Road::ImagePolicy, Road::Any] {
        let review = read(road, body.as_bytes()).unwrap();
        assert_eq!(review.envelope, Envelope::ImageReview);
        assert_eq!(images(&review), ["myrepo/myimage:v1", &format!("myrepo/myimage@{DIGEST}")]);
        assert_eq!(review.annotations["mycluster.image-policy.k8s.io/ticket-1234"], "break-glass");
        assert_eq!(review.namespace.as_deref(), Some("mynamespace"));
        assert_eq!((review.user, review.operation, review.resource.as_str()), (None, None, ""));
        assert_eq!(
            (review.images[0].containers[0].name.as_str(), review.images[0].containers[0].pointer.as_str()),
            ("", "")
        );
    }
}

#[test]
fn an_admission_review_is_answered_in_the_version_that_asked() {
    for (text, version) in
        [("admission.k8s.io/v1", AdmissionVersion::V1), ("admission.k8s.io/v1beta1", AdmissionVersion::V1beta1)]
    {
        let mut review = admission("", "Pod", pod_of(&["a"]), None);
        review["apiVersion"] = json!(text);
        for (road, mutating) in [(Road::Validate, false), (Road::Mutate, true), (Road::Any, false)] {
            let read = read_value(road, &review).unwrap();
            assert_eq!(read.envelope, Envelope::Admission { version, uid: "u-1".into(), mutating });
            assert_eq!(read.operation, Some(Operation::Create));
        }
    }
}

#[test]
fn a_review_on_the_other_road_is_answered_in_its_own_words() {
    let error = read_value(Road::Validate, &image_review(&["a"])).unwrap_err();
    assert_eq!(error.envelope, Some(Envelope::ImageReview));
    assert!(error.why.contains("/image_policy"), "{error}");
    let error = read_value(Road::ImagePolicy, &admission("", "Pod", pod_of(&["a"]), None)).unwrap_err();
    assert!(matches!(error.envelope, Some(Envelope::Admission { ref uid, mutating: false, .. }) if uid == "u-1"));
    assert!(error.why.contains("/validate, /mutate"), "{error}");
}

#[test]
fn what_is_no_review_says_what_came_and_what_is_known() {
    for (body, said) in [
        ("", "the body is empty, and a review was expected"),
        (" \n", "the body is empty, and a review was expected"),
        ("{}", "the review does not say its kind; known here: ImageReview and AdmissionReview"),
        (
            r#"{"kind":"Pod","apiVersion":"v1"}"#,
            "the review is of kind \"Pod\"; known here: ImageReview and AdmissionReview",
        ),
        (
            r#"{"kind":"imagereview"}"#,
            "the review is of kind \"imagereview\"; known here: ImageReview and AdmissionReview",
        ),
        (
            r#"{"kind":"ImageReview","spec":{}}"#,
            "the ImageReview does not say its apiVersion; known: imagepolicy.k8s.io/v1alpha1",
        ),
        (
            r#"{"kind":"ImageReview","apiVersion":"imagepolicy.k8s.io/v1"}"#,
            "the ImageReview has apiVersion \"imagepolicy.k8s.io/v1\"; known: imagepolicy.k8s.io/v1alpha1",
        ),
        (
            r#"{"kind":"AdmissionReview","apiVersion":"admission.k8s.io/v2","request":{"uid":"u"}}"#,
            "the AdmissionReview has apiVersion \"admission.k8s.io/v2\"; known: admission.k8s.io/v1 and admission.k8s.io/v1beta1",
        ),
        (r#"{"kind":"AdmissionReview","apiVersion":"admission.k8s.io/v1"}"#, "the AdmissionReview has no request"),
        (
            r#"{"kind":"AdmissionReview","apiVersion":"admission.k8s.io/v1","request":null}"#,
            "the AdmissionReview has no request",
        ),
        (r#"{"kind":"ImageReview","apiVersion":"imagepolicy.k8s.io/v1alpha1"}"#, "the ImageReview has no spec"),
        (
            r#"{"kind":"ImageReview","apiVersion":"imagepolicy.k8s.io/v1alpha1","spec":{"containers":[]}}"#,
            "the ImageReview names no image: spec.containers is empty",
        ),
        ("[]", "could not read the review: invalid type: a list, expected a review at line 1 column 2"),
        ("null", "could not read the review: it is null"),
        ("{\"kind\":5}", "could not read the review: invalid type: a number, expected a string at line 1 column 10"),
        ("{\"kind\":", "could not read the review: EOF while parsing a value at line 1 column 8"),
        ("{} {}", "could not read the review: trailing characters at line 1 column 4"),
    ] {
        assert_eq!(why(Road::Any, body), said, "{body}");
    }
    assert_eq!(why(Road::ImagePolicy, "{}"), "the review does not say its kind; known here: ImageReview");
    assert_eq!(why(Road::Mutate, "{}"), "the review does not say its kind; known here: AdmissionReview");
}

#[test]
fn what_is_not_utf_8_is_refused_wherever_it_stands() {
    let mut body =
        br#"{"ignored":"?","kind":"ImageReview","apiVersion":"imagepolicy.k8s.io/v1alpha1","spec":{}}"#.to_vec();
    body[12] = 0xff;
    assert_eq!(read(Road::Any, &body).unwrap_err().why, "the review is not UTF-8 from byte 12");
    let lone = image_review(&["a"]).to_string().replace("\"a\"", r#""\ud800""#);
    assert!(why(Road::Any, &lone).contains("hex escape"), "{}", why(Road::Any, &lone));
}

#[test]
fn on_the_road_of_image_reviews_there_is_always_an_envelope() {
    // Anything but a denial in due form would be an error of ours, which defaultAllow lets pass.
    for body in [
        "",
        "{",
        "null",
        "[]",
        "{}",
        r#"{"kind":"Pod"}"#,
        r#"{"kind":"AdmissionReview","apiVersion":"admission.k8s.io/v9"}"#,
    ] {
        assert_eq!(
            read(Road::ImagePolicy, body.as_bytes()).unwrap_err().envelope,
            Some(Envelope::ImageReview),
            "{body}"
        );
        assert_eq!(read(Road::Any, body.as_bytes()).unwrap_err().envelope, None, "{body}");
    }
}

#[test]
fn a_malformed_request_still_finds_its_envelope() {
    for (key, value) in [
        ("operation", json!("PATCH")),
        ("operation", json!(5)),
        ("kind", json!("Pod")),
        ("dryRun", json!("yes")),
        ("userInfo", json!({"groups": "all"})),
        ("userInfo", json!({"username": 7})),
        ("object", json!({"spec": []})),
        ("namespace", json!({})),
    ] {
        let mut review = admission("", "Pod", pod_of(&["a"]), None);
        review["request"][key] = value.clone();
        let error = read_value(Road::Mutate, &review).unwrap_err();
        let envelope = Envelope::Admission { version: AdmissionVersion::V1, uid: "u-1".into(), mutating: true };
        assert_eq!(error.envelope, Some(envelope), "{key} {value}: {error}");
    }
}

#[test]
fn without_a_uid_there_is_no_envelope() {
    for uid in [json!(""), Value::Null, json!(5), json!(["u"])] {
        let mut review = admission("", "Pod", pod_of(&["a"]), None);
        review["request"]["uid"] = uid;
        assert_eq!(read_value(Road::Validate, &review).unwrap_err().envelope, None);
    }
}

/// Bodies in which a key stands twice, the second time with what an attacker would rather have seen, or not seen.
#[test]
fn a_key_that_is_given_twice_is_refused_wherever_it_is_read() {
    let image =
        |spec: &str| format!(r#"{{"kind":"ImageReview","apiVersion":"imagepolicy.k8s.io/v1alpha1","spec":{spec}}}"#);
    let request = |request: &str| {
        format!(r#"{{"kind":"AdmissionReview","apiVersion":"admission.k8s.io/v1","request":{request}}}"#)
    };
    let object = |kind: &str, object: &str| {
        request(&format!(
            r#"{{"uid":"u","operation":"CREATE","kind":{{"group":"","kind":"{kind}"}},"object":{object}}}"#
        ))
    };
    let twice = [
        r#"{"kind":"ImageReview","kind":"ImageReview","apiVersion":"imagepolicy.k8s.io/v1alpha1","spec":{"containers":[{"image":"a"}]}}"#.to_owned(),
        r#"{"kind":"ImageReview","apiVersion":"imagepolicy.k8s.io/v1alpha1","spec":{"containers":[{"image":"a"}]},"spec":{"containers":[{"image":"b"}]}}"#.to_owned(),
        image(r#"{"containers":[{"image":"good","image":"bad"}]}"#),
        image(r#"{"containers":[{"image":"good","im\u0061ge":"bad"}]}"#),
        image(r#"{"containers":[{"image":"good"}],"containers":[{"image":"bad"}]}"#),
        image(r#"{"containers":[{"image":"good"}],"annotations":{"a":"1","a":"2"}}"#),
        image(r#"{"containers":[{"image":"good"}],"namespace":"a","namespace":"b"}"#),
        request(r#"{"uid":"u","uid":"v","kind":{"kind":"Pod"},"object":{"spec":{"containers":[]}}}"#),
        request(r#"{"uid":"u","operation":"CREATE","operation":"DELETE","kind":{"kind":"Pod"},"object":{"spec":{"containers":[]}}}"#),
        request(r#"{"uid":"u","kind":{"kind":"Pod","kind":"Scale"},"object":{"spec":{"containers":[]}}}"#),
        request(r#"{"uid":"u","kind":{"kind":"Pod"},"object":{"spec":{"containers":[]}},"object":{"spec":{"containers":[]}}}"#),
        request(r#"{"uid":"u","kind":{"kind":"Pod"},"userInfo":{"username":"a","username":"b"},"object":{"spec":{"containers":[]}}}"#),
        object("Pod", r#"{"spec":{"containers":[]},"spec":{"containers":[{"image":"bad"}]}}"#),
        object("Pod", r#"{"spec":{"containers":[{"image":"bad"}],"containers":[]}}"#),
        object("Pod", r#"{"spec":{"containers":[{"image":"good","image":"bad"}]}}"#),
        object("Pod", r#"{"spec":{"containers":[{"name":"a","name":"b","image":"bad"}]}}"#),
        object("Pod", r#"{"spec":{"initContainers":[],"initContainers":[]}}"#),
        object("Pod", r#"{"spec":{"volumes":[{"image":{"reference":"a","reference":"b"}}]}}"#),
        object("Pod", r#"{"spec":{"volumes":[{"image":null,"image":{"reference":"b"}}]}}"#),
        object("Pod", r#"{"spec":{"serviceAccountName":"a","serviceAccountName":"b"}}"#),
        object("Pod", r#"{"spec":{"imagePullSecrets":[{"name":"a","name":"b"}]}}"#),
        object("Pod", r#"{"metadata":{"annotations":{"a":"1","a":"2"}},"spec":{}}"#),
        object("Pod", r#"{"metadata":{},"metadata":{},"spec":{}}"#),
        object("Pod", r#"{"kind":"Pod","kind":"Pod","spec":{}}"#),
        object("ReplicationController", r#"{"spec":{"template":null,"template":{"spec":{"containers":[]}}}}"#),
        // A stranger's object may have any shape, but not two.
        object("Thing", r#"{"spec":{"containers":[{"image":"a","image":"b"}]}}"#),
        object("Thing", r#"{"spec":5,"spec":{"containers":[{"image":"b"}]}}"#),
        object("Thing", r#"{"spec":{"template":1,"template":{"spec":{"containers":[]}}}}"#),
    ];
    for body in twice {
        for road in [Road::Any, if body.contains("ImageReview") { Road::ImagePolicy } else { Road::Mutate }] {
            let why = why(road, &body);
            assert!(why.contains("is given twice"), "{body}: {why}");
            assert!(why.contains("readers differ on which one holds"), "{why}");
        }
    }
}

#[test]
fn ten_thousand_containers_with_one_image_are_one_image() {
    let all = vec!["nginx:1"; 10_000];
    let review = validated(&admission("", "Pod", pod_of(&all), None));
    assert_eq!(images(&review), ["nginx:1"]);
    assert_eq!(review.images[0].containers.len(), 10_000);
    assert_eq!(review.images[0].containers[9_999].pointer, "/spec/containers/9999/image");
    assert_eq!(read_value(Road::ImagePolicy, &image_review(&all)).unwrap().images.len(), 1);
}

#[test]
fn more_different_images_than_are_judged_are_refused() {
    let names: Vec<String> = (0..=MAX_IMAGES).map(|i| format!("image:{i}")).collect();
    let all: Vec<&str> = names.iter().map(String::as_str).collect();
    for body in [image_review(&all), admission("", "Pod", pod_of(&all), None)] {
        let error = read_value(Road::Any, &body).unwrap_err();
        assert!(error.envelope.is_some());
        assert_eq!(error.why, "the review asks for more than 256 different images: ask for fewer at a time");
    }
    assert_eq!(validated(&admission("", "Pod", pod_of(&all[1..]), None)).images.len(), MAX_IMAGES);
    // Those that were there before are not asked for.
    assert_eq!(validated(&admission("", "Pod", pod_of(&all), Some(pod_of(&all)))).unchanged, MAX_IMAGES + 1);
}

#[test]
fn small_bytes_do_not_become_large_memory() {
    let many = |count: usize| format!("[{}{{}}]", "{},".repeat(count - 1));
    let body = admission("", "Pod", pod(json!({"containers": "LIST"})), None).to_string();
    let why_many = why(Road::Validate, &body.replace("\"LIST\"", &many(1_000_000)));
    assert!(why_many.contains("a list of containers of more than 20000"), "{why_many}");
    let body = admission("", "Pod", json!({"metadata": {"annotations": {"a": "x".repeat(300_000)}}, "spec": {}}), None);
    assert!(why(Road::Validate, &body.to_string()).contains("annotations of more than 262144 bytes"));
    let mut body = admission("", "Pod", pod_of(&[]), None);
    body["request"]["userInfo"]["groups"] = json!(vec![""; 20_001]);
    assert!(why(Road::Validate, &body.to_string()).contains("a list of more than 20000 strings"));
}

#[test]
fn a_review_of_eight_mebibytes_is_read_and_a_larger_one_is_not() {
    let body =
        admission("", "Pod", json!({"spec": {"containers": [{"image": "a"}]}, "status": "PAD"}), None).to_string();
    let filled = |size: usize| body.replace("PAD", &"x".repeat(size - body.len() + 3));
    assert_eq!(images(&read(Road::Validate, filled(MAX_REVIEW).as_bytes()).unwrap()), ["a"]);
    assert!(why(Road::Validate, &filled(MAX_REVIEW + 1)).contains("at most 8388608 are read"));
}

#[test]
fn depth_neither_overflows_the_stack_nor_hides_anything() {
    let deep = |open: &str, close: &str| format!("{}1{}", open.repeat(60_000), close.repeat(60_000));
    for nest in [deep("[", "]"), deep("{\"a\":", "}")] {
        let body = admission(
            "",
            "Pod",
            json!({"status": "DEEP", "spec": {"containers": [{"image": "a", "env": "DEEP"}]}}),
            None,
        )
        .to_string()
        .replace("\"DEEP\"", &nest);
        assert_eq!(images(&read(Road::Validate, body.as_bytes()).unwrap()), ["a"]);
        for (kind, object) in [
            ("Pod", json!({"spec": {"containers": "DEEP"}})),
            ("Pod", json!("DEEP")),
            ("Pod", json!({"spec": {"containers": [{"image": "DEEP"}]}})),
        ] {
            let body = admission("", kind, object, None).to_string().replace("\"DEEP\"", &nest);
            assert!(read(Road::Validate, body.as_bytes()).is_err());
        }
        for object in [json!({"spec": "DEEP"}), json!({"spec": {"containers": "DEEP"}}), json!("DEEP")] {
            let body = admission("x", "Thing", object, None).to_string().replace("\"DEEP\"", &nest);
            assert!(read(Road::Validate, body.as_bytes()).unwrap().images.is_empty());
        }
        for road in ROADS {
            assert!(read(road, nest.as_bytes()).is_err());
        }
    }
}

#[test]
fn words_from_outside_cannot_steer_the_one_who_reads_why() {
    let why = why(Road::Any, "{\"kind\":\"a\\u001b[2J\\n\\u202e\\\"b\"}");
    assert_eq!(
        why,
        "the review is of kind \"a\\u{1b}[2J\\n\\u{202e}\\\"b\"; known here: ImageReview and AdmissionReview"
    );
}

#[test]
fn a_namespace_longer_than_any_is_refused_and_every_text_counts_in_the_size() {
    let long = "n".repeat(300);
    let mut body = image_review(&["a"]);
    body["spec"]["namespace"] = json!(long);
    assert!(read_value(Road::ImagePolicy, &body).unwrap_err().why.contains("namespace"));
    let mut body = admission("", "Pod", pod_of(&["a"]), None);
    body["request"]["namespace"] = json!(long);
    assert!(read_value(Road::Validate, &body).unwrap_err().why.contains("namespace"));
    body["request"]["namespace"] = json!("shop");
    body["request"]["userInfo"] = json!({"username": "u".repeat(1 << 20)});
    body["request"]["name"] = json!("p".repeat(1 << 20));
    assert!(read_value(Road::Validate, &body).unwrap().size() > 2 << 20);
}
