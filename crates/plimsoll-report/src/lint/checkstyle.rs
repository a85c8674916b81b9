//! Checkstyle XML, which Jenkins and editors read. In: a lint report. Out: files with their errors.

use plimsoll_model::{LintReport, Location, Problem, Severity};

use super::{LintOptions, PROBLEM, files, is_undecided, place, said, untold};
use crate::options::ReportError;
use crate::text::markup::xml;
use crate::text::safe::sentence;

pub fn render(report: &LintReport, options: &LintOptions<'_>) -> Result<Vec<u8>, ReportError> {
    let mut out = String::from("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<checkstyle version=\"4.3\">\n");
    for file in files(report) {
        out.push_str(&format!("  <file name=\"{}\">\n", xml(&file.path)));
        for found in &file.findings {
            let finding = &found.finding;
            let severity = match finding.severity {
                Severity::Critical | Severity::High => "error",
                Severity::Medium => "warning",
                Severity::Low | Severity::Unknown => "info",
            };
            let label = options.label(file.kind, &finding.rule);
            out.push_str(&error(Some(&place(file, found)), severity, &label, &finding.message));
        }
        untold(file).for_each(|problem| out.push_str(&unread(problem)));
        out.push_str("  </file>\n");
    }
    for problem in &report.problems {
        let path = problem.location.as_ref().map_or(".", |place| place.path.as_str());
        out.push_str(&format!("  <file name=\"{}\">\n", xml(path)));
        out.push_str(&unread(problem));
        out.push_str("  </file>\n");
    }
    out.push_str("</checkstyle>\n");
    Ok(out.into_bytes())
}

fn unread(problem: &Problem) -> String {
    let severity = if is_undecided(problem) { "error" } else { "info" };
    error(problem.location.as_ref(), severity, PROBLEM, &said(problem))
}

fn error(place: Option<&Location>, severity: &str, rule: &str, message: &str) -> String {
    let line = place.and_then(|place| place.line).unwrap_or(1);
    let column = place.and_then(|place| place.column).map(|column| format!(" column=\"{column}\"")).unwrap_or_default();
    let (message, source) = (sentence(message), format!("plimsoll.{rule}"));
    format!(
        "    <error line=\"{line}\"{column} severity=\"{severity}\" message=\"{}\" source=\"{}\"/>\n",
        xml(&message),
        xml(&source)
    )
}
