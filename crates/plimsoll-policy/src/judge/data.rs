//! What could not be read or known, and how good the advisories are. In: problems, coverage, databases. Out: reasons of
//! their own, so that "nothing found" is never taken for "nothing there".

use std::collections::BTreeMap;

use plimsoll_model::loadline::WhenBaselineOnly;
use plimsoll_model::{CoverageState, DatabaseKind, Effect, Problem, ProblemEffect, ProblemKind, Reason, ReasonCode};

use super::{Case, Found, plural, reason};
use crate::units::duration_words;

pub(super) fn judge(case: &Case<'_>, found: &mut Found) {
    let mut by_kind = undecided(&case.assessment.problems);
    // Advisories are a reason of their own: an entry without clauses over vulnerabilities is no leave to run unexamined.
    let mut no_data = no_data(case).map(|message| reason(Effect::Undecided, ReasonCode::NoData, message));
    if let (Some(one), Some(problems)) = (&mut no_data, by_kind.remove(&ProblemKind::NoData)) {
        one.problems = problems;
    }
    found.reasons.extend(no_data);
    problems(&case.assessment.problems, by_kind, found);
    if !case.assessment.inventory.packages.is_empty() {
        stale(case, found);
        baseline_only(case, found);
    }
}

/// What could not be read or known of something that holds no packages.
pub(super) fn unread(all: &[Problem], found: &mut Found) {
    problems(all, undecided(all), found);
}

/// The problems that bear on the verdict, by kind.
fn undecided(all: &[Problem]) -> BTreeMap<ProblemKind, Vec<usize>> {
    let mut by_kind: BTreeMap<ProblemKind, Vec<usize>> = BTreeMap::new();
    for (i, problem) in all.iter().enumerate() {
        if problem.effect == ProblemEffect::Undecided {
            by_kind.entry(problem.kind).or_default().push(i);
        }
    }
    by_kind
}

fn problems(all: &[Problem], by_kind: BTreeMap<ProblemKind, Vec<usize>>, found: &mut Found) {
    for (kind, problems) in by_kind {
        let code = match kind {
            ProblemKind::NoData => ReasonCode::NoData,
            ProblemKind::StaleData => ReasonCode::StaleData,
            _ => ReasonCode::Problem,
        };
        found.unexamined |= kind == ProblemKind::NotExamined;
        found.reasons.extend(problem_reason(all, Effect::Undecided, code, problems));
    }
}

/// The names that could not be read: nobody can say what would run, so no word on "could not tell" lets it.
pub(super) fn unreadable(problems: &[Problem]) -> Option<Reason> {
    let of = problems.iter().enumerate().filter(|(_, p)| p.kind == ProblemKind::UnreadableName).map(|(i, _)| i);
    problem_reason(problems, Effect::Deny, ReasonCode::UnreadableName, of.collect())
}

/// The reason for problems of one kind; none without problems.
fn problem_reason(all: &[Problem], effect: Effect, code: ReasonCode, problems: Vec<usize>) -> Option<Reason> {
    let first = all.get(*problems.first()?)?;
    // Most fragments finish "could not …"; some are sentences of their own.
    let mut message =
        if starts_with_verb(&first.message) { format!("could not {}", first.message) } else { first.message.clone() };
    if let Some(location) = first.location.as_ref().filter(|l| !l.path.is_empty() && !first.message.contains(&l.path)) {
        message += &format!(" ({location})");
    }
    if problems.len() > 1 {
        message += &format!(", and {} more of the kind", problems.len() - 1);
    }
    if let Some(hint) = &first.hint {
        message += &format!("; {hint}");
    }
    let mut one = reason(effect, code, message);
    one.problems = problems;
    Some(one)
}

/// The verbs that the readers' fragments start with.
const VERBS: [&str; 23] = [
    "build", "check", "compare", "decode", "fetch", "find", "inflate", "list", "look", "match", "open", "parse",
    "pull", "reach", "read", "resolve", "search", "tell", "trust", "unpack", "use", "verify", "walk",
];

