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

/// The 27 ways of attack on who verifies signatures, each of which some crate's test is named for.
#[test]
fn every_attack_on_signatures_has_a_case() {
    fn texts(folder: &std::path::Path, found: &mut String) {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                texts(&path, found);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                *found += &std::fs::read_to_string(path).unwrap();
            }
        }
    }
    let mut all = String::new();
    for name in ["plimsoll", "plimsoll-policy", "plimsoll-sources", "plimsoll-trust"] {
        for part in ["src", "tests", "examples"] {
            let folder = project().join("crates").join(name).join(part);
            if folder.exists() {
                texts(&folder, &mut all);
            }
        }
    }
    // Those of bundles are one test's, which goes through them.
    let bundles = project().join("crates/plimsoll-trust/examples/offline_world/cases.rs");
    let bundles = std::fs::read_to_string(bundles).unwrap();
    for number in 1..=27 {
        let named = all.contains(&format!("fn case_{number}_")) || bundles.contains(&format!("\"{number}-"));
        assert!(named, "{number}");
    }
}

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
