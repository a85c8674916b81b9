//! Words for people that several formats share. In: values of the model. Out: short phrases.

use plimsoll_model::{CoverageState, DatabaseKind, Effect, Fix, FixDateSource, HiddenBy, Match, Outcome, ReasonCode};

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

/// Since when there is a fix, and whose date that is; it is what a policy's grace counts from.
pub fn fixed_since(fix: &Fix) -> Option<String> {
    let Fix::Available { since: Some(since), since_source, .. } = fix else { return None };
    let whose = match since_source {
        Some(FixDateSource::Advisory) | None => "the advisory's date",
        Some(FixDateSource::FirstSeen) => "first seen in this database",
        Some(FixDateSource::Published) => "the vulnerability's publication",
    };
    Some(format!("since {since}, {whose}"))
}

/// What an upgrade clears: `1 critical`, `3 (1 critical, 2 high), 1 known exploited`.
pub fn cleared(counts: &Counts) -> String {
    let mut text = match counts.present().count() {
        1 => counts.words(),
        _ => format!("{} ({})", counts.total, counts.words()),
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

/// What hid it, and why when a reason was given.
pub fn hidden(by: HiddenBy, reason: &str) -> String {
    if reason.is_empty() { hidden_by(by).to_owned() } else { format!("{}: {reason}", hidden_by(by)) }
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

pub fn database_kind(kind: DatabaseKind) -> &'static str {
    match kind {
        DatabaseKind::Baseline => "embedded baseline",
        DatabaseKind::Trivy => "trivy.db",
        DatabaseKind::Index => "index",
        DatabaseKind::Osv => "OSV folder",
    }
}

/// What a reason is about, as the title of a rule.
pub fn reason(code: ReasonCode) -> &'static str {
    match code {
        ReasonCode::NoEntry => "no entry of the policy rules the image",
        ReasonCode::UnreadableName => "what should name an image does not",
        ReasonCode::Refused => "the policy refuses the image outright",
        ReasonCode::Tag => "the tag, or its absence, breaks the policy's rule",
        ReasonCode::Signature => "a signature that the policy asks for is not there, or nobody could tell",
        ReasonCode::Attestation => "an attestation that the policy asks for is not there, or nobody could tell",
        ReasonCode::Vulnerability => "a vulnerability that the policy does not let pass",
        ReasonCode::UndecidedMatch => "it could not be told whether a package is vulnerable",
        ReasonCode::Workload => "the manifest breaks what the policy asks of workloads",
        ReasonCode::Ruling => "one of the policies in Rego, of Gatekeeper or in CEL refuses it or warns of it",
        ReasonCode::Footprint => "the image's footprint breaks a rule of the policy",
        ReasonCode::Problem => "something could not be read or reached",
        ReasonCode::NoData => "there are no advisories for packages that are there",
        ReasonCode::StaleData => "the advisories are older than the policy allows",
        ReasonCode::BaselineOnly => "only the embedded baseline of advisories was there",
        ReasonCode::Exempt => "the policy exempts the image",
        ReasonCode::Expired => "a waiver or exemption is past its date or was not needed",
        ReasonCode::BreakGlass => "the glass was broken: the image runs though the policy does not let it",
        ReasonCode::Policy => "the policy could not be applied here",
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
