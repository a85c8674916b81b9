//! Every kind that holds pods, and those that do not.

use plimsoll_admission::{ContainerKind, KINDS, Road};
use serde_json::{Value, json};

use crate::{admission, images, pod, read_value, validated, why};

/// The pod spec at its place in an object of that kind.
fn nest(path: &[&str], group: &str, kind: &str, spec: Value) -> Value {
    let mut value = path.iter().rev().fold(spec, |inner, key| json!({ *key: inner }));
    value["kind"] = json!(kind);
    value["apiVersion"] = json!(if group.is_empty() { "v1".to_owned() } else { format!("{group}/v1") });
    value
}

fn everything() -> Value {
    json!({
        "volumes": [{"name": "data", "emptyDir": {}}, {"name": "model", "image": {"reference": "volume:1", "pullPolicy": "Always"}}],
        "initContainers": [{"name": "setup", "image": "init:1"}],
        "containers": [{"name": "web", "image": "regular:1", "env": [{"name": "image", "value": "no:1"}]}],
        "ephemeralContainers": [{"name": "debug", "image": "ephemeral:1", "targetContainerName": "web"}],
        "serviceAccountName": "robot", "imagePullSecrets": [{"name": "pull"}, {}]
    })
}

#[test]
fn every_kind_gives_every_kind_of_container_with_a_pointer_that_leads_to_its_image() {
    for kind in KINDS {
        let object = nest(kind.path, kind.group, kind.kind, everything());
        let review = validated(&admission(kind.group, kind.kind, object.clone(), None));
        assert_eq!(images(&review).len(), 4, "{}: {:?}", kind.kind, review.images);
        for image in &review.images {
            for container in &image.containers {
                assert_eq!(object.pointer(&container.pointer), Some(&json!(image.image)), "{}", container.pointer);
            }
        }
        let kinds: Vec<_> = review.images.iter().map(|i| (i.image.as_str(), i.containers[0].kind)).collect();
        for (image, expected) in [
            ("regular:1", ContainerKind::Regular),
            ("init:1", ContainerKind::Init),
            ("ephemeral:1", ContainerKind::Ephemeral),
            ("volume:1", ContainerKind::Volume),
        ] {
            assert!(kinds.contains(&(image, expected)), "{}: {kinds:?}", kind.kind);
        }
        assert_eq!(review.service_account.as_deref(), Some("robot"));
        assert_eq!(review.pull_secrets, ["pull", ""]);
        assert_eq!(review.is_pod, kind.kind == "Pod");
    }
}

#[test]
fn a_cron_job_s_pointer_goes_all_the_way() {
    let object = nest(&["spec", "jobTemplate", "spec", "template", "spec"], "batch", "CronJob", everything());
    let review = validated(&admission("batch", "CronJob", object, None));
    let web = review.images.iter().find(|i| i.image == "regular:1").unwrap();
    assert_eq!(web.containers[0].pointer, "/spec/jobTemplate/spec/template/spec/containers/0/image");
    assert_eq!(web.containers[0].name, "web");
    assert_eq!(review.resource, "CronJob.batch");
}

#[test]
fn a_known_kind_without_a_pod_spec_is_malformed() {
    for kind in KINDS.iter().filter(|k| !k.path.is_empty() && k.kind != "ReplicationController") {
        for depth in 0..kind.path.len() {
            for hole in [None, Some(Value::Null), Some(json!("text")), Some(json!([{}])), Some(json!(5))] {
                let mut object = nest(&kind.path[..depth], kind.group, kind.kind, json!({}));
                let shown = hole.clone();
                if let Some(hole) = hole {
                    let place = kind.path[..depth].iter().fold(&mut object, |at, key| &mut at[*key]);
                    place[kind.path[depth]] = hole;
                }
                let why = why(Road::Validate, &admission(kind.group, kind.kind, object, None).to_string());
                let named = why.contains(kind.kind);
                assert!(named, "{} {depth} {shown:?}: {why}", kind.kind);
            }
        }
    }
}

#[test]
fn a_replication_controller_may_do_without_a_template_but_not_with_half_of_one() {
    for object in [
        json!({"kind": "ReplicationController"}),
        json!({"spec": {"replicas": 0}}),
        json!({"spec": {"template": null}}),
    ] {
        assert!(validated(&admission("", "ReplicationController", object, None)).images.is_empty());
    }
    let half = admission("", "ReplicationController", json!({"spec": {"template": {"metadata": {}}}}), None);
    assert_eq!(
        why(Road::Validate, &half.to_string()),
        "the ReplicationController has no pod spec: spec.template.spec is missing"
    );
}

