//! Templates of the engine `K8sNativeValidation`, judged by `plimsoll-cel`. In: a template's source. Out: what a
//! ValidatingAdmissionPolicy of the same expressions says, the constraint being its parameter, in the messages of its
//! validations.
//!
//! As Gatekeeper has it: `variables.params` are the constraint's parameters, `variables.anyObject` is the object or, of a
//! deletion, the one that is deleted. Another way here: expressions that do not compile are told when the template is loaded.

use std::sync::Arc;
use std::time::Instant;

use plimsoll_cel::policy::{Binding, Options, Params, Policy, Review as CelReview};
use plimsoll_gatekeeper::{Native, NativeBound, NativeFault, NativePolicy, Review, json};
use plimsoll_rego::value::Value;
use serde_json::{Value as Json, json};

/// Names that Gatekeeper keeps for itself.
const RESERVED: &str = "gatekeeper_internal_";
const POLICY: &str = "template";
const BINDING: &str = "constraint";
const PARAMS: &str = "!has(params.spec) ? null : !has(params.spec.parameters) ? null : params.spec.parameters";
const ANY_OBJECT: &str =
    "has(request.operation) && request.operation == \"DELETE\" && object == null ? oldObject : object";

/// The engine.
pub struct Cel {
    /// `Fail` or `Ignore`, where a source does not say.
    pub failure_policy: String,
}

struct Compiled {
    policy: Arc<Policy>,
}

struct Bound {
    policy: Arc<Policy>,
    binding: Binding,
    params: Params,
}

fn plain(value: &Value) -> Json {
    // Numbers keep their text on the way.
    serde_json::from_str(&value.to_json()).unwrap_or(Json::Null)
}

fn fault(message: String, path: &[&str]) -> NativeFault {
    NativeFault { message, path: path.iter().map(|part| (*part).to_owned()).collect(), hint: None }
}

impl Native for Cel {
    fn compile(&self, source: &Value) -> Result<Arc<dyn NativePolicy>, NativeFault> {
        let Value::Object(_) = source else {
            return Err(fault("could not recognize the type".into(), &[]));
        };
        for (at, condition) in json::items(json::field(source, "matchCondition")).iter().enumerate() {
            let name = json::text(condition, &["name"]);
            if name.starts_with(RESERVED) {
                let words = format!(
                    "invalid match condition: {name} is not a valid match condition; cannot have {RESERVED:?} as a prefix"
                );
                return Err(fault(words, &["matchCondition", &at.to_string()]));
            }
        }
        for (at, variable) in json::items(json::field(source, "variables")).iter().enumerate() {
            let name = json::text(variable, &["name"]);
            let why = match name {
                "params" | "anyObject" => {
                    format!("{name} an invalid variable name, {name:?} is a reserved keyword")
                }
                _ if name.starts_with(RESERVED) => {
                    format!("{name} is not a valid variable; cannot have {RESERVED:?} as a prefix")
                }
                _ => continue,
            };
            return Err(fault(format!("invalid variable definition: {why}"), &["variables", &at.to_string()]));
        }
        let failure_policy = match json::text(source, &["failurePolicy"]) {
            "" => self.failure_policy.as_str(),
            policy @ ("Fail" | "Ignore") => policy,
            other => {
                let words = format!("invalid failure policy: unrecognized failure policy: {other}");
                return Err(fault(words, &["failurePolicy"]));
            }
        };
        let list = |name: &str| match json::field(source, name).map(plain) {
            Some(Json::Array(items)) => items,
            _ => Vec::new(),
        };
        let mut variables = vec![
            json!({"name": "anyObject", "expression": ANY_OBJECT}),
            json!({"name": "params", "expression": PARAMS}),
        ];
        let given = variables.len();
        variables.extend(list("variables"));
        let everything = json!([{"apiGroups": ["*"], "apiVersions": ["*"], "operations": ["*"], "resources": ["*/*"]}]);
        let policy = Policy::from_json(&json!({
            "apiVersion": "admissionregistration.k8s.io/v1",
            "kind": "ValidatingAdmissionPolicy",
            "metadata": {"name": POLICY},
            "spec": {
                "failurePolicy": failure_policy,
                "paramKind": {"apiVersion": "constraints.gatekeeper.sh/v1beta1", "kind": "Constraint"},
                "matchConstraints": {"resourceRules": everything},
                "matchConditions": list("matchCondition"),
                "variables": variables,
                "validations": list("validations"),
            },
        }));
        match policy {
            Ok(policy) => Ok(Arc::new(Compiled { policy: Arc::new(policy) })),
            Err(refused) => {
                let lines: Vec<String> = refused.faults.iter().map(|fault| fault.to_string()).collect();
                let path = refused.faults.first().map(|fault| source_path(&fault.path, given)).unwrap_or_default();
                let hint = Some("mend the expression: the API server would not take it either".to_owned());
                Err(NativeFault { message: lines.join("\n"), path, hint })
            }
        }
    }
}

