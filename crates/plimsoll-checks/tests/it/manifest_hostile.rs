//! Manifest rules on input that was made to hurt: very many, very wide, of wrong types everywhere.

use std::fmt::Write as _;

use plimsoll_checks::manifest::object::Object;
use plimsoll_yaml::documents;
use proptest::prelude::*;
use serde_json::json;

use super::manifest_edit::apply;
use super::manifest_rules::{rules, run_all};

#[test]
fn ten_thousand_documents_and_a_pod_of_many_containers_are_judged_in_seconds() {
    let mut many = String::new();
    for i in 0..10_000 {
        let _ = write!(
            many,
            "---\napiVersion: v1\nkind: Pod\nmetadata: {{name: p{i}}}\nspec: {{containers: [{{name: a, image: a}}]}}\n"
        );
    }
    let mut wide = String::from("apiVersion: v1\nkind: Pod\nmetadata: {name: p}\nspec:\n  volumes:\n");
    for i in 0..10_000 {
        let _ = writeln!(wide, "  - {{name: v{i}, hostPath: {{path: /etc}}}}");
    }
    wide.push_str("  containers:\n");
    for i in 0..10_000 {
        let _ = write!(wide, "  - name: c{i}\n    image: a\n    volumeMounts: [{{name: v{i}, mountPath: /a}}]\n");
    }
    let start = std::time::Instant::now();
    for text in [&many, &wide] {
        assert!(run_all(rules(), text).len() > 100_000);
    }
    // Seconds even without optimisation; quadratic work would take minutes.
    assert!(start.elapsed() < std::time::Duration::from_secs(60), "{:?}", start.elapsed());
}

const KEYS: [&str; 76] = [
    "apiVersion",
    "kind",
    "metadata",
    "spec",
    "template",
    "jobTemplate",
    "containers",
    "initContainers",
    "ephemeralContainers",
    "name",
    "image",
    "securityContext",
    "privileged",
    "capabilities",
    "add",
    "drop",
    "allowPrivilegeEscalation",
    "runAsUser",
    "runAsNonRoot",
    "runAsGroup",
    "seccompProfile",
    "appArmorProfile",
    "type",
    "resources",
    "limits",
    "requests",
    "cpu",
    "memory",
    "env",
    "envFrom",
    "valueFrom",
    "secretKeyRef",
    "secretRef",
    "value",
    "command",
    "args",
    "livenessProbe",
    "exec",
    "httpGet",
    "host",
    "lifecycle",
    "postStart",
    "volumes",
    "volumeMounts",
    "hostPath",
    "path",
    "mountPath",
    "readOnly",
    "hostNetwork",
    "hostPorts",
    "ports",
    "containerPort",
    "hostPort",
    "annotations",
    "rules",
    "verbs",
    "apiGroups",
    "resourceNames",
    "roleRef",
    "subjects",
    "tls",
    "hosts",
    "egress",
    "ingress",
    "to",
    "from",
    "ipBlock",
    "cidr",
    "except",
    "data",
    "stringData",
    "items",
    "sysctls",
    "seLinuxOptions",
    "windowsOptions",
    "<<",
];
const WORDS: [&str; 24] = [
    "true",
    "false",
    "null",
    "0",
    "22",
    "a b",
    "/a /b",
    "ALL",
    "*",
    "secrets",
    "0.0.0.0/0",
    "::/0",
    "Unconfined",
    "docker://a",
    "v1",
    "Pod",
    "/var/run/docker.sock",
    "hunter2-Xk9.pq",
    "${A}",
    "",
    "é ü",
    "'\"",
    "a: b",
    "#",
];
const KINDS: [(&str, &str); 8] = [
    ("v1", "Pod"),
    ("apps/v1", "Deployment"),
    ("batch/v1", "CronJob"),
    ("v1", "List"),
    ("rbac.authorization.k8s.io/v1", "Role"),
    ("rbac.authorization.k8s.io/v1", "ClusterRoleBinding"),
    ("networking.k8s.io/v1", "NetworkPolicy"),
    ("networking.k8s.io/v1", "Ingress"),
];

fn tree() -> impl Strategy<Value = serde_json::Value> {
    let leaf = prop_oneof![
        proptest::sample::select(&WORDS[..]).prop_map(|word| json!(word)),
        any::<bool>().prop_map(|b| json!(b)),
        (-1_i64..30_000).prop_map(|n| json!(n)),
        Just(json!(null)),
    ];
    leaf.prop_recursive(6, 60, 5, |inner| {
        prop_oneof![
            1 => proptest::collection::vec(inner.clone(), 0..4).prop_map(serde_json::Value::from),
            3 => proptest::collection::vec((proptest::sample::select(&KEYS[..]), inner), 0..6)
                .prop_map(|pairs| pairs.into_iter().map(|(k, v)| (k.to_owned(), v)).collect()),
        ]
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]
    #[test]
    fn any_tree_of_kubernetes_words_is_judged_without_panic_and_its_fixes_parse(
        spec in tree(), security in tree(), container in tree(), rules_of in tree(), kind in proptest::sample::select(&KINDS[..]),
    ) {
        let mut object = json!({"apiVersion": kind.0, "kind": kind.1, "metadata": spec.get("metadata"), "rules": [rules_of.clone()], "subjects": [rules_of.clone()],
            "spec": {"securityContext": security.clone(), "containers": [{"securityContext": security, "name": "a"}, container.clone()], "initContainers": container,
                "egress": [rules_of.clone()], "ingress": [rules_of]}});
        if let Some(more) = spec.as_object() {
            for (key, value) in more {
                object["spec"][key] = value.clone();
            }
        }
        for text in [object.to_string(), serde_json::to_string_pretty(&object).unwrap()] {
            let (trees, fault) = documents(&text);
            prop_assume!(fault.is_none());
            prop_assert!(Object::of(&trees[0], 0).is_some());
            for found in run_all(rules(), &text) {
                let id = found.rule.id;
                prop_assert!(text.get(found.span.start..found.span.end).is_some(), "{id}");
                if let Some(fix) = found.fix {
                    let after = apply(&text, &fix.edits);
                    prop_assert!(serde_json::from_str::<serde_json::Value>(&after).is_ok(), "{id}:\n{text}\n{after}");
                }
            }
        }
    }
}
