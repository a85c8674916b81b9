//! The policies that a LoadLine names: Rego, Gatekeeper's and CEL, at the gate and at the desk.

use std::path::Path;

use serde_json::{Value, json};

use super::peer::{Client, Gate};
use super::{policy, review_of};
use crate::plimsoll;

const REGO: &str = r#"package kubernetes.admission

import rego.v1

deny contains msg if {
	some container in input.request.object.spec.template.spec.containers
	container.imagePullPolicy == "Always"
	msg := sprintf("container %v pulls always", [container.name])
}

warn contains "nobody is on call" if not input.request.object.metadata.annotations["on-call"]
"#;

const GATEKEEPER: &str = r#"apiVersion: templates.gatekeeper.sh/v1
kind: ConstraintTemplate
metadata: {name: needslabel}
spec:
  crd: {spec: {names: {kind: NeedsLabel}, validation: {openAPIV3Schema: {type: object, properties: {label: {type: string}}}}}}
  targets:
  - target: admission.k8s.gatekeeper.sh
    rego: |
      package needslabel
      violation[{"msg": msg}] {
        not input.review.object.metadata.labels[input.parameters.label]
        msg := sprintf("the label %v is missing", [input.parameters.label])
      }
---
apiVersion: constraints.gatekeeper.sh/v1beta1
kind: NeedsLabel
metadata: {name: owner}
spec:
  match: {kinds: [{apiGroups: [apps], kinds: [Deployment]}]}
  parameters: {label: owner}
---
apiVersion: constraints.gatekeeper.sh/v1beta1
kind: NeedsLabel
metadata: {name: team}
spec:
  enforcementAction: warn
  match: {kinds: [{apiGroups: [apps], kinds: [Deployment]}]}
  parameters: {label: team}
"#;

const CEL: &str = r#"apiVersion: admissionregistration.k8s.io/v1
kind: ValidatingAdmissionPolicy
metadata: {name: more-than-one}
spec:
  matchConstraints:
    resourceRules: [{apiGroups: [apps], apiVersions: [v1], operations: [CREATE, UPDATE], resources: [deployments]}]
  validations: [{expression: object.spec.replicas > 1, message: one replica is none}]
---
apiVersion: admissionregistration.k8s.io/v1
kind: ValidatingAdmissionPolicyBinding
metadata: {name: everywhere}
spec: {policyName: more-than-one, validationActions: [Deny]}
"#;

const SETS: &str = "policies: [{rego: rego/}, {gatekeeper: gatekeeper.yaml}, {cel: cel/*.yaml}]";

fn written(dir: &Path, more: &str) {
    for (name, text) in [("rego/a.rego", REGO), ("gatekeeper.yaml", GATEKEEPER), ("cel/vap.yaml", CEL)] {
        std::fs::create_dir_all(dir.join(name).parent().unwrap()).unwrap();
        std::fs::write(dir.join(name), text).unwrap();
    }
    policy(dir, more);
}

fn gate(more: &str) -> Gate {
    Gate::start(&["--policy", "{dir}/loadline.yaml"], |dir, _| written(dir, more))
}

/// Of an image that no registry is asked for: the LoadLine refuses it by name, whatever the policies say.
fn deployment(change: impl FnOnce(&mut Value)) -> Value {
    let container = json!({"name": "web", "image": "evil.example.com/web:1"});
    let mut object = json!({
        "apiVersion": "apps/v1", "kind": "Deployment",
        "metadata": {"name": "web", "namespace": "default", "labels": {"owner": "a", "team": "b"}, "annotations": {"on-call": "c"}},
        "spec": {"replicas": 2, "selector": {"matchLabels": {"app": "web"}},
            "template": {"metadata": {"labels": {"app": "web"}}, "spec": {"containers": [container]}}},
    });
    change(&mut object);
    object
}

/// As the API server sends it: with its defaults.
fn review(object: &Value) -> String {
    let mut sent = object.clone();
    assert!(plimsoll_defaults::apply(&mut sent));
    let resource = json!({"group": "apps", "version": "v1", "resource": "deployments"});
    review_of(&sent, &json!({"resource": resource})).to_string()
}

