//! The signatures and attestations that a policy's entry asks for. In: a session, sources, an image's name and digests, the entry. Out:
//! what was verified by which of the policy's authorities, what was refused and why, and what could not be had. What it does not do:
//! judge, which the LoadLine's crate does.

mod authorities;
mod hold;
mod predicate;
mod registry;

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use plimsoll_model::loadline::{AttestationUse, ImageEntry};
use plimsoll_model::{
    Assessment, Digest, ImageReference, Objection, Problem, ProblemKind, SignatureFacts, SignedKind, Subject,
    SubjectKind, Verified,
};
use plimsoll_sources::Sources;
use plimsoll_trust::Statement;
use sha2::{Digest as _, Sha256};

pub use authorities::Authorities;

use crate::session::Session;
use hold::{Held, hold};
use registry::listed;

/// Refusals that are kept of one image: the nearest is told, and somebody may have put a thousand there.
const MAX_REFUSED: usize = 64;
/// Different statements of one image that Rego is asked about: a daily report that is kept for most of a year, and each question may
/// take its time.
const MAX_ASKED: usize = 256;
/// How long all that is signed of one image may take to be read, however many parts it has: a registry that trickles must not hold a
/// turn for the sum of what each may take.
const MAX_TIME: Duration = Duration::from_secs(300);

/// The entry that asks for signatures or attestations of the image of that name, in that namespace, if one does.
pub fn asking<'s>(
    session: &'s Session,
    reference: Option<&ImageReference>,
    namespace: Option<&str>,
) -> Option<&'s ImageEntry> {
    let context = plimsoll_policy::Context { namespace, ..crate::assess::context(session) };
    plimsoll_policy::ruled_by(reference, &session.policy, &context).filter(|entry| entry.asks_for_signatures())
}

/// Looks for what the policy asks of an assessed image, in the repository that it was fetched from as `fetched`. Must not be called
/// from a task of a server.
pub fn look(session: &Session, sources: &Sources, fetched: &ImageReference, assessment: &mut Assessment) {
    let subject = &assessment.subject;
    let namespace = session.namespace.as_deref().or(subject.namespace.as_deref());
    if subject.kind == SubjectKind::Image
        && let Some(entry) = asking(session, subject.reference.as_ref(), namespace)
    {
        assessment.signatures = Some(facts(session, sources, fetched, subject, entry));
    }
}

/// What is there for the digest that the name leads to, held against the entry's authorities. Must not be called from a task of a
/// server.
pub fn facts(
    session: &Session,
    sources: &Sources,
    fetched: &ImageReference,
    subject: &Subject,
    entry: &ImageEntry,
) -> SignatureFacts {
    let mut facts = SignatureFacts { policy: session.policy.digest.clone(), ..SignatureFacts::default() };
    let digest = match subject.signed_digest() {
        Ok(digest) => digest,
        Err(why) => {
            facts
                .problems
                .push(Problem::undecided(ProblemKind::NotExamined, format!("look for what is signed: {why}")));
            return facts;
        }
    };
    let until = Instant::now() + MAX_TIME;
    let mut asked = Asked::default();
    let sources = (sources, until);
    found(session, sources, fetched, digest, entry, (&mut facts, &mut asked));
    // For the words of a denial: a manifest that is signed alone is no signed index.
    let manifest = subject.digest.as_ref().filter(|manifest| *manifest != digest);
    if let Some(manifest) = manifest.filter(|_| facts.verified.is_empty() && facts.problems.is_empty()) {
        let mut below = SignatureFacts::default();
        found(session, sources, fetched, manifest, entry, (&mut below, &mut asked));
        facts.verified.extend(below.verified);
    }
    facts
}

