//! The admission gate as an API server meets it: reviews over TLS in, answers out.

mod cluster;
mod image_policies;
mod mutators;
pub mod peer;
mod policies;
mod signatures;

use std::io::{Read, Write};
use std::path::Path;
use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use crate::{plimsoll, project};
use peer::{Authority, Client, Gate, Layers, Registry, read_reply};

/// A policy under which the mended shop's image may run and the other shop's may not.
pub fn policy(dir: &Path, more: &str) {
    let advisories = project().join("examples/shop/advisories");
    let text = format!(
        "apiVersion: plimsoll.dev/v1alpha1\nkind: LoadLine\nmetadata: {{name: test}}\n\
         data: {{advisories: [{}], baselineOnly: allow}}\n{more}\nimages:\n\
         - {{name: refused, match: [\"evil.example.com/**\"], refuse: not from an allowed registry}}\n\
         - {{name: all, match: [\"**\"], tags: {{pin: true}}, vulnerabilities: {{deny: [{{severity: critical}}]}}}}\n",
        advisories.canonicalize().unwrap().display()
    );
    std::fs::write(dir.join("loadline.yaml"), text).unwrap();
}

fn gate(more: &str, args: &[&str]) -> Gate {
    let args: Vec<&str> = ["--policy", "{dir}/loadline.yaml"].iter().chain(args).copied().collect();
    Gate::start(&args, |dir, _| policy(dir, more))
}

pub fn good() -> Registry {
    Registry::start(&project().join("examples/shop-fixed/image"))
}

/// A registry for tests of other commands.
pub fn registry() -> Registry {
    good()
}

/// What every tag of it means.
pub fn registry_digest() -> String {
    let index = std::fs::read(project().join("examples/shop-fixed/image/index.json")).unwrap();
    let index: Value = serde_json::from_slice(&index).unwrap();
    index["manifests"][0]["digest"].as_str().unwrap().to_owned()
}

fn image_review(images: &[&str]) -> String {
    let containers: Vec<Value> = images.iter().map(|image| json!({ "image": image })).collect();
    let spec = json!({"containers": containers, "namespace": "default"});
    json!({"apiVersion": "imagepolicy.k8s.io/v1alpha1", "kind": "ImageReview", "spec": spec}).to_string()
}

pub fn pod(images: &[&str]) -> Value {
    let containers: Vec<Value> =
        images.iter().enumerate().map(|(i, image)| json!({"name": format!("c{i}"), "image": image})).collect();
    json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "p"}, "spec": {"containers": containers}})
}

pub fn review_of(object: &Value, more: &Value) -> Value {
    let (group, version) = object["apiVersion"].as_str().unwrap().split_once('/').unwrap_or(("", "v1"));
    let kind = json!({"group": group, "version": version, "kind": object["kind"]});
    let mut request = json!({
        "uid": "11111111-2222-3333-4444-555555555555", "kind": kind, "resource": {"group": group, "version": version,
        "resource": "things"}, "namespace": "default", "operation": "CREATE", "object": object, "oldObject": null,
        "dryRun": false, "userInfo": {"username": "alice", "groups": ["dev"]},
    });
    for (key, value) in more.as_object().unwrap() {
        request[key] = value.clone();
    }
    json!({"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview", "request": request})
}

fn pod_review(images: &[&str]) -> String {
    review_of(&pod(images), &json!({})).to_string()
}

#[test]
fn image_reviews_are_answered_on_all_their_paths() {
    let registry = good();
    let gate = gate("", &[]);
    let mut client = gate.client();
    let good = registry.image("1.0");
    for path in ["/image_policy?timeout=30s", "/check-image", "/", "/image_policy/"] {
        let answer = client.post(path, &image_review(&[&good])).json();
        assert_eq!(answer["kind"], "ImageReview", "{path}");
        assert_eq!(answer["apiVersion"], "imagepolicy.k8s.io/v1alpha1");
        assert_eq!(answer["status"]["allowed"], true, "{path}: {answer}\n{}", gate.log());
    }
    let answer = client.post("/image_policy", &image_review(&[&good, "evil.example.com/x:1"])).json();
    assert_eq!(answer["status"]["allowed"], false);
    let reason = answer["status"]["reason"].as_str().unwrap();
    assert!(reason.contains("evil.example.com/x:1") && reason.contains("not from an allowed registry"), "{reason}");
    assert!(!reason.contains(&good), "an allowed image needs no reason: {reason}");
    let audit = &answer["status"]["auditAnnotations"];
    assert!(audit["policy"].as_str().unwrap().starts_with("test@sha256:"), "{audit}");
    assert!(audit["verdict"].as_str().unwrap().starts_with("sha256:"), "{audit}");
}

#[test]
fn the_gate_says_what_the_command_line_says() {
    let registry = Registry::start(&project().join("examples/shop/image"));
    let gate = gate("", &[]);
    let image = registry.image("2.0");
    let answer = gate.client().post("/validate", &pod_review(&[&image])).json();
    assert_eq!(answer["response"]["allowed"], false, "{answer}");
    let message = answer["response"]["status"]["message"].as_str().unwrap();
    let policy = gate.path("loadline.yaml").display().to_string();
    let run = plimsoll(&["image", "--policy", &policy, "--namespace", "default", "-f", "json", &image]);
    assert_eq!(run.status, 1, "{}", run.err);
    let report: Value = serde_json::from_str(&run.out).unwrap();
    let verdict = &report["assessments"][0]["verdict"];
    assert_eq!(verdict["effective"], "denied");
    let first = verdict["reasons"][0]["message"].as_str().unwrap();
    let start: String = first.chars().take(60).collect();
    assert!(message.contains(&start), "{message}\n does not have\n{first}");
    assert!(message.starts_with("container \"c0\" image "), "{message}");
}

#[test]
fn admission_reviews_are_answered_in_the_version_that_asked() {
    let registry = good();
    let gate = gate("", &[]);
    let mut client = gate.client();
    for version in ["v1", "v1beta1"] {
        let mut review = review_of(&pod(&[&registry.image("1.0")]), &json!({}));
        review["apiVersion"] = format!("admission.k8s.io/{version}").into();
        for path in ["/validate?timeout=5s", "/"] {
            let answer = client.post(path, &review.to_string()).json();
            assert_eq!(answer["apiVersion"], review["apiVersion"]);
            assert_eq!(answer["response"]["uid"], review["request"]["uid"]);
            assert_eq!(answer["response"]["allowed"], true, "{answer}\n{}", gate.log());
            assert!(answer["response"].get("patch").is_none());
        }
    }
}

#[test]
fn workloads_are_judged_by_their_pod_template() {
    let gate = gate("", &[]);
    let mut client = gate.client();
    let template =
        json!({"spec": {"initContainers": [{"name": "setup", "image": "evil.example.com/init:1"}], "containers": []}});
    let deployment = json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "d"}, "spec": {"template": template}});
    let cron = json!({"apiVersion": "batch/v1", "kind": "CronJob", "metadata": {"name": "c"},
        "spec": {"jobTemplate": {"spec": {"template": template}}}});
    for object in [deployment, cron] {
        let answer = client.post("/validate", &review_of(&object, &json!({})).to_string()).json();
        assert_eq!(answer["response"]["allowed"], false, "{answer}");
        let message = answer["response"]["status"]["message"].as_str().unwrap();
        assert!(message.contains("init container \"setup\""), "{message}");
    }
    let scale =
        json!({"apiVersion": "autoscaling/v1", "kind": "Scale", "metadata": {"name": "d"}, "spec": {"replicas": 3}});
    let answer = client
        .post("/validate", &review_of(&scale, &json!({"operation": "UPDATE", "subResource": "scale"})).to_string());
    assert_eq!(answer.json()["response"]["allowed"], true);
    let deleted = json!({"operation": "DELETE", "object": null, "oldObject": pod(&["evil.example.com/x"])});
    let answer = client.post("/validate", &review_of(&pod(&[]), &deleted).to_string());
    assert_eq!(answer.json()["response"]["allowed"], true);
}

