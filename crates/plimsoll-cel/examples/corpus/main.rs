//! Holds the cases of `tests/corpora` against the API server's own libraries (`scripts/peers/build-cel.sh`):
//!
//! ```text
//! corpus PEER [--record] [--costs] FILE...
//! ```
//!
//! Says where the peer does not say what is recorded, and where we do not say what the peer says. `--record` writes the peer's
//! answers into the files; `--costs` also compares costs.

#[allow(dead_code, reason = "each program uses its part")]
#[path = "../../tests/support/mod.rs"]
mod support;

use std::io::{BufRead, BufReader, Write};
use std::process::{Command, ExitCode, Stdio};

use serde_json::{Value as Json, json};
use support::{Answer, Case, Line};

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

fn peers(peer: &str, cases: &[Case]) -> Vec<(Answer, Option<u64>)> {
    let mut child = Command::new(peer).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("the peer starts");
    let mut into = child.stdin.take().expect("piped");
    let questions: Vec<String> = cases.iter().map(request).collect();
    let writer = std::thread::spawn(move || {
        for question in questions {
            writeln!(into, "{question}").expect("the peer reads");
        }
    });
    let from = BufReader::new(child.stdout.take().expect("piped"));
    let answers = from.lines().map(|line| answer(&line.expect("the peer writes"))).collect();
    writer.join().expect("all is written");
    child.wait().expect("the peer ends");
    answers
}

fn main() -> ExitCode {
    let mut args = std::env::args().skip(1);
    let Some(peer) = args.next() else {
        eprintln!("usage: corpus PEER [--record] [--costs] FILE...");
        return ExitCode::from(64);
    };
    let rest: Vec<String> = args.collect();
    let (record, costs) = (rest.iter().any(|arg| arg == "--record"), rest.iter().any(|arg| arg == "--costs"));
    let (mut all, mut stale, mut differ, mut dear) = (0, 0, 0, 0);
    for file in rest.iter().filter(|arg| !arg.starts_with("--")) {
        let text = std::fs::read_to_string(file).expect("a readable file");
        let mut lines = support::read(&text);
        let cases: Vec<Case> = lines
            .iter()
            .filter_map(|line| if let Line::Case(case) = line { Some(case.clone()) } else { None })
            .collect();
        let answers = peers(&peer, &cases);
        assert_eq!(answers.len(), cases.len(), "an answer to each case");
        all += cases.len();
        for (case, (theirs, cost)) in cases.iter().zip(&answers) {
            let (ours, our_cost) = support::ours(case);
            if !record && (case.answer != *theirs || case.cost != *cost) {
                stale += 1;
                println!(
                    "{file}:{}: {}\n    recorded {:?}\n    peer     {theirs:?}",
                    case.line, case.expression, case.answer
                );
            }
            if !support::agree(theirs, &ours) {
                differ += 1;
                println!("{file}:{}: {}\n    peer {theirs:?}\n    ours {ours:?}", case.line, case.expression);
            } else if *cost != our_cost {
                dear += 1;
                if costs {
                    println!(
                        "{file}:{}: {}\n    peer costs {cost:?}\n    ours       {our_cost:?}",
                        case.line, case.expression
                    );
                }
            }
        }
        if record {
            let mut answers = answers.into_iter();
            for line in &mut lines {
                if let Line::Case(case) = line {
                    (case.answer, case.cost) = answers.next().expect("an answer to each case");
                }
            }
            std::fs::write(file, support::write(&lines)).expect("a writable file");
        }
    }
    println!(
        "say: {all} expressions: {differ} answered differently, {dear} costed differently, {stale} recorded differently"
    );
    if differ + stale > 0 { ExitCode::FAILURE } else { ExitCode::SUCCESS }
}
