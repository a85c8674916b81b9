//! `lint` as people call it: what is walked, mended, kept quiet, and the statuses. Rules have their own tests; here the rules
//! about linting itself are enough.

use std::path::Path;
use std::process::{Command, Stdio};

use serde_json::Value;

use crate::{Run, plimsoll, run};

/// Has the faults `not-understood` (medium) and `unused-ignore` (low, which `--fix` mends).
const BROKEN: &str = "FROM debian:13.1\nRUM make\n# plimsoll: allow expired-ignore nobody knows\nUSER app\n";
/// Only the rules about linting: others come and go.
const ONLY: [&str; 2] = ["--select", "lint"];

fn folder(files: &[(&str, &[u8])]) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    for (name, bytes) in files {
        let path = folder.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, bytes).unwrap();
    }
    folder
}

/// Runs `lint` in a folder.
fn lint(folder: &Path, args: &[&str]) -> Run {
    lint_with(folder, args, "")
}

fn lint_with(folder: &Path, args: &[&str], input: &str) -> Run {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), input).unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_plimsoll"));
    command.arg("lint").args(args).current_dir(folder).env_clear().env("CI", "true").env("PLIMSOLL_AT", "2026-06-01");
    command.stdin(Stdio::from(std::fs::File::open(file.path()).unwrap()));
    run(&mut command)
}

fn json(folder: &Path, args: &[&str]) -> Value {
    let run = lint(folder, &[&ONLY[..], &["-f", "json"], args].concat());
    serde_json::from_str(&run.out).unwrap_or_else(|error| panic!("{error}: {}{}", run.out, run.err))
}

fn paths(report: &Value) -> Vec<&str> {
    report["files"].as_array().unwrap().iter().map(|file| file["path"].as_str().unwrap()).collect()
}

#[test]
fn folders_are_walked_as_git_sees_them() {
    let pod = b"apiVersion: v1\nkind: Pod\n";
    let folder = folder(&[
        ("Dockerfile", b"FROM a\n"),
        (".devcontainer/Dockerfile", b"FROM a\n"),
        ("deploy/pod.yaml", pod),
        ("deploy/ci.yml", b"jobs: {}\n"),
        ("ignored/pod.yaml", pod),
        ("node_modules/x/pod.yaml", pod),
        (".git/pod.yaml", pod),
        (".gitignore", b"ignored\n"),
        ("README.md", b"FROM a\n"),
        ("list.txt", pod),
    ]);
    std::os::unix::fs::symlink("Dockerfile", folder.path().join("linked.Dockerfile")).unwrap();
    let report = json(folder.path(), &["."]);
    assert_eq!(paths(&report), [".devcontainer/Dockerfile", "Dockerfile", "deploy/pod.yaml", "linked.Dockerfile"]);
    let named = json(folder.path(), &["list.txt", "ignored/pod.yaml", "deploy", "deploy/pod.yaml"]);
    assert_eq!(paths(&named), ["deploy/pod.yaml", "ignored/pod.yaml", "list.txt"]);
    assert_eq!(named["files"][2]["kind"], "manifest");
}

#[test]
fn what_cannot_be_read_is_told_and_the_rest_is_linted() {
    let folder = folder(&[
        ("Dockerfile", BROKEN.as_bytes()),
        ("Dockerfile.binary", b"FROM a\0b"),
        ("Dockerfile.latin", b"FROM a\n# \xe9\n"),
        ("utf16.yaml", b"\xff\xfea\0"),
        ("mark.yaml", b"\xef\xbb\xbfapiVersion: v1\r\nkind: Pod\r\n"),
        ("cut.yaml", b"apiVersion: v1\nkind: Pod\nspec: [\n"),
    ]);
    let large = std::fs::File::create(folder.path().join("Dockerfile.large")).unwrap();
    large.set_len(100 << 20).unwrap();
    let report = json(folder.path(), &[".", "no-such"]);
    let problem = |path: &str| {
        let file = report["files"].as_array().unwrap().iter().find(|file| file["path"] == path).unwrap();
        file["problems"][0]["message"].as_str().unwrap_or_default().to_owned()
    };
    for (path, words) in [
        ("Dockerfile.binary", "binary"),
        ("Dockerfile.latin", "not UTF-8"),
        ("Dockerfile.large", "104857600 bytes, and no more than 16 MiB"),
        ("utf16.yaml", "UTF-16"),
        ("cut.yaml", "read the document"),
        ("no-such", "No such file"),
    ] {
        assert!(problem(path).contains(words), "{path}: {}", problem(path));
    }
    assert_eq!(problem("mark.yaml"), "");
    assert_eq!(report["summary"]["undecided"], 6);
    assert_eq!(report["files"][0]["findings"][0]["rule"], "not-understood");
}