/// The reasons of the object at the desk, with their clauses.
fn at_the_desk(gate: &Gate, object: &Value, more: &[&str]) -> Vec<(String, String)> {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("web.json"), object.to_string()).unwrap();
    let policy = gate.path("loadline.yaml").display().to_string();
    let args = ["check", "--policy", &policy, "-f", "json", "--offline", folder.path().to_str().unwrap()];
    let run = plimsoll(&[&args, more].concat());
    let report: Value =
        serde_json::from_str(&run.out).unwrap_or_else(|error| panic!("{error}: {}{}", run.out, run.err));
    let of_object = |one: &&Value| one["subject"]["name"] == "Deployment/web";
    let Some(object) = report["assessments"].as_array().unwrap().iter().find(of_object) else { return Vec::new() };
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let reasons = object["verdict"]["reasons"].as_array().unwrap().iter();
    reasons.map(|reason| (text(&reason["message"]), text(&reason["clause"]))).collect()
}

#[test]
fn the_desk_says_of_an_object_what_the_gate_says() {
    let gate = gate(SETS);
    let mut client = gate.client();
    type Change = fn(&mut Value);
    let cases: [(Change, &[&str]); 6] = [
        (|_| {}, &[]),
        (
            |object| drop(object["metadata"]["labels"].as_object_mut().unwrap().remove("owner")),
            &["the label owner is missing"],
        ),
        (
            |object| drop(object["metadata"]["labels"].as_object_mut().unwrap().remove("team")),
            &["the label team is missing"],
        ),
        // What the API server defaults decides: one replica, and a pull policy.
        (
            |object| drop(object["spec"].as_object_mut().unwrap().remove("replicas")),
            &[
                "ValidatingAdmissionPolicy 'more-than-one' with binding 'everywhere' denied request: one replica is none",
            ],
        ),
        (
            |object| object["spec"]["template"]["spec"]["containers"][0]["image"] = json!("evil.example.com/web"),
            &["container web pulls always"],
        ),
        (|object| drop(object["metadata"].as_object_mut().unwrap().remove("annotations")), &["nobody is on call"]),
    ];
    for (change, expected) in cases {
        let object = deployment(change);
        let desk: Vec<String> = at_the_desk(&gate, &object, &[]).into_iter().map(|(message, _)| message).collect();
        assert_eq!(desk, expected, "{object}");
        let said = client.post("/validate", &review(&object)).json();
        let told = format!("{} {}", said["response"]["status"]["message"], said["response"]["warnings"]);
        for message in expected {
            assert!(told.contains(message), "{message} is not in {told}");
        }
        assert_eq!(said["response"]["allowed"], false);
    }
    // The raw file has no replicas: to CEL that is an error, and an error denies.
    let object = deployment(|object| drop(object["spec"].as_object_mut().unwrap().remove("replicas")));
    let raw = at_the_desk(&gate, &object, &["--no-defaults"]);
    assert!(raw[0].0.contains("no such key: replicas"), "{raw:?}");
    assert_eq!(raw[0].1, "policies[2]: more-than-one/everywhere");
}

const MUTATING: &str = r#"apiVersion: admissionregistration.k8s.io/v1
kind: MutatingAdmissionPolicy
metadata: {name: two-at-least}
spec:
  reinvocationPolicy: Never
  matchConstraints:
    resourceRules: [{apiGroups: [apps], apiVersions: [v1], operations: [CREATE, UPDATE], resources: [deployments]}]
  mutations:
    - patchType: ApplyConfiguration
      applyConfiguration: {expression: "object.spec.replicas < 2 ? Object{spec: Object.spec{replicas: 2}} : Object{}"}
    - patchType: JSONPatch
      jsonPatch: {expression: "[JSONPatch{op: 'remove', path: '/metadata/labels/owner'}]"}
---
apiVersion: admissionregistration.k8s.io/v1
kind: MutatingAdmissionPolicyBinding
metadata: {name: everywhere}
spec: {policyName: two-at-least}
"#;

