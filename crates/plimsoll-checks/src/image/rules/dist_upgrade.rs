//! `apt-get dist-upgrade` and its likes in a RUN.

use plimsoll_model::{Finding, RuleInfo, Severity};

use crate::image::history::Command;
use crate::image::{Facts, Rule};

pub const RULE: Rule = Rule {
    info: RuleInfo {
        id: "dist-upgrade",
        severity: Severity::Low,
        aliases: &["DKL-DI-0003"],
        opt_in: false,
        title: "The build upgrades the whole distribution",
        why: "It may add and remove packages and move to another release, so that two builds of one Dockerfile differ in more \
              than updates, and every upgraded file is shipped twice.",
        remedy: "take a newer base (`FROM debian:13.2`); where fixes cannot wait, `apt-get upgrade` keeps the set of packages",
        bad: "FROM debian:13\nRUN apt-get update && apt-get dist-upgrade -y && rm -rf /var/lib/apt/lists/*",
        good: "FROM debian:13\nRUN apt-get update && apt-get upgrade -y && rm -rf /var/lib/apt/lists/*",
    },
    check,
};

fn check(facts: &Facts<'_>) -> Vec<Finding> {
    facts.steps(&RULE.info, |commands| {
        let does = |command: &Command| {
            let told = command.subcommand(&["apt-get", "apt", "aptitude"])?;
            matches!(told, "dist-upgrade" | "full-upgrade").then(|| format!("runs {told}"))
        };
        commands.iter().find_map(does)
    })
}
