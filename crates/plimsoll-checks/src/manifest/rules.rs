//! Manifest rules. In: objects of Kubernetes manifests. Out: what is wrong with them, with places and fixes.
//!
//! How to add a rule: write `rules/your_fault.rs` (or a file for a family of close ones) with a `pub const RULE: Rule`, then
//! add its `mod` line and its line in [`RULES`] below. Its `bad` and `good` examples are whole manifests: its documentation
//! and its first two tests.

use plimsoll_model::RuleInfo;

use super::object::{Container, Manifest, Object, Workload};
use crate::source::{Found, Source};

/// Every manifest rule, in the order of the documentation.
pub const RULES: &[&Rule] = &[];

/// A rule: what it is, and the function from a part of a manifest to what is wrong with it.
pub struct Rule {
    pub info: RuleInfo,
    pub check: Check,
}

/// What a rule looks at.
pub enum Check {
    /// Each object, of any kind.
    Object(fn(&Object, &Context<'_>, &mut Vec<Found>)),
    /// Each object that makes pods.
    Workload(fn(&Workload<'_>, &Context<'_>, &mut Vec<Found>)),
    /// Each container of each pod.
    Container(fn(&Container<'_>, &Workload<'_>, &Context<'_>, &mut Vec<Found>)),
    /// All files of a run together: each finding is of the file at that index.
    Project(fn(&[Manifest<'_>], &mut Vec<(usize, Found)>)),
}

/// What surrounds the part that a rule looks at.
pub struct Context<'a> {
    pub source: &'a Source<'a>,
}
