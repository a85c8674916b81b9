//! ValidatingAdmissionPolicies and their bindings, v1 and v1beta1, and what mutating ones have too: read strictly, every
//! expression compiled.

use std::collections::HashSet;

use serde_json::Value as Json;

use super::environment::{VARIABLES, VARIABLES_TYPE, admission_environment, field_type};
use super::fields::{Faults, Fields, PolicyError};
use super::matching::Constraints;
use super::selector::Selector;
use crate::node::Program;
use crate::types::Type;
use crate::{Environment, library};

/// Parts of a policy; the API server has fewer of each.
pub(super) const MAX_PARTS: usize = 1_000;
const MAX_CONDITIONS: usize = 64;
const MAX_ANNOTATIONS: usize = 20;
/// The variable that is the Namespace.
const NAMESPACE_OBJECT: &str = "namespaceObject";

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum OnFailure {
    Fail,
    Ignore,
}

#[derive(Debug)]
pub(super) struct Named {
    pub name: String,
    pub program: Program,
}

#[derive(Debug)]
pub(super) struct Validation {
    pub program: Program,
    pub message: String,
    pub message_expression: Option<Program>,
    pub reason: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct ParamKind {
    pub api_version: String,
    pub kind: String,
}

/// A ValidatingAdmissionPolicy, ready to be asked.
#[derive(Debug)]
pub struct Policy {
    pub(super) name: String,
    pub(super) on_failure: OnFailure,
    pub(super) param_kind: Option<ParamKind>,
    pub(super) constraints: Constraints,
    pub(super) conditions: Vec<Named>,
    pub(super) variables: Vec<Named>,
    pub(super) validations: Vec<Validation>,
    pub(super) annotations: Vec<Named>,
}

/// A ValidatingAdmissionPolicyBinding.
#[derive(Debug)]
pub struct Binding {
    pub(super) name: String,
    pub(super) policy: String,
    pub(super) param: Option<ParamRef>,
    pub(super) constraints: Option<Constraints>,
    pub(super) actions: Vec<Action>,
}

#[derive(Debug)]
pub(super) struct ParamRef {
    pub name: String,
    pub namespace: String,
    pub selector: Option<Selector>,
    pub deny_when_missing: bool,
}

/// What a binding does with a failed validation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    Deny,
    Warn,
    Audit,
}

impl Action {
    pub(super) fn word(self) -> &'static str {
        match self {
            Action::Deny => "Deny",
            Action::Warn => "Warn",
            Action::Audit => "Audit",
        }
    }
}

pub(super) fn metadata_name(fields: &mut Fields<'_>, faults: &mut Faults) -> String {
    let name = fields.get("metadata").and_then(|metadata| metadata.get("name")).and_then(Json::as_str).unwrap_or("");
    if name.is_empty() {
        faults.add("metadata.name", "Required value: name or generateName is required");
    }
    name.to_owned()
}

/// Whether the kind is the wanted one, in a version that it has.
fn version(fields: &mut Fields<'_>, kind: &str, faults: &mut Faults) {
    let version = fields.text("apiVersion", faults).unwrap_or("");
    let known = version
        .strip_prefix("admissionregistration.k8s.io/")
        .is_some_and(|version| matches!(version, "v1" | "v1beta1") || (version == "v1alpha1" && kind.starts_with('M')));
    if !known {
        faults.add("apiVersion", format!("Unsupported value: {version:?}"));
    }
    let found = fields.text("kind", faults).unwrap_or("");
    if found != kind {
        faults.add("kind", format!("must be {kind}, not {found:?}"));
    }
}

/// The types that an expression may have; none says that any will do.
pub(super) fn compiled(
    environment: &Environment,
    text: &str,
    wanted: &[Type],
    path: &str,
    faults: &mut Faults,
) -> Option<Program> {
    if text.trim().is_empty() {
        faults.add(path, "Required value");
        return None;
    }
    match environment.compile(text) {
        Err(refused) => {
            faults.add(path, format!("Invalid value: {text:?}: compilation failed: {refused}"));
            None
        }
        Ok(program) if wanted.is_empty() || wanted.contains(program.output()) => Some(program),
        Ok(program) => {
            let name = |of: &Type| match of {
                Type::List(_) | Type::Map(_) | Type::Optional(_) => of.to_string(),
                other => library::types::runtime_name(other).to_owned(),
            };
            let found = name(program.output());
            let names: Vec<String> = wanted.iter().map(name).collect();
            let wanted = match names.as_slice() {
                [one] => one.clone(),
                all => format!("one of [{}]", all.join(" ")),
            };
            faults.add(path, format!("Invalid value: {text:?}: must evaluate to {wanted} but got {found}"));
            None
        }
    }
}

