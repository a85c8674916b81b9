//! Words for people that several formats share. In: values of the model. Out: short phrases.

use plimsoll_model::{CoverageState, DatabaseKind, Effect, Fix, HiddenBy, Match, Outcome, ProblemKind, SubjectKind};

use super::Counts;

/// Why there is nothing to upgrade to, or `fixed in …`.
pub fn fix(fix: &Fix) -> String {
    match fix {
        Fix::Available { versions, .. } => format!("fixed in {}", versions.join(", ")),
        Fix::None => "no fix yet".into(),
        Fix::WontFix => "will not be fixed".into(),
        Fix::Deferred => "fix put off".into(),
        Fix::EndOfLife => "end of life, no more fixes".into(),
        Fix::UnderInvestigation => "under investigation".into(),
    }
}

/// What an upgrade clears: `1 critical`, `3 (1 critical, 2 high), 1 known exploited`.
pub fn cleared(counts: &Counts) -> String {
    let mut text = match counts.total {
        1 => counts.words(),
        total => format!("{total} ({})", counts.words()),
    };
    match (counts.known_exploited, counts.total) {
        (0, _) => {}
        (1, 1) => text.push_str(", known exploited"),
        (some, _) => text.push_str(&format!(", {some} known exploited")),
    }
    text
}

pub fn hidden_by(by: HiddenBy) -> &'static str {
    match by {
        HiddenBy::Waiver => "waived",
        HiddenBy::Vex => "not affected by VEX",
        HiddenBy::Unimportant => "of no weight to the distribution",
        HiddenBy::Grace => "in grace",
    }
}

pub fn effect(effect: Effect) -> &'static str {
    match effect {
        Effect::Deny => "denies",
        Effect::Undecided => "could not tell",
        Effect::Warn => "warns",
        Effect::Info => "for information",
    }
}

/// The outcome in capitals, as a headline.
pub fn headline(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Allowed => "ALLOWED",
        Outcome::Undecided => "COULD NOT TELL",
        Outcome::Denied => "DENIED",
    }
}

pub fn subject_kind(kind: SubjectKind) -> &'static str {
    match kind {
        SubjectKind::Image => "image",
        SubjectKind::Filesystem => "folder",
        SubjectKind::Rootfs => "root file system",
        SubjectKind::Sbom => "SBOM",
    }
}

pub fn database_kind(kind: DatabaseKind) -> &'static str {
    match kind {
        DatabaseKind::Baseline => "embedded baseline",
        DatabaseKind::Trivy => "trivy.db",
        DatabaseKind::Index => "index",
        DatabaseKind::Osv => "OSV folder",
    }
}

pub fn coverage(state: &CoverageState) -> String {
    match state {
        CoverageState::Covered => "matched".into(),
        CoverageState::BaselineOnly => "baseline only".into(),
        CoverageState::NoData { reason } if reason.is_empty() => "no data".into(),
        CoverageState::NoData { reason } => format!("no data: {reason}"),
    }
}

pub fn problem_kind(kind: ProblemKind) -> &'static str {
    match kind {
        ProblemKind::Unreachable => "unreachable",
        ProblemKind::DigestMismatch => "digest mismatch",
        ProblemKind::BrokenArchive => "broken archive",
        ProblemKind::LimitReached => "limit reached",
        ProblemKind::UnreadableMetadata => "unreadable metadata",
        ProblemKind::SeenNotRead => "seen, not read",
        ProblemKind::UnreadableVersion => "unreadable version",
        ProblemKind::NoData => "no data",
        ProblemKind::StaleData => "stale data",
        ProblemKind::EndOfLife => "end of life",
        ProblemKind::UnknownDistro => "unknown distribution",
        ProblemKind::BadAdvisory => "bad advisory",
        ProblemKind::BadInput => "bad input",
    }
}

/// The name in kebab case, as the model serialises it: for ids of rules in outside formats.
pub fn slug<T: serde::Serialize>(value: &T) -> String {
    match serde_json::to_value(value) {
        Ok(serde_json::Value::String(word)) => word,
        _ => String::new(),
    }
}

/// The first line worth showing of what is known: the title, else the start of the description.
pub fn title(m: &Match) -> &str {
    let v = &m.vulnerability;
    if v.title.is_empty() { &v.description } else { &v.title }
}

/// The page that tells more about a vulnerability.
pub fn link(id: &str) -> Option<String> {
    let plain = |text: &str| text.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b':' | b'.'));
    if !plain(id) {
        return None;
    }
    if id.starts_with("CVE-") {
        Some(format!("https://nvd.nist.gov/vuln/detail/{id}"))
    } else if id.starts_with("GHSA-") {
        Some(format!("https://github.com/advisories/{id}"))
    } else if id.starts_with("DSA-") || id.starts_with("DLA-") || id.starts_with("TEMP-") {
        Some(format!("https://security-tracker.debian.org/tracker/{id}"))
    } else if ["GO-", "RUSTSEC-", "PYSEC-", "OSV-", "MAL-"].iter().any(|p| id.starts_with(p)) {
        Some(format!("https://osv.dev/vulnerability/{id}"))
    } else {
        None
    }
}
