//! The formats that are lines: conftest's own, TAP, GitHub's and Azure's commands. Names of files and messages hold what a
//! manifest says: nothing of them steers a terminal, and in the formats that programs read, which conftest's own is not, nothing
//! becomes a line, a directive or a command of its own.

use std::fmt::Write as _;

use plimsoll_report::safe;

use super::Shown;
use crate::compat::conftest::engine::absolute;
use crate::compat::conftest::result::{Check, Finding, Location, Totals};
use crate::compat::safe_lines;

const RED: u8 = 31;
const GREEN: u8 = 32;
const YELLOW: u8 = 33;
const BLUE: u8 = 34;
const CYAN: u8 = 36;

fn coloured(text: &str, color: u8, shown: &Shown) -> String {
    match shown.no_color {
        true => text.to_owned(),
        false => format!("\u{1b}[{color}m{text}\u{1b}[0m"),
    }
}

/// `- file - namespace -`
fn front(check: &Check) -> String {
    let file = if check.file == "-" { "-".to_owned() } else { format!("- {}", check.file) };
    let namespace = if check.namespace == "-" { "-".to_owned() } else { format!("- {} -", check.namespace) };
    format!("{file} {namespace}")
}

pub fn standard(checks: &[Check], shown: &Shown) -> String {
    if shown.trace {
        return trace(checks, shown);
    }
    let mut out = String::new();
    // Writing to a String cannot fail.
    for output in checks.iter().flat_map(|check| &check.queries).flat_map(|query| &query.outputs) {
        let _ = writeln!(out, "{}  {}", coloured("PRNT ", BLUE, shown), safe_lines(output));
    }
    for check in checks {
        let exceptions: &[Finding] = if shown.suppress_exceptions { &[] } else { &check.exceptions };
        let kinds =
            [("WARN", YELLOW, &check.warnings[..]), ("FAIL", RED, &check.failures[..]), ("EXCP", CYAN, exceptions)];
        for (word, color, findings) in kinds {
            for finding in findings {
                let text = safe_lines(&format!("{} {}", front(check), finding.message));
                let _ = writeln!(out, "{} {text}", coloured(word, color, shown));
            }
        }
    }
    let totals = Totals::of(checks);
    let mut text = totals.to_string();
    if shown.show_skipped {
        let _ = write!(text, ", {} skipped", totals.skipped);
    }
    let color = match totals {
        Totals { failures: 1.., .. } => RED,
        Totals { warnings: 1.., .. } => YELLOW,
        Totals { exceptions: 1.., .. } => CYAN,
        _ => GREEN,
    };
    let _ = writeln!(out, "\n{}", coloured(&text, color, shown));
    out
}

/// What `--trace` says on standard error.
pub fn trace(checks: &[Check], shown: &Shown) -> String {
    let mut out = String::new();
    for check in checks {
        for query in &check.queries {
            let color = if query.passed { GREEN } else { RED };
            let head = safe_lines(&format!("file: {} | query: {}", check.file, query.query));
            let _ = writeln!(out, "{}", coloured(&head, color, shown));
            for line in &query.traces {
                let _ = writeln!(out, "{}  {}", coloured("TRAC ", BLUE, shown), safe_lines(line));
            }
        }
    }
    out
}

pub fn tap(checks: &[Check], _: &Shown) -> String {
    let total = Totals::of(checks).tests();
    if total == 0 {
        return String::new();
    }
    let mut out = format!("1..{total}\n");
    let mut number = 1;
    for check in checks {
        let front = front(check);
        let mut section = |header: &str, status: &str, messages: &mut dyn Iterator<Item = &str>| {
            let mut first = true;
            for message in messages {
                if std::mem::take(&mut first) && !header.is_empty() {
                    let _ = writeln!(out, "# {header}");
                }
                let _ = writeln!(out, "{status} {number} {}", description(&format!("{front} {message}")));
                number += 1;
            }
        };
        fn messages(findings: &[Finding]) -> impl Iterator<Item = &str> {
            findings.iter().map(|finding| finding.message.as_str())
        }
        section("", "not ok", &mut messages(&check.failures));
        section("warnings", "not ok", &mut messages(&check.warnings));
        section("exceptions", "ok", &mut messages(&check.exceptions));
        section("skip", "ok", &mut messages(&check.skipped));
        section("successes", "ok", &mut std::iter::repeat_n("SUCCESS", check.successes));
    }
    out
}

