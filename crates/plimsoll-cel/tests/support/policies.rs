//! Cases of `tests/corpora/policies.jsonl`: a policy, what it is asked about, and what the API server's plugin decides. One JSON
//! object a line: `name`, `spec` of the policy, `vars` (object, oldObject, params, request, namespaceObject), `result`.

use plimsoll_cel::policy::{Binding, Options, Params, Policy, Review, Verdict};
use serde_json::{Value as Json, json};

pub fn policy(case: &Json) -> Json {
    json!({
        "apiVersion": "admissionregistration.k8s.io/v1",
        "kind": "ValidatingAdmissionPolicy",
        "metadata": {"name": "p"},
        "spec": case["spec"],
    })
}

fn binding(actions: &[&str], params: bool) -> Binding {
    let mut spec = json!({"policyName": "p", "validationActions": actions});
    if params {
        spec["paramRef"] = json!({"name": "one", "namespace": "shop", "parameterNotFoundAction": "Deny"});
    }
    Binding::from_json(&json!({
        "apiVersion": "admissionregistration.k8s.io/v1",
        "kind": "ValidatingAdmissionPolicyBinding",
        "metadata": {"name": "b"},
        "spec": spec,
    }))
    .expect("a binding")
}

/// What the API server would do, told from its plugin's decisions: `deny`, `warnings`, `annotations`.
pub fn theirs(result: &Json) -> Json {
    let decisions = result["decisions"].as_array().cloned().unwrap_or_default();
    let annotations = result["annotations"].as_array().cloned().unwrap_or_default();
    let denials: Vec<&Json> = decisions.iter().filter(|decision| decision["action"] == "deny").collect();
    let errors =
        annotations.iter().filter(|annotation| annotation["action"] == "error").map(|annotation| &annotation["error"]);
    let first = denials.first().map(|decision| &decision["message"]).or_else(|| errors.clone().next());
    let reason = denials.first().map_or("", |decision| decision["reason"].as_str().unwrap_or(""));
    json!({
        "deny": first,
        "reason": first.map(|_| if reason.is_empty() { "Invalid" } else { reason }),
        "warnings": denials.iter().map(|decision| &decision["message"]).collect::<Vec<_>>(),
        "annotations": annotations.iter().filter(|annotation| annotation["action"] == "publish")
            .map(|annotation| json!([annotation["key"], annotation["value"]])).collect::<Vec<_>>(),
    })
}

/// The request that a case is about, and the parameters there are.
pub fn review(vars: &Json) -> (Review, Params) {
    let mut request = vars["request"].clone();
    request["object"] = vars["object"].clone();
    request["oldObject"] = vars["oldObject"].clone();
    let mut review = Review::from_request(&request).expect("a request");
    if vars["namespaceObject"].is_object() {
        review = review.with_namespace(&vars["namespaceObject"]).expect("its namespace");
    }
    let params = Params::new(vars.get("params").filter(|params| params.is_object())).expect("parameters").complete();
    (review, params)
}

/// The same from ours, or why the policy is refused or undecided.
pub fn ours(case: &Json) -> Json {
    let policy = match Policy::from_json(&policy(case)) {
        Ok(policy) => policy,
        Err(error) => return json!({"refused": error.to_string()}),
    };
    let vars = &case["vars"];
    let (review, params) = review(vars);
    let with_params = vars["params"].is_object();
    let judge = |actions: &[&str]| {
        let all = policy.judge(&[binding(actions, with_params)], &review, &params, Options::default());
        all.into_iter().next().expect("a judgement")
    };
    let (denying, warning) = (judge(&["Deny"]), judge(&["Warn", "Audit"]));
    let (deny, reason) = match &denying.verdict {
        Verdict::Denied { message, reason, .. } => {
            let start = "ValidatingAdmissionPolicy 'p' with binding 'b' denied request: ";
            (json!(message.strip_prefix(start).expect("the server's words")), json!(reason))
        }
        Verdict::Undecided { why } => (json!({"undecided": why}), Json::Null),
        Verdict::Allowed | Verdict::NotMatched => (Json::Null, Json::Null),
    };
    let start = "Validation failed for ValidatingAdmissionPolicy 'p' with binding 'b': ";
    json!({
        "deny": deny,
        "reason": reason,
        "warnings": warning.warnings.iter().map(|text| text.strip_prefix(start).expect("the server's words")).collect::<Vec<_>>(),
        "annotations": denying.annotations.iter()
            .map(|(key, value)| json!([key.strip_prefix("p/").expect("the policy's name"), value])).collect::<Vec<_>>(),
    })
}
