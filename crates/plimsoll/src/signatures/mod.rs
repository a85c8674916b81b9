//! The signatures and attestations that a policy's entry asks for. In: a session, sources, an image's name and digests, the entry. Out:
//! what was verified by which of the policy's authorities, what was refused and why, and what could not be had. What it does not do:
//! judge, which the LoadLine's crate does.

mod authorities;
mod hold;
mod predicate;
mod registry;

use std::cell::LazyCell;
use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use jiff::Timestamp;
use plimsoll_model::loadline::{AttestationRule, AttestationUse, ImageEntry, LoadLine};
use plimsoll_model::{
    Digest, Doubt, Effect, ImageReference, Objection, Problem, ProblemKind, Refused, SignatureFacts, SignedKind,
    Subject, Verified,
};
use plimsoll_sources::Sources;
use plimsoll_trust::{Reason, Statement};
use sha2::{Digest as _, Sha256};

pub use authorities::Authorities;

use crate::session::Session;
use authorities::{Known, Trusted};
use hold::{Held, Read, hold};
use registry::{Listed, Looked, listed};

/// Refusals that are kept of one image: the nearest is told, and somebody may have put a thousand there.
const MAX_REFUSED: usize = 64;
/// Different statements of one image that Rego is asked about: a daily report that is kept for most of a year, and each question may
/// take its time.
const MAX_ASKED: usize = 256;
/// How long all that is signed of one image may take to be read, however many parts it has: a registry that trickles must not hold a
/// turn for the sum of what each may take.
const MAX_TIME: Duration = Duration::from_secs(300);

/// What is asked for of one image, and whom it is held against.
pub struct Wanted<'a> {
    policy: &'a LoadLine,
    authorities: &'a Authorities,
    pub entry: &'a ImageEntry,
    at: Timestamp,
}

impl<'a> Wanted<'a> {
    /// What the entry asks for that rules the image of that name, in that namespace and at that time; nothing where it asks for none.
    pub fn of(
        session: &'a Session,
        reference: Option<&ImageReference>,
        namespace: Option<&str>,
        at: Timestamp,
    ) -> Option<Wanted<'a>> {
        let context = plimsoll_policy::Context { at, namespace, request: None, databases: &[], vex: &[] };
        let entry = plimsoll_policy::ruled_by(reference, &session.policy, &context)?;
        let wanted = || Wanted { policy: &session.policy, authorities: &session.authorities, entry, at };
        entry.asks_for_signatures().then(wanted)
    }

    /// What is there for the digest that the name leads to, in the repository that it was fetched from as `fetched`, held against the
    /// entry's authorities. Must not be called from a task of a server.
    pub fn facts(&self, sources: &Sources, fetched: &ImageReference, subject: &Subject) -> SignatureFacts {
        let mut facts = SignatureFacts { policy: self.policy.digest.clone(), ..SignatureFacts::default() };
        let digest = match subject.signed_digest() {
            Ok(digest) => digest,
            Err(why) => {
                let message = format!("look for what is signed: {why}");
                facts.problems.push(Problem::undecided(ProblemKind::NotExamined, message).into());
                return facts;
            }
        };
        let until = Instant::now() + MAX_TIME;
        let mut asked = Asked { until, said: BTreeMap::new() };
        let (listed, named) = (self.listed((sources, until), fetched, digest), self.named());
        facts.partial = !listed.unread.is_empty();
        facts.refused.extend(listed.unread.into_iter().take(MAX_REFUSED / 2).map(|message| Refused {
            kind: SignedKind::Signature,
            digest: digest.clone(),
            authority: None,
            predicate_type: None,
            code: Reason::Malformed.code().to_owned(),
            message: format!("could not {message}"),
        }));
        for item in &listed.items {
            let read = Read::of(item);
            let outcome = hold(&read, &named, digest, self.at);
            for (authority, why) in outcome.untold {
                // One is enough to leave a doubt.
                if !facts.problems.iter().any(|one| one.authorities.contains(&authority)) {
                    let message =
                        format!("verify the signature {}: {why} (held against `{authority}`)", item.layer.short());
                    let problem = Problem::undecided(ProblemKind::NotExamined, message);
                    facts.problems.push(Doubt { problem, authorities: vec![authority] });
                }
            }
            // Of what is one authority's nobody asks why it is not another's.
            if outcome.held.is_empty() {
                let room = MAX_REFUSED.saturating_sub(facts.refused.len());
                facts.refused.extend(outcome.refused.into_iter().take(room));
            }
            for Held { mut verified, stated } in outcome.held {
                if let Some(stated) = stated.filter(|_| verified.kind == SignedKind::Attestation) {
                    self.attested(&mut verified, stated, item.layer.short(), &mut asked);
                }
                facts.verified.push(verified);
            }
        }
        facts.problems.extend(listed.problems.into_iter().map(Doubt::from));
        // For the words of a denial: a manifest that is signed alone is no signed index.
        let manifest = subject.digest.as_ref().filter(|manifest| *manifest != digest);
        if let Some(manifest) = manifest.filter(|_| facts.verified.is_empty() && facts.problems.is_empty()) {
            for item in &self.listed((sources, until), fetched, manifest).items {
                let read = Read::of(item);
                let held = hold(&read, &named, manifest, self.at).held;
                facts.verified.extend(held.into_iter().map(|one| one.verified));
            }
        }
        facts
    }

    fn listed(&self, (sources, until): (&Sources, Instant), fetched: &ImageReference, digest: &Digest) -> Listed {
        let notation = self.named().iter().any(|one| matches!(one.known, Known::Notation(_)));
        let looked = Looked { attestations: !self.entry.attestations.is_empty(), notation };
        listed(sources, fetched, digest, looked, until)
    }

    fn named(&self) -> Vec<&'a Trusted> {
        self.authorities.named(self.entry.authorities())
    }

    /// Adds what the entry wants to know of an attestation.
    fn attested(
        &self,
        verified: &mut Verified,
        (statement, payload): (Statement, &[u8]),
        layer: &str,
        asked: &mut Asked,
    ) {
        let opened = predicate::opened(&statement.predicate);
        let predicate = opened.as_ref().unwrap_or(&statement.predicate);
        verified.made_at = predicate::made_at(predicate);
        let document = LazyCell::new(|| predicate::document(payload, opened.as_ref()));
        let of_type = |rule: &&AttestationRule| rule.predicate_type == statement.predicate_type;
        for rule in self.entry.attestations.iter().filter(of_type) {
            if !rule.by.contains(&verified.authority) {
                continue;
            }
            if let Some(path) = rule.rego.as_ref().filter(|path| !verified.rego.contains_key(*path))
                && let Some(modules) = self.authorities.rego(path)
            {
                let said = asked.said(&document, path, |until| modules.ask(&document, self.at, until));
                verified.rego.insert(path.clone(), said);
            }
            if rule.purpose == AttestationUse::Vex && verified.vex.is_empty() {
                // Each is a document of its own: one that says `affected` is not outdone by another.
                let name = format!("the VEX attestation {layer} of `{}`", verified.authority);
                (verified.vex, verified.vex_problems) = predicate::vex(predicate, &name);
            }
        }
    }
}

