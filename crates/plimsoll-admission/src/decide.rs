//! Verdicts to an answer. In: the review, one verdict an image, one on the object where the policy asks for it, and what
//! they rest on. Out: whether it may run, with words for the user, for warnings and for the audit log. What it does not do:
//! weigh reasons; `effective` is the verdict's own word, and an image that has no verdict is one that nobody can tell.

use std::borrow::Cow;
use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, HashSet};

use plimsoll_model::loadline::Mode;
use plimsoll_model::{Effect, Outcome, Reason, ReasonCode, Verdict};

use crate::answer::{About, Answer, Asked, Decision};
use crate::review::{Envelope, NamedImage, Review};
use crate::words;

/// Bytes of the message. kubectl prints it as one line, and an event keeps the first 1,024.
const MAX_MESSAGE: usize = 2048;
/// Reasons shown for one image; the report has the rest.
const MAX_REASONS: usize = 3;
/// Characters of one reason.
const MAX_REASON: usize = 300;
/// Containers named for one image.
const MAX_CONTAINERS: usize = 3;
/// Warnings of one answer.
const MAX_WARNINGS: usize = 16;
/// Characters of one warning, and of all: past the second the API server cuts each to the first.
const MAX_WARNING: usize = 256;
const MAX_ALL_WARNINGS: usize = 4096;
/// Bytes of one audit annotation: the log holds one line a request.
const MAX_AUDIT: usize = 2048;
/// Room for `; and 256 more warnings`.
const ROOM: usize = 32;

/// Decides a review: allowed when every verdict's `effective` is. A mutating review may leave out images that it does not
/// ask about, because the validating one asks about each; any other is not allowed to.
pub fn decide(review: &Review, decisions: &[Decision<'_>], about: &About<'_>) -> Answer {
    let judged: HashSet<&str> = images(decisions).map(|(image, _)| image.image.as_str()).collect();
    let unjudged: Vec<&NamedImage> = match review.envelope.mutating() {
        true => Vec::new(),
        false => review.images.iter().filter(|image| !judged.contains(image.image.as_str())).collect(),
    };
    let mut refused: Vec<&Decision<'_>> =
        decisions.iter().filter(|d| d.verdict.effective != Outcome::Allowed).collect();
    // Within one outcome the pod's own order stays.
    refused.sort_by_key(|d| Reverse(d.verdict.effective));
    let outcome = match refused.first() {
        Some(first) => first.verdict.effective,
        None if !unjudged.is_empty() => Outcome::Undecided,
        None => Outcome::Allowed,
    };
    let allowed = outcome == Outcome::Allowed;

    let clauses = refused
        .iter()
        .map(|d| clause(review, d, d.verdict.effective))
        .chain(unjudged.iter().map(|image| format!("{}: could not tell: it was not judged", subject(image))));
    let noun = if refused.iter().any(|d| matches!(d.on, Asked::Object)) { "verdict" } else { "image" };
    let message = joined(clauses, refused.len() + unjudged.len(), noun, MAX_MESSAGE);
    let warnings = warnings(review, decisions);
    let mut audit = audit(review, decisions, about, outcome);
    if matches!(review.envelope, Envelope::ImageReview) && !warnings.is_empty() {
        // The protocol of image reviews has no other place for them.
        audit.insert("warnings".into(), joined(warnings.iter().cloned(), warnings.len(), "warning", MAX_AUDIT));
    }
    Answer { allowed, code: if allowed { 200 } else { 403 }, message, warnings, audit, patch: None }
}

/// The images among what was judged.
fn images<'d>(decisions: &'d [Decision<'d>]) -> impl Iterator<Item = (&'d NamedImage, &'d Decision<'d>)> {
    decisions.iter().filter_map(|decision| match decision.on {
        Asked::Image(image) => Some((image, decision)),
        Asked::Object => None,
    })
}

/// `Deployment.apps "web"`.
fn object(review: &Review) -> String {
    let resource = if review.resource.is_empty() { "object" } else { &review.resource };
    match &review.name {
        Some(name) => format!("{} \"{}\"", words::name(resource), words::name(name)),
        None => words::name(resource).to_string(),
    }
}

/// `container "web" image nginx:latest`; in an image review, where containers have no names, `image nginx:latest`.
fn subject(image: &NamedImage) -> String {
    let mut out = String::new();
    let named = || image.containers.iter().filter(|c| !c.pointer.is_empty());
    let count = named().count();
    for (i, container) in named().take(MAX_CONTAINERS).enumerate() {
        if i > 0 {
            out.push_str(if i + 1 == count { " and " } else { ", " });
        }
        out.push_str(container.kind.word());
        out.push_str(" \"");
        out.push_str(&words::name(&container.name));
        out.push('"');
    }
    if count > MAX_CONTAINERS {
        out.push_str(&format!(" and {} more", count - MAX_CONTAINERS));
    }
    if count > 0 {
        out.push(' ');
    }
    out.push_str("image ");
    out.push_str(&words::image(&image.image));
    out
}

/// The reasons that stand against an image, strongest first.
fn against(verdict: &Verdict) -> impl Iterator<Item = &Reason> {
    let of = |effect: Effect| verdict.reasons.iter().filter(move |r| r.effect == effect);
    of(Effect::Deny).chain(of(Effect::Undecided))
}

/// What is said of one image (its containers and its text) or of the object: what came of it, and why.
fn clause(review: &Review, decision: &Decision<'_>, outcome: Outcome) -> String {
    let of = match decision.on {
        Asked::Image(image) => subject(image),
        Asked::Object => object(review),
    };
    let mut out = format!("{of}: {}: ", outcome.word());
    let count = against(decision.verdict).count();
    for (i, reason) in against(decision.verdict).take(MAX_REASONS).enumerate() {
        if i > 0 {
            out.push_str(", and ");
        }
        out.push_str(&words::sentence(&said(reason), MAX_REASON));
    }
    if count == 0 {
        out.push_str("no reason is given");
    }
    if count > MAX_REASONS {
        out.push_str(&format!(", and {}", words::more(count - MAX_REASONS, "reason")));
    }
    if let Some(seconds) = decision.retry_after {
        out.push_str(&format!(" (try again in {seconds} s)"));
    }
    out
}

/// A reason's words; those of a policy in another language behind its name, as Gatekeeper's webhook has it.
fn said(reason: &Reason) -> Cow<'_, str> {
    match by(reason) {
        Some(name) => Cow::Owned(format!("[{name}] {}", reason.message)),
        None => Cow::Borrowed(&reason.message),
    }
}

