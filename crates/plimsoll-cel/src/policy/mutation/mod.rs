//! MutatingAdmissionPolicies and an object → the object as they leave it.
//!
//! As at the API server each policy under each of its bindings makes its mutations in their order, each seeing what those before
//! it made; those that say `IfNeeded` are asked once more where anything was changed. In which order policies come is the
//! server's own affair: here it is the order in which they are given.
//!
//! An apply configuration needs the schema of the object's kind, which is known of Kubernetes' own ([`schema`]); of others it is
//! undecided. So is all that is undecided elsewhere in this crate, for the object that comes out then is not known.

mod json_patch;
mod merge;
mod schema;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value as Json;

use super::fields::{Faults, Fields, PolicyError};
use super::judge::{Answer, Asked, COST, Decision, Judging, OUT_OF_BUDGET, Options};
use super::params::Params;
use super::review::Review;
use super::spec::{Binding, MAX_PARTS, Policy, compiled, parts};
use super::world::Scene;
use crate::Environment;
use crate::library::time;
use crate::node::Program;
use crate::types::Type;
use crate::value::{Key, Room, Value};
use json_patch::Operation;

/// A MutatingAdmissionPolicy, ready to be asked.
#[derive(Debug)]
pub struct MutatingPolicy {
    policy: Policy,
    mutations: Vec<Mutation>,
    again: bool,
}

/// A MutatingAdmissionPolicyBinding.
#[derive(Debug)]
pub struct MutatingBinding(Binding);

#[derive(Debug)]
enum Mutation {
    Apply(Program),
    Patch(Program),
}

/// What became of an object.
#[derive(Debug, Clone, PartialEq)]
pub enum Outcome {
    /// No policy is about it, or none changes anything.
    Unchanged,
    Changed(Json),
    /// A mutation failed, and its policy says that the request fails then: in the API server's words.
    Refused(String),
    Undecided(String),
}

#[derive(Debug, Clone, PartialEq)]
pub struct Mutated {
    pub outcome: Outcome,
    /// Of the policy that refuses, or of which it is not known what it does: its name and its binding's.
    pub by: Option<(String, String)>,
}

/// Why there is no other object.
#[derive(Debug)]
enum Fault {
    Failed(String),
    /// One of the server's own, which refuses the request whatever the policy says of failures.
    Internal(String),
    Unknown(String),
}

impl MutatingPolicy {
    /// Of its document, v1, v1beta1 or v1alpha1.
    pub fn from_json(json: &Json) -> Result<MutatingPolicy, PolicyError> {
        let rest = |spec: &mut Fields<'_>, with: &Environment, _: &Environment, faults: &mut Faults| {
            let again = match spec.required("reinvocationPolicy", faults) {
                "IfNeeded" => true,
                "Never" | "" => false,
                other => {
                    faults.add(
                        "spec.reinvocationPolicy",
                        format!("Unsupported value: {other:?}: supported values: \"IfNeeded\", \"Never\""),
                    );
                    false
                }
            };
            (mutations(spec, &with.clone().with_patches(), faults), again)
        };
        let (policy, (mutations, again)) = Policy::read(json, "MutatingAdmissionPolicy", rest)?;
        Ok(MutatingPolicy { policy, mutations, again })
    }

    pub fn name(&self) -> &str {
        self.policy.name()
    }
}

impl MutatingBinding {
    /// Of its document, v1, v1beta1 or v1alpha1.
    pub fn from_json(json: &Json) -> Result<MutatingBinding, PolicyError> {
        Binding::read(json, "MutatingAdmissionPolicyBinding", |_, _| Vec::new()).map(MutatingBinding)
    }

    pub fn name(&self) -> &str {
        self.0.name()
    }

    /// The policy that it binds.
    pub fn policy(&self) -> &str {
        self.0.policy()
    }
}

