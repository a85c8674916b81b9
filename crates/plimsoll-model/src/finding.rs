//! What is wrong, and where. In: rules and readers. Out: findings (a fault) and problems (something that could not be
//! read or known). What it does not do: decide; that is the policy's word.

use std::borrow::Cow;
use std::fmt;

use serde::{Deserialize, Serialize};

use crate::reference::ReferenceError;
use crate::severity::Severity;

/// A place: in an image (layer, path), in a file (path, line, column), or in neither.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Location {
    /// Path in the image without the leading slash, or of the file as the user named it. Empty for the image as a whole.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub path: String,
    /// Index into the inventory's layers, lowest first.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub layer: Option<usize>,
    /// First line, from 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub line: Option<u32>,
    /// Column of the first character, from 1, in characters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub column: Option<u32>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub end_line: Option<u32>,
    /// Column after the last character, from 1, in characters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub end_column: Option<u32>,
}

impl Location {
    /// A path without layer or line.
    pub fn path(path: impl Into<String>) -> Location {
        Location { path: path.into(), ..Location::default() }
    }

    /// A path in a layer of an image.
    pub fn in_layer(path: impl Into<String>, layer: usize) -> Location {
        Location { path: path.into(), layer: Some(layer), ..Location::default() }
    }

    /// A line of a file, from 1.
    pub fn line(path: impl Into<String>, line: u32) -> Location {
        Location { path: path.into(), line: Some(line), ..Location::default() }
    }
}

impl fmt::Display for Location {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.path)?;
        if let Some(line) = self.line {
            write!(f, ":{line}")?;
            if let Some(column) = self.column {
                write!(f, ":{column}")?;
            }
        }
        Ok(())
    }
}

/// A rule as data: what documentation, `explain`, SARIF metadata and tests derive from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RuleInfo {
    /// Named for the fault, so that "allow RULE" reads as English. Ids are forever.
    pub id: &'static str,
    pub severity: Severity,
    /// What other tools call the same fault: `DL3007`, `KSV-0017`, `CKV_K8S_16`. Ignores and `explain` take them too.
    pub aliases: &'static [&'static str],
    /// Looked for only where somebody asks for it by name.
    pub opt_in: bool,
    /// One line: the fault.
    pub title: &'static str,
    /// Why it matters.
    pub why: &'static str,
    /// What to do.
    pub remedy: &'static str,
    /// A small example that has the fault.
    pub bad: &'static str,
    /// The same, mended.
    pub good: &'static str,
}

/// One fault that a rule found.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Finding {
    /// The rule's id.
    pub rule: String,
    pub severity: Severity,
    /// What is wrong here, in one sentence without a full stop.
    pub message: String,
    /// What to do about this one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub remedy: Option<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub locations: Vec<Location>,
    /// The number that a threshold in the policy is compared with (bytes for sizes), where the rule has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub measure: Option<u64>,
    /// How the file may be mended, where a rule knows.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fix: Option<TextFix>,
}

/// A change of the file that a finding's first location names.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TextFix {
    /// What it does, for people: `add --no-install-recommends`.
    pub title: String,
    /// The file means what it meant, but for the fault. What is not safe may change what a build or a workload does.
    pub safe: bool,
    /// In the order of the file, none touching another.
    pub edits: Vec<TextEdit>,
}

/// Bytes `start..end` of a file become `text`; an insertion where both are equal.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct TextEdit {
    pub start: usize,
    pub end: usize,
    pub text: String,
}

impl Finding {
    /// Whether the fault is there under `threshold`, the policy's own measure if it names one. A finding with a measure
    /// and severity `Unknown` is only a measurement below the rule's own limit: it is a fault where a policy's threshold
    /// says so, and reports leave it out otherwise.
    pub fn holds(&self, threshold: Option<u64>) -> bool {
        match (self.measure, threshold) {
            (Some(measure), Some(threshold)) => measure >= threshold,
            (Some(_), None) => self.severity != Severity::Unknown,
            (None, _) => true,
        }
    }
}

/// What a problem does to the verdict.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ProblemEffect {
    /// Nothing that bears on the verdict was missed.
    Note,
    /// Something was not read or not known: the verdict cannot be "allowed" unless the policy says so.
    Undecided,
}

