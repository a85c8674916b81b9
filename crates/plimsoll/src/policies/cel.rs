//! Admission policies, asked as the API server asks them: at the desk those that change objects first, which at the gate the server
//! has asked already.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Instant;

use anyhow::{anyhow, bail};
use plimsoll_cel::policy::{
    Binding, MutatingBinding, MutatingPolicy, Options, Outcome, Params, Policy, Review, Verdict, mutate,
};
use plimsoll_cel::value::Value as CelValue;
use plimsoll_gatekeeper::{Document, Words};
use plimsoll_model::Effect;

use plimsoll_sources::cluster::Wanted;

use super::files::File;
use super::surroundings::{Needs, Surroundings, namespaces};
use super::{DELETION, Question, Said};

/// The server's own annotation of what `Audit` would have refused.
const AUDITED: &str = "validation.policy.admission.k8s.io/validation_failure";
/// Where such policies live.
const GROUP: &str = "admissionregistration.k8s.io";

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
        for File { name, content } in files {
            let text = std::str::from_utf8(content).map_err(|_| anyhow!("{name}: no UTF-8"))?;
            let documents = Document::read(name, text, Words::Kubernetes).map_err(|fault| anyhow!("{fault}"))?;
            for document in documents.into_iter().flat_map(Document::opened) {
                let text = document.value().to_json();
                let json: serde_json::Value = serde_json::from_str(&text)?;
                match json.get("kind").and_then(serde_json::Value::as_str) {
                    Some("ValidatingAdmissionPolicy") => {
                        policies.push(Policy::from_json(&json).map_err(|error| anyhow!("{name}: {error}"))?)
                    }
                    Some("ValidatingAdmissionPolicyBinding") => {
                        bindings.push(Binding::from_json(&json).map_err(|error| anyhow!("{name}: {error}"))?)
                    }
                    Some("MutatingAdmissionPolicy") => {
                        mutating.push(MutatingPolicy::from_json(&json).map_err(|error| anyhow!("{name}: {error}"))?)
                    }
                    Some("MutatingAdmissionPolicyBinding") => mutating_bindings
                        .push(MutatingBinding::from_json(&json).map_err(|error| anyhow!("{name}: {error}"))?),
                    Some(other) if document.group() == GROUP => {
                        bail!("{name}: nothing is known of the kind `{other}` of {GROUP}")
                    }
                    _ => params.push(json),
                }
            }
        }
        bound(policies.iter().map(Policy::name), bindings.iter().map(|one| (one.name(), one.policy())))?;
        bound(
            mutating.iter().map(MutatingPolicy::name),
            mutating_bindings.iter().map(|one| (one.name(), one.policy())),
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
                let failed = |(key, value): (String, String)| (key == AUDITED).then_some(value);
                judged.annotations.into_iter().filter_map(failed).for_each(|said| say(Effect::Info, said));
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
fn bound<'a>(
    policies: impl Iterator<Item = &'a str>,
    bindings: impl Iterator<Item = (&'a str, &'a str)>,
) -> anyhow::Result<()> {
    let policies: Vec<&str> = policies.collect();
    let bindings: Vec<(&str, &str)> = bindings.collect();
    if let Some((binding, policy)) = bindings.iter().find(|(_, policy)| !policies.contains(policy)) {
        bail!("binding `{binding}` is for the policy `{policy}`, which is not there");
    }
    if let Some(policy) = policies.iter().find(|policy| !bindings.iter().any(|(_, of)| of == *policy)) {
        bail!("policy `{policy}` has no binding: nothing would be asked of it");
    }
    Ok(())
}

fn is_namespace(json: &serde_json::Value) -> bool {
    let says = |key: &str, word: &str| json.get(key).and_then(serde_json::Value::as_str) == Some(word);
    says("apiVersion", "v1") && says("kind", "Namespace")
}

fn request(asked: &Question) -> Option<&serde_json::Value> {
    asked.json.as_ref()?.get("request")
}
