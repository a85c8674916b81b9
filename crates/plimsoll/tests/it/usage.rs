//! Help, wrong usage, and what could not run.

use crate::plimsoll;

#[test]
fn wrong_usage_is_64() {
    for args in [&["image"][..], &["--no-such-flag"], &["check"], &["nonsense"], &["check", "--at", "soon", "."]] {
        let run = plimsoll(args);
        assert_eq!(run.status, 64, "{args:?}: {}", run.err);
        assert!(!run.err.is_empty());
    }
}

#[test]
fn help_and_version_are_no_errors() {
    for args in [&["--help"][..], &["--version"], &["image", "--help"], &["db", "--help"], &["policy", "why", "--help"]]
    {
        let run = plimsoll(args);
        assert_eq!(run.status, 0, "{args:?}");
        assert!(!run.out.is_empty());
    }
    assert!(plimsoll(&["--help"]).out.contains("Exit codes"));
}

#[test]
fn what_is_not_there_is_named() {
    for args in
        [&["image", "--input", "no-such.tar"][..], &["check", "no-such"], &["fs", "no-such"], &["rootfs", "no-such"]]
    {
        let run = plimsoll(args);
        assert_eq!(run.status, 2, "{args:?}: {}{}", run.out, run.err);
        assert!(run.err.contains("no-such"), "{}", run.err);
    }
}

#[test]
fn broken_archives_are_no_success() {
    let folder = tempfile::tempdir().unwrap();
    for (name, bytes) in [("empty.tar", &b""[..]), ("text.tar", b"hello"), ("gzip.tar.gz", b"\x1f\x8b\x08\x00cut")] {
        let path = folder.path().join(name);
        std::fs::write(&path, bytes).unwrap();
        let run = plimsoll(&["image", "--input", path.to_str().unwrap()]);
        assert_eq!(run.status, 2, "{name}: {}{}", run.out, run.err);
    }
}

#[test]
fn rules_and_vulnerabilities_are_explained() {
    assert!(plimsoll(&["explain", "runs-as-root"]).out.contains("What to do"));
    let known = plimsoll(&["explain", "cve-2021-44228"]);
    assert_eq!(known.status, 0, "{}", known.err);
    assert!(known.out.contains("baseline"), "{}", known.out);
    let unknown = plimsoll(&["explain", "CVE-1900-0001"]);
    assert_eq!(unknown.status, 2);
    assert!(unknown.err.contains("plimsoll db update"), "{}", unknown.err);
}

#[test]
fn init_writes_a_policy_that_is_whole_and_keeps_what_is_there() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().to_str().unwrap();
    assert_eq!(plimsoll(&["init", path]).status, 0);
    let policy = folder.path().join("loadline.yaml");
    assert_eq!(plimsoll(&["policy", "check", policy.to_str().unwrap()]).status, 0);
    std::fs::write(&policy, "mine").unwrap();
    assert!(plimsoll(&["init", path]).out.contains("kept"));
    assert_eq!(std::fs::read_to_string(policy).unwrap(), "mine");
}

#[test]
fn databases_are_built_shown_exported_and_imported() {
    let folder = tempfile::tempdir().unwrap();
    let (one, two) = (folder.path().join("one"), folder.path().join("two"));
    let (one, two) = (one.to_str().unwrap(), two.to_str().unwrap());
    let file = folder.path().join("carried");
    let file = file.to_str().unwrap();
    for args in [
        &["--cache-dir", one, "db", "build", "examples/shop/advisories"][..],
        &["--cache-dir", one, "db", "export", file],
        &["--cache-dir", two, "db", "import", file],
        &["--cache-dir", two, "db", "status", "--verify"],
    ] {
        let run = plimsoll(args);
        assert_eq!(run.status, 0, "{args:?}: {}{}", run.out, run.err);
    }
    let mut bytes = std::fs::read(file).unwrap();
    bytes.truncate(bytes.len() / 2);
    std::fs::write(file, bytes).unwrap();
    let broken = plimsoll(&["--cache-dir", two, "db", "import", file]);
    assert_eq!(broken.status, 2, "{}", broken.out);
    assert_eq!(plimsoll(&["--cache-dir", two, "db", "status", "--verify"]).status, 0, "the old one is as it was");
}
