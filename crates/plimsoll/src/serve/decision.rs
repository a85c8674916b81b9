//! What decides a review apart from finding anything out: the verdict on its object, verdicts on images that need no look, and
//! the answer over all of them. In: a review, policy and data in force, the time. Out: verdicts and an answer. The gate, a
//! replay and the tests of a policy decide by this, so that they agree; what an image holds they find out each in their way.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Instant;

use jiff::Timestamp;
use plimsoll_admission::{About, Answer, Asked, Decision, Envelope, Operation, Review};
use plimsoll_model::{Assessment, Digest, ImageReference, Problem, ProblemKind};
use plimsoll_policy::{Request, Standing};
use sha2::{Digest as _, Sha256};

use super::judged::{Judged, judge};
use super::loaded::Loaded;
use crate::policies::Question;
use crate::{assess, workload};

/// Who asks, as far as the policy wants to know.
pub fn request<'a>(review: &'a Review, annotations: &'a BTreeMap<String, String>) -> Request<'a> {
    Request { user: review.user.as_deref(), groups: &review.groups, annotations }
}

/// Whether the policy asks something of the review's object. Whether a pod may run is asked when it is validated, and not
/// when its tags are pinned.
pub fn asks_of_object(loaded: &Loaded, review: &Review) -> bool {
    let gone = matches!(review.operation, Some(Operation::Delete | Operation::Connect));
    let asked = matches!(review.envelope, Envelope::Admission { mutating: false, .. }) && !gone;
    loaded.workloads.is_some() && asked
}

/// The verdict on the review's object; `body` is what the review was read from.
pub fn object(loaded: &Loaded, review: &Review, body: &[u8], at: Timestamp) -> Judged {
    object_until(loaded, review, body, &[], at, None)
}

/// The same of an object whose secrets were taken out: these rules had found something in them.
pub fn object_without_values(
    loaded: &Loaded,
    review: &Review,
    body: &[u8],
    secrets: &[String],
    at: Timestamp,
) -> Judged {
    object_until(loaded, review, body, secrets, at, None)
}

/// The same with an end for the policies in other languages: what they have not said then could not be told.
pub fn object_until(
    loaded: &Loaded,
    review: &Review,
    body: &[u8],
    secrets: &[String],
    at: Timestamp,
    until: Option<Instant>,
) -> Judged {
    let namespace = review.namespace.as_deref();
    let text = |place: &std::ops::Range<usize>| std::str::from_utf8(body.get(place.clone())?).ok();
    let name = format!("{}/{}", review.resource, review.name.as_deref().unwrap_or_default());
    let mut assessment = match (&loaded.workloads, review.object.as_ref().and_then(text)) {
        (Some(linter), Some(object)) => {
            let old = review.old_object.as_ref().and_then(text);
            workload::of_object(linter, object, old, &name, namespace)
        }
        // What cannot be looked at is never let off.
        _ => workload::unread(namespace),
    };
    let policies = &loaded.session.policies;
    if !policies.is_empty() {
        match Question::of(body, at) {
            Ok(question) => assessment.rulings = policies.rulings(&question, until),
            Err(why) => {
                assessment.rulings = Question::unread(policies, &why);
                assessment.problems.push(Problem::undecided(
                    ProblemKind::NotExamined,
                    "look into the object: the policies could not be asked",
                ));
            }
        }
    }
    let assessment = workload::with_values(assessment, &loaded.session.policy, secrets);
    object_assessed(loaded, review, &assessment, at)
}

/// The verdict on an object that nobody could look into.
pub fn object_unread(loaded: &Loaded, review: &Review, at: Timestamp) -> Judged {
    object_assessed(loaded, review, &workload::unread(review.namespace.as_deref()), at)
}

fn object_assessed(loaded: &Loaded, review: &Review, assessment: &Assessment, at: Timestamp) -> Judged {
    let annotations = plimsoll_policy::relevant_annotations(&loaded.session.policy, &review.annotations);
    let request = request(review, &annotations);
    let mut session = loaded.session.clone();
    session.at = at;
    session.namespace.clone_from(&review.namespace);
    judge(&session, assessment, Some(&request), None, None)
}

/// How the policy stands to a name before anything is looked into.
pub fn standing(
    loaded: &Loaded,
    namespace: Option<&str>,
    request: &Request<'_>,
    reference: &ImageReference,
    at: Timestamp,
) -> Standing {
    let context = plimsoll_policy::Context { at, namespace, request: Some(request), databases: &[], vex: &[] };
    plimsoll_policy::standing(Some(reference), &loaded.session.policy, &context)
}

/// The verdict on an image that was not looked into, for this reason.
pub fn without_looking(
    loaded: &Loaded,
    (image, reference): (&str, Option<ImageReference>),
    namespace: Option<&str>,
    request: &Request<'_>,
    problem: Problem,
    at: Timestamp,
) -> Judged {
    let mut session = loaded.session.clone();
    session.at = at;
    session.namespace = namespace.map(str::to_owned);
    let digest: Option<Digest> = reference.as_ref().and_then(|reference| reference.digest().cloned());
    let assessment = assess::unreachable(&session, image, reference, problem);
    judge(&session, &assessment, Some(request), digest, None)
}

/// Why an image is not looked into whose verdict hangs on its name alone.
pub fn by_name() -> Problem {
    Problem::undecided(ProblemKind::NotExamined, "look into it: the policy decides by the name")
}

/// The answer over all verdicts: those on the images in the review's order, then the one on the object where there is one.
pub fn answer(loaded: &Loaded, review: &Review, judged: &[Arc<Judged>], soonest: u32) -> Answer {
    let asked = review.images.iter().map(Asked::Image).chain(std::iter::once(Asked::Object));
    let decisions: Vec<Decision<'_>> = asked
        .zip(judged)
        .map(|(on, judged)| Decision {
            on,
            verdict: &judged.verdict,
            digest: judged.digest_text.as_deref(),
            retry_after: judged.retry_after.map(|seconds| seconds.max(soonest)),
        })
        .collect();
    let policy = &loaded.session.policy;
    let about = About {
        policy: &policy.name,
        policy_digest: &policy.digest,
        databases: &loaded.databases,
        verdict_digest: verdict_digest(judged),
    };
    plimsoll_admission::decide(review, &decisions, &about)
}

/// One verdict's own digest; of several, the digest over theirs in the review's order.
fn verdict_digest(judged: &[Arc<Judged>]) -> String {
    match judged {
        [one] => one.verdict_digest.clone(),
        many => {
            let mut hash = Sha256::new();
            for one in many {
                hash.update(one.verdict_digest.as_bytes());
            }
            format!("sha256:{:x}", hash.finalize())
        }
    }
}
