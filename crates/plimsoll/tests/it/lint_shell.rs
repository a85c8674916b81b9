//! `lint` with a stand-in for ShellCheck on the path, and without one.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;

use serde_json::Value;

use crate::{Run, plimsoll, run};

/// Says SC2086 of the `$x` and SC2045 of the first letter of scripts with MARK in their first line, breaks off at BREAK, and
/// counts how often it is started. It has the shell's own words alone, for it has no PATH.
const STAND_IN: &str = r#"#!/bin/sh
echo started >> "$0.calls"
while [ "$1" != -- ]; do shift; done; shift
sep=
printf '{"comments":['
for f; do
  { read -r interpreter; read -r export; read -r line; } < "$f"
  case "$line" in
    *BREAK*) exit 3 ;;
    *MARK*)
      printf '%s{"file":"%s","line":3,"endLine":3,"column":3,"endColumn":5,"level":"info","code":2086,"message":"Theirs.","fix":null}' "$sep" "$f"
      printf ',{"file":"%s","line":3,"endLine":3,"column":1,"endColumn":2,"level":"warning","code":2045,"message":"Not so.","fix":null}' "$f"
      sep=, ;;
  esac
done
echo ']}'
"#;

struct Place(tempfile::TempDir);

impl Place {
    /// A folder with `project/` and, in `bin/`, a ShellCheck.
    fn new(files: &[(&str, &str)]) -> Place {
        let place = Place(tempfile::tempdir().unwrap());
        for folder in ["bin", "project"] {
            std::fs::create_dir(place.0.path().join(folder)).unwrap();
        }
        std::fs::write(place.program(), STAND_IN).unwrap();
        std::fs::set_permissions(place.program(), std::fs::Permissions::from_mode(0o755)).unwrap();
        for (name, text) in files {
            std::fs::write(place.0.path().join("project").join(name), text).unwrap();
        }
        place
    }

    fn program(&self) -> std::path::PathBuf {
        self.0.path().join("bin/shellcheck")
    }

    fn calls(&self) -> usize {
        std::fs::read_to_string(self.0.path().join("bin/shellcheck.calls")).map_or(0, |text| text.lines().count())
    }

    fn lint(&self, path: &Path, args: &[&str]) -> Run {
        let mut command = Command::new(env!("CARGO_BIN_EXE_plimsoll"));
        command.arg("lint").args(args).arg(".").current_dir(self.0.path().join("project"));
        command.env_clear().env("CI", "true").env("PLIMSOLL_AT", "2026-06-01").env("PATH", path);
        run(&mut command)
    }

    fn with(&self, args: &[&str]) -> Run {
        self.lint(&self.0.path().join("bin"), args)
    }

    fn without(&self, args: &[&str]) -> Run {
        self.lint(&self.0.path().join("project"), args)
    }
}

/// `RULE line:column message` of each finding, and the same of what is ignored.
fn findings(report: &str) -> (Vec<String>, Vec<String>) {
    let report: Value = serde_json::from_str(report).unwrap_or_else(|error| panic!("{error}: {report}"));
    let (mut found, mut ignored) = (Vec::new(), Vec::new());
    for file in report["files"].as_array().unwrap() {
        for (name, into) in [("findings", &mut found), ("ignoredFindings", &mut ignored)] {
            for finding in file[name].as_array().into_iter().flatten() {
                let place = &finding["locations"][0];
                let word = |value: &Value| value.as_str().unwrap().to_owned();
                let (rule, message) = (word(&finding["rule"]), word(&finding["message"]));
                into.push(format!("{rule} {}:{} {message}", place["line"], place["column"]));
            }
        }
    }
    (found, ignored)
}

const OURS: &str = "`$x` is split at blanks, and `*` in it becomes names of files";

