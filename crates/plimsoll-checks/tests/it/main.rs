//! Facts in, findings out.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "tests may unwrap: a test that cannot go on should say so at once"
)]

mod dockerfile;
mod dockerfile_fixes;
mod dockerfile_rules;
mod dockerfile_security;
mod docs;
mod hadolint;
mod lint;
mod lint_mutations;
mod manifest_edit;
mod manifest_hostile;
mod manifest_rules;
mod pod_security;
mod rules;
mod secrets;
mod shell;
mod shellcheck;
mod toy;
