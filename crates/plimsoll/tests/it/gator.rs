//! Gator's personality: command lines, formats, exit codes, places and ways out, and what bad files do to it. That it says what
//! the real one says is held by `scripts/peers/gator.py`.

use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};

use serde_json::Value;

use crate::{Run, run};

const TEMPLATE: &str = r#"apiVersion: templates.gatekeeper.sh/v1
kind: ConstraintTemplate
metadata:
  name: repos
spec:
  crd:
    spec:
      names: {kind: Repos}
      validation:
        openAPIV3Schema:
          type: object
          properties:
            repos: {type: array, items: {type: string}}
  targets:
  - target: admission.k8s.gatekeeper.sh
    rego: |
      package repos

      violation[{"msg": msg}] {
        container := input.review.object.spec.containers[_]
        good := [repo | repo := input.parameters.repos[_]; startswith(container.image, repo)]
        count(good) == 0
        msg := sprintf("%v is not from %v", [container.image, input.parameters.repos])
      }
"#;

const CONSTRAINT: &str = "apiVersion: constraints.gatekeeper.sh/v1beta1\nkind: Repos\nmetadata: {name: ours}\nspec:\n  match: {kinds: [{apiGroups: [''], kinds: [Pod]}]}\n  parameters: {repos: [good.io/]}\n";
const POD: &str = "apiVersion: v1\nkind: Pod\nmetadata: {name: web, namespace: shop}\nspec: {containers: [{name: c, image: bad.io/x}]}\n";

fn gator(folder: &Path, args: &[&str]) -> Run {
    let mut command = Command::new(env!("CARGO_BIN_EXE_plimsoll"));
    run(command.arg("gator").args(args).current_dir(folder).env_clear().stdin(Stdio::null()))
}

fn folder(files: &[(&str, &str)]) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    for (name, text) in files {
        std::fs::write(folder.path().join(name), text).unwrap();
    }
    folder
}

#[test]
fn what_is_violated_is_said_and_denied() {
    let here = folder(&[("template.yaml", TEMPLATE), ("constraint.yaml", CONSTRAINT), ("pod.yaml", POD)]);
    let text = gator(here.path(), &["test", "-f", "."]);
    assert_eq!(text.out, "v1/Pod shop/web: [\"ours\"] Message: \"bad.io/x is not from [\\\"good.io/\\\"]\"\n");
    assert_eq!(text.status, 1);
    let json = gator(here.path(), &["test", "-f", ".", "-o", "json"]);
    let json: Value = serde_json::from_str(&json.out).unwrap();
    assert_eq!(json[0]["constraint"]["spec"]["enforcementAction"], "deny");
    assert_eq!(json[0]["violatingObject"]["metadata"]["name"], "web");
    std::fs::write(
        here.path().join("constraint.yaml"),
        CONSTRAINT.replace("spec:", "spec:\n  enforcementAction: warn"),
    )
    .unwrap();
    assert_eq!(gator(here.path(), &["test", "-f", "."]).status, 0);
    assert_eq!(gator(here.path(), &["test", "-f", ".", "--deny-only"]).out, "");
}

#[test]
fn manifests_come_by_standard_input_too() {
    let here = folder(&[]);
    let mut command = Command::new(env!("CARGO_BIN_EXE_plimsoll"));
    command.args(["gator", "test"]).current_dir(here.path()).env_clear().stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut child = command.spawn().unwrap();
    let text = format!("{TEMPLATE}---\n{CONSTRAINT}---\n{POD}");
    child.stdin.take().unwrap().write_all(text.as_bytes()).unwrap();
    let done = child.wait_with_output().unwrap();
    assert_eq!(done.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&done.stdout).contains("bad.io/x is not from"));
}

#[test]
fn a_template_that_does_not_compile_is_told_at_its_place_with_the_way_out() {
    let unsafe_one = TEMPLATE.replace("count(good) == 0", "not startswith(container.image, input.parameters.repos[_])");
    let here = folder(&[("all.yaml", &format!("{unsafe_one}---\n{CONSTRAINT}---\n{POD}"))]);
    let run = gator(here.path(), &["test", "-f", "all.yaml"]);
    let wanted = "auditing objects: adding template \"repos\": unable to compile modules: 1 error occurred: template:6: rego_unsafe_var_error: var _ is unsafe\n  at all.yaml:22:9\n  hint: ";
    assert!(run.err.starts_with(wanted), "{}", run.err);
    assert_eq!(run.status, 1);
}

