//! Admission policies, asked as the API server asks them: at the desk those that change objects first, which at the gate the server
//! has asked already.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Instant;

use anyhow::{anyhow, bail};
use plimsoll_cel::policy::{
    Binding, Fault, MutatingBinding, MutatingPolicy, Options, Outcome, Params, Policy, PolicyError, Review, Verdict,
    mutate,
};
use plimsoll_cel::value::Value as CelValue;
use plimsoll_gatekeeper::{Document, Words, kinds};
use plimsoll_model::Effect;

use plimsoll_sources::cluster::Wanted;

use super::files::File;
use super::surroundings::{Needs, Surroundings, namespaces};
use super::{DELETION, Question, Said, place};

/// The server's own annotation of what `Audit` would have refused.
const AUDITED: &str = "validation.policy.admission.k8s.io/validation_failure";
/// Where such policies live.
pub(super) const GROUP: &str = "admissionregistration.k8s.io";

pub struct Admission {
    policies: Vec<Policy>,
    bindings: Vec<Binding>,
    mutating: Vec<MutatingPolicy>,
    mutating_bindings: Vec<MutatingBinding>,
    params: Params,
    /// The Namespaces among the files.
    namespaces: HashMap<String, CelValue>,
    /// Whether a policy or a binding asks for the request's Namespace.
    looks_at_namespaces: bool,
    around: Option<Arc<Surroundings>>,
}

impl Admission {
    pub fn of(files: &[File]) -> anyhow::Result<Admission> {
        let (mut policies, mut bindings, mut params) = (Vec::new(), Vec::new(), Vec::new());
        let (mut mutating, mut mutating_bindings) = (Vec::new(), Vec::new());
        let mut places = Places::default();
        for File { name, content } in files {
            let text = std::str::from_utf8(content).map_err(|_| anyhow!("{name}: no UTF-8"))?;
            let documents = Document::read(name, text, Words::Kubernetes).map_err(|fault| anyhow!("{fault}"))?;
            for document in documents.into_iter().flat_map(Document::opened) {
                let json: serde_json::Value = serde_json::from_str(&document.value().to_json())?;
                let wrong = |error: PolicyError| wrong(&document, &error);
                match json.get("kind").and_then(serde_json::Value::as_str) {
                    Some("ValidatingAdmissionPolicy") => policies.push(Policy::from_json(&json).map_err(wrong)?),
                    Some("ValidatingAdmissionPolicyBinding") => {
                        bindings.push(Binding::from_json(&json).map_err(wrong)?)
                    }
                    Some("MutatingAdmissionPolicy") => mutating.push(MutatingPolicy::from_json(&json).map_err(wrong)?),
                    Some("MutatingAdmissionPolicyBinding") => {
                        mutating_bindings.push(MutatingBinding::from_json(&json).map_err(wrong)?)
                    }
                    Some(other) if document.group() == GROUP => {
                        bail!("{}nothing is known of the kind `{other}` of {GROUP}", place(&document, &["kind"]))
                    }
                    Some(other) if kinds::is_gatekeepers(document.group()) => bail!(
                        "{}{other} is Gatekeeper's, and nobody would ask it here\n  hint: name the file in an entry `gatekeeper:`",
                        place(&document, &["kind"])
                    ),
                    _ => params.push(json),
                }
                places.add(&document);
            }
        }
        let named = |kind, names: Vec<&str>| names.into_iter().map(|name| places.of(kind, name)).collect();
        let policy_of = |kind, pairs: Vec<(&str, &str)>| {
            pairs.into_iter().map(|(name, policy)| (places.of(kind, name), policy.to_owned())).collect()
        };
        bound(
            named("ValidatingAdmissionPolicy", policies.iter().map(Policy::name).collect()),
            policy_of(
                "ValidatingAdmissionPolicyBinding",
                bindings.iter().map(|one| (one.name(), one.policy())).collect(),
            ),
        )?;
        bound(
            named("MutatingAdmissionPolicy", mutating.iter().map(MutatingPolicy::name).collect()),
            policy_of(
                "MutatingAdmissionPolicyBinding",
                mutating_bindings.iter().map(|one| (one.name(), one.policy())).collect(),
            ),
        )?;
        if policies.is_empty() && mutating.is_empty() {
            bail!("there is no ValidatingAdmissionPolicy and no MutatingAdmissionPolicy");
        }
        let mut namespaces = HashMap::new();
        for json in params.iter().filter(|json| is_namespace(json)) {
            if let Some(name) = json.pointer("/metadata/name").and_then(serde_json::Value::as_str) {
                namespaces.insert(name.to_owned(), Review::namespace(json).map_err(|error| anyhow!("{error}"))?);
            }
        }
        let params = Params::new(&params).map_err(|error| anyhow!("{error}"))?;
        let looks_at_namespaces = pairs(&policies, &bindings)
            .any(|(policy, binding)| policy.looks_at_namespace() || binding.looks_at_namespace());
        Ok(Admission {
            policies,
            bindings,
            mutating,
            mutating_bindings,
            params,
            namespaces,
            looks_at_namespaces,
            around: None,
        })
    }

