//! The vulnerability clauses of the entry. In: matches that nothing hides. Out: one reason per clause, naming how many,
//! the worst, and the upgrade that clears most; matches that are hidden by a clause's grace.

use std::collections::{BTreeMap, BTreeSet};

use plimsoll_model::loadline::VulnerabilityClause;
use plimsoll_model::{Effect, FixDateSource, Hidden, HiddenBy, Match, MatchState, Reason, ReasonCode};

use super::hide::Hiding;
use super::{Case, Found, plural, reason};
use crate::clause::{self, Test};
use crate::units::duration_words;

/// Fixed versions that a message names before it says "…".
const MAX_VERSIONS: usize = 3;

/// A match in grace: its index, and the day the grace ends.
type InGrace = (usize, jiff::civil::Date);

pub(super) fn judge(case: &Case<'_>, hiding: &Hiding, found: &mut Found) {
    let all = &case.assessment.matches;
    let scores = all.iter().any(|m| m.epss.is_some());
    let open = |wanted_affected: bool| {
        all.iter().enumerate().filter(move |(i, m)| {
            !hiding.matches.contains(i)
                && match m.state {
                    MatchState::Affected => wanted_affected,
                    MatchState::Undecided { .. } => !wanted_affected,
                    MatchState::NotAffected { .. } => false,
                }
        })
    };
    let rules = &case.entry.vulnerabilities;
    let mut denied: BTreeSet<usize> = BTreeSet::new();
    let mut counted: BTreeSet<usize> = BTreeSet::new();
    let mut grace: Vec<(String, &VulnerabilityClause, Vec<InGrace>)> = Vec::new();
    let mut weighed: BTreeMap<usize, Effect> = BTreeMap::new();
    for (effect, word, clauses) in [(Effect::Deny, "deny", &rules.deny), (Effect::Warn, "warn", &rules.warn)] {
        for (number, clause) in clauses.iter().enumerate() {
            let path = format!("vulnerabilities.{word}[{number}]");
            let mut sorted = Sorted::default();
            for (i, m) in open(true).filter(|(i, _)| effect == Effect::Deny || !denied.contains(i)) {
                sorted.take(i, clause::test(clause, m, case.context.at, scores));
            }
            let Sorted { holds, undated, unscored, mut young } = sorted;
            for (i, m) in open(false) {
                match clause::test(clause, m, case.context.at, scores) {
                    Test::No => {}
                    Test::Grace(end) => young.push((i, end)),
                    Test::Holds | Test::UnknownFixDate | Test::NoScores => {
                        weighed.entry(i).or_insert(effect);
                    }
                }
            }
            let untold = if effect == Effect::Deny { Effect::Undecided } else { effect };
            for (effect, indexes, words) in [
                (effect, &holds, message as fn(&Case<'_>, &VulnerabilityClause, &[usize]) -> String),
                (untold, &undated, undated_message),
                (untold, &unscored, unscored_message),
            ] {
                if !indexes.is_empty() {
                    found.reasons.push(of(case, effect, &path, words(case, clause, indexes), indexes.clone()));
                }
            }
            let here = holds.iter().chain(&undated).chain(&unscored).copied();
            if effect == Effect::Deny {
                denied.extend(here.clone());
            }
            counted.extend(here);
            if !young.is_empty() {
                grace.push((path, clause, young));
            }
        }
    }
    counted.extend(weighed.keys().copied());
    graces(case, grace, &denied, &counted, found);
    undecided(case, open(false).map(|(i, _)| i).collect(), &weighed, found);
}

/// The matches of one clause, by what it says of them.
#[derive(Default)]
struct Sorted {
    holds: Vec<usize>,
    undated: Vec<usize>,
    unscored: Vec<usize>,
    young: Vec<InGrace>,
}

impl Sorted {
    fn take(&mut self, i: usize, test: Test) {
        match test {
            Test::No => {}
            Test::Holds => self.holds.push(i),
            Test::Grace(end) => self.young.push((i, end)),
            Test::UnknownFixDate => self.undated.push(i),
            Test::NoScores => self.unscored.push(i),
        }
    }
}

fn of(case: &Case<'_>, effect: Effect, path: &str, message: String, matches: Vec<usize>) -> Reason {
    let mut one = reason(effect, ReasonCode::Vulnerability, message);
    one.clause = case.clause(path);
    one.matches = matches;
    one
}

fn plural_vulnerabilities(indexes: &[usize], rest: &str) -> String {
    format!("{} {rest}", plural(indexes.len(), "vulnerability"))
}

fn undated_message(case: &Case<'_>, clause: &VulnerabilityClause, undated: &[usize]) -> String {
    format!(
        "could not tell whether the grace of {} is over for {}, for the data does not say since when there is a fix; upgrade {} to be sure",
        duration_words(clause.grace_seconds.unwrap_or(0)),
        plural(undated.len(), "vulnerability"),
        packages(case, undated)
    )
}

fn unscored_message(_: &Case<'_>, _: &VulnerabilityClause, unscored: &[usize]) -> String {
    format!(
        "could not weigh {} by EPSS score as the policy asks, for no database has any; build one with scores by `plimsoll db build`",
        plural(unscored.len(), "vulnerability")
    )
}

/// What a clause that holds says: how many, the worst, the upgrade that clears most, and where its dates come from.
fn message(case: &Case<'_>, clause: &VulnerabilityClause, holds: &[usize]) -> String {
    let all = &case.assessment.matches;
    let matches: Vec<&Match> = holds.iter().filter_map(|i| all.get(*i)).collect();
    let mut text = plural(matches.len(), "vulnerability");
    let tests = clause::words(clause);
    if !tests.is_empty() {
        text += &format!(" {tests}");
    }
    if let Some(worst) = worst(&matches) {
        let exploited = worst.known_exploited.is_some() && clause.known_exploited.is_none();
        let exploited = if exploited { ", known to be exploited" } else { "" };
        let lead = if matches.len() == 1 { ":" } else { ", the worst" };
        text += &format!("{lead} {} ({}{exploited}) in {} {}", worst.id, worst.severity, worst.name, worst.version);
    }
    text += &upgrade(&matches);
    if clause.grace_seconds.is_some() {
        text += &dates(&matches);
    }
    text
}

/// The worst: known to be exploited first, then by severity and score; the lowest id among equals.
fn worst<'m>(matches: &[&'m Match]) -> Option<&'m Match> {
    let key =
        |m: &Match| (m.severity, m.known_exploited.is_some(), m.epss.as_ref().map_or(0, |e| (e.score * 1e6) as u64));
    matches.iter().copied().max_by(|a, b| key(a).cmp(&key(b)).then_with(|| b.id.cmp(&a.id)))
}

