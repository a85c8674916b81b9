//! Gatekeeper's mutators at `/mutate`, and what they and ExpansionTemplates bring to the desk and to validation.

use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use super::peer::Gate;
use super::{policy, review_of};
use crate::plimsoll;

const MUTATORS: &str = r#"apiVersion: mutations.gatekeeper.sh/v1
kind: AssignMetadata
metadata: {name: team}
spec:
  match: {scope: Namespaced, kinds: [{apiGroups: ["*"], kinds: ["*"]}]}
  location: metadata.labels.team
  parameters: {assign: {value: nobody}}
---
apiVersion: mutations.gatekeeper.sh/v1
kind: Assign
metadata: {name: pull}
spec:
  applyTo: [{groups: [""], versions: [v1], kinds: [Pod]}]
  match: {kinds: [{apiGroups: [""], kinds: [Pod]}]}
  location: "spec.containers[name: *].imagePullPolicy"
  parameters: {assign: {value: Always}}
"#;

/// The other two kinds: an argument is added once, whatever is there, and an image is another of the same registry.
const OTHERS: &str = r#"---
apiVersion: mutations.gatekeeper.sh/v1
kind: ModifySet
metadata: {name: arguments}
spec:
  applyTo: [{groups: [""], versions: [v1], kinds: [Pod]}]
  location: "spec.containers[name: *].args"
  parameters: {operation: merge, values: {fromList: [--quiet, --safe]}}
---
apiVersion: mutations.gatekeeper.sh/v1
kind: ModifySet
metadata: {name: no-debugging}
spec:
  applyTo: [{groups: [""], versions: [v1], kinds: [Pod]}]
  location: "spec.containers[name: *].args"
  parameters: {operation: prune, values: {fromList: [--debug]}}
---
apiVersion: mutations.gatekeeper.sh/v1alpha1
kind: AssignImage
metadata: {name: mirror}
spec:
  applyTo: [{groups: [""], versions: [v1], kinds: [Pod]}]
  location: "spec.containers[name: *].image"
  parameters: {assignPath: mirrored/app, assignTag: ":2"}
"#;

const SELECTED: &str = r#"---
apiVersion: mutations.gatekeeper.sh/v1
kind: AssignMetadata
metadata: {name: prod}
spec:
  match: {namespaceSelector: {matchLabels: {env: prod}}}
  location: metadata.labels.env
  parameters: {assign: {value: prod}}
"#;

const IMPLIED: &str = r#"---
apiVersion: expansion.gatekeeper.sh/v1beta1
kind: ExpansionTemplate
metadata: {name: pods}
spec:
  applyTo: [{groups: [apps], versions: [v1], kinds: [Deployment]}]
  templateSource: spec.template
  generatedGVK: {group: "", version: v1, kind: Pod}
---
apiVersion: templates.gatekeeper.sh/v1
kind: ConstraintTemplate
metadata: {name: neverpulls}
spec:
  crd: {spec: {names: {kind: NeverPulls}}}
  targets:
  - target: admission.k8s.gatekeeper.sh
    rego: |
      package neverpulls
      violation[{"msg": msg}] {
        container := input.review.object.spec.containers[_]
        container.imagePullPolicy != "Never"
        msg := sprintf("%v pulls", [container.name])
      }
---
apiVersion: constraints.gatekeeper.sh/v1beta1
kind: NeverPulls
metadata: {name: pods}
spec: {match: {kinds: [{apiGroups: [""], kinds: [Pod]}]}}
"#;

fn written(dir: &Path, files: &str, more: &str) {
    std::fs::write(dir.join("gatekeeper.yaml"), files).unwrap();
    policy(dir, &format!("policies: [{{gatekeeper: gatekeeper.yaml}}]\n{more}"));
}

fn gate(files: &str, more: &str) -> Gate {
    Gate::start(&["--policy", "{dir}/loadline.yaml"], |dir, _| written(dir, files, more))
}

fn pod(labels: Value) -> Value {
    let spec = json!({"containers": [{"name": "a/b", "image": "evil.example.com/a:1"}, {"name": "c", "image": "evil.example.com/c:1"}]});
    json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "p", "namespace": "default", "labels": labels}, "spec": spec})
}

fn review(object: &Value, more: Value) -> String {
    let mut with = json!({"resource": {"group": "", "version": "v1", "resource": "pods"}});
    for (key, value) in more.as_object().unwrap() {
        with[key] = value.clone();
    }
    review_of(object, &with).to_string()
}

