//! The Trivy personality over the examples.

use std::process::Command;

use crate::{Run, plimsoll, project, run};

/// A home whose index was built from the example's own advisories.
fn trivy(args: &[&str]) -> Run {
    let home = tempfile::tempdir().unwrap();
    let cache = home.path().join("cache");
    let program = |name: &std::path::Path, args: &[&str]| {
        let mut command = Command::new(name);
        command.args(args).current_dir(project()).env_clear().env("HOME", home.path());
        command.env("PLIMSOLL_CACHE_DIR", &cache).env("PLIMSOLL_AT", "2026-11-21");
        run(&mut command)
    };
    let plimsoll = std::path::PathBuf::from(env!("CARGO_BIN_EXE_plimsoll"));
    let built = program(&plimsoll, &["db", "build", "examples/shop/advisories"]);
    assert_eq!(built.status, 0, "{}", built.err);
    let link = home.path().join("trivy");
    std::os::unix::fs::symlink(plimsoll, &link).unwrap();
    program(&link, args)
}

#[test]
fn a_link_named_trivy_speaks_trivy() {
    let run = trivy(&["image", "--input", "examples/shop/image", "--severity", "CRITICAL", "--exit-code", "3"]);
    assert_eq!(run.status, 3, "{}{}", run.out, run.err);
    assert!(run.out.contains("(debian 13.1)") && run.out.contains("CRITICAL: "), "{}", run.out);
    assert!(!run.out.contains("HIGH"), "{}", run.out);
}

#[test]
fn json_is_of_schema_2_and_lists_each_binary() {
    let run = trivy(&["image", "--input", "examples/shop/image", "-f", "json", "-q"]);
    let report: serde_json::Value = serde_json::from_str(&run.out).unwrap();
    assert_eq!(report["SchemaVersion"], 2);
    let rows: Vec<&serde_json::Value> = report["Results"]
        .as_array()
        .unwrap()
        .iter()
        .flat_map(|result| result["Vulnerabilities"].as_array().into_iter().flatten())
        .collect();
    let of = |name: &str| rows.iter().filter(|row| row["PkgName"] == name).count();
    assert!(of("libssl3t64") > 0 && of("openssl") > 0, "{}", run.out);
}

#[test]
fn where_nothing_can_be_told_the_status_is_no_success() {
    let bare = plimsoll(&["trivy", "image", "--input", "examples/shop-fixed/image", "-q"]);
    assert_eq!(bare.status, 1, "{}{}", bare.out, bare.err);
    assert!(bare.err.contains("could not tell"), "{}", bare.err);
}

#[test]
fn unknown_flags_and_severities_are_errors() {
    assert_eq!(plimsoll(&["trivy", "image", "--no-such-flag", "x"]).status, 1);
    assert_eq!(plimsoll(&["trivy", "image", "--severity", "AWFUL", "x"]).status, 1);
    assert_eq!(plimsoll(&["trivy", "--help"]).status, 0);
}

#[test]
fn scanners_that_are_not_there_are_no_success() {
    let run = trivy(&["image", "--input", "examples/shop-fixed/image", "--scanners", "vuln,misconfig", "-q"]);
    assert_eq!(run.status, 1, "{}{}", run.out, run.err);
    assert!(run.err.contains("misconfig"), "{}", run.err);
}
