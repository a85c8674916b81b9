//! GitHub's workflow commands. In: a lint report. Out: one `::error …` line per fault, which the runner turns into an
//! annotation beside the line.

use plimsoll_model::{LintReport, Location, Problem, Severity};

use super::{LintOptions, PROBLEM, files, is_undecided, place, said, untold};
use crate::options::ReportError;
use crate::text::safe::sentence;

pub fn render(report: &LintReport, options: &LintOptions<'_>) -> Result<Vec<u8>, ReportError> {
    let mut out = String::new();
    for file in files(report) {
        for found in &file.findings {
            let finding = &found.finding;
            let command = match finding.severity {
                Severity::Critical | Severity::High => "error",
                Severity::Medium => "warning",
                Severity::Low | Severity::Unknown => "notice",
            };
            let label = options.label(file.kind, &finding.rule);
            let remedy = finding.remedy.as_ref().map(|remedy| format!("; {remedy}")).unwrap_or_default();
            let message = format!("{}{remedy}", finding.message);
            out.push_str(&line(command, Some(&place(file, found)), &label, &message));
        }
        untold(file).for_each(|problem| out.push_str(&unread(problem)));
    }
    report.problems.iter().for_each(|problem| out.push_str(&unread(problem)));
    Ok(out.into_bytes())
}

fn unread(problem: &Problem) -> String {
    let command = if is_undecided(problem) { "error" } else { "notice" };
    line(command, problem.location.as_ref(), PROBLEM, &said(problem))
}

fn line(command: &str, place: Option<&Location>, title: &str, message: &str) -> String {
    let mut properties = Vec::new();
    if let Some(place) = place {
        properties.push(format!("file={}", property(place.path.trim_start_matches("./"))));
        // GitHub takes columns for places on one line alone; its end is the last column, ours the one after it.
        let one_line = place.end_line.is_none() || place.end_line == place.line;
        let last = place.end_column.map(|end| end.saturating_sub(1).max(place.column.unwrap_or(1)));
        let numbers = [
            ("line", place.line),
            ("col", place.column.filter(|_| one_line)),
            ("endLine", place.end_line),
            ("endColumn", last.filter(|_| one_line)),
        ];
        properties.extend(numbers.iter().filter_map(|(name, number)| Some(format!("{name}={}", (*number)?))));
    }
    properties.push(format!("title={}", property(title)));
    format!("::{command} {}::{}\n", properties.join(","), escaped(&sentence(message)))
}

/// As `@actions/core` escapes messages; line breaks are gone before.
fn escaped(text: &str) -> String {
    text.replace('%', "%25")
}

/// As `@actions/core` escapes properties.
fn property(text: &str) -> String {
    escaped(&sentence(text)).replace(':', "%3A").replace(',', "%2C")
}
