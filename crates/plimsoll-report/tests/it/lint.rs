//! What linting found, in every format.

use std::collections::BTreeMap;

use plimsoll_model::{
    FileKind, Finding, IgnoredBy, IgnoredFinding, LintFinding, LintReport, LintedFile, Location, Problem, ProblemKind,
    RuleInfo, Severity, TextEdit, TextFix, ToolInfo,
};
use plimsoll_report::{LINT_FORMATS, LintOptions, formats_markdown, lint_format, safe};
use proptest::prelude::*;
use serde_json::Value;

static LATEST: RuleInfo = RuleInfo {
    id: "latest-base-tag",
    severity: Severity::Medium,
    aliases: &["DL3007", "CKV_DOCKER_7"],
    opt_in: false,
    title: "a base image is named by the tag latest",
    why: "Tomorrow it is another image.",
    remedy: "name a version",
    bad: "FROM debian:latest\n",
    good: "FROM debian:13\n",
};
static PRIVILEGED: RuleInfo = RuleInfo {
    id: "privileged-container",
    severity: Severity::High,
    aliases: &["Runs Privileged", "Privileged", "KSV-0017"],
    ..LATEST
};
static UNUSED: RuleInfo = RuleInfo { id: "unused-ignore", severity: Severity::Low, aliases: &[], ..LATEST };
const RULES: &[(&str, &RuleInfo)] = &[("dockerfile", &LATEST), ("manifest", &PRIVILEGED), ("lint", &UNUSED)];

const DOCKERFILE: &str = "# a comment\nFROM debian:latest AS build\nRUN echo \u{1b}[31mred \\\n  && make\n";
const POD: &str = "kind: Pod\nspec:\n  containers:\n  - securityContext: {privileged: true}\n";

fn finding(rule: &RuleInfo, path: &str, place: [u32; 4], message: &str) -> Finding {
    let [line, column, end_line, end_column] = place.map(Some);
    Finding {
        rule: rule.id.into(),
        severity: rule.severity,
        message: message.into(),
        remedy: Some(rule.remedy.into()),
        locations: vec![Location { line, column, end_line, end_column, ..Location::path(path) }],
        measure: None,
        fix: None,
    }
}

fn file(path: &str, kind: FileKind, text: &str, findings: Vec<Finding>) -> LintedFile {
    let findings = findings.into_iter().enumerate();
    LintedFile {
        path: path.into(),
        kind: Some(kind),
        findings: findings.map(|(i, finding)| LintFinding { finding, fingerprint: format!("{i:04}-{path}") }).collect(),
        problems: Vec::new(),
        ignored: Vec::new(),
        text: text.into(),
    }
}

fn report() -> LintReport {
    let latest = Finding {
        fix: Some(TextFix {
            title: "name debian:13".into(),
            safe: false,
            edits: vec![TextEdit { start: 24, end: 30, text: "13".into() }],
        }),
        ..finding(&LATEST, "Dockerfile", [2, 6, 2, 19], "`debian:latest` may be another image tomorrow")
    };
    let unused = Finding {
        fix: Some(TextFix {
            title: "remove the ignore".into(),
            safe: true,
            edits: vec![TextEdit { start: 0, end: 12, text: String::new() }],
        }),
        ..finding(&UNUSED, "Dockerfile", [1, 1, 1, 12], "the ignore of DL3008 ignores nothing")
    };
    let mut red = finding(&LATEST, "Dockerfile", [3, 1, 4, 10], "\u{1b}[2Jhostile\u{202e} message");
    red.locations.push(Location { line: Some(2), column: Some(23), ..Location::line("Dockerfile", 2) });
    let mut pod = file(
        "deploy/pod,1.yaml",
        FileKind::Manifest,
        POD,
        vec![finding(
            &PRIVILEGED,
            "deploy/pod,1.yaml",
            [4, 23, 4, 39],
            "`web` is privileged: 100% of the node is its own",
        )],
    );
    pod.problems.push(
        Problem::undecided(ProblemKind::BadInput, "read the rest of the file: a mapping ends")
            .with_hint("render it first")
            .at(Location::line("deploy/pod,1.yaml", 9)),
    );
    pod.ignored.push(IgnoredFinding {
        finding: LintFinding {
            finding: finding(&PRIVILEGED, "deploy/pod,1.yaml", [4, 23, 4, 39], "kept quiet"),
            fingerprint: "ignored".into(),
        },
        by: IgnoredBy::File,
        reason: "it is the CNI plugin".into(),
    });
    pod.ignored.push(IgnoredFinding { by: IgnoredBy::Baseline, reason: String::new(), ..pod.ignored[0].clone() });
    let clean = file("clean.yaml", FileKind::Manifest, "", Vec::new());
    LintReport {
        tool: ToolInfo { name: "plimsoll".into(), version: "0.1.0".into() },
        files: vec![pod, clean, file("Dockerfile", FileKind::Dockerfile, DOCKERFILE, vec![unused, latest, red])],
        problems: vec![Problem::note(ProblemKind::BadInput, "match 2 entries of the baseline: what they knew is gone")],
        fixed: 1,
    }
}

