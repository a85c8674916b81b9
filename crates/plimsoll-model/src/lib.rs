//! The shared words of Plimsoll.
//!
//! In: nothing. Out: the nouns that the other crates hand to one another, in the order data flows:
//! reference → manifest → layers → files → packages → matches → findings → verdict → report.
//! What this crate does not do: read, fetch, match, judge or print. It imports no sibling.

pub mod advisory;
pub mod assessment;
pub mod digest;
pub mod distro;
pub mod finding;
pub mod image;
pub mod inventory;
pub mod lines;
pub mod lint;
pub mod loadline;
pub mod package;
pub mod purl;
pub mod reference;
pub mod severity;
pub mod signature;
pub mod text;
pub mod verdict;
pub mod vex;

pub use advisory::{
    Coverage, CoverageState, Cvss, DataSource, DatabaseInfo, DatabaseKind, Epss, Fix, FixDateSource, KnownExploited,
    Match, MatchState, Vulnerability,
};
pub use assessment::{Assessment, PolicyInfo, Report, Ruling, Subject, SubjectKind, ToolInfo, WorkloadFacts};
pub use digest::{Algorithm, Digest, DigestError};
pub use distro::{Distro, Family};
pub use finding::{Effect, Finding, Location, Problem, ProblemEffect, ProblemKind, RuleInfo, TextEdit, TextFix};
pub use image::{
    FileTree, HistoryEntry, ImageConfig, Layer, LayerReader, OpenEntry, OpenLayer, Platform, TreeEntry, TreeEntryKind,
    Visit,
};
pub use inventory::{Executable, ExecutableKind, FileFact, FileFactKind, Inventory, SeenFile, WastedFile};
pub use lines::Lines;
pub use lint::{FileKind, IgnoredBy, IgnoredFinding, LintCounts, LintFinding, LintReport, LintedFile};
pub use loadline::LoadLine;
pub use package::{Ecosystem, Package, Relationship, SourcePackage};
pub use reference::{ImageReference, ReferenceError};
pub use severity::{Severity, SeverityError};
pub use signature::{Doubt, Objection, Refused, SignatureFacts, SignedKind, Verified};
pub use verdict::{Clearance, Hidden, HiddenBy, Outcome, Reason, ReasonCode, Verdict};
pub use vex::{VexStatement, VexStatus};
