//! Whose signatures an entry asks for. In: what was found of the image's signatures. Out: a denial for each that is asked for and
//! not there, "could not tell" where they were not or not wholly looked at, and who signed. What it does not do: verify.
//!
//! A doubt counts for whom it concerns: where those whose signature it may have been would not be enough, it is a plain no.
//!
//! What counts is a signature of the digest that the name leads to: of the index where it leads to one, of the manifest where it
//! names that. An index answers for its manifests, for it holds their digests; a manifest says nothing of an index that holds it,
//! for that may hold others; and whoever names a manifest has not asked an index.

use std::collections::{BTreeMap, BTreeSet};

use plimsoll_model::loadline::SignatureRules;
use plimsoll_model::{Digest, Effect, ReasonCode, Refused, SignatureFacts, SignedKind, SubjectKind, Verified};

use super::{Case, Found, looked_into, reason};

/// What a message shows of words that others chose, in characters.
const MAX_SHOWN: usize = 300;
/// Authorities that one message names.
const MAX_NAMED: usize = 5;

pub(super) fn judge(case: &Case<'_>, found: &mut Found) {
    let rules = &case.entry.signatures;
    if rules.is_empty() || case.assessment.subject.kind != SubjectKind::Image {
        return;
    }
    let (facts, digest) = match facts(case) {
        Facts::Known(facts, digest) => (facts, digest),
        Facts::Unknown(why) => {
            let message = format!("could not tell who signed it, and entry `{}` asks for that: {why}", case.entry.name);
            return push(case, Effect::Undecided, "signatures", message, found);
        }
        Facts::SaidElsewhere => return,
    };
    let signers = |name: &String| signers(facts, digest, name, rules);
    let signed = |name: &String| !signers(name).is_empty();
    // Those under `all` come first, for each of them must have a signer of its own.
    let mut counted = Counted::default();
    // The same, were all that is in doubt true.
    let mut hoped = Counted::default();
    let mut count = |name| {
        let known: BTreeSet<_> = signers(name).into_iter().map(Who::Known).collect();
        let doubted = facts.problems.iter().any(|one| one.concerns(name)).then_some(Who::Doubted(name));
        (counted.add(known.clone()), hoped.add(known.into_iter().chain(doubted).collect()))
    };
    for name in &rules.all {
        if let (false, is_open) = count(name) {
            let missing = Missing {
                clause: "signatures.all",
                whom: &format!("`{name}`"),
                names: std::slice::from_ref(name),
                is_open,
            };
            missing.push(case, facts, digest, found);
        }
    }
    let least = rules.minimum.unwrap_or(1) as usize;
    let of_any: Vec<(&String, bool, bool)> =
        rules.any.iter().map(|name| (name, count(name))).map(|(name, (is, may))| (name, is, may)).collect();
    let there = of_any.iter().filter(|(_, is, _)| *is).count();
    if !rules.any.is_empty() && there < least {
        let unsigned: Vec<String> = of_any.iter().filter(|(_, is, _)| !is).map(|(name, ..)| (*name).clone()).collect();
        let whom = match (least, rules.any.as_slice()) {
            (1, [one]) => format!("`{one}`"),
            (1, _) => format!("any of {}", listed(&rules.any)),
            _ => format!("{least} of {} ({there} did)", listed(&rules.any)),
        };
        let is_open = of_any.iter().filter(|(.., may)| *may).count() >= least;
        let missing = Missing { clause: "signatures.any", whom: &whom, names: &unsigned, is_open };
        missing.push(case, facts, digest, found);
    }
    let by: Vec<String> = rules.all.iter().chain(&rules.any).filter(|name| signed(name)).cloned().collect();
    if !by.is_empty() {
        let pinned = case.assessment.subject.reference.as_ref().is_some_and(|reference| reference.digest().is_some());
        let tag =
            if pinned { "" } else { ", to which its tag led: what runs is that where the digest is named or pinned" };
        push(case, Effect::Info, "signatures", format!("signed by {}: {digest}{tag}", listed(&by)), found);
    }
}

/// What is known of an image's signatures.
pub(super) enum Facts<'a> {
    /// And the digest that they must be of.
    Known(&'a SignatureFacts, &'a Digest),
    /// Why nobody can tell.
    Unknown(String),
    /// Nobody could look into the image at all, and the verdict says so.
    SaidElsewhere,
}