/// The name of the policy in another language that gives a reason: of `policies[0]: K8sRequiredLabels/owner` the constraint's,
/// of `policies[1]: replicas/everywhere` the policy's and its binding's, of `policies[2]: data.kubernetes.admission.deny` all. Kinds are
/// written with capitals, which names that the API server gives out never have. None where the words name it already, as the API
/// server's own do.
fn by(reason: &Reason) -> Option<&str> {
    let clause = reason.clause.as_deref().filter(|_| reason.code == ReasonCode::Ruling)?;
    let (_, name) = clause.split_once(": ")?;
    match name.split_once('/') {
        Some((kind, constraint)) if kind.contains(|c: char| c.is_ascii_uppercase()) => Some(constraint),
        Some((policy, _)) if reason.message.contains(&format!("'{policy}'")) => None,
        _ => Some(name),
    }
}

/// Clauses, as many as fit, and how many do not.
fn joined(clauses: impl Iterator<Item = String>, count: usize, noun: &str, most: usize) -> String {
    let mut out = String::new();
    for (i, mut clause) in clauses.enumerate() {
        if i == 0 {
            words::bytes(&mut clause, most - ROOM);
        } else if out.len() + 2 + clause.len() > most - ROOM {
            out.push_str(&format!("; and {}", words::more(count - i, noun)));
            break;
        } else {
            out.push_str("; ");
        }
        out.push_str(&clause);
    }
    out
}

/// Whether the verdict let run what it would refuse.
fn softened(verdict: &Verdict) -> bool {
    verdict.effective == Outcome::Allowed && verdict.outcome != Outcome::Allowed
}

/// Whether the user is to hear of it. For what could not be told the policy has a word of its own: its `warn` is a
/// reason of that strength, its `allow` is not.
fn heard(verdict: &Verdict) -> bool {
    let warned = |r: &Reason| r.effect == Effect::Warn && r.code == ReasonCode::Policy;
    softened(verdict)
        && (verdict.outcome == Outcome::Denied && verdict.mode == Mode::Warn || verdict.reasons.iter().any(warned))
}

