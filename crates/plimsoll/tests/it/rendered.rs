//! Charts and overlays: with a stand-in for `helm` and `kustomize` on the path, and without. The stand-ins check how they are
//! called; what they write is what the real ones do.

use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;
use std::process::Command;

use serde_json::Value;

use crate::{Run, run};

const TEMPLATE: &str = "apiVersion: v1\nkind: Pod\nmetadata:\n  name: {{ .Release.Name }}\n{{- if }}\n";
const HELM: &str = r#"#!/bin/sh
[ "$1 $2 $4" = "template release --namespace" ] || { echo "Error: called as $*" >&2; exit 1; }
[ -z "$HELM_PLUGINS$SECRET" ] && [ "$KUBECONFIG" = /dev/null ] || { echo "Error: environment" >&2; exit 1; }
[ -f "$3/fail" ] && { echo noise >&2; echo "Error: a value is missing" >&2; exit 1; }
[ -f "$3/long" ] && while :; do echo babble; done
image=a:latest
[ "$6" = --values ] && image=$(/bin/cat "$7")
for name in web job; do
printf -- '---\n# Source: shop/templates/%s.yaml\napiVersion: v1\nkind: Pod\nmetadata:\n  name: %s\nspec:\n  containers:\n  - name: a\n    image: %s\n' $name $name $image
done
"#;
const KUSTOMIZE: &str = r#"#!/bin/sh
[ "$1" = build ] || exit 1
[ "$GIT_ALLOW_PROTOCOL $HTTPS_PROXY" = "none http://127.0.0.1:9" ] || exit 1
printf 'apiVersion: v1\nkind: Pod\nmetadata:\n  name: built\nspec:\n  containers:\n  - name: a\n    image: a:latest\n'
"#;

fn write(folder: &Path, name: &str, text: &str) {
    let path = folder.join(name);
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::fs::write(path, text).unwrap();
}

/// A folder with a chart, and one with the programs.
fn chart() -> (tempfile::TempDir, tempfile::TempDir) {
    let (folder, programs) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    for (name, text) in [
        ("shop/Chart.yaml", "apiVersion: v2\nname: shop\n# kind: chart\nversion: 1.0.0\n"),
        ("shop/values.yaml", "apiVersion: x\nkind: {{ y }}\n"),
        ("shop/templates/web.yaml", TEMPLATE),
        ("shop/templates/job.yaml", TEMPLATE),
        ("shop/charts/sub/Chart.yaml", "apiVersion: v2\nname: sub\nversion: 1.0.0\n"),
        ("shop/charts/sub/templates/x.yaml", TEMPLATE),
        ("shop/crds/crd.yaml", "apiVersion: apiextensions.k8s.io/v1\nkind: CustomResourceDefinition\n"),
    ] {
        write(folder.path(), name, text);
    }
    (folder, programs)
}

fn program(programs: &Path, name: &str, script: &str) {
    write(programs, name, script);
    std::fs::set_permissions(programs.join(name), std::fs::Permissions::from_mode(0o755)).unwrap();
}

fn plimsoll(folder: &Path, programs: &Path, args: &[&str]) -> Run {
    let mut command = Command::new(env!("CARGO_BIN_EXE_plimsoll"));
    command.args(args).current_dir(folder).env_clear().env("CI", "true").env("PATH", programs).env("SECRET", "x");
    run(command.env("HOME", programs))
}

fn lint(folder: &Path, programs: &Path, args: &[&str]) -> (i32, Value) {
    let run = plimsoll(
        folder,
        programs,
        &[&["lint", "--select", "latest-tag,lint,digest-missing", "-f", "json"], args].concat(),
    );
    (run.status, serde_json::from_str(&run.out).unwrap_or_else(|error| panic!("{error}: {}{}", run.out, run.err)))
}

fn paths(report: &Value) -> Vec<&str> {
    report["files"].as_array().unwrap().iter().map(|file| file["path"].as_str().unwrap()).collect()
}