fn options() -> LintOptions<'static> {
    LintOptions { rules: RULES, ..LintOptions::default() }
}

fn rendered(name: &str, report: &LintReport) -> String {
    String::from_utf8((lint_format(name).unwrap().render)(report, &options()).unwrap()).unwrap()
}

fn json(name: &str) -> Value {
    serde_json::from_str(&rendered(name, &report())).unwrap()
}

#[test]
fn lines_carets_help_and_fixes_are_shown() {
    insta::assert_snapshot!(rendered("text", &report()));
}

#[test]
fn one_line_is_one_fault() {
    insta::assert_snapshot!(rendered("short", &report()));
}

#[test]
fn document_that_is_no_yaml_is_told_once_where_faults_are_lines() {
    static BROKEN: RuleInfo = RuleInfo { id: "broken-yaml", ..LATEST };
    let mut broken =
        file("a.yaml", FileKind::Manifest, "a: [\n", vec![finding(&BROKEN, "a.yaml", [1, 4, 1, 5], "no YAML")]);
    let place = |line| Location { line: Some(line), column: Some(4), ..Location::path("a.yaml") };
    broken.problems = vec![
        Problem::undecided(ProblemKind::BadInput, "read the document").at(place(1)),
        Problem::undecided(ProblemKind::BadInput, "read another one").at(place(7)),
    ];
    let report = LintReport { files: vec![broken], problems: Vec::new(), ..report() };
    for format in ["text", "short", "github", "checkstyle"] {
        let out = rendered(format, &report);
        assert!(out.contains("no YAML") && !out.contains("read the document"), "{format}: {out}");
        assert!(out.contains("read another one"), "{format}: {out}");
    }
    assert!(rendered("json", &report).contains("read the document"));
}

#[test]
fn annotations_are_escaped_as_the_runner_wants() {
    insta::assert_snapshot!(rendered("github", &report()));
}

#[test]
fn checkstyle_is_xml_that_others_read() {
    insta::assert_snapshot!(rendered("checkstyle", &report()));
}

#[test]
fn junit_has_a_suite_for_each_file() {
    insta::assert_snapshot!(rendered("junit", &report()));
}

#[test]
fn json_has_everything() {
    let value = json("json");
    assert_eq!(value["schemaVersion"], 1);
    assert_eq!(value["tool"]["name"], "plimsoll");
    let files = value["files"].as_array().unwrap();
    let paths: Vec<&str> = files.iter().map(|file| file["path"].as_str().unwrap()).collect();
    assert_eq!(paths, ["Dockerfile", "clean.yaml", "deploy/pod,1.yaml"]);
    let found = &files[0]["findings"][1];
    assert_eq!(found["rule"], "latest-base-tag");
    assert_eq!(found["aliases"][0], "DL3007");
    assert_eq!((&found["locations"][0]["line"], &found["locations"][0]["endColumn"]), (&2.into(), &19.into()));
    assert_eq!(found["fix"]["edits"][0]["text"], "13");
    assert_eq!((&files[2]["ignored"], &files[2]["kind"]), (&2.into(), &"manifest".into()));
    assert_eq!(files[2]["problems"][0]["effect"], "undecided");
    let summary = &value["summary"];
    for (name, count) in [("files", 3), ("high", 1), ("medium", 2), ("low", 1), ("fixable", 1), ("unsafeFixable", 1)] {
        assert_eq!(summary[name], count, "{name}");
    }
    for (name, count) in [("ignored", 1), ("baselined", 1), ("undecided", 1), ("fixed", 1)] {
        assert_eq!(summary[name], count, "{name}");
    }
}

#[test]
fn sarif_has_rules_regions_fixes_and_what_is_suppressed() {
    let log = json("sarif");
    let run = &log["runs"][0];
    let rules = run["tool"]["driver"]["rules"].as_array().unwrap();
    let latest = rules.iter().find(|rule| rule["id"] == "latest-base-tag").unwrap();
    assert_eq!(latest["help"]["text"], "Tomorrow it is another image.\nWhat to do: name a version");
    let tags: Vec<&str> = latest["properties"]["tags"].as_array().unwrap().iter().filter_map(Value::as_str).collect();
    assert_eq!(tags, ["security", "dockerfile", "medium", "DL3007", "CKV_DOCKER_7"]);
    let results = run["results"].as_array().unwrap();
    assert_eq!(results.len(), 6);
    let mut suppressed = BTreeMap::new();
    for result in results {
        assert!(rules.iter().any(|rule| rule["id"] == result["ruleId"]), "{result}");
        assert!(result["partialFingerprints"]["plimsoll/v1"].is_string());
        let region = &result["locations"][0]["physicalLocation"]["region"];
        for side in ["startLine", "startColumn", "endLine", "endColumn"] {
            assert!(region[side].is_u64(), "{side} in {result}");
        }
        if let Some(kind) = result["suppressions"][0]["kind"].as_str() {
            *suppressed.entry(kind).or_insert(0) += 1;
        }
    }
    assert_eq!(suppressed, BTreeMap::from([("inSource", 1), ("external", 1)]));
    let replacement = &results[1]["fixes"][0]["artifactChanges"][0]["replacements"][0];
    assert_eq!(replacement["deletedRegion"]["startColumn"], 13);
    assert_eq!(replacement["insertedContent"]["text"], "13");
    assert_eq!(results[2]["relatedLocations"][0]["id"], 1);
    assert_eq!(run["invocations"][0]["toolExecutionNotifications"][0]["level"], "error");
}

