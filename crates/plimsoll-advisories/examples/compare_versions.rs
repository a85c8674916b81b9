//! Compares versions, for the scripts that hold our orders against the ecosystems' own programs.
//!
//! `compare_versions ORDER [A B]`: prints `<`, `=`, `>` or `?` (no place in the order). Without A and B it reads lines of
//! two versions, joined by a tab, and prints one verdict a line. `compare_versions --satisfies npm|npm-strict|pypi` reads
//! lines of a version and an expression and prints `y`, `n` or `?`.

use std::cmp::Ordering;
use std::io::{BufRead, Write};
use std::process::ExitCode;

use plimsoll_advisories::versions::{
    self,
    expression::{npm_satisfies, satisfies},
};
use plimsoll_model::Ecosystem;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if let [flag, kind] = arguments.as_slice()
        && flag == "--satisfies"
    {
        return answer(|version, text| {
            let within = match kind.as_str() {
                "npm-strict" => npm_satisfies(version, text),
                "npm" => satisfies(Ecosystem::Npm, version, text),
                _ => satisfies(Ecosystem::Pypi, version, text),
            };
            match within {
                Ok(true) => 'y',
                Ok(false) => 'n',
                Err(_) => '?',
            }
        });
    }
    let Some(order) = arguments.first().and_then(|id| versions::order(id)) else {
        let ids: Vec<&str> = versions::ORDERS.iter().map(|order| order.id).collect();
        eprintln!("usage: compare_versions ORDER [A B], where ORDER is one of {}", ids.join(", "));
        return ExitCode::from(64);
    };
    let verdict = |a: &str, b: &str| match order.compare(a, b) {
        Ok(Ordering::Less) => '<',
        Ok(Ordering::Equal) => '=',
        Ok(Ordering::Greater) => '>',
        Err(_) => '?',
    };
    if let [_, a, b] = arguments.as_slice() {
        println!("{}", verdict(a, b));
        return ExitCode::SUCCESS;
    }
    answer(verdict)
}

/// One line in, one letter out.
fn answer(verdict: impl Fn(&str, &str) -> char) -> ExitCode {
    let mut out = std::io::BufWriter::new(std::io::stdout().lock());
    for line in std::io::stdin().lock().lines() {
        let Ok(line) = line else { break };
        let (a, b) = line.split_once('\t').unwrap_or((&line, ""));
        if writeln!(out, "{}", verdict(a, b)).is_err() {
            return ExitCode::FAILURE;
        }
    }
    if out.flush().is_err() { ExitCode::FAILURE } else { ExitCode::SUCCESS }
}