#[test]
fn statuses_tell_findings_from_what_could_not_be_told() {
    let folder = folder(&[
        ("broken/Dockerfile", BROKEN.as_bytes()),
        ("good/Dockerfile", b"FROM debian:13.1\n"),
        ("cut/pod.yaml", b"apiVersion: v1\nkind: Pod\nspec: [\n"),
        ("empty/README", b""),
    ]);
    for (args, status) in [
        (&["good"][..], 0),
        (&["broken"], 1),
        (&["broken", "--fail-on", "high"], 0),
        (&["broken", "--fail-on", "never"], 0),
        (&["broken", "--ignore", "not-understood"], 0),
        (&["broken", "--ignore", "not-understood", "--fail-on", "low"], 1),
        (&["cut"], 2),
        (&["cut", "--fail-on", "never"], 2),
        (&["broken", "cut"], 1),
        (&["empty"], 2),
        (&["good", "--select", "no-such-rule"], 64),
        (&["good", "--fail-on", "loudly"], 64),
        (&["good", "--pod-security", "strict"], 64),
        (&["good", "--pod-security", "restricted:v1.30"], 0),
        (&[], 64),
    ] {
        let run = lint(folder.path(), &[&ONLY[..], args].concat());
        assert_eq!(run.status, status, "{args:?}: {}{}", run.out, run.err);
    }
    let run = lint(folder.path(), &["--select", "unused-ignor", "good"]);
    assert!(run.err.contains("did you mean unused-ignore?"), "{}", run.err);
}

#[test]
fn files_are_mended_in_place_and_a_second_run_changes_nothing() {
    use std::os::unix::fs::PermissionsExt;
    let text = format!("\u{feff}{}", BROKEN.replace('\n', "\r\n"));
    let folder = folder(&[("real/Dockerfile", text.as_bytes())]);
    let path = folder.path().join("real/Dockerfile");
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o640)).unwrap();
    std::os::unix::fs::symlink("real/Dockerfile", folder.path().join("Dockerfile")).unwrap();
    let args = [&ONLY[..], &["Dockerfile"]].concat();

    let diff = lint(folder.path(), &[&args[..], &["--diff"]].concat());
    assert_eq!(diff.status, 1, "{}", diff.err);
    assert!(diff.out.contains("--- a/Dockerfile\n+++ b/Dockerfile\n"), "{}", diff.out);
    assert_eq!(std::fs::read_to_string(&path).unwrap(), text, "--diff writes nothing");

    let run = lint(folder.path(), &[&args[..], &["--fix"]].concat());
    assert_eq!(run.status, 1, "what cannot be mended is still there: {}{}", run.out, run.err);
    assert!(run.out.contains("1 fixed"), "{}", run.out);
    let mended = std::fs::read_to_string(&path).unwrap();
    assert_eq!(mended, text.replace("# plimsoll: allow expired-ignore nobody knows\r\n", ""));
    assert_eq!(path.metadata().unwrap().permissions().mode() & 0o777, 0o640);
    assert!(folder.path().join("Dockerfile").is_symlink());
    let again = lint(folder.path(), &[&args[..], &["--diff"]].concat());
    assert_eq!((again.status, again.out.as_str()), (0, ""));
}

#[test]
fn standard_input_is_linted_and_mended() {
    let folder = folder(&[]);
    let run =
        lint_with(folder.path(), &[&ONLY[..], &["-f", "short", "--stdin-path", "x/Dockerfile", "-"]].concat(), BROKEN);
    assert!(run.out.starts_with("x/Dockerfile:2:1: medium not-understood/DL1000 "), "{}", run.out);
    let run = lint_with(folder.path(), &[&ONLY[..], &["--fix", "-"]].concat(), BROKEN);
    assert_eq!(run.out, "FROM debian:13.1\nRUM make\nUSER app\n");
    assert!(run.err.contains("not-understood") && run.err.contains("1 fixed"), "{}", run.err);
}