#[test]
fn bad_input_is_named_with_its_place() {
    let many = format!("a: [{}]", "[".repeat(500));
    for (text, words) in [
        (
            format!("{CONSTRAINT}---\n{POD}"),
            "missing ConstraintTemplate: template \"repos\" not found\n  at all.yaml:2:1\n  hint: ",
        ),
        (
            format!("{TEMPLATE}---\n{}", CONSTRAINT.replace("[good.io/]", "x")),
            "\n  at all.yaml:31:16\n  hint: the parameters are as",
        ),
        (TEMPLATE.replace("admission.k8s.gatekeeper.sh", "other"), "target \"other\" not recognized"),
        ("a: 1\na: 2\n".into(), "stands twice in one mapping\n  at all.yaml:2:1"),
        (many, "all.yaml:1:"),
        ("kind: [\n".into(), "reading yaml source"),
        ("- 1\n".into(), "and no object"),
        ("kind: X\nmetadata: {name: a}\n".into(), "resource a has no version"),
    ] {
        let here = folder(&[("all.yaml", &text)]);
        let run = gator(here.path(), &["test", "-f", "all.yaml"]);
        assert!(run.err.contains(words), "{words}: {}", run.err);
        assert_eq!(run.status, 1, "{words}");
    }
}

#[test]
fn command_lines_that_are_wrong_end_with_one() {
    let here = folder(&[("a.txt", "")]);
    for args in [
        &["nonsense"][..],
        &["test", "--nonsense"],
        &["test", "-f", "missing"],
        &["test", "-f", "a.txt"],
        &["test"],
        &["verify"],
        &["verify", "missing.yaml"],
        &["expand", "-n", "missing"],
        &["test", "-i", "ghcr.io/x"],
        &["policy", "install", "x"],
        &["test", "--default-k8s-native-validation-failure-policy", "Maybe"],
    ] {
        let run = gator(here.path(), args);
        assert!(run.status == 1 && !run.err.is_empty(), "{args:?}: {} {}", run.status, run.err);
    }
    assert_eq!(gator(here.path(), &["test", "--help"]).status, 0);
    assert!(gator(here.path(), &["verify", "--help"]).out.contains("plimsoll gator verify"));
}

#[test]
fn suites_say_which_cases_hold() {
    let suite = "kind: Suite\napiVersion: test.gatekeeper.sh/v1alpha1\ntests:\n- name: repos\n  template: template.yaml\n  constraint: constraint.yaml\n  cases:\n  - {name: bad, object: pod.yaml, assertions: [{violations: 1, message: not from}]}\n  - {name: wrong, object: pod.yaml, assertions: [{violations: no}]}\n";
    let here = folder(&[
        ("suite.yaml", suite),
        ("template.yaml", TEMPLATE),
        ("constraint.yaml", CONSTRAINT),
        ("pod.yaml", POD),
    ]);
    let run = gator(here.path(), &["verify", "-v", "suite.yaml"]);
    assert!(run.out.contains("    --- PASS: bad\t("), "{}", run.out);
    assert!(
        run.out.contains("unexpected number of violations: got 1 violations but want none: got messages [bad.io/x is")
    );
    assert!(run.out.ends_with("FAIL\n\n"));
    assert_eq!((run.status, run.err.as_str()), (1, "Error: FAIL\n"));
    assert_eq!(gator(here.path(), &["verify", "suite.yaml", "--run", "//^bad$"]).status, 0);
}