fn mutations(spec: &mut Fields<'_>, environment: &Environment, faults: &mut Faults) -> Vec<Mutation> {
    let mut made = Vec::new();
    let all = parts(spec, "mutations", MAX_PARTS, faults);
    if all.is_empty() {
        faults.add("spec.mutations", "Required value: mutations must contain at least one item");
    }
    for (path, json) in all {
        let mut fields = Fields::of(json, path.clone(), faults);
        let kind = fields.required("patchType", faults);
        let mut expression = |name: &'static str, of: &str, wanted: Type, faults: &mut Faults| {
            let given = fields.get(name);
            let inner = format!("{path}.{name}");
            match (given, kind == of) {
                (Some(json), true) => {
                    let mut fields = Fields::of(json, inner.clone(), faults);
                    let text = fields.text("expression", faults).unwrap_or("");
                    fields.done(faults);
                    compiled(environment, text, &[wanted], &format!("{inner}.expression"), faults)
                }
                (None, true) => {
                    faults.add(inner, format!("Required value: must be specified when patchType is {of}"));
                    None
                }
                (Some(_), false) => {
                    faults.add(inner, format!("Invalid value: may be specified only when patchType is {of}"));
                    None
                }
                (None, false) => None,
            }
        };
        let apply = expression("applyConfiguration", "ApplyConfiguration", Type::Object("Object".into()), faults);
        let patches = Type::list(Type::Object("JSONPatch".into()));
        let patch = expression("jsonPatch", "JSONPatch", patches, faults);
        fields.done(faults);
        if !matches!(kind, "ApplyConfiguration" | "JSONPatch" | "") {
            faults.add(
                format!("{path}.patchType"),
                format!("Unsupported value: {kind:?}: supported values: \"ApplyConfiguration\", \"JSONPatch\""),
            );
        }
        made.extend(apply.map(Mutation::Apply));
        made.extend(patch.map(Mutation::Patch));
    }
    made
}

/// A policy under a binding with one of its parameters, by their numbers.
type Which = [usize; 3];

/// What is being made of one object.
struct Work<'a> {
    policies: &'a [MutatingPolicy],
    bindings: &'a [MutatingBinding],
    params: &'a Params,
    options: Options<'a>,
    settle: &'a dyn Fn(&mut Json),
    review: Review,
    object: Json,
    /// Whether the object can be read as it came.
    read: bool,
    /// Whether anything was applied, be it to no effect.
    applied: bool,
    refused: Option<Mutated>,
}

/// What the policies make of a request's object, each under each of its bindings. After each mutation `settle` may set what the
/// server sets by default.
pub fn mutate(
    policies: &[MutatingPolicy],
    bindings: &[MutatingBinding],
    review: &Review,
    params: &Params,
    options: Options<'_>,
    settle: &dyn Fn(&mut Json),
) -> Mutated {
    if !matches!(review.object, Value::Map(_)) {
        return Mutated { outcome: Outcome::Unchanged, by: None };
    }
    let Some(before) = review.object.to_json() else {
        return Mutated { outcome: Outcome::Undecided("the object is too large to be changed".to_owned()), by: None };
    };
    let object = before.clone();
    let review = review.clone();
    let mut work = Work {
        policies,
        bindings,
        params,
        options,
        settle,
        review,
        object,
        read: false,
        applied: false,
        refused: None,
    };
    let done = work.pass(None).and_then(|again| match work.applied && !again.is_empty() {
        true => work.pass(Some(&again)).map(drop),
        false => Ok(()),
    });
    match (work.refused, done) {
        (Some(refused), _) => refused,
        (None, Err(ended)) => ended,
        (None, Ok(())) if work.object == before => Mutated { outcome: Outcome::Unchanged, by: None },
        (None, Ok(())) => Mutated { outcome: Outcome::Changed(work.object), by: None },
    }
}

impl<'a> Work<'a> {
    /// Asks all policies once, or those again; which of them want to be asked again. What is not known ends it, and so does what
    /// the server ends at once.
    fn pass(&mut self, again: Option<&[Which]>) -> Result<Vec<Which>, Mutated> {
        let mut about = Vec::new();
        for (policy, of) in self.policies.iter().enumerate() {
            let bound = self.bindings.iter().enumerate().filter(|(_, binding)| binding.policy() == of.name());
            for (binding, bound) in bound {
                let review = self.review.clone();
                let mut judging = Judging::new(&of.policy, &bound.0, &review, self.options);
                match judging.asked(self.params) {
                    Asked::No => {}
                    Asked::Decided => self.take(of, bound, judging.decisions)?,
                    Asked::With(all) => about.extend(
                        all.into_iter()
                            .enumerate()
                            .map(|(number, param)| ([policy, binding, number], of, bound, param)),
                    ),
                }
            }
        }
        let mut more = Vec::new();
        for (which, of, bound, param) in about {
            if again.is_none_or(|again| again.contains(&which)) && self.invoke(of, bound, param.as_ref())? && of.again {
                more.push(which);
            }
        }
        Ok(more)
    }

