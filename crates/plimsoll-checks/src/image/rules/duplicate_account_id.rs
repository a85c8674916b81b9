//! Users or groups that share a number: what [`crate::image::accounts`] read while the layers streamed by.

use plimsoll_model::{Finding, RuleInfo, Severity};

use crate::image::{Facts, Rule};

pub const RULE: Rule = Rule {
    info: RuleInfo {
        id: "duplicate-account-id",
        severity: Severity::Medium,
        aliases: &["DKL-LI-0002"],
        opt_in: false,
        title: "Several accounts share one number",
        why: "The kernel knows users and groups by number only: two names with one number are one user, with the files and \
              processes of both. Where the number is 0, the second name is root.",
        remedy: "give each account a number of its own (`useradd --uid`, `groupadd --gid`), or drop the second name",
        bad: "FROM gcr.io/distroless/static\nCOPY <<EOF /etc/passwd\nroot:x:0:0:root:/root:/bin/sh\nadmin:x:0:0::/home/admin:/bin/sh\nEOF",
        good: "FROM gcr.io/distroless/static\nCOPY <<EOF /etc/passwd\nroot:x:0:0:root:/root:/bin/sh\nadmin:x:1000:1000::/home/admin:/bin/sh\nEOF",
    },
    check,
};

fn check(facts: &Facts<'_>) -> Vec<Finding> {
    facts.account_findings(RULE.info.id)
}
