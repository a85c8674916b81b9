//! Dockerfiles and Containerfiles. In: a file's text and what the user set. Out: findings with places and fixes.
//! What it does not do: build, or look at any other file.
//!
//! How to add a rule: write `rules/your_fault.rs` with a `pub const RULE: Rule`, then add its `mod` line and its line in
//! [`RULES`] below. Its `bad` and `good` examples are whole Dockerfiles: its documentation and its first two tests.

pub mod ast;
pub mod parse;
mod run_scripts;

mod rules {}

use std::collections::BTreeMap;

use plimsoll_model::RuleInfo;

use crate::source::Found;

pub use ast::Dockerfile;
pub use parse::parse;
pub use run_scripts::{RunScript, run_scripts};

/// Every Dockerfile rule, in the order of the documentation.
pub const RULES: &[&Rule] = &[];

/// A rule: what it is, and the function from a file to what is wrong with it.
pub struct Rule {
    pub info: RuleInfo,
    pub check: fn(&Dockerfile<'_>, &Options, &mut Vec<Found>),
}

/// What a project says of itself.
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// Registries that bases may come from; `*` stands for anything. Empty: any.
    pub trusted_registries: Vec<String>,
    /// Labels that must be there, and the form of their values.
    pub label_schema: BTreeMap<String, LabelForm>,
    /// No other labels than those of the schema.
    pub strict_labels: bool,
}

/// The form of a label's value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LabelForm {
    Text,
    Url,
    Rfc3339,
    Spdx,
    Hash,
    Semver,
    Email,
}
