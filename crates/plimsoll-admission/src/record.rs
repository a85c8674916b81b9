//! Reviews as they are kept for a replay. In: one line of a record. Out: what it says; or the line that says a thing. What
//! this does not do: read or write files, or take secrets out.
//!
//! A record is lines of JSON. A `head` says which policy and data were in force for what follows it, an `image` what was known
//! of an image, a `review` what was asked and what was answered. Each file begins with a head, so that each can be read alone.

use plimsoll_model::loadline::Mode;
use plimsoll_model::{Assessment, DatabaseInfo, Effect, Outcome, PolicyInfo, ProblemKind, ReasonCode};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use thiserror::Error;

use crate::read::MAX_REVIEW;
use crate::review::Road;

/// The format's version: it rises when a line changes its meaning.
pub const RECORD_VERSION: u32 = 1;

/// The longest line: what is known of a large image, or a review with all that is said of it.
pub const MAX_LINE: usize = 4 * MAX_REVIEW;

/// Verdicts of one review: its images, and its object.
const MAX_DECIDED: usize = crate::read::MAX_IMAGES + 8;
/// Rules that one review names: there are fewer that look at values.
const MAX_SECRETS: usize = 64;

/// One line of a record.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Line<'a> {
    Head(Head),
    Image(Box<KnownImage>),
    #[serde(borrow)]
    Review(Box<Recorded<'a>>),
}

/// What was in force.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Head {
    pub version: u32,
    /// The program that recorded, with its version.
    pub program: String,
    /// RFC 3339.
    pub at: String,
    pub policy: PolicyInfo,
    pub databases: Vec<DatabaseInfo>,
}

/// By what an image of a record is known: its digest, and the hash of what was found of its signatures.
pub type KnownBy = (String, Option<String>);

/// What was known of an image: everything that the clauses of a policy ask for. Layers, settings and files, which reports and
/// rules over images see, are not in it.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct KnownImage {
    /// What its name led to.
    pub digest: String,
    /// The hash of what was found of its signatures; none where nobody looked for them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub signed: Option<String>,
    pub assessment: Assessment,
}

/// The roads whose answers say whether something may run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum RecordedRoad {
    ImagePolicy,
    Validate,
}

impl From<RecordedRoad> for Road {
    fn from(road: RecordedRoad) -> Road {
        match road {
            RecordedRoad::ImagePolicy => Road::ImagePolicy,
            RecordedRoad::Validate => Road::Validate,
        }
    }
}

/// One review and its answer.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Recorded<'a> {
    /// RFC 3339.
    pub at: String,
    pub road: RecordedRoad,
    /// Values that were taken out of the review.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub redacted: usize,
    /// The object that values were taken out of could not be looked into: whether rules find secrets in it is not known.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub unexamined: bool,
    /// Rules that found secrets in what was taken out, by their ids.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub secrets: Vec<String>,
    pub answer: Given,
    /// The review, without its secrets.
    #[serde(borrow)]
    pub review: &'a RawValue,
}

fn is_zero(count: &usize) -> bool {
    *count == 0
}

/// The answer that was given.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Given {
    pub allowed: bool,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub message: String,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub warnings: Vec<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub decided: Vec<Decided>,
}

/// One verdict of an answer, in short.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Decided {
    /// The image as the review names it; none for the object itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub image: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub digest: Option<String>,
    /// The hash of what was found of its signatures; none where nobody looked for them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub signed: Option<String>,
    pub outcome: Outcome,
    pub effective: Outcome,
    pub mode: Mode,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub reasons: Vec<Why>,
    /// Kinds of what could not be told, where the outcome hangs on that. Records of earlier programs have none.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub problems: Vec<ProblemKind>,
}

/// One reason, in short.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Why {
    pub effect: Effect,
    pub code: ReasonCode,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub clause: Option<String>,
    pub message: String,
}

/// A line that is none of a record.
#[derive(Debug, Error)]
pub enum RecordError {
    #[error("read the line: it has more than {MAX_LINE} bytes")]
    TooLong,
    #[error("read the line: it is no line of a record")]
    Malformed(#[source] serde_json::Error),
    #[error("read the line: it is of version {0} of the format, and this program reads {RECORD_VERSION}")]
    Version(u32),
    #[error("read the line: it has more verdicts or rules than a review can")]
    TooMany,
}

/// Reads one line, without its line break.
///
/// # Errors
/// When it is none of a record, or of another version of it.
pub fn read_line(line: &[u8]) -> Result<Line<'_>, RecordError> {
    if line.len() > MAX_LINE {
        return Err(RecordError::TooLong);
    }
    let line: Line<'_> = serde_json::from_slice(line).map_err(RecordError::Malformed)?;
    match &line {
        Line::Head(head) if head.version != RECORD_VERSION => Err(RecordError::Version(head.version)),
        Line::Review(review) if review.answer.decided.len() > MAX_DECIDED || review.secrets.len() > MAX_SECRETS => {
            Err(RecordError::TooMany)
        }
        _ => Ok(line),
    }
}

/// Whether a line is worth reading before the reviews are: a head or an image. Told by its first bytes.
pub fn is_ground(line: &[u8]) -> bool {
    !line.starts_with(b"{\"review\":")
}

/// Whether a line is about an image, as far as its first bytes tell. One that cannot be read and is about none may have been
/// a head.
pub fn is_image(line: &[u8]) -> bool {
    line.starts_with(b"{\"image\":")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_read_as_it_was_written() {
        let review = RawValue::from_string(r#"{"kind":"ImageReview"}"#.into()).unwrap();
        let why = Why {
            effect: Effect::Deny,
            code: ReasonCode::Refused,
            clause: Some("images[x].refuse".into()),
            message: "no".into(),
        };
        let decided = Decided {
            image: Some("a:1".into()),
            digest: None,
            signed: Some("sha256:00".into()),
            outcome: Outcome::Denied,
            effective: Outcome::Denied,
            mode: Mode::Enforce,
            reasons: vec![why],
            problems: vec![ProblemKind::Unreachable],
        };
        let answer = Given { allowed: false, message: "no".into(), warnings: vec![], decided: vec![decided] };
        let recorded = Recorded {
            at: "2026-11-28T00:00:00Z".into(),
            road: RecordedRoad::ImagePolicy,
            redacted: 2,
            unexamined: true,
            secrets: vec!["literal-secret-in-env".into()],
            answer: answer.clone(),
            review: &review,
        };
        let text = serde_json::to_string(&Line::Review(Box::new(recorded))).unwrap();
        assert!(!is_ground(text.as_bytes()), "{text}");
        let Line::Review(again) = read_line(text.as_bytes()).unwrap() else { panic!("{text}") };
        assert_eq!((again.answer, again.redacted, again.unexamined), (answer, 2, true));
        assert_eq!(again.review.get(), r#"{"kind":"ImageReview"}"#);
    }

    #[test]
    fn what_is_no_line_is_told() {
        for bad in
            ["", "{}", "[]", "{\"review\":{}}", "{\"head\":{\"version\":1", "{\"other\":{}}", "{\"review\":null}"]
        {
            assert!(matches!(read_line(bad.as_bytes()), Err(RecordError::Malformed(_))), "{bad}");
        }
        let other = r#"{"head":{"version":9,"program":"p","at":"","policy":{"name":"","digest":""},"databases":[]}}"#;
        assert!(matches!(read_line(other.as_bytes()), Err(RecordError::Version(9))));
    }
}
