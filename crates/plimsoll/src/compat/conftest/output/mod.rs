//! Checks as conftest's eight formats. In: checks, whose texts hold what manifests say. Out: text, byte for byte as conftest writes
//! it, save what would be obeyed as a command, a directive or a terminal's control.
//!
//! How to add a format: write a function and add its line to [`FORMATS`].

mod junit;
mod lines;
mod sarif;

use super::result::Check;
use crate::compat::opa::table;
use crate::compat::safe_lines;
use crate::rego::json;

/// How checks are shown.
#[derive(Debug, Clone, Copy, Default)]
pub struct Shown {
    pub no_color: bool,
    pub suppress_exceptions: bool,
    pub show_skipped: bool,
    pub hide_message: bool,
    pub hide_passed: bool,
    /// The format `stdout` is then nothing but the trace, as conftest has it.
    pub trace: bool,
}

pub struct Format {
    pub name: &'static str,
    write: fn(&[Check], &Shown) -> String,
}

pub const FORMATS: &[Format] = &[
    Format { name: "stdout", write: lines::standard },
    Format { name: "json", write: json },
    Format { name: "tap", write: lines::tap },
    Format { name: "table", write: table },
    Format { name: "junit", write: junit::write },
    Format { name: "github", write: lines::github },
    Format { name: "azuredevops", write: lines::azure },
    Format { name: "sarif", write: sarif::write },
];

/// The checks in a format; one that is not known is standard output without more, as conftest has it.
pub fn written(checks: &[Check], format: &str, shown: &Shown) -> String {
    match FORMATS.iter().find(|known| known.name == format) {
        Some(format) => (format.write)(checks, shown),
        None => lines::standard(checks, &Shown::default()),
    }
}

pub use lines::trace;

fn json(checks: &[Check], _: &Shown) -> String {
    if checks.is_empty() {
        return "null\n".into();
    }
    let unnamed = |check: &Check| {
        let file = if check.file == "-" { String::new() } else { check.file.clone() };
        Check { file, ..check.clone() }
    };
    json::pretty_by(&checks.iter().map(unnamed).collect::<Vec<_>>(), "\t")
}

fn table(checks: &[Check], _: &Shown) -> String {
    let mut rows: Vec<Vec<String>> = Vec::new();
    for check in checks {
        let mut row = |kind: &str, message: &str| {
            rows.push(vec![
                kind.to_owned(),
                safe_lines(&check.file),
                safe_lines(&check.namespace),
                safe_lines(message),
            ]);
        };
        for _ in 0..check.successes {
            row("success", "SUCCESS");
        }
        let kinds = [
            ("exception", &check.exceptions),
            ("warning", &check.warnings),
            ("skipped", &check.skipped),
            ("failure", &check.failures),
        ];
        for (kind, findings) in kinds {
            for finding in findings {
                row(kind, &finding.message);
            }
        }
    }
    match rows.is_empty() {
        true => String::new(),
        false => table::draw_lines(&["RESULT", "FILE", "NAMESPACE", "MESSAGE"], &rows),
    }
}