#[test]
fn objects_are_held_to_the_workloads_of_the_policy() {
    let registry = good();
    let gate =
        gate("workloads: {podSecurity: {level: baseline}, rules: {wildcard-in-role: deny, secret-in-env: warn}}", &[]);
    let mut client = gate.client();
    let mut judged = |path: &str, object: &Value, more: &Value| {
        let answer = client.post(path, &review_of(object, more).to_string()).json();
        let response = &answer["response"];
        let message = response["status"]["message"].as_str().unwrap_or_default().to_owned();
        (response["allowed"].as_bool().unwrap(), message, response["warnings"].clone())
    };
    let image = registry.image("1.0");
    let good = pod(&[&image]);
    assert!(judged("/validate", &good, &json!({})).0, "{}", gate.log());
    let mut bad = good.clone();
    bad["spec"]["containers"][0]["securityContext"] = json!({"privileged": true});
    for more in [json!({}), json!({"dryRun": true}), json!({"operation": "UPDATE", "oldObject": good})] {
        let (allowed, message, _) = judged("/validate", &bad, &more);
        assert!(!allowed && message.contains("Pod \"p\": denied: pod-security-privileged"), "{message}");
    }
    // A tag is pinned whatever the pod may do; whether it may run is asked when it is validated.
    assert!(judged("/mutate", &bad, &json!({})).0);
    let mut status = bad.clone();
    status["status"] = json!({"phase": "Running"});
    let update = |old: &Value| json!({"operation": "UPDATE", "oldObject": old});
    assert!(judged("/validate", &status, &json!({"operation": "UPDATE", "subResource": "status", "oldObject": bad})).0);
    let mut moved = bad.clone();
    moved["spec"]["containers"][0]["name"] = json!("other");
    assert!(!judged("/validate", &moved, &update(&bad)).0);
    let mut debugged = good.clone();
    debugged["spec"]["ephemeralContainers"] =
        json!([{"name": "dbg", "image": image, "securityContext": {"privileged": true}}]);
    let more = json!({"operation": "UPDATE", "subResource": "ephemeralcontainers", "oldObject": good});
    let (allowed, message, _) = judged("/validate", &debugged, &more);
    assert!(!allowed && message.contains("`dbg`"), "{message}");
    let mut warned = good.clone();
    warned["spec"]["containers"][0]["env"] =
        json!([{"name": "A", "valueFrom": {"secretKeyRef": {"name": "a", "key": "b"}}}]);
    let (allowed, _, warnings) = judged("/validate", &warned, &json!({}));
    assert!(allowed && warnings.to_string().contains("secret-in-env"), "{warnings}");
    let role = |verb: &str| {
        json!({"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "Role", "metadata": {"name": "r"},
            "rules": [{"apiGroups": [""], "resources": ["*"], "verbs": [verb]}]})
    };
    assert!(!judged("/validate", &role("get"), &json!({})).0);
    assert!(judged("/validate", &role("get"), &update(&role("get"))).0);
    assert!(!judged("/validate", &role("delete"), &update(&role("get"))).0);
    // An object that the linter cannot read is not let off.
    let mut large = good.clone();
    large["metadata"]["annotations"] = json!({"a": "\u{1f600} \u{7f} \u{fffe} \u{2028} \u{1}", "<<": "b"});
    let (allowed, message, _) = judged("/validate", &large, &json!({}));
    assert!(allowed, "{message}");
    let mut nameless = good.clone();
    nameless.as_object_mut().unwrap().remove("apiVersion");
    let review = review_of(&good, &json!({"object": nameless})).to_string();
    assert_eq!(client.post("/validate", &review).json()["response"]["allowed"], false);
    assert!(gate.log().contains("`workloads`"), "{}", gate.log());
}

#[test]
fn only_images_that_an_update_changed_are_judged() {
    let gate = gate("", &[]);
    let mut client = gate.client();
    let old = pod(&["evil.example.com/x:1"]);
    let update = |new: &Value| review_of(new, &json!({"operation": "UPDATE", "oldObject": old})).to_string();
    let mut labelled = old.clone();
    labelled["metadata"]["labels"] = json!({"a": "b"});
    assert_eq!(client.post("/validate", &update(&labelled)).json()["response"]["allowed"], true);
    let mut debug = old.clone();
    debug["spec"]["ephemeralContainers"] = json!([{"name": "dbg", "image": "evil.example.com/debug:1"}]);
    let answer = client.post("/validate", &update(&debug)).json();
    assert_eq!(answer["response"]["allowed"], false);
    let message = answer["response"]["status"]["message"].as_str().unwrap();
    assert!(message.contains("ephemeral container \"dbg\"") && !message.contains("x:1"), "{message}");
}

#[test]
fn an_image_that_many_containers_share_is_looked_up_once() {
    let registry = good();
    let gate = gate("", &[]);
    let mut client = gate.client();
    let image = registry.image("1.0");
    let images = vec![image.as_str(); 8];
    assert_eq!(client.post("/validate", &pod_review(&images)).json()["response"]["allowed"], true, "{}", gate.log());
    let asked = registry.asked.load(std::sync::atomic::Ordering::SeqCst);
    let one_more = client.post("/image_policy", &image_review(&images)).json();
    assert_eq!(one_more["status"]["allowed"], true);
    assert_eq!(registry.asked.load(std::sync::atomic::Ordering::SeqCst), asked, "the second review asked the registry");
    let metrics = client.get("/metrics").body;
    assert!(metrics.contains("plimsoll_images_assessed_total 1\n"), "{metrics}");
}

#[test]
fn tags_are_pinned_in_pods_alone_and_once() {
    let registry = good();
    let gate = gate("", &[]);
    let mut client = gate.client();
    let image = registry.image("1.0");
    let answer = client.post("/mutate?timeout=10s", &pod_review(&[&image, "evil.example.com/x:1"])).json();
    assert_eq!(answer["response"]["allowed"], true, "{answer}");
    assert_eq!(answer["response"]["patchType"], "JSONPatch");
    let patch = STANDARD.decode(answer["response"]["patch"].as_str().unwrap()).unwrap();
    let patch: Value = serde_json::from_slice(&patch).unwrap();
    assert_eq!(patch.as_array().unwrap().len(), 1, "a refused image needs no pin: {patch}");
    assert_eq!(patch[0]["path"], "/spec/containers/0/image");
    let pinned = patch[0]["value"].as_str().unwrap();
    assert!(pinned.starts_with(&format!("{image}@sha256:")), "{pinned}");
    let again = client.post("/mutate", &pod_review(&[pinned])).json();
    assert!(again["response"].get("patch").is_none(), "{again}");
    assert_eq!(client.post("/validate", &pod_review(&[pinned])).json()["response"]["allowed"], true);
    let template = json!({"spec": {"containers": [{"name": "c", "image": image}]}});
    let deployment = json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "d"}, "spec": {"template": template}});
    let answer = client.post("/mutate", &review_of(&deployment, &json!({})).to_string()).json();
    assert!(answer["response"].get("patch").is_none() && answer["response"]["allowed"] == true, "{answer}");
}

#[test]
fn a_tag_that_leads_nowhere_is_not_pinned_and_not_let_through() {
    let gate = gate("", &[]);
    let answer = gate.client().post("/mutate?timeout=3s", &pod_review(&["127.0.0.1:1/shop/web:1"])).json();
    assert_eq!(answer["response"]["allowed"], false, "{answer}");
    let message = answer["response"]["status"]["message"].as_str().unwrap();
    assert!(message.contains("127.0.0.1:1/shop/web:1") && message.contains("digest"), "{message}");
}

/// The request of the notes, whose digest lacks a digit and whose ticket stands in the annotation's key.
fn noted_request() -> String {
    let digest = "beb6bd6a68f114c1dc2ea4b28db81bdf91de202a9014972bec5e4d9171d90ed";
    json!({
        "apiVersion": "imagepolicy.k8s.io/v1alpha1", "kind": "ImageReview",
        "spec": {
            "containers": [{"image": "myrepo/myimage:v1"}, {"image": format!("myrepo/myimage@sha256:{digest}")}],
            "annotations": {"mycluster.image-policy.k8s.io/ticket-1234": "break-glass"}, "namespace": "mynamespace",
        },
    })
    .to_string()
}