/// `spec.validations[0].expression` as the parts of the source's own path.
fn source_path(path: &str, given: usize) -> Vec<String> {
    let mut parts: Vec<String> =
        path.split(['.', '[', ']']).filter(|part| !part.is_empty() && *part != "spec").map(str::to_owned).collect();
    if let Some(first) = parts.first_mut()
        && first == "matchConditions"
    {
        *first = "matchCondition".into();
    }
    if parts.first().is_some_and(|first| first == "variables")
        && let Some(at) = parts.get_mut(1)
    {
        *at = at.parse::<usize>().map_or(0, |at| at.saturating_sub(given)).to_string();
    }
    parts
}

impl NativePolicy for Compiled {
    fn bind(&self, constraint: &Value) -> Result<Arc<dyn NativeBound>, String> {
        let mut param = plain(constraint);
        if let Some(object) = param.as_object_mut() {
            object.insert("apiVersion".into(), json!("constraints.gatekeeper.sh/v1beta1"));
            object.insert("kind".into(), json!("Constraint"));
            object.insert("metadata".into(), json!({"name": BINDING}));
        }
        let binding = Binding::from_json(&json!({
            "apiVersion": "admissionregistration.k8s.io/v1",
            "kind": "ValidatingAdmissionPolicyBinding",
            "metadata": {"name": BINDING},
            "spec": {
                "policyName": POLICY,
                "paramRef": {"name": BINDING, "parameterNotFoundAction": "Deny"},
                // Every failure, not the first alone, is told as a warning.
                "validationActions": ["Warn"],
            },
        }))
        .map_err(|error| error.to_string())?;
        let params = Params::new([&param]).map_err(|error| error.to_string())?.complete();
        Ok(Arc::new(Bound { policy: self.policy.clone(), binding, params }))
    }
}

impl NativeBound for Bound {
    fn review(&self, review: &Review, deadline: Option<Instant>) -> Result<Vec<String>, String> {
        let read = review.native(|| read(review)).ok_or("the review was read by another engine")?;
        let read = read.as_ref().as_ref().map_err(Clone::clone)?;
        let options = Options { deadline, ..Options::default() };
        let judged = self.policy.judge(std::slice::from_ref(&self.binding), read, &self.params, options);
        let front = format!("Validation failed for ValidatingAdmissionPolicy '{POLICY}' with binding '{BINDING}': ");
        let mut messages = Vec::new();
        for judgement in judged {
            if let Some(why) = judgement.unknown.into_iter().next() {
                return Err(why);
            }
            let cut = |warning: String| warning.strip_prefix(&front).map_or(warning.clone(), str::to_owned);
            messages.extend(judgement.warnings.into_iter().map(cut));
        }
        Ok(messages)
    }
}

/// The request as expressions see it; of a deletion Gatekeeper's own copy of the object is taken back.
fn read(review: &Review) -> Result<CelReview, String> {
    let mut request = plain(review.request());
    if let Some(fields) = request.as_object_mut() {
        if review.operation() == "DELETE" {
            fields.insert("object".into(), Json::Null);
        }
        fields.remove("namespaceObject");
    }
    let read = CelReview::of_unsent(&request).map_err(|error| error.to_string())?;
    match review.shown_namespace() {
        None => Ok(read),
        Some(namespace) => read.with_namespace(&plain(namespace)).map_err(|error| error.to_string()),
    }
}
