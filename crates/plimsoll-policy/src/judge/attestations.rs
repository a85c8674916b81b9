//! Which attestations an entry asks for, and whose VEX it believes. In: what was found of the image's attestations. Out: a denial
//! for each kind that is asked for and not there, "could not tell" where they were not or not wholly looked at, and the VEX
//! statements of those that hold. What it does not do: verify, or ask Rego.
//!
//! An attestation holds when an authority that the rule names made it, for the digest that the name leads to, of the very type,
//! young enough, and Rego has nothing against it. One that holds is enough, whatever others of its kind say.

use jiff::{SignedDuration, Timestamp};
use plimsoll_model::loadline::{AttestationRule, AttestationUse, ImageEntry};
use plimsoll_model::{
    Digest, Doubt, Effect, Objection, ReasonCode, Refused, SignatureFacts, SignedKind, SubjectKind, Verified,
    VexStatement,
};

use super::signatures::{Facts, facts, image_words, listed, other_digest, refused_words, shown, unread_words};
use super::{Case, Found, day, reason};
use crate::units::duration_words;

/// How far a signer's clock may be ahead of ours.
const SKEW: SignedDuration = SignedDuration::from_mins(5);

pub(super) fn judge(case: &Case<'_>, found: &mut Found) {
    if case.entry.attestations.is_empty() || case.assessment.subject.kind != SubjectKind::Image {
        return;
    }
    let known = facts(case);
    for (number, rule) in case.entry.attestations.iter().enumerate() {
        let mut push = |effect, message| {
            let mut one = reason(effect, ReasonCode::Attestation, message);
            one.clause = case.clause(&format!("attestations[{number}]"));
            found.reasons.push(one);
        };
        match &known {
            Facts::SaidElsewhere => {}
            Facts::Unknown(why) => {
                let (kind, entry) = (&rule.kind, &case.entry.name);
                let verb = if rule.purpose == AttestationUse::Vex { "believes" } else { "asks for" };
                let message = format!(
                    "could not tell what is attested, and entry `{entry}` {verb} attestations of type `{kind}`: {why}"
                );
                push(Effect::Undecided, message);
            }
            Facts::Known(facts, digest) => match rule.purpose {
                AttestationUse::Demand => demanded(case, rule, facts, digest, &mut push),
                AttestationUse::Vex => believed(case, rule, facts, digest, &mut push),
            },
        }
    }
}

/// The statements of VEX attestations that hold.
pub(super) fn vex<'a>(case: &Case<'a>) -> Vec<&'a VexStatement> {
    let rules = || case.entry.attestations.iter().filter(|rule| rule.purpose == AttestationUse::Vex);
    if rules().next().is_none() || case.assessment.subject.kind != SubjectKind::Image {
        return Vec::new();
    }
    // What is not read may say `affected`: whoever may push could hide that behind more than is read.
    let (facts, digest) = match facts(case) {
        Facts::Known(facts, digest) if !facts.partial => (facts, digest),
        _ => return Vec::new(),
    };
    let holds = |one: &&Verified| {
        rules().any(|rule| of_rule(rule, digest, one) && matches!(held(rule, one, case.context.at), Held::Holds(_)))
    };
    facts.verified.iter().filter(holds).flat_map(|one| &one.vex).collect()
}

/// Whether an attestation is of the rule's type, by one of its authorities, and for that digest.
fn of_rule(rule: &AttestationRule, digest: &Digest, one: &Verified) -> bool {
    by_rule(rule, one) && one.digest == *digest
}

fn by_rule(rule: &AttestationRule, one: &Verified) -> bool {
    one.kind == SignedKind::Attestation
        && one.predicate_type.as_ref() == Some(&rule.predicate_type)
        && rule.by.contains(&one.authority)
}

/// The next moment at which something of what is signed no longer counts: an attestation grows older than `maxAge`, or a certificate
/// ends that is judged by the time of verification. None where nothing of it passes. A verdict must not be kept for longer.
pub fn holds_until(facts: &SignatureFacts, entry: &ImageEntry, at: Timestamp) -> Option<Timestamp> {
    // Both count to the full second.
    let after = |begin: Timestamp, seconds: u64| {
        begin.checked_add(SignedDuration::from_secs(i64::try_from(seconds).ok()?.checked_add(1)?)).ok()
    };
    let of = |one: &Verified| {
        let aging = entry.attestations.iter().filter(|rule| by_rule(rule, one)).filter_map(|rule| rule.max_age_seconds);
        let oldest = times(one).min();
        let aged = aging.min().zip(oldest).and_then(|(most, oldest)| after(oldest, most));
        [aged, one.not_after.and_then(|end| after(end, 0))].into_iter().flatten().filter(|end| *end > at).min()
    };
    facts.verified.iter().filter_map(of).min()
}

