//! No test of its health. Nobody but docker itself reads it: Kubernetes has probes of its own.

use plimsoll_model::{Finding, RuleInfo, Severity};

use crate::image::{Facts, Rule, finding};

pub const RULE: Rule = Rule {
    info: RuleInfo {
        id: "healthcheck-missing",
        severity: Severity::Low,
        aliases: &["CIS-DI-0006"],
        opt_in: true,
        title: "The image has no health check",
        why: "Docker and Swarm see only whether the process lives, not whether it answers. Kubernetes ignores HEALTHCHECK and \
              asks its own probes.",
        remedy: "name a command that fails when the service does: `HEALTHCHECK CMD [\"/app/web\", \"--health\"]`",
        bad: "FROM debian:13\nCMD [\"/app/web\"]",
        good: "FROM debian:13\nHEALTHCHECK CMD /app/web --health",
    },
    check,
};

fn check(facts: &Facts<'_>) -> Vec<Finding> {
    let Some(config) = facts.config() else { return Vec::new() };
    let message = match config.healthcheck.first().map(String::as_str) {
        None => "the image names no health check",
        Some("NONE") => "the image switches the health check of its base off",
        Some(_) => return Vec::new(),
    };
    vec![finding(&RULE.info, message.to_owned())]
}