    /// The kinds of the cluster that the policies under their bindings look at.
    pub fn needs(&self, needs: &mut Needs) {
        let mut need = |wanted| needs.entry(wanted).or_default().cel = true;
        if self.looks_at_namespaces {
            need(namespaces());
        }
        for (policy, binding) in pairs(&self.policies, &self.bindings) {
            let (Some((api_version, kind)), Some(namespace)) = (policy.param_kind(), binding.param_namespace()) else {
                continue;
            };
            let namespace = Some(namespace.to_owned()).filter(|namespace| !namespace.is_empty());
            need(Wanted { api_version: api_version.to_owned(), kind: kind.to_owned(), namespace });
        }
    }

    /// From now on what is followed counts, too.
    pub fn look_around(&mut self, around: Arc<Surroundings>) {
        self.params.look_elsewhere(Arc::<Surroundings>::clone(&around));
        self.around = Some(around);
    }

    /// The review with its Namespace: that of the files, or the cluster's; and why it is not known.
    fn placed(&self, review: Review) -> (Review, Option<String>) {
        let Some(name) = review.wanted_namespace() else { return (review, None) };
        if let Some(own) = self.namespaces.get(name) {
            let own = own.clone();
            return (review.in_namespace(own), None);
        }
        // What nobody asks for is not followed, and no doubt.
        let around = self.around.as_ref().filter(|_| self.looks_at_namespaces);
        match around.map(|around| around.namespace(name)) {
            Some(Ok(Some(object))) => match object.cel.clone() {
                Some(namespace) => (review.in_namespace(namespace), None),
                None => (review, None),
            },
            Some(Ok(None)) => {
                let why = format!("the cluster has no namespace {name:?} yet, as far as is known");
                (review, Some(why))
            }
            Some(Err(why)) => (review, Some(why)),
            None => (review, None),
        }
    }

    /// Whether a policy's rules name deletions.
    pub fn speaks_of_deletions(&self) -> bool {
        self.policies.iter().any(|policy| policy.wants(DELETION))
    }

    /// The question about the object as these policies leave it, where it was made at the desk and they change anything.
    ///
    /// # Errors
    /// What is to be said instead: a policy refuses it, or what it does to it is not known.
    pub(super) fn changed(&self, asked: &Question, deadline: Option<Instant>) -> Result<Option<Question>, Box<Said>> {
        let (Some(settle), false) = (asked.unchanged, self.mutating.is_empty()) else { return Ok(None) };
        let undecided = |message: String| Box::new(Said { effect: Effect::Undecided, message, policy: String::new() });
        let Some(request) = request(asked) else { return Err(undecided("the review has no request".into())) };
        let (review, _) = self.placed(Review::from_request(request).map_err(|error| undecided(error.to_string()))?);
        let options = Options { deadline, ..Options::default() };
        let mutated = mutate(&self.mutating, &self.mutating_bindings, &review, &self.params, options, &settle);
        let policy = mutated.by.map_or_else(String::new, |(policy, binding)| format!("{policy}/{binding}"));
        let says = |effect, message| Err(Box::new(Said { effect, message, policy }));
        match mutated.outcome {
            Outcome::Unchanged => Ok(None),
            Outcome::Changed(object) => asked.with_object(object).map(Some).map_err(undecided),
            Outcome::Refused(message) => says(Effect::Deny, message),
            Outcome::Undecided(why) => says(Effect::Undecided, why),
        }
    }

