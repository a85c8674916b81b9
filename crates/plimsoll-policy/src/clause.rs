//! One vulnerability clause against one match. In: the clause, the match, the time. Out: whether it holds, does not, or
//! cannot be told; and the clause in words.

use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use plimsoll_model::loadline::{FixTest, SeverityTest, VulnerabilityClause};
use plimsoll_model::{Fix, FixDateSource, Match, Severity};

use crate::units::duration_words;

/// Whether a clause holds for a match.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Test {
    No,
    Holds,
    /// It will hold from that day on: until then the fix is too young.
    Grace(Date),
    /// There is a fix and nobody says since when, so the grace cannot be shown to run or to be over.
    UnknownFixDate,
    /// The clause asks for an EPSS score, and no score at all is known in this run.
    NoScores,
}

/// Holds `clause` against `m`. `scores` says whether any EPSS data was there.
pub(crate) fn test(clause: &VulnerabilityClause, m: &Match, at: Timestamp, scores: bool) -> Test {
    let certain = clause.severity.is_none_or(|s| s.holds(m.severity))
        && clause.fix.is_none_or(|f| (f == FixTest::Available) == m.fix.is_available())
        && clause.known_exploited.is_none_or(|wanted| wanted == m.known_exploited.is_some())
        && (clause.ids.is_empty() || clause.ids.iter().any(|id| m.has_id(id)));
    if !certain {
        return Test::No;
    }
    let scored = match (clause.epss, &m.epss) {
        (Some(least), Some(epss)) if epss.score < least => return Test::No,
        (Some(_), None) if scores || !m.ids().any(|id| id.starts_with("CVE-")) => return Test::No,
        (Some(_), None) => false,
        _ => true,
    };
    let Some(grace) = clause.grace_seconds else {
        return if scored { Test::Holds } else { Test::NoScores };
    };
    let Some(end) = fix_date(m).and_then(|(since, _)| end_of_grace(since, grace)) else {
        return if m.fix.is_available() { Test::UnknownFixDate } else { Test::No };
    };
    if at < end {
        Test::Grace(TimeZone::UTC.to_datetime(end).date())
    } else if scored {
        Test::Holds
    } else {
        Test::NoScores
    }
}

fn end_of_grace(since: Date, grace: u64) -> Option<Timestamp> {
    let start = TimeZone::UTC.to_timestamp(since.at(0, 0, 0, 0)).ok()?;
    let end = start.as_second().checked_add(i64::try_from(grace).ok()?)?;
    Timestamp::from_second(end).ok()
}

/// Since when there is a fix, and who says so: the advisory, else the database, else the vulnerability's publication,
/// for no fix is older than that.
pub(crate) fn fix_date(m: &Match) -> Option<(Date, FixDateSource)> {
    let Fix::Available { since, since_source, .. } = &m.fix else { return None };
    match since {
        Some(since) => Some((*since, since_source.unwrap_or(FixDateSource::Advisory))),
        None => m.vulnerability.published.map(|at| (TimeZone::UTC.to_datetime(at).date(), FixDateSource::Published)),
    }
}

/// Where a fix's date comes from, in words.
pub(crate) fn source_words(source: FixDateSource) -> &'static str {
    match source {
        FixDateSource::Advisory => "the advisory's date",
        FixDateSource::FirstSeen => "the day this database first had the fix",
        FixDateSource::Published => "the vulnerability's publication",
    }
}

/// The clause's tests as the end of "3 vulnerabilities …".
pub(crate) fn words(clause: &VulnerabilityClause) -> String {
    let mut words: Vec<String> = Vec::new();
    match clause.severity {
        Some(SeverityTest::AtLeast(Severity::Unknown)) => words.push("of any severity".into()),
        Some(SeverityTest::AtLeast(Severity::Critical)) => words.push("of severity critical".into()),
        Some(SeverityTest::AtLeast(least)) => words.push(format!("of severity {least} or above")),
        Some(SeverityTest::Exactly(one)) => words.push(format!("of severity {one}")),
        None => {}
    }
    match (clause.fix, clause.grace_seconds) {
        (Some(FixTest::Available), Some(grace)) => {
            words.push(format!("with a fix that is older than {}", duration_words(grace)))
        }
        (Some(FixTest::Available), None) => words.push("with a fix".into()),
        (Some(FixTest::None), _) => words.push("without a fix".into()),
        (None, Some(grace)) => words.push(format!("fixed for more than {}", duration_words(grace))),
        (None, None) => {}
    }
    match clause.known_exploited {
        Some(true) => words.push("known to be exploited".into()),
        Some(false) => words.push("not known to be exploited".into()),
        None => {}
    }
    if let Some(least) = clause.epss {
        words.push(format!("with an EPSS score of {least} or more"));
    }
    if !clause.ids.is_empty() {
        words.push("that the policy names".into());
    }
    words.join(", ")
}
