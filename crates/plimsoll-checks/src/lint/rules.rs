//! The rules about linting itself. In: nothing. Out: what the engine tells when text is not understood or an ignore rots.
//! They have no function of their own: the engine finds these faults while it does its work.
//!
//! How to add one: a constant, its line in [`RULES`], and the place in the engine that finds it. `bad` and `good` are whole
//! files; a test runs them.

use plimsoll_model::{RuleInfo, Severity};

/// Every rule of this family, in the order of the documentation.
pub const RULES: &[RuleInfo] =
    &[NOT_UNDERSTOOD, EXPIRED_IGNORE, UNUSED_IGNORE, UNKNOWN_RULE_IN_IGNORE, IGNORE_WITHOUT_REASON, UNREADABLE_IGNORE];

pub(super) const NOT_UNDERSTOOD: RuleInfo = RuleInfo {
    id: "not-understood",
    severity: Severity::Medium,
    aliases: &["DL1000"],
    opt_in: false,
    title: "a part of a Dockerfile cannot be understood",
    why: "Rules cannot look into what is not understood, and a builder may stop at the same place. The rest of the file is \
          checked all the same.",
    remedy: "mend the instruction, or report it if a builder takes it",
    bad: "FROM debian:13\nRUM apt-get update\n",
    good: "FROM debian:13\nRUN apt-get update\n",
};

pub(super) const EXPIRED_IGNORE: RuleInfo = RuleInfo {
    id: "expired-ignore",
    severity: Severity::Medium,
    aliases: &[],
    opt_in: false,
    title: "an ignore is past its date",
    why: "Somebody accepted a fault until a day that is over. The ignore no longer holds: what it kept quiet counts again.",
    remedy: "mend the fault and remove the ignore, or accept it anew with a later date",
    bad: "FROM debian:13\n# plimsoll: allow not-understood until the new builder is here until=2020-01-31\nRUM make\n",
    good: "FROM debian:13\n# plimsoll: allow not-understood until the new builder is here until=9999-01-31\nRUM make\n",
};

pub(super) const UNUSED_IGNORE: RuleInfo = RuleInfo {
    id: "unused-ignore",
    severity: Severity::Low,
    aliases: &[],
    opt_in: false,
    title: "an ignore ignores nothing",
    why: "The fault is gone or was never there. Left alone, the ignore would keep quiet a fault that somebody brings in later.",
    remedy: "remove it",
    bad: "FROM debian:13\n# plimsoll: allow not-understood the builder knows it\nRUN make\n",
    good: "FROM debian:13\nRUN make\n",
};

pub(super) const UNKNOWN_RULE_IN_IGNORE: RuleInfo = RuleInfo {
    id: "unknown-rule-in-ignore",
    severity: Severity::Medium,
    aliases: &[],
    opt_in: false,
    title: "an ignore names a rule that does not exist",
    why: "It keeps nothing quiet, though whoever wrote it thought so.",
    remedy: "correct the name; `plimsoll rules` lists all, other tools' names among them",
    bad: "FROM debian:13\n# plimsoll: allow not-understod the builder knows it\nRUM make\n",
    good: "FROM debian:13\n# plimsoll: allow not-understood the builder knows it\nRUM make\n",
};

pub(super) const IGNORE_WITHOUT_REASON: RuleInfo = RuleInfo {
    id: "ignore-without-reason",
    severity: Severity::Low,
    aliases: &[],
    opt_in: false,
    title: "an ignore gives no reason",
    why: "It holds, but in a year nobody will know whether it may go.",
    remedy: "write after the rule's name why the fault is acceptable here",
    bad: "FROM debian:13\n# plimsoll: allow not-understood\nRUM make\n",
    good: "FROM debian:13\n# plimsoll: allow not-understood the builder knows it\nRUM make\n",
};

pub(super) const UNREADABLE_IGNORE: RuleInfo = RuleInfo {
    id: "unreadable-ignore",
    severity: Severity::Medium,
    aliases: &[],
    opt_in: false,
    title: "an ignore cannot be read",
    why: "It begins like an ignore and is none, so it keeps nothing quiet.",
    remedy: "write `# plimsoll: allow RULE reason`, with `until=2027-01-31` if it is to end",
    bad: "FROM debian:13\n# plimsoll: alow not-understood the builder knows it\nRUM make\n",
    good: "FROM debian:13\n# plimsoll: allow not-understood the builder knows it\nRUM make\n",
};
