//! The hadolint personality over small folders.

use std::path::Path;
use std::process::Command;

use crate::{Run, run};

struct Folder(tempfile::TempDir);

impl Folder {
    fn new(files: &[(&str, &str)]) -> Folder {
        let folder = Folder(tempfile::tempdir().unwrap());
        for (name, text) in files {
            folder.write(name, text);
        }
        folder
    }

    fn path(&self) -> &Path {
        self.0.path()
    }

    fn write(&self, name: &str, text: &str) {
        let path = self.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }

    fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_plimsoll"));
        command.arg("hadolint").args(args).current_dir(self.path()).env_clear();
        command.env("HOME", self.path().join("home")).env("PLIMSOLL_AT", "2026-11-28T15:31:18Z");
        command
    }

    fn run(&self, args: &[&str]) -> Run {
        run(&mut self.command(args))
    }

    fn with(&self, variables: &[(&str, &str)], args: &[&str]) -> Run {
        run(self.command(args).envs(variables.iter().copied()))
    }
}

/// Info on line 2, warning on line 3, error on line 4.
const MIXED: &str = "FROM debian:12\nUSER app\nCMD [\"/a\"]\nCMD [\"/b\"]\nENTRYPOINT [\"/a\"]\nENTRYPOINT [\"/b\"]\n";

#[test]
fn findings_stand_at_their_instructions_under_hadolints_codes() {
    let folder = Folder::new(&[("Dockerfile", MIXED)]);
    let run = folder.run(&["--no-color", "Dockerfile"]);
    let places: Vec<&str> = run.out.lines().map(|line| line.split(": ").next().unwrap()).collect();
    assert_eq!(
        places,
        ["Dockerfile:2 DL3066 info", "Dockerfile:4 DL4003 warning", "Dockerfile:6 DL4004 error"],
        "{}{}",
        run.out,
        run.err
    );
    assert_eq!(run.status, 1);
}

#[test]
fn status_follows_the_threshold() {
    let folder = Folder::new(&[("info", "FROM debian:12\nUSER app\n"), ("clean", "FROM debian:12\nUSER 1\n")]);
    for (args, status) in [
        (&["info"][..], 1),
        (&["-t", "warning", "info"], 0),
        (&["-t", "none", "info"], 1),
        (&["-t", "none", "clean"], 0),
        (&["--warning", "DL3066", "-t", "warning", "info"], 1),
        (&["--ignore", "DL3066", "info"], 0),
        (&["--no-fail", "info"], 0),
        (&["-f", "codeclimate", "info"], 0),
        (&["-f", "codacy", "info"], 0),
        (&["-f", "json", "info"], 1),
        (&["clean"], 0),
        (&["clean", "missing"], 1),
        (&["--no-fail", "clean", "."], 1),
        (&[], 1),
        (&["--bogus", "clean"], 1),
        (&["--version"], 0),
        (&["--help"], 0),
    ] {
        let run = folder.run(args);
        assert_eq!(run.status, status, "{args:?}: {}{}", run.out, run.err);
    }
}

#[test]
fn what_cannot_be_read_leaves_the_rest_read() {
    let folder = Folder::new(&[("a", "FROM debian:12\nUSER app\n"), ("b", "FROM debian:12\nBAD x\nUSER app\n")]);
    let run = folder.run(&["-f", "gnu", "missing", "a", ".", "b"]);
    assert_eq!(run.status, 1);
    assert!(run.err.contains("could not read missing") && run.err.contains("folder"), "{}", run.err);
    let starts = ["hadolint:a:2: DL3066 info: ", "hadolint:b:2:1: ", "hadolint:b:3: DL3066 info: "];
    let lines: Vec<&str> = run.out.lines().collect();
    assert_eq!(lines.len(), 3, "{}", run.out);
    for (line, start) in lines.iter().zip(starts) {
        assert!(line.starts_with(start), "{line}");
    }
}

