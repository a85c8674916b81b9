//! Dockerfiles and Containerfiles. In: a file's text and what the user set. Out: findings with places and fixes.
//! What it does not do: build, or look at any other file.
//!
//! How to add a rule: write `rules/your_fault.rs` with a `pub const RULE: Rule`, then add its `mod` line and its line in
//! [`RULES`] below. Its `bad` and `good` examples are whole Dockerfiles: its documentation and its first two tests.

pub mod ast;
pub mod json;
pub mod parse;
mod runs;
mod walk;

mod rules {
    pub mod base;
    pub mod downloads;
    pub mod identity;
    pub mod left_behind;
    pub mod secrets;
    pub mod state;
    pub mod updates;
}

use std::collections::BTreeMap;

use plimsoll_model::RuleInfo;

use crate::source::Found;

pub use ast::Dockerfile;
pub use json::json;
pub use parse::parse;
pub use runs::{Argument, Call, Run};

/// Every Dockerfile rule, in the order of the documentation.
pub const RULES: &[&Rule] = &[
    &rules::identity::USER_MISSING,
    &rules::identity::WORLD_WRITABLE_PATH,
    &rules::identity::WRITABLE_ETC,
    &rules::secrets::SECRET_IN_DOCKERFILE,
    &rules::secrets::SECRET_FILE_COPIED,
    &rules::downloads::PIPED_TO_SHELL,
    &rules::downloads::TLS_VERIFICATION_OFF,
    &rules::downloads::UNSIGNED_PACKAGES,
    &rules::downloads::REMOTE_FILE_UNCHECKED,
    &rules::base::FULL_OS_BASE,
    &rules::base::SINGLE_STAGE_BUILD,
    &rules::base::SHELL_LEFT_BEHIND,
    &rules::left_behind::BUILD_TOOL_LEFT_BEHIND,
    &rules::left_behind::DEBUG_TOOL_LEFT_BEHIND,
    &rules::state::STATE_IN_IMAGE,
    &rules::state::SSH_PORT_EXPOSED,
    &rules::updates::LISTS_UPDATED_ALONE,
    &rules::updates::DISTRIBUTION_UPGRADE,
];

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
