//! Cases of `tests/corpora/mutations.jsonl`: a mutating policy, what it is asked about, and what the API server's patchers make of
//! the object. One JSON object a line: `name`, `spec` of the policy, `vars` (as those of policies.jsonl), `mutated`.

use plimsoll_cel::policy::{MutatingBinding, MutatingPolicy, Options, Outcome, mutate};
use serde_json::{Value as Json, json};

use crate::decisions::review;

pub fn policy(case: &Json) -> Json {
    json!({
        "apiVersion": "admissionregistration.k8s.io/v1",
        "kind": "MutatingAdmissionPolicy",
        "metadata": {"name": "p"},
        "spec": case["spec"],
    })
}

fn binding(params: bool) -> MutatingBinding {
    let mut spec = json!({"policyName": "p"});
    if params {
        spec["paramRef"] = json!({"name": "one", "namespace": "shop", "parameterNotFoundAction": "Deny"});
    }
    MutatingBinding::from_json(&json!({
        "apiVersion": "admissionregistration.k8s.io/v1",
        "kind": "MutatingAdmissionPolicyBinding",
        "metadata": {"name": "b"},
        "spec": spec,
    }))
    .expect("a binding")
}

/// What the API server would do: refuse the request, or go on with an object. Its words are those of its own libraries.
pub fn theirs(case: &Json, mutated: &Json) -> Json {
    let ignored = case["spec"]["failurePolicy"] == "Ignore";
    match mutated["errors"].as_array() {
        Some(errors) if !errors.is_empty() && !ignored => json!({"refused": true}),
        _ if mutated["object"].is_object() => json!({"object": mutated["object"]}),
        _ => json!({"object": case["vars"]["object"]}),
    }
}

/// The same from ours, or why it is undecided. A policy that does not compile fails there when it is asked.
pub fn ours(case: &Json) -> Json {
    let Ok(policy) = MutatingPolicy::from_json(&policy(case)) else { return json!({"refused": true}) };
    let (review, params) = review(&case["vars"]);
    let with_params = case["vars"]["params"].is_object();
    let mutated = mutate(&[policy], &[binding(with_params)], &review, &params, Options::default(), &|_: &mut Json| {});
    match mutated.outcome {
        Outcome::Unchanged => json!({"object": case["vars"]["object"]}),
        Outcome::Changed(object) => json!({"object": object}),
        Outcome::Refused(_) => json!({"refused": true}),
        Outcome::Undecided(why) => json!({"undecided": why}),
    }
}
