//! A shell at one of the usual places.

use plimsoll_model::{FileFactKind, Finding, RuleInfo, Severity};

use crate::image::{Facts, Rule, finding_of_files};

pub const RULE: Rule = Rule {
    info: RuleInfo {
        id: "shell-present",
        severity: Severity::Low,
        aliases: &[],
        opt_in: false,
        title: "A command shell is in the image",
        why: "Most break-ins go from one faulty request to a shell. Without a shell the intruder has to bring one along, past a read-only file system.",
        remedy: "build in one stage and copy the program into a base without a shell (distroless, scratch)",
        bad: "FROM debian:13\nCOPY web /app/web",
        good: "FROM gcr.io/distroless/static\nCOPY web /app/web",
    },
    check,
};

fn check(facts: &Facts<'_>) -> Vec<Finding> {
    finding_of_files(&RULE.info, "shell", &facts.files(FileFactKind::Shell))
}
