//! `check` on the examples, and the three outcomes.

use serde_json::Value;

use crate::plimsoll;

/// Far enough from today that no date in the examples can expire under the tests.
const AT: [&str; 2] = ["--at", "2026-11-21"];

fn json(args: &[&str]) -> Value {
    let run = plimsoll(&[args, &AT, &["-f", "json"]].concat());
    serde_json::from_str(&run.out).unwrap_or_else(|error| panic!("{error}: {}{}", run.out, run.err))
}

#[test]
fn shop_is_refused_for_good_reasons() {
    let run = plimsoll(&["check", "examples/shop"]);
    assert_eq!(run.status, 1, "{}{}", run.out, run.err);
    for words in ["CVE-", "runs-as-root", "secret-in-env", "DENIED", "upgrade"] {
        assert!(run.out.contains(words), "{words} is missing:\n{}", run.out);
    }
}

#[test]
fn exit_code_flag_replaces_the_status_of_a_refusal() {
    assert_eq!(plimsoll(&["check", "--exit-code", "0", "examples/shop"]).status, 0);
    assert_eq!(plimsoll(&["check", "--exit-code", "7", "examples/shop"]).status, 7);
    assert_eq!(plimsoll(&["check", "--exit-code", "7", "examples/shop-fixed"]).status, 0);
}

#[test]
fn mended_shop_passes_with_nothing_left_open() {
    let report = json(&["check", "examples/shop-fixed"]);
    assert_eq!(report["outcome"], "allowed", "{report:#}");
    for assessment in report["assessments"].as_array().unwrap() {
        assert_eq!(assessment["verdict"]["outcome"], "allowed");
        let undecided =
            assessment["problems"].as_array().unwrap().iter().filter(|p| p["effect"] == "undecided").count();
        assert_eq!(undecided, 0, "{:#}", assessment["problems"]);
    }
}

#[test]
fn example_problems_are_those_of_its_making() {
    let report = json(&["check", "examples/shop"]);
    for assessment in report["assessments"].as_array().unwrap() {
        let undecided: Vec<_> =
            assessment["problems"].as_array().unwrap().iter().filter(|p| p["effect"] == "undecided").collect();
        assert!(undecided.is_empty(), "{undecided:#?}");
    }
}

#[test]
fn an_image_named_by_digest_is_not_told_to_name_one() {
    let run = plimsoll(&["check", "examples/shop-fixed"]);
    assert!(!run.out.contains("digest-missing"), "{}", run.out);
}

#[test]
fn same_inputs_give_the_same_bytes() {
    for format in ["json", "sarif", "cyclonedx", "spdx", "junit", "markdown", "html", "table"] {
        let args = ["check", "--at", "2026-11-21", "-f", format, "examples/shop"];
        let (first, second) = (plimsoll(&args), plimsoll(&args));
        assert!(!first.out.is_empty(), "{format}: {}", first.err);
        assert!(first.out == second.out, "{format} differs between two runs");
    }
}

#[test]
fn with_the_baseline_alone_nothing_is_allowed() {
    let layout = "examples/shop-fixed/image";
    let run = plimsoll(&["image", "--policy", "crates/plimsoll/tests/policies/allow-all.yaml", "--input", layout]);
    assert_eq!(run.status, 2, "{}{}", run.out, run.err);
    assert!(run.out.contains("plimsoll db update"), "{}", run.out);
}

#[test]
fn an_image_that_cannot_be_reached_is_undecided() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(
        folder.path().join("pod.yaml"),
        "apiVersion: v1\nkind: Pod\nmetadata: {name: p}\nspec: {containers: [{name: c, image: 'registry.example.com/gone:1.0'}]}\n",
    )
    .unwrap();
    let path = folder.path().to_str().unwrap();
    let run = plimsoll(&["check", "--offline", "--policy", "crates/plimsoll/tests/policies/allow-all.yaml", path]);
    assert_eq!(run.status, 2, "{}{}", run.out, run.err);
    assert!(run.out.contains("--offline"), "{}", run.out);
}

#[test]
fn a_broken_manifest_is_undecided_and_the_line_is_named() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("pod.yaml"), "apiVersion: v1\nkind: Pod\nspec: (}\n  containers: [\n").unwrap();
    let path = folder.path().to_str().unwrap();
    let run = plimsoll(&["check", "--policy", "crates/plimsoll/tests/policies/allow-all.yaml", path]);
    assert_eq!(run.status, 2, "{}{}", run.out, run.err);
    assert!(run.out.contains("pod.yaml:"), "{}", run.out);
}

#[test]
fn a_folder_with_nothing_in_it_is_no_success() {
    let folder = tempfile::tempdir().unwrap();
    let run = plimsoll(&["check", folder.path().to_str().unwrap()]);
    assert_eq!(run.status, 2);
    assert!(run.err.contains("find anything to judge"), "{}", run.err);
}

