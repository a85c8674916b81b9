//! The base's release is at its end, or its lowest layer was built long ago.

use jiff::Timestamp;
use plimsoll_model::{Finding, ImageConfig, ProblemKind, RuleInfo, Severity};

use crate::image::{Facts, Rule, finding};

/// A base older than this has missed every update of a year; official images are rebuilt at least monthly.
const MAX_AGE_DAYS: i64 = 365;
/// Containers are younger than this (2013-01-01): an earlier date is a reproducible build's zero, not an age.
const FIRST_IMAGES: i64 = 1_356_998_400;

pub const RULE: Rule = Rule {
    info: RuleInfo {
        id: "unmaintained-base",
        severity: Severity::Medium,
        aliases: &[],
        opt_in: false,
        title: "The base gets no more updates, or has had none for a year",
        why: "Faults that are found from now on are not mended there, and nobody says so: a list without new entries looks \
              like a clean one.",
        remedy: "move to a release that is maintained, and rebuild on a fresh base at least monthly",
        bad: "FROM debian:8\nCOPY web /app/web",
        good: "FROM debian:13\nCOPY web /app/web",
    },
    check,
};

fn check(facts: &Facts<'_>) -> Vec<Finding> {
    let ended =
        facts.inventory.problems.iter().chain(facts.problems).any(|problem| problem.kind == ProblemKind::EndOfLife);
    if ended {
        let release = facts.inventory.distro.as_ref().map_or_else(|| "the base".to_owned(), ToString::to_string);
        let mut found = finding(&RULE.info, format!("{release} gets no more security updates"));
        found.severity = Severity::High;
        return vec![found];
    }
    let Some((at, created)) = facts.at.zip(facts.config().and_then(base_created)) else { return Vec::new() };
    let days = (at.as_second() - created.as_second()) / 86_400;
    if created.as_second() < FIRST_IMAGES || days <= MAX_AGE_DAYS {
        return Vec::new();
    }
    let day = created.strftime("%F");
    vec![finding(&RULE.info, format!("the base's lowest layer was built on {day}, {days} days ago"))]
}

/// When the lowest layer was made.
fn base_created(config: &ImageConfig) -> Option<Timestamp> {
    let lowest = config.history.iter().find(|entry| !entry.empty_layer)?;
    lowest.created.as_deref()?.parse().ok()
}
