//! Each fault once. In: the findings of a file. Out: those that no sharper one says of the same words. What it does not do:
//! change what a rule finds; a policy that weighs the broader rule alone hears it, whatever the sharper one is called.
//!
//! How to add a pair: both rules find the fault at the same words, and the sharper one tells all that the broader one does.

use std::collections::{HashMap, HashSet};

use crate::source::{Found, Span};

/// A rule, and those that say the same more sharply.
const SHARPER: &[(&str, &[&str])] = &[
    ("capability-added", &["sys-admin-capability", "sys-module-capability"]),
    ("certificate-approval-granted", &["wildcard-in-role"]),
    ("host-path-volume", &["host-proc-mounted", "runtime-socket-mounted", "sensitive-host-path"]),
    ("may-run-as-root", &["runs-as-root"]),
    ("node-proxy-granted", &["wildcard-in-role"]),
    ("pod-exec-granted", &["wildcard-in-role"]),
    ("pods-creatable", &["wildcard-in-role"]),
    ("roles-writable", &["wildcard-in-role"]),
    ("secrets-readable", &["wildcard-in-role"]),
    ("sensitive-host-path", &["runtime-socket-mounted"]),
    ("token-creation-granted", &["wildcard-in-role"]),
    ("webhooks-writable", &["wildcard-in-role"]),
];

/// Takes out what is said again. What an ignore keeps quiet keeps the broader one quiet too: the fault is known.
pub(super) fn drop_said_again(kept: &mut Vec<Found>, ignored: &[(Found, String)]) {
    let broader: HashMap<&str, &[&str]> = SHARPER.iter().copied().collect();
    let sharper: HashSet<&str> = SHARPER.iter().flat_map(|(_, sharper)| *sharper).copied().collect();
    let all = kept.iter().chain(ignored.iter().map(|(found, _)| found));
    let said: HashSet<(&str, Span)> =
        all.filter(|found| sharper.contains(found.rule.id)).map(|found| (found.rule.id, found.span)).collect();
    kept.retain(|found| {
        let sharper = broader.get(found.rule.id).copied().unwrap_or_default();
        !sharper.iter().any(|rule| said.contains(&(*rule, found.span)))
    });
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lint::{Family, all_rules};

    #[test]
    fn every_pair_is_of_rules_that_are_there() {
        let known = |id: &&str| all_rules().iter().any(|rule| rule.family == Family::Manifest && rule.info.id == *id);
        for (broader, sharper) in SHARPER {
            assert!(known(broader), "{broader}");
            assert!(sharper.iter().all(|id| known(&id)), "{broader}");
        }
    }
}