/// The object with the answer's patch.
fn patched(object: &Value, answer: &Value) -> Value {
    let mut made = object.clone();
    if let Some(patch) = answer["response"]["patch"].as_str() {
        let patch: json_patch::Patch = serde_json::from_slice(&STANDARD.decode(patch).unwrap()).unwrap();
        json_patch::patch(&mut made, &patch).unwrap();
    }
    made
}

#[test]
fn objects_are_changed_as_mutators_say_and_once_is_enough() {
    let gate = gate(MUTATORS, "");
    let mut client = gate.client();
    let object = pod(json!({"kept": "yes"}));
    let answer = client.post("/mutate", &review(&object, json!({}))).json();
    assert_eq!(answer["response"]["allowed"], true, "{answer}");
    let after = patched(&object, &answer);
    let mut expected = object.clone();
    expected["metadata"]["labels"]["team"] = json!("nobody");
    for container in expected["spec"]["containers"].as_array_mut().unwrap() {
        container["imagePullPolicy"] = json!("Always");
    }
    assert_eq!(after, expected);
    let again = client.post("/mutate", &review(&after, json!({}))).json();
    assert_eq!((&again["response"]["allowed"], &again["response"]["patch"]), (&json!(true), &Value::Null), "{again}");
    // What goes is not changed any more, and nothing is changed where an object is validated.
    let gone = review(&object, json!({"operation": "DELETE", "object": null, "oldObject": object}));
    assert_eq!(client.post("/mutate", &gone).json()["response"]["patch"], Value::Null);
    assert_eq!(client.post("/validate", &review(&object, json!({}))).json()["response"]["patch"], Value::Null);
}

#[test]
fn all_four_kinds_of_mutators_change_one_object() {
    let gate = gate(&format!("{MUTATORS}{OTHERS}"), "");
    let mut client = gate.client();
    let mut object = pod(json!({"kept": "yes"}));
    object["spec"]["containers"][1]["args"] = json!(["--safe", "--debug", "--own"]);
    let answer = client.post("/mutate", &review(&object, json!({}))).json();
    assert_eq!(answer["response"]["allowed"], true, "{answer}");
    let after = patched(&object, &answer);
    let mut expected = object.clone();
    expected["metadata"]["labels"]["team"] = json!("nobody");
    for (at, (name, args)) in
        [("a/b", ["--quiet", "--safe"].as_slice()), ("c", &["--safe", "--own", "--quiet"])].into_iter().enumerate()
    {
        let image = "evil.example.com/mirrored/app:2";
        expected["spec"]["containers"][at] =
            json!({"name": name, "image": image, "args": args, "imagePullPolicy": "Always"});
    }
    assert_eq!(after, expected);
    let again = client.post("/mutate", &review(&after, json!({}))).json();
    assert_eq!((&again["response"]["allowed"], &again["response"]["patch"]), (&json!(true), &Value::Null), "{again}");
    // An object that has all of it is not changed, and one of another kind by the labels alone.
    let other = json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "c", "namespace": "default"}});
    let resource = json!({"resource": {"group": "", "version": "v1", "resource": "configmaps"}});
    let answer = client.post("/mutate", &review_of(&other, &resource).to_string()).json();
    let mut expected = other.clone();
    expected["metadata"]["labels"] = json!({"team": "nobody"});
    assert_eq!(patched(&other, &answer), expected, "{answer}");
}

#[test]
fn mutators_that_cannot_be_told_to_match_leave_a_doubt() {
    let files = format!("{MUTATORS}{SELECTED}");
    for (more, allowed) in [("", false), ("undecided: warn", true)] {
        let gate = gate(&files, more);
        let answer = gate.client().post("/mutate", &review(&pod(json!({})), json!({}))).json();
        assert_eq!(answer["response"]["allowed"], allowed, "{answer}");
        let told = format!("{}{}", answer["response"]["status"]["message"], answer["response"]["warnings"]);
        assert!(told.contains("could not change the object"), "{answer}");
    }
    // With the namespace among the files it can be told.
    let files =
        format!("{files}---\napiVersion: v1\nkind: Namespace\nmetadata: {{name: default, labels: {{env: prod}}}}\n");
    let gate = gate(&files, "");
    let object = pod(json!({}));
    let answer = gate.client().post("/mutate", &review(&object, json!({}))).json();
    assert_eq!(patched(&object, &answer)["metadata"]["labels"], json!({"team": "nobody", "env": "prod"}), "{answer}");
}