fn found(
    session: &Session,
    (sources, until): (&Sources, Instant),
    fetched: &ImageReference,
    digest: &Digest,
    entry: &ImageEntry,
    (facts, asked): (&mut SignatureFacts, &mut Asked),
) {
    let authorities = session.authorities.named(entry.authorities());
    let listed = listed(sources, fetched, digest, !entry.attestations.is_empty(), until);
    facts.problems.extend(listed.problems);
    for item in &listed.items {
        let outcome = hold(item, &authorities, digest, session.at);
        let room = MAX_REFUSED.saturating_sub(facts.refused.len());
        // Of what is one authority's nobody asks why it is not another's.
        if outcome.held.is_empty() {
            facts.refused.extend(outcome.refused.into_iter().take(room));
        }
        for Held { mut verified, statement } in outcome.held {
            if let Some(statement) = statement.filter(|_| verified.kind == SignedKind::Attestation) {
                attested(session, entry, (&mut verified, &statement, item.layer.short()), asked);
            }
            facts.verified.push(verified);
        }
    }
    if asked.more && !facts.problems.iter().any(|one| one.kind == ProblemKind::LimitReached) {
        let message = format!("ask Rego about all that is attested: there are more than {MAX_ASKED} statements");
        facts.problems.push(Problem::undecided(ProblemKind::LimitReached, message));
    }
}

/// What Rego was asked about one image's statements.
#[derive(Default)]
struct Asked {
    /// By the hash of the statement as Rego sees it, and by path: whoever may push can put one attestation there in many ways.
    said: BTreeMap<([u8; 32], String), Vec<Objection>>,
    /// There were more than are asked about.
    more: bool,
}

impl Asked {
    /// None where there were too many.
    fn said(&mut self, document: &[u8], path: &str, ask: impl FnOnce() -> Vec<Objection>) -> Option<Vec<Objection>> {
        let key = (Sha256::digest(document).into(), path.to_owned());
        if let Some(said) = self.said.get(&key) {
            return Some(said.clone());
        }
        if self.said.len() >= MAX_ASKED {
            self.more = true;
            return None;
        }
        let said = ask();
        self.said.insert(key, said.clone());
        Some(said)
    }
}

/// What the entry wants to know of an attestation.
fn attested(
    session: &Session,
    entry: &ImageEntry,
    (verified, statement, layer): (&mut Verified, &Statement, &str),
    asked: &mut Asked,
) {
    verified.made_at = predicate::made_at(statement);
    let mut document = None;
    for rule in entry.attestations.iter().filter(|rule| rule.predicate_type == statement.predicate_type) {
        if !rule.by.contains(&verified.authority) {
            continue;
        }
        if let Some(path) = rule.rego.as_ref().filter(|path| !verified.rego.contains_key(*path))
            && let Some(modules) = session.authorities.rego(path)
        {
            let document = document.get_or_insert_with(|| predicate::document(statement));
            if let Some(said) = asked.said(document, path, || modules.ask(document, session.at)) {
                verified.rego.insert(path.clone(), said);
            }
        }
        if rule.purpose == AttestationUse::Vex && verified.vex.is_empty() {
            // Each is a document of its own: one that says `affected` is not outdone by another.
            let name = format!("the VEX attestation {layer} of `{}`", verified.authority);
            verified.vex = predicate::vex(statement, &name);
        }
    }
}

#[cfg(test)]
mod tests {
    use plimsoll_model::Effect;

    use super::*;

    #[test]
    fn rego_is_asked_once_of_a_statement_and_of_so_many_at_most() {
        let (mut asked, mut times) = (Asked::default(), 0);
        let mut ask = |asked: &mut Asked, document: &[u8], path: &str| {
            let objections = || {
                times += 1;
                vec![Objection { effect: Effect::Deny, message: String::from_utf8_lossy(document).into_owned() }]
            };
            let said = asked.said(document, path, objections).map(|said| said[0].message.clone());
            (said, times)
        };
        for _ in 0..1000 {
            assert_eq!(ask(&mut asked, b"one", "a.rego"), (Some("one".into()), 1));
        }
        assert_eq!(ask(&mut asked, b"one", "b.rego"), (Some("one".into()), 2));
        for number in 2..MAX_ASKED {
            assert_eq!(ask(&mut asked, &number.to_le_bytes(), "a.rego").1, number + 1);
        }
        assert!(!asked.more);
        assert_eq!(ask(&mut asked, b"more", "a.rego"), (None, MAX_ASKED));
        assert!(asked.more);
        // What it said before is still known.
        assert_eq!(ask(&mut asked, b"one", "a.rego"), (Some("one".into()), MAX_ASKED));
    }
}
