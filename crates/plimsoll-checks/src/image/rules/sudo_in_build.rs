//! `sudo` as a command of a RUN; to install it is another matter.

use plimsoll_model::{Finding, RuleInfo, Severity};

use crate::image::{Facts, Rule};

pub const RULE: Rule = Rule {
    info: RuleInfo {
        id: "sudo-in-build",
        severity: Severity::Medium,
        aliases: &["DKL-DI-0001"],
        opt_in: false,
        title: "The build runs commands with sudo",
        why: "A build is root unless USER says otherwise, so that sudo adds nothing but a program with the setuid bit and rules \
              that let a user become root, and both stay in the image.",
        remedy: "do what needs root before `USER`, or switch with `USER root` and back",
        bad: "FROM debian:13\nRUN sudo apt-get install -y curl",
        good: "FROM debian:13\nRUN apt-get install -y curl",
    },
    check,
};

fn check(facts: &Facts<'_>) -> Vec<Finding> {
    facts.steps(&RULE.info, |commands| {
        let runs = commands.iter().any(|command| command.program().0 == "sudo");
        runs.then(|| "runs sudo".to_owned())
    })
}
