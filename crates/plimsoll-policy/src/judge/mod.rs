//! The judgement. In: everything that is known of one subject, the policy, and the circumstances. Out: the [`Verdict`],
//! made nowhere else. What it does not do: gather anything, or read the clock.
//!
//! Three outcomes: any denial wins, then anything that could not be told, and only the rest is allowed. Every part below
//! adds reasons; none takes one away.

mod attestations;
mod data;
mod footprint;
mod hide;
mod signatures;
mod tags;
mod vex;
mod vulnerabilities;
mod workload;

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use plimsoll_model::loadline::{Exemption, ImageEntry, Mode, WhenUndecided};
use plimsoll_model::{
    Assessment, DatabaseInfo, Effect, Hidden, ImageReference, LoadLine, Outcome, Problem, ProblemEffect, ProblemKind,
    Reason, ReasonCode, SubjectKind, Verdict, VexStatement,
};

pub use attestations::holds_until;

use crate::entry::{self, Fit};
use crate::standing::{self, Ruling};
use crate::{exempt, glass, units};

/// The circumstances of a judgement.
#[derive(Debug, Clone, Copy)]
pub struct Context<'a> {
    /// The time to judge at.
    pub at: Timestamp,
    /// Where it is to run; the subject's own when none is given.
    pub namespace: Option<&'a str>,
    /// Who asks and with what words; known at admission only.
    pub request: Option<&'a Request<'a>>,
    /// The databases that the matches come from.
    pub databases: &'a [DatabaseInfo],
    /// What trusted VEX documents say.
    pub vex: &'a [VexStatement],
}

/// What came with the question at admission. An ImageReview names nobody: there `user` and `groups` are empty.
#[derive(Debug, Clone, Copy)]
pub struct Request<'a> {
    pub user: Option<&'a str>,
    pub groups: &'a [String],
    /// Of the object that is asked about.
    pub annotations: &'a BTreeMap<String, String>,
}

impl<'a> Context<'a> {
    /// A time, and nothing else known.
    pub fn at(at: Timestamp) -> Context<'a> {
        Context { at, namespace: None, request: None, databases: &[], vex: &[] }
    }

    pub(crate) fn user(&self) -> Option<&'a str> {
        self.request.and_then(|request| request.user)
    }
}

/// The day of an instant, in UTC.
pub(crate) fn day(at: Timestamp) -> Date {
    TimeZone::UTC.to_datetime(at).date()
}

/// A reason that names no match, finding or problem.
pub(crate) fn reason(effect: Effect, code: ReasonCode, message: impl Into<String>) -> Reason {
    Reason {
        effect,
        code,
        message: message.into(),
        clause: None,
        matches: Vec::new(),
        findings: Vec::new(),
        problems: Vec::new(),
    }
}

/// What the parts of a judgement are given.
pub(crate) struct Case<'a> {
    pub assessment: &'a Assessment,
    pub policy: &'a LoadLine,
    pub entry: &'a ImageEntry,
    pub context: &'a Context<'a>,
    /// `registry/repository`.
    pub name: Option<String>,
    pub today: Date,
}

impl Case<'_> {
    /// `images[shop].vulnerabilities.deny[0]`.
    pub fn clause(&self, path: &str) -> Option<String> {
        Some(format!("images[{}].{path}", self.entry.name))
    }
}

/// What the parts of a judgement give.
#[derive(Default)]
pub(crate) struct Found {
    pub reasons: Vec<Reason>,
    pub hidden: Vec<Hidden>,
    pub unused: Vec<String>,
    /// Nobody looked into the subject.
    pub unexamined: bool,
}

