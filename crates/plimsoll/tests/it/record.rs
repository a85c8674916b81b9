//! Reviews that the gate records, and what a replay makes of them.

use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use serde_json::{Value, json};

use crate::serve::peer::Gate;
use crate::serve::{good, pod, policy, review_of};

/// The lines of all files of a record.
fn lines(folder: &Path) -> Vec<Value> {
    let mut files: Vec<_> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    let text: String = files.iter().map(|file| std::fs::read_to_string(file).unwrap()).collect();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn recording(more: &str, args: &[&str]) -> Gate {
    let args: Vec<&str> =
        ["--policy", "{dir}/loadline.yaml", "--record", "{dir}/record"].iter().chain(args).copied().collect();
    Gate::start(&args, |dir, _| policy(dir, more))
}

#[test]
fn reviews_are_recorded_with_their_answers_and_without_their_secrets() {
    let registry = good();
    let gate = recording("", &[]);
    let mut client = gate.client();
    let image = registry.image("1.0");
    let mut secretive = pod(&[&image]);
    secretive["spec"]["containers"][0]["env"] = json!([{"name": "DB_PASSWORD", "value": "hunter2hunter2"}]);
    for object in [secretive, pod(&["evil.example.com/x:1"])] {
        client.post("/validate", &review_of(&object, &json!({})).to_string());
    }
    client.post("/mutate", &review_of(&pod(&[&image]), &json!({})).to_string());
    let folder = gate.path("record");
    gate.wait("two reviews in the record", |_| folder.is_dir() && lines(&folder).len() >= 4);
    for file in std::fs::read_dir(&folder).unwrap() {
        assert_eq!(file.unwrap().metadata().unwrap().permissions().mode() & 0o777, 0o600);
    }
    let found = lines(&folder);
    let kinds: Vec<&str> = found.iter().map(|line| line.as_object().unwrap().keys().next().unwrap().as_str()).collect();
    assert_eq!(kinds, ["head", "image", "review", "review"], "pins are not recorded");
    assert!(!format!("{found:?}").contains("hunter2"));
    assert_eq!(found[0]["head"]["policy"]["name"], "test");
    let [first, second] = [&found[2]["review"], &found[3]["review"]];
    assert_eq!((&first["answer"]["allowed"], &first["redacted"]), (&json!(true), &json!(1)));
    assert_eq!(first["answer"]["decided"][0]["digest"], found[1]["image"]["digest"]);
    assert_eq!(second["answer"]["decided"][0]["reasons"][0]["clause"], "images[refused].refuse");
}

#[test]
fn a_secret_that_a_policy_quotes_is_not_in_the_record() {
    let rego = "package p\n\ndeny contains msg if {\n\tsome value in input.request.object.stringData\n\tmsg := sprintf(\"no %v here\", [value])\n}\n";
    let args = ["--policy", "{dir}/loadline.yaml", "--record", "{dir}/record"];
    let gate = Gate::start(&args, |dir, _| {
        std::fs::create_dir(dir.join("policies")).unwrap();
        std::fs::write(dir.join("policies/p.rego"), rego).unwrap();
        policy(dir, "policies: [{rego: policies/}]");
    });
    let mut secret = json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "p", "namespace": "default"}});
    secret["stringData"] = json!({"a": "plain words of mine"});
    let mut review = review_of(&secret, &json!({}));
    review["request"]["kind"] = json!({"group": "", "version": "v1", "kind": "Secret"});
    review["request"]["resource"] = json!({"group": "", "version": "v1", "resource": "secrets"});
    let answer = gate.client().post("/validate", &review.to_string()).json();
    assert!(answer.to_string().contains("no plain words of mine here"), "{answer}");
    let folder = gate.path("record");
    gate.wait("a review in the record", |_| folder.is_dir() && lines(&folder).len() >= 2);
    let text = format!("{:?}", lines(&folder));
    assert!(!text.contains("plain words") && text.contains("no [redacted] here"), "{text}");
}

