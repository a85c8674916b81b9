//! What is told to the API server, before it is put into the shape of a protocol.

use std::collections::BTreeMap;

use plimsoll_model::Verdict;

use crate::review::NamedImage;
use crate::words;

/// What of a review was judged.
#[derive(Debug, Clone, Copy)]
pub enum Asked<'a> {
    Image(&'a NamedImage),
    /// The object itself, whatever its images are.
    Object,
}

/// One verdict on a review.
#[derive(Debug, Clone, Copy)]
pub struct Decision<'a> {
    pub on: Asked<'a>,
    /// `effective` decides.
    pub verdict: &'a Verdict,
    /// What was judged: the digest of the manifest or index.
    pub digest: Option<&'a str>,
    /// Seconds after which asking again is worth it.
    pub retry_after: Option<u32>,
}

/// What a decision rests on, for the audit log.
#[derive(Debug, Clone)]
pub struct About<'a> {
    /// The policy's name.
    pub policy: &'a str,
    pub policy_digest: &'a str,
    /// `plimsoll.index@sha256:…, baseline`.
    pub databases: &'a str,
    pub verdict_digest: String,
}

/// The answer to a review.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    pub allowed: bool,
    /// The HTTP status that the user's client is shown with a denial: 403 for a verdict, 400 for what could not be read.
    pub code: u16,
    /// One line; empty where there is nothing to say.
    pub message: String,
    /// Shown to the user, each at most 256 characters.
    pub warnings: Vec<String>,
    /// For the API server's audit log. Keys are fit for the name part of a qualified name.
    pub audit: BTreeMap<String, String>,
    /// The bytes of a JSON Patch (RFC 6902).
    pub patch: Option<Vec<u8>>,
}

/// Characters of a refusal's words.
const MAX_REFUSAL: usize = 1024;

/// Denied without a verdict, because the review could not be read: for those whose asker may not ask or who come when
/// there is no room, say `Answer { code: 401, ..refuse(why) }` or 503.
pub fn refuse(why: &str) -> Answer {
    Answer {
        allowed: false,
        code: 400,
        message: words::sentence(why, MAX_REFUSAL),
        warnings: Vec::new(),
        audit: BTreeMap::from([("outcome".to_owned(), "refused".to_owned())]),
        patch: None,
    }
}