#[test]
fn suites_of_a_wrong_shape_are_refused_with_the_place() {
    let suite = "kind: Suite\napiVersion: test.gatekeeper.sh/v1alpha1\ntests:\n- name: repos\n  template: template.yaml\n  constraint: constraint.yaml\n  cases:\n  - {name: bad, object: pod.yaml, assertions: [{violations: 1}]}\n";
    let files = |suite: &str| {
        folder(&[
            ("suite.yaml", suite),
            ("template.yaml", TEMPLATE),
            ("constraint.yaml", CONSTRAINT),
            ("pod.yaml", POD),
        ])
    };
    assert_eq!(gator(files(suite).path(), &["verify", "suite.yaml"]).status, 0);
    for (from, to, field, place) in [
        ("tests:\n", "skip: 'yes'\ntests:\n", "string into Go struct field Suite.skip of type bool", "3:1"),
        (
            "cases:\n  - ",
            "cases:\n    a: ",
            "object into Go struct field Test.tests.cases of type []*verify.Case",
            "7:3",
        ),
        ("name: bad", "name: bad, skip: 1", "number into Go struct field Case.tests.cases.skip of type bool", "8:17"),
        (
            "[{violations: 1}]",
            "{}",
            "object into Go struct field Case.tests.cases.assertions of type []verify.Assertion",
            "8:35",
        ),
    ] {
        let run = gator(files(&suite.replace(from, to)).path(), &["verify", "suite.yaml"]);
        let wanted = format!(
            "Error: listing test files: invalid yaml: json: cannot unmarshal {field}\n  at suite.yaml:{place}\n"
        );
        assert_eq!((run.status, run.err), (1, wanted));
    }
}

#[test]
fn expressions_are_gos_and_nothing_steers_the_terminal() {
    let suite = "kind: Suite\napiVersion: test.gatekeeper.sh/v1alpha1\ntests:\n- name: \"a\\e[31m\"\n  template: template.yaml\n  constraint: constraint.yaml\n  cases:\n  - {name: good, object: pod.yaml, assertions: [{message: '^\\Qbad.io/\\E\\w+ is.{,2} ?'}]}\n  - {name: bad, object: pod.yaml, assertions: [{message: '(?=x)'}]}\n";
    let suite = suite.replace(".{,2} ?", "");
    let loud = TEMPLATE.replace("count(good) == 0", "count(good) == 0\n        print(\"\\u001b[2J\\u202eloud\")");
    let here =
        folder(&[("suite.yaml", &suite), ("template.yaml", &loud), ("constraint.yaml", CONSTRAINT), ("pod.yaml", POD)]);
    let run = gator(here.path(), &["verify", "-v", "suite.yaml"]);
    assert!(run.out.contains("--- PASS: good"), "{}", run.out);
    assert!(
        run.out.contains(
            "message contains invalid regular expression: error parsing regexp: invalid or unsupported Perl syntax: `(?=`"
        ),
        "{}",
        run.out
    );
    assert!(run.out.contains("=== RUN   a\\u{1b}[31m\n") && run.out.contains("\\u{1b}[2J\\u{202e}loud"), "{}", run.out);
    let test = gator(here.path(), &["test", "-f", "template.yaml", "-f", "constraint.yaml", "-f", "pod.yaml", "-v"]);
    assert!(test.out.contains("\n\\u{1b}[2J\\u{202e}loud\n"), "{}", test.out);
    assert!(!test.out.contains(['\u{1b}', '\u{202e}']) && !run.out.contains(['\u{1b}', '\u{202e}']));
    let filter = gator(here.path(), &["verify", "suite.yaml", "--run", "(?=x)"]);
    let words = "Error: compiling filter: invalid test filter: error parsing regexp: invalid or unsupported Perl syntax: `(?=`\n";
    assert_eq!((filter.status, filter.err.as_str()), (1, words));
}