#[test]
fn what_shellcheck_says_is_found_under_our_rules_or_its_codes() {
    let text = "FROM a:1\nRUN b $x MARK\nRUN c `d`\n";
    let place = Place::new(&[("Dockerfile", text), ("b.Dockerfile", "FROM a:1\nRUN b $x MARK\n")]);
    let run = place.with(&["--select", "SC", "-f", "json"]);
    let (found, _) = findings(&run.out);
    let first = format!("unquoted-variable 2:7 {OURS}");
    // Ours stands where both say it; what ShellCheck does not say (the backquotes) is not said.
    assert_eq!(found, ["SC2045 2:5 Not so", &first, "SC2045 2:5 Not so", &first], "{}{}", run.out, run.err);
    assert_eq!(place.calls(), 1);
    let report: Value = serde_json::from_str(&run.out).unwrap();
    assert_eq!(report["files"][0]["findings"][0]["severity"], "medium");
    assert_eq!(report["files"][0]["findings"][1]["fix"]["title"], "quote it");
    assert_eq!(run.status, 1);
    let some = |args: &[&str]| findings(&place.with(&[args, &["-f", "json"]].concat()).out).0;
    assert_eq!(some(&["--select", "SC2086"]), [first.as_str(), &first]);
    assert_eq!(some(&["--select", "SC", "--ignore", "SC2086"]), ["SC2045 2:5 Not so", "SC2045 2:5 Not so"]);
    let all = some(&["--select", "dockerfile", "--ignore", "SC2045"]);
    assert!(all.contains(&first) && !all.iter().any(|one| one.starts_with("SC2045")), "{all:?}");
    let calls = place.calls();
    let alone = some(&["--select", "SC", "--no-shellcheck"]);
    assert_eq!(alone.len(), 4, "{alone:?}");
    assert_eq!(place.calls(), calls);
}

#[test]
fn codes_are_ignored_in_files_like_rules() {
    let text = "FROM a:1\n# plimsoll: allow SC2045, SC2086 both are meant\nRUN b $x MARK\n# hadolint ignore=SC2045,SC2086\n\
                RUN c $y MARK\n# plimsoll: allow SC2013 gone\nRUN d\n# plimsoll: allow SC9999 no such\nRUN e\n";
    let place = Place::new(&[("Dockerfile", text)]);
    let (found, ignored) = findings(&place.with(&["--select", "SC,lint", "-f", "json"]).out);
    assert_eq!(
        found,
        [
            "unused-ignore 6:1 the ignore of SC2013 ignores nothing",
            "unknown-rule-in-ignore 8:1 there is no rule SC9999"
        ]
    );
    assert_eq!(ignored.len(), 4, "{ignored:?}");
    // Without it, nobody knows whether an ignore of its codes is needed: --fix leaves it.
    let (found, ignored) = findings(&place.without(&["--select", "SC,lint", "-f", "json"]).out);
    assert_eq!(found, ["unknown-rule-in-ignore 8:1 there is no rule SC9999"]);
    assert_eq!(ignored.len(), 2, "{ignored:?}");
    place.with(&["--select", "lint", "--fix"]);
    assert!(std::fs::read_to_string(place.0.path().join("project/Dockerfile")).unwrap().contains("SC2013"));
}

#[test]
fn a_script_that_shellcheck_cannot_take_is_told_and_ours_still_look() {
    let place = Place::new(&[("Dockerfile", "FROM a:1\nRUN b $x MARK\nRUN b $x BREAK\n")]);
    let run = place.with(&["--select", "SC", "--ignore", "SC2045", "-f", "json"]);
    let (found, _) = findings(&run.out);
    assert_eq!(found, [format!("unquoted-variable 2:7 {OURS}"), format!("unquoted-variable 3:7 {OURS}")]);
    let report: Value = serde_json::from_str(&run.out).unwrap();
    let problem = &report["files"][0]["problems"][0];
    assert_eq!((&problem["effect"], &problem["location"]["line"]), (&"note".into(), &3.into()), "{}", run.out);
    assert!(problem["message"].as_str().unwrap().contains("status 3"), "{problem}");
    assert_eq!(run.status, 0);
}

#[test]
fn a_missing_shellcheck_is_told_once() {
    let place = Place::new(&[("Dockerfile", "FROM a:1\nRUN b\n"), ("b.Dockerfile", "FROM a:1\nRUN c\n")]);
    let told = |run: Run| run.err.matches("shellcheck is not on the PATH").count();
    assert_eq!(told(place.without(&["--select", "SC"])), 1);
    for args in [&["--no-shellcheck"][..], &["-q"], &["-f", "json"]] {
        assert_eq!(told(place.without(&[&["--select", "SC"], args].concat())), 0, "{args:?}");
    }
    assert_eq!(told(place.with(&["--select", "SC"])), 0);
    let place = Place::new(&[("Dockerfile", "FROM a:1\nRUN [\"b\"]\nSHELL [\"pwsh\"]\nRUN c\n")]);
    assert_eq!(told(place.without(&["--select", "SC"])), 0);
}

#[test]
fn codes_are_explained() {
    let ours = plimsoll(&["explain", "SC2086"]);
    assert!(ours.out.starts_with("unquoted-variable (dockerfile, low)"), "{}", ours.out);
    let theirs = plimsoll(&["explain", "sc2045"]);
    assert!(theirs.out.contains("https://www.shellcheck.net/wiki/SC2045"), "{}", theirs.out);
}
