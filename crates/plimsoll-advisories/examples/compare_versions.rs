//! Compares versions, for the scripts that hold our orders against the ecosystems' own programs.
//!
//! `compare_versions ORDER [A B]`: prints `<`, `=`, `>` or `?` (no place in the order). Without A and B it reads lines of
//! two versions, joined by a tab, and prints one verdict a line.

use std::cmp::Ordering;
use std::io::{BufRead, Write};
use std::process::ExitCode;

use plimsoll_advisories::versions;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
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
