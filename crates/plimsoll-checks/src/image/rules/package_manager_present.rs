//! The program of a package manager.

use plimsoll_model::{FileFactKind, Finding, RuleInfo, Severity};

use crate::image::{Facts, Rule, finding_of_files};

pub const RULE: Rule = Rule {
    info: RuleInfo {
        id: "package-manager-present",
        severity: Severity::Low,
        aliases: &[],
        opt_in: false,
        title: "A package manager is in the image",
        why: "It lets an intruder install tools, and lets a running container drift from what was judged.",
        remedy: "build in one stage and copy the result into a base without a package manager (distroless, scratch)",
        bad: "FROM debian:13\nCOPY web /app/web",
        good: "FROM gcr.io/distroless/static\nCOPY web /app/web",
    },
    check,
};

fn check(facts: &Facts<'_>) -> Vec<Finding> {
    finding_of_files(&RULE.info, "package manager", &facts.files(FileFactKind::PackageManager))
}
