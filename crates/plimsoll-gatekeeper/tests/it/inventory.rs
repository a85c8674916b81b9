//! What else there is in the cluster: what is asked for, what is there, and what is not known.

use plimsoll_gatekeeper::{Document, Inventory, Options, Outcome, Review, ReviewOptions, Set, Several, Source, Words};
use plimsoll_rego::value::Value;

const POLICIES: &str = r#"
apiVersion: config.gatekeeper.sh/v1alpha1
kind: Config
metadata: {name: config}
spec: {sync: {syncOnly: [{group: "", version: v1, kind: Service}, {group: networking.k8s.io, version: v1, kind: Ingress}]}}
---
apiVersion: syncset.gatekeeper.sh/v1alpha1
kind: SyncSet
metadata: {name: more}
spec: {gvks: [{group: apps, version: v1, kind: Deployment}, {group: "", version: v1, kind: Service}]}
---
apiVersion: templates.gatekeeper.sh/v1
kind: ConstraintTemplate
metadata: {name: alone}
spec:
  crd: {spec: {names: {kind: Alone}}}
  targets:
  - target: admission.k8s.gatekeeper.sh
    rego: |
      package alone
      violation[{"msg": msg}] {
        names := [name | data.inventory.namespace[_]["v1"]["Service"][name]]
        msg := sprintf("%v", [sort(names)])
        count(names) != 0
      }
      violation[{"msg": "nobody serves"}] { not data.inventory.namespace }
---
apiVersion: constraints.gatekeeper.sh/v1beta1
kind: Alone
metadata: {name: a}
"#;

fn set() -> Set {
    let documents = Document::read("policies.yaml", POLICIES, Words::Kubernetes).expect("YAML");
    Set::load(&documents, &Options::default()).expect("policies")
}

fn value(json: &str) -> Value {
    Value::from_json(json.as_bytes()).expect("JSON")
}

fn several(namespace: &str, names: &str) -> Several {
    Several { namespace: namespace.into(), api_version: "v1".into(), kind: "Service".into(), names: value(names) }
}

