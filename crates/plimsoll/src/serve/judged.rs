//! Verdicts as the gate keeps them. In: what is known of an image, the policy and data in force, and who asks. Out: a
//! verdict with its digest and weight. What it does not do: find anything out, or keep anything.

use std::io::Write;
use std::sync::Arc;

use plimsoll_model::{
    Assessment, Digest, Effect, ImageReference, Outcome, Problem, ProblemEffect, ProblemKind, Reason, ReasonCode,
    SignatureFacts, Verdict,
};
use plimsoll_policy::{Request, Standing};
use sha2::{Digest as _, Sha256};

use super::decision;
use super::failure::FAILURE;
use super::images::Ask;
use super::loaded::Loaded;
use crate::assess::{self, Looked};
use crate::session;

/// A verdict and what it rests on.
#[derive(Debug)]
pub struct Judged {
    pub verdict: Verdict,
    /// SHA-256 of the verdict's JSON.
    pub verdict_digest: String,
    /// What the name led to: the digest of the index, or of the manifest where there is none.
    pub digest_text: Option<String>,
    pub retry_after: Option<u32>,
    /// Kinds of what could not be told, where the outcome hangs on that.
    pub problems: Vec<ProblemKind>,
    /// What was found of its signatures, where the policy asks for them: for the words of a broken glass, and for a record.
    pub signatures: Option<Arc<SignatureFacts>>,
    /// The hash of that, by which a record tells apart what is known of one digest.
    pub signed: Option<String>,
}

impl Judged {
    /// Whether a policy in another language could not tell.
    pub fn rulings_in_doubt(&self) -> bool {
        let doubt = |reason: &Reason| reason.code == ReasonCode::Ruling && reason.effect == Effect::Undecided;
        self.verdict.reasons.iter().any(doubt)
    }

    /// Whether it lacks a signature or attestation, or nobody could tell: somebody may be about to sign it.
    pub fn lacks_signatures(&self) -> bool {
        let of_them = |reason: &Reason| matches!(reason.code, ReasonCode::Signature | ReasonCode::Attestation);
        self.verdict.reasons.iter().any(|reason| of_them(reason) && reason.effect >= Effect::Undecided)
    }
}

/// How the policy stands now to a name before anything is looked into.
pub fn standing(loaded: &Loaded, ask: &Ask<'_>, reference: &ImageReference) -> Standing {
    decision::standing(loaded, ask.namespace, ask.request, reference, session::now())
}

/// The verdict on what is in an image, as of now.
pub fn judge_looked(
    loaded: &Loaded,
    image: &str,
    namespace: Option<&str>,
    reference: &ImageReference,
    digest: Digest,
    (looked, signatures): (&Looked, Option<Arc<SignatureFacts>>),
    request: Option<&Request<'_>>,
) -> Judged {
    let session = decision::session(loaded, namespace, session::now());
    let retry_after = (!whole(looked)).then_some(FAILURE.as_secs() as u32);
    let Looked { mut subject, inventory, problems } = looked.clone();
    subject.name = image.to_owned();
    subject.reference = Some(reference.clone());
    subject.namespace = session.namespace.clone();
    let mut assessment = assess::assembled(&session, subject, inventory, problems);
    assessment.signatures = signatures.as_deref().cloned();
    let judged = judge(&session, assessment, request, Some(digest), retry_after);
    let unsearched = signatures.as_ref().is_some_and(|facts| !facts.problems.is_empty()) && judged.lacks_signatures();
    let again = (judged.rulings_in_doubt() || unsearched).then_some(FAILURE.as_secs() as u32);
    // Facts are plain data: writing them cannot fail.
    let hash = |facts: &SignatureFacts| Sha256::digest(serde_json::to_vec(facts).unwrap_or_default());
    let signed = signatures.as_deref().map(|facts| format!("sha256:{:x}", hash(facts)));
    Judged { retry_after: retry_after.or(again), signatures, signed, ..judged }
}

pub fn judge(
    session: &session::Session,
    assessment: Assessment,
    request: Option<&Request<'_>>,
    digest: Option<Digest>,
    retry_after: Option<u32>,
) -> Judged {
    let context = plimsoll_policy::Context { request, ..assess::context(session) };
    let assessment = assess::with_rulings(session, assessment);
    let verdict = plimsoll_policy::judge(&assessment, &session.policy, &context);
    // A verdict is plain data: writing it cannot fail.
    let json = serde_json::to_vec(&verdict).unwrap_or_default();
    let digest_text = digest.map(|digest| digest.to_string());
    let verdict_digest = format!("sha256:{:x}", Sha256::digest(json));
    let problems = undecided(&assessment, &verdict);
    Judged { verdict_digest, verdict, digest_text, retry_after, problems, signatures: None, signed: None }
}

/// The kinds of problems that a verdict of "could not tell" hangs on, each once.
fn undecided(assessment: &Assessment, verdict: &Verdict) -> Vec<ProblemKind> {
    if verdict.outcome != Outcome::Undecided {
        return Vec::new();
    }
    let of = assessment.problems.iter().filter(|problem| problem.effect == ProblemEffect::Undecided);
    let signed = assessment.signatures.iter().flat_map(|facts| &facts.problems).map(|doubt| &doubt.problem);
    let kinds: std::collections::BTreeSet<ProblemKind> = of.chain(signed).map(|problem| problem.kind).collect();
    kinds.into_iter().collect()
}

pub fn is_allowed(verdict: &Verdict) -> bool {
    verdict.effective == Outcome::Allowed
}

pub fn weight(judged: &Judged) -> u64 {
    512 + bytes_of(&judged.verdict) + judged.signatures.as_deref().map_or(0, bytes_of)
}

/// Size as JSON, near enough to its size in memory.
pub fn bytes_of(value: &impl serde::Serialize) -> u64 {
    struct Count(u64);
    impl Write for Count {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0 += bytes.len() as u64;
            Ok(bytes.len())
        }
        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }
    let mut count = Count(0);
    // Counting cannot fail.
    let _ = serde_json::to_writer(&mut count, value);
    count.0
}

/// Nothing was missed because of the network or the clock.
pub fn whole(looked: &Looked) -> bool {
    let passing = |problem: &&Problem| matches!(problem.kind, ProblemKind::Unreachable | ProblemKind::BrokenArchive);
    !looked.problems.iter().chain(&looked.inventory.problems).any(|problem| passing(&problem))
}
