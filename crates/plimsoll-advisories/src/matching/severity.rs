//! Which of many severities counts. In: what the advisory and the vulnerability's raters say. Out: one, and whose it is.

use plimsoll_model::{Severity, Vulnerability};

use crate::record::Advisory;

/// Raters in the order of asking where neither the advisory's source nor NVD has a word.
const RATERS: &[&str] = &[
    "nvd",
    "redhat",
    "redhat-oval",
    "debian",
    "ubuntu",
    "alpine",
    "amazon",
    "oracle-oval",
    "suse-cvrf",
    "photon",
    "arch-linux",
    "alma",
    "rocky",
    "cbl-mariner",
    "azure",
    "ruby-advisory-db",
    "php-security-advisories",
    "nodejs-security-wg",
    "ghsa",
    "glad",
    "aqua",
    "osv",
    "pypa",
    "rustsec",
    "k8s",
    "wolfi",
    "chainguard",
    "bitnami",
    "govulndb",
    "julia",
];

/// The source's own rating for this package, else its rating of the vulnerability, else GitHub's (for its own ids), else
/// NVD's, else what the database chose without saying whose it is, else any other rater's, else a CVSS score.
/// The package's own rating is also set among the vulnerability's raters.
pub fn choose(id: &str, advisory: &Advisory, details: &mut Vulnerability) -> (Severity, Option<String>) {
    let rated = |severity: &Severity| *severity != Severity::Unknown;
    if let Some(own) = advisory.severity.filter(rated) {
        let source = advisory.source.id.clone();
        match details.vendor_severity.iter_mut().find(|(name, _)| *name == source) {
            Some((_, severity)) => *severity = own,
            None => {
                details.vendor_severity.push((source.clone(), own));
                details.vendor_severity.sort();
            }
        }
        return (own, Some(source));
    }
    let by = |name: &str| details.vendor_severity.iter().find(|(n, s)| n == name && rated(s)).map(|(_, s)| *s);
    let source = advisory.source.base_id.as_deref().unwrap_or(&advisory.source.id);
    let first = [source, if id.starts_with("GHSA-") { "ghsa" } else { "nvd" }, "nvd"];
    if let Some((name, severity)) = first.into_iter().find_map(|name| by(name).map(|s| (name, s))) {
        return (severity, Some(name.to_owned()));
    }
    if let Some(severity) = details.severity.filter(rated) {
        return (severity, None);
    }
    let others = details.vendor_severity.iter().map(|(name, _)| name.as_str());
    if let Some((name, severity)) = RATERS.iter().copied().chain(others).find_map(|name| by(name).map(|s| (name, s))) {
        return (severity, Some(name.to_owned()));
    }
    let scored = |name: Option<&str>| {
        let ratings = details.cvss.iter().filter(|rating| name.is_none_or(|name| rating.source == name));
        ratings
            .filter_map(|rating| {
                let score = rating.v40_score.or(rating.v3_score).or(rating.v2_score)?;
                Some((Severity::from_cvss(score), rating.source.clone()))
            })
            .find(|(severity, _)| rated(severity))
    };
    match scored(Some(source)).or_else(|| scored(Some("nvd"))).or_else(|| scored(None)) {
        Some((severity, name)) => (severity, Some(name)),
        None => (Severity::Unknown, None),
    }
}