#[test]
fn break_glass_lets_run_what_the_default_policy_refuses_by_its_digits() {
    let bouncer = project().join("examples/bouncer.yaml").display().to_string();
    let loose = Gate::start(&["--policy", &bouncer], |_, _| {});
    let answer = loose.client().post("/image_policy", &noted_request()).json();
    assert_eq!(answer["status"]["allowed"], true, "{answer}");
    let audit = answer["status"]["auditAnnotations"]["break-glass"].as_str().unwrap();
    assert!(audit.contains("ticket-1234"), "{audit}");
    loose.wait("the decision is told", |gate| !gate.events("decision").is_empty());
    let decision = &loose.events("decision")[0];
    assert_eq!(
        (decision["level"].as_str(), decision["breakGlass"].as_bool()),
        (Some("warn"), Some(true)),
        "{decision}"
    );
    assert!(loose.client().get("/metrics").body.contains("plimsoll_break_glass_total 1\n"));

    let strict = Gate::start(&[], |_, _| {});
    let answer = strict.client().post("/image_policy?timeout=2s", &noted_request()).json();
    assert_eq!(answer["status"]["allowed"], false, "{answer}");
    let reason = answer["status"]["reason"].as_str().unwrap();
    assert!(reason.contains("digest has 63 hexadecimal digits, not 64"), "{reason}");
}

#[test]
fn a_glass_is_broken_only_where_it_must_be_and_the_audit_says_what_it_overrules() {
    let glass = "breakGlass: {annotation: \"oncall.example.com/ticket-*\", value: break-glass, namespaces: [\"*\"], groups: [oncall]}";
    let gate = gate(glass, &[]);
    let mut client = gate.client();
    let (good, bad) = (good(), Registry::start(&project().join("examples/shop/image")));
    let mut broken = |image: &str, group: &str| {
        let mut object = pod(&[image]);
        object["metadata"]["annotations"] = json!({"oncall.example.com/ticket-7": "break-glass"});
        let who = json!({"userInfo": {"username": "jane", "groups": [group]}});
        client.post("/validate?timeout=30s", &review_of(&object, &who).to_string()).json()["response"].clone()
    };
    let answer = broken(&good.image("1.0"), "oncall");
    assert_eq!(answer["allowed"], true, "{answer}");
    assert!(answer["auditAnnotations"].get("break-glass").is_none(), "a good image breaks no glass: {answer}");
    let answer = broken(&bad.image("1.0"), "oncall");
    assert_eq!(answer["allowed"], true, "{answer}");
    let audit = answer["auditAnnotations"]["break-glass"].as_str().unwrap();
    assert!(audit.contains("ticket-7") && audit.contains("jane") && audit.contains("CVE-"), "{audit}");
    assert!(answer["warnings"].to_string().contains("ticket-7"), "{answer}");
    assert_eq!(broken(&bad.image("1.0"), "dev")["allowed"], false);
    // Nobody waits for a registry in an emergency.
    good.delay.store(60_000, std::sync::atomic::Ordering::SeqCst);
    let began = Instant::now();
    assert_eq!(broken(&good.image("2.0"), "oncall")["allowed"], true);
    assert!(began.elapsed() < Duration::from_secs(8), "{:?}", began.elapsed());
}

#[test]
fn exemptions_of_users_count_where_a_user_is_known() {
    let exempt = "exempt: [{users: [alice], reason: bootstrap, ticket: SEC-2, until: 2199-01-01}]";
    let gate = gate(exempt, &[]);
    let mut client = gate.client();
    let image = "evil.example.com/x:1";
    let answer = client.post("/validate", &pod_review(&[image])).json();
    assert_eq!(answer["response"]["allowed"], true, "{answer}");
    assert!(answer["response"]["auditAnnotations"]["exempt"].as_str().unwrap().contains("SEC-2"), "{answer}");
    let other = review_of(&pod(&[image]), &json!({"userInfo": {"username": "bob"}}));
    assert_eq!(client.post("/validate", &other.to_string()).json()["response"]["allowed"], false);
    assert_eq!(client.post("/image_policy", &image_review(&[image])).json()["status"]["allowed"], false);
}

#[test]
fn registries_of_the_whitelist_alone_are_allowed() {
    let registry = good();
    let gate = gate("", &["--registry-whitelist", "quay.io,registry.example.com"]);
    let answer = gate.client().post("/image_policy", &image_review(&[&registry.image("1.0")])).json();
    assert_eq!(answer["status"]["allowed"], false);
    let reason = answer["status"]["reason"].as_str().unwrap();
    assert!(reason.contains("quay.io"), "{reason}");
}

#[test]
fn modes_soften_what_happens_and_not_what_is_said() {
    let gate = gate("mode: warn", &[]);
    let answer = gate.client().post("/validate", &pod_review(&["evil.example.com/x:1"])).json();
    assert_eq!(answer["response"]["allowed"], true);
    let warnings = answer["response"]["warnings"].to_string();
    assert!(warnings.contains("not from an allowed registry"), "{warnings}");
}

#[test]
fn malformed_reviews_get_an_answer_and_are_not_let_through() {
    let gate = gate("", &[]);
    let mut client = gate.client();
    let deep = format!("{}1{}", "[".repeat(100_000), "]".repeat(100_000));
    let twice = r#"{"apiVersion":"imagepolicy.k8s.io/v1alpha1","kind":"ImageReview","spec":{"containers":[{"image":"a:1","image":"evil.example.com/x"}]}}"#;
    let strange = image_review(&["a"]).replace("v1alpha1", "v9");
    for body in ["", "null", "[]", "{", "\u{0}", "{}", &deep, twice, &strange] {
        let reply = client.post("/image_policy", body);
        assert_eq!(reply.status, 200, "{reply:?}");
        let answer = reply.json();
        assert_eq!(answer["status"]["allowed"], false, "{answer}");
        assert!(!answer["status"]["reason"].as_str().unwrap().is_empty());
    }
    let answer = client.post("/image_policy", &pod_review(&["a"])).json();
    assert_eq!(answer["response"]["allowed"], false, "a review of the other kind: {answer}");
    let no_uid = pod_review(&["a"]).replace("11111111-2222-3333-4444-555555555555", "");
    for body in ["", "null", "[]", "{", "{}", &deep, &no_uid, &image_review(&["a"])] {
        for path in ["/validate", "/mutate"] {
            let reply = client.post(path, body);
            let answer = reply.json();
            // A review of the other kind is refused in its own form.
            let refused = answer["response"]["allowed"] == false || answer["status"]["allowed"] == false;
            assert!(reply.status == 400 || refused, "{path} {reply:?}");
        }
    }
    let no_object = review_of(&pod(&["a"]), &json!({"object": null})).to_string();
    let answer = client.post("/validate", &no_object).json();
    assert_eq!(answer["response"]["allowed"], false, "{answer}");
    assert_eq!(answer["response"]["uid"], "11111111-2222-3333-4444-555555555555");
    let unknown =
        json!({"apiVersion": "example.com/v1", "kind": "Widget", "metadata": {"name": "w"}, "spec": {"size": 3}});
    let answer = client.post("/validate", &review_of(&unknown, &json!({})).to_string()).json();
    assert_eq!(answer["response"]["allowed"], true, "{answer}");
    let many = vec!["evil.example.com/x:1"; 10_000];
    let answer = client.post("/validate", &pod_review(&many)).json();
    assert_eq!(answer["response"]["allowed"], false);
    assert!(answer["response"]["status"]["message"].as_str().unwrap().len() < 4096);
    let names: Vec<String> = (0..10_000).map(|i| format!("evil.example.com/x:{i}")).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let answer = client.post("/image_policy", &image_review(&names)).json();
    assert_eq!(answer["status"]["allowed"], false);
    assert_eq!(client.get("/validate").status, 405);
    assert_eq!(client.post("/healthz", "").status, 405);
    assert_eq!(client.get("/nothing").status, 404);
    assert_eq!(client.get("/healthz").body, "ok\n");
}