#[test]
fn policies_that_change_objects_are_asked_first_at_the_desk_and_not_at_the_gate() {
    let gate = Gate::start(&["--policy", "{dir}/loadline.yaml"], |dir, _| {
        written(dir, SETS);
        std::fs::write(dir.join("cel/map.yaml"), MUTATING).unwrap();
    });
    // One replica by default, made two; and the owner is gone for all that come behind.
    let object = deployment(|object| drop(object["spec"].as_object_mut().unwrap().remove("replicas")));
    let desk = at_the_desk(&gate, &object, &[]);
    assert!(desk.iter().all(|(message, _)| !message.contains("one replica is none")), "{desk:?}");
    assert!(desk.iter().any(|(message, _)| message == "the label owner is missing"), "{desk:?}");
    // The API server has asked such policies before it asks the gate.
    let said = gate.client().post("/validate", &review(&object)).json();
    let told = said["response"]["status"]["message"].to_string();
    assert!(told.contains("one replica is none") && !told.contains("the label owner is missing"), "{said}");
    // A mutation that fails refuses the object, as its policy says.
    let object = deployment(|object| drop(object["metadata"].as_object_mut().unwrap().remove("labels")));
    let desk = at_the_desk(&gate, &object, &[]);
    let clause = "policies[2]: two-at-least/everywhere";
    let refused = desk.iter().find(|(_, of)| of == clause).unwrap_or_else(|| panic!("{desk:?}"));
    assert!(
        refused.0.starts_with("policy 'two-at-least' with binding 'everywhere' denied request: JSON Patch"),
        "{refused:?}"
    );
}

#[test]
fn what_a_mutating_policy_makes_of_an_object_is_a_doubt_of_all_sets_whatever_the_mode_of_its_own() {
    let asks = "authorizer.group('apps').resource('deployments').check('delete').allowed()";
    let change = format!("{asks} ? Object{{}} : Object{{}}");
    let text =
        MUTATING.replace("object.spec.replicas < 2 ? Object{spec: Object.spec{replicas: 2}} : Object{}", &change);
    let refuses = MUTATING.replace("/metadata/labels/owner", "/metadata/labels/nothing");
    for (mode, softened) in [("warn", "warn"), ("audit", "info")] {
        let said = |text: &str| said_under(&format!("mode: {mode}, soften: true, cel"), "a.yaml", &[("a.yaml", text)]);
        let all = said(&text);
        let [(effect, message, clause)] = &all[..] else { panic!("{all:?}") };
        assert_eq!((&**effect, &**clause), ("undecided", "policies"), "{mode}");
        let start = format!("policies[0]: two-at-least/everywhere: expression '{change}': cannot be decided offline: ");
        assert!(message.starts_with(&start), "{message}");
        // What it refuses is its own.
        let all = said(&refuses);
        let [(effect, message, clause)] = &all[..] else { panic!("{all:?}") };
        assert_eq!((&**effect, &**clause), (softened, "policies[0]: two-at-least/everywhere"));
        assert!(message.starts_with("would be denied: policy 'two-at-least' with binding"), "{message}");
    }
}

#[test]
fn a_mode_of_its_own_softens_what_a_set_says() {
    let mut object = deployment(|_| {});
    object["metadata"]["labels"] = json!({});
    for (mode, effect, words) in [("warn", "warn", "would be denied: "), ("audit", "info", "would be denied: ")] {
        let gate = gate(&format!("policies: [{{gatekeeper: gatekeeper.yaml, mode: {mode}, soften: true}}]"));
        let desk = at_the_desk(&gate, &object, &[]);
        assert!(
            desk.iter().any(|(message, _)| *message == format!("{words}the label owner is missing")),
            "{effect}: {desk:?}"
        );
        let said = gate.client().post("/validate", &review(&object)).json();
        let warned = said["response"]["warnings"].to_string().contains("the label owner is missing");
        assert_eq!(warned, mode == "warn", "{said}");
        assert!(!said["response"]["status"]["message"].to_string().contains("owner"), "{said}");
        let remarks = said["response"]["auditAnnotations"]["remarks"].as_str().unwrap_or_default();
        let remarked = remarks.contains("[owner] would be denied: the label owner is missing");
        assert_eq!(remarked, mode == "audit", "{said}");
        gate.wait("the decision is logged", |gate| gate.log().contains("\"decision\""));
        assert_eq!(gate.log().contains("[owner] would be denied"), mode == "audit");
    }
}

