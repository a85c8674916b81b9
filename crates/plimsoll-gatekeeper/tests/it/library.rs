//! Templates and constraints of our own, from their documents to what is said of a review.

use plimsoll_gatekeeper::{Document, Fault, Inventory, Options, Outcome, Review, ReviewOptions, Set, Source, Words};

pub const TEMPLATE: &str = r#"
apiVersion: templates.gatekeeper.sh/v1
kind: ConstraintTemplate
metadata: {name: needslabel}
spec:
  crd:
    spec:
      names: {kind: NeedsLabel}
      validation:
        openAPIV3Schema:
          type: object
          properties:
            label: {type: string, minLength: 1}
            why: {type: string, default: because}
  targets:
  - target: admission.k8s.gatekeeper.sh
    rego: |
      package needslabel

      import data.lib.labels

      violation[{"msg": msg, "details": {"label": want}}] {
        want := input.parameters.label
        not labels.has(want)
        msg := sprintf("%v is missing %v", [want, input.parameters.why])
      }
    libs:
    - |
      package lib.labels

      has(label) {
        input.review.object.metadata.labels[label]
      }
"#;

pub const CONSTRAINT: &str = r#"
apiVersion: constraints.gatekeeper.sh/v1beta1
kind: NeedsLabel
metadata: {name: owners}
spec:
  match: {kinds: [{apiGroups: [""], kinds: [Pod]}]}
  parameters: {label: owner}
"#;

pub const POD: &str = "{apiVersion: v1, kind: Pod, metadata: {name: web, namespace: shop}}";

fn documents(texts: &[&str]) -> Vec<Document> {
    let read = |(at, text): (usize, &&str)| {
        Document::read(&format!("{at}.yaml"), text, Words::Kubernetes).expect("the text is YAML")
    };
    texts.iter().enumerate().flat_map(read).collect()
}

fn load(texts: &[&str]) -> Result<Set, Vec<Fault>> {
    Set::load(&documents(texts), &Options { strict: true, ..Options::default() })
}

fn fault(texts: &[&str]) -> String {
    match load(texts) {
        Ok(_) => "nothing is wrong".into(),
        Err(faults) => faults[0].to_string(),
    }
}

fn messages(set: &Set, object: &str) -> Vec<String> {
    let object = documents(&[object]).remove(0);
    let responses = set.review(&Review::of_object(object.value(), Source::Original));
    responses.iter().map(|response| response.outcome.message().to_owned()).collect()
}

#[test]
fn a_constraint_says_what_its_template_finds_with_libraries_and_defaults() {
    let set = load(&[TEMPLATE, CONSTRAINT]).unwrap();
    assert_eq!(messages(&set, POD), ["owner is missing because"]);
    assert!(messages(&set, &POD.replace("namespace", "labels: {owner: a}, namespace")).is_empty());
    assert!(messages(&set, &POD.replace("Pod", "Service")).is_empty());
}

#[test]
fn the_order_of_documents_does_not_matter() {
    assert_eq!(messages(&load(&[CONSTRAINT, TEMPLATE]).unwrap(), POD).len(), 1);
}

#[test]
fn a_template_that_does_not_compile_is_refused_at_the_place_in_its_file() {
    let unsafe_one = TEMPLATE.replace("not labels.has(want)", "not startswith(want, input.parameters.labels[_])");
    let said = fault(&[&unsafe_one]);
    assert!(said.starts_with("0.yaml:24:9: "), "{said}");
    assert!(said.contains("template:7: rego_unsafe_var_error: var _ is unsafe"), "{said}");
    assert!(said.contains("hint: "), "{said}");
    let lib = TEMPLATE.replace("input.review.object.metadata.labels[label]", "x := 1 +");
    assert!(fault(&[&lib]).starts_with("0.yaml:33:"), "{}", fault(&[&lib]));
}

#[test]
fn what_gatekeeper_refuses_is_refused_in_its_words() {
    for (from, to, words) in [
        ("violation[", "deny[", "invalid rego: invalid module: missing required rules: [violation]"),
        (
            "admission.k8s.gatekeeper.sh",
            "other",
            "target \"other\" not recognized, known targets [admission.k8s.gatekeeper.sh]",
        ),
        ("name: needslabel", "name: other", "is not equal to the lowercase of CRD's Kind: \"needslabel\""),
        ("data.lib.labels", "data.labels", "invalid import: bad import: \"data.labels\""),
        ("package lib.labels", "package labels", "invalid lib prefix: path data.labels not found in lib prefixes"),
        ("want := input.parameters.label", "want := data.other.x", "disallowed ref data.other.x"),
        ("type: string, minLength: 1", "minLength: 1", "properties[label].type: Required value: must not be empty"),
        ("gatekeeper.sh/v1\n", "gatekeeper.sh/v3\n", "templates.gatekeeper.sh/v3"),
    ] {
        let changed = TEMPLATE.replace(from, to);
        assert_ne!(changed, TEMPLATE, "{from}");
        let said = fault(&[&changed]);
        assert!(said.contains(words), "{from}: {said}");
        assert!(said.starts_with("0.yaml:") && said.contains("hint: "), "{said}");
    }
}