    /// Takes over what a policy decided.
    fn take(
        &mut self,
        policy: &MutatingPolicy,
        binding: &MutatingBinding,
        decisions: Vec<(usize, Decision)>,
    ) -> Result<(), Mutated> {
        let by = || Some((policy.name().to_owned(), binding.name().to_owned()));
        for (_, decision) in decisions {
            match decision {
                Decision::Admits => {}
                Decision::Unknown(why) => return Err(Mutated { outcome: Outcome::Undecided(why), by: by() }),
                Decision::Denies { message, .. } => {
                    let (policy, binding) = (policy.name(), binding.name());
                    let told = format!("policy '{policy}' with binding '{binding}' denied request: {message}");
                    self.refused.get_or_insert_with(|| Mutated { outcome: Outcome::Refused(told), by: by() });
                }
            }
        }
        Ok(())
    }

    /// Whether its match conditions hold, so that it was asked.
    fn invoke(
        &mut self,
        policy: &MutatingPolicy,
        binding: &MutatingBinding,
        param: Option<&Value>,
    ) -> Result<bool, Mutated> {
        let review = self.review.clone();
        let mut judging = Judging::new(&policy.policy, &binding.0, &review, self.options);
        let holds = judging.conditions(param);
        self.take(policy, binding, judging.decisions)?;
        if holds != Some(true) {
            return Ok(false);
        }
        // The server would have refused it before any policy saw it.
        if !self.read
            && let Some(why) = merge::unreadable(&self.object)
        {
            let why = format!("the object is not what its kind says: {why}");
            return Err(Mutated { outcome: Outcome::Undecided(why), by: None });
        }
        self.read = true;
        for mutation in &policy.mutations {
            // Variables are evaluated anew for each, of the object as it is by then.
            let review = self.review.clone();
            let mut judging = Judging::new(&policy.policy, &binding.0, &review, self.options);
            let scene = Scene::new(&policy.policy, &review, param, true);
            let (Mutation::Apply(program) | Mutation::Patch(program)) = mutation;
            let made = match judging.ask(&scene, program, COST) {
                Answer::Value(value) => made(mutation, &value, &self.object, self.options),
                Answer::Error(message) => Err(Fault::Failed(message)),
                Answer::Unknown(why) => Err(Fault::Unknown(why)),
                Answer::Exhausted => Err(Fault::Failed(OUT_OF_BUDGET.to_owned())),
            };
            match made.and_then(|made| self.put(mutation, made)) {
                Ok(()) => self.applied = true,
                Err(Fault::Failed(message)) => judging.erred(0, &message),
                Err(Fault::Internal(message)) => {
                    let told = format!("Internal error occurred: {message}");
                    let by = Some((policy.name().to_owned(), binding.name().to_owned()));
                    return Err(Mutated { outcome: Outcome::Refused(told), by });
                }
                Err(Fault::Unknown(why)) => judging.decisions.push((0, Decision::Unknown(why))),
            }
            self.take(policy, binding, judging.decisions)?;
        }
        Ok(true)
    }

    fn put(&mut self, mutation: &Mutation, mut made: Json) -> Result<(), Fault> {
        if !json_patch::Size::of(&made).is_of_document() {
            return Err(Fault::Unknown("the object grows too large".to_owned()));
        }
        same_kind(&self.object, &mut made)?;
        if let Some(why) = merge::unreadable(&made) {
            let why = format!("the object cannot be read any more: {why}");
            return Err(match mutation {
                Mutation::Patch(_) => Fault::Internal(why),
                Mutation::Apply(_) => Fault::Failed(why),
            });
        }
        (self.settle)(&mut made);
        self.review = self.review.clone().with_object(&made).map_err(|error| Fault::Unknown(error.to_string()))?;
        self.object = made;
        Ok(())
    }
}

/// Sees to it that what was made is an object of the same kind. One without any is of the same where the server has a type for it.
fn same_kind(object: &Json, made: &mut Json) -> Result<(), Fault> {
    let Json::Object(fields) = made else { return Err(Fault::Internal("what was patched is no object".to_owned())) };
    for name in ["apiVersion", "kind"] {
        let (was, is) = (object.get(name), fields.get(name));
        if was == is {
            continue;
        }
        let is_missing = is.is_none_or(|is| is.is_null() || is == "");
        match was {
            Some(was) if is_missing && merge::is_known(object) => drop(fields.insert(name.to_owned(), was.clone())),
            _ if is_missing => return Err(Fault::Unknown(format!("what was patched has no {name} any more"))),
            _ => return Err(Fault::Internal(format!("what was patched has another {name}"))),
        }
    }
    Ok(())
}