/// What the user is warned of: first what would have been refused, then the warnings proper. Under audit nobody is.
fn warnings(review: &Review, decisions: &[Decision<'_>]) -> Vec<String> {
    let loud = || decisions.iter().filter(|d| d.verdict.mode != Mode::Audit);
    let mut seen = BTreeSet::new();
    let mut out: Vec<String> = Vec::new();
    let mut size = 0;
    let mut left = 0;
    let mut add = |decision: &Decision<'_>, would: &str, reason: &Reason| {
        let text = format!("{}: {would}{}", briefly(review, decision), said(reason));
        let text = words::sentence(&text, MAX_WARNING);
        let length = text.chars().count();
        if !seen.insert(text.clone()) {
            return;
        }
        // One place is kept for the line that counts the rest.
        if left > 0 || out.len() + 1 >= MAX_WARNINGS || size + length + ROOM > MAX_ALL_WARNINGS {
            left += 1;
            return;
        }
        size += length;
        out.push(text);
    };
    for decision in loud().filter(|d| heard(d.verdict)) {
        for reason in against(decision.verdict) {
            let would = if reason.effect == Effect::Deny { "would be denied: " } else { "could not tell: " };
            add(decision, would, reason);
        }
    }
    for decision in loud() {
        for reason in decision.verdict.reasons.iter().filter(|r| r.effect == Effect::Warn) {
            add(decision, "", reason);
        }
    }
    if left > 0 {
        out.push(format!("and {}", words::more(left, "warning")));
    }
    out
}

/// The annotations of the audit log. Each key is there only when it has something to say.
fn audit(review: &Review, decisions: &[Decision<'_>], about: &About<'_>, outcome: Outcome) -> BTreeMap<String, String> {
    let mut out = BTreeMap::new();
    let mut put = |key: &str, value: String| {
        if !value.is_empty() {
            let mut value = plimsoll_model::text::safe(&value).into_owned();
            words::bytes(&mut value, MAX_AUDIT);
            out.insert(key.to_owned(), value);
        }
    };
    let word = match outcome {
        Outcome::Allowed => "allowed",
        Outcome::Undecided => "undecided",
        Outcome::Denied => "denied",
    };
    put("outcome", word.into());
    put("verdict", about.verdict_digest.clone());
    put("policy", format!("{}@{}", about.policy, about.policy_digest));
    put("databases", about.databases.into());
    if review.unchanged > 0 {
        put("unchanged", review.unchanged.to_string());
    }
    let named = images(decisions).map(|(image, d)| {
        let image = words::image(&image.image);
        d.digest.map_or(image.clone(), |digest| format!("{image}={digest}"))
    });
    put("images", joined(named, images(decisions).count(), "image", MAX_AUDIT));
    for (key, code) in [("break-glass", ReasonCode::BreakGlass), ("exempt", ReasonCode::Exempt)] {
        // One annotation lets in all images of a pod; it is said once.
        let said: BTreeSet<&str> = decisions
            .iter()
            .flat_map(|d| &d.verdict.reasons)
            .filter(|r| r.code == code)
            .map(|r| r.message.as_str())
            .collect();
        put(key, said.into_iter().collect::<Vec<_>>().join("; "));
    }
    for (key, outcome) in [("denied", Outcome::Denied), ("undecided", Outcome::Undecided)] {
        let let_in: Vec<_> = decisions.iter().filter(|d| softened(d.verdict) && d.verdict.outcome == outcome).collect();
        put(key, joined(let_in.iter().map(|d| clause(review, d, outcome)), let_in.len(), "verdict", MAX_AUDIT));
    }
    let reasons = || decisions.iter().flat_map(|d| &d.verdict.reasons).filter(|r| r.code == ReasonCode::Ruling);
    let policies: BTreeSet<&str> = reasons().filter_map(|reason| reason.clause.as_deref()).collect();
    put("policies", joined(policies.iter().map(|&clause| clause.to_owned()), policies.len(), "clause", MAX_AUDIT));
    let remarks = remarks(review, decisions);
    put("remarks", joined(remarks.iter().cloned(), remarks.len(), "remark", MAX_AUDIT));
    out
}

/// What policies in other languages say without weight: constraints that run dry, bindings that audit, sets whose mode is `audit`.
/// Each once, though several images may be under one rule.
fn remarks(review: &Review, decisions: &[Decision<'_>]) -> Vec<String> {
    let mut seen = BTreeSet::new();
    let mut out = Vec::new();
    for decision in decisions {
        let light = |r: &&Reason| r.code == ReasonCode::Ruling && r.effect == Effect::Info;
        for reason in decision.verdict.reasons.iter().filter(light) {
            let text = words::sentence(&format!("{}: {}", briefly(review, decision), said(reason)), MAX_REASON);
            if seen.insert(text.clone()) {
                out.push(text);
            }
        }
    }
    out
}

/// What a decision is on, in few letters.
fn briefly(review: &Review, decision: &Decision<'_>) -> String {
    match decision.on {
        Asked::Image(image) => format!("image {}", words::short_image(&image.image)),
        Asked::Object => object(review),
    }
}