#[test]
fn a_set_that_refuses_nothing_changes_nothing() {
    let gate = Gate::start(&["--policy", "{dir}/loadline.yaml"], |dir, _| {
        std::fs::write(dir.join("gatekeeper.yaml"), MUTATORS).unwrap();
        policy(dir, "policies: [{gatekeeper: gatekeeper.yaml, mode: audit, soften: true}]");
    });
    let answer = gate.client().post("/mutate", &review(&pod(json!({})), json!({}))).json();
    assert_eq!(
        (&answer["response"]["allowed"], &answer["response"]["patch"]),
        (&json!(true), &Value::Null),
        "{answer}"
    );
}

#[test]
fn the_desk_writes_the_namespace_into_objects_as_the_server_does() {
    let files = IMPLIED.replace("spec: {match: {kinds:", "spec: {match: {scope: Namespaced, kinds:");
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir(folder.path().join("objects")).unwrap();
    let mut object = pod(json!({}));
    object["metadata"].as_object_mut().unwrap().remove("namespace");
    std::fs::write(folder.path().join("objects/pod.json"), object.to_string()).unwrap();
    written(folder.path(), &files, "");
    let (policy, objects) = (folder.path().join("loadline.yaml"), folder.path().join("objects"));
    let run = plimsoll(&["check", "--policy", policy.to_str().unwrap(), "--offline", objects.to_str().unwrap()]);
    assert!(run.out.contains("c pulls"), "{}{}", run.out, run.err);
}

#[test]
fn namespaces_that_the_config_excludes_are_left_alone() {
    let config = "---\napiVersion: config.gatekeeper.sh/v1alpha1\nkind: Config\nmetadata: {name: config, namespace: gatekeeper-system}\n\
                  spec: {match: [{excludedNamespaces: [default], processes: [mutation-webhook]}]}\n";
    let gate = gate(&format!("{MUTATORS}{config}"), "");
    let answer = gate.client().post("/mutate", &review(&pod(json!({})), json!({}))).json();
    assert_eq!(answer["response"]["patch"], Value::Null, "{answer}");
}

#[test]
fn what_a_deployment_would_make_is_judged_as_the_mutators_leave_it() {
    let deployment = json!({
        "apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "web", "namespace": "default"},
        "spec": {"selector": {"matchLabels": {"app": "web"}}, "template": {"metadata": {"labels": {"app": "web"}},
            "spec": {"containers": [{"name": "web", "image": "evil.example.com/web:1", "imagePullPolicy": "Never"}]}}},
    });
    let words = "[Implied by pods] web pulls";
    let with_operations = IMPLIED.replace(
        "  - target: admission.k8s.gatekeeper.sh\n",
        "  - target: admission.k8s.gatekeeper.sh\n    operations: [CREATE, UPDATE]\n",
    );
    let cases = [
        (IMPLIED.to_owned(), false),
        (format!("{MUTATORS}{IMPLIED}"), true),
        (format!("{MUTATORS}{with_operations}"), true),
    ];
    for (files, told) in cases {
        let gate = gate(&files, "");
        let resource = json!({"resource": {"group": "apps", "version": "v1", "resource": "deployments"}});
        let answer = gate.client().post("/validate", &review_of(&deployment, &resource).to_string()).json();
        assert_eq!(answer.to_string().contains(words), told, "{answer}");
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("web.json"), deployment.to_string()).unwrap();
        let policy = gate.path("loadline.yaml").display().to_string();
        let run = plimsoll(&["check", "--policy", &policy, "--offline", folder.path().to_str().unwrap()]);
        assert_eq!(run.out.contains(words), told, "{}{}", run.out, run.err);
    }
    // At the desk a pod is changed before it is judged.
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir(folder.path().join("objects")).unwrap();
    let mut object = pod(json!({}));
    for container in object["spec"]["containers"].as_array_mut().unwrap() {
        container["imagePullPolicy"] = json!("Never");
    }
    std::fs::write(folder.path().join("objects/pod.json"), object.to_string()).unwrap();
    written(folder.path(), &format!("{MUTATORS}{IMPLIED}"), "");
    let (policy, objects) = (folder.path().join("loadline.yaml"), folder.path().join("objects"));
    let check = ["check", "--policy", policy.to_str().unwrap(), "--offline", objects.to_str().unwrap()];
    assert!(plimsoll(&check).out.contains("c pulls"));
    assert!(!plimsoll(&[&check[..], &["--no-defaults"]].concat()).out.contains("c pulls"));
}