fn is_identifier(name: &str) -> bool {
    let mut letters = name.chars();
    letters.next().is_some_and(|first| first.is_ascii_alphabetic() || first == '_')
        && letters.all(|letter| letter.is_ascii_alphanumeric() || letter == '_')
}

impl Policy {
    /// Of its document, v1 or v1beta1.
    pub fn from_json(json: &Json) -> Result<Policy, PolicyError> {
        let rest = |spec: &mut Fields<'_>, with: &Environment, without: &Environment, faults: &mut Faults| {
            let validations = validations(spec, with, without, faults);
            let annotations = annotations(spec, with, faults);
            if spec.list("validations", faults).is_empty() && spec.list("auditAnnotations", faults).is_empty() {
                faults.add("spec.validations", "Required value: validations or auditAnnotations must be non-empty");
            }
            (validations, annotations)
        };
        let (mut policy, (validations, annotations)) = Policy::read(json, "ValidatingAdmissionPolicy", rest)?;
        (policy.validations, policy.annotations) = (validations, annotations);
        Ok(policy)
    }

    /// What both kinds of policies have, and what `rest` reads of their spec: with an environment that has the authorizer, and
    /// with one that has not.
    pub(super) fn read<T>(
        json: &Json,
        kind: &'static str,
        rest: impl FnOnce(&mut Fields<'_>, &Environment, &Environment, &mut Faults) -> T,
    ) -> Result<(Policy, T), PolicyError> {
        let mut faults = Faults::default();
        let mut top = Fields::of(json, "", &mut faults);
        version(&mut top, kind, &mut faults);
        let name = metadata_name(&mut top, &mut faults);
        top.get("status");
        let empty = Json::Object(serde_json::Map::new());
        let mut spec = Fields::of(top.get("spec").unwrap_or(&empty), "spec", &mut faults);
        top.done(&mut faults);
        let on_failure = match spec.text("failurePolicy", &mut faults) {
            None | Some("Fail") => OnFailure::Fail,
            Some("Ignore") => OnFailure::Ignore,
            Some(other) => {
                faults.add(
                    "spec.failurePolicy",
                    format!("Unsupported value: {other:?}: supported values: \"Fail\", \"Ignore\""),
                );
                OnFailure::Fail
            }
        };
        let param_kind = spec.get("paramKind").map(|json| {
            let mut fields = Fields::of(json, "spec.paramKind", &mut faults);
            let api_version = fields.required("apiVersion", &mut faults).to_owned();
            let kind = fields.required("kind", &mut faults).to_owned();
            fields.done(&mut faults);
            ParamKind { api_version, kind }
        });
        let constraints = match spec.get("matchConstraints") {
            Some(json) => Constraints::read(json, "spec.matchConstraints", true, &mut faults),
            None => {
                faults.add("spec.matchConstraints", "Required value");
                Constraints::default()
            }
        };
        let mut with = admission_environment(param_kind.is_some(), true).lazy(VARIABLES, VARIABLES_TYPE);
        let mut without = admission_environment(param_kind.is_some(), false).lazy(VARIABLES, VARIABLES_TYPE);
        with.object(VARIABLES_TYPE);
        without.object(VARIABLES_TYPE);
        let variables = variables(&mut spec, &mut with, &mut without, &mut faults);
        let conditions = conditions(&mut spec, &with, &mut faults);
        let rest = rest(&mut spec, &with, &without, &mut faults);
        spec.done(&mut faults);
        let shown = name.clone();
        let policy = Policy {
            name,
            on_failure,
            param_kind,
            constraints,
            conditions,
            variables,
            validations: Vec::new(),
            annotations: Vec::new(),
        };
        faults.result(kind, &shown, (policy, rest))
    }

    pub fn name(&self) -> &str {
        &self.name
    }

    /// Whether one of its rules is about an operation.
    pub fn wants(&self, operation: &str) -> bool {
        self.constraints.wants(operation)
    }

    /// Whether it looks, or may look, at the Namespace that an object is in.
    pub fn looks_at_namespace(&self) -> bool {
        let named = |all: &[Named]| all.iter().any(|one| speaks_of_namespace(&one.program));
        self.constraints.selects_namespaces()
            || named(&self.variables)
            || named(&self.annotations)
            || self.validations.iter().any(|one| {
                speaks_of_namespace(&one.program) || one.message_expression.as_ref().is_some_and(speaks_of_namespace)
            })
    }

    /// What kind its parameters are of: apiVersion and kind.
    pub fn param_kind(&self) -> Option<(&str, &str)> {
        self.param_kind.as_ref().map(|kind| (&*kind.api_version, &*kind.kind))
    }
}

