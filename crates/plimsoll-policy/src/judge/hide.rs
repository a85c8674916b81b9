//! What the verdict does not count: faults of no weight, what trusted VEX documents answer, what is waived. In: matches
//! and findings. Out: which are hidden, each with its reason, and what hid nothing. Nothing is dropped in silence.

use std::collections::{BTreeSet, HashMap};

use plimsoll_model::loadline::Waiver;
use plimsoll_model::{Effect, Hidden, HiddenBy, Match, MatchState, ReasonCode};

use super::{Case, Found, reason, vex};
use crate::entry::place_words;
use crate::exempt::{ran_out, reason_words};
use crate::glob;

/// Indexes of what is hidden.
#[derive(Default)]
pub(super) struct Hiding {
    pub matches: BTreeSet<usize>,
    pub findings: BTreeSet<usize>,
    /// VEX statements of the context that spoke of a fault here.
    pub statements: BTreeSet<usize>,
    /// Waivers of the policy that spoke of a fault here.
    pub waivers: BTreeSet<usize>,
}

pub(super) fn hide(case: &Case<'_>, found: &mut Found) -> Hiding {
    let mut hiding = Hiding::default();
    for (i, one) in counted(case) {
        // A clause that names the fault means it, whatever its source thinks of it.
        let rules = &case.entry.vulnerabilities;
        let named = rules.deny.iter().chain(&rules.warn).any(|clause| clause.ids.iter().any(|id| one.has_id(id)));
        if one.unimportant && !named {
            let who = one.data_source.as_ref().map_or("the feed", |s| if s.name.is_empty() { &s.id } else { &s.name });
            hide_match(i, HiddenBy::Unimportant, format!("{who} files it as of no weight"), &mut hiding, found);
        }
    }
    vex::hide(case, &mut hiding, found);
    waivers(case, &mut hiding, found);
    hiding
}

/// A waiver as the subject of a sentence.
pub(crate) fn waiver_words(waiver: &Waiver) -> String {
    let place = place_words(&waiver.place);
    match &waiver.package {
        Some(package) => format!("the waiver of {} in {package} ({place})", waiver.id),
        None => format!("the waiver of {} ({place})", waiver.id),
    }
}

/// The matches that say something against the image.
pub(super) fn counted<'a>(case: &Case<'a>) -> impl Iterator<Item = (usize, &'a Match)> {
    case.assessment.matches.iter().enumerate().filter(|(_, m)| !matches!(m.state, MatchState::NotAffected { .. }))
}

pub(super) fn hide_match(i: usize, by: HiddenBy, why: String, hiding: &mut Hiding, found: &mut Found) {
    if hiding.matches.insert(i) {
        found.hidden.push(Hidden { by, reason: why, r#match: Some(i), finding: None });
    }
}

fn waivers(case: &Case<'_>, hiding: &mut Hiding, found: &mut Found) {
    let mut by_id: HashMap<String, Vec<(usize, &Match)>> = HashMap::new();
    if !case.policy.waivers.is_empty() {
        for (i, m) in counted(case) {
            // An id may stand among a fault's ids twice.
            for id in m.ids().map(str::to_lowercase).collect::<BTreeSet<_>>() {
                by_id.entry(id).or_default().push((i, m));
            }
        }
    }
    for (number, waiver) in case.policy.waivers.iter().enumerate() {
        if !applies(waiver, case.name.as_deref()) {
            continue;
        }
        let matches: Vec<(usize, &Match)> = by_id.get(&waiver.id.to_lowercase()).cloned().unwrap_or_default();
        let (covered, uncovered): (Vec<_>, Vec<_>) = matches.into_iter().partition(|(_, m)| covers(waiver, m, case));
        let findings: Vec<usize> = case
            .assessment
            .findings
            .iter()
            .enumerate()
            .filter(|(_, f)| waiver.package.is_none() && f.rule == waiver.id)
            .filter(|(_, f)| {
                let setting = case.entry.footprint.get(&f.rule);
                f.holds(setting.and_then(|s| s.warn_from.or(s.threshold)))
            })
            .map(|(i, _)| i)
            .collect();
        let of = waiver_words(waiver);
        if covered.is_empty() && findings.is_empty() {
            found.unused.push(match uncovered.first() {
                Some((_, m)) => format!(
                    "{of} hides nothing: here the fault is in {}, so name that package",
                    affected_names(m, case).join(", ")
                ),
                None => format!("{of} matches nothing here"),
            });
            continue;
        }
        hiding.waivers.insert(number);
        if let Some(until) = waiver.until.filter(|_| ran_out(waiver.until, case.today)) {
            let mut one = reason(
                Effect::Warn,
                ReasonCode::Expired,
                format!("{of} ran out on {until} and does not hold: mend the fault or renew the waiver"),
            );
            one.matches = covered.iter().map(|(i, _)| *i).collect();
            one.findings = findings;
            found.reasons.push(one);
            continue;
        }
        let why = reason_words(&waiver.reason, waiver.ticket.as_deref(), waiver.until);
        for (i, _) in covered {
            hide_match(i, HiddenBy::Waiver, why.clone(), hiding, found);
        }
        for i in findings {
            if hiding.findings.insert(i) {
                found.hidden.push(Hidden {
                    by: HiddenBy::Waiver,
                    reason: why.clone(),
                    r#match: None,
                    finding: Some(i),
                });
            }
        }
    }
}

/// True when the waiver is for this image. Something without a name is only meant by waivers for all images.
fn applies(waiver: &Waiver, name: Option<&str>) -> bool {
    waiver.images.is_empty()
        || name.is_some_and(|name| waiver.images.iter().any(|pattern| glob::matches(pattern, name)))
}

/// True when the waiver's package is the match's, or every binary that the fault is in: a waiver of one binary says
/// nothing of the others.
fn covers(waiver: &Waiver, m: &Match, case: &Case<'_>) -> bool {
    let Some(package) = &waiver.package else { return true };
    if m.name == *package {
        return true;
    }
    let packages = &case.assessment.inventory.packages;
    !m.packages.is_empty()
        && m.packages.iter().all(|i| packages.get(*i).is_some_and(|p| p.name == *package || p.source_name() == package))
}

fn affected_names(m: &Match, case: &Case<'_>) -> Vec<String> {
    let packages = &case.assessment.inventory.packages;
    let binaries: BTreeSet<&str> =
        m.packages.iter().filter_map(|i| packages.get(*i)).map(|p| p.name.as_str()).collect();
    let mut names = vec![m.name.clone()];
    names.extend(binaries.into_iter().filter(|n| *n != m.name).take(4).map(str::to_owned));
    names
}
