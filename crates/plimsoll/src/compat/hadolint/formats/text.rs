//! Lines for people and for what reads compilers' output.

use std::fmt::Write as _;

use plimsoll_report::{at_line_start, safe};

use super::super::levels::Level;
use super::super::report::Item;
use super::Facts;

/// `file:line CODE level: message`, the level coloured.
pub fn tty(facts: &Facts<'_>) -> String {
    let mut out = String::new();
    for report in facts.reports {
        let name = at_line_start(&report.name);
        for item in report.items() {
            let message = safe(item.message());
            let line = item.line();
            let _ = match item {
                Item::Entry(entry) => {
                    let (start, end) = if facts.colour { (colour(entry.level), "\x1b[0m") } else { ("", "") };
                    writeln!(out, "{name}:{line} {} {start}{}{end}: {message}", entry.code, entry.level.name())
                }
                Item::Fault(fault) => writeln!(out, "{name}:{line}:{} {message}", fault.column),
            };
        }
    }
    out
}

fn colour(level: Level) -> &'static str {
    match level {
        Level::Error => "\x1b[1m\x1b[91m",
        Level::Warning => "\x1b[1m\x1b[93m",
        Level::Info => "\x1b[92m",
        Level::Style | Level::Ignore => "\x1b[96m",
    }
}

/// `program:file:line: message`, as the GNU coding standards have it.
pub fn gnu(facts: &Facts<'_>) -> String {
    let mut out = String::new();
    for report in facts.reports {
        let name = safe(&report.name);
        for item in report.items() {
            let message = safe(item.message());
            let line = item.line();
            let _ = match item {
                Item::Entry(entry) => {
                    writeln!(out, "hadolint:{name}:{line}: {} {}: {message}", entry.code, entry.level.name())
                }
                Item::Fault(fault) => writeln!(out, "hadolint:{name}:{line}:{}: {message}", fault.column),
            };
        }
    }
    out
}
