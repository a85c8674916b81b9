//! What linting found, to bytes. In: a lint report. Out: one of [`LINT_FORMATS`]. What it does not do: lint, mend or decide.
//!
//! How to add one: a file beside this one with `pub fn render(report: &LintReport, options: &LintOptions<'_>) ->
//! Result<Vec<u8>, ReportError>`, a `mod` line, and an entry in [`LINT_FORMATS`]. Help, `docs/formats.md` and the tests that
//! every format must pass (same bytes twice, hostile text made harmless) derive from the slice.

mod checkstyle;
mod excerpt;
mod github;
mod gitlab;
mod json;
mod junit;
mod sarif;
mod short;
mod text;

use plimsoll_model::{
    FileKind, LintFinding, LintReport, LintedFile, Location, Problem, ProblemEffect, RuleInfo, Severity,
};

use crate::options::ReportError;

/// Version of our own JSON of a lint run. It rises when a field changes its meaning or goes away.
pub const LINT_SCHEMA_VERSION: u32 = 1;

/// A lint report to bytes.
pub type RenderLint = fn(&LintReport, &LintOptions<'_>) -> Result<Vec<u8>, ReportError>;

/// One format of `plimsoll lint`.
#[derive(Debug, Clone, Copy)]
pub struct LintFormat {
    /// What `--format` takes.
    pub name: &'static str,
    /// One line for help and documentation.
    pub what: &'static str,
    /// Of a file, without the dot.
    pub extension: &'static str,
    pub media_type: &'static str,
    pub render: RenderLint,
}

/// All formats, the default first.
pub const LINT_FORMATS: &[LintFormat] = &[
    LintFormat {
        name: "text",
        what: "for people in a terminal: each fault with its line, carets, help and fix",
        extension: "txt",
        media_type: "text/plain; charset=utf-8",
        render: text::render,
    },
    LintFormat {
        name: "short",
        what: "one line per fault: path:line:column: severity rule message",
        extension: "txt",
        media_type: "text/plain; charset=utf-8",
        render: short::render,
    },
    LintFormat {
        name: "json",
        what: "everything, versioned (schemaVersion 1): places, fixes with their edits, problems, counts",
        extension: "json",
        media_type: "application/json",
        render: json::render,
    },
    LintFormat {
        name: "sarif",
        what: "SARIF 2.1.0, for code hosts: rules with help, regions with columns, fixes, fingerprints, what is ignored",
        extension: "sarif",
        media_type: "application/sarif+json",
        render: sarif::render,
    },
    LintFormat {
        name: "github",
        what: "workflow commands: annotations beside the changed lines of a pull request",
        extension: "txt",
        media_type: "text/plain; charset=utf-8",
        render: github::render,
    },
    LintFormat {
        name: "gitlab",
        what: "Code Quality JSON, for the widget of a merge request",
        extension: "json",
        media_type: "application/json",
        render: gitlab::render,
    },
    LintFormat {
        name: "checkstyle",
        what: "Checkstyle XML, for Jenkins and editors",
        extension: "xml",
        media_type: "application/xml",
        render: checkstyle::render,
    },
    LintFormat {
        name: "junit",
        what: "JUnit XML, for CI servers: a suite per file, a failure per fault, an error for what was not read",
        extension: "xml",
        media_type: "application/xml",
        render: junit::render,
    },
];

/// The format of that name.
pub fn lint_format(name: &str) -> Option<&'static LintFormat> {
    LINT_FORMATS.iter().find(|format| format.name == name)
}

/// How to render.
#[derive(Debug, Clone, Copy)]
pub struct LintOptions<'a> {
    /// ANSI colours, for the formats that people read in a terminal.
    pub colour: bool,
    /// Columns of the terminal.
    pub width: usize,
    /// The rules that findings name, with the names of their families: `dockerfile`, `manifest`, `lint`.
    pub rules: &'a [(&'static str, &'static RuleInfo)],
}

impl Default for LintOptions<'_> {
    fn default() -> Self {
        LintOptions { colour: false, width: 100, rules: &[] }
    }
}