#[test]
fn charts_are_linted_as_helm_renders_them() {
    let (folder, programs) = chart();
    program(programs.path(), "helm", HELM);
    let (status, report) = lint(folder.path(), programs.path(), &["."]);
    assert_eq!(status, 1, "{report:#}");
    let rendered = ["shop/templates/job.yaml (rendered)", "shop/templates/web.yaml (rendered)"];
    assert_eq!(paths(&report), [&["shop/crds/crd.yaml"][..], &rendered].concat());
    let finding = &report["files"][1]["findings"][1];
    assert_eq!(finding["rule"], "latest-tag");
    assert_eq!(finding["locations"][0]["line"], 10);
    // One that was named leads to its chart, and is alone; values are handed on.
    let (_, report) = lint(folder.path(), programs.path(), &["shop/templates/web.yaml"]);
    assert_eq!(paths(&report), rendered[1..]);
    write(folder.path(), "image", "b:2");
    let (_, report) = lint(folder.path(), programs.path(), &["shop", "--values", "image"]);
    assert_eq!(report["files"][1]["findings"][0]["message"], "the image `b:2` has no digest");
    // There is nothing to mend, and nothing is written.
    let run = plimsoll(folder.path(), programs.path(), &["lint", "--fix", "--unsafe-fixes", "shop"]);
    assert_eq!(run.status, 1, "{}{}", run.out, run.err);
    assert!(!run.out.contains("fixable"), "{}", run.out);
    assert_eq!(std::fs::read_to_string(folder.path().join("shop/templates/web.yaml")).unwrap(), TEMPLATE);
    assert!(!folder.path().join("shop/templates/web.yaml (rendered)").exists());
}

#[test]
fn charts_that_are_not_rendered_are_told_and_never_read_as_manifests() {
    let (folder, programs) = chart();
    let (status, report) = lint(folder.path(), programs.path(), &["."]);
    assert_eq!((status, paths(&report)), (0, vec!["shop/crds/crd.yaml"]), "{report:#}");
    assert_eq!(report["problems"].as_array().unwrap().len(), 1, "{report:#}");
    assert!(report["problems"][0]["message"].as_str().unwrap().contains("helm is not on the PATH"));
    // Where that is all there is, nobody can tell.
    assert_eq!(lint(folder.path(), programs.path(), &["shop/templates"]).0, 2);
    assert_eq!(lint(folder.path(), programs.path(), &["shop/templates", "--no-render"]).0, 0);
    program(programs.path(), "helm", HELM);
    for (name, words) in [("fail", "a value is missing"), ("long", "more than 16777216 bytes")] {
        write(folder.path(), &format!("shop/{name}"), "");
        let (status, report) = lint(folder.path(), programs.path(), &["."]);
        assert_eq!(status, 2, "{report:#}");
        assert!(report["files"][0]["problems"][0]["message"].as_str().unwrap().contains(words), "{report:#}");
        std::fs::remove_file(folder.path().join("shop").join(name)).unwrap();
    }
}

#[test]
fn hostile_charts_are_refused_before_helm_sees_them() {
    for (what, words) in [
        ("link", "the link templates/x leads out of the folder"),
        ("circle", "links go in a circle"),
        ("socket", "templates/x is neither a file nor a folder"),
        ("large", "more than 10000 files or 64 MiB"),
    ] {
        let (folder, programs) = chart();
        program(programs.path(), "helm", HELM);
        let at = folder.path().join("shop/templates/x");
        let mut kept = None;
        match what {
            "link" => symlink("/etc/passwd", at).unwrap(),
            "circle" => symlink("..", at).unwrap(),
            "socket" => kept = Some(std::os::unix::net::UnixListener::bind(at).unwrap()),
            _ => std::fs::File::create(at).unwrap().set_len(65 << 20).unwrap(),
        }
        let (status, report) = lint(folder.path(), programs.path(), &["."]);
        assert_eq!(status, 2, "{what}: {report:#}");
        let message = report["files"][0]["problems"][0]["message"].as_str().unwrap();
        assert!(message.contains(words), "{what}: {message}");
        drop(kept);
    }
}