#[test]
fn a_known_kind_without_an_object_is_malformed() {
    for kind in KINDS {
        for operation in ["CREATE", "UPDATE", ""] {
            let mut review = admission(kind.group, kind.kind, Value::Null, None);
            review["request"]["operation"] = json!(operation);
            let why = why(Road::Validate, &review.to_string());
            assert!(why.starts_with("the request has no object, and a "), "{why}");
        }
    }
}

#[test]
fn wrong_types_inside_a_known_kind_are_malformed() {
    for (spec, said) in [
        (json!({"containers": "nginx"}), "expected a list of containers"),
        (json!({"containers": {"0": {"image": "a"}}}), "expected a list of containers"),
        (json!({"containers": ["nginx"]}), "expected a container"),
        (json!({"containers": [{"image": ["nginx"]}]}), "invalid type: a list, expected a string"),
        (json!({"containers": [{"image": {"a": "b"}}]}), "invalid type: an object, expected a string"),
        (json!({"containers": [{"image": 5}]}), "invalid type: a number, expected a string"),
        (json!({"containers": [], "initContainers": true}), "expected a list of init containers"),
        (json!({"containers": [], "volumes": [{"image": "a"}]}), "expected an image volume"),
        (json!({"containers": [], "volumes": [{"image": {"reference": 1.5}}]}), "expected a string"),
        (json!({"containers": [], "serviceAccountName": 5}), "expected a string"),
        (json!({"containers": [], "imagePullSecrets": ["a"]}), "expected a name"),
    ] {
        let why = why(Road::Validate, &admission("", "Pod", pod(spec.clone()), None).to_string());
        assert!(why.starts_with("could not read the Pod: ") && why.contains(said), "{spec}: {why}");
    }
}

#[test]
fn a_container_without_an_image_is_judged_as_one_without_a_name() {
    for container in [
        json!({"name": "web"}),
        json!({"name": "web", "image": ""}),
        json!({"name": "web", "image": null}),
        Value::Null,
    ] {
        let review = validated(&admission("", "Pod", pod(json!({"containers": [container]})), None));
        assert_eq!(images(&review), [""]);
        assert_eq!(review.images[0].containers.len(), 1);
    }
    let volume = pod(json!({"containers": [], "volumes": [{"name": "v", "image": {}}, {"name": "w", "image": null}]}));
    let review = validated(&admission("", "Pod", volume, None));
    assert_eq!(images(&review), [""]);
}

#[test]
fn null_lists_are_empty_ones() {
    let spec = json!({"containers": null, "initContainers": null, "volumes": null, "imagePullSecrets": null, "serviceAccountName": null});
    assert!(validated(&admission("", "Pod", pod(spec), None)).images.is_empty());
}

#[test]
fn a_stranger_s_object_is_looked_at_in_the_four_places() {
    for kind in KINDS.iter().filter(|k| !k.path.is_empty()) {
        let object = nest(kind.path, "example.com", "Rollout", everything());
        let review = validated(&admission("example.com", "Rollout", object.clone(), None));
        assert_eq!(images(&review).len(), 4, "{:?}", kind.path);
        assert!(review.images.iter().all(|i| object.pointer(&i.containers[0].pointer) == Some(&json!(i.image))));
        assert!(!review.is_pod);
        assert_eq!(review.resource, "Rollout.example.com");
    }
}

#[test]
fn a_kind_of_another_group_is_a_stranger() {
    let object = nest(&["spec"], "example.com", "Pod", json!({"containers": [{"image": "a:1"}]}));
    let review = validated(&admission("example.com", "Pod", object, None));
    assert_eq!((images(&review), review.is_pod), (vec!["a:1"], false));
}

#[test]
fn a_stranger_s_object_of_any_shape_is_read_for_what_it_has() {
    for (object, expected) in [
        (Value::Null, vec![]),
        (json!({"data": {"image": "a"}}), vec![]),
        (json!([]), vec![]),
        (json!("text"), vec![]),
        (json!({"spec": "x", "template": [1, {"spec": {}}]}), vec![]),
        (json!({"spec": {"containers": {"a": "b"}}}), vec![]),
        (json!({"spec": {"initContainers": [{"image": "a"}]}}), vec![]),
        (
            json!({"spec": {"containers": ["a", 5, null, [], {"image": "x:1"}, {"image": ["y"]}, {"image": ""}, {}]}}),
            vec!["x:1"],
        ),
        (
            json!({"spec": {"containers": [{"image": "x"}], "volumes": "no", "initContainers": [[[]]], "serviceAccountName": {}}}),
            vec!["x"],
        ),
        (
            json!({"spec": {"containers": [{"image": "a"}], "template": {"spec": {"containers": [{"image": "b"}]}}}}),
            vec!["a", "b"],
        ),
        (
            json!({"metadata": {"name": 5, "annotations": {"a": 5, "b": "c"}}, "spec": {"containers": [{"image": "a"}]}}),
            vec!["a"],
        ),
        (json!({"metadata": "x", "spec": {"containers": [{"image": "a"}]}}), vec!["a"]),
    ] {
        let review = validated(&admission("example.com", "Thing", object.clone(), None));
        assert_eq!(images(&review), expected, "{object}");
    }
}