#[test]
fn baselines_keep_what_is_known_quiet_and_what_is_new_loud() {
    let folder = folder(&[("Dockerfile", BROKEN.as_bytes())]);
    let with = |args: &[&str]| lint(folder.path(), &[&ONLY[..], &["."], args].concat());
    let run = with(&["--write-baseline", "known.json"]);
    assert_eq!(run.status, 0, "{}{}", run.out, run.err);
    let run = with(&["--baseline", "known.json", "--fail-on", "low"]);
    assert_eq!(run.status, 0, "{}", run.out);
    assert!(run.out.contains("2 in the baseline"), "{}", run.out);
    std::fs::write(folder.path().join("Dockerfile"), format!("# moved\n{BROKEN}RUNN x\n")).unwrap();
    let run = with(&["--baseline", "known.json", "-f", "short"]);
    assert_eq!((run.status, run.out.lines().count()), (1, 1), "{}", run.out);
    std::fs::write(folder.path().join("Dockerfile"), "FROM debian:13.1\n").unwrap();
    let run = with(&["--baseline", "known.json"]);
    assert!(run.status == 0 && run.out.contains("match 2 entries of the baseline"), "{}", run.out);
    std::fs::write(folder.path().join("known.json"), "[]").unwrap();
    assert_eq!(with(&["--baseline", "known.json"]).status, 2);
    assert_eq!(with(&["--baseline", "no-such.json"]).status, 2);
}

#[test]
fn files_silence_nothing_where_they_may_not() {
    let folder = folder(&[("Dockerfile", b"FROM a:1\n# plimsoll: allow not-understood r\nRUM make\n")]);
    assert_eq!(lint(folder.path(), &[&ONLY[..], &["."]].concat()).status, 0);
    assert_eq!(lint(folder.path(), &[&ONLY[..], &["--no-inline-ignores", "."]].concat()).status, 1);
}

#[test]
fn ignores_end_on_their_day() {
    let folder =
        folder(&[("Dockerfile", b"FROM a:1\n# plimsoll: allow not-understood r until=2026-06-01\nRUM make\n")]);
    assert_eq!(lint(folder.path(), &[&ONLY[..], &["."]].concat()).status, 0);
    let run = lint(folder.path(), &[&ONLY[..], &["--at", "2026-06-02", "-f", "short", "."]].concat());
    assert_eq!((run.status, run.out.lines().count()), (1, 2), "{}", run.out);
    assert!(run.out.contains("expired-ignore"), "{}", run.out);
}

#[test]
fn every_format_is_written_and_same_inputs_give_the_same_bytes() {
    let folder = folder(&[("Dockerfile", BROKEN.as_bytes()), ("a.yaml", b"apiVersion: v1\nkind: Pod\nspec: [")]);
    for format in ["text", "short", "json", "sarif", "github", "gitlab", "checkstyle", "junit"] {
        let args = [&ONLY[..], &["-f", format, "."]].concat();
        let first = lint(folder.path(), &args);
        assert!(first.out.contains("not-understood"), "{format}: {}{}", first.out, first.err);
        assert_eq!(first.out, lint(folder.path(), &args).out, "{format}");
    }
    lint(folder.path(), &["-o", "out.txt", "."]);
    assert!(std::fs::read_to_string(folder.path().join("out.txt")).unwrap().contains("not-understood"));
}

#[test]
fn rules_of_all_families_are_listed_and_explained_by_any_name() {
    for name in ["not-understood", "DL1000", "dl1000"] {
        let run = plimsoll(&["explain", name]);
        assert!(run.out.starts_with("not-understood (lint, medium)"), "{}{}", run.out, run.err);
        assert!(run.out.contains("Also known as DL1000"), "{}", run.out);
    }
    assert!(plimsoll(&["explain", "unused-ignore"]).out.contains("plimsoll lint --fix"));
    let all = plimsoll(&["rules"]).out;
    for words in ["image\n", "lint\n", "runs-as-root", "pod-security-privileged", "unused-ignore"] {
        assert!(all.contains(words), "{words}: {all}");
    }
    let lint = plimsoll(&["rules", "--family", "lint"]).out;
    assert!(lint.contains("unused-ignore") && !lint.contains("runs-as-root"), "{lint}");
    let rules: Value = serde_json::from_str(&plimsoll(&["rules", "--json"]).out).unwrap();
    let unused = rules.as_array().unwrap().iter().find(|rule| rule["id"] == "unused-ignore").unwrap();
    assert_eq!((&unused["family"], &unused["fix"]), (&"lint".into(), &"safe".into()));
    let folder = tempfile::tempdir().unwrap();
    assert_eq!(plimsoll(&["rules", "--markdown", folder.path().to_str().unwrap()]).status, 0);
    let page = std::fs::read_to_string(folder.path().join("rules/lint.md")).unwrap();
    assert!(page.contains("## unused-ignore"), "{page}");
}

