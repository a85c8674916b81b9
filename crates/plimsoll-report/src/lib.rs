//! Verdicts and inventories to bytes, one file per format.
//!
//! In: a [`Report`] (or a [`Bill`], an inventory that nobody judged yet), or what a lint run found. Out: bytes. What this crate does not do: judge,
//! recompute an outcome, read a clock, or write anywhere.
//!
//! The same report gives the same bytes: [`canonical`] puts everything whose order carries no meaning in a fixed order
//! before a format sees it.

mod canonical;
mod components;
mod docs;
mod formats;
mod licence;
mod lint;
mod options;
mod policy_tests;
mod replay;
mod text;
mod view;

pub use canonical::canonical;
pub use components::Bill;
pub use docs::formats_markdown;
pub use formats::{FORMATS, Format, Render, RenderBill, format};
pub use lint::{LINT_FORMATS, LINT_SCHEMA_VERSION, LintFormat, LintOptions, RenderLint, lint_format};
pub use options::{RenderOptions, ReportError, VersionOrder};
#[doc(no_inline)]
pub use plimsoll_model::Report;
pub use policy_tests::{POLICY_TEST_FORMATS, PolicyTestFormat, PolicyTests, TestCase, TestFile};
pub use replay::{Change, Changed, REPLAY_FORMATS, Replay, ReplayFormat, Workload};
pub use text::safe::{at_line_start, safe};
pub use view::actions::{Action, BaseHint};
pub use view::{Counts, SubjectView, View};

/// Version of our own JSON format: `Report::schema_version`. It rises when a field changes its meaning or goes away, not
/// when one is added.
pub const SCHEMA_VERSION: u32 = 1;
