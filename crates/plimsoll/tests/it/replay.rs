//! `policy replay`: what another policy would have said of recorded reviews.

use std::path::{Path, PathBuf};

use serde_json::{Value, json};
use unicode_width::UnicodeWidthStr as _;

use crate::serve::peer::Gate;
use crate::serve::{good, pod, policy, review_of};
use crate::{Run, plimsoll};

/// A policy file with these entries and sections.
fn candidate(folder: &Path, name: &str, text: &str) -> String {
    let file = folder.join(name);
    let head = format!("apiVersion: plimsoll.dev/v1alpha1\nkind: LoadLine\nmetadata: {{name: {name}}}\n");
    std::fs::write(&file, format!("{head}{text}")).unwrap();
    file.display().to_string()
}

const ANY: &str = "data: {baselineOnly: allow}\nundecided: allow\nimages:\n  - {name: all, match: ['**']}\n";

/// A record made by hand: reviews of objects, all allowed.
fn record(folder: &Path, objects: &[Value]) -> PathBuf {
    let head = json!({"head": {"version": 1, "program": "p", "at": "2026-11-01T00:00:00Z",
        "policy": {"name": "old", "digest": "sha256:0"}, "databases": []}});
    let mut text = format!("{head}\n");
    for (number, object) in objects.iter().enumerate() {
        let review = review_of(object, &json!({"namespace": "shop"}));
        let at = format!("2026-11-02T00:00:{:02}Z", number % 60);
        // As they are written: `review` is the first and only key.
        let line = json!({"review": {"at": at, "road": "validate", "answer": {"allowed": true}, "review": review}});
        text += &format!("{line}\n");
    }
    let file = folder.join("reviews-1.jsonl");
    std::fs::write(&file, text).unwrap();
    file
}

fn replay(record: &Path, against: &str, more: &[&str]) -> Run {
    let record = record.display().to_string();
    let args: Vec<&str> = ["policy", "replay", &record, "--against", against].iter().chain(more).copied().collect();
    plimsoll(&args)
}

fn found(run: &Run) -> Value {
    serde_json::from_str(&run.out).unwrap_or_else(|error| panic!("{error}: {}{}", run.out, run.err))
}

fn privileged(name: &str, owner: Option<(&str, &str)>) -> Value {
    let mut object = pod(&[]);
    object["metadata"] = json!({"name": name, "labels": {"pod-template-hash": "5d9f"}});
    if let Some((kind, name)) = owner {
        object["metadata"]["ownerReferences"] = json!([{"kind": kind, "name": name, "controller": true}]);
    }
    object["spec"]["containers"] = json!([{"name": "a", "image": "", "securityContext": {"privileged": true}}]);
    object["spec"]["containers"][0].as_object_mut().unwrap().remove("image");
    object
}