#[test]
fn what_has_no_weight_is_remarked_and_every_word_has_its_policy() {
    let dry = GATEKEEPER.replace("spec:\n  match: {kinds", "spec:\n  enforcementAction: dryrun\n  match: {kinds");
    assert_ne!(dry, GATEKEEPER);
    let annotated = CEL.replace(
        "  validations:",
        "  auditAnnotations: [{key: owner, valueExpression: '\"of \" + object.metadata.name'}]\n  validations:",
    );
    let audited = CEL.replace("more-than-one", "audited").replace("everywhere", "audits").replace("[Deny]", "[Audit]");
    let gate = Gate::start(&["--policy", "{dir}/loadline.yaml"], |dir, _| {
        written(dir, SETS);
        std::fs::write(dir.join("gatekeeper.yaml"), &dry).unwrap();
        std::fs::write(dir.join("cel/vap.yaml"), format!("{annotated}---\n{audited}")).unwrap();
    });
    let mut object = deployment(|object| object["spec"]["replicas"] = json!(1));
    object["metadata"]["labels"] = json!({});
    let said = gate.client().post("/validate", &review(&object)).json();
    let response = &said["response"];
    let message = response["status"]["message"].as_str().unwrap();
    assert!(message.contains("denied: ValidatingAdmissionPolicy 'more-than-one' with binding "), "{message}");
    assert!(!message.contains("the label"), "{message}");
    let warnings = response["warnings"].to_string();
    assert!(warnings.contains("[team] the label team is missing"), "{warnings}");
    let remarks = response["auditAnnotations"]["remarks"].as_str().unwrap();
    for words in
        ["[owner] the label owner is missing", "[more-than-one/everywhere] owner: of web", "[audited/audits] [{"]
    {
        assert!(remarks.contains(words), "{words}: {remarks}");
    }
    let policies = response["auditAnnotations"]["policies"].as_str().unwrap();
    assert!(policies.contains("policies[1]: NeedsLabel/owner; policies[1]: NeedsLabel/team"), "{policies}");
    gate.wait("the decision is logged", |gate| gate.log().contains("\"decision\""));
    let log = gate.log();
    assert!(log.contains("\"policies\":\"policies[1]: NeedsLabel/owner"), "{log}");
    assert!(log.contains("\"remarks\":\""), "{log}");
    let metrics = gate.client().get("/metrics").body;
    assert!(metrics.contains("plimsoll_remarks_total 1\n"), "{metrics}");
    // The desk has the same words.
    let desk = at_the_desk(&gate, &object, &[]);
    let has = |message: &str, clause: &str| desk.iter().any(|one| one.0 == message && one.1 == clause);
    assert!(has("the label owner is missing", "policies[1]: NeedsLabel/owner"), "{desk:?}");
    assert!(has("owner: of web", "policies[2]: more-than-one/everywhere"), "{desk:?}");
}

#[test]
fn policies_change_while_the_gate_serves_and_broken_ones_change_nothing() {
    let gate = gate(SETS);
    let mut client = gate.client();
    let object = deployment(|object| object["metadata"]["annotations"] = json!({"on-call": "c"}));
    let told = |client: &mut Client| {
        client.post("/validate", &review(&object)).json()["response"]["status"]["message"].to_string()
    };
    assert!(!told(&mut client).contains("after hours"));
    let more = "package kubernetes.admission\n\nimport rego.v1\n\ndeny contains \"after hours\"\n";
    std::fs::write(gate.path("rego/b.rego"), more).unwrap();
    gate.wait("the new module is in force", |gate| told(&mut gate.client()).contains("after hours"));
    std::fs::write(gate.path("rego/b.rego"), "package kubernetes.admission\n\ndeny contains msg if { msg := x }\n")
        .unwrap();
    gate.wait("the fault is told", |gate| gate.client().get("/readyz").body.contains("rego_unsafe_var_error"));
    assert!(told(&mut client).contains("after hours"));
    std::fs::remove_dir_all(gate.path("rego")).unwrap();
    gate.wait("the folder is missed", |gate| gate.client().get("/readyz").body.contains("use the policies of `rego: "));
    assert!(told(&mut client).contains("after hours"));
}