#[test]
fn a_scale_has_nothing_to_judge() {
    let mut review = admission(
        "autoscaling",
        "Scale",
        json!({"kind": "Scale", "apiVersion": "autoscaling/v1", "spec": {"replicas": 3}}),
        Some(json!({"kind": "Scale", "apiVersion": "autoscaling/v1", "spec": {"replicas": 2}})),
    );
    review["request"]["subResource"] = json!("scale");
    let review = validated(&review);
    assert!(review.images.is_empty());
    assert_eq!(review.subresource.as_deref(), Some("scale"));
}

#[test]
fn what_goes_away_or_is_connected_to_has_nothing_to_judge() {
    for (operation, kind, object) in [
        ("DELETE", "Pod", Value::Null),
        ("DELETE", "Pod", json!({"kind": "Pod", "spec": {"containers": [{"image": "a"}]}})),
        ("CONNECT", "PodExecOptions", json!({"kind": "PodExecOptions", "stdin": true, "command": ["sh"]})),
        ("DELETE", "Pod", json!("nonsense")),
    ] {
        let mut review = admission("", kind, object, None);
        review["request"]["operation"] = json!(operation);
        assert!(validated(&review).images.is_empty(), "{operation}");
    }
}

#[test]
fn an_object_of_another_kind_than_the_request_names_is_refused() {
    let spec = json!({"containers": [{"image": "a"}]});
    for (group, kind, object, said) in [
        (
            "",
            "Pod",
            json!({"kind": "ConfigMap", "apiVersion": "v1", "spec": spec}),
            "the request speaks of a Pod, and its object is a ConfigMap",
        ),
        ("", "ConfigMap", pod(spec.clone()), "the request speaks of a ConfigMap, and its object is a Pod"),
        (
            "apps",
            "Deployment",
            json!({"kind": "Deployment", "apiVersion": "v1", "spec": {"template": {"spec": spec}}}),
            "the request speaks of a Deployment.apps, and its object is a Deployment",
        ),
        (
            "",
            "Pod",
            json!({"apiVersion": "example.com/v1", "spec": spec}),
            "the request speaks of a Pod, and its object is a Pod.example.com",
        ),
    ] {
        assert_eq!(why(Road::Validate, &admission(group, kind, object, None).to_string()), said);
    }
    // One that does not say is what the API server says.
    assert_eq!(images(&validated(&admission("", "Pod", json!({"spec": spec}), None))), ["a"]);
}

#[test]
fn a_request_without_a_kind_is_refused() {
    let mut review = admission("", "Pod", pod(json!({})), None);
    for kind in [Value::Null, json!({}), json!({"group": "", "kind": ""})] {
        review["request"]["kind"] = kind;
        assert!(read_value(Road::Validate, &review).unwrap_err().why.contains("does not say the kind"));
    }
}

#[test]
fn the_pod_s_annotations_win_over_those_of_what_makes_it() {
    let object = json!({
        "kind": "Deployment", "apiVersion": "apps/v1",
        "metadata": {"name": "d", "annotations": {"own": "1", "both": "own", "null": null}},
        "spec": {"template": {"metadata": {"annotations": {"pod": "2", "both": "pod"}}, "spec": {"containers": []}}}
    });
    let review = validated(&admission("apps", "Deployment", object, None));
    let all: Vec<_> = review.annotations.iter().map(|(k, v)| (k.as_str(), v.as_str())).collect();
    assert_eq!(all, [("both", "pod"), ("null", ""), ("own", "1"), ("pod", "2")]);
}

#[test]
fn a_pod_that_is_yet_to_be_named_goes_by_the_start_of_its_name() {
    let mut review =
        admission("", "Pod", json!({"metadata": {"generateName": "web-"}, "spec": {"serviceAccount": "old"}}), None);
    review["request"]["name"] = json!("");
    let read = validated(&review);
    assert_eq!((read.name.as_deref(), read.service_account.as_deref()), (Some("web-"), Some("old")));
    assert_eq!((read.user.as_deref(), read.groups.len()), (Some("jane"), 2));
    assert_eq!(read.namespace.as_deref(), Some("shop"));
}