#[test]
fn reviews_of_eight_mebibytes_are_read_and_larger_ones_are_not() {
    let gate = gate("", &[]);
    let mut client = gate.client();
    let mut large = pod(&["evil.example.com/x:1"]);
    large["metadata"]["annotations"] = json!({"a": "x".repeat((8 << 20) - 2048)});
    let body = review_of(&large, &json!({})).to_string();
    assert!(body.len() < 8 << 20 && body.len() > (8 << 20) - 4096);
    let answer = client.post("/validate", &body).json();
    assert_eq!(answer["response"]["allowed"], false);
    large["metadata"]["annotations"] = json!({"a": "x".repeat(8 << 20)});
    let reply = client.post("/validate", &review_of(&large, &json!({})).to_string());
    assert_eq!(reply.status, 413, "{reply:?}");
    assert_eq!(client.get("/healthz").status, 200);
}

#[test]
fn an_image_that_takes_too_long_is_finished_for_the_next_who_asks() {
    let registry = good();
    // Three answers, one after another, are wanted of it: 2.1 s.
    registry.delay.store(700, std::sync::atomic::Ordering::SeqCst);
    let gate = gate("", &["--deny-ttl", "17"]);
    let mut client = gate.client();
    let image = registry.image("1.0");
    let began = Instant::now();
    let answer = client.post("/image_policy?timeout=1s", &image_review(&[&image])).json();
    assert!(began.elapsed() < Duration::from_secs(2), "answered after {:?}", began.elapsed());
    assert_eq!(answer["status"]["allowed"], false);
    let reason = answer["status"]["reason"].as_str().unwrap();
    assert!(reason.contains("try again in 17 s"), "{reason}");
    gate.wait("the assessment went on", |gate| {
        gate.client().get("/metrics").body.contains("images_assessed_total 1\n")
    });
    registry.delay.store(60_000, std::sync::atomic::Ordering::SeqCst);
    let answer = client.post("/image_policy?timeout=1s", &image_review(&[&image])).json();
    assert_eq!(answer["status"]["allowed"], true, "{answer}");
}

#[test]
fn what_could_not_be_told_means_what_the_policy_says() {
    let lenient = gate("undecided: warn", &[]);
    let answer = lenient.client().post("/validate?timeout=3s", &pod_review(&["127.0.0.1:1/a:1"])).json();
    assert_eq!(answer["response"]["allowed"], true, "{answer}");
    assert!(answer["response"]["warnings"].to_string().contains("127.0.0.1:1"), "{answer}");
    let strict = gate("", &[]);
    let answer = strict.client().post("/validate?timeout=3s", &pod_review(&["127.0.0.1:1/a:1"])).json();
    assert_eq!(answer["response"]["allowed"], false, "{answer}");
    // A name that nobody can read is no "could not tell".
    let answer = lenient.client().post("/validate", &pod_review(&["Not A Name"])).json();
    assert_eq!(answer["response"]["allowed"], false, "{answer}");
}

#[test]
fn too_much_at_once_is_turned_away_without_letting_anything_through() {
    let registry = good();
    registry.delay.store(1500, std::sync::atomic::Ordering::SeqCst);
    let gate = gate("", &["--max-in-flight", "1"]);
    let mut busy = gate.client();
    let image = registry.image("1.0");
    std::thread::scope(|scope| {
        scope.spawn(|| busy.post("/validate?timeout=3s", &pod_review(&[&image])));
        gate.wait("one is in flight", |gate| gate.client().get("/metrics").body.contains("plimsoll_in_flight 1\n"));
        let mut other = gate.client();
        let reply = other.post("/validate", &pod_review(&[&image]));
        assert_eq!(reply.status, 503, "{reply:?}");
        let answer = other.post("/image_policy", &image_review(&[&image]));
        assert_eq!((answer.status, &answer.json()["status"]["allowed"]), (200, &json!(false)));
        assert_eq!(other.get("/healthz").status, 200);
    });
    assert!(gate.client().get("/metrics").body.contains("plimsoll_shed_total 2\n"));
}

#[test]
fn clients_without_the_right_certificate_get_a_denial_or_no_handshake() {
    let strangers = Authority::new("strangers");
    let args = ["--client-ca", "{dir}/clients.crt", "--client-name", "plimsoll-*", "--policy", "{dir}/loadline.yaml"];
    let mut good = (String::new(), String::new());
    let mut misnamed = (String::new(), String::new());
    let registry = self::good();
    let gate = Gate::start(&args, |dir, _| {
        let clients = Authority::new("clients");
        std::fs::write(dir.join("clients.crt"), &clients.pem).unwrap();
        good = clients.sign("plimsoll-apiserver-client", true);
        misnamed = clients.sign("somebody", true);
        policy(dir, "");
    });
    let authority = gate.authority.pem.clone();
    let with = |identity: &(String, String)| Client::new(gate.address, &authority, Some((&identity.0, &identity.1)));
    let image = registry.image("1.0");

    let mut welcome = with(&good);
    assert_eq!(welcome.post("/validate", &pod_review(&[&image])).json()["response"]["allowed"], true, "{}", gate.log());
    assert_eq!(welcome.get("/policy").json()["policy"]["name"], "test");

    let mut nobody = gate.client();
    let answer = nobody.post("/validate", &pod_review(&[&image])).json();
    assert_eq!(answer["response"]["allowed"], false);
    assert!(answer["response"]["status"]["message"].as_str().unwrap().contains("client certificate"), "{answer}");
    assert_eq!(nobody.post("/image_policy", &image_review(&[&image])).json()["status"]["allowed"], false);
    assert_eq!(nobody.get("/policy").status, 403);
    assert_eq!((nobody.get("/healthz").status, nobody.get("/readyz").status), (200, 200));

    let answer = with(&misnamed).post("/validate", &pod_review(&[&image])).json();
    assert_eq!(answer["response"]["allowed"], false);
    assert!(answer["response"]["status"]["message"].as_str().unwrap().contains("somebody"), "{answer}");

    let stranger = strangers.sign("plimsoll-apiserver-client", true);
    assert!(with(&stranger).request("POST", "/validate", pod_review(&[&image]).as_bytes()).is_err());
}

#[test]
fn certificates_change_under_load_without_a_failed_request() {
    let gate = gate("", &[]);
    let body = pod_review(&["evil.example.com/x:1"]);
    let stop = std::sync::atomic::AtomicBool::new(false);
    let second = Authority::new("second");
    let mut count = 0;
    std::thread::scope(|scope| {
        let workers: Vec<_> = (0..3)
            .map(|keep| {
                let (gate, body, stop) = (&gate, &body, &stop);
                scope.spawn(move || {
                    let mut sent = 0;
                    let mut client = gate.client();
                    while !stop.load(std::sync::atomic::Ordering::SeqCst) {
                        let answer = client.request("POST", "/validate", body.as_bytes()).unwrap();
                        assert_eq!(answer.json()["response"]["allowed"], false);
                        sent += 1;
                        if keep == 0 {
                            // New connections too, for as long as the old authority's certificate is served.
                            std::thread::sleep(Duration::from_millis(1));
                        }
                    }
                    sent
                })
            })
            .collect();
        std::thread::sleep(Duration::from_millis(200));
        // Same authority: clients that connect anew go on too.
        let (cert, key) = gate.authority.sign("renewed", false);
        std::fs::write(gate.path("tls.key"), key).unwrap();
        // A key without its certificate is what a reader in between sees: the old pair serves on.
        gate.signal("-HUP");
        std::thread::sleep(Duration::from_millis(200));
        assert_eq!(gate.client().get("/healthz").status, 200);
        std::fs::write(gate.path("tls.crt"), cert).unwrap();
        gate.wait("the new certificate is taken over", |gate| !gate.events("took over certificates").is_empty());
        assert_eq!(gate.client().get("/healthz").status, 200);
        stop.store(true, std::sync::atomic::Ordering::SeqCst);
        count = workers.into_iter().map(|worker| worker.join().unwrap()).sum::<usize>();
    });
    assert!(count > 10, "{count} requests");
    // Another authority's: who trusts only the old one is refused, so it is the new one that serves.
    let (cert, key) = second.sign("other", false);
    std::fs::write(gate.path("tls.crt"), cert).unwrap();
    std::fs::write(gate.path("tls.key"), key).unwrap();
    gate.wait("the second certificate is taken over", |gate| gate.client().request("GET", "/healthz", b"").is_err());
    assert_eq!(Client::new(gate.address, &second.pem, None).get("/healthz").status, 200);
}

