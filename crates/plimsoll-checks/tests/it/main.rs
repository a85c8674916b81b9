//! Facts in, findings out.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "tests may unwrap: a test that cannot go on should say so at once"
)]

mod docs;
mod manifest_edit;
mod manifest_hostile;
mod manifest_rules;
mod rules;
mod secrets;
mod toy;
