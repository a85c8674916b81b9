//! What decides a review apart from finding anything out: the verdict on its object, verdicts on images that need no look, and
//! the answer over all of them. In: a review, policy and data in force, the time. Out: verdicts and an answer. The gate, a
//! replay and the tests of a policy decide by this, so that they agree; what an image holds they find out each in their way.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Instant;

use jiff::Timestamp;
use plimsoll_admission::{About, Answer, Asked, Decision, Envelope, Given, Operation, Review, Road};
use plimsoll_model::{Assessment, Digest, ImageReference, Problem, ProblemKind};
use plimsoll_policy::{Request, Standing};
use sha2::{Digest as _, Sha256};

use super::judged::{Judged, judge};
use super::loaded::Loaded;
use super::recorder;
use crate::policies::{Mutated, Policies, Question, desk, doubt};
use crate::session::Session;
use crate::{assess, signatures, workload};

/// Who asks, as far as the policy wants to know.
pub fn request<'a>(review: &'a Review, annotations: &'a BTreeMap<String, String>) -> Request<'a> {
    Request { user: review.user.as_deref(), groups: &review.groups, annotations }
}

/// Whether the policy asks something of the review's object. Whether a pod may run is asked when it is validated, and not
/// when its tags are pinned; of what goes away, or is connected to, the policies in other languages alone.
pub fn asks_of_object(loaded: &Loaded, review: &Review) -> bool {
    let asked = matches!(review.envelope, Envelope::Admission { mutating: false, .. });
    asked && (loaded.session.policies.ask_of_objects() || (loaded.workloads.is_some() && !brings_nothing(review)))
}

/// The workloads' own rules hold for what is brought into a cluster.
fn brings_nothing(review: &Review) -> bool {
    matches!(review.operation, Some(Operation::Delete | Operation::Connect))
}

/// The verdict on the review's object; `body` is what the review was read from.
pub fn object(loaded: &Loaded, review: &Review, body: &[u8], at: Timestamp) -> Judged {
    object_until(loaded, review, body, Some(&[]), at, None)
}

/// The same of an object whose secrets were taken out: these rules had found something in them; none where that is not known.
pub fn object_without_values(
    loaded: &Loaded,
    review: &Review,
    body: &[u8],
    secrets: Option<&[String]>,
    at: Timestamp,
) -> Judged {
    object_until(loaded, review, body, secrets, at, None)
}

/// The same with an end for the policies in other languages: what they have not said then could not be told.
pub fn object_until(
    loaded: &Loaded,
    review: &Review,
    body: &[u8],
    secrets: Option<&[String]>,
    at: Timestamp,
    until: Option<Instant>,
) -> Judged {
    object_asked(loaded, review, body, (secrets, at, until), &|policies| policies.question(body, at))
}

/// The verdict on the object of a review that was made at the desk, where no server has asked the policies that change it.
pub fn object_of_the_desk(loaded: &Loaded, review: &Review, body: &[u8], at: Timestamp) -> Judged {
    object_asked(loaded, review, body, (Some(&[]), at, None), &|policies| desk::question(policies, body, at))
}

/// The verdict on an object of which the policies in other languages are asked as `ask` puts it.
fn object_asked(
    loaded: &Loaded,
    review: &Review,
    body: &[u8],
    (secrets, at, until): (Option<&[String]>, Timestamp, Option<Instant>),
    ask: &dyn Fn(&Policies) -> Result<Question, String>,
) -> Judged {
    let namespace = review.namespace.as_deref();
    let text = |place: &std::ops::Range<usize>| std::str::from_utf8(body.get(place.clone())?).ok();
    let name = format!("{}/{}", review.resource, review.name.as_deref().unwrap_or_default());
    let mut assessment = match (&loaded.workloads, review.object.as_ref().and_then(text)) {
        _ if brings_nothing(review) => workload::object(workload::UNNAMED, namespace),
        (Some(linter), Some(object)) => {
            let old = review.old_object.as_ref().and_then(text);
            workload::of_object(linter, object, old, &name, namespace)
        }
        // The policies in other languages alone are asked, and they read it for themselves.
        (None, Some(_)) => workload::object(&name, namespace),
        // What cannot be looked at is never let off.
        _ => workload::unread(namespace),
    };
    let policies = &loaded.session.policies;
    if policies.ask_of_objects() {
        match ask(policies) {
            Ok(question) => {
                assessment.rulings = policies.rulings(&question, until);
                let problem = workload::of_no_kind();
                if !brings_nothing(review) && !question.names_kind() && !assessment.problems.contains(&problem) {
                    assessment.problems.push(problem);
                }
            }
            Err(why) => {
                assessment.rulings = policies.object_unread(&why);
                assessment.problems.push(Problem::undecided(
                    ProblemKind::NotExamined,
                    "look into the object: the policies could not be asked",
                ));
            }
        }
    }
    if !brings_nothing(review) {
        assessment = workload::with_values(assessment, &loaded.session.policy, secrets);
    }
    object_assessed(loaded, review, assessment, at)
}

/// A review as mutators leave it, and the operations of a JSON Patch that lead there.
pub struct Changed {
    pub review: Review,
    pub operations: Vec<serde_json::Value>,
}

/// What mutators make of a review; nothing where they leave it as it is.
///
/// # Errors
/// It cannot be told.
pub fn changed(loaded: &Loaded, body: &[u8], until: Instant) -> Result<Option<Changed>, String> {
    let Some(Mutated { before, after, body }) = loaded.session.policies.mutated(body, Some(until))? else {
        return Ok(None);
    };
    let review = plimsoll_admission::read(Road::Mutate, &body).map_err(|error| error.why)?;
    Ok(Some(Changed { review, operations: plimsoll_admission::difference(&before, &after) }))
}

