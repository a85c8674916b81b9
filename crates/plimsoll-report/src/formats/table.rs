//! The table that people read in a terminal. In: a report and the terminal's width. Out: verdict, reasons, what to do,
//! then everything by layer and fix, coverage, and on what it all rests.

mod page;
mod vulnerabilities;

use plimsoll_model::{Effect, Report};

use crate::canonical::canonical;
use crate::options::{RenderOptions, ReportError};
use crate::text::paint::{Ink, effect_ink, effect_sign, outcome_ink, outcome_sign, severity_ink};
use crate::text::safe::{safe, sentence};
use crate::text::size::plural;
use crate::view::coverage::{self, CoverageLine, Told};
use crate::view::{SubjectView, View, words};
use page::Page;

/// Upgrades shown before "and 12 more".
const ACTIONS: usize = 8;
/// Ids named in one line of hidden or cleared ones.
const IDS: usize = 6;
/// Lines of coverage before "and 12 more"; notes come last.
const COVERAGE_LINES: usize = 20;

pub fn render(report: &Report, options: &RenderOptions<'_>) -> Result<Vec<u8>, ReportError> {
    let report = canonical(report);
    let view = View::new(&report, options);
    let mut page = Page::new(options);
    if let Some(warning) = view.baseline_warning() {
        baseline_banner(&mut page, &warning);
    }
    for subject in &view.subjects {
        subject_part(&mut page, subject);
    }
    footer(&mut page, &view);
    Ok(page.finish())
}

fn baseline_banner(page: &mut Page<'_>, warning: &str) {
    page.text(0, "!! ", Ink::Alarm, "ONLY THE EMBEDDED BASELINE WAS USED", Ink::Alarm);
    page.text(3, "", Ink::Plain, warning, Ink::Warn);
    page.gap();
}

fn subject_part(page: &mut Page<'_>, subject: &SubjectView<'_>) {
    header(page, subject);
    reasons(page, subject);
    what_to_do(page, subject);
    vulnerabilities::part(page, subject);
    findings(page, subject);
    hidden(page, subject);
    coverage_part(page, subject);
}

fn header(page: &mut Page<'_>, subject: &SubjectView<'_>) {
    let (assessment, outcome) = (subject.assessment, subject.outcome());
    let s = &assessment.subject;
    page.rule();
    page.text(0, &format!("{} ", outcome_sign(outcome)), outcome_ink(outcome), &safe(&s.name), Ink::Strong);
    let facts: Vec<String> = subject.facts().iter().map(|f| safe(f).into_owned()).collect();
    page.items(2, &facts, Ink::Faint);
    for place in s.named_at.iter().take(IDS) {
        page.text(2, "", Ink::Plain, &format!("named at {}", safe(&place.to_string())), Ink::Faint);
    }
    page.gap();

    page.text(2, "", Ink::Plain, &subject.headline(), outcome_ink(outcome));
    if let Some(ruled) = subject.ruled_by() {
        page.text(2, "", Ink::Plain, &safe(&ruled), Ink::Faint);
    }
}

fn reasons(page: &mut Page<'_>, subject: &SubjectView<'_>) {
    if subject.reasons().is_empty() {
        return;
    }
    page.heading("Why");
    for reason in subject.reasons() {
        let ink = if reason.effect == Effect::Deny { Ink::Strong } else { Ink::Plain };
        page.text(
            2,
            &format!("{} ", effect_sign(reason.effect)),
            effect_ink(reason.effect),
            &sentence(&reason.message),
            ink,
        );
        if let Some(clause) = &reason.clause {
            page.text(4, "", Ink::Plain, &safe(clause), Ink::Faint);
        }
    }
}

fn what_to_do(page: &mut Page<'_>, subject: &SubjectView<'_>) {
    if subject.actions.is_empty() {
        return;
    }
    page.heading(&format!("What to do: {}", subject.plan()));
    if let Some(base) = &subject.base {
        let made = base.created_by.map(|c| page.short(c, 40)).unwrap_or_default();
        page.text(2, "» ", Ink::Good, &base.words(&made), Ink::Good);
    }
    let shown = page.limit(subject.actions.len(), ACTIONS);
    for (number, action) in subject.actions.iter().take(shown).enumerate() {
        let text = format!(
            "upgrade {} {} → {}: {}",
            safe(action.name),
            safe(&action.from.join(", ")),
            safe(action.to),
            action.gain(),
        );
        page.text(2, &format!("{}. ", number + 1), Ink::Good, &text, Ink::Plain);
    }
    page.more(2, subject.actions.len() - shown, "upgrade");
}