#[test]
fn what_a_gate_recorded_is_judged_by_another_policy_without_a_registry() {
    let registry = good();
    let args = ["--policy", "{dir}/loadline.yaml", "--record", "{dir}/record"];
    let gate = Gate::start(&args, |dir, _| policy(dir, ""));
    let mut client = gate.client();
    let image = registry.image("1.0");
    let mut secretive = pod(&[&image]);
    // Made of parts, so that no scanner takes this file for a leak.
    let password = ["tK8-pq2", ".Vw9x"].concat();
    secretive["spec"]["containers"][0]["env"] = json!([{"name": "DB_PASSWORD", "value": password}]);
    for object in [pod(&[&image]), secretive, pod(&["evil.example.com/x:1"])] {
        client.post("/validate", &review_of(&object, &json!({})).to_string());
    }
    gate.wait("three reviews", |gate| gate.client().get("/metrics").body.contains("plimsoll_recorded_total 3\n"));
    let (record, folder) = (gate.path("record"), gate.folder.path());
    drop(registry);

    let same = replay(&record, &gate.path("loadline.yaml").display().to_string(), &["--format", "json"]);
    assert_eq!((same.status, &found(&same)["unchanged"]), (0, &json!(3)), "{}{}", same.out, same.err);

    let stricter = "data: {baselineOnly: allow}\nimages:\n  - {name: all, match: ['**'], footprint: {runs-as-root: warn}, vulnerabilities: {deny: [{severity: '>=unknown'}]}}\n\
                    workloads: {rules: {literal-secret-in-env: deny}}\n";
    let stricter = replay(&record, &candidate(folder, "stricter", stricter), &["--format", "json"]);
    let told = found(&stricter);
    assert_eq!(stricter.status, 1, "{told:#}");
    assert_eq!(told["changes"]["newly-denied"], 1, "{told:#}");
    assert_eq!(told["changes"]["not-judged"], 1, "what was refused by its name was never looked into: {told:#}");
    let denied = told["workloads"].as_array().unwrap().iter().find(|row| row["change"] == "newly-denied").unwrap();
    assert_eq!(denied["rule"], "workloads.rules.literal-secret-in-env");
    assert_eq!(denied["workload"], json!({"namespace": "default", "kind": "Pod", "name": "p"}));

    let refusing = "images:\n  - {name: none, match: ['**'], refuse: nothing runs today}\n";
    let refusing = replay(&record, &candidate(folder, "refusing", refusing), &[]);
    assert_eq!(refusing.status, 1, "{}", refusing.out);
    assert!(refusing.out.contains("images[none].refuse"), "{}", refusing.out);

    let open = candidate(folder, "open", ANY);
    let open_run = replay(&record, &open, &[]);
    assert_eq!(open_run.status, 2, "{}", open_run.out);
    assert_eq!(replay(&record, &open, &["--ignore-unjudged"]).status, 0);
    // A record has not all that rules over images may ask for, here the user.
    std::fs::create_dir(folder.join("images")).unwrap();
    let rule = "package p\n\ndeny contains \"it runs as root\" if input.inventory.config.user == \"\"\n";
    std::fs::write(folder.join("images/p.rego"), rule).unwrap();
    let over = candidate(folder, "over-images", &format!("{ANY}policies: [{{rego: images/, over: images}}]\n"));
    let run = replay(&record, &over, &["--format", "json"]);
    assert_eq!((run.status, &found(&run)["changes"]["not-judged"]), (2, &json!(3)), "{}{}", run.out, run.err);
    assert!(run.out.contains("rules over images may ask for"), "{}", run.out);
    assert_eq!(replay(&record, &open, &["--in-force", &over]).status, 2);
    let compared = replay(&record, &open, &["--in-force", &open, "--format", "json", "--ignore-unjudged"]);
    assert_eq!(found(&compared)["inForce"]["name"], "open");
}

#[test]
fn reviews_are_summed_by_workload_and_rule() {
    let folder = tempfile::tempdir().unwrap();
    let objects = [
        privileged("web-5d9f-a", Some(("ReplicaSet", "web-5d9f"))),
        privileged("web-5d9f-b", Some(("ReplicaSet", "web-5d9f"))),
        privileged("nightly-x", Some(("Job", "nightly-29384756"))),
        pod(&[]),
    ];
    let record = record(folder.path(), &objects);
    let against =
        candidate(folder.path(), "baseline", &format!("{ANY}workloads: {{podSecurity: {{level: baseline}}}}\n"));
    let run = replay(&record, &against, &["--format", "json"]);
    let told = found(&run);
    assert_eq!(run.status, 1, "{told:#}");
    assert_eq!((&told["reviews"], &told["unchanged"]), (&json!(4), &json!(1)), "{told:#}");
    let rows: Vec<(&str, &str, u64)> = told["workloads"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|row| row["rule"] == "workloads.podSecurity")
        .map(|row| {
            let of = &row["workload"];
            (of["kind"].as_str().unwrap(), of["name"].as_str().unwrap(), row["reviews"].as_u64().unwrap())
        })
        .collect();
    assert_eq!(rows, [("Deployment", "web", 2), ("CronJob", "nightly", 1)], "those of most reviews first");
    let warned = replay(
        &record,
        &candidate(
            folder.path(),
            "warned",
            &format!("mode: warn\n{ANY}workloads: {{podSecurity: {{level: baseline}}}}\n"),
        ),
        &["--format", "json"],
    );
    assert_eq!((warned.status, &found(&warned)["changes"]["newly-warned"]), (0, &json!(3)), "{}", warned.out);
    let again = replay(&record, &against, &["--format", "json"]);
    assert_eq!(run.out, again.out, "threads make no difference");
}