/// The object after a mutation whose expression gave that value.
fn made(mutation: &Mutation, value: &Value, object: &Json, options: Options<'_>) -> Result<Json, Fault> {
    match mutation {
        Mutation::Patch(_) => {
            let patched = json_patch::patched(object, operations(value)?, options)?;
            Ok(patched.unwrap_or_else(|| object.clone()))
        }
        Mutation::Apply(_) => {
            names(value, &mut Room::of_document())?;
            let mut patch = value.to_json().ok_or_else(|| unwritable(value))?;
            if let (Json::Object(patch), Json::Object(object)) = (&mut patch, object) {
                for name in ["apiVersion", "kind"] {
                    patch.insert(name.to_owned(), object.get(name).cloned().unwrap_or(Json::Null));
                }
            }
            merge::merged(object, &patch)
        }
    }
}

/// It holds something that JSON does not have, or too much: what the server makes of that is its own affair.
fn unwritable(value: &Value) -> Fault {
    Fault::Unknown(format!(
        "a value of type {} is too large or holds what cannot be written as JSON",
        value.type_name()
    ))
}

/// Whether the types of structs within one another are named for the fields they stand at, lists and maps not counted.
fn names(value: &Value, room: &mut Room) -> Result<(), Fault> {
    fn walk(value: &Value, path: &str, room: &mut Room) -> Result<(), Fault> {
        room.value(path.len()).ok_or_else(|| unwritable(value))?;
        match value {
            Value::Map(map) => {
                if let Some(name) = map.name()
                    && name != path
                {
                    return Err(Fault::Failed(format!(
                        "type mismatch: unexpected type name {name:?}, expected {path:?}, which matches field name path from root Object type"
                    )));
                }
                for (key, value) in map.entries() {
                    match (key, map.name()) {
                        (Key::String(key), Some(_)) => walk(value, &format!("{path}.{key}"), room)?,
                        _ => walk(value, path, room)?,
                    }
                }
                Ok(())
            }
            Value::List(list) => list.items().iter().try_for_each(|item| walk(item, path, room)),
            _ => Ok(()),
        }
    }
    walk(value, value.type_name(), room)
}

fn operations(value: &Value) -> Result<Vec<Operation>, Fault> {
    let Value::List(list) = value else {
        return Err(Fault::Failed("type mismatch: JSONPatchType.expression should evaluate to array".to_owned()));
    };
    if list.items().len() > json_patch::MOST_OPERATIONS {
        return Err(Fault::Unknown("a JSON patch has too many operations".to_owned()));
    }
    // Of all together: each may hold the same.
    let (mut room, mut named) = (Room::of_document(), Room::of_document());
    let mut all = Vec::with_capacity(list.items().len());
    for item in list.items() {
        let text = |name: &str, room: &mut Room| match item.field(name) {
            None => Ok(String::new()),
            Some(Value::String(text)) => {
                room.bytes(text.len()).ok_or_else(|| Fault::Unknown("a JSON patch is too large".to_owned()))?;
                Ok(text.to_string())
            }
            Some(other) => {
                Err(Fault::Failed(format!("unexpected type {} for JSONPatchType '{name}' field", other.type_name())))
            }
        };
        let value = match item.field("value") {
            None => None,
            Some(value) => {
                if matches!(value, Value::Map(map) if map.name().is_some()) {
                    names(value, &mut named)?;
                }
                Some(value.to_json_by(word, &mut room).ok_or_else(|| unwritable(value))?)
            }
        };
        let mut text = |name| text(name, &mut room);
        all.push(Operation { op: text("op")?, path: text("path")?, from: text("from")?, value });
    }
    Ok(all)
}

/// What cel-go writes as a text in JSON: whole numbers beyond what a double holds, bytes, times.
fn word(value: &Value) -> Option<Json> {
    const SAFE: u64 = (1 << 53) - 1;
    match value {
        Value::Int(number) if number.unsigned_abs() > SAFE => Some(number.to_string().into()),
        Value::Uint(number) if *number > SAFE => Some(number.to_string().into()),
        Value::Bytes(bytes) => Some(STANDARD.encode(bytes).into()),
        Value::Timestamp(at) => Some(time::timestamp_text(*at).into()),
        Value::Duration(nanos) => Some(time::duration_text(*nanos).into()),
        _ => None,
    }
}