/// Judges one subject. The only maker of a [`Verdict`].
pub fn judge(assessment: &Assessment, policy: &LoadLine, context: &Context<'_>) -> Verdict {
    let subject = &assessment.subject;
    if is_object(subject.kind) {
        return judge_object(assessment, policy, context);
    }
    let name = subject.reference.as_ref().map(ImageReference::name);
    let namespace = context.namespace.or(subject.namespace.as_deref());
    let today = day(context.at);
    let mut found = Found::default();

    if let Some(exemption) = exempt::held(policy, name.as_deref(), namespace, context) {
        let message = format!("exempt from judgement: {}", exempt::words(exemption));
        found.reasons.push(reason(Effect::Info, ReasonCode::Exempt, message));
        return verdict(policy, None, found, None);
    }
    // None holds, so what fits has run out.
    let fit = |e: &&Exemption| exempt::fits(e, name.as_deref(), namespace, context.user());
    found.reasons.extend(policy.exempt.iter().filter(fit).map(past_exemption));

    let glass = glass::held(policy, namespace, context);
    if let Some(unreadable) = data::unreadable(&assessment.problems) {
        found.reasons.push(unreadable);
        return verdict(policy, None, found, glass);
    }

    let ruling = match standing::ruling(policy, subject.reference.as_ref(), name.as_deref(), namespace) {
        Ruling::OtherRegistry(message) => {
            let mut refused = reason(Effect::Deny, ReasonCode::Refused, message);
            refused.clause = Some("onlyRegistries".into());
            found.reasons.push(refused);
            return verdict(policy, None, found, glass);
        }
        Ruling::NoEntry => None,
        Ruling::Entry(index) => Some(index),
    };
    unknown_namespace(policy, name.as_deref(), namespace, ruling, &mut found.reasons);
    let Some(entry) = ruling.and_then(|i| policy.images.get(i)) else {
        found.reasons.push(no_entry(assessment, policy, name.as_deref(), namespace));
        return verdict(policy, None, found, glass);
    };
    if let Some(words) = &entry.refuse {
        let mut refused =
            reason(Effect::Deny, ReasonCode::Refused, format!("refused by entry `{}`: {words}", entry.name));
        refused.clause = Some(format!("images[{}].refuse", entry.name));
        found.reasons.push(refused);
        return verdict(policy, Some(entry), found, glass);
    }

    let case = Case { assessment, policy, entry, context, name, today };
    let hiding = hide::hide(&case, &mut found);
    if subject.kind == SubjectKind::Image {
        tags::judge(&case, &mut found);
        signatures::judge(&case, &mut found);
        attestations::judge(&case, &mut found);
    }
    vulnerabilities::judge(&case, &hiding, &mut found);
    footprint::judge(&case, &hiding, &mut found);
    data::judge(&case, &mut found);
    found.reasons.extend(rulings(assessment));
    verdict(policy, Some(entry), found, glass)
}

/// Whether anybody could look into the subject: what is in it may be partly known, but not altogether unknown.
pub fn looked_into(assessment: &Assessment) -> bool {
    let Assessment { inventory, problems, .. } = assessment;
    let something = inventory.config.is_some() || !inventory.packages.is_empty() || inventory.distro.is_some();
    let mut doubts = problems.iter().filter(|problem| problem.effect == ProblemEffect::Undecided);
    let unread = |problem: &Problem| matches!(problem.kind, ProblemKind::NotExamined | ProblemKind::UnreadableName);
    if something { !doubts.any(unread) } else { doubts.next().is_none() }
}

/// What is no image and holds none: it is judged by the policy's `workloads`.
fn is_object(kind: SubjectKind) -> bool {
    matches!(kind, SubjectKind::Manifest | SubjectKind::Dockerfile)
}

fn judge_object(assessment: &Assessment, policy: &LoadLine, context: &Context<'_>) -> Verdict {
    let namespace = context.namespace.or(assessment.subject.namespace.as_deref());
    let names = workload::names(assessment);
    let mut found = Found::default();
    if let Some(exemption) = exempt::held_for_object(policy, &names, namespace, context) {
        let message = format!("exempt from judgement: {}", exempt::words(exemption));
        found.reasons.push(reason(Effect::Info, ReasonCode::Exempt, message));
        return verdict(policy, None, found, None);
    }
    let fit = |e: &&Exemption| exempt::fits_object(e, &names, namespace, context.user());
    found.reasons.extend(policy.exempt.iter().filter(fit).map(past_exemption));
    let glass = glass::held(policy, namespace, context);
    let today = day(context.at);
    found.reasons.extend(rulings(assessment));
    workload::judge(&workload::Object { assessment, policy, names: &names, namespace, today }, &mut found);
    verdict(policy, None, found, glass)
}

/// What policies in other languages say of the subject.
fn rulings(assessment: &Assessment) -> impl Iterator<Item = Reason> {
    assessment.rulings.iter().map(|ruling| Reason {
        clause: Some(ruling.clause.clone()),
        ..reason(ruling.effect, ReasonCode::Ruling, ruling.message.clone())
    })
}

