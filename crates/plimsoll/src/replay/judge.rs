//! One policy's word on a recorded review. In: the review, and what the record knows of images. Out: an answer in the form that
//! records have, and the images of which the record knows nothing. It decides by the very functions that the gate decides by.

use std::collections::HashMap;
use std::convert::Infallible;
use std::sync::{Arc, Mutex, PoisonError};

use jiff::{RoundMode, Timestamp, TimestampRound, Unit};
use plimsoll_admission::{Decided, Given, KnownBy, Recorded, Review};
use plimsoll_model::{Assessment, Digest, Outcome, Problem, ProblemKind};

use super::lines::Ground;
use crate::serve::decision::{self, Wanted};
use crate::serve::judged::Judged;
use crate::serve::loaded::Loaded;

/// A policy over what a record knows.
pub struct Judge {
    loaded: Loaded,
    /// Whether the policy asks for attestations of an age.
    aging: bool,
    images: HashMap<KnownBy, Arc<Assessment>>,
    kept: Mutex<HashMap<Key, Arc<Judged>>>,
}

/// Image, namespace, what is known of it, and the time it is judged as of: what a verdict on what is in an image hangs on.
type Key = (String, Option<String>, KnownBy, Timestamp);

/// What a policy says of a review.
pub struct Said {
    pub given: Given,
    /// What would decide, and is not in the record.
    pub unknown: Vec<Unknown>,
}

/// An image, or where there is none the object, of which a policy asks more than the record has.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Unknown {
    pub image: Option<String>,
    pub why: &'static str,
}

/// Of an image that nobody looked into.
const NOTHING: &str = "the record knows nothing of what is in the image";
/// Of an image under rules over images.
const NOT_ALL: &str = "the record has not all of the image that rules over images may ask for";
/// Of an image whose signatures the policy asks for.
const NOT_SIGNED: &str = "the record does not have what is signed of the image as this policy asks for it";
/// Of an object under policies in other languages, which may ask for any value.
const TAKEN_OUT: &str = "policies may ask for values that were taken out of the object before it was recorded";

impl Judge {
    pub fn new(loaded: &Loaded, ground: &Ground) -> Judge {
        let mut loaded = loaded.clone();
        loaded.session.database_infos.clone_from(&ground.head.databases);
        let mut attestations = loaded.session.policy.images.iter().flat_map(|entry| &entry.attestations);
        let aging = attestations.any(|rule| rule.max_age_seconds.is_some());
        Judge { loaded, aging, images: ground.images.clone(), kept: Mutex::default() }
    }

    /// The answer as of a time.
    pub fn said(&self, recorded: &Recorded<'_>, review: &Review, at: Timestamp) -> Said {
        let mut unknown = Vec::new();
        // So that the verdict on an image is made once for many reviews; dates in policies are days, and graces are too.
        // An attestation may be younger than the hour, and is not held to be of the future.
        let of_images = if self.aging { at } else { hour(at) };
        let mut look = |wanted: &Wanted<'_>| {
            let before = recorded.answer.decided.iter().find(|one| one.image.as_deref() == Some(wanted.image));
            let key = before.and_then(|before| Some((before.digest.clone()?, before.signed.clone())));
            let known = key.as_ref().and_then(|key| Some((key, self.images.get(key)?)));
            let why = match known {
                Some((key, assessment)) if !self.loaded.session.policies.ask_of_images() => {
                    if !wanted.glass && wanted.lacks_signed(assessment) {
                        unknown.push(Unknown { image: Some(wanted.image.to_owned()), why: NOT_SIGNED });
                    }
                    return Ok::<_, Infallible>(self.looked(wanted, key, assessment, of_images));
                }
                Some(_) => NOT_ALL,
                None => NOTHING,
            };
            if !wanted.glass && (known.is_some() || !before.is_some_and(unreached)) {
                unknown.push(Unknown { image: Some(wanted.image.to_owned()), why });
            }
            let what = format!("look into it: {why}");
            Ok(Arc::new(wanted.unknown(Problem::undecided(ProblemKind::Unreachable, what))))
        };
        let body = recorded.review.get().as_bytes();
        let secrets = (!recorded.unexamined).then_some(recorded.secrets.as_slice());
        let object = || decision::object_without_values(&self.loaded, review, body, secrets, at);
        let Ok(given) = decision::given(&self.loaded, review, of_images, &mut look, &object);
        let asked = self.loaded.session.policies.ask_of_objects() && decision::asks_of_object(&self.loaded, review);
        if asked && recorded.redacted > 0 {
            unknown.push(Unknown { image: None, why: TAKEN_OUT });
        }
        Said { given, unknown }
    }

    fn looked(&self, wanted: &Wanted<'_>, known: &KnownBy, assessment: &Assessment, at: Timestamp) -> Arc<Judged> {
        let judged = || Arc::new(wanted.looked(assessment, known.0.parse::<Digest>().ok()));
        // Behind a glass it hangs on who asks, and of what ages each moment is another.
        if wanted.glass || self.aging {
            return judged();
        }
        let key = (wanted.image.to_owned(), wanted.namespace.map(str::to_owned), known.clone(), at);
        let kept = || self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(judged) = kept().get(&key) {
            return Arc::clone(judged);
        }
        let judged = judged();
        kept().insert(key, Arc::clone(&judged));
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
            signed: None,
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