#[test]
fn reports_are_saved_in_the_format_of_their_name() {
    let folder = tempfile::tempdir().unwrap();
    let page = folder.path().join("report.html");
    let sarif = folder.path().join("report.sarif");
    let saved = [page.to_str().unwrap(), sarif.to_str().unwrap()];
    let run = plimsoll(&["check", "--save", saved[0], "--save", saved[1], "--exit-code", "0", "examples/shop"]);
    assert_eq!(run.status, 0, "{}", run.err);
    assert!(std::fs::read_to_string(page).unwrap().to_ascii_lowercase().starts_with("<!doctype html>"));
    let sarif: Value = serde_json::from_str(&std::fs::read_to_string(sarif).unwrap()).unwrap();
    assert_eq!(sarif["version"], "2.1.0");
}

#[test]
fn a_manifest_named_like_a_policy_is_still_a_manifest() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir(folder.path().join("deploy")).unwrap();
    std::fs::write(
        folder.path().join("deploy/loadline.yaml"),
        "apiVersion: v1\nkind: Pod\nmetadata: {name: p}\nspec: {containers: [{name: c, image: 'registry.example.com/hidden:1.0'}]}\n",
    )
    .unwrap();
    let path = folder.path().to_str().unwrap();
    let run = plimsoll(&["check", "--offline", "--policy", "crates/plimsoll/tests/policies/allow-all.yaml", path]);
    assert!(run.out.contains("registry.example.com/hidden:1.0"), "{}{}", run.out, run.err);
}

#[test]
fn a_lockfile_that_is_too_large_is_undecided() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("requirements.txt"), "a".repeat(20_000_000)).unwrap();
    let path = folder.path().to_str().unwrap();
    let run = plimsoll(&["fs", "--policy", "crates/plimsoll/tests/policies/allow-all.yaml", path]);
    assert_eq!(run.status, 2, "{}{}", run.out, run.err);
    assert!(run.out.contains("requirements.txt"), "{}", run.out);
}

#[test]
fn an_sbom_that_cannot_be_read_hides_no_denial() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("cut.cdx.json"), "{\"bomFormat\": \"Cyc").unwrap();
    let path = folder.path().to_str().unwrap();
    let run = plimsoll(&["check", "--policy", "examples/shop/loadline.yaml", path, "examples/shop"]);
    assert_eq!(run.status, 1, "{}{}", run.out, run.err);
    assert!(run.out.contains("cut.cdx.json"), "{}", run.out);
}

#[test]
fn a_link_to_what_is_not_looked_at_is_undecided_and_another_is_not() {
    let (folder, away) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    std::fs::write(away.path().join("pod.yaml"), "apiVersion: v1\nkind: Pod\n").unwrap();
    std::os::unix::fs::symlink(away.path().join("pod.yaml"), folder.path().join("out.yaml")).unwrap();
    let path = folder.path().to_str().unwrap();
    let run = plimsoll(&["check", "--policy", "crates/plimsoll/tests/policies/allow-all.yaml", path]);
    assert_eq!(run.status, 2, "{}{}", run.out, run.err);
    assert!(run.out.contains("out.yaml"), "{}{}", run.out, run.err);
    std::fs::remove_file(folder.path().join("out.yaml")).unwrap();
    std::fs::write(folder.path().join("cut.yaml"), "a: 1\n").unwrap();
    std::os::unix::fs::symlink("cut.yaml", folder.path().join("in.yaml")).unwrap();
    let run = plimsoll(&["check", "--policy", "crates/plimsoll/tests/policies/allow-all.yaml", path]);
    assert!(run.err.contains("find anything to judge"), "{}{}", run.out, run.err);
    // Nobody looks at a file of that name, and kubectl would follow the link.
    std::fs::write(folder.path().join("notes.txt"), "apiVersion: v1\nkind: Pod\n").unwrap();
    std::os::unix::fs::symlink("notes.txt", folder.path().join("pod.yaml")).unwrap();
    let run = plimsoll(&["check", "--policy", "crates/plimsoll/tests/policies/allow-all.yaml", path]);
    assert_eq!(run.status, 2, "{}{}", run.out, run.err);
    assert!(run.out.contains("pod.yaml"), "{}{}", run.out, run.err);
}

#[test]
fn a_large_json_of_objects_is_undecided() {
    let folder = tempfile::tempdir().unwrap();
    let padding = "x".repeat(9 << 20);
    let text = format!("{{\"pad\": \"{padding}\", \"apiVersion\": \"v1\", \"kind\": \"List\", \"items\": []}}");
    std::fs::write(folder.path().join("all.json"), text).unwrap();
    let path = folder.path().to_str().unwrap();
    let run = plimsoll(&["check", "--policy", "crates/plimsoll/tests/policies/allow-all.yaml", path]);
    assert_eq!(run.status, 2, "{}{}", run.out, run.err);
    assert!(run.out.contains("all.json"), "{}{}", run.out, run.err);
}