#[test]
fn policies_in_other_languages_judge_recorded_reviews() {
    let folder = tempfile::tempdir().unwrap();
    let record = record(folder.path(), &[privileged("a", None), pod(&[])]);
    let rego = "package p\n\ndeny contains \"privileged, says the rego\" if {\n\tsome c in input.request.object.spec.containers\n\tc.securityContext.privileged\n}\n";
    std::fs::create_dir(folder.path().join("policies")).unwrap();
    std::fs::write(folder.path().join("policies/p.rego"), rego).unwrap();
    let against = candidate(folder.path(), "rego", &format!("{ANY}policies: [{{rego: policies/}}]\n"));
    let run = replay(&record, &against, &["--format", "json"]);
    let told = found(&run);
    assert_eq!((run.status, &told["changes"]["newly-denied"]), (1, &json!(1)), "{told:#}");
    let rows = told["workloads"].as_array().unwrap();
    let said = rows.iter().find(|row| row["message"] == "privileged, says the rego").unwrap();
    assert_eq!(said["rule"], "policies[0]: data.p.deny");
}

#[test]
fn tables_fit_their_columns_and_pages_fetch_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let long = "a-deployment-with-a-name-that-is-far-longer-than-what-people-like-to-read";
    let objects = [privileged("x", Some(("ReplicaSet", &format!("{long}-5d9f")))), privileged("<script>", None)];
    let record = record(folder.path(), &objects);
    let against =
        candidate(folder.path(), "baseline", &format!("{ANY}workloads: {{podSecurity: {{level: restricted}}}}\n"));
    for columns in [80, 200] {
        let run = replay(&record, &against, &["--width", &columns.to_string()]);
        let widest = run.out.lines().map(|line| line.width()).max().unwrap();
        assert!(widest <= columns, "{widest} of {columns}:\n{}", run.out);
        assert!(run.out.contains("newly denied") && run.out.contains("workloads.podSecurity"), "{}", run.out);
    }
    assert!(replay(&record, &against, &["--width", "200"]).out.contains(long));
    let page = replay(&record, &against, &["--format", "html"]).out;
    assert!(page.starts_with("<!doctype html>") && !page.contains("<script>\"") && !page.contains("http://"), "{page}");
    assert!(page.contains("&lt;script&gt;"), "{page}");
}

#[test]
fn lines_that_are_none_are_counted_and_no_reason_to_be_content() {
    let folder = tempfile::tempdir().unwrap();
    let file = record(folder.path(), &[pod(&[])]);
    let text = std::fs::read_to_string(&file).unwrap();
    std::fs::write(&file, format!("{{\"review\":{{}}}}\n{text}{{\"review\":{{\"at\":\nhello\n")).unwrap();
    let against = candidate(folder.path(), "open", ANY);
    let run = replay(&file, &against, &[]);
    assert_eq!(run.status, 2, "{}{}", run.out, run.err);
    assert!(run.out.contains("could not be used") && run.out.contains("reviews-1.jsonl:1"), "{}", run.out);
    // A head of another program's format: what was in force for the reviews after it is not known.
    let other = text.lines().next().unwrap().replace("\"version\":1", "\"version\":2");
    let review = text.lines().nth(1).unwrap();
    std::fs::write(&file, format!("{text}{other}\n{review}\n{review}\n")).unwrap();
    let run = replay(&file, &against, &["--format", "json"]);
    assert_eq!((run.status, &found(&run)["reviews"]), (2, &json!(1)), "{}{}", run.out, run.err);
    assert!(run.out.contains("2 lines of the record") && run.out.contains("reviews-1.jsonl:4"), "{}", run.out);
    std::fs::write(&file, "hello\n").unwrap();
    let run = replay(&file, &against, &[]);
    assert!(run.status == 2 && run.err.contains("no review in the record"), "{}", run.err);
    assert_eq!(plimsoll(&["policy", "replay", "--against", &against]).status, 64);
}

