//! Any expression on any object: refused with words, or evaluated within a small budget, twice with the same answer; printed it is
//! the same expression. And any policy: refused with words, or a verdict, or another object. The parts of the input, parted by `\0`: an expression,
//! an object (JSON), a policy's spec (JSON).
#![no_main]

use libfuzzer_sys::fuzz_target;
use plimsoll_cel::budget::Budget;
use plimsoll_cel::policy::{Binding, MutatingBinding, MutatingPolicy, Options, Params, Policy, Review, mutate};
use plimsoll_cel::value::{MAX_VALUE_DEPTH, Value};
use plimsoll_cel::{Macros, admission_environment, parse};
use plimsoll_fuzz::{parts, text};
use serde_json::{Value as Json, json};

/// Small enough for thousands of runs a second, of the size that real policies need.
fn budget() -> Budget<'static> {
    Budget { cost: 100_000, work: 100_000, memory: 16 << 20, cancel: None, deadline: None }
}

fn expression(text: &str, object: &Json) {
    let environment = admission_environment(true, true).with_more().with_patches();
    if let Ok(tree) = parse::parse(text, Macros { more: true }) {
        let printed = tree.to_string();
        let again = parse::parse(&printed, Macros { more: true }).expect("what is printed parses");
        assert_eq!(again.to_string(), printed, "and is printed as before");
    }
    let program = match environment.compile(text) {
        Ok(program) => program,
        Err(refused) => {
            assert!(!refused.issues.is_empty() && !refused.to_string().is_empty(), "refused with words");
            return;
        }
    };
    let Some(object) = Value::from_json(object) else { return };
    let variables = vec![object; 5];
    let first = program.run(variables.as_slice(), budget());
    let again = program.run(variables.as_slice(), budget());
    assert!(first.cost <= budget().cost + 400_000, "within its budget, but for the call that passed it");
    match (first.value, again.value) {
        (Ok(first), Ok(again)) => {
            assert!(first.depth() <= MAX_VALUE_DEPTH);
            assert_eq!(first.depth(), again.depth());
            let small = |value: &Value| value.depth() < 20;
            if small(&first) && first.to_json().is_some_and(|json| json.to_string().len() < 10_000) {
                assert_eq!(first.to_string(), again.to_string(), "the same answer twice");
            }
        }
        (first, again) => assert_eq!(first.err(), again.err(), "the same failure twice"),
    }
}

fn policy(spec: &Json, object: &Json) {
    let whole = json!({
        "apiVersion": "admissionregistration.k8s.io/v1", "kind": "ValidatingAdmissionPolicy", "metadata": {"name": "p"}, "spec": spec,
    });
    let policy = match Policy::from_json(&whole) {
        Ok(policy) => policy,
        Err(refused) => {
            assert!(!refused.faults.is_empty() && !refused.to_string().is_empty(), "refused with words");
            return;
        }
    };
    let request = json!({"resource": {"group": "apps", "version": "v1", "resource": "deployments"}, "operation": "CREATE", "namespace": "n", "object": object});
    let Ok(review) = Review::from_request(&request) else { return };
    let binding = json!({
        "apiVersion": "admissionregistration.k8s.io/v1", "kind": "ValidatingAdmissionPolicyBinding", "metadata": {"name": "b"},
        "spec": {"policyName": "p", "validationActions": ["Deny", "Audit"]},
    });
    let bindings = [Binding::from_json(&binding).expect("a binding")];
    let options = Options { work: Some(100_000), memory: Some(16 << 20), cancel: None, deadline: None };
    let judge = || policy.judge(&bindings, &review, &Params::default(), options);
    let first = judge();
    assert_eq!(first.len(), 1, "a judgement for each binding");
    assert_eq!(first, judge(), "the same twice");
}

/// The same of a policy that changes the object.
fn mutation(spec: &Json, object: &Json) {
    let document = |kind: &str, name: &str, spec: &Json| {
        json!({"apiVersion": "admissionregistration.k8s.io/v1", "kind": kind, "metadata": {"name": name}, "spec": spec})
    };
    let Ok(policy) = MutatingPolicy::from_json(&document("MutatingAdmissionPolicy", "p", spec)) else { return };
    let bound = document("MutatingAdmissionPolicyBinding", "b", &json!({"policyName": "p"}));
    let bindings = [MutatingBinding::from_json(&bound).expect("a binding")];
    let request = json!({"resource": {"group": "apps", "version": "v1", "resource": "deployments"}, "operation": "CREATE", "namespace": "n", "object": object});
    let Ok(review) = Review::from_request(&request) else { return };
    let options = Options { work: Some(100_000), memory: Some(16 << 20), cancel: None, deadline: None };
    let policies = [policy];
    let make = || mutate(&policies, &bindings, &review, &Params::default(), options, &|_: &mut Json| {});
    assert_eq!(make(), make(), "the same twice");
}

fuzz_target!(|all: &[u8]| {
    let [source, object, spec] = parts::<3>(all);
    let object: Json = serde_json::from_slice(object).unwrap_or(Json::Null);
    expression(text(source), &object);
    if let Ok(spec) = serde_json::from_slice::<Json>(spec) {
        policy(&spec, &object);
        mutation(&spec, &object);
    }
});