fn speaks_of_namespace(program: &Program) -> bool {
    program.text().contains(NAMESPACE_OBJECT)
}

pub(super) fn parts<'a>(
    spec: &mut Fields<'a>,
    name: &'static str,
    most: usize,
    faults: &mut Faults,
) -> Vec<(String, &'a Json)> {
    let path = spec.path(name);
    let items = spec.list(name, faults);
    if items.len() > most {
        faults.add(path.clone(), format!("Too many: {}: must have at most {most} items", items.len()));
    }
    items.iter().take(most).enumerate().map(|(number, json)| (format!("{path}[{number}]"), json)).collect()
}

/// Each may use those before it: their types are declared one by one.
fn variables(
    spec: &mut Fields<'_>,
    with: &mut Environment,
    without: &mut Environment,
    faults: &mut Faults,
) -> Vec<Named> {
    let mut made = Vec::new();
    let mut names = HashSet::new();
    for (path, json) in parts(spec, "variables", MAX_PARTS, faults) {
        let mut fields = Fields::of(json, path.clone(), faults);
        let name = fields.required("name", faults);
        let text = fields.text("expression", faults).unwrap_or("");
        fields.done(faults);
        if !name.is_empty() && !is_identifier(name) {
            faults.add(format!("{path}.name"), format!("Invalid value: {name:?}: name is not a valid CEL identifier"));
        }
        if !names.insert(name) {
            faults.add(format!("{path}.name"), format!("Duplicate value: {name:?}"));
        }
        let program = compiled(with, text, &[], &format!("{path}.expression"), faults);
        let of = program.as_ref().map_or(Type::Dyn, |program| field_type(program.output()));
        with.field(VARIABLES_TYPE, name, of.clone());
        without.field(VARIABLES_TYPE, name, of);
        made.extend(program.map(|program| Named { name: name.to_owned(), program }));
    }
    made
}

fn conditions(spec: &mut Fields<'_>, environment: &Environment, faults: &mut Faults) -> Vec<Named> {
    let mut made = Vec::new();
    let mut names = HashSet::new();
    for (path, json) in parts(spec, "matchConditions", MAX_CONDITIONS, faults) {
        let mut fields = Fields::of(json, path.clone(), faults);
        let name = fields.required("name", faults);
        let text = fields.text("expression", faults).unwrap_or("");
        fields.done(faults);
        if !names.insert(name) {
            faults.add(format!("{path}.name"), format!("Duplicate value: {name:?}"));
        }
        let program = compiled(environment, text, &[Type::Bool], &format!("{path}.expression"), faults);
        made.extend(program.map(|program| Named { name: name.to_owned(), program }));
    }
    made
}

fn validations(
    spec: &mut Fields<'_>,
    with: &Environment,
    without: &Environment,
    faults: &mut Faults,
) -> Vec<Validation> {
    let mut made = Vec::new();
    for (path, json) in parts(spec, "validations", MAX_PARTS, faults) {
        let mut fields = Fields::of(json, path.clone(), faults);
        let text = fields.text("expression", faults).unwrap_or("");
        let message = fields.text("message", faults);
        let message_expression = fields.text("messageExpression", faults);
        let reason = fields.text("reason", faults).map(str::to_owned);
        fields.done(faults);
        if let Some(message) = message {
            if message.trim().is_empty() {
                faults.add(format!("{path}.message"), "Invalid value: message must be non-empty if specified");
            }
            if message.trim().contains('\n') {
                faults.add(format!("{path}.message"), "Invalid value: message must not contain line breaks");
            }
        } else if text.trim().contains('\n') && message_expression.is_none() {
            faults.add(
                format!("{path}.message"),
                "Required value: message must be specified if expression contains line breaks",
            );
        }
        if let Some(reason) = &reason
            && !matches!(&**reason, "Unauthorized" | "Forbidden" | "Invalid" | "RequestEntityTooLarge")
        {
            faults.add(format!("{path}.reason"), format!("Unsupported value: {reason:?}"));
        }
        let program = compiled(with, text, &[Type::Bool], &format!("{path}.expression"), faults);
        let message_expression = match message_expression {
            None | Some("") => None,
            Some(text) => compiled(without, text, &[Type::String], &format!("{path}.messageExpression"), faults),
        };
        let message = message.unwrap_or("").trim().to_owned();
        made.extend(program.map(|program| Validation { program, message, message_expression, reason }));
    }
    made
}