#[test]
fn sets_that_would_ask_nothing_or_cannot_be_loaded_are_faults() {
    let unsafe_template = GATEKEEPER.replace(
        "not input.review.object.metadata.labels[input.parameters.label]",
        "not startswith(input.review.object.metadata.name, input.parameters.prefixes[_])",
    );
    for (sets, file, text, words) in [
        ("{rego: empty/}", "empty/x.txt", "", "a set of policies that says nothing would allow everything"),
        (
            "{rego: r/}",
            "r/a.rego",
            "package a\n\nallow := true\n",
            "no module has a rule `deny`, `violation` or `warn`",
        ),
        ("{rego: r/}", "r/a.rego", "package a\n\ndeny contains x if y\n", "rego_unsafe_var_error"),
        ("{gatekeeper: g.yaml}", "g.yaml", &unsafe_template, "var _ is unsafe"),
        ("{gatekeeper: g.yaml}", "g.yaml", GATEKEEPER.split("---").next().unwrap(), "there is no constraint"),
        ("{cel: c.yaml}", "c.yaml", CEL.split("---").next().unwrap(), "has no binding"),
        ("{cel: c.yaml}", "c.yaml", CEL.split("---").nth(1).unwrap(), "which is not there"),
        ("{cel: c.yaml}", "c.yaml", &CEL.replace("object.spec", "objct.spec"), "undeclared reference to 'objct'"),
        ("{rego: a, cel: b}", "a", "", "names one of `rego`, `gatekeeper` and `cel`"),
        ("{mode: warn}", "a", "", "names one of `rego`, `gatekeeper` and `cel`"),
        (
            "{cel: c.yaml}",
            "c.yaml",
            &CEL.replace("kind: ValidatingAdmissionPolicy\n", "kind: ValidatingAdmisionPolicy\n"),
            "nothing is known of the kind",
        ),
        ("{rego: r/, mode: warn}", "r/a.rego", "package a\n\ndeny contains 1\n", "without saying so"),
    ] {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir_all(folder.path().join(file).parent().unwrap()).unwrap();
        std::fs::write(folder.path().join(file), text).unwrap();
        policy(folder.path(), &format!("policies: [{sets}]"));
        std::fs::write(folder.path().join("pod.json"), deployment(|_| {}).to_string()).unwrap();
        let policy = folder.path().join("loadline.yaml").display().to_string();
        let run =
            plimsoll(&["check", "--policy", &policy, "--offline", folder.path().join("pod.json").to_str().unwrap()]);
        assert!(run.status > 1 && run.err.contains(words), "{sets}: {}\n{}{}", run.status, run.out, run.err);
        assert!(!run.err.contains("\\n"), "{sets}: {}", run.err);
        // Whoever looks over a policy hears of them too.
        let run = plimsoll(&["policy", "check", &policy]);
        assert!(run.status > 1 && run.err.contains(words), "{sets}: {}\n{}{}", run.status, run.out, run.err);
    }
}

#[test]
fn faults_of_policies_name_their_lines_and_the_way_out_on_a_line_of_its_own() {
    let unsafe_template = GATEKEEPER.replace(
        "not input.review.object.metadata.labels[input.parameters.label]",
        "not startswith(input.review.object.metadata.name, input.parameters.prefixes[_])",
    );
    for (set, text, first, hint) in [
        ("gatekeeper", &*unsafe_template, "/p.yaml:11:", "\n  hint: "),
        ("cel", &CEL.replace("object.spec", "objct.spec"), "/p.yaml:7:", "undeclared reference to 'objct'"),
        ("cel", CEL.split("---").next().unwrap(), "/p.yaml:3:", "has no binding"),
        ("cel", CEL.split("---").nth(1).unwrap(), "/p.yaml:4:", "which is not there"),
        ("cel", &GATEKEEPER.replace("---", "\n---"), "/p.yaml:2:", "\n  hint: name the file in an entry `gatekeeper:`"),
        ("gatekeeper", &format!("{GATEKEEPER}---\n{CEL}"), "/p.yaml:", "\n  hint: name the file in an entry `cel:`"),
    ] {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("p.yaml"), text).unwrap();
        policy(folder.path(), &format!("policies: [{{{set}: p.yaml}}]"));
        let policy = folder.path().join("loadline.yaml").display().to_string();
        let run = plimsoll(&["policy", "check", &policy]);
        assert!(run.err.starts_with(&format!("plimsoll: could not use the policies of `{set}: ")), "{}", run.err);
        assert!(run.err.contains("loadline.yaml:") && run.err.contains(first), "{set} {first}: {}", run.err);
        assert!(run.err.contains(hint), "{hint}: {}", run.err);
    }
}

#[test]
fn a_mode_that_is_stricter_than_the_policys_is_a_fault() {
    let folder = tempfile::tempdir().unwrap();
    written(folder.path(), "mode: audit\npolicies: [{rego: rego/, mode: enforce}]");
    let policy = folder.path().join("loadline.yaml").display().to_string();
    let run = plimsoll(&["check", "--policy", &policy, "--offline", folder.path().to_str().unwrap()]);
    assert!(run.status > 1 && run.err.contains("is stricter than the policy's mode"), "{}", run.err);
}

