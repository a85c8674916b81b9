//! Why nothing could be found out of an image, and for how long that is believed. In: errors of the sources and of the
//! program itself. Out: problems for the verdict. What it does not do: decide what they mean.

use std::time::Duration;

use plimsoll_model::{ImageReference, Problem, ProblemKind};
use plimsoll_sources::{ErrorKind, SourceError};

use crate::assess;

/// How long a failure is remembered where the registry does not say: long enough that a burst of pods asks once.
pub const FAILURE: Duration = Duration::from_secs(5);
/// How long a failure is remembered that another try would not mend: until somebody pushes the image, or mends it.
const LASTING_FAILURE: Duration = Duration::from_secs(15);
/// The longest that a registry's own word is followed.
const LONGEST_FAILURE: Duration = Duration::from_secs(60);

/// Why nothing could be found out.
#[derive(Debug, Clone)]
pub struct Failure {
    pub problem: Box<Problem>,
    pub live: Duration,
}

pub fn unreached(reference: &ImageReference, error: SourceError) -> Failure {
    let live = match error.kind() {
        ErrorKind::Busy { retry_after } => retry_after.unwrap_or(FAILURE).clamp(FAILURE, LONGEST_FAILURE),
        kind if kind.may_pass() => FAILURE,
        _ => LASTING_FAILURE,
    };
    let problem = assess::unreachable_problem(&reference.to_string(), &anyhow::Error::new(error));
    Failure { problem: Box::new(problem), live }
}

pub fn busy(reference: &ImageReference) -> Failure {
    let message = format!("assess {reference}: too many images are being assessed already");
    Failure { problem: Box::new(Problem::undecided(ProblemKind::LimitReached, message)), live: Duration::from_secs(1) }
}

pub fn broken(reference: &ImageReference, error: &tokio::task::JoinError) -> Failure {
    let message = format!("assess {reference}: a fault of this program ({error})");
    let problem =
        Problem::undecided(ProblemKind::BadInput, message).with_hint("please report it with the image's name");
    Failure { problem: Box::new(problem), live: LONGEST_FAILURE }
}