pub(super) fn facts<'a>(case: &Case<'a>) -> Facts<'a> {
    let subject = &case.assessment.subject;
    let Some(facts) = &case.assessment.signatures else {
        if !looked_into(case.assessment) {
            return Facts::SaidElsewhere;
        }
        return Facts::Unknown("nobody looked for it; signatures are looked for in the image's registry".into());
    };
    if facts.policy != case.policy.digest {
        return Facts::Unknown("it was looked for under another policy, whose authorities may be others".into());
    }
    match subject.signed_digest() {
        Ok(digest) => Facts::Known(facts, digest),
        Err(why) => Facts::Unknown(why),
    }
}

/// Who signed that digest as that authority, with the annotations that are asked for: keys, or identities of certificates.
fn signers<'a>(facts: &'a SignatureFacts, digest: &Digest, name: &str, rules: &SignatureRules) -> BTreeSet<&'a str> {
    let counts = |one: &&Verified| {
        one.kind == SignedKind::Signature && one.authority == name && one.digest == *digest && annotated(one, rules)
    };
    facts.verified.iter().filter(counts).map(|one| one.signer.as_str()).collect()
}

/// Somebody who signed, or may have.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Who<'a> {
    Known(&'a str),
    /// Whoever it is that may have signed as that authority: for all that is known, nobody else.
    Doubted(&'a str),
}

/// Authorities, each with a signer who counts for no other: an identity may fit two of them, and whoever asks for two asks for two who
/// signed. A matching in a bipartite graph, along paths that augment it (Kuhn): an authority that has a signer keeps having one, though
/// it may be another, so that as many are counted as can be.
#[derive(Default)]
struct Counted<'a> {
    authorities: Vec<BTreeSet<Who<'a>>>,
    /// By signer, the place in `authorities` that it counts for.
    taken: BTreeMap<Who<'a>, usize>,
}

impl<'a> Counted<'a> {
    /// Whether a signer is left for one more authority.
    fn add(&mut self, signers: BTreeSet<Who<'a>>) -> bool {
        self.authorities.push(signers);
        self.find(self.authorities.len() - 1, &mut BTreeSet::new())
    }

    /// As deep as there are authorities, which the policy names.
    fn find(&mut self, authority: usize, tried: &mut BTreeSet<Who<'a>>) -> bool {
        for signer in self.authorities[authority].clone() {
            if !tried.insert(signer) {
                continue;
            }
            let free = match self.taken.get(&signer).copied() {
                None => true,
                Some(other) => self.find(other, tried),
            };
            if free {
                self.taken.insert(signer, authority);
                return true;
            }
        }
        false
    }
}

fn annotated(one: &Verified, rules: &SignatureRules) -> bool {
    rules.annotations.iter().all(|(key, value)| one.annotations.get(key) == Some(value))
}

/// Signatures that are not there.
struct Missing<'a> {
    clause: &'a str,
    /// By whom, in words.
    whom: &'a str,
    /// The authorities that have not signed.
    names: &'a [String],
    /// Whether what is in doubt would be enough.
    is_open: bool,
}

impl Missing<'_> {
    /// The reason for it.
    fn push(&self, case: &Case<'_>, facts: &SignatureFacts, digest: &Digest, found: &mut Found) {
        let (what, whom, entry) = (image_words(case), self.whom, &case.entry.name);
        let near = nearest(case, facts, digest, self.names);
        let doubt = || facts.problems.iter().find(|one| self.names.iter().any(|name| one.concerns(name)));
        if self.is_open {
            // Where another's signer would have to do, the doubt is the other's.
            let why =
                doubt().or(facts.problems.first()).map_or_else(String::new, |one| shown(&one.problem.to_string()));
            let near = near.map_or_else(String::new, |near| format!("; of what could be read, {near}"));
            let message =
                format!("could not tell whether {what} is signed by {whom}, as entry `{entry}` asks: {why}{near}");
            return push(case, Effect::Undecided, self.clause, message, found);
        }
        let near = near.unwrap_or_else(|| format!("there is no signature of {digest}"));
        let unread = unread_words(facts, &near);
        let message = format!("{what} is not signed by {whom}, as entry `{entry}` asks: {near}{unread}");
        push(case, Effect::Deny, self.clause, message, found);
    }
}