/// What the desk says of the deployment under one file of policies.
fn said_under(kind: &str, name: &str, files: &[(&str, &str)]) -> Vec<(String, String, String)> {
    let folder = tempfile::tempdir().unwrap();
    for (file, text) in files {
        std::fs::write(folder.path().join(file), text).unwrap();
    }
    let objects = tempfile::tempdir().unwrap();
    std::fs::write(objects.path().join("web.json"), deployment(|_| {}).to_string()).unwrap();
    policy(folder.path(), &format!("policies: [{{{kind}: {name}}}]"));
    let policy = folder.path().join("loadline.yaml").display().to_string();
    let run = plimsoll(&["check", "--policy", &policy, "-f", "json", "--offline", objects.path().to_str().unwrap()]);
    let report: Value =
        serde_json::from_str(&run.out).unwrap_or_else(|error| panic!("{error}: {}{}", run.out, run.err));
    let of_object = |one: &&Value| one["subject"]["name"] == "Deployment/web";
    let Some(object) = report["assessments"].as_array().unwrap().iter().find(of_object) else { return Vec::new() };
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let reasons = object["verdict"]["reasons"].as_array().unwrap().iter();
    reasons.map(|reason| (text(&reason["effect"]), text(&reason["message"]), text(&reason["clause"]))).collect()
}

#[test]
fn rules_of_every_shape_are_asked_and_what_errs_could_not_tell() {
    let text = "package p\n\nimport rego.v1\n\ndeny_a contains \"a\"\n\nviolation contains {\"msg\": \"b\", \"details\": {}}\n\n\
                warn_c contains \"c\"\n\ndeny.images contains msg if msg := input.nothing\n\ndenied contains \"no\"\n";
    let said: Vec<(String, String)> = said_under("rego", "a.rego", &[("a.rego", text)])
        .into_iter()
        .map(|(effect, message, _)| (effect, message))
        .collect();
    let owned = |effect: &str, message: &str| (effect.to_owned(), message.to_owned());
    let mut sorted = said.clone();
    sorted.sort();
    assert_eq!(sorted, [owned("deny", "a"), owned("deny", "b"), owned("warn", "c")]);
    let erring = "package p\n\nimport rego.v1\n\ndeny contains \"old\" if time.parse_rfc3339_ns(input.request.object.kind) < time.now_ns()\n";
    let said = said_under("rego", "a.rego", &[("a.rego", erring)]);
    assert!(
        said.iter().any(|(effect, message, _)| effect == "undecided" && message.contains("parse_rfc3339_ns")),
        "{said:?}"
    );
}

#[test]
fn templates_that_look_at_other_objects_could_not_tell_until_some_are_there() {
    let template = GATEKEEPER.split("---\n").next().unwrap().replace(
        "not input.review.object.metadata.labels[input.parameters.label]",
        "data.inventory.namespace[_][_].Deployment[name].metadata.labels[input.parameters.label] == input.review.object.metadata.labels[input.parameters.label]; name != input.review.object.metadata.name",
    );
    let constraint = GATEKEEPER.split("---\n").nth(1).unwrap();
    let policies = format!("{template}---\n{constraint}");
    let said = said_under("gatekeeper", "g.yaml", &[("g.yaml", &policies)]);
    assert!(
        said.iter().any(|(effect, message, _)| effect == "undecided" && message.contains("data.inventory")),
        "{said:?}"
    );
    let other = |owner: &str| {
        let mut other = deployment(|object| object["metadata"]["labels"]["owner"] = json!(owner));
        other["metadata"]["name"] = json!("other");
        format!("{policies}---\n{other}\n")
    };
    assert_eq!(said_under("gatekeeper", "g.yaml", &[("g.yaml", &other("b"))]), []);
    let said = said_under("gatekeeper", "g.yaml", &[("g.yaml", &other("a"))]);
    assert!(
        said.iter().any(|(effect, message, _)| effect == "deny" && message.contains("owner is missing")),
        "{said:?}"
    );
}