/// What stands behind a number of TAP: one line, of which nothing is a directive (`# TODO` would let a failure pass).
fn description(text: &str) -> String {
    let line = safe(text);
    match line.contains('#') {
        true => line.replace('\\', "\\\\").replace('#', "\\#"),
        false => line.into_owned(),
    }
}

/// Text within a line of Azure's log: one line without a command, which may begin anywhere in it.
fn within(text: &str) -> String {
    safe(text).replace("##", "#\\u{23}")
}

pub fn azure(checks: &[Check], _: &Shown) -> String {
    let mut out = String::new();
    for check in checks {
        let (file, namespace) = (within(&check.file), within(&check.namespace));
        let tests = check.totals().tests();
        let _ = writeln!(out, "##[section]Testing '{file}' against {tests} policies in namespace '{namespace}'");
        out.push_str("##[group]See conftest results\n");
        let kinds = [("error", &check.failures), ("warning", &check.warnings), ("warning", &check.exceptions)];
        for (kind, findings) in kinds {
            for finding in findings {
                let _ = writeln!(out, "##vso[task.logissue type={kind}] file={file} --> {}", within(&finding.message));
            }
        }
        for finding in &check.skipped {
            let _ = writeln!(out, "skipped file={file} {}", within(&finding.message));
        }
        if check.successes > 0 {
            let _ = writeln!(out, "success file={file} {}", check.successes);
        }
        out.push_str("##[endgroup]\n");
    }
    let _ = writeln!(out, "{}", Totals::of(checks));
    out
}

pub fn github(checks: &[Check], shown: &Shown) -> String {
    let mut out = String::new();
    for check in checks {
        let totals = check.totals();
        if shown.hide_passed && totals.tests() == totals.successes {
            continue;
        }
        let quoted = plimsoll_rego::ast::text::quote;
        let tests = totals.tests();
        let _ = writeln!(
            out,
            "::group::Testing {} against {tests} policies in namespace {}",
            quoted(&check.file),
            quoted(&check.namespace)
        );
        let kinds = [("error", &check.failures), ("warning", &check.warnings), ("notice", &check.exceptions)];
        for (level, findings) in kinds {
            for finding in findings {
                places(&mut out, level, &check.file, finding.location.as_ref(), &finding.message);
            }
        }
        for finding in &check.skipped {
            let message = format!("Test was skipped: {}", finding.message);
            places(&mut out, "notice", &check.file, finding.location.as_ref(), &message);
        }
        place(&mut out, "notice", &check.file, "1", &format!("Number of successful checks: {}", check.successes));
        out.push_str("::endgroup::\n");
    }
    let _ = writeln!(out, "{}", Totals::of(checks));
    out
}

/// A message at the file, or where the policy says, or at both.
fn places(out: &mut String, level: &str, file: &str, location: Option<&Location>, message: &str) {
    match location {
        None => place(out, level, file, "1", message),
        Some(location) if location.file == file => place(out, level, file, &location.line_text(), message),
        Some(location) => {
            let (origin, line) = (relative(&location.file), location.line_text());
            place(out, level, &origin, &line, message);
            place(out, level, file, "1", &format!("(ORIGINATING FROM {origin} L{line}) {message}"));
        }
    }
}

fn place(out: &mut String, level: &str, file: &str, line: &str, message: &str) {
    let file = command(file).replace(':', "%3A").replace(',', "%2C");
    let _ = writeln!(out, "::{level} file={file},line={line}::{}", command(message));
}

/// Text in a command of GitHub, which decodes these three.
fn command(text: &str) -> String {
    let escaped = text.replace('%', "%25").replace('\r', "%0D").replace('\n', "%0A");
    safe_lines(&escaped)
}

/// An absolute path as seen from here.
fn relative(path: &str) -> String {
    if !path.starts_with('/') {
        return path.to_owned();
    }
    let (here, there) = (absolute("."), absolute(path));
    let common = here.components().zip(there.components()).take_while(|(a, b)| a == b).count();
    let up = here.components().skip(common).map(|_| "..".to_owned());
    let down = there.components().skip(common).map(|part| part.as_os_str().to_string_lossy().into_owned());
    let parts: Vec<String> = up.chain(down).collect();
    if parts.is_empty() { ".".into() } else { parts.join("/") }
}