#[test]
fn digests_are_pinned_as_the_registry_tells_them_and_the_rest_goes_on() {
    let registry = crate::serve::registry();
    let (image, gone) = (registry.image("1.0"), format!("{}/other/gone:1", registry.address));
    let digest = crate::serve::registry_digest();
    let dockerfile = format!(
        "FROM {image} AS build\nFROM scratch\nFROM $BASE\nFROM {gone}\nCOPY --from=build a b\nCOPY --from={image} a b # x\n"
    );
    let pod = format!("apiVersion: v1\nkind: Pod\nspec:\n  containers:\n  - name: a\n    image: \"{image}\" # why\n");
    let folder = folder(&[("Dockerfile", dockerfile.as_bytes()), ("pod.yaml", pod.as_bytes())]);
    let cache = tempfile::tempdir().unwrap();
    let pin = |args: &[&str]| {
        let args = [
            &["lint", "--select", "lint", "--pin-digests", "--cache-dir", cache.path().to_str().unwrap()],
            args,
            &["."],
        ]
        .concat();
        run(Command::new(env!("CARGO_BIN_EXE_plimsoll"))
            .args(args)
            .current_dir(folder.path())
            .env_clear()
            .env("CI", "true"))
    };
    let read = |name: &str| std::fs::read_to_string(folder.path().join(name)).unwrap();
    let pinned = |text: &str| text.replace(&image, &format!("{image}@{digest}"));
    assert_eq!((pin(&[]).status, pin(&["--fix", "--platform", "linux/arm64"]).status), (64, 64));
    assert_eq!(pin(&["--fix", "--offline"]).status, 2);
    assert_eq!((read("Dockerfile"), read("pod.yaml")), (dockerfile.clone(), pod.clone()));
    let shown = pin(&["--diff"]);
    assert_eq!(shown.status, 1, "{}{}", shown.out, shown.err);
    assert_eq!(shown.out.matches(&format!("+FROM {image}@{digest} AS build\n")).count(), 1, "{}", shown.out);
    assert!(shown.err.contains(&format!("pin {gone}")), "{}", shown.err);
    let run = pin(&["--fix"]);
    assert_eq!(run.status, 2, "{}{}", run.out, run.err);
    assert!(run.out.contains(&format!("pin {gone}")) && run.out.contains("Dockerfile:4:6"), "{}", run.out);
    assert_eq!((read("Dockerfile"), read("pod.yaml")), (pinned(&dockerfile), pinned(&pod)));
    // A second time there is nothing left but what cannot be reached.
    let asked = registry.asked.load(std::sync::atomic::Ordering::SeqCst);
    assert_eq!(pin(&["--fix"]).status, 2);
    assert!(registry.asked.load(std::sync::atomic::Ordering::SeqCst) <= asked + 3);
    assert_eq!(read("Dockerfile"), pinned(&dockerfile));
}

const POLICY: &str =
    "apiVersion: plimsoll.dev/v1alpha1\nkind: LoadLine\nmetadata: {name: x}\nimages: [{name: all, match: [\"**\"]}]\n";
const POD: &str =
    "apiVersion: v1\nkind: Pod\nmetadata: {name: a}\nspec:\n  containers:\n  - {name: a, image: \"acme/a:1\"}\n";

/// The rules that are found, with their severities, and those that are kept quiet.
fn found(folder: &Path, args: &[&str]) -> (Vec<String>, Vec<String>) {
    let run = lint(folder, &[&["-f", "json", "pod.yaml"], args].concat());
    let report: Value =
        serde_json::from_str(&run.out).unwrap_or_else(|error| panic!("{error}: {}{}", run.out, run.err));
    let file = &report["files"][0];
    let words = |one: &Value| format!("{} {}", one["rule"].as_str().unwrap(), one["severity"].as_str().unwrap());
    let of = |key: &str| file[key].as_array().map(|list| list.iter().map(words).collect()).unwrap_or_default();
    (of("findings"), of("ignoredFindings"))
}