#[test]
fn a_policy_that_becomes_invalid_leaves_the_last_good_one_in_force() {
    let gate = gate("", &[]);
    let mut client = gate.client();
    let before = client.get("/policy").json()["policy"]["digest"].clone();
    let text = std::fs::read_to_string(gate.path("loadline.yaml")).unwrap();
    std::fs::write(gate.path("loadline.yaml"), format!("{text}\nmodus: warn\n")).unwrap();
    gate.wait("the fault is told", |gate| gate.client().get("/readyz").body.contains("stale"));
    let page = client.get("/readyz");
    assert_eq!(page.status, 200);
    assert!(page.body.contains("unknown key"), "{}", page.body);
    let metrics = client.get("/metrics").body;
    assert!(
        metrics.contains("plimsoll_policy_stale 1\n") && metrics.contains("policy_reload_failures_total 1\n"),
        "{metrics}"
    );
    assert_eq!(client.get("/policy").json()["policy"]["digest"], before);
    let refused = pod_review(&["evil.example.com/x:1"]);
    assert_eq!(client.post("/validate", &refused).json()["response"]["allowed"], false);
    std::fs::write(gate.path("loadline.yaml"), format!("{text}\nmode: audit\n")).unwrap();
    gate.wait("the mended one is in force", |gate| {
        gate.client().get("/metrics").body.contains("plimsoll_policy_stale 0\n")
    });
    assert_eq!(client.post("/validate", &refused).json()["response"]["allowed"], true, "{}", gate.log());
}

#[test]
fn a_log_that_nobody_reads_stops_no_answer() {
    let gate = Gate::unread(&["--policy", "{dir}/loadline.yaml"], |dir, _| policy(dir, ""));
    let mut client = gate.client();
    let body = pod_review(&["evil.example.com/x:1"]);
    // Some times what a pipe holds.
    for _ in 0..1500 {
        assert_eq!(client.post("/validate", &body).status, 200);
    }
    let began = Instant::now();
    assert_eq!(gate.stop("-TERM"), 0);
    assert!(began.elapsed() < Duration::from_secs(20), "{:?}", began.elapsed());
}

#[test]
fn requests_in_flight_are_answered_before_the_end() {
    let registry = good();
    registry.delay.store(400, std::sync::atomic::Ordering::SeqCst);
    let gate = gate("", &[]);
    let mut client = gate.client();
    let image = registry.image("1.0");
    let address = gate.address;
    let answer = std::thread::scope(|scope| {
        let asked = scope.spawn(|| client.post("/validate?timeout=30s", &pod_review(&[&image])));
        gate.wait("it is in flight", |gate| gate.client().get("/metrics").body.contains("plimsoll_in_flight 1\n"));
        assert_eq!(gate.stop("-TERM"), 0);
        asked.join().unwrap()
    });
    assert_eq!(answer.json()["response"]["allowed"], true);
    assert!(std::net::TcpStream::connect(address).is_err());
}

#[test]
fn clients_that_send_a_byte_now_and_then_are_cut() {
    let gate = gate("", &[]);
    let mut head = gate.client().connect().unwrap();
    let mut body = gate.client().connect().unwrap();
    body.write_all(b"POST /validate?timeout=30s HTTP/1.1\r\nhost: x\r\ncontent-length: 1000\r\n\r\n{").unwrap();
    let began = Instant::now();
    for byte in b"POST /validate HTTP/1.1\r\nhost: localhost\r\n".iter().cycle().take(200) {
        if head.write_all(&[*byte]).and_then(|()| head.flush()).is_err() {
            break;
        }
        assert!(began.elapsed() < Duration::from_secs(30), "still open");
        std::thread::sleep(Duration::from_millis(500));
    }
    assert!(began.elapsed() >= Duration::from_secs(9), "cut after {:?}", began.elapsed());
    let reply = read_reply(&mut body, false).unwrap();
    assert_eq!(reply.status, 408, "{reply:?}");
    let mut rest = Vec::new();
    // The connection ends, cleanly or not.
    let _ = body.read_to_end(&mut rest);
    assert!(gate.client().get("/metrics").body.contains("plimsoll_slow_clients_total 2\n"));
}

#[test]
fn an_image_review_that_is_too_large_or_does_not_come_is_denied_and_no_error() {
    let gate = gate("", &[]);
    let mut client = gate.client();
    // The API server writes `<` as six bytes: a pod that it takes can be a review that is too large.
    let large = image_review(&["evil.example.com/x:1", &"\\u003c".repeat(2 << 20)]);
    assert!(large.len() > 8 << 20);
    for path in ["/image_policy?timeout=30s", "/"] {
        let reply = client.post(path, &large);
        assert_eq!(reply.status, 200, "{path} {reply:?}");
        assert_eq!(reply.json()["status"]["allowed"], false, "{path} {reply:?}");
        let mut slow = gate.client().connect().unwrap();
        let path = path.replace("30s", "1s");
        slow.write_all(format!("POST {path} HTTP/1.1\r\nhost: x\r\ncontent-length: 100\r\n\r\n{{").as_bytes()).unwrap();
        let reply = read_reply(&mut slow, false).unwrap();
        assert_eq!(reply.status, 200, "{path} {reply:?}");
        assert_eq!(reply.json()["status"]["allowed"], false, "{path} {reply:?}");
    }
    for body in ["", "null", "{"] {
        assert_eq!(client.post("/", body).json()["status"]["allowed"], false, "{body}");
    }
}

#[test]
fn images_of_one_namespace_that_never_come_leave_room_for_the_others() {
    let registry = good();
    let traps = [good(), good()];
    let gate = gate("", &["--scans", "2"]);
    let images: Vec<String> = (0..256)
        .map(|i: usize| {
            let trap = &traps[i % 2];
            trap.delay.store(60_000, std::sync::atomic::Ordering::SeqCst);
            let name = format!("{}/shop/web", trap.address);
            if i < 128 { format!("{name}:{i}") } else { format!("{name}@sha256:{i:064x}") }
        })
        .collect();
    let images: Vec<&str> = images.iter().map(String::as_str).collect();
    let elsewhere = json!({"namespace": "elsewhere"});
    for path in ["/validate?timeout=1s", "/mutate?timeout=1s"] {
        let answer = gate.client().post(path, &review_of(&pod(&images), &elsewhere).to_string()).json();
        assert_eq!(answer["response"]["allowed"], false, "{answer}");
    }
    for path in ["/mutate", "/validate"] {
        let answer = gate.client().post(path, &pod_review(&[&registry.image("1.0")])).json();
        assert_eq!(answer["response"]["allowed"], true, "{path} {answer}");
    }
}

#[test]
fn an_assessment_that_goes_on_does_not_hold_up_the_end() {
    let registry = good();
    *registry.layers.lock().unwrap() = Layers::Held;
    let gate = gate("", &[]);
    let answer = gate.client().post("/validate?timeout=2s", &pod_review(&[&registry.image("1.0")])).json();
    assert_eq!(answer["response"]["allowed"], false, "{answer}");
    let began = Instant::now();
    assert_eq!(gate.stop("-TERM"), 0);
    assert!(began.elapsed() < Duration::from_secs(20), "it took {:?}", began.elapsed());
}