    pub(super) fn ask(&self, asked: &Question, deadline: Option<Instant>) -> Vec<Said> {
        let undecided = |message: String| vec![Said { effect: Effect::Undecided, message, policy: String::new() }];
        let Some(request) = request(asked) else {
            return undecided("the review has no request".into());
        };
        let (review, missing) = match Review::from_request(request) {
            Ok(review) => self.placed(review),
            Err(error) => return undecided(error.to_string()),
        };
        let told = |why: String| match &missing {
            Some(more) if why.contains("namespace") => format!("{why} ({more})"),
            _ => why,
        };
        let options = Options { deadline, ..Options::default() };
        let mut all = Vec::new();
        for policy in &self.policies {
            for mut judged in policy.judge(&self.bindings, &review, &self.params, options) {
                let name = format!("{}/{}", judged.policy, judged.binding);
                let mut say = |effect, message| all.push(Said { effect, message, policy: name.clone() });
                match judged.verdict {
                    Verdict::NotMatched | Verdict::Allowed => {}
                    Verdict::Denied { message, .. } => say(Effect::Deny, message),
                    Verdict::Undecided { why } => {
                        judged.unknown.retain(|unknown| *unknown != why);
                        say(Effect::Undecided, told(why));
                    }
                }
                judged.warnings.into_iter().for_each(|warning| say(Effect::Warn, warning));
                // About warnings and annotations, or behind a denial.
                judged.unknown.into_iter().for_each(|unknown| say(Effect::Warn, unknown));
                let own = format!("{}/", judged.policy);
                let noted = |(key, value): (String, String)| match key.strip_prefix(&own) {
                    _ if key == AUDITED => value,
                    key_of_its_own => format!("{}: {value}", key_of_its_own.unwrap_or(&key)),
                };
                judged.annotations.into_iter().map(noted).for_each(|said| say(Effect::Info, said));
            }
        }
        all
    }
}

/// Each policy with each of its bindings.
fn pairs<'a>(policies: &'a [Policy], bindings: &'a [Binding]) -> impl Iterator<Item = (&'a Policy, &'a Binding)> {
    policies.iter().flat_map(|policy| {
        bindings.iter().filter(|binding| binding.policy() == policy.name()).map(move |binding| (policy, binding))
    })
}

/// Whether each binding has its policy, and each policy a binding.
fn bound(policies: Vec<Named>, bindings: Vec<(Named, String)>) -> anyhow::Result<()> {
    if let Some((binding, policy)) = bindings.iter().find(|(_, of)| policies.iter().all(|one| one.name != *of)) {
        bail!("{}binding `{}` is for the policy `{policy}`, which is not there", binding.place, binding.name);
    }
    if let Some(policy) = policies.iter().find(|one| bindings.iter().all(|(_, of)| *of != one.name)) {
        bail!("{}policy `{}` has no binding: nothing would be asked of it", policy.place, policy.name);
    }
    Ok(())
}

/// A document's name and, as far as it is known, its place.
struct Named {
    name: String,
    place: String,
}

/// Where documents stand, by kind and name.
#[derive(Default)]
struct Places(HashMap<(String, String), String>);

impl Places {
    fn add(&mut self, document: &Document) {
        if document.group() == GROUP {
            let key = (document.kind().to_owned(), document.name().to_owned());
            self.0.insert(key, place(document, &["metadata", "name"]));
        }
    }

    fn of(&self, kind: &str, name: &str) -> Named {
        let place = self.0.get(&(kind.to_owned(), name.to_owned())).cloned().unwrap_or_default();
        Named { name: name.to_owned(), place }
    }
}

/// Whether a document of the group is for this engine, and no webhook's configuration.
pub(super) fn is_policy(document: &Document) -> bool {
    ["AdmissionPolicy", "AdmissionPolicyBinding"].iter().any(|end| document.kind().ends_with(end))
}

/// All faults of a document, each with its place.
fn wrong(document: &Document, error: &PolicyError) -> anyhow::Error {
    let line = |fault: &Fault| {
        // `spec.validations[0].expression`
        let parts = fault.path.split(['.', '[', ']']).filter(|part| !part.is_empty());
        format!("{}{}: {fault}", place(document, &parts.collect::<Vec<_>>()), document.subject())
    };
    anyhow!(error.faults.iter().map(line).collect::<Vec<_>>().join("\n"))
}

fn is_namespace(json: &serde_json::Value) -> bool {
    let says = |key: &str, word: &str| json.get(key).and_then(serde_json::Value::as_str) == Some(word);
    says("apiVersion", "v1") && says("kind", "Namespace")
}

fn request(asked: &Question) -> Option<&serde_json::Value> {
    asked.json.as_ref()?.get("request")
}