fn said(set: &Set, unknown: Option<&str>) -> Vec<Outcome> {
    let pod = value(r#"{"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "p", "namespace": "shop"}}"#);
    let options = ReviewOptions { unknown, ..ReviewOptions::default() };
    let responses = set.review_with(&Review::of_object(&pod, Source::Original), &options, None);
    responses.into_iter().map(|response| response.outcome).collect()
}

#[test]
fn kinds_are_those_of_the_config_and_of_sync_sets_once() {
    let set = set();
    let kinds: Vec<String> = set.synced().map(|kind| format!("{}/{}", kind.api_version, kind.kind)).collect();
    assert_eq!(kinds, ["apps/v1/Deployment", "networking.k8s.io/v1/Ingress", "v1/Service"]);
    assert!(set.looks_at_inventory() && !set.looks_at_namespaces());
}

#[test]
fn own_objects_stand_in_place_of_others_of_their_name() {
    let own = Document::read(
        "a.yaml",
        "{apiVersion: v1, kind: Service, metadata: {name: b, namespace: shop}, own: true}",
        Words::Kubernetes,
    );
    let mut inventory = Inventory::default();
    inventory.add(&own.expect("YAML")[0]).expect("an object");
    let others = [
        several("shop", r#"{"a": {}, "b": {"own": false}}"#),
        several("else", r#"{"c": {}}"#),
        several("", r#"{"d": {}}"#),
    ];
    let document = inventory.document_with(others);
    let expected = r#"{"cluster": {"v1": {"Service": {"d": {}}}}, "namespace": {"else": {"v1": {"Service": {"c": {}}}}, "shop": {"v1": {"Service":
        {"a": {}, "b": {"apiVersion": "v1", "kind": "Service", "metadata": {"name": "b", "namespace": "shop"}, "own": true}}}}}}"#;
    assert_eq!(document, value(expected));
    let set = set().with_inventory(inventory).with_document(document);
    let violation =
        |outcome: &Outcome| matches!(outcome, Outcome::Violation { message, .. } if message == r#"["a", "b", "c"]"#);
    assert!(said(&set, None).iter().all(violation), "{:?}", said(&set, None));
}

#[test]
fn a_kind_that_is_named_and_that_nobody_syncs_is_not_known() {
    let names = r#"names := [name | data.inventory.namespace[_]["v1"]["Service"][name]]"#;
    let reads = |reference: &str| POLICIES.replace(names, &format!("names := [name | {reference}[name]]"));
    let said = |policies: &str, files: &str| {
        let documents = Document::read("policies.yaml", policies, Words::Kubernetes).expect("YAML");
        let mut inventory = Inventory::default();
        for document in Document::read("a.yaml", files, Words::Kubernetes).expect("YAML") {
            inventory.add(&document).expect("an object");
        }
        // Something is in a namespace, or the second rule speaks.
        let shown = inventory.document_with([several("shop", "{}")]);
        let set = Set::load(&documents, &Options::default()).expect("policies");
        let set = set.with_inventory(inventory).with_document(shown);
        let pod = value(r#"{"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "p", "namespace": "shop"}}"#);
        let options = ReviewOptions { only_synced: true, ..ReviewOptions::default() };
        let responses = set.review_with(&Review::of_object(&pod, Source::Original), &options, None);
        let told = |outcome: &Outcome| match outcome {
            Outcome::Violation { .. } => "denied".to_owned(),
            Outcome::Undecided { message, .. } => message.clone(),
        };
        responses.iter().map(|response| told(&response.outcome)).collect::<Vec<_>>()
    };
    for (reference, files, expected) in [
        (r#"data.inventory.namespace[_]["v1"]["Service"]"#, "", None),
        (r#"data.inventory.namespace[_][_].Deployment"#, "", None),
        (r#"data.inventory.namespace.shop["apps/v1"].Deployment"#, "", None),
        // Kinds of one name in other groups are others.
        (r#"data.inventory.namespace[_]["serving.knative.dev/v1"].Service"#, "", Some("of kind Service")),
        (r#"data.inventory.namespace[_]["v1"].Secret"#, "", Some("of kind Secret")),
        (r#"data.inventory.namespace[_][_].Secret"#, "", Some("of kind Secret")),
        (r#"data.inventory.cluster["v1"].Namespace"#, "", Some("of kind Namespace")),
        // Those of files are known, and then what is found counts.
        (
            r#"data.inventory.cluster["v1"].Namespace"#,
            "{apiVersion: v1, kind: Namespace, metadata: {name: a}}",
            Some("denied"),
        ),
        (
            r#"data.inventory.namespace[_][_].Secret"#,
            "{apiVersion: v1, kind: Namespace, metadata: {name: a}}",
            Some("of kind Secret"),
        ),
        // Which it is shows when it runs: as in Gatekeeper nothing is there.
        (r#"data.inventory.namespace[_][_][_]"#, "", None),
    ] {
        let outcomes = said(&reads(reference), files);
        let good = match expected {
            None => outcomes.is_empty(),
            Some(words) => outcomes.len() == 1 && outcomes.iter().all(|one| one.contains(words)),
        };
        assert!(good, "{reference} {files}: {outcomes:?}");
    }
}

#[test]
fn what_is_not_known_is_neither_empty_nor_as_it_was() {
    let known = set().with_document(Inventory::default().document_with([several("shop", r#"{"a": {}}"#)]));
    for set in [set(), known] {
        let outcomes = said(&set, Some("nobody listens"));
        let undecided = |outcome: &Outcome| matches!(outcome, Outcome::Undecided { message, .. } if message.contains("nobody listens"));
        assert!(outcomes.len() == 1 && outcomes.iter().all(undecided), "{outcomes:?}");
    }
}
