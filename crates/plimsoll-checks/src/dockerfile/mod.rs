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
mod walk;

mod rules {
    pub mod base;
    pub mod base_image;
    pub mod before_from;
    pub mod commands;
    pub mod consecutive_runs;
    pub mod copies;
    pub mod copy_places;
    pub mod downloads;
    pub mod env_of_itself;
    pub mod healthcheck;
    pub mod identity;
    pub mod inline_ignore;
    pub mod labels;
    pub mod left_behind;
    pub mod maintainer;
    pub mod onbuild;
    pub mod overridden_commands;
    pub mod package_caches;
    pub mod packages;
    pub mod places;
    pub mod platform;
    pub mod questions;
    pub mod secrets;
    pub mod secrets_in_variables;
    pub mod shell_form;
    pub mod shells;
    pub mod stage_names;
    pub mod stages;
    pub mod state;
    pub mod trust;
    pub mod updates;
    pub mod user_by_name;
    pub mod useradd;
}

use std::collections::BTreeMap;

use plimsoll_model::RuleInfo;

use crate::source::Found;
use rules::packages::{apk, apt, gem, go, npm, pip, rpm, zypper};
use rules::{
    base, base_image, before_from, commands, consecutive_runs, copies, copy_places, downloads, env_of_itself,
    healthcheck, identity, inline_ignore, labels, left_behind, maintainer, onbuild, overridden_commands,
    package_caches, places, platform, questions, secrets, secrets_in_variables, shell_form, shells, stage_names,
    stages, state, trust, updates, user_by_name, useradd,
};

pub use ast::Dockerfile;
pub use json::json;
pub use parse::parse;
pub use run_scripts::{RunScript, run_scripts};
pub use runs::{Argument, Call, Run};

/// Every Dockerfile rule, in the order of the documentation.
pub const RULES: &[&Rule] = &[
    &identity::USER_MISSING,
    &identity::WORLD_WRITABLE_PATH,
    &identity::WRITABLE_ETC,
    &secrets::SECRET_IN_DOCKERFILE,
    &secrets::SECRET_FILE_COPIED,
    &trust::PIPED_TO_SHELL,
    &trust::TLS_VERIFICATION_OFF,
    &trust::UNSIGNED_PACKAGES,
    &trust::REMOTE_FILE_UNCHECKED,
    &base::FULL_OS_BASE,
    &base::SINGLE_STAGE_BUILD,
    &base::SHELL_LEFT_BEHIND,
    &left_behind::BUILD_TOOL_LEFT_BEHIND,
    &left_behind::DEBUG_TOOL_LEFT_BEHIND,
    &state::STATE_IN_IMAGE,
    &state::SSH_PORT_EXPOSED,
    &updates::LISTS_UPDATED_ALONE,
    &updates::DISTRIBUTION_UPGRADE,
    &base_image::UNTAGGED,
    &base_image::LATEST,
    &base_image::UNTRUSTED,
    &stages::DUPLICATE,
    &stages::UNKNOWN,
    &stages::OWN,
    &copies::ADD,
    &copies::NO_SLASH,
    &copies::UNPACKED,
    &places::WORKDIR,
    &places::ROOT,
    &places::PORT,
    &places::HEALTHCHECKS,
    &shell_form::RULE,
    &commands::POINTLESS,
    &commands::CD,
    &commands::SUDO,
    &apt::APT,
    &apt::ASKS,
    &apt::RECOMMENDS,
    &apt::LISTS,
    &apk::CACHE,
    &apt::UNPINNED,
    &apk::UNPINNED,
    &pip::UNPINNED,
    &npm::UNPINNED,
    &gem::UNPINNED,
    &rpm::YUM,
    &rpm::DNF,
    &zypper::UNPINNED,
    &go::UNPINNED,
    &inline_ignore::RULE,
    &platform::CONSTANT,
    &questions::YUM,
    &package_caches::YUM,
    &questions::ZYPPER,
    &questions::DIST_UPGRADE,
    &package_caches::ZYPPER,
    &questions::DNF,
    &package_caches::DNF,
    &package_caches::PIP,
    &onbuild::RULE,
    &env_of_itself::RULE,
    &copy_places::RELATIVE,
    &useradd::RULE,
    &downloads::PROGRESS,
    &labels::keys::RULE,
    &labels::schema::MISSING,
    &labels::schema::SUPERFLUOUS,
    &labels::forms::EMPTY,
    &labels::forms::URL,
    &labels::forms::TIME,
    &labels::forms::LICENCE,
    &labels::forms::HASH,
    &labels::forms::VERSION,
    &healthcheck::RULE,
    &labels::forms::EMAIL,
    &consecutive_runs::RULE,
    &package_caches::YARN,
    &before_from::RULE,
    &stage_names::RESERVED,
    &secrets_in_variables::RULE,
    &platform::REDUNDANT,
    &user_by_name::RULE,
    &copy_places::EVERYTHING,
    &maintainer::RULE,
    &downloads::BOTH,
    &overridden_commands::CMD,
    &overridden_commands::ENTRYPOINT,
    &shells::LINK,
    &shells::PIPE,
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
    /// Rules that have a code of hadolint's fire wherever it fires, also where nothing is wrong as far as we can tell.
    pub as_hadolint: bool,
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