/// `; upgrade openssl to 3.0.11-1 to clear 5 of them`.
fn upgrade(matches: &[&Match]) -> String {
    let mut groups: BTreeMap<&str, Vec<&Match>> = BTreeMap::new();
    for m in matches.iter().filter(|m| m.fix.is_available()) {
        groups.entry(&m.name).or_default().push(m);
    }
    // The first name among equals.
    let Some((name, fixed)) = groups.into_iter().rev().max_by_key(|(_, fixed)| fixed.len()) else {
        return "; no fix is known yet".to_owned();
    };
    let mut versions: Vec<&str> = Vec::new();
    for version in fixed.iter().filter_map(|m| m.upgrade_to.as_ref().or(m.fix.versions().first())) {
        if !versions.contains(&version.as_str()) {
            versions.push(version);
        }
    }
    let to = match versions.as_slice() {
        [] => String::new(),
        [one] => format!(" to {one}"),
        // Which of them is the highest only the ecosystem's order knows, and that is not known here.
        many => {
            let more = if many.len() > MAX_VERSIONS { ", …" } else { "" };
            format!(
                " to the highest of {}{more}",
                many.iter().take(MAX_VERSIONS).copied().collect::<Vec<_>>().join(", ")
            )
        }
    };
    match (fixed.len(), matches.len()) {
        (_, 1) => format!("; upgrade {name}{to}"),
        (some, all) if some == all => format!("; upgrade {name}{to} to clear them all"),
        (some, _) => format!("; upgrade {name}{to} to clear {some} of them"),
    }
}

