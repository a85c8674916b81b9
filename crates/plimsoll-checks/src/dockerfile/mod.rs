//! Dockerfiles and Containerfiles. In: a file's text and what the user set. Out: findings with places and fixes.
//! What it does not do: build, or look at any other file.
//!
//! How to add a rule: write `rules/your_fault.rs` with a `pub const RULE: Rule`, then add its `mod` line and its line in
//! [`RULES`] below. Its `bad` and `good` examples are whole Dockerfiles: its documentation and its first two tests.

pub mod ast;
pub mod json;
pub mod parse;
mod runs;

mod rules {
    pub mod base_image;
    pub mod commands;
    pub mod copies;
    pub mod inline_ignore;
    pub mod packages;
    pub mod places;
    pub mod shell_form;
    pub mod stages;
}

use std::collections::BTreeMap;

use plimsoll_model::RuleInfo;

use crate::source::Found;
use rules::packages::{apk, apt, gem, go, npm, pip, rpm, zypper};
use rules::{base_image, commands, copies, inline_ignore, places, shell_form, stages};

pub use ast::Dockerfile;
pub use json::json;
pub use parse::parse;
pub use runs::{Argument, Call, Run};

/// Every Dockerfile rule, in the order of the documentation.
pub const RULES: &[&Rule] = &[
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