/// What bounds its age, and where more than one does, in no order.
fn times(one: &Verified) -> impl Iterator<Item = Timestamp> {
    [one.signed_at, one.not_before, one.made_at].into_iter().flatten()
}

/// Whether something that only the signer could have said bounds its age. A log's time or a time stamp does not: whoever may push can
/// have an old one stamped anew.
fn is_dated(one: &Verified) -> bool {
    one.made_at.is_some() || one.not_before.is_some()
}

enum Held<'a> {
    /// It does, with these warnings.
    Holds(Vec<&'a Objection>),
    Fails(String),
    /// Nobody can tell.
    Unknown(String),
}

fn held<'a>(rule: &AttestationRule, one: &'a Verified, at: Timestamp) -> Held<'a> {
    let by = &one.authority;
    if let Some(most) = rule.max_age_seconds {
        let (true, Some(oldest), Some(youngest)) = (is_dated(one), times(one).min(), times(one).max()) else {
            return Held::Fails(format!(
                "nothing shows when the one by `{by}` was made, for a log or a time stamp shows only that it was there by then: \
                 let the predicate say it, or sign with a certificate"
            ));
        };
        if youngest.duration_since(at) > SKEW {
            return Held::Fails(format!(
                "the one by `{by}` says that it was made on {}, which is not yet",
                day(youngest)
            ));
        }
        let age = at.duration_since(oldest).as_secs();
        if u64::try_from(age).is_ok_and(|age| age > most) {
            let (made, most) = (day(oldest), duration_words(most));
            return Held::Fails(format!("the one by `{by}` is of {made}, and `maxAge` is {most}: make a new one"));
        }
    }
    let Some(path) = &rule.rego else { return Held::Holds(Vec::new()) };
    let Some(said) = one.rego.get(path) else {
        return Held::Unknown(format!("{path} was not asked about the one by `{by}`"));
    };
    if let Some(denial) = said.iter().find(|one| one.effect == Effect::Deny) {
        return Held::Fails(format!("{path} says of the one by `{by}`: {}", shown(&denial.message)));
    }
    if let Some(doubt) = said.iter().find(|one| one.effect == Effect::Undecided) {
        return Held::Unknown(format!("{path} could not tell of the one by `{by}`: {}", shown(&doubt.message)));
    }
    Held::Holds(said.iter().filter(|one| one.effect == Effect::Warn).collect())
}

fn demanded(
    case: &Case<'_>,
    rule: &AttestationRule,
    facts: &SignatureFacts,
    digest: &Digest,
    push: &mut impl FnMut(Effect, String),
) {
    let mut doubt = doubt(rule, facts);
    let mut failure = None;
    let mut best: Option<(&Verified, Vec<&Objection>)> = None;
    for one in facts.verified.iter().filter(|one| of_rule(rule, digest, one)) {
        match held(rule, one, case.context.at) {
            Held::Holds(warnings) => {
                if best.as_ref().is_none_or(|(_, least)| warnings.len() < least.len()) {
                    best = Some((one, warnings));
                }
            }
            Held::Fails(why) => failure = failure.or(Some(why)),
            Held::Unknown(why) => doubt = Some(why),
        }
    }
    let (what, entry, kind) = (image_words(case), &case.entry.name, &rule.kind);
    if let Some((one, warnings)) = best {
        for warning in warnings {
            push(Effect::Warn, format!("of its attestation of type `{kind}`: {}", shown(&warning.message)));
        }
        push(Effect::Info, format!("an attestation of type `{kind}` by `{}` holds", one.authority));
        return;
    }
    let near = failure.or_else(|| nearest(case, rule, facts, digest));
    let whom = listed(&rule.by);
    if let Some(doubt) = doubt {
        let near = near.map_or_else(String::new, |near| format!("; of what could be read, {near}"));
        push(
            Effect::Undecided,
            format!(
                "could not tell whether {what} has an attestation of type `{kind}` by {whom}, as entry `{entry}` asks: {doubt}{near}"
            ),
        );
        return;
    }
    let near = near.unwrap_or_else(|| "there is none".to_owned());
    let unread = unread_words(facts, &near);
    push(
        Effect::Deny,
        format!(
            "{what} has no attestation of type `{kind}` by {whom} that holds, as entry `{entry}` asks: {near}{unread}"
        ),
    );
}