#[test]
fn values_that_nobody_looked_into_before_they_were_taken_out_could_hold_secrets() {
    let folder = tempfile::tempdir().unwrap();
    let file = record(folder.path(), &[pod(&[])]);
    let against = |action: &str| {
        let text = format!(
            "data: {{baselineOnly: allow}}\nundecided: deny\nimages: [{{name: all, match: ['**']}}]\nworkloads: {{rules: {{literal-secret-in-env: {action}}}}}\n"
        );
        candidate(folder.path(), action, &text)
    };
    let deny = against("deny");
    assert_eq!(replay(&file, &deny, &[]).status, 0);
    let text = std::fs::read_to_string(&file).unwrap();
    let unexamined = text.replace("{\"review\":{", "{\"review\":{\"redacted\":1,\"unexamined\":true,");
    assert_ne!(text, unexamined);
    std::fs::write(&file, unexamined).unwrap();
    let run = replay(&file, &deny, &["--format", "json"]);
    assert_eq!((run.status, &found(&run)["changes"]["newly-undecided"]), (2, &json!(1)), "{}", run.out);
}

#[test]
fn policies_that_may_ask_for_what_was_taken_out_let_nothing_through_in_silence() {
    let folder = tempfile::tempdir().unwrap();
    let mut object = pod(&[]);
    object["spec"]["hostNetwork"] = json!(true);
    let file = record(folder.path(), &[object]);
    let text = std::fs::read_to_string(&file).unwrap();
    std::fs::create_dir(folder.path().join("policies")).unwrap();
    let against = |name: &str, more: &str, rule: &str| {
        std::fs::write(folder.path().join("policies").join(format!("{name}.rego")), rule).unwrap();
        let sets = format!("policies: [{{rego: policies/{name}.rego}}]\n{more}");
        candidate(folder.path(), name, &format!("{ANY}{sets}"))
    };
    let rule = |condition: &str| format!("package p\n\ndeny contains \"no\" if {condition}\n");
    let plain = against("plain", "", &rule("input.request.object.spec.token == \"abc\""));
    let denies = against("denies", "", &rule("input.request.object.kind == \"Pod\""));
    let own = "workloads: {podSecurity: {level: baseline}}\n";
    let own = against("own", own, &rule("input.request.object.spec.token == \"abc\""));
    assert_eq!(replay(&file, &plain, &[]).status, 0);
    std::fs::write(&file, text.replace("{\"review\":{", "{\"review\":{\"redacted\":1,")).unwrap();
    let change = |against: &str, more: &[&str]| {
        let run = replay(&file, against, &[&["--format", "json"], more].concat());
        let told = found(&run);
        let changes = told["changes"].as_object().unwrap().iter();
        let changed: Vec<String> = changes.filter(|(_, count)| **count != 0).map(|(name, _)| name.clone()).collect();
        (run.status, changed.join(" "))
    };
    assert_eq!(change(&plain, &[]), (2, "not-judged".into()));
    assert_eq!(change(&plain, &["--ignore-unjudged"]), (0, "not-judged".into()));
    assert_eq!(change(&denies, &[]), (1, "newly-denied".into()));
    // It may have been let through by the one, and what the other says may hang on the value too.
    assert_eq!(change(&denies, &["--in-force", &denies]), (2, "not-judged".into()));
    let open = candidate(folder.path(), "open", ANY);
    assert_eq!(change(&open, &["--in-force", &denies]), (2, "not-judged".into()));
    assert_eq!(change(&open, &[]), (0, String::new()), "it asks nothing");
    assert_eq!(change(&own, &["--in-force", &own]), (0, String::new()), "denied whatever the value was");
}
