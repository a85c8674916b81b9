//! Files with the setuid bit, by mode.

use plimsoll_model::{FileFactKind, Finding, RuleInfo, Severity};

use crate::image::{Facts, Rule, finding_of_files};

pub const RULE: Rule = Rule {
    info: RuleInfo {
        id: "setuid-file",
        severity: Severity::Medium,
        aliases: &["CIS-DI-0008"],
        opt_in: false,
        title: "Files run with the rights of their owner",
        why: "Whoever breaks into the application may run a setuid file and, through a fault in it, become its owner, who is mostly root. A server needs none of them.",
        remedy: "drop the bit while building: `RUN find / -xdev -perm -4000 -exec chmod u-s {} +`, and run with `allowPrivilegeEscalation: false`",
        bad: "FROM gcr.io/distroless/static\nCOPY --chmod=4755 backup /usr/local/bin/backup",
        good: "FROM gcr.io/distroless/static\nCOPY --chmod=0755 backup /usr/local/bin/backup",
    },
    check,
};

fn check(facts: &Facts<'_>) -> Vec<Finding> {
    finding_of_files(&RULE.info, "setuid file", &facts.files(FileFactKind::Setuid))
}
