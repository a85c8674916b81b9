//! The linter with a few rules of its own: what is told, kept quiet, mended and remembered.

use plimsoll_checks::lint::fix::{Fixes, diff, fix};
use plimsoll_checks::lint::{Input, Linter, Options, Registry, Selection, baseline::Baseline};
use plimsoll_checks::manifest::object::{Container, Object, Workload, entry, is_true, key, span};
use plimsoll_checks::manifest::project::Project;
use plimsoll_checks::manifest::rules::{Check, Context, Rule};
use plimsoll_checks::source::{Found, insert, replace};
use plimsoll_model::{FileKind, IgnoredBy, LintedFile, RuleInfo, Severity};

const fn info(id: &'static str, aliases: &'static [&'static str], severity: Severity, opt_in: bool) -> RuleInfo {
    let (title, why, remedy, bad, good) = ("t", "w", "r", "b", "g");
    RuleInfo { id, severity, aliases, opt_in, title, why, remedy, bad, good }
}

static PRIVILEGED: Rule =
    Rule { info: info("toy-privileged", &["KSV-0017"], Severity::High, false), check: Check::Container(privileged) };
static LATEST: Rule = Rule {
    info: info("toy-latest", &["KSV-0013", "DL3007"], Severity::Medium, false),
    check: Check::Container(latest),
};
static LABEL: Rule = Rule { info: info("toy-label", &[], Severity::Low, true), check: Check::Object(label) };
static TWINS: Rule = Rule { info: info("toy-twins", &[], Severity::Medium, false), check: Check::Project(twins) };
static STUBBORN: Rule =
    Rule { info: info("toy-stubborn", &[], Severity::Low, true), check: Check::Container(stubborn) };
static WRECKER: Rule = Rule { info: info("toy-wrecker", &[], Severity::Low, true), check: Check::Container(wrecker) };

const TOYS: Registry =
    Registry { dockerfile: &[], manifest: &[&PRIVILEGED, &LATEST, &LABEL, &TWINS, &STUBBORN, &WRECKER] };

fn privileged(container: &Container<'_>, _: &Workload<'_>, _: &Context<'_>, found: &mut Vec<Found>) {
    if let Some(value) = container.at(&["securityContext", "privileged"]).filter(|value| is_true(value)) {
        let context = container.at(&["securityContext"]).unwrap();
        let fault = Found::new(&PRIVILEGED.info, entry(context, "privileged"), "the container is privileged");
        // Told twice: the linter tells it once.
        found.push(fault.clone().fix("take the privilege away", vec![replace(span(value), "false")]));
        found.push(fault.fix("take the privilege away", vec![replace(span(value), "false")]));
    }
}

fn latest(container: &Container<'_>, _: &Workload<'_>, _: &Context<'_>, found: &mut Vec<Found>) {
    if let Some(image) = container.at(&["image"]).filter(|image| image.text().is_some_and(|i| i.ends_with(":latest"))) {
        let fault = Found::new(&LATEST.info, span(image), format!("{} names no version", image.text().unwrap()));
        found.push(fault.unsafe_fix("name one", vec![replace(span(image), "nginx:1.27")]));
    }
}

fn label(object: &Object, _: &Context<'_>, found: &mut Vec<Found>) {
    if let Some(metadata) = object.at(&["metadata"]).filter(|m| m.get("labels").is_none()) {
        let at = key(metadata, "name").unwrap();
        found.push(Found::new(&LABEL.info, span(at), "no labels").fix("add", vec![insert(at.start, "labels: {}\n  ")]));
    }
}

fn twins(project: &Project<'_>, found: &mut Vec<(usize, Found)>) {
    let mut seen = std::collections::BTreeSet::new();
    for (index, file) in project.manifests.iter().enumerate() {
        for object in file.objects.iter().filter(|object| !seen.insert(object.label())) {
            found.push((
                index,
                Found::new(&TWINS.info, span(&object.node).before(), format!("{} again", object.label())),
            ));
        }
    }
}

/// Its fix leaves the fault where it was.
fn stubborn(container: &Container<'_>, _: &Workload<'_>, _: &Context<'_>, found: &mut Vec<Found>) {
    let name = key(container.node, "name").unwrap();
    found.push(Found::new(&STUBBORN.info, span(name), "a name").fix("comment", vec![insert(name.start, "# x\n    ")]));
}

/// Its fix breaks the YAML.
fn wrecker(container: &Container<'_>, _: &Workload<'_>, _: &Context<'_>, found: &mut Vec<Found>) {
    if let Some(image) = container.at(&["image"]) {
        found.push(Found::new(&WRECKER.info, span(image), "an image").fix("break", vec![replace(span(image), "[")]));
    }
}

fn options(select: &[&str]) -> Options {
    Options {
        selection: Selection { select: select.iter().map(|name| (*name).to_owned()).collect(), ..Selection::default() },
        today: Some(jiff::civil::date(2026, 6, 1)),
        inline_ignores: true,
        ..Options::default()
    }
}

fn linter(select: &[&str]) -> Linter {
    Linter::with(TOYS, options(select)).unwrap()
}

fn input<'a>(path: &'a str, text: &'a str) -> Input<'a> {
    Input { path, text, kind: FileKind::Manifest }
}

fn lint(text: &str) -> LintedFile {
    linter(&[]).lint(&[input("pod.yaml", text)]).remove(0)
}

/// `rule line:column`.
fn shown(file: &LintedFile) -> Vec<String> {
    let findings = file.findings.iter().map(|found| {
        let place = &found.finding.locations[0];
        format!("{} {}:{}", found.finding.rule, place.line.unwrap(), place.column.unwrap())
    });
    findings.collect()
}

/// A pod with a comment above and beside `privileged: true`.
fn pod(above: &str, beside: &str) -> String {
    format!(
        "apiVersion: v1\nkind: Pod\nmetadata:\n  name: web\nspec:\n  containers:\n  - name: web\n    image: nginx:latest\n    \
         securityContext:\n      {above}\n      privileged: true {beside}\n"
    )
}

const POD: &str = "apiVersion: v1\nkind: Pod\nmetadata:\n  name: web\nspec:\n  containers:\n  - name: web\n    image: nginx:latest\n    securityContext: {privileged: true}\n";

#[test]
fn findings_are_sorted_by_place_and_told_once() {
    let file = lint(POD);
    assert_eq!(shown(&file), ["toy-latest 8:12", "toy-privileged 9:23"]);
    let place = &file.findings[1].finding.locations[0];
    assert_eq!((place.end_line, place.end_column), (Some(9), Some(39)));
    assert_eq!(file.findings[1].finding.remedy.as_deref(), Some("r"));
    assert_eq!(file.text, POD);
}

#[test]
fn rules_run_as_they_are_selected() {
    let rules = |select: &[&str]| shown(&linter(select).lint(&[input("pod.yaml", POD)]).remove(0));
    assert_eq!(rules(&["ksv-0017"]), ["toy-privileged 9:23"]);
    assert_eq!(rules(&["default", "toy-label"]).len(), 3);
    assert_eq!(rules(&["dockerfile"]), Vec::<String>::new());
    let mut options = options(&[]);
    options.selection.ignore = vec!["DL3007".into()];
    options.selection.severities.insert("KSV0017".into(), Severity::Critical);
    let file = Linter::with(TOYS, options.clone()).unwrap().lint(&[input("pod.yaml", POD)]).remove(0);
    assert_eq!((shown(&file).len(), file.findings[0].finding.severity), (1, Severity::Critical));
    options.selection.select = vec!["toy-privilegde".into()];
    let error = Linter::with(TOYS, options).err().unwrap();
    assert_eq!(error.near, Some("toy-privileged"));
}

#[test]
fn rules_over_all_files_see_all_of_them_on_any_number_of_threads() {
    let texts: Vec<(String, String)> =
        (0..40).map(|i| (format!("{i}.yaml"), POD.replace("name: web", "name: a"))).collect();
    let inputs: Vec<Input<'_>> = texts.iter().map(|(path, text)| input(path, text)).collect();
    let mut options = options(&[]);
    let one = Linter::with(TOYS, options.clone()).unwrap().lint(&inputs);
    options.threads = std::num::NonZeroUsize::new(4);
    let many = Linter::with(TOYS, options).unwrap().lint(&inputs);
    assert_eq!(one, many);
    assert_eq!(shown(&one[0]), ["toy-latest 8:12", "toy-privileged 9:23"]);
    assert_eq!(shown(&one[39]), ["toy-twins 1:1", "toy-latest 8:12", "toy-privileged 9:23"]);
}

#[test]
fn ignores_with_a_reason_hold() {
    for text in [
        pod("# plimsoll: allow toy-privileged it is the CNI plugin", ""),
        pod("# plimsoll: allow KSV-0017 it is the CNI plugin", ""),
        pod("", "# plimsoll: allow toy-privileged it is the CNI plugin until=2026-06-01"),
        format!("# plimsoll: allow-file toy-privileged it is the CNI plugin\n---\n{}", pod("", "")),
        pod("", "").replace(
            "name: web\nspec",
            "name: web\n  annotations: {plimsoll.dev/allow: toy-privileged it is the CNI plugin}\nspec",
        ),
        pod("", "").replace(
            "name: web\nspec",
            "name: web\n  annotations:\n    plimsoll.dev/allow.KSV-0017: it is the CNI plugin\nspec",
        ),
    ] {
        let file = lint(&text);
        let rules: Vec<&str> = file.findings.iter().map(|found| found.finding.rule.as_str()).collect();
        assert_eq!(rules, ["toy-latest"], "{text}");
        assert_eq!(file.ignored.len(), 1, "{text}");
        assert_eq!((file.ignored[0].by, file.ignored[0].reason.as_str()), (IgnoredBy::File, "it is the CNI plugin"));
    }
}

#[test]
fn ignores_rot_loudly() {
    for (above, rules, ignored) in [
        ("# plimsoll: allow toy-privileged", &["ignore-without-reason"][..], 1),
        ("# plimsoll: allow toy-privileged r until=2026-05-31", &["expired-ignore", "toy-privileged"], 0),
        ("# plimsoll: allow toy-latest r", &["unused-ignore", "toy-privileged"], 0),
        ("# plimsoll: allow toy-privileged, toy-latest r", &["unused-ignore"], 1),
        ("# plimsoll: allow toy-privilege r", &["unknown-rule-in-ignore", "toy-privileged"], 0),
        ("# plimsoll: allow runs-as-root r", &["unknown-rule-in-ignore", "toy-privileged"], 0),
        ("# plimsoll: permit toy-privileged r", &["unreadable-ignore", "toy-privileged"], 0),
        ("# plimsoll: allow toy-privileged r until=tomorrow", &["unreadable-ignore", "toy-privileged"], 0),
        // A rule that did not look says nothing of its ignore.
        ("# plimsoll: allow toy-label r", &["toy-privileged"], 0),
    ] {
        let file = lint(&pod(above, ""));
        let found: Vec<&str> = file.findings.iter().map(|found| found.finding.rule.as_str()).collect();
        assert_eq!(found[0], "toy-latest");
        assert_eq!(&found[1..], rules, "{above}");
        assert_eq!(file.ignored.len(), ignored, "{above}");
    }
    let file = lint(&pod("# plimsoll: allow toy-privilege r", ""));
    assert_eq!(file.findings[1].finding.remedy.as_deref(), Some("did you mean toy-privileged?"));
    let file = lint(&pod("# plimsoll: allow runs-as-root r", ""));
    assert!(file.findings[1].finding.message.contains("family image"), "{}", file.findings[1].finding.message);
}

#[test]
fn files_silence_nothing_where_they_may_not() {
    let mut options = options(&[]);
    options.inline_ignores = false;
    let text = pod("# plimsoll: allow toy-privileged r", "");
    let file = Linter::with(TOYS, options).unwrap().lint_alone(&input("-", &text));
    assert_eq!((shown(&file).len(), file.ignored.len()), (2, 0));
}

#[test]
fn what_ends_too_early_is_a_problem_and_the_rest_is_checked() {
    let text = format!("{POD}---\napiVersion: v1\nkind: Pod\nspec: [\n");
    let file = lint(&text);
    assert_eq!(shown(&file).len(), 2);
    assert_eq!(file.problems.len(), 1);
    let problem = &file.problems[0];
    assert_eq!(problem.message, "read the document: unclosed bracket '['");
    let behind = lint(&format!("kind: [\n---\n{POD}"));
    assert_eq!((shown(&behind).len(), behind.problems.len()), (2, 1));
    let many = lint(&"kind: [\n---\n".repeat(1000));
    let last = many.problems.last().unwrap();
    assert!(last.message.starts_with("read the rest of the file"), "{}", last.message);
    assert_eq!(problem.location.as_ref().unwrap().line, Some(13), "{problem:?}");
    let template = lint("apiVersion: v1\nkind: Pod\nspec: {{ .Values.spec }}\n  a: b\n");
    assert!(template.problems[0].hint.as_ref().unwrap().contains("helm template"), "{:?}", template.problems);
}

#[test]
fn safe_fixes_are_applied_and_a_second_run_changes_nothing() {
    let linter = linter(&["default", "toy-label"]);
    let fixed = fix(&linter, "pod.yaml", POD, FileKind::Manifest, Fixes::Safe);
    assert!(
        fixed.text.contains("{privileged: false}") && fixed.text.contains("  labels: {}\n  name: web"),
        "{}",
        fixed.text
    );
    assert!(fixed.text.contains("nginx:latest"));
    assert_eq!((fixed.done.len(), fixed.dropped.len()), (2, 0));
    let again = fix(&linter, "pod.yaml", &fixed.text, FileKind::Manifest, Fixes::Safe);
    assert_eq!((again.text.as_str(), again.done.len()), (fixed.text.as_str(), 0));
    let all = fix(&linter, "pod.yaml", POD, FileKind::Manifest, Fixes::All);
    assert!(all.text.contains("nginx:1.27"));
    assert_eq!(linter.lint_alone(&input("pod.yaml", &all.text)).findings, []);
}

#[test]
fn fixes_that_make_things_worse_are_dropped_and_the_others_applied() {
    let linter = linter(&["all"]);
    let fixed = fix(&linter, "pod.yaml", POD, FileKind::Manifest, Fixes::All);
    let dropped: Vec<&str> = fixed.dropped.iter().map(|(rule, _)| rule.as_str()).collect();
    assert_eq!(dropped, ["toy-stubborn", "toy-wrecker"]);
    assert!(fixed.text.contains("privileged: false") && fixed.text.contains("labels: {}"), "{}", fixed.text);
    assert!(!fixed.text.contains("# x") && !fixed.text.contains('['), "{}", fixed.text);
    // The wrecker stood in its place first; when it is gone, the fix that waited is applied.
    assert!(fixed.text.contains("nginx:1.27"), "{}", fixed.text);
}

#[test]
fn ignored_faults_are_not_mended_and_unused_ignores_are() {
    let linter = linter(&[]);
    let ignored = pod("# plimsoll: allow toy-privileged r", "");
    assert_eq!(fix(&linter, "p", &ignored, FileKind::Manifest, Fixes::Safe).text, ignored);
    let unused = pod("# plimsoll: allow toy-latest r", "").replace("true", "false");
    let mended = fix(&linter, "p", &unused, FileKind::Manifest, Fixes::Safe).text;
    assert!(!mended.contains("plimsoll") && mended.contains("securityContext:\n      privileged"), "{mended}");
}

#[test]
fn line_breaks_stay_as_the_file_has_them() {
    let linter = linter(&["toy-label"]);
    let text = POD.replace('\n', "\r\n");
    let fixed = fix(&linter, "p", &text, FileKind::Manifest, Fixes::Safe).text;
    assert!(fixed.contains("  labels: {}\r\n  name: web\r\n"), "{fixed:?}");
    assert!(!fixed.replace("\r\n", "").contains('\n'));
}

#[test]
fn diffs_are_those_of_patch() {
    let fixed = fix(&linter(&[]), "deploy/pod.yaml", POD, FileKind::Manifest, Fixes::Safe);
    assert_eq!(
        diff("./deploy/pod.yaml", POD, &fixed.text),
        "--- a/deploy/pod.yaml\n+++ b/deploy/pod.yaml\n@@ -6,4 +6,4 @@\n   containers:\n   - name: web\n     image: nginx:latest\n\
         -    securityContext: {privileged: true}\n+    securityContext: {privileged: false}\n"
    );
    assert_eq!(diff("a", "x\n", "x\n"), "");
}

#[test]
fn known_faults_stay_known_when_lines_move_and_new_ones_count() {
    let linter = linter(&[]);
    let files = |text: &str| linter.lint(&[input("./pod.yaml", text)]);
    let baseline = Baseline::parse(&Baseline::of(&files(POD)).render()).unwrap();
    assert_eq!(baseline.len(), 2);
    let moved = format!("# a comment\n\n{}", POD.replace("    image", "    image  "));
    let mut moved = linter.lint(&[input("pod.yaml", &moved.replace("image  :", "image:"))]);
    assert_eq!(baseline.apply(&mut moved), 0);
    assert_eq!((moved[0].findings.len(), moved[0].ignored.len()), (0, 2));
    let mut more = files(&format!("{POD}  - name: second\n    image: nginx:latest\n"));
    assert_eq!(baseline.apply(&mut more), 0);
    assert_eq!(shown(&more[0]), ["toy-latest 11:12"]);
    let mut fewer = files(&POD.replace("true", "false"));
    assert_eq!(baseline.apply(&mut fewer), 1, "the entry of what was mended is told");
    assert!(Baseline::parse("{\"schemaVersion\":2,\"files\":{}}").is_err());
    assert!(Baseline::parse("[]").is_err());
}

#[test]
fn large_files_take_no_longer_than_their_size() {
    // 5,000 documents with an ignore each, and one line of a megabyte with many places.
    let documents: String =
        (0..5000).map(|_| format!("{}---\n", pod("# plimsoll: allow toy-privileged r", ""))).collect();
    let file = linter(&["default"]).lint_alone(&input("many.yaml", &documents));
    assert_eq!((file.findings.len(), file.ignored.len()), (5000, 5000));
    let containers: Vec<String> = (0..5000).map(|i| format!("{{name: é{i}, image: \"x:latest\"}}")).collect();
    let comments = "# plimsoll: allow toy-privileged r\n".repeat(5000);
    let text = format!("apiVersion: v1\nkind: Pod\n{comments}spec: {{containers: [{}]}}\n", containers.join(", "));
    let file = linter(&["toy-latest"]).lint_alone(&input("wide.yaml", &text));
    assert_eq!(file.findings.len(), 5000);
}

#[test]
fn rules_about_linting_find_their_bad_examples_and_leave_the_good_ones() {
    let linter = Linter::with(TOYS, options(&[])).unwrap();
    for rule in plimsoll_checks::lint::rules::RULES {
        let has = |text: &str| {
            let file = linter.lint_alone(&Input { path: "Dockerfile", text, kind: FileKind::Dockerfile });
            file.findings.iter().any(|found| found.finding.rule == rule.id)
        };
        assert!(has(rule.bad), "{}: the bad example has not the fault", rule.id);
        assert!(!has(rule.good), "{}: the good example has it", rule.id);
    }
}

#[test]
fn pragmas_of_hadolint_keep_quiet_without_noise() {
    let linter = linter(&[]);
    for (pragma, left) in [
        ("# hadolint ignore=DL1000", &[][..]),
        ("# hadolint ignore=DL1000,SC2086,DL3059 # because", &[]),
        ("# hadolint global ignore=DL1000", &[]),
        ("# hadolint ignore=SC2086", &["not-understood"]),
        ("# hadolint shell=bash", &["not-understood"]),
        ("# hadolint ignore=DL1000\nUSER app", &["not-understood", "unused-ignore"]),
    ] {
        let text = format!("FROM debian:13\n{pragma}\nRUM make\n");
        let file = linter.lint_alone(&Input { path: "Dockerfile", text: &text, kind: FileKind::Dockerfile });
        let mut rules: Vec<&str> = file.findings.iter().map(|found| found.finding.rule.as_str()).collect();
        rules.sort_unstable();
        assert_eq!(rules, left, "{pragma}");
        assert!(file.findings.iter().all(|found| found.finding.fix.is_none()), "{pragma}");
    }
}

#[test]
fn pod_security_is_looked_at_where_a_level_is_asked_for() {
    let mut options = options(&["toy-privileged"]);
    options.pod_security = Some((plimsoll_checks::pod_security::Level::Baseline, "latest".parse().unwrap()));
    let rules = |options: &Options, text: &str| -> Vec<String> {
        let file = Linter::with(TOYS, options.clone()).unwrap().lint_alone(&input("pod.yaml", text));
        file.findings.into_iter().map(|found| found.finding.rule).collect()
    };
    let mut both = rules(&options, POD);
    both.sort();
    assert_eq!(both, ["pod-security-privileged", "toy-privileged"]);
    let ignored = pod("# plimsoll: allow pod-security-privileged r", "");
    assert_eq!(rules(&options, &ignored), ["toy-privileged"]);
    options.selection.ignore = vec!["pod-security".into()];
    assert_eq!(rules(&options, POD), ["toy-privileged"]);
    options.pod_security = None;
    options.selection.ignore.clear();
    assert_eq!(rules(&options, &ignored), ["toy-privileged"], "an ignore of what did not look is not told as unused");
}

/// The linter as shipped, with one rule or all.
fn shipped(select: &str) -> Linter {
    let pod_security = Some((plimsoll_checks::pod_security::Level::Restricted, "latest".parse().unwrap()));
    Linter::new(Options { pod_security, ..options(&[select]) }).unwrap()
}

#[test]
fn every_fix_mends_the_bad_example_of_its_rule_for_good() {
    let classes = plimsoll_checks::docs::FixClasses::default();
    let mut faults = Vec::new();
    for rule in plimsoll_checks::lint::all_rules() {
        if classes.of(&rule) == plimsoll_checks::docs::FixClass::None {
            continue;
        }
        let info = rule.info;
        let kind = if rule.family.looks_at(FileKind::Manifest) && rule.family.name() != "lint" {
            FileKind::Manifest
        } else {
            FileKind::Dockerfile
        };
        // Of linting itself: an ignore is unused where the rule that it names looked.
        let linter = shipped(if rule.family.name() == "lint" { "lint" } else { info.id });
        let fixed = fix(&linter, "example", info.bad, kind, Fixes::All);
        let again = fix(&linter, "example", &fixed.text, kind, Fixes::All);
        let left = linter.lint(&[Input { path: "example", text: &fixed.text, kind }]).remove(0);
        let left = left.findings.iter().any(|found| found.finding.rule == info.id && found.finding.fix.is_some());
        if fixed.done.is_empty() || !fixed.dropped.is_empty() || again.text != fixed.text || left {
            faults.push(format!("{}: done {:?}, dropped {:?}\n{}", info.id, fixed.done, fixed.dropped, fixed.text));
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

#[test]
fn rules_of_one_family_have_one_name_each_and_all_are_found_by_it() {
    let known = plimsoll_checks::lint::all_rules();
    for rule in &known {
        let same = known.iter().filter(|other| other.family == rule.family && other.info.id == rule.info.id);
        assert_eq!(same.count(), 1, "{} of {}", rule.info.id, rule.family.name());
        for name in std::iter::once(&rule.info.id).chain(rule.info.aliases) {
            let found = plimsoll_checks::lint::names::named(&known, &name.to_ascii_uppercase());
            assert!(found.iter().any(|other| other.info.id == rule.info.id), "{name}");
        }
    }
}

/// The ids and the text at fault of what the program's own rules find.
fn faults(files: &[(&str, &str)], options: Options) -> Vec<(String, String)> {
    let linter = Linter::new(options).unwrap();
    let inputs: Vec<Input<'_>> =
        files.iter().map(|(path, text)| Input { path, text, kind: FileKind::Manifest }).collect();
    let linted = linter.lint(&inputs);
    let all = linted.iter().zip(files).flat_map(|(linted, (path, text))| {
        let source = plimsoll_checks::source::Source::new(path, text);
        let of = move |found: &plimsoll_model::LintFinding| {
            let place = &found.finding.locations[0];
            let start = source.offset(place.line.unwrap(), place.column.unwrap()).unwrap();
            let end = source.offset(place.end_line.unwrap(), place.end_column.unwrap()).unwrap();
            (found.finding.rule.clone(), text[start..end].to_owned())
        };
        linted.findings.iter().map(of).collect::<Vec<_>>()
    });
    all.collect()
}

fn selected(rules: &[&str]) -> Options {
    let select = rules.iter().map(|rule| (*rule).to_owned()).collect();
    Options { selection: Selection { select, ..Selection::default() }, inline_ignores: true, ..Options::default() }
}

#[test]
fn fault_that_two_rules_find_at_the_same_words_is_told_once_by_the_sharper_one() {
    let pod = "apiVersion: v1\nkind: Pod\nmetadata: {name: a}\nspec:\n  volumes:\n  - name: v\n    hostPath:\n      \
               path: /run/docker.sock\n  containers:\n  - name: c\n    image: a:1\n    securityContext:\n      runAsUser: 0\n      \
               capabilities: {add: [SYS_ADMIN, NET_ADMIN]}\n";
    let rules = [
        "host-path-volume",
        "runtime-socket-mounted",
        "capability-added",
        "sys-admin-capability",
        "runs-as-root",
        "may-run-as-root",
    ];
    let ids =
        |options: Options| -> Vec<String> { faults(&[("a.yaml", pod)], options).into_iter().map(|f| f.0).collect() };
    let once = ["runtime-socket-mounted", "runs-as-root", "sys-admin-capability", "capability-added"];
    assert_eq!(ids(selected(&rules)), once);
    // The broader rule by itself misses nothing, and a policy hears all.
    assert_eq!(ids(selected(&["host-path-volume", "capability-added", "may-run-as-root"])).len(), 4);
    assert_eq!(ids(Options { overlaps: true, ..selected(&rules) }).len(), 7);
    // What is known by one name is not told by the other.
    let known =
        pod.replace("      runAsUser: 0", "      # plimsoll: allow runs-as-root it binds port 80\n      runAsUser: 0");
    let left = faults(&[("a.yaml", &known)], selected(&["runs-as-root", "may-run-as-root"]));
    assert!(left.is_empty(), "{left:?}");
    let role = "apiVersion: rbac.authorization.k8s.io/v1\nkind: ClusterRole\nmetadata: {name: a}\nrules:\n\
                - apiGroups: ['*']\n  resources: ['*']\n  verbs: ['*']\n";
    let all = faults(&[("a.yaml", role)], selected(&["default"]));
    assert_eq!(all.iter().map(|found| found.0.as_str()).collect::<Vec<_>>(), ["wildcard-in-role"]);
    let old = "apiVersion: policy/v1beta1\nkind: PodSecurityPolicy\nmetadata: {name: a}\nspec: {privileged: false}\n---\n\
               apiVersion: node.k8s.io/v1\nkind: RuntimeClass\nmetadata: {name: a}\n---\n\
               apiVersion: node.k8s.io/v1\nkind: RuntimeClass\nmetadata: {name: b}\nhandler: ''\n";
    let all = faults(&[("a.yaml", old)], selected(&["default"]));
    let ids: Vec<&str> = all.iter().map(|found| found.0.as_str()).collect();
    assert_eq!(ids, ["removed-api", "required-field-missing", "runtime-class-handler-missing"]);
}

#[test]
fn what_limit_ranges_of_the_run_fill_in_is_not_missing() {
    let pod = "apiVersion: v1\nkind: Pod\nmetadata: {name: a, namespace: shop}\nspec:\n  containers:\n  - {name: c, image: 'a:1'}\n";
    let range = "apiVersion: v1\nkind: LimitRange\nmetadata: {name: a, namespace: shop}\nspec:\n  limits:\n\
                 \x20 - {type: Container, default: {memory: 1Gi}}\n";
    let rules = ["memory-limit-missing", "memory-request-missing", "cpu-request-missing"];
    let ids = |files: &[(&str, &str)]| -> Vec<String> {
        faults(files, selected(&rules)).into_iter().map(|found| found.0).collect()
    };
    assert_eq!(ids(&[("a.yaml", pod)]).len(), 3);
    assert_eq!(ids(&[("a.yaml", pod), ("b.yaml", range)]), ["cpu-request-missing"]);
    assert_eq!(ids(&[("a.yaml", &format!("{range}---\n{pod}"))]), ["cpu-request-missing"]);
    assert_eq!(ids(&[("a.yaml", pod), ("b.yaml", &range.replace("shop", "other"))]).len(), 3);
}

#[test]
fn account_that_mounts_no_token_says_it_for_its_pods() {
    let account = "apiVersion: v1\nkind: ServiceAccount\nmetadata: {name: web, namespace: shop}\nautomountServiceAccountToken: false\n";
    let pod = |namespace: &str, more: &str| {
        format!(
            "apiVersion: v1\nkind: Pod\nmetadata: {{name: web, namespace: {namespace}}}\nspec:\n  serviceAccountName: web\n{more}  containers: [{{name: web, image: \"a:1\"}}]\n"
        )
    };
    let told = |pod: &str| {
        let inputs =
            [("a.yaml", account), ("p.yaml", pod)].map(|(path, text)| Input { path, text, kind: FileKind::Manifest });
        let files = plimsoll_checks::lint::lint(&inputs, &Options::default()).unwrap();
        files.iter().flat_map(|file| &file.findings).any(|one| one.finding.rule == "service-account-token-mounted")
    };
    assert!(!told(&pod("shop", "")));
    assert!(told(&pod("other", "")));
    assert!(!told(&pod("other", "  automountServiceAccountToken: false\n")));
}

#[test]
fn escapes_in_an_exec_form_cannot_lead_a_fix_astray() {
    let linter = Linter::new(Options::default()).unwrap();
    for run in [
        r#"RUN ["sh","-c","\u000a\n\n\n\napt-get é install x"]"#,
        r#"RUN ["sh","-c","echo \"a\" && apt update"]"#,
        r#"RUN ["sh","-c","echo \"a\" && apt-get install x"]"#,
        r#"RUN ["sh","-c","echo \"é\" && apk add x"]"#,
    ] {
        let text = format!("FROM debian:13-slim\n{run}\n");
        let linted = linter.lint_alone(&Input { path: "Dockerfile", text: &text, kind: FileKind::Dockerfile });
        let edits = linted.findings.iter().filter_map(|found| found.finding.fix.as_ref()).flat_map(|fix| &fix.edits);
        let inside = edits.filter(|edit| edit.start > text.find("RUN").unwrap() && edit.start < text.trim_end().len());
        assert_eq!(inside.count(), 0, "{text}");
    }
}

#[test]
fn variables_that_many_stages_repeat_are_told_and_not_copied() {
    let names: String = (0..20_000).map(|number| format!(" V{number}=1")).collect();
    let stages = "FROM a AS a\nRUN b $V1\n".repeat(400);
    let text = format!("FROM x:1 AS a\nENV{names}\n{stages}");
    let linter = Linter::new(Options::default()).unwrap();
    let linted = linter.lint_alone(&Input { path: "Dockerfile", text: &text, kind: FileKind::Dockerfile });
    let told = linted.findings.iter().any(|found| found.finding.message.contains("too many variables"));
    assert!(told && !text.is_empty());
    let few = linter.lint_alone(&Input { path: "Dockerfile", text: "FROM x:1\nENV A=1\n", kind: FileKind::Dockerfile });
    assert!(!few.findings.iter().any(|found| found.finding.message.contains("too many variables")));
}
