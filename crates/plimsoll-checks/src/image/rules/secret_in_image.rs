//! Secrets in files: what the content inspector ([`crate::secrets`]) found while the layers streamed by.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use plimsoll_model::{Finding, Location, RuleInfo, Severity};

use crate::image::{Facts, Rule, finding, named_few};
use crate::secrets;

pub const RULE: Rule = Rule {
    info: RuleInfo {
        id: "secret-in-image",
        severity: Severity::High,
        aliases: &["CIS-DI-0010"],
        opt_in: false,
        title: "A file of the image holds a secret",
        why: "Whoever may pull the image reads every file of every layer, those that a later layer removes included.",
        remedy: "take the file out of the layer that brings it (.dockerignore, `RUN --mount=type=secret`), rebuild, and \
                 change the secret: it has been published",
        bad: "FROM gcr.io/distroless/static\nCOPY <<EOF /root/.netrc\nmachine files.example.com login deploy password tK8-pq2.Vw9x\nEOF",
        good: "FROM gcr.io/distroless/static\nCOPY <<EOF /root/.netrc\nmachine files.example.com login deploy password ${DEPLOY_PASSWORD}\nEOF",
    },
    check,
};

/// Files with the same kind of secret that are told one by one; more of them are one fault with many places.
const TOLD_APART: usize = 5;

fn check(facts: &Facts<'_>) -> Vec<Finding> {
    let mut kinds: BTreeMap<(Reverse<Severity>, &str), Vec<&Finding>> = BTreeMap::new();
    let mut found = Vec::new();
    for finding in &facts.inventory.content_findings {
        match secrets::kind_of(finding) {
            Some(kind) => kinds.entry((Reverse(finding.severity), kind)).or_default().push(finding),
            // Another inspector's.
            None if crate::image::RULES.iter().all(|rule| rule.info.id != finding.rule) => found.push(finding.clone()),
            // What the accounts' inspector found is told by its own rules.
            None => {}
        }
    }
    for ((Reverse(severity), kind), findings) in kinds {
        if findings.len() <= TOLD_APART {
            found.extend(findings.into_iter().cloned());
            continue;
        }
        let locations: Vec<Location> = findings.iter().flat_map(|finding| finding.locations.iter().cloned()).collect();
        let mut paths: Vec<String> = locations.iter().map(|place| format!("/{}", place.path)).collect();
        paths.dedup();
        let mut one = finding(&RULE.info, format!("{} files hold {kind}: {}", paths.len(), named_few(&paths)));
        one.severity = severity;
        one.locations = locations;
        found.push(one);
    }
    found
}