#[test]
fn reviews_are_measured_kept_and_compared() {
    let here = folder(&[("template.yaml", TEMPLATE), ("constraint.yaml", CONSTRAINT), ("pod.yaml", POD)]);
    let bench = |more: &[&str]| gator(here.path(), &[&["bench", "-f", ".", "-n", "20", "--warmup=1"], more].concat());
    let table = bench(&["-e", "rego", "--save=kept.txt", "-c", "2"]);
    assert_eq!(table.status, 0, "{}", table.err);
    let config = "=== Benchmark Results: REGO Engine ===\n\nConfiguration:\n  Templates:      1\n  Constraints:    1\n  Objects:        1\n  Iterations:     20\n  Concurrency:    2\n  Total Reviews:  20\n\nTiming:\n";
    assert!(table.out.starts_with(config) && table.out.ends_with("  Violations Found:  20\n"), "{}", table.out);
    assert!(table.err.starts_with("Warning: 20 iterations may not") && table.err.ends_with("saved to: kept.txt\n"));
    let json: Value = serde_json::from_str(&bench(&["-e", "rego", "-o", "json"]).out).unwrap();
    assert_eq!((&json[0]["violationCount"], &json[0]["totalReviews"]), (&20.into(), &20.into()));
    // An engine that speaks none of the templates.
    let cel = bench(&[]);
    assert_eq!(cel.status, 1);
    assert!(cel.err.ends_with(
        "benchmark failed: benchmarking cel: no templates compatible with cel engine (all 1 templates skipped)\n"
    ));
    let all = bench(&["-e", "all", "-o", "yaml"]);
    assert!(all.status == 0 && all.err.contains("Warning: Engine skipped - cel: "), "{}", all.err);
    assert!(all.out.starts_with("- engine: rego\n  templateCount: 1\n"), "{}", all.out);
    // Whatever the machine does, it is not slower by this much; and no faster than a nanosecond.
    let fine = bench(&["-e", "rego", "--compare=kept.txt", "--threshold=1e12"]);
    assert_eq!(fine.status, 0, "{}{}", fine.out, fine.err);
    assert!(fine.out.contains("\n✓ No significant regressions (threshold: 1000000000000.0%)\n"), "{}", fine.out);
    let fast =
        r#"[{"engine": "rego", "latencies": {"p50": 1, "p95": 1, "p99": 1, "mean": 1}, "reviewsPerSecond": 1e9}]"#;
    std::fs::write(here.path().join("fast.txt"), fast).unwrap();
    let slow = bench(&["-e", "rego", "--compare=fast.txt"]);
    assert_eq!(slow.status, 1);
    assert!(slow.out.contains("✗ Regressions detected in: P50 Latency, P95 Latency"), "{}", slow.out);
    assert_eq!(bench(&["-e", "rego", "--compare=fast.txt", "--min-threshold=1h"]).status, 0);
    for (args, words) in [
        (&["-e", "wasm"][..], "invalid engine: invalid engine \"wasm\" (valid: rego, cel, all)\n"),
        (&["-o", "xml"], "invalid output format: invalid output format: \"xml\" (valid: table, json, yaml)\n"),
        (&["--warmup=-1"], "warmup must be non-negative\n"),
        (&["--concurrency=0"], "concurrency must be at least 1\n"),
        (&["--compare=missing"], "baseline file does not exist: missing\n"),
        (&["--memory"], "--memory is not spoken here: allocations are not counted\n"),
    ] {
        let run = gator(here.path(), &[&["bench", "-f", "."], args].concat());
        assert_eq!((run.status, run.err.as_str()), (1, words), "{args:?}");
    }
}

#[test]
fn expansions_and_mutators_make_what_a_cluster_would() {
    let deployment = "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: app, namespace: default}\nspec: {template: {spec: {containers: [{name: c, image: x}]}}}\n";
    let expansion = "apiVersion: expansion.gatekeeper.sh/v1alpha1\nkind: ExpansionTemplate\nmetadata: {name: e}\nspec:\n  applyTo: [{groups: [apps], kinds: [Deployment], versions: [v1]}]\n  templateSource: spec.template\n  generatedGVK: {kind: Pod, version: v1}\n";
    let image = "apiVersion: mutations.gatekeeper.sh/v1\nkind: AssignImage\nmetadata: {name: i}\nspec:\n  applyTo: [{groups: [''], kinds: [Pod], versions: [v1]}]\n  location: 'spec.containers[name: *].image'\n  parameters: {assignDomain: bad.io}\n";
    let all = format!("{deployment}---\n{expansion}---\n{image}");
    let here = folder(&[("all.yaml", &all), ("template.yaml", TEMPLATE), ("constraint.yaml", CONSTRAINT)]);
    let made = gator(here.path(), &["expand", "-n", "all.yaml"]);
    assert!(
        made.out.contains("  - image: bad.io/x\n    name: c\n") && made.out.contains("  name: app-pod\n"),
        "{}",
        made.out
    );
    let judged = gator(here.path(), &["test", "-f", "."]);
    assert!(
        judged.out.contains("apps/v1/Deployment default/app: [\"ours\"] Message: \"[Implied by e] bad.io/x is not"),
        "{}",
        judged.out
    );
}

