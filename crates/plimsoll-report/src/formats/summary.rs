//! One line per subject. In: a report. Out: `outcome  name  counts  strongest reason`, and a last line that names the
//! data, for logs and loops.

use plimsoll_model::Report;

use crate::canonical::canonical;
use crate::options::{RenderOptions, ReportError};
use crate::text::paint::{Painter, outcome_ink, outcome_sign};
use crate::text::safe::{safe, sentence};
use crate::text::size::plural;
use crate::text::wrap::pad;
use crate::view::View;

/// As wide as the longest outcome, "could not tell".
const OUTCOME_COLUMNS: usize = 14;

pub fn render(report: &Report, options: &RenderOptions<'_>) -> Result<Vec<u8>, ReportError> {
    let report = canonical(report);
    let view = View::new(&report, options);
    let painter = Painter { on: options.colour };
    let mut out = String::new();
    for subject in &view.subjects {
        let outcome = subject.outcome();
        let word = painter.paint(outcome_ink(outcome), &pad(outcome.word(), OUTCOME_COLUMNS));
        out.push_str(&format!(
            "{} {word}  {}  vulnerabilities: {}, {} with a fix; findings: {}",
            outcome_sign(outcome),
            safe(&subject.assessment.subject.name),
            subject.vulnerabilities(),
            subject.counts.fixable,
            subject.findings.len(),
        ));
        if let Some(how) = subject.softened() {
            out.push_str(&format!("; {how}"));
        }
        if let Some(reason) = subject.reasons().first() {
            out.push_str(&format!("; {}", sentence(&reason.message)));
        }
        out.push('\n');
    }
    let databases: Vec<String> =
        report.databases.iter().map(|d| format!("{} {}", safe(&d.name), safe(&d.digest))).collect();
    out.push_str(&format!(
        "{}: {}; {} {}; policy {} {}; database {}\n",
        report.outcome.word(),
        plural(view.subjects.len(), "subject"),
        safe(&report.tool.name),
        safe(&report.tool.version),
        safe(&report.policy.name),
        safe(&report.policy.digest),
        if databases.is_empty() { "none".to_owned() } else { databases.join(", ") },
    ));
    Ok(out.into_bytes())
}
