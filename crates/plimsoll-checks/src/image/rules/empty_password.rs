//! Accounts whose password is empty: what [`crate::image::accounts`] read while the layers streamed by.

use plimsoll_model::{Finding, RuleInfo, Severity};

use crate::image::{Facts, Rule};

pub const RULE: Rule = Rule {
    info: RuleInfo {
        id: "empty-password",
        severity: Severity::High,
        aliases: &["DKL-LI-0001"],
        opt_in: false,
        title: "An account has no password",
        why: "An empty password field lets anyone become that user: a process that broke out of its own user becomes root \
              with `su`, and a server for remote logins may let strangers in.",
        remedy: "lock the account while building: `RUN passwd -l USER`, or write `*` into its password field",
        bad: "FROM gcr.io/distroless/static\nCOPY <<EOF /etc/shadow\nroot::19000:0:99999:7:::\nEOF",
        good: "FROM gcr.io/distroless/static\nCOPY <<EOF /etc/shadow\nroot:*:19000:0:99999:7:::\nEOF",
    },
    check,
};

fn check(facts: &Facts<'_>) -> Vec<Finding> {
    facts.account_findings(RULE.info.id)
}
