//! Asks the peer of `scripts/peers/build-cel.sh`.

use std::io::{BufRead, BufReader, Write};
use std::process::{Command, Stdio};

use serde_json::{Value as Json, json};

use crate::support::{self, Answer, Case};

fn request(case: &Case) -> String {
    let vars: Json = serde_json::from_str(&case.vars).expect("variables are JSON");
    json!({"expr": case.expression, "vars": vars, "more": case.more, "patch": case.patch}).to_string()
}

fn answer(line: &str) -> (Answer, Option<u64>) {
    let told: Json = serde_json::from_str(line).expect("the peer answers JSON");
    let text = |key: &str| told.get(key).and_then(Json::as_str);
    if let Some(value) = text("value") {
        return (Answer::Value(value.to_owned()), told.get("cost").and_then(Json::as_u64));
    }
    if let Some(refused) = text("refused") {
        let first = refused.split("\n | ").next().unwrap_or(refused);
        let first = first.strip_prefix("ERROR: <input>:").unwrap_or(first);
        return (Answer::Refused(support::on_one_line(first)), None);
    }
    match text("failed") {
        Some(failed) => (Answer::Failed(support::on_one_line(failed)), None),
        None => (Answer::Failed(format!("peer: {told}")), None),
    }
}

/// What the peer says to cases, and what they cost it.
pub fn answers(peer: &str, cases: &[Case]) -> Vec<(Answer, Option<u64>)> {
    asked(peer, cases.iter().map(request).collect()).iter().map(|line| answer(line)).collect()
}

/// The peer's lines to these.
pub fn asked(peer: &str, questions: Vec<String>) -> Vec<String> {
    let mut child = Command::new(peer).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("the peer starts");
    let mut into = child.stdin.take().expect("piped");
    let writer = std::thread::spawn(move || {
        for question in questions {
            writeln!(into, "{question}").expect("the peer reads");
        }
    });
    let from = BufReader::new(child.stdout.take().expect("piped"));
    let answers = from.lines().map(|line| line.expect("the peer writes")).collect();
    writer.join().expect("all is written");
    child.wait().expect("the peer ends");
    answers
}
