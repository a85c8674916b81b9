//! Regular files with the write bit for others; sticky folders, links and devices are no fault.

use plimsoll_model::{FileFactKind, Finding, RuleInfo, Severity};

use crate::image::{Facts, Rule, finding_of_files};

pub const RULE: Rule = Rule {
    info: RuleInfo {
        id: "world-writable-file",
        severity: Severity::Medium,
        aliases: &[],
        opt_in: false,
        title: "Files that anyone may write",
        why: "A process of any user may change such a file: a script or configuration that is later run or read by somebody with more rights.",
        remedy: "take the bit away while building: `RUN chmod o-w FILE`, or give the file to the user that writes it",
        bad: "FROM gcr.io/distroless/static\nCOPY --chmod=0666 app.conf /etc/app.conf",
        good: "FROM gcr.io/distroless/static\nCOPY --chmod=0644 app.conf /etc/app.conf",
    },
    check,
};

fn check(facts: &Facts<'_>) -> Vec<Finding> {
    finding_of_files(&RULE.info, "world-writable file", &facts.files(FileFactKind::WorldWritable))
}
