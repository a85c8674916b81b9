//! JUnit XML, as CI servers read it (the Jenkins/Ant form): one suite per subject, one case for the verdict and one per
//! vulnerability and finding. In: a report. Out: XML 1.0. What denies is a failure, what could not be told an error, what
//! is not counted skipped; the rest passes.

use plimsoll_model::{Effect, Outcome, Report};

use crate::canonical::canonical;
use crate::options::{RenderOptions, ReportError};
use crate::text::markup::xml;
use crate::text::safe::sentence;
use crate::view::facts::facts;
use crate::view::{SubjectView, View, coverage, words};

/// What a case came to.
enum Came {
    Passed,
    Failed(String),
    Undecided(String),
    Skipped(String),
}

struct Case {
    class: &'static str,
    name: String,
    came: Came,
    /// More to read.
    text: String,
}

pub fn render(report: &Report, options: &RenderOptions<'_>) -> Result<Vec<u8>, ReportError> {
    let report = canonical(report);
    let view = View::new(&report, options);
    let suites: Vec<(&SubjectView<'_>, Vec<Case>)> = view.subjects.iter().map(|s| (s, cases(s))).collect();
    let all: Vec<&Case> = suites.iter().flat_map(|(_, cases)| cases).collect();
    let mut out = String::from("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n");
    out.push_str(&format!("<testsuites name=\"{}\" {}>\n", xml(&report.tool.name), numbers(all)));
    for (subject, cases) in &suites {
        let name = xml(&subject.assessment.subject.name).into_owned();
        out.push_str(&format!("  <testsuite name=\"{name}\" {}>\n    <properties>\n", numbers(cases)));
        for (key, value) in facts(&report) {
            out.push_str(&format!("      <property name=\"{key}\" value=\"{}\"/>\n", xml(&value)));
        }
        for line in coverage::lines(subject) {
            let text = format!("{} {}", line.told.sign(), line.text);
            out.push_str(&format!("      <property name=\"plimsoll:coverage\" value=\"{}\"/>\n", xml(&text)));
        }
        out.push_str("    </properties>\n");
        for case in cases {
            write_case(&mut out, case, &name);
        }
        out.push_str("  </testsuite>\n");
    }
    if suites.is_empty() {
        // No suite could carry what the answer rests on.
        for (key, value) in facts(&report) {
            out.push_str(&format!("  <!-- {key}: {} -->\n", xml(&value).replace("--", "- -")));
        }
    }
    out.push_str("</testsuites>\n");
    Ok(out.into_bytes())
}

fn numbers<'c>(cases: impl IntoIterator<Item = &'c Case>) -> String {
    let (mut tests, mut failures, mut errors, mut skipped) = (0, 0, 0, 0);
    for case in cases {
        tests += 1;
        match case.came {
            Came::Passed => {}
            Came::Failed(_) => failures += 1,
            Came::Undecided(_) => errors += 1,
            Came::Skipped(_) => skipped += 1,
        }
    }
    format!("tests=\"{tests}\" failures=\"{failures}\" errors=\"{errors}\" skipped=\"{skipped}\"")
}

fn write_case(out: &mut String, case: &Case, suite: &str) {
    let class = format!("{}.{suite}", case.class);
    out.push_str(&format!("    <testcase classname=\"{class}\" name=\"{}\"", xml(&case.name)));
    let (tag, message) = match &case.came {
        Came::Passed => {
            out.push_str("/>\n");
            return;
        }
        Came::Failed(message) => ("failure", message),
        Came::Undecided(message) => ("error", message),
        Came::Skipped(message) => ("skipped", message),
    };
    out.push_str(&format!(">\n      <{tag} message=\"{}\"", xml(message)));
    if tag != "skipped" {
        out.push_str(&format!(" type=\"{}\"", case.class));
    }
    if case.text.is_empty() {
        out.push_str("/>\n    </testcase>\n");
    } else {
        let lines: Vec<String> = case.text.lines().map(|line| xml(line).into_owned()).collect();
        out.push_str(&format!(">{}</{tag}>\n    </testcase>\n", lines.join("\n")));
    }
}

/// The cases, with what denies or was not told skipped where the policy lets the subject run anyway: a build must not fail
/// on what the policy only warns of.
fn cases(subject: &SubjectView<'_>) -> Vec<Case> {
    let mut cases = strict_cases(subject);
    if subject.may_run_anyway() {
        let how = subject.softened().unwrap_or_default();
        for case in &mut cases {
            if let Came::Failed(message) | Came::Undecided(message) = &case.came {
                case.came = Came::Skipped(format!("{message} ({how})"));
            }
        }
    }
    cases
}

fn strict_cases(subject: &SubjectView<'_>) -> Vec<Case> {
    let assessment = subject.assessment;
    let mut cases = vec![verdict_case(subject)];
    let verdict = assessment.verdict.as_ref();
    let hidden = |of_match: Option<usize>, of_finding: Option<usize>| {
        let h = verdict?.hidden.iter().find(|h| h.r#match == of_match && h.finding == of_finding)?;
        Some(Came::Skipped(sentence(&words::hidden(h.by, &h.reason))))
    };
    for (index, m) in assessment.matches.iter().enumerate() {
        let fix = words::fix(&m.fix);
        let message = sentence(&format!("{}: {}; {fix}", m.severity.upper(), words::title(m)));
        let undecided = match &m.state {
            plimsoll_model::MatchState::NotAffected { .. } => continue,
            plimsoll_model::MatchState::Undecided { .. } => Some(Effect::Undecided),
            plimsoll_model::MatchState::Affected => None,
        };
        let came =
            hidden(Some(index), None).unwrap_or_else(|| came(undecided.or(subject.effects.matches[index]), message));
        let name = format!("{} in {} {}", m.id, m.name, m.version);
        cases.push(Case { class: "vulnerability", name, came, text: m.vulnerability.references.join("\n") });
    }
    for (index, finding) in assessment.findings.iter().enumerate() {
        let skipped = hidden(None, Some(index));
        if skipped.is_none() && !subject.findings.contains(&index) {
            continue;
        }
        let message = format!("{}: {}", finding.severity.upper(), sentence(&finding.message));
        let came = skipped.unwrap_or_else(|| came(subject.effects.findings[index], message));
        let mut text: Vec<String> = finding.locations.iter().map(ToString::to_string).collect();
        text.extend(finding.remedy.iter().map(|r| format!("what to do: {}", sentence(r))));
        let place = finding.locations.first().map(|l| format!(" at {l}")).unwrap_or_default();
        let name = format!("{}{place}", finding.rule);
        cases.push(Case { class: "footprint", name, came, text: text.join("\n") });
    }
    cases
}

fn came(effect: Option<Effect>, message: String) -> Came {
    match effect {
        Some(Effect::Deny) => Came::Failed(message),
        Some(Effect::Undecided) => Came::Undecided(message),
        _ => Came::Passed,
    }
}

fn verdict_case(subject: &SubjectView<'_>) -> Case {
    let outcome = subject.outcome();
    let reasons: Vec<String> =
        subject.reasons().iter().map(|r| format!("{}: {}", words::effect(r.effect), sentence(&r.message))).collect();
    let first = subject.reasons().first().map(|r| sentence(&r.message)).unwrap_or_default();
    let message = format!("{}: {first}", outcome.word());
    let came = match outcome {
        Outcome::Allowed => Came::Passed,
        Outcome::Denied => Came::Failed(message),
        Outcome::Undecided => Came::Undecided(message),
    };
    Case { class: "verdict", name: "may it run".into(), came, text: reasons.join("\n") }
}
