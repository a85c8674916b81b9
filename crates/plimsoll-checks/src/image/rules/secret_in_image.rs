//! Secrets in files: what the content inspector ([`crate::secrets`]) found while the layers streamed by.

use plimsoll_model::{Finding, RuleInfo, Severity};

use crate::image::{Facts, Rule};

pub const RULE: Rule = Rule {
    info: RuleInfo {
        id: "secret-in-image",
        severity: Severity::High,
        title: "A file of the image holds a secret",
        why: "Whoever may pull the image reads every file of every layer, those that a later layer removes included.",
        remedy: "take the file out of the layer that brings it (.dockerignore, `RUN --mount=type=secret`), rebuild, and \
                 change the secret: it has been published",
        bad: "FROM gcr.io/distroless/static\nCOPY <<EOF /root/.netrc\nmachine files.example.com login deploy password tK8-pq2.Vw9x\nEOF",
        good: "FROM gcr.io/distroless/static\nCOPY <<EOF /root/.netrc\nmachine files.example.com login deploy password ${DEPLOY_PASSWORD}\nEOF",
    },
    check,
};

fn check(facts: &Facts<'_>) -> Vec<Finding> {
    facts.inventory.content_findings.clone()
}
