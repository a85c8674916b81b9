//! Dockerfiles and Containerfiles. In: a file's text and what the user set. Out: findings with places and fixes.
//! What it does not do: build, or look at any other file.
//!
//! How to add a rule: write `rules/your_fault.rs` with a `pub const RULE: Rule`, then add its `mod` line and its line in
//! [`RULES`] below. Its `bad` and `good` examples are whole Dockerfiles: its documentation and its first two tests.

pub mod ast;
pub mod json;
pub mod parse;
mod run_scripts;
mod runs;

mod rules {
    pub mod before_from;
    pub mod consecutive_runs;
    pub mod copy_places;
    pub mod downloads;
    pub mod env_of_itself;
    pub mod healthcheck;
    pub mod labels;
    pub mod maintainer;
    pub mod onbuild;
    pub mod overridden_commands;
    pub mod package_caches;
    pub mod platform;
    pub mod questions;
    pub mod secrets_in_variables;
    pub mod shells;
    pub mod stage_names;
    pub mod user_by_name;
    pub mod useradd;
}

use std::collections::BTreeMap;

use plimsoll_model::RuleInfo;

use crate::source::Found;

pub use ast::Dockerfile;
pub use json::json;
pub use parse::parse;
pub use run_scripts::{RunScript, run_scripts};
pub use runs::{Argument, Call, Run};

/// Every Dockerfile rule, in the order of the documentation.
pub const RULES: &[&Rule] = &[
    &rules::platform::CONSTANT,
    &rules::questions::YUM,
    &rules::package_caches::YUM,
    &rules::questions::ZYPPER,
    &rules::questions::DIST_UPGRADE,
    &rules::package_caches::ZYPPER,
    &rules::questions::DNF,
    &rules::package_caches::DNF,
    &rules::package_caches::PIP,
    &rules::onbuild::RULE,
    &rules::env_of_itself::RULE,
    &rules::copy_places::RELATIVE,
    &rules::useradd::RULE,
    &rules::downloads::PROGRESS,
    &rules::labels::keys::RULE,
    &rules::labels::schema::MISSING,
    &rules::labels::schema::SUPERFLUOUS,
    &rules::labels::forms::EMPTY,
    &rules::labels::forms::URL,
    &rules::labels::forms::TIME,
    &rules::labels::forms::LICENCE,
    &rules::labels::forms::HASH,
    &rules::labels::forms::VERSION,
    &rules::healthcheck::RULE,
    &rules::labels::forms::EMAIL,
    &rules::consecutive_runs::RULE,
    &rules::package_caches::YARN,
    &rules::before_from::RULE,
    &rules::stage_names::RESERVED,
    &rules::secrets_in_variables::RULE,
    &rules::platform::REDUNDANT,
    &rules::user_by_name::RULE,
    &rules::copy_places::EVERYTHING,
    &rules::maintainer::RULE,
    &rules::downloads::BOTH,
    &rules::overridden_commands::CMD,
    &rules::overridden_commands::ENTRYPOINT,
    &rules::shells::LINK,
    &rules::shells::PIPE,
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