#[test]
fn policies_are_read_from_lists_too() {
    let items: Vec<String> =
        CEL.split("---\n").map(|one| format!("- {}", one.trim_end().replace('\n', "\n  "))).collect();
    let list = format!("apiVersion: v1\nkind: List\nitems:\n{}\n", items.join("\n"));
    let strict = list.replace("object.spec.replicas > 1", "object.spec.replicas > 5");
    let said = said_under("cel", "c.yaml", &[("c.yaml", &strict)]);
    assert!(
        said.iter().any(|(effect, message, _)| effect == "deny" && message.contains("one replica is none")),
        "{said:?}"
    );
}

#[test]
fn deletions_are_asked_as_each_language_has_them() {
    let operations = "rego: |\n      package needslabel";
    let template = GATEKEEPER.replace(
        "  - target: admission.k8s.gatekeeper.sh\n",
        "  - target: admission.k8s.gatekeeper.sh\n    operations: [OPS]\n",
    );
    assert!(template.contains(operations) && template.contains("[OPS]"));
    let rego = "package p\n\nimport rego.v1\n\ndeny contains \"it is kept\" if {\n\tinput.request.operation == \"DELETE\"\n\tinput.request.object == null\n\tinput.request.oldObject.metadata.labels.kept\n}\n";
    let cel = CEL.replace("operations: [CREATE, UPDATE]", "operations: [DELETE]").replace(
        "object.spec.replicas > 1",
        "\"object == null && (oldObject.spec.replicas > 1 || request.userInfo.username == 'nobody')\"",
    );
    let gate = Gate::start(&["--policy", "{dir}/loadline.yaml"], |dir, _| {
        written(dir, &format!("workloads: {{podSecurity: {{level: restricted}}}}\n{SETS}"));
        std::fs::write(dir.join("rego/a.rego"), rego).unwrap();
        std::fs::write(dir.join("gatekeeper.yaml"), template.replace("OPS", "CREATE, DELETE")).unwrap();
        std::fs::write(dir.join("cel/vap.yaml"), &cel).unwrap();
    });
    let deletion = |change: &dyn Fn(&mut Value), more: Value| {
        let mut request = json!({"operation": "DELETE", "object": null, "oldObject": deployment(change),
            "resource": {"group": "apps", "version": "v1", "resource": "deployments"}});
        request.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        let answer = gate.client().post("/validate", &review_of(&deployment(|_| {}), &request).to_string()).json();
        let response = answer["response"].clone();
        (response["allowed"] == true, response["status"]["message"].as_str().unwrap_or_default().to_owned())
    };
    // Its images and its pod's security are nobody's business any more.
    assert_eq!(deletion(&|_| {}, json!({})), (true, String::new()), "{}", gate.log());
    for (change, words) in [
        (
            &(|object: &mut Value| object["metadata"]["labels"]["kept"] = json!("yes")) as &dyn Fn(&mut Value),
            "it is kept",
        ),
        (&|object| object["metadata"]["labels"] = json!({"team": "b"}), "the label owner is missing"),
        (&|object| object["spec"]["replicas"] = json!(1), "one replica is none"),
    ] {
        let (allowed, message) = deletion(change, json!({}));
        assert!(!allowed && message.contains(words), "{words}: {message}");
    }
    // Gatekeeper's webhook fails where there is nothing to ask about; so does every selector.
    let (allowed, message) = deletion(&|_| {}, json!({"oldObject": null}));
    assert!(!allowed && message.contains("oldObject cannot be nil"), "{message}");
    // A connection brings what the API server sends of it: none of these is about it.
    let exec = json!({"operation": "CONNECT", "subResource": "exec", "oldObject": null,
        "object": {"apiVersion": "v1", "kind": "PodExecOptions", "command": ["sh"]}, "kind": {"group": "", "version": "v1", "kind": "PodExecOptions"},
        "resource": {"group": "", "version": "v1", "resource": "pods"}});
    assert_eq!(deletion(&|_| {}, exec), (true, String::new()), "{}", gate.log());
    // Templates that do not name them leave deletions alone.
    std::fs::write(gate.path("gatekeeper.yaml"), template.replace("OPS", "CREATE")).unwrap();
    gate.signal("-HUP");
    gate.wait("took over policy and data", |gate| gate.log().contains("took over policy and data"));
    assert!(deletion(&|object| object["metadata"]["labels"] = json!({"team": "b"}), json!({})).0);
}

