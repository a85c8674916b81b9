//! Documents of a stranger: bombs, very large reviews, documents that were damaged at random.

use plimsoll_gatekeeper::{Document, Expander, Options, Outcome, Review, ReviewOptions, Set, Source, Words};
use plimsoll_rego::budget::Budget;
use plimsoll_rego::value::Value;

use crate::library::{CONSTRAINT, POD, TEMPLATE};

const EXPANSION: &str = r#"
apiVersion: expansion.gatekeeper.sh/v1alpha1
kind: ExpansionTemplate
metadata: {name: e}
spec:
  applyTo: [{groups: [apps], kinds: [Deployment], versions: [v1]}]
  templateSource: spec.template
  generatedGVK: {kind: Pod, version: v1}
---
apiVersion: mutations.gatekeeper.sh/v1
kind: Assign
metadata: {name: a}
spec:
  applyTo: [{groups: [''], kinds: [Pod], versions: [v1]}]
  location: 'spec.containers[name: *].args[k: v].x'
  parameters: {assign: {value: 1}, pathTests: [{subPath: spec.containers, condition: MustExist}]}
---
apiVersion: mutations.gatekeeper.sh/v1
kind: ModifySet
metadata: {name: m}
spec:
  applyTo: [{groups: [''], kinds: [Pod], versions: [v1]}]
  location: 'spec.containers[name: c].command'
  parameters: {operation: merge, values: {fromList: [a]}}
"#;

const DEPLOYMENT: &str = "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: web}\nspec: {template: {spec: {containers: [{name: c, image: x, args: []}]}}}\n";

/// Numbers that follow one another without a pattern.
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, most: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as usize % most.max(1)
    }
}

/// A line is taken out, doubled, moved, or a letter in it becomes another.
fn damaged(text: &str, numbers: &mut Numbers) -> String {
    let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
    for _ in 0..=numbers.below(3) {
        let at = numbers.below(lines.len());
        match numbers.below(5) {
            0 => drop(lines.remove(at)),
            1 => lines.insert(at, lines[numbers.below(lines.len())].clone()),
            2 => lines[at].insert_str(0, "  "),
            3 => {
                let mut letters: Vec<char> = lines[at].chars().collect();
                let letters_at = numbers.below(letters.len());
                let new = ['{', '}', '[', ']', ':', '*', '&', '"', '-', '|', '1', 'x', '~', '.', '\u{0}'];
                if let Some(letter) = letters.get_mut(letters_at) {
                    *letter = new[numbers.below(new.len())];
                }
                lines[at] = letters.into_iter().collect();
            }
            _ => {
                let other = numbers.below(lines.len());
                lines.swap(at, other);
            }
        }
        if lines.is_empty() {
            lines.push(String::new());
        }
    }
    lines.join("\n")
}

#[test]
fn damaged_documents_are_refused_with_words_or_judged_alike_twice() {
    let mut numbers = Numbers(7);
    let (mut refused, mut judged) = (0, 0);
    for _ in 0..1500 {
        let text = match numbers.below(4) {
            0 => format!("{EXPANSION}---\n{DEPLOYMENT}"),
            _ => format!("{TEMPLATE}---\n{CONSTRAINT}---\n{POD}"),
        };
        let text = damaged(&text, &mut numbers);
        let documents = match Document::read("x.yaml", &text, Words::Kubernetes) {
            Ok(documents) => documents,
            Err(fault) => {
                assert!(fault.place.is_some() && !fault.message.is_empty(), "{text}");
                refused += 1;
                continue;
            }
        };
        if let Ok(expander) = Expander::load(&documents) {
            documents.iter().for_each(|document| drop(expander.expand(document.value())));
        }
        match Set::load(&documents, &Options { strict: true, ..Options::default() }) {
            Err(faults) => {
                assert!(faults.iter().all(|fault| !fault.message.is_empty() && fault.place.is_some()), "{faults:?}");
                refused += 1;
            }
            Ok(set) => {
                let budget = Budget { steps: 100_000, memory: 16 << 20, depth: 200, ..Budget::default() };
                let options = ReviewOptions { budget, ..ReviewOptions::default() };
                for document in &documents {
                    let review = Review::of_object(document.value(), Source::Original);
                    let said = || -> Vec<Outcome> {
                        set.review_with(&review, &options, None).into_iter().map(|one| one.outcome).collect()
                    };
                    assert_eq!(said(), said(), "{text}");
                    judged += 1;
                }
            }
        }
    }
    assert!(refused > 100 && judged > 100, "{refused} {judged}");
}

