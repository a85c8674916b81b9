//! One policy's word on a recorded review. In: the review, and what the record knows of images. Out: an answer in the form that
//! records have, and the images of which the record knows nothing. It decides by the very functions that the gate decides by.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use jiff::{RoundMode, Timestamp, TimestampRound, Unit};
use plimsoll_admission::{Decided, Given, Recorded, Review};
use plimsoll_model::{Assessment, Digest, ImageReference, Outcome, Problem, ProblemKind};
use plimsoll_policy::{Request, Standing};

use super::lines::Ground;
use crate::serve::decision;
use crate::serve::judged::{Judged, judge};
use crate::serve::loaded::Loaded;
use crate::serve::recorder;

/// A policy over what a record knows.
pub struct Judge {
    loaded: Loaded,
    images: HashMap<String, Arc<Assessment>>,
    kept: Mutex<HashMap<Key, Arc<Judged>>>,
}

/// Image, namespace, digest and hour: what a verdict on what is in an image hangs on.
type Key = (String, Option<String>, String, Timestamp);

/// What a policy says of a review.
pub struct Said {
    pub given: Given,
    /// Images whose content would decide, and of which the record knows nothing.
    pub unknown: Vec<String>,
}

impl Judge {
    pub fn new(loaded: &Loaded, ground: &Ground) -> Judge {
        let mut loaded = loaded.clone();
        loaded.session.database_infos.clone_from(&ground.head.databases);
        Judge { loaded, images: ground.images.clone(), kept: Mutex::default() }
    }

    /// The answer as of a time.
    pub fn said(&self, recorded: &Recorded<'_>, review: &Review, at: Timestamp) -> Said {
        let loaded = &self.loaded;
        let annotations = plimsoll_policy::relevant_annotations(&loaded.session.policy, &review.annotations);
        let request = decision::request(review, &annotations);
        // So that the verdict on an image is made once for many reviews; dates in policies are days, and graces are too.
        let hour = hour(at);
        let mut unknown = Vec::new();
        let mut judged = Vec::with_capacity(review.images.len() + 1);
        for image in &review.images {
            let before = recorded.answer.decided.iter().find(|one| one.image.as_ref() == Some(&image.image));
            let (verdict, known) = self.image(&image.image, review.namespace.as_deref(), &request, before, hour);
            if !known {
                unknown.push(image.image.clone());
            }
            judged.push(verdict);
        }
        if decision::asks_of_object(loaded, review) {
            let body = recorded.review.get().as_bytes();
            judged.push(Arc::new(decision::object_without_values(loaded, review, body, &recorded.secrets, at)));
        }
        let answer = decision::answer(loaded, review, &judged, 0);
        let names: Vec<String> = review.images.iter().map(|image| image.image.clone()).collect();
        Said { given: recorder::given(&names, &answer, &judged), unknown }
    }

    /// The verdict on an image, and whether the record knows what it hangs on.
    fn image(
        &self,
        image: &str,
        namespace: Option<&str>,
        request: &Request<'_>,
        before: Option<&Decided>,
        at: Timestamp,
    ) -> (Arc<Judged>, bool) {
        let without = |reference: Option<ImageReference>, problem: Problem| {
            Arc::new(decision::without_looking(&self.loaded, (image, reference), namespace, request, problem, at))
        };
        let reference: ImageReference = match image.parse() {
            Ok(reference) => reference,
            Err(error) => return (without(None, Problem::unreadable_name(image, &error)), true),
        };
        let glass = match decision::standing(&self.loaded, namespace, request, &reference, at) {
            Standing::Judged { .. } => false,
            Standing::BreakGlass => true,
            Standing::Exempt | Standing::Refused | Standing::NoEntry => {
                return (without(Some(reference), decision::by_name()), true);
            }
        };
        let digest = before.and_then(|before| before.digest.as_deref());
        let found = digest.and_then(|digest| Some((digest, self.images.get(digest)?)));
        match found {
            Some((digest, assessment)) => {
                let request = glass.then_some(request);
                (self.looked((image, &reference), namespace, request, (digest, assessment), at), true)
            }
            None if glass => (without(Some(reference), decision::by_name()), true),
            None => {
                let what = "look into it: the record knows nothing of what is in it";
                (
                    without(Some(reference), Problem::undecided(ProblemKind::Unreachable, what)),
                    before.is_some_and(unreached),
                )
            }
        }
    }

    fn looked(
        &self,
        (image, reference): (&str, &ImageReference),
        namespace: Option<&str>,
        request: Option<&Request<'_>>,
        (digest, assessment): (&str, &Arc<Assessment>),
        at: Timestamp,
    ) -> Arc<Judged> {
        let key = (image.to_owned(), namespace.map(str::to_owned), digest.to_owned(), at);
        let kept = || self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        if request.is_none()
            && let Some(judged) = kept().get(&key)
        {
            return Arc::clone(judged);
        }
        let mut session = self.loaded.session.clone();
        session.at = at;
        session.namespace = namespace.map(str::to_owned);
        let mut assessment = (**assessment).clone();
        image.clone_into(&mut assessment.subject.name);
        assessment.subject.reference = Some(reference.clone());
        assessment.subject.namespace.clone_from(&session.namespace);
        let judged = Arc::new(judge(&session, &assessment, request, digest.parse::<Digest>().ok(), None));
        if request.is_none() {
            kept().insert(key, Arc::clone(&judged));
        }
        judged
    }
}

/// The hour that a time is in, so that it is of the same day.
fn hour(at: Timestamp) -> Timestamp {
    at.round(TimestampRound::new().smallest(Unit::Hour).mode(RoundMode::Floor)).unwrap_or(at)
}

/// What could not be reached when it was asked could not be reached under another policy either. What ran without a look, for
/// a broken glass or a mode, says nothing of what a look would have found; nor does what was looked into for too long.
fn unreached(before: &Decided) -> bool {
    before.outcome == Outcome::Undecided
        && before.effective != Outcome::Allowed
        && before.problems.contains(&ProblemKind::Unreachable)
}

#[cfg(test)]
mod tests {
    use plimsoll_model::loadline::Mode;

    use super::*;

    #[test]
    fn an_image_is_judged_on_the_day_of_its_review() {
        for (at, of) in [
            ("2026-11-28T23:59:59.9Z", "2026-11-28T23:00:00Z"),
            ("2026-11-28T23:30:00Z", "2026-11-28T23:00:00Z"),
            ("2026-11-29T00:00:00Z", "2026-11-29T00:00:00Z"),
            ("1969-12-31T23:45:00Z", "1969-12-31T23:00:00Z"),
        ] {
            assert_eq!(hour(at.parse().unwrap()).to_string(), of);
        }
    }

    #[test]
    fn only_what_was_refused_as_unreachable_counts_as_such_again() {
        let before = |effective, problems: &[ProblemKind]| Decided {
            image: Some("a:1".into()),
            digest: None,
            outcome: Outcome::Undecided,
            effective,
            mode: Mode::Enforce,
            reasons: vec![],
            problems: problems.to_vec(),
        };
        assert!(unreached(&before(Outcome::Undecided, &[ProblemKind::Unreachable])));
        assert!(!unreached(&before(Outcome::Allowed, &[ProblemKind::Unreachable])), "let run by the mode");
        assert!(!unreached(&before(Outcome::Allowed, &[ProblemKind::NotExamined])), "break-glass");
        assert!(!unreached(&before(Outcome::Undecided, &[ProblemKind::NotExamined])));
        assert!(!unreached(&before(Outcome::Undecided, &[])), "an earlier program's record");
    }
}
