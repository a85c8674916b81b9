//! Runs the public cases of Rego v1 (`../shared/conformance/rego-v1`): `conformance DIR [FILTER]`.
//!
//! Says of each case that fails what was wanted and what came out, then `N of M right`. Fails unless every case is right but
//! those that `exceptions.txt` lists with a reason; one that is listed and right is a failure too.

#[allow(dead_code, reason = "each program uses its part")]
#[path = "../../tests/support/mod.rs"]
mod support;

use std::path::Path;
use std::process::ExitCode;

use plimsoll_rego::value::Value;
use support::{ours, public};

/// A note and the reason why it is not as wanted, a tab between.
const EXCEPTIONS: &str = include_str!("exceptions.txt");

fn exceptions() -> impl Iterator<Item = (&'static str, &'static str)> {
    EXCEPTIONS.lines().filter(|line| !line.starts_with('#')).filter_map(|line| line.split_once('\t'))
}

/// As JSON has it: sets are arrays; where told, every array of a binding is sorted.
fn json(value: &Value) -> Value {
    match value {
        Value::Array(array) => Value::array(array.items().iter().map(json).collect()),
        Value::Set(set) => Value::array(set.members().iter().map(json).collect()),
        Value::Object(object) => {
            let key = |key: &Value| match key {
                Value::String(_) => key.clone(),
                other => Value::string(json(other).to_json()),
            };
            Value::object(object.entries().iter().map(|(name, value)| (key(name), json(value))).collect())
        }
        scalar => scalar.clone(),
    }
}

fn sorted(value: Value) -> Value {
    match &value {
        Value::Array(array) => {
            let mut items = array.items().to_vec();
            items.sort();
            Value::array(items)
        }
        _ => value,
    }
}

/// The solutions as a set of objects, as upstream's own runner compares them.
fn have(case: &public::Case, solutions: &[ours::Solution]) -> Value {
    let one = |solution: &ours::Solution| {
        let bindings =
            solution.bindings.iter().filter(|(name, _)| !(case.ignore_generated_vars && name.starts_with("__localq")));
        Value::object(
            bindings
                .map(|(name, value)| {
                    let value = json(value);
                    (Value::string(name.as_str()), if case.sort_bindings { sorted(value) } else { value })
                })
                .collect(),
        )
    };
    Value::set(solutions.iter().map(one).collect())
}

/// The words that OPA 1.22 has for what the cases, which are older, call otherwise.
fn todays(words: &str) -> &str {
    match words {
        "complete rules must not produce multiple outputs" => "produced conflicting values",
        "functions must not produce multiple outputs for same inputs" => {
            "produced conflicting values for the same inputs"
        }
        words => words,
    }
}

/// None where it is right, else what was wanted and what came.
fn wrong(case: &public::Case) -> Option<(String, String)> {
    let came = ours::run(&case.ask);
    if let Some(want) = &case.want_result {
        let want_value = match ours::json(want) {
            Ok(Value::Array(array)) => Value::set(array.items().to_vec()),
            other => return Some((format!("{other:?}"), "a result that cannot be read".into())),
        };
        return match came {
            Ok(solutions) => {
                let have = have(case, &solutions);
                (have != want_value).then(|| (want_value.to_string(), have.to_string()))
            }
            Err(problems) => Some((want_value.to_string(), format!("{problems:?}"))),
        };
    }
    let want =
        format!("{} {}", case.want_error_code.as_deref().unwrap_or(""), case.want_error.as_deref().unwrap_or(""));
    match came {
        Ok(solutions) => Some((want, have(case, &solutions).to_string())),
        Err(problems) => {
            let right = problems.first().is_some_and(|problem| {
                let place =
                    if problem.row == 0 { String::new() } else { format!("{}:{}: ", problem.file, problem.row) };
                let text = format!("{place}{}: {}", problem.code, problem.message);
                case.want_error_code.as_ref().is_none_or(|code| *code == problem.code)
                    && case.want_error.as_ref().is_none_or(|words| text.contains(todays(words)))
            });
            (!right).then(|| (want, format!("{problems:?}")))
        }
    }
}

fn cut(text: &str) -> String {
    if text.len() < 2000 { text.into() } else { text.chars().take(2000).collect::<String>() + "…" }
}

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let Some(folder) = arguments.first() else {
        println!("usage: conformance DIR [FILTER]");
        return ExitCode::from(64);
    };
    let mut cases = match public::cases(Path::new(folder)) {
        Ok(cases) => cases,
        Err(error) => {
            println!("{error}");
            return ExitCode::from(2);
        }
    };
    if let Some(filter) = arguments.get(1) {
        cases.retain(|case| {
            case.note.contains(filter.as_str()) || case.file.to_string_lossy().contains(filter.as_str())
        });
    }
    let (mut right, mut listed, mut failed) = (0, 0, 0);
    for case in &cases {
        let reason = exceptions().find(|(note, _)| *note == case.note).map(|(_, reason)| reason);
        match (wrong(case), reason) {
            (None, None) => right += 1,
            (None, Some(_)) => {
                failed += 1;
                println!("RIGHT, though listed: {}", case.note);
            }
            (Some(_), Some(reason)) => {
                listed += 1;
                println!("listed: {}: {reason}", case.note);
            }
            (Some((want, have)), None) => {
                failed += 1;
                println!("WRONG {} ({})\n  want {}\n  have {}", case.note, case.file.display(), cut(&want), cut(&have));
            }
        }
    }
    println!("say: {right} of {} right, {listed} listed with a reason", cases.len());
    if failed == 0 && right > 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
