//! The Dockerfile rules on more than a thousand small files, with what hadolint said of each: see tests/hadolint/README.md.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::PathBuf;

use plimsoll_checks::dockerfile::{self, LabelForm, Options, RULES, Rule};
use plimsoll_checks::source::Source;

/// A Dockerfile of tests/hadolint and what hadolint said of it.
struct Case {
    name: String,
    config: serde_json::Value,
    text: String,
    expected: String,
}

fn folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/hadolint")
}

fn cases() -> Vec<Case> {
    let mut cases = Vec::new();
    for entry in fs::read_dir(folder()).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_none_or(|end| end != "cases") {
            continue;
        }
        for part in fs::read_to_string(&path).unwrap().split("\n### ").skip(1) {
            let (name, body) = part.split_once('\n').unwrap();
            let (config, body) = match body.strip_prefix("@@ ") {
                Some(body) => body.split_once('\n').unwrap(),
                None => ("{}", body),
            };
            let (text, expected) = body.split_once("\n==>").or_else(|| Some(("", body.strip_prefix("==>")?))).unwrap();
            let text = format!("{text}\n").replace('␠', " ").replace('␍', "\r").replace('⇥', "\t");
            cases.push(Case {
                name: name.to_owned(),
                config: serde_json::from_str(config).unwrap(),
                text: text.split('∎').next().unwrap().to_owned(),
                expected: expected.lines().next().unwrap_or_default().trim().to_owned(),
            });
        }
    }
    cases
}

/// Cases where ours says something else on purpose.
fn differences() -> BTreeMap<String, String> {
    let text = fs::read_to_string(folder().join("differences.tsv")).unwrap();
    let lines = text.lines().filter(|line| !line.starts_with('#') && !line.is_empty());
    lines
        .map(|line| {
            let fields: Vec<&str> = line.split('\t').collect();
            assert_eq!(fields.len(), 3, "{line}");
            (fields[0].to_owned(), fields[1].trim().to_owned())
        })
        .collect()
}

fn options(config: &serde_json::Value) -> Options {
    let form = |form: &str| match form {
        "text" => Some(LabelForm::Text),
        "url" => Some(LabelForm::Url),
        "rfc3339" => Some(LabelForm::Rfc3339),
        "spdx" => Some(LabelForm::Spdx),
        "hash" => Some(LabelForm::Hash),
        "semver" => Some(LabelForm::Semver),
        "email" => Some(LabelForm::Email),
        _ => None,
    };
    let schema = config["label-schema"].as_object();
    let registries = config["trustedRegistries"].as_array();
    Options {
        as_hadolint: true,
        trusted_registries: registries.into_iter().flatten().map(|it| it.as_str().unwrap().to_owned()).collect(),
        label_schema: schema
            .into_iter()
            .flatten()
            .filter_map(|(name, value)| Some((name.clone(), form(value.as_str()?)?)))
            .collect(),
        strict_labels: config["strict-labels"] == true,
    }
}

fn code(rule: &Rule) -> Option<&'static str> {
    rule.info.aliases.iter().copied().find(|alias| alias.starts_with("DL"))
}

#[test]
fn every_rule_of_hadolint_is_here() {
    let codes = cases().into_iter().flat_map(|case| {
        let words = case.expected.split_whitespace().map(str::to_owned).collect::<Vec<_>>();
        words.into_iter().filter_map(|word| Some(word.split_once(':')?.0.to_owned()))
    });
    let wanted: BTreeSet<String> = codes.filter(|code| code != "DL1000").collect();
    let ours: BTreeSet<String> = RULES.iter().filter_map(|rule| code(rule)).map(str::to_owned).collect();
    assert_eq!(wanted.len(), 71);
    assert_eq!(ours, wanted);
}

#[test]
fn hadolint_says_the_same() {
    let known: BTreeSet<&str> = RULES.iter().filter_map(|rule| code(rule)).collect();
    let mut differences = differences();
    let mut wrong = Vec::new();
    let all = cases();
    assert!(all.len() > 1000, "{} cases only", all.len());
    for case in &all {
        // Pragmas and levels are the business of the program that reads them.
        let pragmas = case.text.contains("hadolint") && case.text.contains("ignore");
        let ignored = case.config["ignored"].is_array();
        let asked_for = case.config["override"].to_string();
        let of_switched_off = |code: &str| matches!(code, "DL1001" | "DL3057") && !asked_for.contains(code);
        if (pragmas || ignored) && !asked_for.contains("DL1001") {
            differences.remove(&case.name);
            continue;
        }
        let source = Source::new("Dockerfile", &case.text);
        let file = dockerfile::parse(&source);
        let mut found = Vec::new();
        for rule in RULES.iter().filter(|rule| code(rule).is_some_and(|code| !of_switched_off(code))) {
            (rule.check)(&file, &options(&case.config), &mut found);
        }
        let line = |offset: usize| {
            let around = file.instruction_at(offset);
            source.line(around.map_or(offset, |instruction| instruction.span.start))
        };
        let wanted = |code: &&str| known.contains(code) && (!pragmas || *code == "DL1001");
        let ours: BTreeSet<String> = found
            .iter()
            .filter_map(|found| Some((found.rule.aliases.iter().find(|alias| alias.starts_with("DL"))?, found)))
            .filter(|(code, _)| wanted(code))
            .map(|(code, found)| format!("{code}:{}", line(found.span.start)))
            .collect();
        let expected = differences.remove(&case.name).unwrap_or_else(|| case.expected.clone());
        let theirs: BTreeSet<String> = expected
            .split_whitespace()
            .filter(|word| wanted(&word.split(':').next().unwrap()) || !word.starts_with("DL"))
            .map(str::to_owned)
            .collect();
        if ours != theirs {
            let missing: Vec<_> = theirs.difference(&ours).collect();
            let alone: Vec<_> = ours.difference(&theirs).collect();
            wrong.push(format!("{}: missing {missing:?}, ours alone {alone:?}\n{}", case.name, case.text));
        }
    }
    wrong.extend(differences.keys().map(|name| format!("{name}: listed as a difference, and there is no such case")));
    assert!(wrong.is_empty(), "{} of {} cases differ:\n{}", wrong.len(), all.len(), wrong.join("\n"));
}