#[test]
fn first_configuration_found_counts() {
    let folder = Folder::new(&[("Dockerfile", MIXED)]);
    let codes = |run: &Run| -> Vec<String> {
        let all: Vec<serde_json::Value> = serde_json::from_str(&run.out).unwrap();
        all.iter().map(|one| one["code"].as_str().unwrap().to_owned()).collect()
    };
    let json = || codes(&folder.run(&["-f", "json", "Dockerfile"]));
    assert_eq!(json(), ["DL3066", "DL4003", "DL4004"]);
    folder.write("home/.hadolint.yaml", "ignored: [DL3066, DL4003, DL4004]\n");
    assert_eq!(json().len(), 0);
    folder.write("home/.config/hadolint.yaml", "ignored: [DL4003, DL4004]\n");
    assert_eq!(json(), ["DL3066"]);
    let xdg = folder.path().join("xdg");
    folder.write("xdg/hadolint.yml", "ignored: [DL3066, DL4004]\n");
    let run = folder.with(&[("XDG_CONFIG_HOME", xdg.to_str().unwrap())], &["-f", "json", "Dockerfile"]);
    assert_eq!(codes(&run), ["DL4003"]);
    folder.write(".hadolint.yml", "ignored: [DL3066, DL4003]\n");
    assert_eq!(json(), ["DL4004"]);
    folder.write(".hadolint.yaml", "ignored: [DL3066]\n");
    assert_eq!(json(), ["DL4003", "DL4004"]);
    folder.write("other.yaml", "ignored: [DL4004]\n");
    assert_eq!(codes(&folder.run(&["-c", "other.yaml", "-f", "json", "Dockerfile"])), ["DL3066", "DL4003"]);
    assert_eq!(folder.run(&["-c", "missing.yaml", "Dockerfile"]).status, 1);
}

#[test]
fn environment_adds_to_the_file_and_flags_to_both() {
    let folder = Folder::new(&[("Dockerfile", MIXED), (".hadolint.yaml", "ignored: [DL4003]\nformat: gnu\n")]);
    let run = folder.with(&[("HADOLINT_IGNORE", "DL4004"), ("HADOLINT_FORMAT", "json")], &["Dockerfile"]);
    assert!(run.out.starts_with("hadolint:Dockerfile:2: DL3066") && run.out.lines().count() == 1, "{}", run.out);
    let run = folder.with(&[("HADOLINT_IGNORE", "DL4004")], &["--ignore", "DL3066", "-f", "json", "Dockerfile"]);
    assert_eq!((run.out.as_str(), run.status), ("[]", 0), "{}", run.err);
    let run = folder
        .with(&[("HADOLINT_OVERRIDE_INFO", "DL4004"), ("HADOLINT_FAILURE_THRESHOLD", "warning")], &["Dockerfile"]);
    assert_eq!(run.status, 0, "{}", run.out);
    assert_eq!(folder.with(&[("HADOLINT_NOFAIL", "true")], &["Dockerfile"]).status, 0);
}

#[test]
fn a_configuration_that_is_not_understood_is_no_success() {
    let folder = Folder::new(&[("Dockerfile", "FROM debian:12\nUSER 1\n"), (".hadolint.yaml", "ignored: DL3006\n")]);
    let run = folder.run(&["Dockerfile"]);
    assert_eq!(run.status, 1);
    assert!(run.err.contains(".hadolint.yaml:1") && run.err.contains("no list"), "{}", run.err);
    assert_eq!(folder.with(&[("PLIMSOLL_UNDECIDED", "allow")], &["Dockerfile"]).status, 0);
    folder.write(".hadolint.yaml", "ignore: [DL3006]\n");
    let run = folder.run(&["Dockerfile"]);
    assert!(run.status == 0 && run.err.contains("no setting is called \"ignore\""), "{}", run.err);
}

#[test]
fn comments_leave_findings_out() {
    let user = "USER app\n";
    for (text, left) in [
        (format!("FROM a:1\n# hadolint ignore=DL3066 # why\n{user}{user}"), &[4][..]),
        (format!("FROM a:1\n# hadolint ignore=DL3066\n\n{user}"), &[4]),
        (format!("FROM a:1\n{user}# hadolint global ignore=DL3066\n{user}"), &[]),
        (format!("FROM a:1\n{user}# hadolint stage ignore=DL3066\nFROM b:1\n{user}FROM c:1\n{user}"), &[2, 7]),
        (format!("FROM a:1\n{user}# hadolint stage ignore=DL3066\n{user}FROM c:1\n{user}"), &[2, 6]),
    ] {
        let folder = Folder::new(&[("f", &text)]);
        let lines = |run: &Run| -> Vec<u64> {
            let all: Vec<serde_json::Value> = serde_json::from_str(&run.out).unwrap();
            let of = all.iter().filter(|one| one["code"] == "DL3066");
            of.map(|one| one["line"].as_u64().unwrap()).collect()
        };
        assert_eq!(lines(&folder.run(&["-f", "json", "f"])), left, "{text}");
        let all = text.lines().enumerate().filter(|(_, line)| line.starts_with("USER")).map(|(at, _)| at as u64 + 1);
        assert_eq!(lines(&folder.run(&["--disable-ignore-pragma", "-f", "json", "f"])), all.collect::<Vec<_>>());
    }
}