#[test]
fn constraints_are_held_to_their_template() {
    for (from, to, words) in [
        ("label: owner", "label: [owner]", "[].spec.parameters.label: Invalid value: \"array\""),
        ("label: owner", "label: ''", "should be at least 1 chars long"),
        ("label: owner", "lable: owner", "unknown fields: [spec.parameters.lable]"),
        ("name: owners", "name: Owners_", "invalid name"),
        ("v1beta1", "v1", "unsupported version \"v1\""),
        ("spec:", "spec:\n  enforcementAction: denny", "unrecognized enforcementAction: \"denny\""),
        ("spec:", "spec:\n  enforcementAction: scoped", "spec.scopedEnforcementActions must be defined"),
        ("kinds: [Pod]}]", "kinds: [Pod]}], scop: x", "unknown fields: [spec.match.scop]"),
        ("kind: NeedsLabel", "kind: Needs", "missing ConstraintTemplate: template \"needs\" not found"),
    ] {
        let changed = CONSTRAINT.replace(from, to);
        assert_ne!(changed, CONSTRAINT, "{from}");
        let said = fault(&[TEMPLATE, &changed]);
        assert!(said.contains(words), "{from}: {said}");
        assert!(said.starts_with("1.yaml:") && said.contains("hint: "), "{said}");
    }
}

#[test]
fn two_of_one_name_are_refused_unless_the_later_one_counts() {
    assert!(fault(&[TEMPLATE, TEMPLATE]).contains("is there already"));
    assert!(fault(&[TEMPLATE, CONSTRAINT, CONSTRAINT]).starts_with("2.yaml:4:"));
    let later = CONSTRAINT.replace("label: owner", "label: team");
    let set = Set::load(&documents(&[TEMPLATE, CONSTRAINT, &later]), &Options::default()).ok().unwrap();
    assert_eq!(messages(&set, POD), ["team is missing because"]);
}

#[test]
fn a_legacy_schema_takes_any_parameters() {
    let legacy =
        TEMPLATE.replace("sh/v1", "sh/v1beta1").replace("type: string, minLength: 1", "type: array, items: string");
    let constraint = CONSTRAINT.replace("label: owner", "label: [owner], more: 1");
    assert!(load(&[&legacy, &constraint]).is_ok());
    let strict = legacy.replace("sh/v1beta1", "sh/v1");
    assert!(
        fault(&[&strict]).contains("properties[label].items: Required value: must be specified"),
        "{}",
        fault(&[&strict])
    );
}

#[test]
fn scoped_actions_are_those_of_the_enforcement_point() {
    let scoped = CONSTRAINT.replace(
        "spec:",
        "spec:\n  enforcementAction: scoped\n  scopedEnforcementActions:\n  - {action: warn, enforcementPoints: [{name: audit.gatekeeper.sh}]}",
    );
    let set = load(&[TEMPLATE, &scoped]).unwrap();
    let pod = documents(&[POD]).remove(0);
    let review = Review::of_object(pod.value(), Source::Original);
    let at = |point| set.review_with(&review, &ReviewOptions { point: Some(point), ..ReviewOptions::default() }, None);
    assert!(at("gator.gatekeeper.sh").is_empty());
    assert_eq!(&*at("audit.gatekeeper.sh")[0].scoped[0], "warn");
}

#[test]
fn what_cannot_be_told_is_undecided() {
    let conflict = TEMPLATE
        .replace("      import data.lib.labels\n", "      p = 1 { true }\n      p = 2 { true }\n")
        .replace("not labels.has(want)", "p > 0");
    let set = load(&[&conflict, CONSTRAINT]).unwrap();
    let pod = documents(&[POD]).remove(0);
    let responses = set.review(&Review::of_object(pod.value(), Source::Original));
    assert!(
        matches!(&responses[0].outcome, Outcome::Undecided { message, unmatched: false } if message.contains("eval_conflict_error")),
        "{responses:?}"
    );
    let selector = CONSTRAINT.replace("match: {", "match: {namespaceSelector: {matchLabels: {a: b}}, ");
    let set = load(&[TEMPLATE, &selector]).unwrap();
    let responses = set.review(&Review::of_object(pod.value(), Source::Original));
    assert!(matches!(responses[0].outcome, Outcome::Undecided { unmatched: true, .. }), "{responses:?}");
    let space = documents(&["{apiVersion: v1, kind: Namespace, metadata: {name: shop, labels: {a: b}}}"]).remove(0);
    let mut inventory = Inventory::default();
    inventory.add(&space).unwrap();
    assert_eq!(messages(&set.with_inventory(inventory), POD).len(), 1);
}

#[test]
fn policies_look_into_the_inventory() {
    let template =
        TEMPLATE.replace("not labels.has(want)", "data.inventory.namespace.shop.v1.Pod[other]; other != \"web\"");
    let set = load(&[&template, CONSTRAINT]).unwrap();
    assert!(messages(&set, POD).is_empty());
    let mut inventory = Inventory::default();
    for object in documents(&[POD, &POD.replace("web", "db")]) {
        inventory.add(&object).unwrap();
    }
    assert_eq!(messages(&set.with_inventory(inventory), POD).len(), 1);
}

#[test]
fn ten_thousand_constraints_load_and_only_those_that_match_are_asked() {
    let mut all = TEMPLATE.to_owned();
    for at in 0..10_000 {
        let kind = if at % 100 == 0 { "Pod" } else { "Service" };
        all.push_str(&format!(
            "---\napiVersion: constraints.gatekeeper.sh/v1beta1\nkind: NeedsLabel\nmetadata: {{name: c{at}}}\nspec: {{match: {{kinds: [{{apiGroups: [''], kinds: [{kind}]}}]}}, parameters: {{label: l{at}}}}}\n"
        ));
    }
    let set = load(&[&all]).unwrap();
    assert_eq!(set.constraints().len(), 10_000);
    assert_eq!(messages(&set, POD).len(), 100);
}
