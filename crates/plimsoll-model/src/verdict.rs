//! The answer. In: the policy's judgement. Out: one outcome with its reasons, read by command line, reports and
//! admission alike. Only the policy crate's `judge` makes one.

use serde::{Deserialize, Serialize};

use crate::finding::Effect;
use crate::loadline::{Mode, Place};

/// May it run? The order is that of strength: any denial wins over "could not tell".
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Outcome {
    Allowed,
    Undecided,
    Denied,
}

impl Outcome {
    /// The word for people.
    pub fn word(self) -> &'static str {
        match self {
            Outcome::Allowed => "allowed",
            Outcome::Undecided => "could not tell",
            Outcome::Denied => "denied",
        }
    }
}

/// Why a reason is there: stable words for machines.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ReasonCode {
    /// No entry of the policy rules the image.
    NoEntry,
    /// What should name an image does not.
    UnreadableName,
    /// The entry refuses the image outright.
    Refused,
    /// The tag or its absence breaks the entry's rule.
    Tag,
    /// A signature that the entry asks for is not there, or nobody could tell; and who signed, for information.
    Signature,
    /// An attestation that the entry asks for is not there, or nobody could tell; and which one holds or is not believed, as warning or
    /// for information.
    Attestation,
    /// A vulnerability clause holds.
    Vulnerability,
    /// A match whose state could not be told.
    UndecidedMatch,
    /// A footprint rule holds.
    Footprint,
    /// A manifest breaks what the policy asks of workloads.
    Workload,
    /// A policy in another language (Rego, Gatekeeper's, CEL) decided.
    Ruling,
    /// Something could not be read or reached.
    Problem,
    /// No data for packages that are there.
    NoData,
    /// The data is older than the policy allows.
    StaleData,
    /// Only the embedded baseline was there.
    BaselineOnly,
    /// The image is exempt.
    Exempt,
    /// A waiver or exemption is past its date or was not needed.
    Expired,
    /// The policy's break-glass lets run what is denied or could not be told.
    BreakGlass,
    /// The policy itself could not be applied here (an entry asks for a namespace and none is known).
    Policy,
}

/// One reason of a verdict.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Reason {
    pub effect: Effect,
    pub code: ReasonCode,
    /// One sentence without a full stop that stands by itself: names the thing, the fault and the way out.
    pub message: String,
    /// The clause of the policy that decided: `images[shop].vulnerabilities.deny[0]`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub clause: Option<String>,
    /// Indexes into the assessment's matches.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub matches: Vec<usize>,
    /// Indexes into the assessment's findings.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub findings: Vec<usize>,
    /// Indexes into the assessment's problems.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub problems: Vec<usize>,
}

/// What hid a match or finding.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum HiddenBy {
    Waiver,
    Vex,
    /// The feed files it as of no weight.
    Unimportant,
    /// The fix is younger than the clause's grace.
    Grace,
}

/// A match or finding that the verdict did not count, and why. Counted, never silent.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Hidden {
    pub by: HiddenBy,
    pub reason: String,
    /// Index into the assessment's matches, or
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub r#match: Option<usize>,
    /// into its findings.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub finding: Option<usize>,
}

/// A policy entry that ruled, or came near.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Clearance {
    pub entry: String,
    pub place: Place,
}

/// The answer for one subject.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Verdict {
    /// What the policy says, before `mode` softens what happens.
    pub outcome: Outcome,
    /// The mode in force for this subject.
    pub mode: Mode,
    /// Whether it may run: the outcome, softened by `mode` and by what the policy says of "could not tell".
    pub effective: Outcome,
    /// The entry that ruled.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ruled_by: Option<Clearance>,
    /// Strongest first.
    pub reasons: Vec<Reason>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub hidden: Vec<Hidden>,
    /// Waivers, exemptions and VEX statements that matched nothing, one sentence each.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub unused: Vec<String>,
}