#[test]
fn clients_without_a_certificate_cannot_take_the_room_of_those_that_have_one() {
    let args = ["--client-ca", "{dir}/clients.crt", "--policy", "{dir}/loadline.yaml", "--max-in-flight", "16"];
    let mut identity = (String::new(), String::new());
    let gate = Gate::start(&args, |dir, _| {
        let clients = Authority::new("clients");
        std::fs::write(dir.join("clients.crt"), &clients.pem).unwrap();
        identity = clients.sign("plimsoll-apiserver-client", true);
        policy(dir, "");
    });
    let mut strangers: Vec<_> = (0..20).map(|_| gate.client().connect().unwrap()).collect();
    for stranger in &mut strangers {
        let head = b"POST /validate?timeout=30s HTTP/1.1\r\nhost: x\r\ncontent-length: 8000000\r\n\r\n{";
        stranger.write_all(head).and_then(|()| stranger.flush()).unwrap();
    }
    std::thread::sleep(Duration::from_millis(500));
    let mut welcome = Client::new(gate.address, &gate.authority.pem, Some((&identity.0, &identity.1)));
    let mut large = pod(&["evil.example.com/x:1"]);
    large["metadata"]["annotations"] = json!({"a": "x".repeat(7 << 20)});
    for body in [pod_review(&["evil.example.com/x:1"]), review_of(&large, &json!({})).to_string()] {
        let reply = welcome.post("/validate", &body);
        assert_eq!(reply.status, 200, "{reply:?}");
    }
}

#[test]
fn who_leaves_before_the_answer_is_in_flight_no_more() {
    let registry = good();
    registry.delay.store(60_000, std::sync::atomic::Ordering::SeqCst);
    let gate = gate("", &[]);
    let in_flight = |count: usize| {
        move |gate: &Gate| gate.client().get("/metrics").body.contains(&format!("plimsoll_in_flight {count}\n"))
    };
    let mut client = gate.client().connect().unwrap();
    let body = pod_review(&[&registry.image("1.0")]);
    let head = format!("POST /validate?timeout=30s HTTP/1.1\r\nhost: x\r\ncontent-length: {}\r\n\r\n", body.len());
    client.write_all(format!("{head}{body}").as_bytes()).and_then(|()| client.flush()).unwrap();
    gate.wait("it is in flight", in_flight(1));
    drop(client);
    gate.wait("it is gone", in_flight(0));
}

#[test]
fn certificates_that_went_away_are_told_of_until_they_are_back() {
    let gate = gate("", &[]);
    let told = |stale: u8| {
        move |gate: &Gate| {
            let metrics = gate.client().get("/metrics").body.contains(&format!("plimsoll_certificate_stale {stale}\n"));
            metrics && gate.client().get("/readyz").body.contains("certificate") == (stale == 1)
        }
    };
    std::fs::rename(gate.path("tls.crt"), gate.path("away.crt")).unwrap();
    gate.wait("the fault is told", told(1));
    std::fs::rename(gate.path("away.crt"), gate.path("tls.crt")).unwrap();
    gate.wait("the fault is over", told(0));
}

#[test]
fn an_image_of_which_a_part_could_not_be_had_is_looked_into_again() {
    let registry = good();
    *registry.layers.lock().unwrap() = Layers::Missing;
    let gate = gate("", &[]);
    let review = pod_review(&[&registry.image("1.0")]);
    let answer = gate.client().post("/validate", &review).json();
    assert_eq!(answer["response"]["allowed"], false, "{answer}");
    let message = answer["response"]["status"]["message"].as_str().unwrap();
    assert!(message.contains("try again in 5 s"), "{message}");
    *registry.layers.lock().unwrap() = Layers::Served;
    gate.wait("the layer is there", |gate| {
        gate.client().post("/validate", &review).json()["response"]["allowed"] == true
    });
}

#[test]
fn a_tag_is_asked_for_again_when_its_time_is_over_however_late_the_verdict_came() {
    let registry = good();
    let gate = gate("", &["--tag-ttl", "4"]);
    let mut client = gate.client();
    let review = pod_review(&[&registry.image("1.0")]);
    let asked = || registry.asked.load(std::sync::atomic::Ordering::SeqCst);
    let began = Instant::now();
    assert_eq!(client.post("/mutate", &review).json()["response"]["allowed"], true);
    std::thread::sleep(Duration::from_millis(2500).saturating_sub(began.elapsed()));
    assert_eq!(client.post("/validate", &review).json()["response"]["allowed"], true);
    let before = asked();
    std::thread::sleep(Duration::from_millis(5000).saturating_sub(began.elapsed()));
    assert_eq!(client.post("/validate", &review).json()["response"]["allowed"], true);
    assert!(asked() > before, "nobody asked what the tag means now");
}

#[test]
fn a_pin_that_fails_refuses_where_its_entry_does() {
    let gate = Gate::start(&["--policy", "{dir}/loadline.yaml"], |dir, _| {
        let text = "apiVersion: plimsoll.dev/v1alpha1\nkind: LoadLine\nmetadata: {name: test}\nmode: warn\nimages:\n\
             - {name: soft, match: [\"*/soft/**\"], tags: {pin: true}}\n\
             - {name: hard, match: [\"**\"], mode: enforce, tags: {pin: true}}\n";
        std::fs::write(dir.join("loadline.yaml"), text).unwrap();
    });
    for (image, allowed) in [("127.0.0.1:1/soft/web:1", true), ("127.0.0.1:1/hard/web:1", false)] {
        let answer = gate.client().post("/mutate?timeout=3s", &pod_review(&[image])).json();
        assert_eq!(answer["response"]["allowed"], allowed, "{answer}");
        assert!(answer["response"].to_string().contains("its entry asks for a digest"), "{answer}");
    }
}

#[test]
fn a_line_of_the_log_has_a_bound_whatever_the_image_is_called() {
    let gate = gate("", &[]);
    let images: Vec<String> = (0..40).map(|i| format!("{i}{}", "x".repeat(100_000))).collect();
    let images: Vec<&str> = images.iter().map(String::as_str).collect();
    assert_eq!(gate.client().post("/validate", &pod_review(&images)).json()["response"]["allowed"], false);
    gate.wait("the decision is told", |gate| !gate.events("decision").is_empty());
    let length = gate.events("decision")[0].to_string().len();
    assert!(length < 128 << 10, "{length} bytes");
}

#[test]
fn large_reviews_whose_images_never_come_leave_room_for_others() {
    let trap = good();
    trap.delay.store(60_000, std::sync::atomic::Ordering::SeqCst);
    let gate = gate("", &[]);
    std::thread::scope(|scope| {
        let waiting: Vec<_> = (0..12)
            .map(|_| {
                let mut large = pod(&[&trap.image("1.0")]);
                large["spec"]["containers"][0]["env"] = json!([{"name": "A", "value": "x".repeat(7 << 20)}]);
                let (mut client, body) = (gate.client(), review_of(&large, &json!({})).to_string());
                std::thread::sleep(Duration::from_millis(200));
                scope.spawn(move || client.post("/validate?timeout=10s", &body))
            })
            .collect();
        std::thread::sleep(Duration::from_millis(500));
        let reply = gate.client().post("/validate", &pod_review(&["evil.example.com/x:1"]));
        assert_eq!(reply.status, 200, "{reply:?}");
        for one in waiting {
            assert_eq!(one.join().unwrap().status, 200);
        }
    });
}

#[test]
fn a_hangup_opens_anew_what_does_not_show_a_change() {
    let gate = Gate::start(&["--policy", "{dir}/loadline.yaml", "--db", "{dir}/osv"], |dir, _| {
        std::fs::create_dir(dir.join("osv")).unwrap();
        for file in std::fs::read_dir(project().join("examples/shop/advisories")).unwrap() {
            let file = file.unwrap();
            std::fs::copy(file.path(), dir.join("osv").join(file.file_name())).unwrap();
        }
        policy(dir, "");
    });
    let databases = || gate.client().get("/policy").json()["databases"].clone();
    let before = databases();
    let record = std::fs::read_dir(gate.path("osv")).unwrap().next().unwrap().unwrap().path();
    let text = std::fs::read_to_string(&record).unwrap();
    std::fs::write(&record, format!("{text}\n")).unwrap();
    gate.signal("-HUP");
    gate.wait("the folder is read again", |_| databases() != before);
}