fn starts_with_verb(message: &str) -> bool {
    VERBS.contains(&message.split(' ').next().unwrap_or(""))
}

fn no_data(case: &Case<'_>) -> Option<String> {
    let assessment = case.assessment;
    let packages = assessment.inventory.packages.len();
    let gaps: Vec<String> = assessment
        .coverage
        .iter()
        .filter(|c| c.packages > 0)
        .filter_map(|c| match &c.state {
            CoverageState::NoData { reason } if reason.is_empty() => {
                Some(format!("{} ({})", c.what, plural(c.packages, "package")))
            }
            CoverageState::NoData { reason } => {
                Some(format!("{} ({}: {reason})", c.what, plural(c.packages, "package")))
            }
            CoverageState::Covered | CoverageState::BaselineOnly => None,
        })
        .collect();
    if !gaps.is_empty() {
        Some(format!("no advisories for {}, so nothing can be said of them; see `plimsoll db status`", gaps.join(", ")))
    } else if packages > 0 && case.context.databases.is_empty() {
        Some(format!(
            "no advisory database was there for {}; get one with `plimsoll db update`",
            plural(packages, "package")
        ))
    } else if packages > 0 && assessment.coverage.is_empty() {
        Some(format!("{} held against no advisories at all", plural_were(packages)))
    } else {
        None
    }
}

fn plural_were(packages: usize) -> String {
    format!("{} {}", plural(packages, "package"), if packages == 1 { "was" } else { "were" })
}

fn stale(case: &Case<'_>, found: &mut Found) {
    let Some(max_age) = case.policy.data.max_age_seconds else { return };
    // The baseline is as old as the program and has a reason of its own.
    for database in case.context.databases.iter().filter(|d| d.kind != DatabaseKind::Baseline) {
        let allowed = format!("policy `{}` allows {}", case.policy.name, duration_words(max_age));
        let message = match database.built {
            None => format!(
                "database {} does not say when its data was gathered, and {allowed}; build or fetch it anew",
                database.name
            ),
            Some(built) => {
                let age = case.context.at.as_second().saturating_sub(built.as_second());
                match u64::try_from(age) {
                    Ok(age) if age > max_age => format!(
                        "the advisories of database {} are {} old, and {allowed}; run `plimsoll db update`",
                        database.name,
                        duration_words(age)
                    ),
                    _ => continue,
                }
            }
        };
        let mut one = reason(Effect::Undecided, ReasonCode::StaleData, message);
        one.clause = Some("data.maxAge".into());
        found.reasons.push(one);
    }
}

fn baseline_only(case: &Case<'_>, found: &mut Found) {
    let databases = case.context.databases;
    let only = !databases.is_empty() && databases.iter().all(|d| d.kind == DatabaseKind::Baseline);
    let groups: Vec<&str> = case
        .assessment
        .coverage
        .iter()
        .filter(|c| c.packages > 0 && c.state == CoverageState::BaselineOnly)
        .map(|c| c.what.as_str())
        .collect();
    if !only && groups.is_empty() {
        return;
    }
    let effect = match case.policy.data.baseline_only {
        WhenBaselineOnly::Deny => Effect::Deny,
        WhenBaselineOnly::Undecided => Effect::Undecided,
        WhenBaselineOnly::Warn => Effect::Warn,
        WhenBaselineOnly::Allow => Effect::Info,
    };
    let whom = if only || groups.is_empty() { String::new() } else { format!(" for {}", groups.join(", ")) };
    let message = format!(
        "only the small list of notorious vulnerabilities inside the program was used{whom}; get a full database with `plimsoll db update`"
    );
    let mut one = reason(effect, ReasonCode::BaselineOnly, message);
    one.clause = Some("data.baselineOnly".into());
    found.reasons.push(one);
}
