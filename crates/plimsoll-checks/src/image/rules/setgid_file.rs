//! Files with the setgid bit, by mode.

use plimsoll_model::{FileFactKind, Finding, RuleInfo, Severity};

use crate::image::{Facts, Rule, finding_of_files};

pub const RULE: Rule = Rule {
    info: RuleInfo {
        id: "setgid-file",
        severity: Severity::Low,
        aliases: &["CIS-DI-0008"],
        opt_in: false,
        title: "Files run with the rights of their group",
        why: "A setgid file lends its group to whoever runs it: shadow, mail, tty. A server needs none of them.",
        remedy: "drop the bit while building: `RUN find / -xdev -type f -perm -2000 -exec chmod g-s {} +`",
        bad: "FROM gcr.io/distroless/static\nCOPY --chmod=2755 audit /usr/local/bin/audit",
        good: "FROM gcr.io/distroless/static\nCOPY --chmod=0755 audit /usr/local/bin/audit",
    },
    check,
};

fn check(facts: &Facts<'_>) -> Vec<Finding> {
    finding_of_files(&RULE.info, "setgid file", &facts.files(FileFactKind::Setgid))
}