#[test]
fn check_validates_everything_and_serves_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let at = |name: &str| dir.path().join(name).display().to_string();
    let authority = Authority::new("a");
    let (cert, key) = authority.sign("plimsoll", false);
    let (_, other) = authority.sign("other", false);
    std::fs::write(at("tls.crt"), cert).unwrap();
    std::fs::write(at("tls.key"), key).unwrap();
    std::fs::write(at("other.key"), other).unwrap();
    policy(dir.path(), "");
    let settings =
        format!("cert: {}\nkey: {}\npolicy: {}\nport: 8443\n", at("tls.crt"), at("tls.key"), at("loadline.yaml"));
    std::fs::write(at("serve.yaml"), settings).unwrap();
    let run = plimsoll(&["serve", "--config", &at("serve.yaml"), "--check", "--port", "9443"]);
    assert_eq!(run.status, 0, "{}", run.err);
    assert!(run.out.contains("policy       test from") && run.out.contains("0.0.0.0:9443"), "{}", run.out);
    for (args, words) in [
        (vec!["--key", "other.key"], "use the key"),
        (vec!["--cert", "missing.crt"], "missing.crt"),
        (vec!["--policy", "serve.yaml"], "unknown key"),
        (vec!["--client-ca", "tls.key"], "client authorities"),
        (vec!["--client-name", "x"], "--client-ca"),
        (vec!["--registry-whitelist", "not a host"], "registry"),
    ] {
        let mut line = vec!["serve".to_owned(), "--config".to_owned(), at("serve.yaml"), "--check".to_owned()];
        line.push(args[0].to_owned());
        line.push(if args[1].contains('.') { at(args[1]) } else { args[1].to_owned() });
        let line: Vec<&str> = line.iter().map(String::as_str).collect();
        let run = plimsoll(&line);
        assert_eq!(run.status, 2, "{args:?}: {}", run.out);
        assert!(run.err.contains(words), "{args:?}: {}", run.err);
    }
    for limit in ["--max-in-flight", "--max-connections", "--scans"] {
        for number in ["0", "18446744073709551615"] {
            let run = plimsoll(&["serve", "--config", &at("serve.yaml"), "--check", limit, number]);
            assert_eq!(run.status, 64, "{limit} {number}: {}", run.err);
        }
    }
    assert_eq!(plimsoll(&["serve"]).status, 64);
    // As the bouncer took it.
    for debug in ["1", "true", "yes", "0", "false"] {
        let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_plimsoll"));
        command.args(["serve", "--check"]).env_clear().env("HOME", dir.path()).env("BOUNCER_DEBUG", debug);
        command.env("BOUNCER_CERT", at("tls.crt")).env("BOUNCER_KEY", at("tls.key")).env("BOUNCER_PORT", "1444");
        let run = crate::run(command.env("BOUNCER_REGISTRY_WHITELIST", "a.io,b.io:5000"));
        assert!(run.status == 0 && run.out.contains("0.0.0.0:1444"), "{debug}: {}", run.err);
    }
}

#[test]
fn what_the_gate_says_of_an_object_check_says_too() {
    let registry = good();
    let gate = gate("workloads: {podSecurity: {level: baseline}, rules: {memory-limit-missing: warn}}", &[]);
    let mut client = gate.client();
    let mut bad = pod(&[&registry.image("1.0")]);
    bad["spec"]["containers"][0]["securityContext"] = json!({"privileged": true});
    bad["metadata"]["annotations"] = json!({"plimsoll.dev/allow": "pod-security-privileged because I say so"});
    let said = client.post("/validate", &review_of(&bad, &json!({})).to_string()).json();
    assert_eq!(said["response"]["allowed"], false, "{said}");
    let message = said["response"]["status"]["message"].as_str().unwrap();
    assert!(message.contains("pod-security-privileged") && !message.contains("image"), "{message}");
    let warnings = said["response"]["warnings"].to_string();
    assert!(warnings.contains("Pod \\\"p\\\": memory-limit-missing"), "{warnings}");
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("pod.json"), bad.to_string()).unwrap();
    let policy = gate.path("loadline.yaml").display().to_string();
    let run = plimsoll(&["check", "--policy", &policy, "-f", "json", folder.path().to_str().unwrap()]);
    assert_eq!(run.status, 1, "{}{}", run.out, run.err);
    let report: Value = serde_json::from_str(&run.out).unwrap();
    let subjects = report["assessments"].as_array().unwrap();
    let pod = subjects.iter().find(|one| one["subject"]["name"] == "Pod/p").unwrap_or_else(|| panic!("{}", run.out));
    let said = pod["verdict"]["reasons"][0]["message"].as_str().unwrap();
    assert!(said.starts_with("pod-security-privileged: ") && said.contains("pod.json:1:"), "{said}");
}

