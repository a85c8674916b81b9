//! Our own JSON: the report as the model has it, and beside each assessment a summary of what people ask first. In: a
//! report. Out: JSON that `docs/schemas/report-v1.json` describes and that reads back as a [`Report`].

use jiff::Timestamp;
use plimsoll_model::{Assessment, DatabaseInfo, Outcome, PolicyInfo, Problem, Report, ToolInfo};
use serde::Serialize;

use crate::canonical::canonical;
use crate::options::{RenderOptions, ReportError};
use crate::text::json::pretty;
use crate::view::actions::Action;
use crate::view::{Counts, SubjectView, View};

/// [`Report`], field for field, with summaries.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct JsonReport<'a> {
    schema_version: u32,
    tool: &'a ToolInfo,
    at: Timestamp,
    outcome: Outcome,
    policy: &'a PolicyInfo,
    databases: &'a [DatabaseInfo],
    baseline_only: bool,
    assessments: Vec<JsonAssessment<'a>>,
    #[serde(skip_serializing_if = "<[Problem]>::is_empty")]
    problems: &'a [Problem],
}

#[derive(Serialize)]
struct JsonAssessment<'a> {
    summary: Summary<'a>,
    #[serde(flatten)]
    assessment: &'a Assessment,
}

/// What people ask first, computed: vulnerabilities are those that are affected and not hidden.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Summary<'a> {
    outcome: Outcome,
    packages: usize,
    vulnerabilities: Counts,
    undecided: usize,
    findings: usize,
    hidden: usize,
    /// True when something was not read or has no data.
    incomplete: bool,
    actions: Vec<JsonAction<'a>>,
}

/// One upgrade, the one that clears the most first.
#[derive(Serialize)]
struct JsonAction<'a> {
    upgrade: &'a str,
    from: &'a [&'a str],
    to: &'a str,
    clears: Vec<&'a str>,
    denying: usize,
}

pub fn render(report: &Report, options: &RenderOptions<'_>) -> Result<Vec<u8>, ReportError> {
    let report = canonical(report);
    let view = View::new(&report, options);
    pretty(&JsonReport {
        schema_version: report.schema_version,
        tool: &report.tool,
        at: report.at,
        outcome: report.outcome,
        policy: &report.policy,
        databases: &report.databases,
        baseline_only: view.baseline_only(),
        assessments: view.subjects.iter().map(assessment).collect(),
        problems: &report.problems,
    })
}

fn assessment<'a>(subject: &'a SubjectView<'a>) -> JsonAssessment<'a> {
    let assessment = subject.assessment;
    JsonAssessment {
        summary: Summary {
            outcome: subject.outcome(),
            packages: assessment.inventory.packages.len(),
            vulnerabilities: subject.counts,
            undecided: subject.undecided.len(),
            findings: subject.findings.len(),
            hidden: subject.hidden.iter().map(|h| h.count).sum(),
            incomplete: subject.incomplete(),
            actions: subject.actions.iter().map(|a| action(subject, a)).collect(),
        },
        assessment,
    }
}

fn action<'a>(subject: &SubjectView<'a>, action: &'a Action<'a>) -> JsonAction<'a> {
    JsonAction {
        upgrade: action.name,
        from: &action.from,
        to: action.to,
        clears: action.clears.iter().map(|i| subject.matched(*i).id.as_str()).collect(),
        denying: action.denying,
    }
}
