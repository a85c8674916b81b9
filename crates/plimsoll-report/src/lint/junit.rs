//! JUnit XML, as CI servers read it: a suite for each file, a failing case for each fault, an error for what could not be
//! read; a file without either is one case that passes. In: a lint report. Out: XML 1.0.

use plimsoll_model::{LintReport, Location};

use super::{LintOptions, PROBLEM, files, is_undecided, place, said};
use crate::options::ReportError;
use crate::text::markup::xml;
use crate::text::safe::sentence;

/// A case that did not pass.
struct Case {
    name: String,
    /// `failure` or `error`.
    tag: &'static str,
    kind: String,
    message: String,
    text: String,
}

pub fn render(report: &LintReport, options: &LintOptions<'_>) -> Result<Vec<u8>, ReportError> {
    let mut suites: Vec<(String, Vec<Case>)> = Vec::new();
    for file in files(report) {
        let mut cases: Vec<Case> = Vec::new();
        for found in &file.findings {
            let finding = &found.finding;
            let label = options.label(file.kind, &finding.rule);
            let remedy = finding.remedy.as_ref().map(|remedy| sentence(&format!("what to do: {remedy}")));
            cases.push(Case {
                name: sentence(&format!("{label} at {}", lines(&place(file, found)))),
                tag: "failure",
                kind: finding.severity.name().to_owned(),
                message: sentence(&finding.message),
                text: remedy.unwrap_or_default(),
            });
        }
        cases.extend(file.problems.iter().filter(|p| is_undecided(p)).map(problem));
        suites.push((file.path.clone(), cases));
    }
    let of_run: Vec<Case> = report.problems.iter().filter(|p| is_undecided(p)).map(problem).collect();
    if !of_run.is_empty() {
        suites.push(("the run".to_owned(), of_run));
    }
    let mut out = String::from("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n");
    let all = suites.iter().flat_map(|(_, cases)| cases);
    let whole = suites.iter().filter(|(_, cases)| cases.is_empty()).count();
    out.push_str(&format!("<testsuites name=\"{}\" {}>\n", xml(&report.tool.name), numbers(all, whole)));
    for (path, cases) in &suites {
        let name = xml(path);
        let passed = usize::from(cases.is_empty());
        out.push_str(&format!("  <testsuite name=\"{name}\" {}>\n", numbers(cases.iter(), passed)));
        if cases.is_empty() {
            out.push_str(&format!("    <testcase classname=\"lint.{name}\" name=\"nothing found\"/>\n"));
        }
        for case in cases {
            out.push_str(&format!(
                "    <testcase classname=\"lint.{name}\" name=\"{}\">\n      <{2} message=\"{}\" type=\"{3}\">{4}</{2}>\n    \
                 </testcase>\n",
                xml(&case.name),
                xml(&case.message),
                case.tag,
                xml(&case.kind),
                xml(&case.text)
            ));
        }
        out.push_str("  </testsuite>\n");
    }
    out.push_str("</testsuites>\n");
    Ok(out.into_bytes())
}

fn problem(problem: &plimsoll_model::Problem) -> Case {
    let at = problem.location.as_ref().map(|place| format!(" at {}", lines(place))).unwrap_or_default();
    let (name, message) = (sentence(&format!("{PROBLEM}{at}")), sentence(&said(problem)));
    Case { name, tag: "error", kind: PROBLEM.to_owned(), message, text: String::new() }
}

fn lines(place: &Location) -> String {
    match (place.line, place.column) {
        (Some(line), Some(column)) => format!("{line}:{column}"),
        (Some(line), None) => line.to_string(),
        _ => "the file".to_owned(),
    }
}

fn numbers<'c>(cases: impl Iterator<Item = &'c Case>, passed: usize) -> String {
    let (mut failures, mut errors) = (0, 0);
    for case in cases {
        if case.tag == "error" { errors += 1 } else { failures += 1 }
    }
    format!("tests=\"{}\" failures=\"{failures}\" errors=\"{errors}\"", failures + errors + passed)
}