#[test]
fn checks_leave_the_answer_open_where_a_chart_was_not_rendered() {
    let (folder, programs) = chart();
    let policy = crate::project().join("crates/plimsoll/tests/policies/allow-all.yaml");
    let check = |args: &[&str]| {
        let args = [&["check", "--offline", "--policy", policy.to_str().unwrap(), "."], args].concat();
        plimsoll(folder.path(), programs.path(), &args)
    };
    let run = check(&[]);
    assert_eq!(run.status, 2, "{}{}", run.out, run.err);
    assert!(run.out.contains("helm is not on the PATH"), "{}", run.out);
    assert!(!check(&["--no-render"]).out.contains("render"));
    program(programs.path(), "helm", HELM);
    let run = check(&[]);
    // The image that the chart names is looked for, and cannot be reached.
    assert!(run.out.contains("a:latest") && run.out.contains("--offline"), "{}{}", run.out, run.err);
}

fn overlay(programs: &Path) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let pod = "apiVersion: v1\nkind: Pod\nmetadata: {name: a}\nspec: {containers: [{name: a, image: 'b:latest'}]}\n";
    let patch =
        "apiVersion: v1\nkind: Pod\nmetadata: {name: a}\nspec: {containers: [{name: a}, {name: b, $patch: delete}]}\n";
    for (name, text) in [
        ("base/Kustomization", "resources: [pod.yaml]\n"),
        ("base/pod.yaml", pod),
        (
            "prod/kustomization.yml",
            "resources: [../base]\nimages: [{name: b, newTag: '2'}]\npatches: [{path: more.yaml}]\n",
        ),
        ("prod/more.yaml", patch),
        ("other.yaml", pod),
    ] {
        write(folder.path(), name, text);
    }
    std::fs::create_dir_all(programs).unwrap();
    folder
}

#[test]
fn overlays_are_linted_as_kustomize_builds_them() {
    let programs = tempfile::tempdir().unwrap();
    let folder = overlay(programs.path());
    program(programs.path(), "kustomize", KUSTOMIZE);
    let (_, report) = lint(folder.path(), programs.path(), &["."]);
    assert_eq!(paths(&report), ["other.yaml", "prod/kustomization.yml (rendered)"], "{report:#}");
    assert_eq!(report["files"][1]["findings"][1]["locations"][0]["line"], 8, "{report:#}");
    // What comes from elsewhere is not fetched: the program is not even asked.
    write(folder.path(), "prod/kustomization.yml", "resources: [../base, 'https://example.com/a.yaml']\n");
    let (_, report) = lint(folder.path(), programs.path(), &["."]);
    assert_eq!(paths(&report), ["base/pod.yaml", "other.yaml", "prod/more.yaml"], "{report:#}");
    assert!(report["problems"][0]["message"].as_str().unwrap().contains("from elsewhere"), "{report:#}");
}

#[test]
fn patches_lack_nothing_where_no_kustomize_is() {
    let programs = tempfile::tempdir().unwrap();
    let folder = overlay(programs.path());
    let run = plimsoll(folder.path(), programs.path(), &["lint", "--select", "all", "-f", "json", "."]);
    let report: Value = serde_json::from_str(&run.out).unwrap();
    let found = |path: &str| {
        let file = report["files"].as_array().unwrap().iter().find(|file| file["path"] == path).unwrap();
        file["findings"].as_array().unwrap().len()
    };
    assert_eq!(found("prod/more.yaml"), 0, "{report:#}");
    assert!(found("base/pod.yaml") > 10);
    assert!(report["problems"][0]["message"].as_str().unwrap().contains("as they stand"));
}

#[test]
fn overlays_in_a_circle_and_those_that_cannot_be_read_are_told() {
    let (folder, programs) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    write(folder.path(), "a/kustomization.yaml", "resources: [../b, pod.yaml]\n");
    write(folder.path(), "a/pod.yaml", TEMPLATE);
    write(folder.path(), "b/kustomization.yaml", "resources: [../a]\n");
    let (_, report) = lint(folder.path(), programs.path(), &["."]);
    assert!(report["problems"].to_string().contains("overlay"), "{}", report["problems"]);
    write(folder.path(), "b/kustomization.yaml", "images: [\n");
    std::fs::remove_dir_all(folder.path().join("a")).unwrap();
    write(folder.path(), "b/pod.yaml", "apiVersion: v1\nkind: Pod\nmetadata: {name: a}\nspec: {containers: []}\n");
    let run = plimsoll(folder.path(), programs.path(), &["check", "."]);
    assert_eq!(run.status, 2, "{}{}", run.out, run.err);
    assert!(run.out.contains("overlay"), "{}{}", run.out, run.err);
}