/// What is there and counts for nobody, whoever is asked for, unless it was said: it is no doubt, for anybody may have put it there.
pub(super) fn unread_words(facts: &SignatureFacts, said: &str) -> String {
    let of_nobody = facts.refused.iter().filter(|one| one.authority.is_none()).map(refused_words);
    let mut unsaid = of_nobody.filter(|words| !said.contains(words.as_str()));
    let Some(first) = unsaid.next() else { return String::new() };
    let more = match unsaid.count() {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    format!("; of what else is there, this counts for nobody: {first}{more}")
}

/// What comes nearest to a signature by one of `names`, in words.
fn nearest(case: &Case<'_>, facts: &SignatureFacts, digest: &Digest, names: &[String]) -> Option<String> {
    let rules = &case.entry.signatures;
    let theirs = || facts.verified.iter().filter(|one| names.contains(&one.authority));
    let signatures = |one: &&Verified| one.kind == SignedKind::Signature;
    if let Some(one) = theirs().filter(signatures).find(|one| one.digest == *digest) {
        let lacks = rules.annotations.iter().find(|(key, value)| one.annotations.get(*key) != Some(value));
        let Some((key, value)) = lacks else {
            return Some(format!(
                "{} signed it as `{}`, and counts for another authority already: one signer counts once",
                shown(&one.signer),
                one.authority
            ));
        };
        let has = match one.annotations.get(key) {
            Some(other) => format!("`{key}` is `{}` there", shown(other)),
            None => format!("`{key}` is not there"),
        };
        return Some(format!(
            "`{}` signed it without the annotation `{key}: {value}`, which is asked for: {has}",
            one.authority
        ));
    }
    if let Some(one) = theirs().filter(signatures).find(|one| one.digest != *digest) {
        return Some(other_digest(case, digest, one));
    }
    if let Some(one) = theirs().find(|one| one.kind == SignedKind::Attestation) {
        let kind = one.predicate_type.as_deref().unwrap_or("unknown");
        let (by, kind) = (&one.authority, shown(kind));
        return Some(format!("an attestation of type {kind} by `{by}` is there, and no signature"));
    }
    let refused = |held: fn(&Refused, &[String]) -> bool| {
        let mut of_kind = facts.refused.iter().filter(|one| one.kind == SignedKind::Signature);
        of_kind.find(|one| held(one, names)).map(refused_words)
    };
    let other = || facts.verified.iter().find(|one| signatures(one) && one.digest == *digest);
    let attested = || facts.refused.iter().find(|one| one.kind == SignedKind::Attestation);
    refused(|one, names| one.authority.as_ref().is_some_and(|name| names.contains(name)))
        .or_else(|| refused(|_, _| true))
        .or_else(|| other().map(|one| format!("it is signed by `{}`", one.authority)))
        .or_else(|| {
            let any = facts.verified.iter().any(|one| one.kind == SignedKind::Attestation);
            let word = "an attestation is there, and no signature";
            attested().map(|one| format!("{word} ({})", refused_words(one))).or(any.then(|| word.to_owned()))
        })
}

/// What was signed is not what the name leads to.
pub(super) fn other_digest(case: &Case<'_>, digest: &Digest, one: &Verified) -> String {
    let subject = &case.assessment.subject;
    let (by, signed) = (&one.authority, &one.digest);
    if subject.index_digest.as_ref() == Some(digest) && subject.digest.as_ref() == Some(signed) {
        return format!(
            "`{by}` signed the manifest {signed} alone, and the name leads to the index {digest}, which may hold others: sign \
             the index, or name the manifest's digest"
        );
    }
    format!("`{by}` signed {signed}, and the name leads to {digest}")
}

/// A refusal in words: what is wrong, with its code.
pub(super) fn refused_words(one: &Refused) -> String {
    let whom = one.authority.as_ref().map_or_else(String::new, |name| format!("held against `{name}`: "));
    format!("{whom}{} ({})", shown(&one.message), shown(&one.code))
}

/// The image as the subject of a sentence.
pub(super) fn image_words(case: &Case<'_>) -> String {
    case.name.clone().unwrap_or_else(|| shown(&case.assessment.subject.name))
}

/// `` `a`, `b` ``, with a bound.
pub(super) fn listed(names: &[String]) -> String {
    let mut words = names.iter().take(MAX_NAMED).map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ");
    if let more @ 1.. = names.len().saturating_sub(MAX_NAMED) {
        words += &format!(" and {more} more");
    }
    words
}

/// Words that others chose, on one line and within a bound.
pub(super) fn shown(text: &str) -> String {
    let plain = text.chars().map(|c| if c.is_control() { '\u{fffd}' } else { c });
    let mut words: String = plain.take(MAX_SHOWN).collect();
    if text.chars().nth(MAX_SHOWN).is_some() {
        words.push('…');
    }
    words
}

fn push(case: &Case<'_>, effect: Effect, clause: &str, message: String, found: &mut Found) {
    let mut one = reason(effect, ReasonCode::Signature, message);
    one.clause = case.clause(clause);
    found.reasons.push(one);
}