#[test]
fn gitlab_fingerprints_are_unique() {
    let issues = json("gitlab");
    let issues = issues.as_array().unwrap();
    let prints: std::collections::BTreeSet<&str> =
        issues.iter().map(|issue| issue["fingerprint"].as_str().unwrap()).collect();
    assert_eq!((prints.len(), issues.len()), (6, 6));
    let privileged = issues.iter().find(|issue| issue["check_name"] == "privileged-container/KSV-0017").unwrap();
    assert_eq!((&privileged["severity"], &privileged["location"]["lines"]["begin"]), (&"critical".into(), &4.into()));
}

#[test]
fn nothing_found_is_said() {
    let mut report = report();
    report.files.retain(|file| file.path == "clean.yaml");
    report.problems.clear();
    report.fixed = 0;
    assert_eq!(rendered("text", &report), "1 file, nothing found\n");
    assert_eq!(rendered("short", &report), "");
    assert_eq!(rendered("gitlab", &report), "[]\n");
    assert!(rendered("junit", &report).contains("tests=\"1\" failures=\"0\" errors=\"0\""));
}

#[test]
fn order_of_files_does_not_matter() {
    let mut turned = report();
    turned.files.reverse();
    for format in LINT_FORMATS {
        let bytes = |report: &LintReport| (format.render)(report, &options()).unwrap();
        assert_eq!(bytes(&report()), bytes(&report()), "{}", format.name);
        assert_eq!(bytes(&report()), bytes(&turned), "{}", format.name);
    }
}

#[test]
fn names_of_lint_formats_are_unique_and_documented() {
    for format in LINT_FORMATS {
        assert_eq!(LINT_FORMATS.iter().filter(|f| f.name == format.name).count(), 1);
        assert!(formats_markdown().contains(&format!("| `{}` | {}", format.name, format.what)));
    }
}

#[test]
fn colours_are_there_where_asked_and_nowhere_else() {
    let painted = |colour| {
        let options = LintOptions { colour, ..options() };
        String::from_utf8((LINT_FORMATS[0].render)(&report(), &options).unwrap()).unwrap()
    };
    assert!(!painted(false).contains('\u{1b}'));
    assert!(painted(true).starts_with("\u{1b}["));
}

/// With `PLIMSOLL_RENDER_TO=FOLDER` writes the report in every format there, for validators and eyes.
#[test]
fn every_lint_format_is_rendered() {
    let folder = std::env::var_os("PLIMSOLL_RENDER_TO").map(std::path::PathBuf::from);
    for format in LINT_FORMATS {
        let bytes = (format.render)(&report(), &options()).unwrap();
        assert!(bytes.ends_with(b"\n"), "{}", format.name);
        if let Some(folder) = &folder {
            std::fs::create_dir_all(folder).unwrap();
            std::fs::write(folder.join(format!("lint.{}.{}", format.name, format.extension)), bytes).unwrap();
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    /// Whatever strangers write into files, names and messages, and wherever a finding claims to be: every format renders,
    /// shows nothing raw, and those of JSON read back.
    #[test]
    fn any_text_is_shown_and_not_obeyed(
        text in any::<String>(),
        other in "[\\PC\u{0}-\u{1f}\u{80}-\u{9f}\u{202a}-\u{202e}<>&'\"`%:,|\\]\\[-]{0,24}",
        place in any::<[u32; 4]>(),
        near in prop::array::uniform4(0u32..6),
    ) {
        let mut report = report();
        for (file, place) in report.files.iter_mut().zip([place, near, near]) {
            file.path.clone_from(&other);
            file.text.clone_from(&text);
            for LintFinding { finding, fingerprint } in &mut file.findings {
                finding.message.clone_from(&text);
                finding.remedy = Some(other.clone());
                finding.rule.clone_from(&other);
                let [line, column, end_line, end_column] = place.map(Some);
                finding.locations = vec![Location { line, column, end_line, end_column, ..Location::path(other.clone()) }; 3];
                fingerprint.clone_from(&other);
            }
            for problem in &mut file.problems {
                problem.message.clone_from(&text);
                problem.location = Some(Location::path(other.clone()));
            }
        }
        for format in LINT_FORMATS {
            let page = String::from_utf8((format.render)(&report, &options()).unwrap()).unwrap();
            for line in page.lines() {
                prop_assert_eq!(safe(line), line, "{}", format.name);
            }
            if format.media_type.contains("json") {
                prop_assert!(serde_json::from_str::<Value>(&page).is_ok(), "{}", format.name);
            }
            if format.name == "github" {
                prop_assert!(page.lines().all(|line| line.starts_with("::")), "{}", page);
            }
        }
    }
}
