//! What linting gives. In: nothing. Out: the nouns of a lint run: files with their findings, what was kept quiet and why,
//! and what could not be read. What it does not do: decide; a caller compares severities with its own level.

use serde::{Deserialize, Serialize};

use crate::assessment::ToolInfo;
use crate::finding::{Finding, Problem, ProblemEffect};
use crate::severity::Severity;

/// What a linted file is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum FileKind {
    /// A Dockerfile or Containerfile.
    Dockerfile,
    /// Kubernetes objects in YAML or JSON.
    Manifest,
}

impl FileKind {
    /// The family of rules that looks at it, as users write it.
    pub fn name(self) -> &'static str {
        match self {
            FileKind::Dockerfile => "dockerfile",
            FileKind::Manifest => "manifest",
        }
    }
}

/// A run over files.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct LintReport {
    pub tool: ToolInfo,
    /// Sorted by path.
    pub files: Vec<LintedFile>,
    /// Of the run as a whole: paths that could not be listed, a baseline that has entries too many.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub problems: Vec<Problem>,
    /// Findings that were mended in this run.
    #[serde(default)]
    pub fixed: usize,
}

/// One file, and what is wrong with it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct LintedFile {
    pub path: String,
    /// Nothing for a file that could not be read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kind: Option<FileKind>,
    /// In the order of the file.
    pub findings: Vec<LintFinding>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub problems: Vec<Problem>,
    /// What an ignore or the baseline keeps quiet.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub ignored: Vec<IgnoredFinding>,
    /// For excerpts; empty where there is no finding.
    #[serde(skip)]
    pub text: String,
}

/// A finding and the name that it keeps when lines move.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct LintFinding {
    #[serde(flatten)]
    pub finding: Finding,
    /// Of rule, path and the text at fault, with a counter for those that are alike.
    pub fingerprint: String,
}

/// A finding that does not count, and why.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct IgnoredFinding {
    #[serde(flatten)]
    pub finding: LintFinding,
    pub by: IgnoredBy,
    /// In the words of whoever ignores it; may be empty.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub reason: String,
}

/// What keeps a finding quiet.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum IgnoredBy {
    /// A comment or an annotation in the file.
    File,
    Baseline,
    /// A waiver of the policy.
    Policy,
}

/// Findings that count, by severity.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct LintCounts {
    pub files: usize,
    pub critical: usize,
    pub high: usize,
    pub medium: usize,
    pub low: usize,
    /// Of a rule without a severity.
    pub unknown: usize,
    /// Of them, those with a safe fix.
    pub fixable: usize,
    /// Of them, those whose fix may change what a build or a workload does.
    pub unsafe_fixable: usize,
    pub ignored: usize,
    pub baselined: usize,
    /// What could not be read or understood, and bears on the answer.
    pub undecided: usize,
    pub fixed: usize,
}

impl LintCounts {
    /// All findings that count.
    pub fn findings(&self) -> usize {
        self.critical + self.high + self.medium + self.low + self.unknown
    }
}

impl LintedFile {
    /// From 100, nothing found, down to 0: what the findings that count weigh together. For comparing one state of a file with
    /// the next, or one file with its neighbour; the exit status goes by severities.
    pub fn score(&self) -> u32 {
        let weight = |severity| match severity {
            Severity::Critical => 40,
            Severity::High => 20,
            Severity::Medium => 8,
            Severity::Low => 3,
            Severity::Unknown => 0,
        };
        let weights = self.findings.iter().map(|found| weight(found.finding.severity));
        100u32.saturating_sub(weights.fold(0, u32::saturating_add))
    }
}

impl LintReport {
    /// Every finding that counts, with its file.
    pub fn findings(&self) -> impl Iterator<Item = (&LintedFile, &LintFinding)> {
        self.files.iter().flat_map(|file| file.findings.iter().map(move |finding| (file, finding)))
    }

    /// Every problem, of files and of the run.
    pub fn all_problems(&self) -> impl Iterator<Item = &Problem> {
        self.files.iter().flat_map(|file| &file.problems).chain(&self.problems)
    }

    pub fn counts(&self) -> LintCounts {
        let mut counts = LintCounts { files: self.files.len(), fixed: self.fixed, ..LintCounts::default() };
        for (_, LintFinding { finding, .. }) in self.findings() {
            match finding.severity {
                Severity::Critical => counts.critical += 1,
                Severity::High => counts.high += 1,
                Severity::Medium => counts.medium += 1,
                Severity::Low => counts.low += 1,
                Severity::Unknown => counts.unknown += 1,
            }
            match &finding.fix {
                Some(fix) if fix.safe => counts.fixable += 1,
                Some(_) => counts.unsafe_fixable += 1,
                None => {}
            }
        }
        for ignored in self.files.iter().flat_map(|file| &file.ignored) {
            match ignored.by {
                IgnoredBy::File | IgnoredBy::Policy => counts.ignored += 1,
                IgnoredBy::Baseline => counts.baselined += 1,
            }
        }
        counts.undecided = self.all_problems().filter(|p| p.effect == ProblemEffect::Undecided).count();
        counts
    }

    /// The worst finding that counts.
    pub fn worst(&self) -> Option<Severity> {
        self.findings().map(|(_, found)| found.finding.severity).max()
    }
}
