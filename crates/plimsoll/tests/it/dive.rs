//! The dive personality over small images.

use std::process::Command;

use serde_json::Value;

use crate::toy::Toy;
use crate::{Run, run};

/// One file written twice, one folder removed: 420 of 620 kB are hidden.
fn wasteful() -> Toy {
    Toy::default()
        .layer("/bin/sh -c #(nop) ADD file:abc in / ", &[("base", 0o644, &[0; 100_000])])
        .layer("COPY . /src # buildkit", &[("src/a", 0o644, &[1; 300_000]), ("src/deep/b", 0o4755, &[2; 20_000])])
        .layer("RUN /bin/sh -c make # buildkit", &[("web", 0o755, &[3; 100_000])])
        .layer("RUN /bin/sh -c chmod 700 /web # buildkit", &[("web", 0o700, &[3; 100_000])])
        .layer("RUN /bin/sh -c rm -rf /src # buildkit", &[(".wh.src", 0o644, b"")])
}

fn dive(toy: &Toy, config: &str, environment: &[(&str, &str)], args: &[&str]) -> (Run, tempfile::TempDir) {
    let folder = tempfile::tempdir().unwrap();
    toy.save(&folder.path().join("image.tar"), environment.contains(&("BROKEN", "1")));
    if !config.is_empty() {
        std::fs::write(folder.path().join(".dive-ci"), config).unwrap();
    }
    let mut command = Command::new(env!("CARGO_BIN_EXE_plimsoll"));
    command.arg("dive").args(args).current_dir(folder.path()).env_clear().env("HOME", folder.path());
    command.envs(environment.iter().copied());
    (run(&mut command), folder)
}

const IMAGE: &str = "docker-archive://image.tar";

#[test]
fn waste_is_told_by_path_and_by_instruction() {
    let (run, _folder) = dive(&wasteful(), "", &[], &["--ci", IMAGE]);
    assert_eq!(run.status, 1, "{}", run.err);
    insta::assert_snapshot!(run.out);
}

#[test]
fn image_without_waste_passes() {
    let toy = Toy::default().layer("COPY a /a", &[("a", 0o644, b"a")]).layer("COPY b /b", &[("b", 0o644, b"b")]);
    let (run, _folder) = dive(&toy, "", &[("CI", "true")], &["--source", "docker-archive", "image.tar"]);
    assert_eq!(run.status, 0, "{}", run.err);
    assert!(
        run.out.contains("efficiency: 100.0000 %") && run.out.contains("Result:PASS [Total:3] [Passed:2]"),
        "{}",
        run.out
    );
}

#[test]
fn thresholds_come_from_flags_then_the_file_then_the_defaults() {
    let lenient = "rules:\n  lowestEfficiency: 0.1\n  highestWastedBytes: 1GB\n  highestUserWastedPercent: 1\n";
    let (run, _folder) = dive(&wasteful(), lenient, &[], &["--ci", IMAGE]);
    assert_eq!(run.status, 0, "{}", run.out);
    assert!(
        run.out.contains("Using CI config: .dive-ci") && run.out.contains("PASS: highestWastedBytes"),
        "{}",
        run.out
    );
    let (run, _folder) = dive(&wasteful(), lenient, &[], &["--ci", "--highestWastedBytes", "500kB", IMAGE]);
    assert_eq!(run.status, 1);
    assert!(run.out.contains("FAIL: highestWastedBytes") && run.out.contains("PASS: lowestEfficiency"), "{}", run.out);
    let off = ["--lowestEfficiency=disabled", "--highestUserWastedPercent=disabled"];
    let (run, _folder) = dive(&wasteful(), "", &[], &["--ci", off[0], off[1], IMAGE]);
    assert_eq!(run.status, 0);
    assert!(run.out.contains("[Skipped:3]"), "{}", run.out);
}

#[test]
fn thresholds_that_cannot_be_read_fail_the_run() {
    let (run, _folder) = dive(&wasteful(), "rules: {lowestEfficiency: 9}", &[], &["--ci", IMAGE]);
    assert_eq!(run.status, 1);
    assert!(
        run.out.contains("MISCONFIGURED: lowestEfficiency") && run.out.ends_with("CI Misconfigured\n"),
        "{}",
        run.out
    );
    for (config, args, words) in [
        ("rules: {lowestEffciency: 0.5}", &["--ci", IMAGE][..], "lowestEffciency"),
        ("rules: [", &["--ci", IMAGE], ".dive-ci"),
        ("", &["--ci", "--ci-config", "no-such.yaml", IMAGE], "no-such.yaml"),
    ] {
        let (run, _folder) = dive(&wasteful(), config, &[], args);
        assert_eq!(run.status, 1, "{args:?}");
        assert!(run.err.contains(words), "{}", run.err);
    }
}

#[test]
fn export_lists_layers_files_and_repeated_paths() {
    // As in dive, the environment's CI alone does not judge what is exported.
    let (run, folder) = dive(&wasteful(), "", &[("CI", "true")], &["--json", "out.json", IMAGE]);
    assert_eq!((run.status, run.out.as_str()), (0, ""), "{}", run.err);
    let text = std::fs::read_to_string(folder.path().join("out.json")).unwrap();
    let export: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(export["image"]["sizeBytes"], 620_000);
    assert_eq!(export["image"]["inefficientBytes"], 520_000);
    assert_eq!(
        export["image"]["fileReference"][0],
        serde_json::json!({ "count": 2, "sizeBytes": 320_000, "file": "/src" })
    );
    assert_eq!(export["layer"].as_array().unwrap().len(), 5);
    assert_eq!(export["layer"][2]["command"], "RUN /bin/sh -c make # buildkit");
    let file = serde_json::json!({
        "path": "src/deep/b", "typeFlag": 48, "linkName": "", "size": 20_000, "fileMode": 0x0080_01edu32, "isDir": false,
    });
    assert_eq!(export["layer"][1]["fileList"][1], file);
    let (both, _folder) = dive(&wasteful(), "", &[], &["--ci", "-j", "out.json", IMAGE]);
    assert_eq!(both.status, 1, "{}", both.out);
}

#[test]
fn layer_that_lies_leaves_the_result_open() {
    let lenient = ["--ci", "--lowestEfficiency=0", "--highestUserWastedPercent=disabled", IMAGE];
    let (run, _folder) = dive(&wasteful(), "", &[("BROKEN", "1")], &lenient);
    assert_eq!(run.status, 1, "{}{}", run.out, run.err);
    assert!(run.out.contains("Result:UNDECIDED") && run.err.contains("could not tell"), "{}{}", run.out, run.err);
    let (run, _folder) = dive(&wasteful(), "", &[("BROKEN", "1")], &[&lenient[..], &["--ignore-errors"]].concat());
    assert_eq!(run.status, 0, "{}{}", run.out, run.err);
}

#[test]
fn there_is_no_interactive_mode_and_no_build() {
    for args in [&[IMAGE][..], &["build", "-t", "x", "."]] {
        let (run, _folder) = dive(&wasteful(), "", &[], args);
        assert_eq!(run.status, 1);
        assert!(run.err.contains("--ci"), "{}", run.err);
    }
    assert_eq!(dive(&wasteful(), "", &[], &["--help"]).0.status, 0);
    assert_eq!(dive(&wasteful(), "", &[], &["--ci"]).0.status, 1);
}
