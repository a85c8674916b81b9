//! What a format may be told besides the report. In: the command line. Out: plain values.

use std::cmp::Ordering;

use plimsoll_model::{Ecosystem, RuleInfo};

use crate::text::natural;

/// Orders two versions of one ecosystem. The binary hands over the real orders; the default compares runs of digits as
/// numbers, which is enough to say which of two fixed versions is the later.
pub type VersionOrder = fn(Ecosystem, &str, &str) -> Ordering;

/// How to render.
#[derive(Debug, Clone, Copy)]
pub struct RenderOptions<'a> {
    /// ANSI colours, for the formats that people read in a terminal.
    pub colour: bool,
    /// Columns of the terminal; used by the table.
    pub width: usize,
    /// Everything, where a format for people would say "and 12 more".
    pub verbose: bool,
    /// The rules that findings name, for titles, help and links.
    pub rules: &'a [RuleInfo],
    pub version_order: VersionOrder,
}

impl Default for RenderOptions<'_> {
    fn default() -> Self {
        RenderOptions { colour: false, width: 100, verbose: false, rules: &[], version_order: natural::order }
    }
}

impl<'a> RenderOptions<'a> {
    /// The rule of that id.
    pub fn rule(&self, id: &str) -> Option<&'a RuleInfo> {
        self.rules.iter().find(|rule| rule.id == id)
    }
}

/// Why a report could not be rendered.
#[derive(Debug, thiserror::Error)]
pub enum ReportError {
    #[error("write the report as JSON")]
    Json(#[source] serde_json::Error),
}
