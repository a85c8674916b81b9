//! One line per fault, for `grep` and editors. In: a lint report. Out: `path:line:column: severity rule message`.

use plimsoll_model::LintReport;

use super::{LintOptions, files, is_undecided, place, said};
use crate::options::ReportError;
use crate::text::safe::{at_line_start, sentence};

pub fn render(report: &LintReport, options: &LintOptions<'_>) -> Result<Vec<u8>, ReportError> {
    let mut out = String::new();
    let problem = |problem: &plimsoll_model::Problem| {
        let place = problem.location.as_ref().map(|place| format!("{place}: ")).unwrap_or_default();
        let word = if is_undecided(problem) { "undecided" } else { "note" };
        format!("{}\n", at_line_start(&sentence(&format!("{place}{word} {}", said(problem)))))
    };
    for file in files(report) {
        for found in &file.findings {
            let finding = &found.finding;
            let label = options.label(file.kind, &finding.rule);
            let line = format!("{}: {} {label} {}", place(file, found), finding.severity, finding.message);
            out.push_str(&format!("{}\n", at_line_start(&sentence(&line))));
        }
        file.problems.iter().for_each(|p| out.push_str(&problem(p)));
    }
    report.problems.iter().for_each(|p| out.push_str(&problem(p)));
    Ok(out.into_bytes())
}