/// The verdict on an object of which something could not be told.
pub fn object_undecided(loaded: &Loaded, review: &Review, why: &str, at: Timestamp) -> Judged {
    let mut assessment = workload::object(workload::UNNAMED, review.namespace.as_deref());
    assessment.rulings.push(doubt(why.to_owned()));
    object_assessed(loaded, review, assessment, at)
}

/// The verdict on an object that nobody could look into.
pub fn object_unread(loaded: &Loaded, review: &Review, at: Timestamp) -> Judged {
    object_assessed(loaded, review, workload::unread(review.namespace.as_deref()), at)
}

fn object_assessed(loaded: &Loaded, review: &Review, assessment: Assessment, at: Timestamp) -> Judged {
    let annotations = plimsoll_policy::relevant_annotations(&loaded.session.policy, &review.annotations);
    let request = request(review, &annotations);
    let session = session(loaded, review.namespace.as_deref(), at);
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

/// The session of one judgement.
pub fn session(loaded: &Loaded, namespace: Option<&str>, at: Timestamp) -> Session {
    Session { at, namespace: namespace.map(str::to_owned), ..loaded.session.clone() }
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
    let session = session(loaded, namespace, at);
    let digest: Option<Digest> = reference.as_ref().and_then(|reference| reference.digest().cloned());
    let assessment = assess::unreachable(&session, image, reference, problem);
    judge(&session, assessment, Some(request), digest, None)
}

/// Why an image is not looked into whose verdict hangs on its name alone.
pub fn by_name() -> Problem {
    Problem::undecided(ProblemKind::NotExamined, "look into it: the policy decides by the name")
}

/// An image whose content decides, or says what a broken glass overrules.
pub struct Wanted<'a> {
    pub image: &'a str,
    pub reference: ImageReference,
    pub namespace: Option<&'a str>,
    /// It runs whatever is in it.
    pub glass: bool,
    request: &'a Request<'a>,
    loaded: &'a Loaded,
    at: Timestamp,
}

/// What is to be looked into.
///
/// # Errors
/// The verdict, where the name alone decides.
fn wanted<'a>(
    loaded: &'a Loaded,
    image: &'a str,
    namespace: Option<&'a str>,
    request: &'a Request<'a>,
    at: Timestamp,
) -> Result<Wanted<'a>, Arc<Judged>> {
    let without =
        |reference, problem| Arc::new(without_looking(loaded, (image, reference), namespace, request, problem, at));
    let reference: ImageReference =
        image.parse().map_err(|error| without(None, Problem::unreadable_name(image, &error)))?;
    let glass = match standing(loaded, namespace, request, &reference, at) {
        Standing::Judged { .. } => false,
        Standing::BreakGlass => true,
        Standing::Exempt | Standing::Refused | Standing::NoEntry => return Err(without(Some(reference), by_name())),
    };
    Ok(Wanted { image, reference, namespace, glass, request, loaded, at })
}

impl Wanted<'_> {
    /// The verdict on what is in it.
    pub fn looked(&self, assessment: &Assessment, digest: Option<Digest>) -> Judged {
        let session = session(self.loaded, self.namespace, self.at);
        let mut assessment = assessment.clone();
        self.image.clone_into(&mut assessment.subject.name);
        assessment.subject.reference = Some(self.reference.clone());
        assessment.subject.namespace.clone_from(&session.namespace);
        judge(&session, assessment, self.glass.then_some(self.request), digest, None)
    }

    /// Whether its entry asks for what is signed, and that was not looked for under this policy.
    pub fn lacks_signed(&self, assessment: &Assessment) -> bool {
        let policy = &self.loaded.session.policy.digest;
        let known = assessment.signatures.as_ref().is_some_and(|facts| facts.policy == *policy);
        !known && signatures::Wanted::of(&self.loaded.session, Some(&self.reference), self.namespace, self.at).is_some()
    }

    /// The verdict where nobody knows what is in it, for this reason.
    pub fn unknown(&self, problem: Problem) -> Judged {
        let problem = if self.glass { by_name() } else { problem };
        let named = (self.image, Some(self.reference.clone()));
        without_looking(self.loaded, named, self.namespace, self.request, problem, self.at)
    }
}

/// The answer to a review by one who asks no network, in the form that records have. `look` judges by what it knows of an
/// image, as of `of_images`; `object` judges the object, where the policy asks something of it.
///
/// # Errors
/// What `look` says.
pub fn given<E>(
    loaded: &Loaded,
    review: &Review,
    of_images: Timestamp,
    look: &mut dyn FnMut(&Wanted<'_>) -> Result<Arc<Judged>, E>,
    object: &dyn Fn() -> Judged,
) -> Result<Given, E> {
    let annotations = plimsoll_policy::relevant_annotations(&loaded.session.policy, &review.annotations);
    let request = request(review, &annotations);
    let namespace = review.namespace.as_deref();
    let mut judged = Vec::with_capacity(review.images.len() + 1);
    for image in &review.images {
        judged.push(match wanted(loaded, &image.image, namespace, &request, of_images) {
            Ok(wanted) => look(&wanted)?,
            Err(decided) => decided,
        });
    }
    if asks_of_object(loaded, review) {
        judged.push(Arc::new(object()));
    }
    let answer = answer(loaded, review, &judged, 0);
    let names: Vec<String> = review.images.iter().map(|image| image.image.clone()).collect();
    Ok(recorder::given(&names, &answer, &judged))
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