/// What Rego was asked about one image's statements.
struct Asked {
    /// It is asked no longer than that.
    until: Instant,
    /// By the hash of the statement as Rego sees it, and by path: whoever may push can put one attestation there in many ways.
    said: BTreeMap<([u8; 32], String), Vec<Objection>>,
}

impl Asked {
    /// What is said by the end of the time; where there were too many, or the time is over, that nobody can tell.
    fn said(&mut self, document: &[u8], path: &str, ask: impl FnOnce(Instant) -> Vec<Objection>) -> Vec<Objection> {
        let key = (Sha256::digest(document).into(), path.to_owned());
        if let Some(said) = self.said.get(&key) {
            return said.clone();
        }
        let unasked =
            |why: &str| vec![Objection { effect: Effect::Undecided, message: format!("it was not asked: {why}") }];
        if self.said.len() >= MAX_ASKED {
            return unasked(&format!("there are more than {MAX_ASKED} statements"));
        }
        if Instant::now() >= self.until {
            return unasked("it takes too long");
        }
        let said = ask(self.until);
        self.said.insert(key, said.clone());
        said
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rego_is_asked_once_of_a_statement_and_of_so_many_at_most() {
        let until = Instant::now() + MAX_TIME;
        let (mut asked, mut times) = (Asked { until, said: BTreeMap::new() }, 0);
        let mut ask = |asked: &mut Asked, document: &[u8], path: &str| {
            let objections = |given| {
                assert_eq!(given, until);
                times += 1;
                vec![Objection { effect: Effect::Deny, message: String::from_utf8_lossy(document).into_owned() }]
            };
            let said = asked.said(document, path, objections).remove(0);
            (said.effect, said.message, times)
        };
        for _ in 0..1000 {
            assert_eq!(ask(&mut asked, b"one", "a.rego"), (Effect::Deny, "one".into(), 1));
        }
        assert_eq!(ask(&mut asked, b"one", "b.rego"), (Effect::Deny, "one".into(), 2));
        for number in 2..MAX_ASKED {
            assert_eq!(ask(&mut asked, &number.to_le_bytes(), "a.rego").2, number + 1);
        }
        let more = "it was not asked: there are more than 256 statements";
        assert_eq!(ask(&mut asked, b"more", "a.rego"), (Effect::Undecided, more.into(), MAX_ASKED));
        // What it said before is still known.
        assert_eq!(ask(&mut asked, b"one", "a.rego"), (Effect::Deny, "one".into(), MAX_ASKED));
    }

    #[test]
    fn rego_is_not_asked_when_the_time_is_over() {
        let mut asked = Asked { until: Instant::now(), said: BTreeMap::new() };
        let said = asked.said(b"one", "a.rego", |_| panic!("nobody waits for it")).remove(0);
        assert_eq!((said.effect, said.message.as_str()), (Effect::Undecided, "it was not asked: it takes too long"));
    }

    #[test]
    fn a_short_name_means_one_type_to_the_policy_and_to_whoever_verifies() {
        let sorted = |types: &[(&str, &str)]| {
            types.iter().map(|(name, uri)| (name.to_string(), uri.to_string())).collect::<BTreeMap<_, _>>()
        };
        assert_eq!(sorted(plimsoll_policy::PREDICATE_TYPES), sorted(plimsoll_trust::PREDICATE_TYPES));
    }
}
