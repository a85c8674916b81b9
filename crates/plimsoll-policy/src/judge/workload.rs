//! Manifests and Dockerfiles under the policy's `workloads`. In: findings, and what the object asks for. Out: one reason per
//! rule and strength. What it does not do: judge the images that the object names; each is a subject of its own.

use std::collections::{BTreeMap, BTreeSet};

use plimsoll_model::loadline::{RuleAction, WorkloadRules};
use plimsoll_model::{Assessment, Effect, Hidden, HiddenBy, ImageReference, LoadLine, Reason, ReasonCode};

use super::hide::waiver_words;
use super::{Found, data, reason};
use crate::exempt::{ran_out, reason_words};
use crate::{entry, glob};

/// What the findings of the Pod Security Standards are called by: `pod-security-host-ports`.
const POD_SECURITY: &str = "pod-security-";

/// The object, its place and the day.
pub(super) struct Object<'a> {
    pub assessment: &'a Assessment,
    pub policy: &'a LoadLine,
    /// The full names of its images.
    pub names: &'a [String],
    pub namespace: Option<&'a str>,
    pub today: jiff::civil::Date,
}

/// What stands for image names that nobody can read: no pattern but one for every image fits it.
const UNREADABLE: &str = "(unreadable)";

/// The full names of an object's images.
pub(super) fn names(assessment: &Assessment) -> Vec<String> {
    let Some(workload) = &assessment.workload else { return Vec::new() };
    let unreadable = workload.unreadable_images.then(|| UNREADABLE.to_owned());
    workload.images.iter().map(ImageReference::name).chain(unreadable).collect()
}

/// Indexes of the waivers that spoke of a finding.
pub(super) fn judge(object: &Object<'_>, found: &mut Found) -> Vec<usize> {
    let mut used = Vec::new();
    data::unread(&object.assessment.problems, found);
    let Some(rules) = &object.policy.workloads else { return used };
    let waived = waivers(object, &mut used, found);
    let mut by_rule: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
    for (i, finding) in object.assessment.findings.iter().enumerate().filter(|(i, _)| !waived.contains(i)) {
        by_rule.entry(&finding.rule).or_default().push(i);
    }
    for (rule, indexes) in by_rule {
        found.reasons.extend(of_rule(object, rules, rule, indexes));
    }
    runtime_class(object, rules, found);
    used
}

fn of_rule(object: &Object<'_>, rules: &WorkloadRules, rule: &str, indexes: Vec<usize>) -> Option<Reason> {
    let (action, clause) = match rules.rules.get(rule) {
        Some(action) => (*action, format!("workloads.rules.{rule}")),
        None if rule.starts_with(POD_SECURITY) && rules.pod_security.is_some() => {
            (RuleAction::Deny, "workloads.podSecurity".to_owned())
        }
        None => return None,
    };
    let effect = match action {
        RuleAction::Off => return None,
        RuleAction::Warn => Effect::Warn,
        RuleAction::Deny => Effect::Deny,
    };
    let first = object.assessment.findings.get(*indexes.first()?)?;
    let mut message = format!("{rule}: {}", first.message);
    if let Some(place) = first.locations.first().filter(|place| !place.path.is_empty()) {
        message += &format!(" ({place})");
    }
    if indexes.len() > 1 {
        message += &format!(" (and {} more)", indexes.len() - 1);
    }
    if let Some(remedy) = first.remedy.as_deref().filter(|remedy| !remedy.is_empty()) {
        message += &format!("; {remedy}");
    }
    let mut one = reason(effect, ReasonCode::Workload, message);
    one.clause = Some(clause);
    one.findings = indexes;
    Some(one)
}

/// Findings that waivers hide.
fn waivers(object: &Object<'_>, used: &mut Vec<usize>, found: &mut Found) -> BTreeSet<usize> {
    let mut hidden = BTreeSet::new();
    for (number, waiver) in object.policy.waivers.iter().enumerate() {
        // A waiver for certain images is one for objects that have no others.
        let fits = |name: &String| waiver.images.iter().any(|pattern| glob::matches(pattern, name));
        let applies = waiver.images.is_empty() || (!object.names.is_empty() && object.names.iter().all(fits));
        let findings = object.assessment.findings.iter().enumerate();
        let of: Vec<usize> =
            findings.filter(|(_, f)| waiver.package.is_none() && f.rule == waiver.id).map(|(i, _)| i).collect();
        if !applies || of.is_empty() {
            continue;
        }
        used.push(number);
        if let Some(until) = waiver.until.filter(|_| ran_out(waiver.until, object.today)) {
            let words = waiver_words(waiver);
            let message = format!("{words} ran out on {until} and does not hold: mend the fault or renew the waiver");
            let mut one = reason(Effect::Warn, ReasonCode::Expired, message);
            one.findings = of;
            found.reasons.push(one);
            continue;
        }
        let why = reason_words(&waiver.reason, waiver.ticket.as_deref(), waiver.until);
        for i in of.into_iter().filter(|i| hidden.insert(*i)) {
            found.hidden.push(Hidden { by: HiddenBy::Waiver, reason: why.clone(), r#match: None, finding: Some(i) });
        }
    }
    hidden
}

fn runtime_class(object: &Object<'_>, rules: &WorkloadRules, found: &mut Found) {
    let Some(workload) = object.assessment.workload.as_ref().filter(|workload| !workload.unchanged) else { return };
    for (i, rule) in rules.runtime_class.iter().enumerate() {
        let spared = |name: &str| {
            let ruling = entry::ruling(object.policy, Some(name), object.namespace);
            let entry = ruling.and_then(|index| object.policy.images.get(index));
            entry.is_some_and(|entry| rule.unless.contains(&entry.name))
        };
        let asks = |name: &&String| rule.images.iter().any(|pattern| glob::matches(pattern, name)) && !spared(name);
        let Some(name) = object.names.iter().find(asks) else { continue };
        if workload.runtime_class.as_deref() == Some(rule.require.as_str()) {
            continue;
        }
        let is = match &workload.runtime_class {
            Some(class) => format!("its runtimeClassName is `{class}`"),
            None => "it names no runtimeClassName".to_owned(),
        };
        let message = format!(
            "pods with {name} must run under the runtime class `{0}`, and {is}; set `runtimeClassName: {0}` in the pod's spec",
            rule.require
        );
        let mut one = reason(Effect::Deny, ReasonCode::Workload, message);
        one.clause = Some(format!("workloads.runtimeClass[{i}]"));
        found.reasons.push(one);
    }
}
