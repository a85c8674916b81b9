//! Faults that two rules see at one place. In: what was found. Out: the same without what a better rule says there already.
//! What it does not do: choose rules. Where the better one does not run, the other speaks.

use std::collections::{BTreeMap, HashSet};

use plimsoll_model::Severity;

use crate::source::{Found, Source, Span};

/// The rule that says more, and the one that makes way for it where both begin at the same byte.
const SAME_PLACE: &[(&str, &str)] = &[
    ("onbuild-cannot-hold", "not-understood"),
    ("not-understood", "shell-form-command"),
    ("last-user-root", "user-by-name"),
    // With the install in the same RUN the lists go as well, and removing them alone would break the install.
    ("package-lists-updated-alone", "apt-lists-left-behind"),
];

/// One looks at a variable's name, the other at its value.
const BY_NAME: &str = "secret-in-variable";
const BY_VALUE: &str = "secret-in-dockerfile";

/// Between a variable's name and its value stand no more bytes than these: `=`, blanks, a quote.
const BETWEEN: usize = 16;

/// Leaves of several findings about one fault the one that says most. What an ignore or the baseline keeps quiet counts as
/// said: its twin must not speak in its place.
pub(super) fn once(source: &Source<'_>, kept: Vec<Found>, quiet: &[&Found]) -> Vec<Found> {
    let all = || kept.iter().chain(quiet.iter().copied());
    let better: HashSet<(&str, usize)> = all().map(|found| (found.rule.id, found.span.start)).collect();
    let values: BTreeMap<usize, Severity> =
        all().filter(|found| found.rule.id == BY_VALUE).map(|found| (found.span.start, found.severity)).collect();
    let value_of = |name: &Found| {
        let (at, severity) = values.range(name.span.end..=name.span.end + BETWEEN).next()?;
        let between = source.slice(Span::new(name.span.end, *at));
        between.chars().all(|c| matches!(c, '=' | ' ' | '\t' | '"' | '\'')).then_some((*at, *severity))
    };
    // Values whose names say more: a password that is weak is no less one.
    let mut milder = HashSet::new();
    let mut said = HashSet::new();
    for found in all().filter(|found| found.rule.id == BY_NAME) {
        match value_of(found) {
            Some((value, severity)) if severity < found.severity => milder.insert((BY_VALUE, value)),
            Some(_) => said.insert((BY_NAME, found.span.start)),
            None => false,
        };
    }
    for (rule, other) in SAME_PLACE {
        said.extend(better.iter().filter(|(id, _)| id == rule).map(|(_, at)| (*other, *at)));
    }
    let keep: Vec<bool> = kept
        .iter()
        .map(|found| {
            let place = (found.rule.id, found.span.start);
            !said.contains(&place) && !milder.contains(&place)
        })
        .collect();
    kept.into_iter().zip(keep).filter_map(|(found, keep)| keep.then_some(found)).collect()
}