#[test]
fn opas_data_api_answers_from_files() {
    let client = |gate: &Gate| gate.authority.sign("service", true);
    let gate = Gate::start(
        &["--client-ca", "{dir}/ca.crt", "--rego", "{dir}/rego", "--decision-log", "{dir}/decisions.jsonl"],
        |dir, authority| {
            std::fs::write(dir.join("ca.crt"), &authority.pem).unwrap();
            std::fs::create_dir(dir.join("rego")).unwrap();
            let policy = "package shop\n\nallow if input.user == \"ann\"\n\nbroken := x if { x := 1 }\n\nbroken := x if { x := 2 }\n";
            std::fs::write(dir.join("rego/shop.rego"), policy).unwrap();
            std::fs::write(dir.join("rego/data.json"), r#"{"limits": [10, 20]}"#).unwrap();
            std::fs::write(dir.join("rego/mask.rego"), "package system.log\n\nmask contains \"/input/password\"\n")
                .unwrap();
        },
    );
    let (cert, key) = client(&gate);
    let mut known = Client::new(gate.address, &gate.authority.pem, Some((&cert, &key)));
    let allowed = known.post("/v1/data/shop/allow", r#"{"input": {"user": "ann", "password": "hunter2"}}"#);
    assert_eq!((allowed.status, &allowed.json()["result"]), (200, &Value::Bool(true)));
    assert!(allowed.json()["decision_id"].is_string(), "{}", allowed.body);
    let undefined = known.post("/v1/data/shop/allow", r#"{"input": {"user": "bob"}}"#);
    assert!(undefined.status == 200 && undefined.json().get("result").is_none(), "{}", undefined.body);
    assert_eq!(known.get("/v1/data/limits/1").json()["result"], 20);
    assert_eq!(known.get("/v1/data/shop/allow?input=%7B%22user%22:%22ann%22%7D").json()["result"], true);
    assert_eq!(known.post("/v1/data/shop/allow", "").json()["warning"]["code"], "api_usage_warning");
    let broken = known.get("/v1/data/shop/broken");
    assert_eq!((broken.status, &broken.json()["code"]), (500, &json!("internal_error")));
    assert_eq!(broken.json()["errors"][0]["code"], "eval_conflict_error");
    assert_eq!(known.post("/v1/data/shop/allow", "{").status, 400);
    assert_eq!(known.request("PUT", "/v1/policies/x", b"package x").unwrap().status, 405);
    assert_eq!(known.request("PATCH", "/v1/data/limits", b"[]").unwrap().status, 405);
    let policies = known.get("/v1/policies").json();
    assert_eq!(policies["result"].as_array().unwrap().len(), 2);
    assert_eq!(known.get("/health").json(), json!({}));
    // Who may not ask the gate may not ask here.
    assert!(gate.client().request("GET", "/v1/data", b"").map_or(true, |reply| reply.status == 403));
    let log = std::fs::read_to_string(gate.path("decisions.jsonl")).unwrap();
    assert!(!log.contains("hunter2"), "{log}");
    let first: Value = serde_json::from_str(log.lines().next().unwrap()).unwrap();
    assert_eq!((&first["path"], &first["erased"]), (&json!("shop/allow"), &json!(["/input/password"])));

    // As logrotate has it: moved, and a signal.
    std::fs::rename(gate.path("decisions.jsonl"), gate.path("decisions.1")).unwrap();
    gate.signal("-HUP");
    gate.wait("the log is opened anew", |gate| gate.path("decisions.jsonl").exists());
    known.get("/v1/data/limits/1");
    assert_eq!(std::fs::read_to_string(gate.path("decisions.jsonl")).unwrap().lines().count(), 1);

    // What the signal loads is what is there now, and not what is written next.
    gate.wait("the signal's policies are loaded", |gate| {
        !gate.events("policies of the data API were loaded anew").is_empty()
    });

    // A set that cannot be loaded never replaces one that works; one that can be does.
    std::fs::write(gate.path("rego/shop.rego"), "package shop\n\nallow if").unwrap();
    gate.wait("the fault is told", |gate| {
        !gate.events("policies of the data API cannot be used and the last good ones serve on").is_empty()
    });
    assert_eq!(known.get("/v1/data/shop/allow?input=%7B%22user%22:%22ann%22%7D").json()["result"], true);
    assert_eq!(known.get("/health?bundles").status, 500);
    std::fs::write(gate.path("rego/shop.rego"), "package shop\n\nallow := \"new\"\n").unwrap();
    gate.wait("the new policy is in force", |gate| {
        // The signal's was the first.
        gate.events("policies of the data API were loaded anew").len() > 1
    });
    assert_eq!(known.get("/v1/data/shop/allow").json()["result"], "new");
}

#[test]
fn a_bundle_whose_signature_does_not_hold_never_replaces_one_that_works() {
    let sign = |dir: &Path, policy: &str, secret: &str| {
        std::fs::create_dir_all(dir.join("bundle")).unwrap();
        let query = r#"{"signatures": [io.jwt.encode_sign({"alg": "HS256"}, {"files": [{"name": "shop.rego", "hash": crypto.sha256(input.policy), "algorithm": "SHA-256"}], "scope": "write"}, {"kty": "oct", "k": base64url.encode_no_pad(input.secret)})]}"#;
        std::fs::write(dir.join("input.json"), json!({ "policy": policy, "secret": secret }).to_string()).unwrap();
        let input = dir.join("input.json");
        let signed = plimsoll(&["opa", "eval", "-f", "raw", "-i", input.to_str().unwrap(), query]);
        assert_eq!(signed.status, 0, "{}", signed.err);
        std::fs::write(dir.join("bundle/.signatures.json"), signed.out).unwrap();
        std::fs::write(dir.join("bundle/shop.rego"), policy).unwrap();
    };
    let policy = |name: &str| format!("package shop\n\nname := \"{name}\"\n");
    let keyed = ["--verification-key", "{dir}/secret", "--signing-alg", "HS256", "--scope", "write"];
    let args = [&["--rego-bundle", "{dir}/bundle"], &keyed[..]].concat();
    let gate = Gate::start(&args, |dir, _| {
        std::fs::write(dir.join("secret"), "open sesame").unwrap();
        sign(dir, &policy("first"), "open sesame");
    });
    let mut client = gate.client();
    assert_eq!(client.get("/v1/data/shop/name").json()["result"], "first");
    let refused = |why: &str| {
        gate.wait(why, |gate| gate.client().get("/health?bundles").body.contains(why));
        assert_eq!(gate.client().get("/v1/data/shop/name").json()["result"], "first");
    };
    std::fs::write(gate.path("bundle/shop.rego"), policy("other text")).unwrap();
    refused("digest mismatch");
    sign(gate.folder.path(), &policy("other key"), "guessed");
    refused("failed to verify JWT signature");
    std::fs::remove_file(gate.path("bundle/.signatures.json")).unwrap();
    refused("missing .signatures.json");
    sign(gate.folder.path(), &policy("second"), "open sesame");
    gate.wait("what is signed is in force", |gate| {
        gate.client().get("/v1/data/shop/name").json()["result"] == "second"
    });
    // The key is followed too.
    std::fs::write(gate.path("secret"), "another").unwrap();
    gate.wait("the new key counts", |gate| gate.client().get("/health?bundles").status == 500);
    assert_eq!(client.get("/v1/data/shop/name").json()["result"], "second");

    let at = |name: &str| gate.path(name).display().to_string();
    let start = |args: &[&str]| {
        let line = ["serve", "--check", "--cert", &at("tls.crt"), "--key", &at("tls.key")];
        plimsoll(&[&line, args].concat())
    };
    let wrong = start(&["--rego-bundle", &at("bundle"), "--verification-key", &at("secret"), "--signing-alg", "HS256"]);
    assert!(wrong.status == 2 && wrong.err.contains("failed to verify JWT signature"), "{}", wrong.err);
    let none = start(&["--rego-bundle", &at("bundle"), "--verification-key", &at("nowhere")]);
    assert!(none.status == 2 && none.err.contains("nowhere"), "{}", none.err);
    let unsigned = start(&["--rego", &at("bundle/shop.rego"), "--verification-key", &at("secret")]);
    assert!(unsigned.status == 2 && unsigned.err.contains("--rego-bundle"), "{}", unsigned.err);
}

#[test]
fn the_data_api_serves_what_kubernetes_mounts_and_follows_it() {
    use std::os::unix::fs::symlink;
    let version = |dir: &Path, name: &str, value: &str| {
        std::fs::create_dir_all(dir.join("rego").join(name)).unwrap();
        let policy = format!("package shop\n\ndefault allow := false\n\nname := \"{value}\"\n");
        let path = dir.join("rego").join(name).join("shop.rego");
        std::fs::write(&path, policy).unwrap();
        // As archives with one date for all files have it.
        let file = std::fs::File::options().append(true).open(path).unwrap();
        file.set_modified(std::time::SystemTime::UNIX_EPOCH).unwrap();
    };
    let gate = Gate::start(
        &["--rego", "{dir}/rego", "--rego", "{dir}/numbers.json", "--rego-bundle", "{dir}/bundle"],
        |dir, _| {
            version(dir, "..2026_1", "one");
            version(dir, "..2026_2", "two");
            symlink("..2026_1", dir.join("rego/..data")).unwrap();
            symlink("..data/shop.rego", dir.join("rego/shop.rego")).unwrap();
            std::fs::write(dir.join("numbers.json"), r#"{"long": 123456789012345678901234567890, "wide": 1e400}"#)
                .unwrap();
            std::fs::create_dir_all(dir.join("bundle/..x")).unwrap();
            std::fs::write(dir.join("bundle/..x/b.rego"), "package bundled\n\ndefault x := 1\n").unwrap();
            symlink("..x/b.rego", dir.join("bundle/b.rego")).unwrap();
        },
    );
    let mut client = gate.client();
    assert_eq!(client.get("/v1/data/shop").json()["result"], json!({"allow": false, "name": "one"}));
    assert_eq!(client.get("/v1/data/bundled/x").json()["result"], 1);
    let numbers = client.get("/v1/data/long").body + &client.get("/v1/data/wide?pretty").body;
    assert!(numbers.contains("123456789012345678901234567890") && numbers.contains("1e400"), "{numbers}");
    symlink("..2026_2", gate.path("rego/..new")).unwrap();
    std::fs::rename(gate.path("rego/..new"), gate.path("rego/..data")).unwrap();
    gate.wait("the other folder is in force", |gate| gate.client().get("/v1/data/shop/name").json()["result"] == "two");
    std::fs::write(gate.path("rego/..2026_2/shop.rego"), "package").unwrap();
    gate.wait("the fault is told", |gate| gate.client().get("/readyz").body.contains("stale: the data API's policies"));
    assert_eq!(client.get("/v1/data/shop/name").json()["result"], "two");
}
