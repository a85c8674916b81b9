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
fn what_is_not_known_is_neither_empty_nor_as_it_was() {
    let known = set().with_document(Inventory::default().document_with([several("shop", r#"{"a": {}}"#)]));
    for set in [set(), known] {
        let outcomes = said(&set, Some("nobody listens"));
        let undecided = |outcome: &Outcome| matches!(outcome, Outcome::Undecided { message, .. } if message.contains("nobody listens"));
        assert!(outcomes.len() == 1 && outcomes.iter().all(undecided), "{outcomes:?}");
    }
}
