//! What another policy would change, by workload and rule. In: a [`Replay`]. Out: bytes. What this does not do: judge.

mod html;
mod table;

use std::collections::BTreeMap;
use std::fmt;

use plimsoll_model::{PolicyInfo, ToolInfo};
use serde::Serialize;

use crate::options::{RenderOptions, ReportError};

/// What would become of reviews, the weightiest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Change {
    NewlyDenied,
    /// Refused because it could not be told, and ran.
    NewlyUndecided,
    /// What it rests on is not in the record.
    NotJudged,
    NewlyWarned,
    NewlyAllowed,
    NoLongerWarned,
    /// Refused before and after, once denied and once because it could not be told.
    RefusedOtherwise,
}

impl Change {
    /// All, the weightiest first.
    pub const ALL: [Change; 7] = [
        Change::NewlyDenied,
        Change::NewlyUndecided,
        Change::NotJudged,
        Change::NewlyWarned,
        Change::NewlyAllowed,
        Change::NoLongerWarned,
        Change::RefusedOtherwise,
    ];

    /// The words for people.
    pub fn words(self) -> &'static str {
        match self {
            Change::NewlyDenied => "newly denied",
            Change::NewlyUndecided => "newly refused, could not tell",
            Change::NotJudged => "not judged",
            Change::NewlyWarned => "newly warned",
            Change::NewlyAllowed => "newly allowed",
            Change::NoLongerWarned => "no longer warned",
            Change::RefusedOtherwise => "refused for another reason",
        }
    }
}

/// Whose reviews: the controller of a pod where it says one, else the object itself.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
pub struct Workload {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub namespace: Option<String>,
    /// `Deployment`; empty where a review does not say.
    pub kind: String,
    pub name: String,
}

impl fmt::Display for Workload {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.kind.is_empty(), self.name.is_empty()) {
            (true, true) => f.write_str("images"),
            (true, false) => f.write_str(&self.name),
            (false, true) => f.write_str(&self.kind),
            (false, false) => write!(f, "{}/{}", self.kind, self.name),
        }
    }
}

/// One workload and one rule of a change.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Changed {
    pub change: Change,
    pub workload: Workload,
    /// The policy's clause, or the reason's code where no clause decided.
    pub rule: String,
    pub reviews: usize,
    /// The images of the reasons, the first few.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub images: Vec<String>,
    /// One of the reasons.
    pub message: String,
    /// When the first and the last of the reviews came.
    pub first: String,
    pub last: String,
}

/// What a replay found.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Replay {
    pub schema_version: u32,
    pub tool: ToolInfo,
    pub against: PolicyInfo,
    /// The policy that was judged by for comparison; none where the recorded answers are compared with.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub in_force: Option<PolicyInfo>,
    pub reviews: usize,
    pub unchanged: usize,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub first: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last: Option<String>,
    /// Reviews of each change: a review of several rules counts once.
    pub changes: BTreeMap<Change, usize>,
    /// By change, the weightiest first; of one change those of most reviews first.
    pub workloads: Vec<Changed>,
    /// What bears on all of it: lines that could not be read, values that are not in the record.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<String>,
}

impl Replay {
    /// Reviews of one change.
    pub fn count(&self, change: Change) -> usize {
        self.changes.get(&change).copied().unwrap_or(0)
    }

    /// The rows of one change.
    fn rows(&self, change: Change) -> Vec<&Changed> {
        self.workloads.iter().filter(|row| row.change == change).collect()
    }

    fn compared(&self) -> String {
        match &self.in_force {
            Some(policy) => format!("the policy {}", policy.name),
            None => "the recorded answers".to_owned(),
        }
    }
}

/// One way to show a replay.
pub struct ReplayFormat {
    pub name: &'static str,
    pub about: &'static str,
    pub render: fn(&Replay, &RenderOptions<'_>) -> Result<Vec<u8>, ReportError>,
}

/// All of them.
pub const REPLAY_FORMATS: &[ReplayFormat] = &[
    ReplayFormat { name: "table", about: "for people at a terminal", render: table::render },
    ReplayFormat { name: "json", about: "everything, for programs", render: json },
    ReplayFormat { name: "html", about: "one page by itself, to send around", render: html::render },
];

fn json(replay: &Replay, _: &RenderOptions<'_>) -> Result<Vec<u8>, ReportError> {
    let mut bytes = serde_json::to_vec_pretty(replay).map_err(ReportError::Json)?;
    bytes.push(b'\n');
    Ok(bytes)
}