#[test]
fn policies_that_take_their_time_say_what_quick_ones_would() {
    // Longer than a review may keep the thread that read it, and well within the time of all policies.
    let slow = "package p\n\nimport rego.v1\n\ndeny contains sprintf(\"%d of them\", [n]) if {\n\tn := count([x | some x in numbers.range(1, 30000); x % 7 == 0])\n}\n";
    let gate = Gate::start(&["--policy", "{dir}/loadline.yaml"], |dir, _| {
        std::fs::write(dir.join("a.rego"), slow).unwrap();
        policy(dir, "policies: [{rego: a.rego}]");
    });
    let mut client = gate.client();
    for _ in 0..3 {
        let said = client.post("/validate", &review(&deployment(|_| {}))).json();
        let message = said["response"]["status"]["message"].as_str().unwrap_or_default().to_owned();
        assert!(message.contains("4285 of them") && !message.contains("deadline"), "{message}");
    }
}

#[test]
fn an_object_of_nearly_eight_mebibytes_is_judged_by_each_language() {
    let of_config_maps = |text: &str| {
        let text = text.replace("apiGroups: [apps]", "apiGroups: [\"\"]");
        text.replace("kinds: [Deployment]", "kinds: [ConfigMap]")
            .replace("resources: [deployments]", "resources: [configmaps]")
    };
    let rego = "package large\n\ndeny contains sprintf(\"%d letters\", [count(input.request.object.data.a)])\n";
    let cel = CEL.replace("object.spec.replicas > 1", "\"object.data['a'].size() < 7500000\"");
    let gate = Gate::start(&["--policy", "{dir}/loadline.yaml"], |dir, _| {
        written(dir, SETS);
        std::fs::write(dir.join("rego/a.rego"), rego).unwrap();
        std::fs::write(dir.join("gatekeeper.yaml"), of_config_maps(GATEKEEPER)).unwrap();
        std::fs::write(dir.join("cel/vap.yaml"), of_config_maps(&cel)).unwrap();
    });
    let mut client = gate.client();
    let large = |letters: usize, more: usize| {
        // One long value, and many short ones.
        let mut data = json!({"a": "x".repeat(letters)});
        for number in 0..more {
            data[format!("key{number}")] = json!("y");
        }
        let metadata = json!({"name": "large", "namespace": "default"});
        let object = json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": data});
        let resource = json!({"resource": {"group": "", "version": "v1", "resource": "configmaps"}});
        review_of(&object, &resource).to_string()
    };
    for (letters, more) in [(7_600_000, 0), (8_300_000, 0), (7_600_000, 40_000)] {
        let body = large(letters, more);
        assert!((7_500_000..8 << 20).contains(&body.len()), "{}", body.len());
        let answer = client.post("/validate?timeout=30s", &body).json();
        assert_eq!(answer["response"]["allowed"], false, "{answer}");
        let message = answer["response"]["status"]["message"].as_str().unwrap();
        for words in [&format!("{letters} letters"), "the label owner is missing", "one replica is none"] {
            assert!(message.contains(words), "{words}: {message}");
        }
    }
}

#[test]
fn an_object_of_no_kind_could_not_be_told_whatever_the_policies_say() {
    let fine = "package p\n\nimport rego.v1\n\ndeny contains \"never\" if input.request.object.spec.nothing\n";
    for more in ["", "workloads: {podSecurity: {level: baseline}}\n"] {
        let gate = Gate::start(&["--policy", "{dir}/loadline.yaml"], |dir, _| {
            std::fs::write(dir.join("a.rego"), fine).unwrap();
            policy(dir, &format!("{more}policies: [{{rego: a.rego}}]"));
        });
        let config = json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "c"}});
        let asked = |object: &Value| {
            let review = review_of(&config, &json!({"object": object}));
            let answer = gate.client().post("/validate", &review.to_string()).json();
            (answer["response"]["allowed"] == true, answer["response"]["status"]["message"].to_string())
        };
        assert!(asked(&config).0, "{}", gate.log());
        for field in ["apiVersion", "kind"] {
            let mut object = config.clone();
            object.as_object_mut().unwrap().remove(field);
            for value in [json!(null), json!(1), json!(["v1"])] {
                object[field] = value;
                let (allowed, message) = asked(&object);
                assert!(!allowed && message.contains("does not say its apiVersion and kind"), "{object}: {message}");
            }
        }
    }
}
