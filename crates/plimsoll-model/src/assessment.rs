//! Everything known about one subject, and the report over all subjects of a run. In: the binary's `assess` and the
//! policy's `judge`. Out: what every format is rendered from. What it does not do: gather or render.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::advisory::{Coverage, DatabaseInfo, Match};
use crate::digest::Digest;
use crate::finding::{Effect, Finding, Location, Problem};
use crate::inventory::Inventory;
use crate::reference::ImageReference;
use crate::signature::SignatureFacts;
use crate::verdict::{Outcome, Verdict};

/// What kind of thing was judged.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum SubjectKind {
    Image,
    /// A project folder: lockfiles.
    Filesystem,
    /// An unpacked root file system.
    Rootfs,
    Sbom,
    /// One object of a manifest.
    Manifest,
    Dockerfile,
}

/// What an object of a manifest asks for, as far as only a policy can judge it.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct WorkloadFacts {
    /// The images of all its containers, as far as their names could be read.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub images: Vec<ImageReference>,
    /// There are more images, with names that nobody can read.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub unreadable_images: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub runtime_class: Option<String>,
    /// An update that left both as they were: nobody judges them again.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub unchanged: bool,
}

/// The thing that was judged.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Subject {
    pub kind: SubjectKind,
    /// As the user or the manifest named it.
    pub name: String,
    /// The full name that the policy judges; none for folders and SBOMs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reference: Option<ImageReference>,
    /// The digest that was judged: the platform's manifest.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub digest: Option<Digest>,
    /// The digest of the index that the manifest was picked from, where there was one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub index_digest: Option<Digest>,
    /// The digest of the configuration: Docker's image id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub image_id: Option<Digest>,
    /// Where manifests and Dockerfiles name it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub named_at: Vec<Location>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub namespace: Option<String>,
}

impl Subject {
    /// The digest that signatures of it must be of: what the name says, else what it led to, which is the index where there is one.
    ///
    /// # Errors
    /// Why there is none, in words: none is known, or the name says one and another was looked into. Who signed the one says
    /// nothing of the other.
    pub fn signed_digest(&self) -> Result<&Digest, String> {
        let known = || [&self.index_digest, &self.digest].into_iter().flatten();
        let named = self.reference.as_ref().and_then(ImageReference::digest);
        match (named, known().next()) {
            (_, None) => Err("it has no digest by which its registry knows it".to_owned()),
            (Some(named), Some(other)) if !known().any(|one| one == named) => {
                Err(format!("its name says {named}, and what was looked into is {other}"))
            }
            (Some(named), _) => Ok(named),
            (None, Some(digest)) => Ok(digest),
        }
    }
}

/// One subject with all that was found; `verdict` is there once it was judged.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Assessment {
    pub subject: Subject,
    pub inventory: Inventory,
    pub matches: Vec<Match>,
    pub findings: Vec<Finding>,
    pub coverage: Vec<Coverage>,
    /// Of an object that makes pods.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub workload: Option<WorkloadFacts>,
    /// Of an image whose policy asks for signatures or attestations; none = nobody looked for them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub signatures: Option<SignatureFacts>,
    /// What policies in other languages say.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub rulings: Vec<Ruling>,
    /// All problems: the source's, the inventory's and the matcher's.
    pub problems: Vec<Problem>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub verdict: Option<Verdict>,
}

/// What a policy of somebody else's says of a subject.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Ruling {
    pub effect: Effect,
    pub message: String,
    /// Which policy: `policies[0]: data.kubernetes.admission.deny`.
    pub clause: String,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ToolInfo {
    pub name: String,
    pub version: String,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PolicyInfo {
    pub name: String,
    pub digest: String,
    /// The files, or empty for the embedded default.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub files: Vec<String>,
}

/// One run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Report {
    /// Version of the JSON format.
    pub schema_version: u32,
    pub tool: ToolInfo,
    /// The time that the run was judged at; an input, so that the same inputs give the same bytes.
    pub at: Timestamp,
    pub policy: PolicyInfo,
    pub databases: Vec<DatabaseInfo>,
    pub assessments: Vec<Assessment>,
    /// Problems of the run itself, of no one subject.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub problems: Vec<Problem>,
    pub outcome: Outcome,
}
