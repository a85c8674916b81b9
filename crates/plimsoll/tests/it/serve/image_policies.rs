//! Rules over what is in an image: `policies: [{rego: …, over: images}]`, at the gate and at the desk.

use std::path::Path;

use serde_json::Value;

use super::peer::Gate;
use super::{good, image_review, policy};
use crate::{plimsoll, project};

const RULES: &str = r#"package images

import rego.v1

deny contains msg if {
	input.kind == "ImageAssessment"
	some found in input.inventory.packages
	found.name == "shop-secret-agent"
	msg := sprintf("%v ships %v", [input.subject.reference, found.name])
}

warn contains "it has layers" if count(input.inventory.layers) > 0

deny contains "an object was asked about" if input.request
"#;

const SET: &str = "policies: [{rego: images/, over: images}]";

fn written(dir: &Path, rules: &str, set: &str) {
    std::fs::create_dir_all(dir.join("images")).unwrap();
    std::fs::write(dir.join("images/rules.rego"), rules).unwrap();
    policy(dir, set);
}

/// A package that the image has, in place of the one of the rule.
fn rules_that_deny() -> String {
    RULES.replace("\"shop-secret-agent\"", "input.inventory.packages[0].name")
}

fn reasons(rules: &str, set: &str) -> (i32, Vec<(String, String, String)>) {
    let folder = tempfile::tempdir().unwrap();
    written(folder.path(), rules, set);
    let policy = folder.path().join("loadline.yaml").display().to_string();
    let image = project().join("examples/shop-fixed/image").display().to_string();
    let run = plimsoll(&[
        "image",
        "--policy",
        &policy,
        "-f",
        "json",
        "--offline",
        "--as",
        "registry.example.com/shop/web:1.0",
        "--input",
        &image,
    ]);
    let report: Value =
        serde_json::from_str(&run.out).unwrap_or_else(|error| panic!("{error}: {}{}", run.out, run.err));
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let reasons = report["assessments"][0]["verdict"]["reasons"].as_array().unwrap().iter();
    let of_policies = reasons.filter(|reason| reason["code"] == "ruling");
    (run.status, of_policies.map(|one| (text(&one["effect"]), text(&one["message"]), text(&one["clause"]))).collect())
}

#[test]
fn the_desk_asks_rules_over_what_is_in_an_image() {
    let (status, said) = reasons(RULES, SET);
    let warned = ("warn".to_owned(), "it has layers".to_owned(), "policies[0]: data.images.warn".to_owned());
    assert_eq!((status, &said[..]), (0, &[warned][..]));
    let (status, said) = reasons(&rules_that_deny(), SET);
    assert_eq!(status, 1, "{said:?}");
    assert!(said[0].0 == "deny" && said[0].1.starts_with("registry.example.com/shop/web:1.0 ships "), "{said:?}");
    // The same rules, of objects: no image is asked about.
    assert_eq!(reasons(&rules_that_deny(), "policies: [{rego: images/}]"), (0, Vec::new()));
}

#[test]
fn a_rule_that_errs_could_not_tell() {
    let erring = "package images\n\nimport rego.v1\n\ndeny contains \"old\" if time.parse_rfc3339_ns(input.kind) < 1\n";
    let (status, said) = reasons(erring, SET);
    assert!(status != 0 && said[0].0 == "undecided", "{status} {said:?}");
}

#[test]
fn the_gate_asks_them_too() {
    let registry = good();
    let image = registry.image("1.0");
    for (rules, allowed) in [(RULES.to_owned(), true), (rules_that_deny(), false)] {
        let gate = Gate::start(&["--policy", "{dir}/loadline.yaml"], |dir, _| written(dir, &rules, SET));
        let answer = gate.client().post("/image_policy", &image_review(&[&image])).json();
        assert_eq!(answer["status"]["allowed"], allowed, "{answer}");
        let words = answer["status"]["reason"].as_str().unwrap_or_default();
        assert_eq!(words.contains(" ships "), !allowed, "{answer}");
    }
}

#[test]
fn only_rego_is_asked_about_images() {
    let folder = tempfile::tempdir().unwrap();
    written(folder.path(), RULES, "policies: [{cel: images/, over: images}]");
    let policy = folder.path().join("loadline.yaml").display().to_string();
    let run = plimsoll(&["policy", "check", &policy]);
    assert!(run.status != 0 && run.err.contains("`cel` is asked about objects alone"), "{}{}", run.out, run.err);
}
