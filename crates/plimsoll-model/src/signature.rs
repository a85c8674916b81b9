//! What was found of an image's signatures and attestations, held against the authorities of a policy. In: the binary, which has
//! them fetched and verified. Out: what the policy judges by. What it does not do: verify, or decide what is enough.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::digest::Digest;
use crate::finding::{Effect, Problem};
use crate::vex::VexStatement;

/// What somebody signed of an image.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum SignedKind {
    /// That it is theirs: its digest.
    Signature,
    /// A statement about it, with a predicate.
    Attestation,
}

/// A signature or attestation that an authority of the policy made, as verification showed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Verified {
    pub kind: SignedKind,
    /// The authority's name in the policy.
    pub authority: String,
    /// What was signed: of an index or of a manifest.
    pub digest: Digest,
    /// Who that was, in words: a key's fingerprint, or a certificate's identity and issuer.
    pub signer: String,
    /// What was signed along with the digest.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub annotations: BTreeMap<String, String>,
    /// By when it was there, as a transparency log or a time stamp shows; none where neither does. It may be far older: whoever has
    /// a signature can have it logged and stamped at any time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub signed_at: Option<Timestamp>,
    /// Before when it cannot have been made: the begin of the signer's certificate. None for a key, which is of any age.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub not_before: Option<Timestamp>,
    /// Until when it holds: the end of the signer's certificate, where nobody vouches for a time and that of verification had to do, or
    /// the signer's own word for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub not_after: Option<Timestamp>,
    /// Of an attestation: the type of its predicate, a URI.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub predicate_type: Option<String>,
    /// When the predicate says that it was made: the signer's own word.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub made_at: Option<Timestamp>,
    /// What Rego says of the statement, by the path of the policy that was asked. Nothing at a path: it has no objection.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub rego: BTreeMap<String, Vec<Objection>>,
    /// What its predicate says, where that is VEX.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub vex: Vec<VexStatement>,
    /// What of that could not be used: it hides nothing.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub vex_problems: Vec<Problem>,
}

/// What a policy in Rego says of a statement.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Objection {
    pub effect: Effect,
    pub message: String,
}

/// A signature or attestation that is there and that an authority of the policy was not found to have made.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Refused {
    pub kind: SignedKind,
    /// What it is said to be for.
    pub digest: Digest,
    /// The authority that it was held against; none where it fails whoever that is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub authority: Option<String>,
    /// Of an attestation, where that could be read. It is the word of whoever made it, and no more.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub predicate_type: Option<String>,
    /// A word for machines: `untrusted-key`, `identity`.
    pub code: String,
    /// One sentence without a full stop.
    pub message: String,
}

/// All that was found of one image's signatures and attestations.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SignatureFacts {
    /// The digest of the policy whose authorities they were held against: a name means another one elsewhere.
    pub policy: String,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub verified: Vec<Verified>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub refused: Vec<Refused>,
    /// What could not be fetched or verified to an end: there may be more than was found. What is there and is no signature, or none that
    /// is read, stands under `refused`: whoever may push can put it there.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub problems: Vec<Doubt>,
    /// Part of what is there was not read: it is more than is read, or no list of such things. It proves nothing; but it may be what
    /// speaks against the rest.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub partial: bool,
}

/// Something that could not be told of what is signed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Doubt {
    #[serde(flatten)]
    pub problem: Problem,
    /// Whose signature or attestation it may have been, by their names in the policy; anybody's where none is named.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub authorities: Vec<String>,
}

impl Doubt {
    /// Whether it may have been that authority's.
    pub fn concerns(&self, authority: &str) -> bool {
        self.authorities.is_empty() || self.authorities.iter().any(|name| name == authority)
    }
}

impl From<Problem> for Doubt {
    fn from(problem: Problem) -> Doubt {
        Doubt { problem, authorities: Vec::new() }
    }
}