#[test]
fn both_engines_are_spoken() {
    let native = TEMPLATE.split("    rego: |").next().unwrap().to_owned()
        + "    code:\n    - engine: K8sNativeValidation\n      source:\n        validations:\n        - expression: variables.anyObject.spec.containers.all(c, variables.params.repos.exists(r, c.image.startsWith(r)))\n          message: not ours\n";
    let here = folder(&[("template.yaml", &native), ("constraint.yaml", CONSTRAINT), ("pod.yaml", POD)]);
    let run = gator(here.path(), &["test", "-f", "."]);
    assert_eq!(run.out, "v1/Pod shop/web: [\"ours\"] Message: \"not ours\"\n", "{}", run.err);
    std::fs::write(here.path().join("template.yaml"), native.replace("variables.params", "variables.parms")).unwrap();
    let run = gator(here.path(), &["test", "-f", "."]);
    assert!(run.err.contains("undefined field 'parms'") && run.err.contains("template.yaml:20:11\n"), "{}", run.err);
    let off = gator(here.path(), &["test", "-f", ".", "--enable-k8s-native-validation=false"]);
    assert!(off.err.contains("no language driver is installed"), "{}", off.err);
}

#[test]
fn sync_tests_say_what_templates_miss() {
    let needs = TEMPLATE.replace(
        "metadata:\n  name: repos",
        "metadata:\n  name: repos\n  annotations:\n    metadata.gatekeeper.sh/requires-sync-data: '[[{\"groups\": [\"\"], \"versions\": [\"v1\"], \"kinds\": [\"Pod\"]}]]'",
    );
    let set = "apiVersion: syncset.gatekeeper.sh/v1alpha1\nkind: SyncSet\nmetadata: {name: s}\nspec: {gvks: [{group: '', version: v1, kind: Pod}]}\n";
    let here = folder(&[("template.yaml", &needs)]);
    let asked = ["sync", "test", "-n", ".", "-f"];
    let run = gator(here.path(), &asked);
    assert!(run.status == 1 && run.err.contains("repos:\n- /v1:Pod"), "{}", run.err);
    std::fs::write(here.path().join("set.yaml"), set).unwrap();
    assert_eq!(gator(here.path(), &asked).status, 0);
    assert!(gator(here.path(), &["sync", "test", "-n", "."]).err.contains("no GVK manifest found"));
}

#[test]
fn statistics_time_templates_of_rego_and_constraints_of_the_servers_own_language() {
    let native = "apiVersion: templates.gatekeeper.sh/v1\nkind: ConstraintTemplate\nmetadata: {name: native}\nspec:\n  crd: {spec: {names: {kind: Native}}}\n  targets:\n  - target: admission.k8s.gatekeeper.sh\n    code: [{engine: K8sNativeValidation, source: {validations: [{expression: 'false', message: bad}]}}]\n";
    let constraint = |name: &str| {
        format!(
            "---\napiVersion: constraints.gatekeeper.sh/v1beta1\nkind: Native\nmetadata: {{name: {name}}}\nspec: {{match: {{kinds: [{{apiGroups: [''], kinds: [Pod]}}]}}}}\n"
        )
    };
    let native = format!("{native}{}{}", constraint("a"), constraint("b"));
    let folder = folder(&[("t.yaml", TEMPLATE), ("c.yaml", CONSTRAINT), ("n.yaml", &native), ("pod.yaml", POD)]);
    let said = gator(folder.path(), &["test", "-f", ".", "--stats", "-o", "json"]);
    let said: Value = serde_json::from_str(&said.out).unwrap_or_else(|error| panic!("{error}: {}", said.out));
    let stats = said["stats"].as_array().unwrap();
    let of = |scope: &str, of: &str| {
        let one = stats.iter().filter(|one| one["scope"] == scope && one["statsFor"] == of);
        one.map(|one| (one["stats"].to_string(), one["labels"].as_array().unwrap().len())).collect::<Vec<_>>()
    };
    for name in ["Native/a", "Native/b"] {
        let [(times, labels)] = &of("constraint", name)[..] else { panic!("{name}: {stats:?}") };
        assert!(times.contains("runTimeNS") && times.contains("K8sNativeValidation") && *labels == 1, "{times}");
    }
    let [(times, labels)] = &of("template", "Repos")[..] else { panic!("{stats:?}") };
    assert!(times.contains("templateRunTimeNS") && times.contains("constraintCount") && *labels == 3, "{times}");
    assert!(of("template", "Native").is_empty(), "{stats:?}");
}