impl LintOptions<'_> {
    /// The rule of a finding in a file of that kind, with its family.
    fn rule(&self, kind: Option<FileKind>, id: &str) -> Option<(&'static str, &'static RuleInfo)> {
        let of = |family: &str| self.rules.iter().find(|(name, rule)| *name == family && rule.id == id).copied();
        kind.and_then(|kind| of(kind.name())).or_else(|| of("lint"))
    }

    /// `latest-base-tag/DL3007`: our name, and the one by which another tool's users look the fault up. Codes come before
    /// words, and names with blanks stay out: they would not look like one.
    fn label(&self, kind: Option<FileKind>, id: &str) -> String {
        let aliases = self.rule(kind, id).map(|(_, rule)| rule.aliases).unwrap_or_default();
        let mut names = aliases.iter().filter(|alias| !alias.contains(char::is_whitespace));
        let code = names.clone().find(|alias| alias.bytes().any(|byte| byte.is_ascii_digit()));
        match code.or_else(|| names.next()) {
            Some(alias) => format!("{id}/{alias}"),
            None => id.to_owned(),
        }
    }
}

/// The files in the order of their paths.
fn files(report: &LintReport) -> Vec<&LintedFile> {
    let mut files: Vec<&LintedFile> = report.files.iter().collect();
    files.sort_by(|a, b| a.path.cmp(&b.path));
    files
}

/// Where a finding is; the file as a whole where it has no place.
fn place<'a>(file: &LintedFile, found: &'a LintFinding) -> std::borrow::Cow<'a, Location> {
    match found.finding.locations.first() {
        Some(location) => std::borrow::Cow::Borrowed(location),
        None => std::borrow::Cow::Owned(Location::path(file.path.clone())),
    }
}

/// `could not read the file: …`, as every format says it.
fn said(problem: &Problem) -> String {
    let hint = problem.hint.as_ref().map(|hint| format!(" (hint: {hint})")).unwrap_or_default();
    format!("could not {}{hint}", problem.message)
}

/// What of a file could not be told, for formats that are lines: a document that is no YAML is a finding there already, with
/// its place and remedy.
fn untold(file: &LintedFile) -> impl Iterator<Item = &Problem> {
    let line = |place: Option<&Location>| place.and_then(|place| place.line);
    let broken = file.findings.iter().map(|found| &found.finding).filter(|finding| finding.rule == "broken-yaml");
    let told: std::collections::HashSet<u32> = broken.filter_map(|finding| line(finding.locations.first())).collect();
    let is_told = move |problem: &Problem| line(problem.location.as_ref()).is_some_and(|line| told.contains(&line));
    file.problems.iter().filter(move |problem| !is_told(problem))
}

/// Whether a problem bears on the answer: a mere note must not fail a build.
fn is_undecided(problem: &Problem) -> bool {
    problem.effect == ProblemEffect::Undecided
}

/// The name under which formats that want a rule show a problem.
const PROBLEM: &str = "could-not-tell";

/// Error, warning or note, as compilers say it.
fn level(severity: Severity) -> &'static str {
    match severity {
        Severity::Critical | Severity::High => "error",
        Severity::Medium => "warning",
        Severity::Low | Severity::Unknown => "note",
    }
}

/// `1 file`, `2 files`.
fn counted(count: usize, noun: &str) -> String {
    if count == 1 { format!("1 {noun}") } else { format!("{count} {noun}s") }
}

/// The run in one line: `3 files: 2 high, 1 medium; 2 can be fixed with --fix`.
fn summary(report: &LintReport) -> String {
    let counts = report.counts();
    let levels = [
        (counts.critical, "critical"),
        (counts.high, "high"),
        (counts.medium, "medium"),
        (counts.low, "low"),
        (counts.unknown, "unknown"),
    ];
    let mut parts = vec![counted(counts.files, "file")];
    parts.extend(levels.iter().filter(|(count, _)| *count > 0).map(|(count, word)| format!("{count} {word}")));
    if counts.findings() == 0 {
        parts.push("nothing found".to_owned());
    }
    let mut more = Vec::new();
    if counts.undecided > 0 {
        more.push(format!("{} could not be told", counts.undecided));
    }
    if counts.fixed > 0 {
        more.push(format!("{} fixed", counts.fixed));
    }
    if counts.fixable > 0 {
        more.push(format!("{} can be fixed with --fix", counts.fixable));
    }
    if counts.unsafe_fixable > 0 {
        more.push(format!("{} with --fix --unsafe-fixes", counts.unsafe_fixable));
    }
    if counts.ignored > 0 {
        more.push(format!("{} ignored", counts.ignored));
    }
    if counts.baselined > 0 {
        more.push(format!("{} in the baseline", counts.baselined));
    }
    let more = if more.is_empty() { String::new() } else { format!("; {}", more.join(", ")) };
    format!("{}{more}", parts.join(", "))
}
