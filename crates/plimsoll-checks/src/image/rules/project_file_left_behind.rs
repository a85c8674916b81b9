//! Files of the project and of its author's tools.

use plimsoll_model::{FileFactKind, Finding, RuleInfo, Severity};

use crate::image::{Facts, Rule, finding_of_files};

pub const RULE: Rule = Rule {
    info: RuleInfo {
        id: "project-file-left-behind",
        severity: Severity::Low,
        aliases: &["DKL-LI-0003"],
        opt_in: false,
        title: "Files of the project's own workshop are in the image",
        why: "A Dockerfile, a CI file or an editor's settings are read by nobody where the image runs. They tell an intruder \
              how and from what it was built, and they show that a whole folder was copied without a look at it.",
        remedy: "copy what runs by name, or list the rest in .dockerignore",
        bad: "FROM gcr.io/distroless/static\nCOPY Dockerfile /app/Dockerfile",
        good: "FROM gcr.io/distroless/static\nCOPY web-20MB.bin /app/web",
    },
    check,
};

fn check(facts: &Facts<'_>) -> Vec<Finding> {
    finding_of_files(&RULE.info, "project file", &facts.files(FileFactKind::ProjectFile))
}
