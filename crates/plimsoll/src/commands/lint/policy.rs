//! What a policy says of linting. In: a LoadLine. Out: which rules run and how much they weigh, and the findings that its waivers
//! keep quiet. What it does not do: make a verdict; a waiver for certain images is one for `check` and the gate.

use std::path::{Path, PathBuf};

use jiff::civil::Date;
use plimsoll_checks::lint::Selection;
use plimsoll_checks::pod_security::{Level, Version};
use plimsoll_model::loadline::RuleAction;
use plimsoll_model::{IgnoredBy, IgnoredFinding, LintedFile, LoadLine, Location, Problem, ProblemKind, Severity};

use crate::{session, workload};

/// The named policy, or a `loadline.yaml` beside the paths; the embedded one asks nothing of linting.
pub fn find(named: Option<&Path>, paths: &[PathBuf]) -> anyhow::Result<Option<LoadLine>> {
    let here = [PathBuf::from(".")];
    let policy = session::find_policy(named, if paths.is_empty() { &here } else { paths })?;
    Ok((!policy.files.is_empty()).then_some(policy))
}

/// What a policy asks.
#[derive(Default)]
pub struct Asked {
    /// The default rules, and those that it names.
    pub select: Vec<String>,
    /// Those that it switches off.
    pub ignore: Vec<String>,
    /// What it denies is no small thing.
    pub selection: Selection,
    pub pod_security: Option<(Level, Version)>,
}

pub fn asked(policy: &LoadLine) -> Asked {
    let Some(workloads) = &policy.workloads else { return Asked::default() };
    let mut asked = Asked { pod_security: workload::pod_security(workloads), ..Asked::default() };
    asked.select.push("default".to_owned());
    for (rule, action) in &workloads.rules {
        match action {
            RuleAction::Off => asked.ignore.push(rule.clone()),
            RuleAction::Warn => asked.select.push(rule.clone()),
            RuleAction::Deny => {
                asked.select.push(rule.clone());
                asked.selection.severities.insert(rule.clone(), Severity::High);
            }
        }
    }
    asked
}

/// Takes what the policy waives out of what counts. Gives a note for each waiver that has run out.
pub fn waive(policy: &LoadLine, today: Date, files: &mut [LintedFile]) -> Vec<Problem> {
    let mut notes = Vec::new();
    for waiver in policy.waivers.iter().filter(|waiver| waiver.images.is_empty() && waiver.package.is_none()) {
        let over = waiver.until.is_some_and(|until| until < today);
        let mut met = false;
        for file in files.iter_mut() {
            let (waived, kept): (Vec<_>, Vec<_>) =
                std::mem::take(&mut file.findings).into_iter().partition(|found| found.finding.rule == waiver.id);
            met |= !waived.is_empty();
            file.findings = kept;
            if over {
                file.findings.extend(waived);
                file.findings.sort_by(|a, b| a.finding.locations.cmp(&b.finding.locations));
            } else {
                let reason = &waiver.reason;
                let quiet = |finding| IgnoredFinding { finding, by: IgnoredBy::Policy, reason: reason.clone() };
                file.ignored.extend(waived.into_iter().map(quiet));
            }
        }
        if let (true, true, Some(until)) = (over, met, waiver.until) {
            let message = format!("use the waiver of {}: it ran out on {until}", waiver.id);
            let note = Problem::note(ProblemKind::BadInput, message).with_hint("mend the fault, or renew the waiver");
            notes.push(note.at(Location::line(waiver.place.file.clone(), waiver.place.line)));
        }
    }
    notes
}
