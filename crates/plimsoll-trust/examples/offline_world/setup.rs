//! What can be set in the offline world, and set wrong. In: nothing. Out: a setup in which all is right, to be changed.

use serde_json::json;

use super::der;
use super::world::{ARTIFACT, CODE_SIGNING, IDENTITY, ISSUER, SIGNED, SINCE, TIME_STAMPING, UNTIL, hex, sha256, usage};

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Log {
    /// Rekor's first version, with promise and proof.
    V1,
    /// The second.
    V2,
    /// None.
    Missing,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Sct {
    Good,
    WithExtensions,
    UnknownAndGood,
    Missing,
    /// Not in the certificate: it lies beside it.
    Beside,
    Empty,
    Truncated,
    UnknownLog,
    BadSignature,
    OtherIssuer,
    OtherVersion,
    /// Made a day before the log is trusted.
    TooEarly,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Kind {
    HashedRekord,
    Dsse,
    Intoto,
}

/// All that can be set, and set wrong.
#[derive(Clone)]
pub struct Setup {
    pub version: &'static str,
    pub log: Log,
    pub kind: Kind,
    /// What is signed where there is no envelope.
    pub artifact: Vec<u8>,
    /// The payload and its type; none signs the artifact itself.
    pub envelope: Option<(String, Vec<u8>)>,
    /// With a key, and no certificate.
    pub managed: bool,
    pub integrated: i64,
    pub promise: bool,
    pub proof: bool,
    pub witnesses: usize,
    pub origin: Option<String>,
    pub checkpoint_by_other: bool,
    /// A genuine checkpoint, from before the entry came.
    pub checkpoint_older: bool,
    pub stamp: bool,
    pub stamp_time: i64,
    pub stamped: Option<Vec<u8>>,
    /// The timestamp is over the envelope as it is written, as attestations of the classic form have it.
    pub stamped_envelope: bool,
    pub stamp_embeds: bool,
    pub stamp_forged: bool,
    pub stamp_bad_signature: bool,
    pub stamp_other_content: bool,
    pub stamp_unknown: bool,
    /// The timestamp says which certificate it was signed with.
    pub stamp_names_signer: bool,
    /// The authority's policy, and whether it says how right its clock is.
    pub stamp_policy: &'static str,
    pub stamp_accuracy: bool,
    pub tsa_purposes: Vec<&'static str>,
    pub tsa_purposes_critical: bool,
    pub tsa_usage: Vec<u8>,
    pub tsa_above_usage: Vec<u8>,
    pub tsa_valid: (i64, i64),
    pub tsa_above_valid: (i64, i64),
    pub leaf_valid: (i64, i64),
    pub leaf_purposes: Vec<&'static str>,
    pub leaf_usage: u8,
    pub leaf_is_authority: bool,
    pub leaf_names: Vec<Vec<u8>>,
    pub leaf_issuers: (Option<&'static str>, Option<&'static str>),
    pub leaf_extra: Vec<Vec<u8>>,
    pub middle_valid: (i64, i64),
    pub middle_purposes: Vec<&'static str>,
    pub middle_is_authority: bool,
    pub middle_depth: u64,
    /// An authority of our own between the trusted one and the signer.
    pub sct: Sct,
    /// The bundle brings intermediate and root.
    pub brings: Brings,
    /// The entry of the log is of these instead.
    pub logged_artifact: bool,
    pub logged_signature: bool,
    pub logged_key: bool,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Brings {
    Leaf,
    Middle,
    Root,
    /// A whole authority that nobody trusts, which issued the signer's certificate.
    OwnAuthority,
}

impl Default for Setup {
    fn default() -> Self {
        Self {
            version: "0.3",
            log: Log::V1,
            kind: Kind::HashedRekord,
            artifact: ARTIFACT.to_vec(),
            envelope: None,
            managed: false,
            integrated: SIGNED,
            promise: true,
            proof: true,
            witnesses: 0,
            origin: None,
            checkpoint_by_other: false,
            checkpoint_older: false,
            stamp: false,
            stamp_time: SIGNED,
            stamped: None,
            stamped_envelope: false,
            stamp_embeds: true,
            stamp_forged: false,
            stamp_bad_signature: false,
            stamp_other_content: false,
            stamp_unknown: false,
            stamp_names_signer: true,
            stamp_policy: "1.3.6.1.4.1.57264.2",
            stamp_accuracy: true,
            tsa_purposes: vec![TIME_STAMPING],
            tsa_purposes_critical: true,
            tsa_usage: usage(0x80),
            tsa_above_usage: usage(0x06),
            tsa_valid: (SINCE, UNTIL),
            tsa_above_valid: (SINCE, UNTIL),
            leaf_valid: (SIGNED - 60, SIGNED + 540),
            leaf_purposes: vec![CODE_SIGNING],
            leaf_usage: 0x80,
            leaf_is_authority: false,
            leaf_names: vec![der::element(0x86, IDENTITY.as_bytes())],
            leaf_issuers: (Some(ISSUER), Some(ISSUER)),
            leaf_extra: Vec::new(),
            middle_valid: (SINCE, UNTIL),
            middle_purposes: vec![CODE_SIGNING],
            middle_is_authority: true,
            middle_depth: 0,
            sct: Sct::Good,
            brings: Brings::Leaf,
            logged_artifact: false,
            logged_signature: false,
            logged_key: false,
        }
    }
}

impl Setup {
    /// The artifact's statement of this type.
    pub fn statement(predicate_type: &str) -> Self {
        Self::statement_of(&hex(&sha256(ARTIFACT)), predicate_type)
    }
    /// The statement of this type on what has that digest.
    pub fn statement_of(sha256: &str, predicate_type: &str) -> Self {
        let statement = json!({"_type": "https://in-toto.io/Statement/v1", "predicateType": predicate_type, "predicate": {},
            "subject": [{"digest": {"sha256": sha256}}]});
        Self::payload(statement.to_string().as_bytes())
    }
    /// An envelope of this payload, logged as such.
    pub fn payload(payload: &[u8]) -> Self {
        let envelope = Some(("application/vnd.in-toto+json".to_owned(), payload.to_vec()));
        Self { envelope, kind: Kind::Dsse, ..Self::default() }
    }
    /// In the second version of the log, with a timestamp.
    pub fn v2() -> Self {
        Self { log: Log::V2, stamp: true, ..Self::default() }
    }
}