/// What could not be told, where it may have been an attestation by one of the rule's authorities.
fn doubt(rule: &AttestationRule, facts: &SignatureFacts) -> Option<String> {
    let concerns = |one: &&Doubt| rule.by.iter().any(|name| one.concerns(name));
    facts.problems.iter().find(concerns).map(|one| shown(&one.problem.to_string()))
}

fn believed(
    case: &Case<'_>,
    rule: &AttestationRule,
    facts: &SignatureFacts,
    digest: &Digest,
    push: &mut impl FnMut(Effect, String),
) {
    let kind = &rule.kind;
    if let Some(why) = doubt(rule, facts) {
        let what = image_words(case);
        push(Effect::Undecided, format!("could not tell what attestations of type `{kind}` say of {what}: {why}"));
    }
    if facts.partial {
        let why = "not all that is there is read, and the rest may say otherwise";
        let unread = unread_words(facts, "");
        push(Effect::Info, format!("no attestation of type `{kind}` is believed: {why}{unread}"));
        return;
    }
    for one in facts.verified.iter().filter(|one| of_rule(rule, digest, one)) {
        let by = &one.authority;
        match held(rule, one, case.context.at) {
            Held::Holds(_) => {
                let why = one.vex_problems.first().map(|problem| {
                    let more = match one.vex_problems.len() - 1 {
                        0 => String::new(),
                        more => format!(" and {more} more"),
                    };
                    format!(": could not {}{more}", shown(&problem.message))
                });
                if one.vex.is_empty() {
                    let why = why.unwrap_or_default();
                    push(
                        Effect::Info,
                        format!("the attestation of type `{kind}` by `{by}` says nothing that is VEX{why}"),
                    );
                } else if let Some(why) = why {
                    push(
                        Effect::Info,
                        format!("not all of the attestation of type `{kind}` by `{by}` can be used{why}"),
                    );
                }
            }
            Held::Fails(why) => push(Effect::Info, format!("an attestation of type `{kind}` is not believed: {why}")),
            Held::Unknown(why) => push(Effect::Undecided, format!("could not tell whether to believe its VEX: {why}")),
        }
    }
    let of_type = |one: &&Refused| one.predicate_type.as_ref() == Some(&rule.predicate_type);
    if let Some(one) = facts.refused.iter().find(of_type) {
        push(Effect::Info, format!("an attestation of type `{kind}` is not believed: {}", refused_words(one)));
    }
}

/// What comes nearest to an attestation of the rule, in words.
fn nearest(case: &Case<'_>, rule: &AttestationRule, facts: &SignatureFacts, digest: &Digest) -> Option<String> {
    let attested = || facts.verified.iter().filter(|one| one.kind == SignedKind::Attestation);
    let of_type = |kind: &Option<String>| kind.as_ref() == Some(&rule.predicate_type);
    if let Some(one) = attested().find(|one| by_rule(rule, one) && one.digest != *digest) {
        return Some(other_digest(case, digest, one));
    }
    if let Some(one) = attested().find(|one| of_type(&one.predicate_type)) {
        return Some(format!("there is one by `{}`", one.authority));
    }
    if let Some(one) = facts.refused.iter().find(|one| of_type(&one.predicate_type)) {
        return Some(refused_words(one));
    }
    if let Some(one) = attested().find(|one| rule.by.contains(&one.authority)) {
        let other = one.predicate_type.as_deref().unwrap_or("unknown");
        return Some(format!("`{}` attests to another type, {}", one.authority, shown(other)));
    }
    if let Some(one) = facts.refused.iter().find(|one| one.kind == SignedKind::Attestation) {
        return Some(refused_words(one));
    }
    let signed = facts.verified.iter().find(|one| one.kind == SignedKind::Signature);
    signed.map(|one| format!("a signature by `{}` is there, and no attestation", one.authority))
}