#[test]
fn a_secret_in_the_name_of_an_image_is_not_in_the_record() {
    let gate = recording("undecided: deny", &[]);
    // Made of parts, so that no scanner takes this file for a leak.
    let image = ["https://ann:hunter2hunter2", "@registry.example.com/x:1"].concat();
    gate.client().post("/validate", &review_of(&pod(&[&image]), &json!({})).to_string());
    let folder = gate.path("record");
    gate.wait("a review in the record", |_| folder.is_dir() && lines(&folder).len() >= 2);
    let found = lines(&folder);
    assert!(!format!("{found:?}").contains("hunter2"), "{found:?}");
    let review = &found[1]["review"];
    let named = &review["review"]["request"]["object"]["spec"]["containers"][0]["image"];
    assert_eq!(&review["answer"]["decided"][0]["image"], named, "{found:?}");
}

#[test]
fn an_image_that_could_not_be_reached_says_so_in_the_record() {
    let gate = recording("undecided: deny", &[]);
    gate.client().post("/validate", &review_of(&pod(&["localhost:1/x:1"]), &json!({})).to_string());
    let folder = gate.path("record");
    gate.wait("a review in the record", |_| folder.is_dir() && lines(&folder).len() >= 2);
    let found = lines(&folder);
    let decided = &found[1]["review"]["answer"]["decided"][0];
    assert_eq!(
        (&decided["outcome"], &decided["problems"]),
        (&json!("undecided"), &json!(["unreachable"])),
        "{found:?}"
    );
}

#[test]
fn a_record_that_cannot_be_written_changes_no_answer() {
    let args = ["--policy", "{dir}/loadline.yaml", "--record", "{dir}/loadline.yaml/record"];
    let gate = Gate::start(&args, |dir, _| policy(dir, ""));
    let mut client = gate.client();
    for _ in 0..3 {
        let answer =
            client.post("/validate", &review_of(&pod(&["evil.example.com/x:1"]), &json!({})).to_string()).json();
        assert_eq!(answer["response"]["allowed"], false, "{answer}");
    }
    gate.wait("three reviews counted as missing", |gate| {
        gate.client().get("/metrics").body.contains("plimsoll_not_recorded_total 3\n")
    });
    let told = gate.events("could not write the record of reviews; answers are given without it");
    assert_eq!(told.len(), 1, "{}", gate.log());
}

#[test]
fn the_oldest_files_of_a_record_go() {
    let gate = recording("", &["--record-size", "1", "--record-files", "2"]);
    let mut client = gate.client();
    let mut large = pod(&["evil.example.com/x:1"]);
    large["metadata"]["annotations"] = json!({"note": "x ".repeat(100_000)});
    for _ in 0..20 {
        client.post("/validate", &review_of(&large, &json!({})).to_string());
    }
    gate.wait("twenty reviews written", |gate| {
        gate.client().get("/metrics").body.contains("plimsoll_recorded_total 20\n")
    });
    let files: Vec<_> = std::fs::read_dir(gate.path("record")).unwrap().map(|entry| entry.unwrap()).collect();
    assert_eq!(files.len(), 2);
    for file in files {
        assert!(file.metadata().unwrap().len() <= 1 << 20);
        assert!(std::fs::read_to_string(file.path()).unwrap().starts_with("{\"head\":"));
    }
}

#[test]
fn a_clock_that_was_set_back_makes_no_file_the_oldest() {
    const AHEAD: &str = "reviews-999999999999998.jsonl";
    let args =
        ["--policy", "{dir}/loadline.yaml", "--record", "{dir}/record", "--record-files", "2", "--record-size", "1"];
    let gate = Gate::start(&args, |dir, _| {
        policy(dir, "");
        std::fs::create_dir(dir.join("record")).unwrap();
        std::fs::write(dir.join("record").join(AHEAD), "of a clock that was ahead").unwrap();
    });
    let mut large = pod(&["evil.example.com/x:1"]);
    large["spec"]["containers"][0]["args"] = json!(["x ".repeat(300_000)]);
    let mut names = Vec::new();
    for count in 1..=4 {
        gate.client().post("/validate", &review_of(&large, &json!({})).to_string());
        let counted = format!("plimsoll_recorded_total {count}\n");
        gate.wait("a review written", |gate| gate.client().get("/metrics").body.contains(&counted));
        let files = std::fs::read_dir(gate.path("record")).unwrap();
        names = files.map(|file| file.unwrap().file_name().into_string().unwrap()).collect();
        names.sort_by_key(|name| (name.len(), name.clone()));
        assert_eq!(names.contains(&AHEAD.to_owned()), count == 1, "{names:?}");
    }
    assert_eq!(names, ["reviews-1000000000000001.jsonl", "reviews-1000000000000002.jsonl"]);
}