fn annotations(spec: &mut Fields<'_>, environment: &Environment, faults: &mut Faults) -> Vec<Named> {
    let mut made = Vec::new();
    let mut names = HashSet::new();
    for (path, json) in parts(spec, "auditAnnotations", MAX_ANNOTATIONS, faults) {
        let mut fields = Fields::of(json, path.clone(), faults);
        let name = fields.required("key", faults);
        let text = fields.text("valueExpression", faults).unwrap_or("");
        fields.done(faults);
        if !names.insert(name) {
            faults.add(format!("{path}.key"), format!("Duplicate value: {name:?}"));
        }
        let program =
            compiled(environment, text, &[Type::String, Type::Null], &format!("{path}.valueExpression"), faults);
        made.extend(program.map(|program| Named { name: name.to_owned(), program }));
    }
    made
}

impl Binding {
    /// Of its document, v1 or v1beta1.
    pub fn from_json(json: &Json) -> Result<Binding, PolicyError> {
        Binding::read(json, "ValidatingAdmissionPolicyBinding", actions)
    }

    pub(super) fn read(
        json: &Json,
        kind: &'static str,
        actions: fn(&mut Fields<'_>, &mut Faults) -> Vec<Action>,
    ) -> Result<Binding, PolicyError> {
        let mut faults = Faults::default();
        let mut top = Fields::of(json, "", &mut faults);
        version(&mut top, kind, &mut faults);
        let name = metadata_name(&mut top, &mut faults);
        let empty = Json::Object(serde_json::Map::new());
        let mut spec = Fields::of(top.get("spec").unwrap_or(&empty), "spec", &mut faults);
        top.done(&mut faults);
        let policy = spec.required("policyName", &mut faults).to_owned();
        let param = spec.get("paramRef").map(|json| param_ref(json, &mut faults));
        let constraints =
            spec.get("matchResources").map(|json| Constraints::read(json, "spec.matchResources", false, &mut faults));
        let actions = actions(&mut spec, &mut faults);
        spec.done(&mut faults);
        let shown = name.clone();
        faults.result(kind, &shown, Binding { name, policy, param, constraints, actions })
    }

    pub fn name(&self) -> &str {
        &self.name
    }

    /// The namespace in which it looks for parameters, empty for the object's own; none where it wants none.
    pub fn param_namespace(&self) -> Option<&str> {
        self.param.as_ref().map(|param| &*param.namespace)
    }

    /// Whether it looks at the labels of the Namespace that an object is in.
    pub fn looks_at_namespace(&self) -> bool {
        self.constraints.as_ref().is_some_and(Constraints::selects_namespaces)
    }

    /// The policy that it binds.
    pub fn policy(&self) -> &str {
        &self.policy
    }
}

fn actions(spec: &mut Fields<'_>, faults: &mut Faults) -> Vec<Action> {
    let mut actions = Vec::new();
    for word in spec.texts("validationActions", faults) {
        let action = [Action::Deny, Action::Warn, Action::Audit].into_iter().find(|action| action.word() == word);
        match action {
            Some(action) if actions.contains(&action) => {
                faults.add("spec.validationActions", format!("Duplicate value: {word:?}"));
            }
            Some(action) => actions.push(action),
            None => faults.add("spec.validationActions", format!("Unsupported value: {word:?}")),
        }
    }
    if actions.is_empty() {
        faults.add("spec.validationActions", "Required value");
    }
    if actions.contains(&Action::Deny) && actions.contains(&Action::Warn) {
        faults.add("spec.validationActions", "Invalid value: must not contain both Deny and Warn (repeating the same validation failure information in the API response and headers serves no purpose)");
    }
    actions
}

fn param_ref(json: &Json, faults: &mut Faults) -> ParamRef {
    let mut fields = Fields::of(json, "spec.paramRef", faults);
    let name = fields.text("name", faults).unwrap_or("").to_owned();
    let namespace = fields.text("namespace", faults).unwrap_or("").to_owned();
    let selector = fields.get("selector").map(|json| Selector::read(json, "spec.paramRef.selector", faults));
    let deny_when_missing = match fields.text("parameterNotFoundAction", faults) {
        Some("Deny") => true,
        Some("Allow") => false,
        None => {
            faults.add("spec.paramRef.parameterNotFoundAction", "Required value");
            true
        }
        Some(other) => {
            faults.add("spec.paramRef.parameterNotFoundAction", format!("Unsupported value: {other:?}"));
            true
        }
    };
    if name.is_empty() == selector.is_none() {
        faults.add("spec.paramRef", "Required value: one of name or selector must be specified, and not both");
    }
    fields.done(faults);
    ParamRef { name, namespace, selector, deny_when_missing }
}
