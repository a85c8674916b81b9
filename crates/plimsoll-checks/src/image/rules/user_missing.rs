//! The configuration names no user at all.

use plimsoll_model::{Finding, RuleInfo, Severity};

use crate::image::{Facts, Rule, finding};

pub const RULE: Rule = Rule {
    info: RuleInfo {
        id: "user-missing",
        severity: Severity::Medium,
        aliases: &[],
        opt_in: false,
        title: "The image names no user",
        why: "Without USER the image leaves the choice to whoever runs it, and the choice is root. A cluster that asks for \
              `runAsNonRoot` refuses to start it.",
        remedy: "end the Dockerfile's last stage with a numeric user: `USER 10001`",
        bad: "FROM debian:13\nCMD [\"/app/web\"]",
        good: "FROM debian:13\nUSER 10001\nCMD [\"/app/web\"]",
    },
    check,
};

fn check(facts: &Facts<'_>) -> Vec<Finding> {
    match facts.config() {
        Some(config) if config.user.as_deref().unwrap_or_default().trim().is_empty() => {
            vec![finding(&RULE.info, "the image names no user, so it starts as root".to_owned())]
        }
        _ => Vec::new(),
    }
}