fn past_exemption(exemption: &Exemption) -> Reason {
    let words = exempt::words(exemption);
    let message = format!("an exemption for this has run out and does not hold: {words}");
    reason(Effect::Warn, ReasonCode::Expired, message)
}

/// Entries that were passed over because nobody said which namespace this is for.
fn unknown_namespace(
    policy: &LoadLine,
    name: Option<&str>,
    namespace: Option<&str>,
    ruling: Option<usize>,
    reasons: &mut Vec<Reason>,
) {
    let passed: Vec<String> = policy
        .images
        .iter()
        .take(ruling.unwrap_or(policy.images.len()))
        .filter(|entry| entry::fit(entry, name, namespace) == Fit::NamespaceUnknown)
        .map(|entry| entry::placed(&entry.name, &entry.place))
        .collect();
    if !passed.is_empty() {
        let (noun, verb) = if passed.len() == 1 { ("entry", "is") } else { ("entries", "are") };
        reasons.push(reason(
            Effect::Info,
            ReasonCode::Policy,
            format!(
                "{noun} {} {verb} for certain namespaces and {verb} passed over, for no namespace is known: say it with --namespace",
                passed.join(", ")
            ),
        ));
    }
}

fn no_entry(assessment: &Assessment, policy: &LoadLine, name: Option<&str>, namespace: Option<&str>) -> Reason {
    let subject = name.unwrap_or(&assessment.subject.name);
    let mut message = format!("no entry of policy `{}` rules {subject}", policy.name);
    match entry::near(policy, name, namespace, None).first() {
        Some(miss) => {
            message +=
                &format!("; the nearest is {}: {}", entry::placed(&miss.entry.entry, &miss.entry.place), miss.reason);
        }
        None => message += ": it has no entries",
    }
    reason(Effect::Deny, ReasonCode::NoEntry, message)
}

/// What the policy and its documents name and no subject of a run needed: exemptions, waivers and VEX statements, one
/// sentence each. A verdict's own `unused` only speaks of those that are for its subject.
pub fn unused(policy: &LoadLine, context: &Context<'_>, assessments: &[Assessment]) -> Vec<String> {
    let today = day(context.at);
    let mut exemptions = BTreeSet::new();
    let mut waivers = BTreeSet::new();
    let mut statements = BTreeSet::new();
    for assessment in assessments {
        let subject = &assessment.subject;
        let name = subject.reference.as_ref().map(ImageReference::name);
        let namespace = context.namespace.or(subject.namespace.as_deref());
        if is_object(subject.kind) {
            let names = workload::names(assessment);
            let fits = |(_, e): &(usize, &Exemption)| exempt::fits_object(e, &names, namespace, context.user());
            exemptions.extend(policy.exempt.iter().enumerate().filter(fits).map(|(i, _)| i));
            let object = workload::Object { assessment, policy, names: &names, namespace, today };
            waivers.extend(workload::judge(&object, &mut Found::default()));
            continue;
        }
        let fits = |(_, e): &(usize, &Exemption)| exempt::fits(e, name.as_deref(), namespace, context.user());
        exemptions.extend(policy.exempt.iter().enumerate().filter(fits).map(|(i, _)| i));
        let ruling = entry::ruling(policy, name.as_deref(), namespace).and_then(|i| policy.images.get(i));
        let Some(entry) = ruling else { continue };
        let case = Case { assessment, policy, entry, context, name, today };
        let hiding = hide::hide(&case, &mut Found::default());
        waivers.extend(hiding.waivers);
        statements.extend(hiding.statements);
    }
    let idle = |used: &BTreeSet<usize>, count: usize| (0..count).filter(|i| !used.contains(i)).collect::<Vec<_>>();
    let mut out = Vec::new();
    for exemption in idle(&exemptions, policy.exempt.len()).into_iter().filter_map(|i| policy.exempt.get(i)) {
        out.push(format!("an exemption was not needed: {}", exempt::words(exemption)));
    }
    for waiver in idle(&waivers, policy.waivers.len()).into_iter().filter_map(|i| policy.waivers.get(i)) {
        out.push(format!("{} was not needed: remove it, or mend its words", waiver_words(waiver)));
    }
    let idle: Vec<&VexStatement> =
        idle(&statements, context.vex.len()).into_iter().filter_map(|i| context.vex.get(i)).collect();
    vex::idle_words(&idle, "nothing in this run", &mut out);
    out
}