/// Where the dates come from that the grace was counted from.
fn dates(matches: &[&Match]) -> String {
    let known: Vec<_> = matches.iter().filter_map(|m| clause::fix_date(m)).collect();
    if let [(date, source)] = known.as_slice() {
        return format!("; its fix is from {date} ({})", clause::source_words(*source));
    }
    let said: Vec<String> = [FixDateSource::Advisory, FixDateSource::FirstSeen, FixDateSource::Published]
        .into_iter()
        .map(|source| (known.iter().filter(|(_, s)| *s == source).count(), source))
        .filter(|(count, _)| *count > 0)
        .map(|(count, source)| format!("{} for {count}", clause::source_words(source)))
        .collect();
    format!("; counted from {}", said.join(", "))
}

fn packages(case: &Case<'_>, indexes: &[usize]) -> String {
    let names: BTreeSet<&str> =
        indexes.iter().filter_map(|i| case.assessment.matches.get(*i)).map(|m| m.name.as_str()).collect();
    let more = names.len().saturating_sub(MAX_VERSIONS);
    let shown = names.into_iter().take(MAX_VERSIONS).collect::<Vec<_>>().join(", ");
    if more > 0 { format!("{shown} and {more} more") } else { shown }
}

/// Matches whose fix is too young for a clause: said once per clause; those that no other clause counts are hidden.
fn graces(
    case: &Case<'_>,
    grace: Vec<(String, &VulnerabilityClause, Vec<InGrace>)>,
    denied: &BTreeSet<usize>,
    counted: &BTreeSet<usize>,
    found: &mut Found,
) {
    let mut hidden: BTreeSet<usize> = BTreeSet::new();
    for (path, clause, mut young) in grace {
        young.retain(|(i, _)| !denied.contains(i));
        let Some(first) = young.iter().map(|(_, end)| *end).min() else { continue };
        let given = duration_words(clause.grace_seconds.unwrap_or(0));
        let indexes: Vec<usize> = young.iter().map(|(i, _)| *i).collect();
        let words = format!(
            "{} within the {given} that the policy gives a fix; it ends on {first}{}: upgrade {}",
            plural_vulnerabilities(&indexes, if indexes.len() == 1 { "is" } else { "are" }),
            if indexes.len() == 1 { "" } else { " for the first" },
            packages(case, &indexes),
        );
        found.reasons.push(of(case, Effect::Info, &path, words, indexes));
        for (i, end) in young {
            if counted.contains(&i) || !hidden.insert(i) {
                continue;
            }
            let Some(m) = case.assessment.matches.get(i) else { continue };
            let from = clause::fix_date(m).map_or_else(String::new, |(since, source)| {
                format!(", fix from {since} ({})", clause::source_words(source))
            });
            let why = format!("within the grace of {given} until {end}{from}");
            found.hidden.push(Hidden { by: HiddenBy::Grace, reason: why, r#match: Some(i), finding: None });
        }
    }
}

/// Matches that could not be told: they weigh as much as they would if they were affected, short of a denial.
fn undecided(case: &Case<'_>, open: Vec<usize>, weighed: &BTreeMap<usize, Effect>, found: &mut Found) {
    let in_grace: BTreeSet<usize> = found.hidden.iter().filter_map(|h| h.r#match).collect();
    let with = |effect: Option<Effect>| -> Vec<usize> {
        open.iter().copied().filter(|i| weighed.get(i).copied() == effect && !in_grace.contains(i)).collect()
    };
    for (weight, effect, tail) in [
        (Some(Effect::Deny), Effect::Undecided, "would be denied if it holds"),
        (Some(Effect::Warn), Effect::Warn, "would be a warning if it holds"),
        (None, Effect::Info, "no clause would weigh it"),
    ] {
        let indexes = with(weight);
        let matches: Vec<&Match> = indexes.iter().filter_map(|i| case.assessment.matches.get(*i)).collect();
        let Some(worst) = worst(&matches) else { continue };
        let MatchState::Undecided { reason: why } = &worst.state else { continue };
        let mut words = format!(
            "could not tell whether {} {} is affected by {} ({})",
            worst.name, worst.version, worst.id, worst.severity
        );
        if !why.is_empty() {
            words += &format!(": {why}");
        }
        if indexes.len() > 1 {
            words += &format!(", and {} more such", indexes.len() - 1);
        }
        words += &format!("; {tail}");
        let mut one = reason(effect, ReasonCode::UndecidedMatch, words);
        one.matches = indexes;
        found.reasons.push(one);
    }
}