#[test]
fn a_review_of_eight_mebibytes_is_judged() {
    let documents = Document::read("x.yaml", &format!("{TEMPLATE}---\n{CONSTRAINT}"), Words::Kubernetes).unwrap();
    let set = Set::load(&documents, &Options::default()).ok().unwrap();
    let filler: Vec<String> = (0..80_000).map(|at| format!("\"key-{at:06}\": \"{}\"", "x".repeat(88))).collect();
    let object = format!(
        r#"{{"apiVersion": "v1", "kind": "Pod", "metadata": {{"name": "web", "annotations": {{{}}}}}}}"#,
        filler.join(", ")
    );
    assert!(object.len() > 8 << 20);
    let value = Value::from_json(object.as_bytes()).unwrap();
    assert_eq!(set.review(&Review::of_object(&value, Source::Original)).len(), 1);
}

#[test]
fn a_policy_that_does_not_end_could_not_tell() {
    let endless =
        TEMPLATE.replace("not labels.has(want)", "x := numbers.range(1, 100000000); y := x[_]; z := x[_]; y + z == 0");
    let documents = Document::read("x.yaml", &format!("{endless}---\n{CONSTRAINT}"), Words::Kubernetes).unwrap();
    let set = Set::load(&documents, &Options::default()).ok().unwrap();
    let pod = &Document::read("p.yaml", POD, Words::Core).unwrap()[0];
    let budget = Budget { steps: 1_000_000, ..Budget::default() };
    let review = Review::of_object(pod.value(), Source::Original);
    let said = set.review_with(&review, &ReviewOptions { budget, ..ReviewOptions::default() }, None);
    assert!(
        matches!(&said[0].outcome, Outcome::Undecided { message, .. } if message.contains("eval_budget_error")),
        "{said:?}"
    );
}

#[test]
fn objects_do_not_make_others_without_end() {
    let two = |name: &str, from: &str, to: &str| {
        format!(
            "---\napiVersion: expansion.gatekeeper.sh/v1alpha1\nkind: ExpansionTemplate\nmetadata: {{name: {name}}}\nspec:\n  applyTo: [{{groups: [''], kinds: [{from}], versions: [v1]}}]\n  templateSource: spec\n  generatedGVK: {{kind: {to}, version: v1}}\n"
        )
    };
    let circle = two("a", "A", "B") + &two("b", "B", "C") + &two("c", "C", "A");
    let documents = Document::read("x.yaml", &circle, Words::Kubernetes).unwrap();
    assert!(Expander::load(&documents).unwrap_err().to_string().contains("template forms expansion cycle"));
    let mut doubling = String::new();
    let mut inner = "{}".to_owned();
    for at in 0..20 {
        doubling += &two(&format!("x{at}"), &format!("K{at}"), &format!("K{}", at + 1));
        doubling += &two(&format!("y{at}"), &format!("K{at}"), &format!("K{}", at + 1));
        inner = format!("{{spec: {inner}}}");
    }
    let documents = Document::read("x.yaml", &doubling, Words::Kubernetes).unwrap();
    let expander = Expander::load(&documents).unwrap();
    let object = format!("{{apiVersion: v1, kind: K0, metadata: {{name: a}}, spec: {inner}}}");
    let object = &Document::read("o.yaml", &object, Words::Core).unwrap()[0];
    assert!(expander.expand(object.value()).unwrap_err().contains("more than 1000 resources"));
}
