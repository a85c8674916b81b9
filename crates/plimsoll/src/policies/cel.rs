//! ValidatingAdmissionPolicies, asked as the API server asks them.

use std::time::Instant;

use anyhow::{anyhow, bail};
use plimsoll_cel::policy::{Binding, Options, Params, Policy, Review, Verdict};
use plimsoll_gatekeeper::{Document, Words};
use plimsoll_model::Effect;

use super::files::File;
use super::{Question, Said};

/// The server's own annotation of what `Audit` would have refused.
const AUDITED: &str = "validation.policy.admission.k8s.io/validation_failure";
/// Where such policies live.
const GROUP: &str = "admissionregistration.k8s.io";

pub struct Admission {
    policies: Vec<Policy>,
    bindings: Vec<Binding>,
    params: Params,
}

impl Admission {
    pub fn of(files: &[File]) -> anyhow::Result<Admission> {
        let (mut policies, mut bindings, mut params) = (Vec::new(), Vec::new(), Vec::new());
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
                    Some("MutatingAdmissionPolicy" | "MutatingAdmissionPolicyBinding") => {
                        bail!("{name}: policies that change objects are not asked here; leave the file out")
                    }
                    Some(other) if document.group() == GROUP => {
                        bail!("{name}: nothing is known of the kind `{other}` of {GROUP}")
                    }
                    _ => params.push(json),
                }
            }
        }
        for binding in &bindings {
            if !policies.iter().any(|policy| policy.name() == binding.policy()) {
                bail!("binding `{}` is for the policy `{}`, which is not there", binding.name(), binding.policy());
            }
        }
        if let Some(policy) =
            policies.iter().find(|policy| !bindings.iter().any(|binding| binding.policy() == policy.name()))
        {
            bail!("policy `{}` has no binding: nothing would be asked of it", policy.name());
        }
        if policies.is_empty() {
            bail!("there is no ValidatingAdmissionPolicy");
        }
        let params = Params::new(&params).map_err(|error| anyhow!("{error}"))?;
        Ok(Admission { policies, bindings, params })
    }

    pub(super) fn ask(&self, asked: &Question, deadline: Option<Instant>) -> Vec<Said> {
        let undecided = |message: String| vec![Said { effect: Effect::Undecided, message, policy: String::new() }];
        let Some(request) = asked.json.as_ref().and_then(|review| review.get("request")) else {
            return undecided("the review has no request".into());
        };
        let review = match Review::from_request(request) {
            Ok(review) => review,
            Err(error) => return undecided(error.to_string()),
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
                        say(Effect::Undecided, why);
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
