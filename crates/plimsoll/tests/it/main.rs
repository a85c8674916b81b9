//! The program as its users meet it: arguments in, output and exit status out.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on should say so at once")]

mod check;
mod conftest;
mod cosign;
mod cosign_attest;
mod dive;
mod dockle;
mod gator;
mod hadolint;
mod install;
mod keyless;
mod kms;
mod kubesec;
mod lint;
mod lint_shell;
mod lsp;
mod notation;
mod opa;
mod policy;
mod policy_test;
mod record;
mod rendered;
mod replay;
mod serve;
mod sigstore;
mod toy;
mod trivy;
mod usage;

use std::path::PathBuf;
use std::process::{Command, Output};

/// A run of the program in the project's folder, away from the user's own caches and settings.
pub struct Run {
    pub status: i32,
    pub out: String,
    pub err: String,
}

/// The project's folder.
pub fn project() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../..")
}

pub fn plimsoll(args: &[&str]) -> Run {
    let home = tempfile::tempdir().unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_plimsoll"));
    command.args(args).current_dir(project()).env_clear().env("HOME", home.path()).env("CI", "true");
    run(&mut command)
}

pub fn run(command: &mut Command) -> Run {
    let Output { status, stdout, stderr } = command.output().unwrap();
    Run {
        status: status.code().expect("the program was killed by a signal"),
        out: String::from_utf8(stdout).unwrap(),
        err: String::from_utf8(stderr).unwrap(),
    }
}