/// The end of every judgement: the strongest reason decides, then the policy's word on "could not tell", its mode and its
/// break-glass say what happens, in this order: the glass is only broken where nothing else lets the image run.
fn verdict(policy: &LoadLine, entry: Option<&ImageEntry>, mut found: Found, glass: Option<glass::Held<'_>>) -> Verdict {
    let strongest = found.reasons.iter().map(|r| r.effect).max().unwrap_or(Effect::Info);
    let outcome = match strongest {
        Effect::Deny => Outcome::Denied,
        Effect::Undecided => Outcome::Undecided,
        Effect::Warn | Effect::Info => Outcome::Allowed,
    };
    let mode = standing::mode(policy, entry);
    let mut effective = outcome;
    // Where nobody looked, the policy's word on what cannot be told is not asked for.
    if outcome == Outcome::Undecided && policy.undecided != WhenUndecided::Deny && !found.unexamined {
        effective = Outcome::Allowed;
        let (effect, word) =
            if policy.undecided == WhenUndecided::Warn { (Effect::Warn, "warn") } else { (Effect::Info, "allow") };
        let message =
            format!("it could not be told, and runs all the same: policy `{}` says `undecided: {word}`", policy.name);
        found.reasons.push(reason(effect, ReasonCode::Policy, message));
    }
    if effective != Outcome::Allowed && mode != Mode::Enforce {
        effective = Outcome::Allowed;
        let (effect, word) = if mode == Mode::Warn { (Effect::Warn, "warn") } else { (Effect::Info, "audit") };
        let whose = match entry.filter(|e| e.mode.is_some()) {
            Some(entry) => format!("entry `{}`", entry.name),
            None => format!("policy `{}`", policy.name),
        };
        let message = format!("{} and runs all the same: {whose} has `mode: {word}`", outcome.word());
        found.reasons.push(reason(effect, ReasonCode::Policy, message));
    }
    if let Some(glass) = glass.filter(|_| effective != Outcome::Allowed) {
        effective = Outcome::Allowed;
        found.reasons.push(glass.reason(outcome, &found.reasons));
    }
    // Within a strength and a code, the policy's own order stays.
    found.reasons.sort_by_key(|r| (std::cmp::Reverse(r.effect), r.code));
    found.hidden.sort_by_key(|h| (h.by, h.r#match, h.finding));
    Verdict {
        outcome,
        mode,
        effective,
        ruled_by: entry.map(entry::clearance),
        reasons: found.reasons,
        hidden: found.hidden,
        unused: found.unused,
    }
}

/// The outcome over several verdicts: the strongest. Nothing judged is nothing known.
pub fn overall<'v>(verdicts: impl IntoIterator<Item = &'v Verdict>) -> Outcome {
    verdicts.into_iter().map(|v| v.effective).max().unwrap_or(Outcome::Undecided)
}

/// The process's exit status: 0 allowed, 1 denied, 2 could not tell.
pub fn exit_code(outcome: Outcome) -> u8 {
    match outcome {
        Outcome::Allowed => 0,
        Outcome::Denied => 1,
        Outcome::Undecided => 2,
    }
}

pub(crate) use hide::waiver_words;
/// `3 packages`, for the parts below.
pub(crate) use units::plural;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_nobody_could_look_into_is_told_from_what_is_empty() {
        let assessment = |inventory: &str, problems: Vec<Problem>| {
            let text = format!(
                "{{\"subject\":{{\"kind\":\"filesystem\",\"name\":\"a\"}},\"inventory\":{inventory},\"matches\":[],\"findings\":[],\
                 \"coverage\":[],\"problems\":[]}}"
            );
            Assessment { problems, ..serde_json::from_str(&text).unwrap() }
        };
        let note = || Problem::note(ProblemKind::BadInput, "a note");
        let doubt = |kind| Problem::undecided(kind, "look");
        let (empty, some) = (r#"{"packages":[]}"#, r#"{"packages":[],"config":{}}"#);
        for (inventory, problems, looked) in [
            (empty, vec![], true),
            (empty, vec![note()], true),
            (empty, vec![doubt(ProblemKind::Unreachable)], false),
            (some, vec![note(), doubt(ProblemKind::BrokenArchive)], true),
            (some, vec![doubt(ProblemKind::NotExamined)], false),
        ] {
            let assessment = assessment(inventory, problems);
            assert_eq!(looked_into(&assessment), looked, "{inventory} {:?}", assessment.problems);
        }
    }
}