fn findings(page: &mut Page<'_>, subject: &SubjectView<'_>) {
    if subject.findings.is_empty() {
        return;
    }
    page.heading(&format!("Footprint: {}", plural(subject.findings.len(), "finding")));
    for &index in &subject.findings {
        let finding = subject.finding(index);
        let sign = subject.effects.findings[index].map_or("·", effect_sign);
        let ink = subject.effects.findings[index].map_or(Ink::Faint, effect_ink);
        page.row(
            2,
            &[(&format!("{sign} "), ink, 2), (finding.severity.upper(), severity_ink(finding.severity), 9)],
            &format!("{}: {}", safe(&finding.rule), sentence(&finding.message)),
            Ink::Plain,
        );
        let places = page.limit(finding.locations.len(), 3);
        for location in finding.locations.iter().take(places) {
            let mut place = location.to_string();
            if let Some(layer) = location.layer {
                place.push_str(&format!(" (layer {layer})"));
            }
            page.text(13, "", Ink::Plain, safe(place.trim_start()).as_ref(), Ink::Faint);
        }
        page.more(13, finding.locations.len() - places, "place");
        if let Some(remedy) = subject.remedy(index, page.options) {
            page.text(13, "→ ", Ink::Good, &sentence(remedy), Ink::Plain);
        }
    }
}

fn hidden(page: &mut Page<'_>, subject: &SubjectView<'_>) {
    let unused = subject.assessment.verdict.as_ref().map_or(&[][..], |v| v.unused.as_slice());
    if !subject.hidden.is_empty() {
        let count: usize = subject.hidden.iter().map(|h| h.count).sum();
        page.heading(&format!("Not counted: {count}"));
        for group in &subject.hidden {
            let ids = page.limit(group.ids.len(), IDS);
            let mut names = group.ids.iter().take(ids).copied().collect::<Vec<_>>().join(", ");
            if ids < group.ids.len() {
                names.push_str(&format!(" and {} more", group.ids.len() - ids));
            }
            let mut text = format!("{}: {}", words::hidden_by(group.by), sentence(&names));
            if !group.reason.is_empty() {
                text.push_str(&format!(" ({})", sentence(group.reason)));
            }
            page.text(2, &format!("{} ", group.count), Ink::Strong, &text, Ink::Plain);
        }
    }
    if !unused.is_empty() {
        page.heading("Matched nothing: take it out of the policy, or mend it");
        for text in unused {
            page.text(2, "! ", Ink::Warn, &sentence(text), Ink::Plain);
        }
    }
}

fn coverage_part(page: &mut Page<'_>, subject: &SubjectView<'_>) {
    page.heading(if subject.incomplete() { "Coverage: INCOMPLETE" } else { "Coverage: complete" });
    lines(page, &coverage::lines(subject));
}

fn lines(page: &mut Page<'_>, lines: &[CoverageLine]) {
    let shown = page.limit(lines.len(), COVERAGE_LINES);
    for line in lines.iter().take(shown) {
        let ink = match line.told {
            Told::Fully => Ink::Good,
            Told::Baseline => Ink::Warn,
            Told::Not => Ink::Doubt,
            Told::Note => Ink::Faint,
        };
        page.text(2, &format!("{} ", line.told.sign()), ink, &sentence(&line.text), Ink::Plain);
        if let Some(hint) = &line.hint {
            page.text(4, "→ ", Ink::Good, &sentence(hint), Ink::Plain);
        }
    }
    page.more(2, lines.len() - shown, "line");
}

fn footer(page: &mut Page<'_>, view: &View<'_>) {
    let report = view.report;
    page.rule();
    if !report.problems.is_empty() {
        lines(page, &report.problems.iter().map(coverage::of_problem).collect::<Vec<_>>());
        page.gap();
    }
    if view.subjects.len() != 1 {
        for subject in &view.subjects {
            let (outcome, name) = (subject.outcome(), &subject.assessment.subject.name);
            page.row(
                0,
                &[
                    (&format!("{} ", outcome_sign(outcome)), outcome_ink(outcome), 2),
                    (&format!("{} ", outcome.word()), outcome_ink(outcome), 15),
                ],
                &format!("{}, vulnerabilities: {}{}", safe(name), subject.vulnerabilities(), but(subject)),
                Ink::Plain,
            );
        }
        page.text(
            0,
            "",
            Ink::Plain,
            &format!("{}: {}", plural(view.subjects.len(), "subject"), words::headline(report.outcome)),
            outcome_ink(report.outcome),
        );
        page.gap();
    }
    if report.databases.is_empty() {
        page.text(0, "database  ", Ink::Faint, "none (hint: plimsoll db update)", Ink::Doubt);
    }
    for (text, digest) in view.databases() {
        page.text(0, "database  ", Ink::Faint, &safe(&text), Ink::Faint);
        page.text(2, "", Ink::Plain, &safe(digest), Ink::Faint);
    }
    page.text(0, "policy    ", Ink::Faint, &safe(&view.policy()), Ink::Faint);
    page.text(2, "", Ink::Plain, &safe(&report.policy.digest), Ink::Faint);
    page.text(
        0,
        "judged    ",
        Ink::Faint,
        &safe(&format!("at {} by {} {}", report.at, report.tool.name, report.tool.version)),
        Ink::Faint,
    );
}

/// What softens the outcome, for a list of outcomes.
fn but(subject: &SubjectView<'_>) -> String {
    subject.softened().map(|how| format!("; {how}")).unwrap_or_default()
}
