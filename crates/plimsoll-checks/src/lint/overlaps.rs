//! Each fault once. In: the findings of a file. Out: those that no sharper one says at the same place. What it does not do:
//! change what a rule finds; a policy that weighs the broader rule alone hears it, whatever the sharper one is called, and where
//! the sharper one does not run, the other speaks.
//!
//! How to add a pair: both rules find the fault from the same byte on, and the sharper one tells all that the broader one does.

use std::collections::{BTreeMap, HashMap, HashSet};

use plimsoll_model::Severity;

use crate::source::{Found, Source, Span};

/// A rule, and those that say the same more sharply.
const SHARPER: &[(&str, &[&str])] = &[
    // With the install in the same RUN the lists go as well, and removing them alone would break the install.
    ("apt-lists-left-behind", &["package-lists-updated-alone"]),
    ("capability-added", &["sys-admin-capability", "sys-module-capability"]),
    ("certificate-approval-granted", &["wildcard-in-role"]),
    ("host-path-volume", &["host-proc-mounted", "runtime-socket-mounted", "sensitive-host-path"]),
    ("may-run-as-root", &["runs-as-root"]),
    ("node-proxy-granted", &["wildcard-in-role"]),
    ("not-understood", &["onbuild-cannot-hold"]),
    ("pod-exec-granted", &["wildcard-in-role"]),
    ("pods-creatable", &["wildcard-in-role"]),
    ("roles-writable", &["wildcard-in-role"]),
    ("secrets-readable", &["wildcard-in-role"]),
    ("sensitive-host-path", &["runtime-socket-mounted"]),
    ("shell-form-command", &["not-understood"]),
    ("token-creation-granted", &["wildcard-in-role"]),
    ("user-by-name", &["last-user-root"]),
    ("webhooks-writable", &["wildcard-in-role"]),
];

/// One looks at a variable's name, the other at its value.
const BY_NAME: &str = "secret-in-variable";
const BY_VALUE: &str = "secret-in-dockerfile";

/// Between a variable's name and its value stand no more bytes than these: `=`, blanks, a quote.
const BETWEEN: usize = 16;

/// Takes out what is said again. What an ignore keeps quiet keeps its broader twin quiet too: the fault is known.
pub(super) fn drop_said_again(source: &Source<'_>, kept: &mut Vec<Found>, ignored: &[(Found, String)]) {
    let broader: HashMap<&str, &[&str]> = SHARPER.iter().copied().collect();
    let sharper: HashSet<&str> = SHARPER.iter().flat_map(|(_, sharper)| *sharper).copied().collect();
    let all = || kept.iter().chain(ignored.iter().map(|(found, _)| found));
    let said: HashSet<(&str, usize)> =
        all().filter(|found| sharper.contains(found.rule.id)).map(|found| (found.rule.id, found.span.start)).collect();
    let twins = secret_twins(source, all);
    kept.retain(|found| {
        let sharper = broader.get(found.rule.id).copied().unwrap_or_default();
        let place = (found.rule.id, found.span.start);
        !twins.contains(&place) && !sharper.iter().any(|rule| said.contains(&(*rule, found.span.start)))
    });
}

/// Of a secret that is told by its variable's name and by its value, the milder of the two; the name's where both weigh the
/// same.
fn secret_twins<'f, I: Iterator<Item = &'f Found>>(
    source: &Source<'_>,
    all: impl Fn() -> I,
) -> HashSet<(&'static str, usize)> {
    let values: BTreeMap<usize, Severity> =
        all().filter(|found| found.rule.id == BY_VALUE).map(|found| (found.span.start, found.severity)).collect();
    let value_of = |name: &Found| {
        let (at, severity) = values.range(name.span.end..=name.span.end + BETWEEN).next()?;
        let between = source.slice(Span::new(name.span.end, *at));
        between.chars().all(|c| matches!(c, '=' | ' ' | '\t' | '"' | '\'')).then_some((*at, *severity))
    };
    let twin = |name: &Found| {
        let (value, severity) = value_of(name)?;
        Some(if severity < name.severity { (BY_VALUE, value) } else { (BY_NAME, name.span.start) })
    };
    all().filter(|found| found.rule.id == BY_NAME).filter_map(twin).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lint::all_rules;

    #[test]
    fn every_pair_is_of_rules_that_are_there() {
        let known = |id: &&str| all_rules().iter().any(|rule| rule.info.id == *id);
        for (broader, sharper) in SHARPER {
            assert!(known(broader), "{broader}");
            assert!(sharper.iter().all(known), "{broader}");
        }
        assert!(known(&BY_NAME) && known(&BY_VALUE));
    }
}
