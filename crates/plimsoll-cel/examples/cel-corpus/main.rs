//! Holds the cases of `tests/corpora` against the API server's own libraries (`scripts/peers/build-cel.sh`):
//!
//! ```text
//! cel-corpus PEER [--record] [--costs] FILE...
//! ```
//!
//! Says where the peer does not say what is recorded, and where we do not say what the peer says. `--record` writes the peer's
//! answers into the files; `--costs` also compares costs. A file whose name ends with `.jsonl` holds policies: mutating ones where
//! it is `mutations.jsonl`.

#[allow(dead_code, reason = "each program uses its part")]
#[path = "../../tests/support/mod.rs"]
mod support;

mod peer;

use std::process::ExitCode;

#[path = "../../tests/support/policies.rs"]
mod decisions;

#[path = "../../tests/support/mutations.rs"]
mod changes;

use peer::{answers, asked};
use serde_json::{Value as Json, json};
use support::{Case, Line};

/// How many there are, and how many differ from what is recorded, and from us.
fn policies_of(peer: &str, file: &str, record: bool) -> (usize, usize, usize) {
    let text = std::fs::read_to_string(file).expect("a readable file");
    let mut cases: Vec<Json> = text.lines().map(|line| serde_json::from_str(line).expect("JSON lines")).collect();
    let changes = file.ends_with("mutations.jsonl");
    let questions = cases.iter().map(|case| {
        let vars = &case["vars"];
        match changes {
            true => json!({"mutation": changes::policy(case), "vars": vars}).to_string(),
            false => json!({"policy": decisions::policy(case), "vars": vars}).to_string(),
        }
    });
    let kept = if changes { "mutated" } else { "result" };
    let answers = asked(peer, questions.collect());
    let (mut stale, mut differ) = (0, 0);
    for (case, line) in cases.iter_mut().zip(&answers) {
        let told: Json = serde_json::from_str(line).expect("the peer answers JSON");
        let result = told[kept].clone();
        if !record && case[kept] != result {
            stale += 1;
            println!("{file}: {}\n    recorded {}\n    peer     {told}", case["name"], case[kept]);
        }
        case[kept] = result;
        let (theirs, ours) = match changes {
            true => (changes::theirs(case, &case[kept]), changes::ours(case)),
            false => (decisions::theirs(&case[kept]), decisions::ours(case)),
        };
        if theirs != ours {
            differ += 1;
            println!("{file}: {}\n    peer {theirs}\n    ours {ours}", case["name"]);
        }
    }
    if record {
        let lines: String = cases.iter().map(|case| format!("{case}\n")).collect();
        std::fs::write(file, lines).expect("a writable file");
    }
    (cases.len(), stale, differ)
}

fn main() -> ExitCode {
    let mut args = std::env::args().skip(1);
    let Some(peer) = args.next() else {
        eprintln!("usage: cel-corpus PEER [--record] [--costs] FILE...");
        return ExitCode::from(64);
    };
    let rest: Vec<String> = args.collect();
    let (record, costs) = (rest.iter().any(|arg| arg == "--record"), rest.iter().any(|arg| arg == "--costs"));
    let (mut all, mut stale, mut differ, mut dear) = (0, 0, 0, 0);
    for file in rest.iter().filter(|arg| !arg.starts_with("--")) {
        if file.ends_with(".jsonl") {
            let (count, old, other) = policies_of(&peer, file, record);
            println!("say: {count} policies: {other} decided differently, {old} recorded differently");
            stale += old;
            differ += other;
            continue;
        }
        let text = std::fs::read_to_string(file).expect("a readable file");
        let mut lines = support::read(&text);
        let cases: Vec<Case> = lines
            .iter()
            .filter_map(|line| if let Line::Case(case) = line { Some(case.clone()) } else { None })
            .collect();
        let answers = answers(&peer, &cases);
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
