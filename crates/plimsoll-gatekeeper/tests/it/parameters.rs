//! Of a template's constraints only those are asked anew whose parameters have a part in the answer: what is said is the same as
//! if each were asked. Whoever watches has each one asked.

use plimsoll_gatekeeper::{Document, Options, Review, ReviewOptions, Set, Source, Watch, Words};
use plimsoll_rego::value::Value;

/// Asks for nothing, but has every constraint asked by itself.
struct Onlooker;

impl Watch for Onlooker {}

/// Rules of one template each, and what its two constraints, with `strict` and `lax` for `mode`, say of the pod.
const RULES: &[(&str, [&[&str]; 2])] = &[
    // Nothing of the parameters is looked at.
    (r#"violation[{"msg": "always"}] { input.review.object.kind == "Pod" }"#, [&["always"], &["always"]]),
    (r#"violation[{"msg": "never"}] { input.review.object.kind == "Service" }"#, [&[], &[]]),
    // Only once the object gives cause.
    (
        r#"violation[{"msg": msg}] { input.review.object.spec.hostNetwork; msg := sprintf("%v", [input.parameters.mode]) }"#,
        [&["strict"], &["lax"]],
    ),
    (
        r#"violation[{"msg": msg}] { input.review.object.spec.hostPID; msg := sprintf("%v", [input.parameters.mode]) }"#,
        [&[], &[]],
    ),
    // By the index of rules.
    (
        r#"violation[{"msg": "one"}] { input.parameters.mode == "strict" }
violation[{"msg": "other"}] { input.parameters.mode == "lax" }"#,
        [&["one"], &["other"]],
    ),
    // As a whole, by a key that is found out, through functions, in comprehensions and negations.
    (r#"violation[{"msg": msg}] { all := input; msg := all.parameters.mode }"#, [&["strict"], &["lax"]]),
    (r#"violation[{"msg": msg}] { some field; input[field].mode; msg := input[field].mode }"#, [&["strict"], &["lax"]]),
    (
        r#"mode(of) = of.parameters.mode
violation[{"msg": msg}] { msg := mode(input) }"#,
        [&["strict"], &["lax"]],
    ),
    (r#"violation[{"msg": "no"}] { not input.parameters.mode == "lax" }"#, [&["no"], &[]]),
    (
        r#"violation[{"msg": msg}] { msg := concat("", [mode | mode := input.parameters.mode]) }"#,
        [&["strict"], &["lax"]],
    ),
    (r#"violation[{"msg": msg}] { walk(input, [["parameters", "mode"], msg]) }"#, [&["strict"], &["lax"]]),
    (
        r#"violation[{"msg": msg}] { msg := object.get(input, ["parameters", "mode"], "none") }"#,
        [&["strict"], &["lax"]],
    ),
    // Where something stands in its place.
    (
        r#"kind = input.review.object.kind
violation[{"msg": msg}] { kind == "Job" with input.review.object.kind as "Job"; msg := input.parameters.mode }"#,
        [&["strict"], &["lax"]],
    ),
    (
        r#"kind = input.review.object.kind
violation[{"msg": msg}] { all := input; msg := all.parameters.mode with input.review as {} }"#,
        [&["strict"], &["lax"]],
    ),
    // By a rule whose value is asked for twice.
    (
        r#"default mode = "none"
mode = input.parameters.mode { input.review.object.spec.hostNetwork }
violation[{"msg": msg}] { mode; msg := mode }"#,
        [&["strict"], &["lax"]],
    ),
    // A doubt is each one's own.
    (r#"violation[{"msg": msg}] { msg := 1 }"#, [&["extracting message binding"], &["extracting message binding"]]),
];

fn set(rule: &str, modes: &[(&str, &str)]) -> Set {
    let rule: String = rule.lines().map(|line| format!("      {line}\n")).collect();
    let template = format!(
        "apiVersion: templates.gatekeeper.sh/v1
kind: ConstraintTemplate
metadata: {{name: modes}}
spec:
  crd: {{spec: {{names: {{kind: Modes}}, validation: {{openAPIV3Schema: {{type: object, properties: {{mode: {{x-kubernetes-preserve-unknown-fields: true}}}}}}}}}}}}
  targets:
  - target: admission.k8s.gatekeeper.sh
    rego: |
      package modes
{rule}"
    );
    let constraint = |(name, mode): &(&str, &str)| {
        format!(
            "---\napiVersion: constraints.gatekeeper.sh/v1beta1\nkind: Modes\nmetadata: {{name: {name}}}\nspec: {{parameters: {{mode: {mode}}}}}\n"
        )
    };
    let text = std::iter::once(template).chain(modes.iter().map(constraint)).collect::<String>();
    let documents = Document::read("modes.yaml", &text, Words::Kubernetes).expect("it is YAML");
    let set = Set::load(&documents, &Options::default());
    set.map_err(|faults| format!("{rule}: {}", faults[0])).expect("it loads")
}

#[test]
fn every_constraint_is_told_what_it_would_be_told_alone() {
    let pod = r#"{"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "p"}, "spec": {"hostNetwork": true}}"#;
    let review = Review::of_object(&Value::from_json(pod.as_bytes()).unwrap(), Source::Original);
    for (rule, wanted) in RULES {
        let set = set(rule, &[("a", "strict"), ("b", "lax")]);
        let said = |watch: Option<&mut dyn Watch>| -> Vec<(String, String)> {
            let responses = set.review_with(&review, &ReviewOptions::default(), watch);
            let said = responses.iter();
            said.map(|one| (one.constraint.name.to_string(), one.outcome.message().to_owned())).collect()
        };
        let quick = said(None);
        assert_eq!(quick, said(Some(&mut Onlooker)), "{rule}");
        for (name, wanted) in ["a", "b"].into_iter().zip(wanted) {
            let own: Vec<&String> = quick.iter().filter(|(of, _)| of == name).map(|(_, message)| message).collect();
            assert!(
                own.len() == wanted.len() && own.iter().zip(*wanted).all(|(own, wanted)| own.starts_with(wanted)),
                "{rule}: {name}: {own:?}"
            );
        }
    }
}

#[test]
fn parameters_that_are_equal_and_written_otherwise_are_not_the_same() {
    let rule = r#"violation[{"msg": msg}] { msg := sprintf("%v", [input.parameters.mode]) }"#;
    let set = set(rule, &[("a", "1000000"), ("b", "1000000"), ("c", "1e6"), ("d", "[1e6]"), ("e", "[1000000]")]);
    let pod = Value::from_json(br#"{"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "p"}}"#).unwrap();
    let review = Review::of_object(&pod, Source::Original);
    let said = |watch: Option<&mut dyn Watch>| -> Vec<String> {
        let responses = set.review_with(&review, &ReviewOptions::default(), watch);
        responses.iter().map(|one| one.outcome.message().to_owned()).collect()
    };
    let quick = said(None);
    assert_eq!(quick, said(Some(&mut Onlooker)));
    assert!(quick[0] == quick[1] && quick[1] != quick[2] && quick[3] != quick[4], "{quick:?}");
}