#[test]
fn what_is_told_of_images_counts_towards_the_size_of_a_file() {
    const MOST: usize = 1 << 20;
    let registry = good();
    let image = registry.image("1.0");
    let padded = |image: &str, bytes: usize| {
        let mut pod = pod(&[image]);
        pod["spec"]["containers"][0]["args"] = json!(["x ".repeat(bytes / 2)]);
        review_of(&pod, &json!({})).to_string()
    };
    let recorded = |gate: &Gate, count: usize| {
        let counted = format!("plimsoll_recorded_total {count}\n");
        gate.wait("reviews written", |gate| gate.client().get("/metrics").body.contains(&counted));
        let mut files: Vec<_> =
            std::fs::read_dir(gate.path("record")).unwrap().map(|file| file.unwrap().path()).collect();
        files.sort();
        files.iter().map(|file| std::fs::read_to_string(file).unwrap()).collect::<Vec<_>>()
    };
    // How long the lines are without padding.
    let gate = recording("", &[]);
    gate.client().post("/validate", &padded("evil.example.com/x:1", 0));
    gate.client().post("/validate", &padded(&image, 0));
    let text = recorded(&gate, 2).concat();
    let [head, first, known, second] = text.lines().map(|line| line.len() + 1).collect::<Vec<_>>()[..] else {
        panic!("{text}")
    };
    assert!(known > 400, "{text}");
    drop(gate);
    // By itself the second review would fit; what is told of its image would not.
    let gate = recording("", &["--record-size", "1"]);
    gate.client().post("/validate", &padded("evil.example.com/x:1", MOST / 2 - head - first));
    gate.client().post("/validate", &padded(&image, MOST / 2 - second - 200));
    let files = recorded(&gate, 2);
    assert!(files.iter().all(|file| file.len() <= MOST), "{:?}", files.iter().map(String::len).collect::<Vec<_>>());
    let lines = |file: &String| file.lines().count();
    assert_eq!(files.iter().map(lines).collect::<Vec<_>>(), [2, 3], "each can be read alone");
}

#[test]
fn what_is_no_file_of_a_gate_is_neither_followed_nor_removed() {
    let args =
        ["--policy", "{dir}/loadline.yaml", "--record", "{dir}/record", "--record-files", "1", "--record-size", "1"];
    let gate = Gate::start(&args, |dir, _| {
        policy(dir, "");
        std::fs::create_dir_all(dir.join("record/reviews-000000000000001.jsonl")).unwrap();
        std::fs::write(dir.join("other"), "mine").unwrap();
        std::os::unix::fs::symlink("../other", dir.join("record/reviews-000000000000002.jsonl")).unwrap();
        std::fs::write(dir.join("record/reviews-000000000000003.jsonl"), "old").unwrap();
    });
    let mut large = pod(&["evil.example.com/x:1"]);
    large["spec"]["containers"][0]["args"] = json!(["x ".repeat(300_000)]);
    for _ in 0..4 {
        gate.client().post("/validate", &review_of(&large, &json!({})).to_string());
    }
    gate.wait("four reviews written", |gate| {
        gate.client().get("/metrics").body.contains("plimsoll_recorded_total 4\n")
    });
    let record = gate.path("record");
    let files: Vec<_> = std::fs::read_dir(&record).unwrap().map(|entry| entry.unwrap().file_type().unwrap()).collect();
    assert_eq!(files.iter().filter(|file| file.is_file()).count(), 1, "the oldest went");
    assert_eq!((files.len(), std::fs::read_to_string(gate.path("other")).unwrap().as_str()), (3, "mine"));
}