#[test]
fn policy_chooses_rules_weighs_them_and_waives() {
    let text = format!(
        "{POLICY}workloads:\n  podSecurity: {{level: restricted}}\n  rules: {{memory-limit-missing: off, memory-request-missing: deny, cpu-limit-missing: warn}}\n\
         waivers:\n- {{id: may-run-as-root, reason: legacy}}\n- {{id: seccomp-missing, reason: old, until: 2026-01-01}}\n"
    );
    let folder = folder(&[("pod.yaml", POD.as_bytes()), ("loadline.yaml", text.as_bytes())]);
    let (rules, quiet) = found(folder.path(), &[]);
    let has = |rule: &str| rules.iter().any(|found| found == rule);
    assert!(has("memory-request-missing high") && has("cpu-limit-missing low"), "{rules:?}");
    assert!(has("pod-security-run-as-non-root medium") || has("pod-security-run-as-non-root high"), "{rules:?}");
    assert!(!rules.iter().any(|found| found.starts_with("memory-limit-missing")), "{rules:?}");
    assert_eq!(quiet, ["may-run-as-root medium"]);
    assert!(rules.iter().any(|found| found.starts_with("seccomp-missing")), "{rules:?}");
    let run = lint(folder.path(), &["-f", "short", "pod.yaml"]);
    assert!(run.out.contains("ran out on 2026-01-01"), "{}{}", run.out, run.err);

    std::fs::remove_file(folder.path().join("loadline.yaml")).unwrap();
    let (rules, quiet) = found(folder.path(), &[]);
    assert!(rules.iter().any(|found| found.starts_with("memory-limit-missing")) && quiet.is_empty(), "{rules:?}");
}

#[test]
fn score_falls_with_what_is_found_and_rises_with_what_is_mended() {
    let folder = folder(&[("pod.yaml", POD.as_bytes())]);
    let score = |folder: &Path| -> u64 {
        let run = lint(folder, &["-f", "json", "pod.yaml"]);
        serde_json::from_str::<Value>(&run.out).unwrap()["files"][0]["score"].as_u64().unwrap()
    };
    let before = score(folder.path());
    lint(folder.path(), &["--fix", "--unsafe-fixes", "pod.yaml"]);
    let after = score(folder.path());
    assert!(before < after && after <= 100, "{before} {after}");
}

#[test]
fn links_that_nobody_named_are_not_written_through() {
    let outside = folder(&[("Dockerfile", BROKEN.as_bytes())]);
    let inside = folder(&[("real.Dockerfile", BROKEN.as_bytes())]);
    std::os::unix::fs::symlink(outside.path().join("Dockerfile"), inside.path().join("Dockerfile")).unwrap();
    std::os::unix::fs::symlink("real.Dockerfile", inside.path().join("a.Dockerfile")).unwrap();
    let diff = lint(inside.path(), &[&ONLY[..], &["--diff", "."]].concat());
    assert_eq!(diff.out.matches("--- a/").count(), 1, "{}", diff.out);
    let run = lint(inside.path(), &[&ONLY[..], &["--fix", "-f", "short", "."]].concat());
    let unused: Vec<&str> = run.out.lines().filter(|line| line.contains("unused-ignore")).collect();
    assert!(unused.len() == 1 && unused[0].starts_with("Dockerfile:3:1: "), "{}", run.out);
    assert_eq!(std::fs::read_to_string(outside.path().join("Dockerfile")).unwrap(), BROKEN);
    assert_ne!(std::fs::read_to_string(inside.path().join("real.Dockerfile")).unwrap(), BROKEN);
}

#[test]
fn a_byte_order_mark_stays_wherever_the_text_goes() {
    let text = format!("\u{feff}{BROKEN}");
    let folder = folder(&[("Dockerfile", text.as_bytes())]);
    let diff = lint(folder.path(), &[&ONLY[..], &["--diff", "."]].concat());
    assert!(diff.out.contains("\n \u{feff}FROM debian"), "{}", diff.out);
    let run = lint_with(folder.path(), &[&ONLY[..], &["--fix", "-o", "report.txt", "-"]].concat(), &text);
    assert!(run.out.starts_with("\u{feff}FROM debian"), "{}", run.out);
}

#[test]
fn a_patch_of_what_is_not_understood_is_no_clean_answer() {
    let folder = folder(&[("pod.yaml", b"apiVersion: v1\nkind: Pod\nspec: [\n")]);
    let run = lint(folder.path(), &[&ONLY[..], &["--diff", "."]].concat());
    assert_eq!((run.status, run.out.as_str()), (2, ""), "{}", run.err);
    assert!(run.err.contains("pod.yaml:3:7: could not read the document"), "{}", run.err);
}

#[test]
fn paths_command_no_ci_log() {
    let folder = folder(&[("::add-mask::x/Dockerfile", BROKEN.as_bytes())]);
    for format in ["short", "text"] {
        let run = lint(folder.path(), &[&ONLY[..], &["--fix", "-f", format, "."]].concat());
        let lines = || run.out.lines().chain(run.err.lines());
        assert!(!lines().any(|line| line.trim_start().starts_with(':')), "{}{}", run.out, run.err);
    }
}