/// What kind of thing could not be read or known.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ProblemKind {
    /// The image, manifest or file could not be reached.
    Unreachable,
    /// A digest or size is not what was promised.
    DigestMismatch,
    /// A layer, archive or compressed stream is broken.
    BrokenArchive,
    /// A limit on size, count, depth or time was hit; the rest was not read.
    LimitReached,
    /// A package database or metadata file could not be read, whole or in part.
    UnreadableMetadata,
    /// A file of a kind that we know and do not read yet.
    SeenNotRead,
    /// A version that its ecosystem's order cannot place.
    UnreadableVersion,
    /// No advisories for this distribution or ecosystem.
    NoData,
    /// Advisories older than the policy allows.
    StaleData,
    /// The distribution's release gets no more advisories.
    EndOfLife,
    /// No distribution could be told though packages of one are there.
    UnknownDistro,
    /// An advisory record that could not be used.
    BadAdvisory,
    /// The document is not what it should be.
    BadInput,
    /// What should name an image does not, so nobody can say what would run. A denial, whatever the policy says of "could
    /// not tell"; unlike the lack of a name in an archive, which is no problem at all.
    UnreadableName,
    /// Nobody looked into the subject. That is no "could not tell" that the policy may let pass.
    NotExamined,
}

/// Something that could not be read or known. Never dropped: it travels into the report and, unless it is a mere note,
/// into the verdict.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Problem {
    pub kind: ProblemKind,
    pub effect: ProblemEffect,
    /// Lower-case fragment that names the thing: `read layer sha256:ab12…: unexpected end of gzip data`.
    pub message: String,
    /// The way out, when we know one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hint: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub location: Option<Location>,
}

impl Problem {
    /// A problem that makes the answer "could not tell".
    pub fn undecided(kind: ProblemKind, message: impl Into<String>) -> Problem {
        Problem { kind, effect: ProblemEffect::Undecided, message: message.into(), hint: None, location: None }
    }

    /// A problem that is only worth knowing.
    pub fn note(kind: ProblemKind, message: impl Into<String>) -> Problem {
        Problem { effect: ProblemEffect::Note, ..Problem::undecided(kind, message) }
    }

    /// The problem of a text that is no image name.
    pub fn unreadable_name(name: &str, error: &ReferenceError) -> Problem {
        let message = format!("read the image name {:?}: {}", cut(name), cut(&error.to_string()));
        Problem::undecided(ProblemKind::UnreadableName, message)
    }

    pub fn with_hint(mut self, hint: impl Into<String>) -> Problem {
        self.hint = Some(hint.into());
        self
    }

    pub fn at(mut self, location: Location) -> Problem {
        self.location = Some(location);
        self
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(location) = self.location.as_ref().filter(|l| !l.path.is_empty()) {
            write!(f, "{location}: ")?;
        }
        f.write_str(&self.message)?;
        if let Some(hint) = &self.hint {
            write!(f, " (hint: {hint})")?;
        }
        Ok(())
    }
}

/// What a message shows of a text that anybody may have written, in characters.
const MAX_SHOWN: usize = 256;

fn cut(text: &str) -> Cow<'_, str> {
    match text.char_indices().nth(MAX_SHOWN) {
        Some((end, _)) => format!("{}…", &text[..end]).into(),
        None => text.into(),
    }
}

/// What a policy clause does with what it matches. `Deny` is the strongest.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Effect {
    /// Said, without weight.
    Info,
    Warn,
    Undecided,
    Deny,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unreadable_name_is_named_with_its_fault_and_cut() {
        let of =
            |name: &str| Problem::unreadable_name(name, &name.parse::<crate::ImageReference>().unwrap_err()).message;
        let short = of("acme/shop@sha256:beef");
        assert!(short.starts_with("read the image name \"acme/shop@sha256:beef\": "), "{short}");
        assert!(short.contains("4 hexadecimal digits"), "{short}");
        let long = of(&format!("acme/{}", "Shöp\n".repeat(100_000)));
        assert!(long.chars().count() < 1200 && !long.contains('\n'), "{long}");
    }

    #[test]
    fn measurement_is_a_fault_only_where_a_threshold_says_so() {
        let finding = |severity, measure| Finding {
            rule: "image-too-large".into(),
            severity,
            message: String::new(),
            remedy: None,
            locations: Vec::new(),
            measure,
            fix: None,
        };
        assert!(!finding(Severity::Unknown, Some(10)).holds(None));
        assert!(finding(Severity::Unknown, Some(10)).holds(Some(10)));
        assert!(!finding(Severity::Low, Some(10)).holds(Some(11)));
        assert!(finding(Severity::Low, Some(10)).holds(None));
        assert!(finding(Severity::Low, None).holds(Some(11)));
    }
}