#[test]
fn report_goes_where_it_is_sent_and_names_what_it_is_told_to() {
    let folder = Folder::new(&[("Dockerfile", "FROM debian:12\nUSER app\n")]);
    let run =
        folder.run(&["-f", "checkstyle", "--file-path-in-report", "image/Dockerfile", "-o", "out.xml", "Dockerfile"]);
    assert_eq!((run.status, run.out.as_str()), (1, ""), "{}", run.err);
    let out = std::fs::read_to_string(folder.path().join("out.xml")).unwrap();
    assert!(out.contains("<file name=\"image/Dockerfile\"><error column=\"1\" line=\"2\""), "{out}");
    let run = folder.run(&["-f", "junit", "Dockerfile"]);
    assert!(
        run.out.contains("<testsuites id=\"20261128_153118\" name=\"Hadolint run at 2026-11-28 15:31:18\""),
        "{}",
        run.out
    );
}

#[test]
fn standard_input_is_a_file_of_the_name_dash() {
    use std::io::Write as _;
    let folder = Folder::new(&[]);
    let mut child = folder
        .command(&["--no-color", "-"])
        .stdin(std::process::Stdio::piped())
        .stdout(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all("\u{feff}FROM debian:12\r\nUSER app\r\n".as_bytes()).unwrap();
    let out = child.wait_with_output().unwrap();
    assert!(String::from_utf8(out.stdout).unwrap().starts_with("-:2 DL3066 info: "));
}

#[test]
fn labels_and_registries_are_what_the_project_says() {
    let folder = Folder::new(&[("f", "FROM debian:12\nLABEL version=soon extra=1\nUSER 1\n")]);
    let args = ["--no-color", "--require-label", "version:semver", "--require-label", "owner", "--strict-labels", "f"];
    let run = folder.run(&args);
    let codes: Vec<&str> = run.out.lines().map(|line| line.split(' ').nth(1).unwrap()).collect();
    assert_eq!(codes, ["DL3049", "DL3050", "DL3056"], "{}", run.out);
}

#[cfg(unix)]
#[test]
fn a_link_named_hadolint_speaks_hadolint_and_shellcheck_is_asked_where_it_is() {
    use std::os::unix::fs::PermissionsExt as _;
    let folder =
        Folder::new(&[("f", "FROM debian:12\nRUN a \\\n  b\n# hadolint ignore=SC2086\nRUN c\nRUN [\"x\"]\nUSER 1\n")]);
    // One comment on the second line of every script, and a style.
    let program = "#!/bin/sh\nwhile [ \"$1\" != -- ]; do shift; done; shift\nsep=\nprintf '{\"comments\":['\nfor f; do\n\
        for c in 2086 2006; do\nprintf '%s{\"file\":\"%s\",\"line\":3,\"endLine\":3,\"column\":1,\"endColumn\":2,\"level\":\"style\",\"code\":%s,\"message\":\"m\",\"fix\":null}' \"$sep\" \"$f\" $c; sep=,\ndone; done\necho ']}'\nexit 1\n";
    folder.write("bin/shellcheck", program);
    let path = folder.path().join("bin/shellcheck");
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
    let link = folder.path().join("hadolint");
    std::os::unix::fs::symlink(env!("CARGO_BIN_EXE_plimsoll"), &link).unwrap();
    let mut command = Command::new(link);
    command.args(["--no-color", "f"]).current_dir(folder.path()).env_clear();
    let path = format!("{}:/usr/bin:/bin", folder.path().join("bin").display());
    let with = run(command.env("PATH", path));
    let lines: Vec<&str> = with.out.lines().filter(|line| line.contains(" SC")).collect();
    assert_eq!(
        lines,
        ["f:2 SC2006 style: m", "f:2 SC2086 style: m", "f:5 SC2006 style: m"],
        "{}{}",
        with.out,
        with.err
    );
    let without = run(command.env("PATH", "/nowhere"));
    assert_eq!(without.err.matches("shellcheck is not on the PATH").count(), 1, "{}", without.err);
}

#[cfg(unix)]
#[test]
fn a_shellcheck_that_breaks_is_no_success() {
    use std::os::unix::fs::PermissionsExt;
    let folder = tempfile::tempdir().unwrap();
    let program = folder.path().join("shellcheck");
    std::fs::write(&program, "#!/bin/sh\nexit 3\n").unwrap();
    std::fs::set_permissions(&program, std::fs::Permissions::from_mode(0o755)).unwrap();
    std::fs::write(folder.path().join("Dockerfile"), "FROM debian:12\nRUN make\n").unwrap();
    for (allowed, status) in [("", 1), ("allow", 0)] {
        let mut command = Command::new(env!("CARGO_BIN_EXE_plimsoll"));
        command.args(["hadolint", "Dockerfile"]).current_dir(folder.path()).env_clear().env("PATH", folder.path());
        let run = run(command.env("PLIMSOLL_UNDECIDED", allowed));
        assert_eq!((run.status, run.out.as_str()), (status, ""), "{}", run.err);
        assert!(run.err.contains("ShellCheck ended with status 3"), "{}", run.err);
    }
}
