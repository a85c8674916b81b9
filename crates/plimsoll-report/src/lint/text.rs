//! Text for a terminal, as compilers write it. In: a lint report. Out: each fault with its line, carets, help and fix, and
//! one line that sums the run up. Other people's text is made harmless: it steers no terminal and hides nothing.

use plimsoll_model::{Lines, LintFinding, LintReport, LintedFile, Location, Problem, Severity};

use super::excerpt::excerpt;
use super::{LintOptions, files, is_undecided, level, place, summary, untold};
use crate::options::ReportError;
use crate::text::paint::{Ink, Painter, severity_ink};
use crate::text::safe::{safe, sentence};

/// Further places of one finding that are shown.
const MAX_PLACES: usize = 3;
/// The narrowest that an excerpt gets.
const NARROWEST: usize = 40;

pub fn render(report: &LintReport, options: &LintOptions<'_>) -> Result<Vec<u8>, ReportError> {
    let painter = Painter { on: options.colour };
    let mut out = String::new();
    for file in files(report) {
        let lines = Lines::new(&file.text);
        for found in &file.findings {
            one(&mut out, file, &lines, found, options, painter);
        }
        untold(file).for_each(|problem| undecided(&mut out, problem, painter));
    }
    report.problems.iter().for_each(|problem| undecided(&mut out, problem, painter));
    let ink = match report.worst() {
        Some(worst) => severity_ink(worst),
        None if report.counts().undecided > 0 => Ink::Doubt,
        None => Ink::Good,
    };
    out.push_str(&painter.paint(ink, &summary(report)));
    out.push('\n');
    Ok(out.into_bytes())
}

fn one(
    out: &mut String,
    file: &LintedFile,
    lines: &Lines,
    found: &LintFinding,
    options: &LintOptions<'_>,
    painter: Painter,
) {
    let finding = &found.finding;
    let ink = severity_ink(finding.severity);
    let word = if finding.severity == Severity::Critical { "critical" } else { level(finding.severity) };
    let label = sentence(&options.label(file.kind, &finding.rule));
    out.push_str(&format!(
        "{}{}\n",
        painter.paint(ink, &format!("{word}[{label}]")),
        painter.paint(Ink::Strong, &format!(": {}", sentence(&finding.message)))
    ));
    let first = place(file, found);
    let further = finding.locations.iter().skip(1).take(MAX_PLACES);
    let last_line = further.clone().chain([&*first]).filter_map(|place| place.line).max().unwrap_or(0);
    let gutter = last_line.to_string().len();
    let blank = " ".repeat(gutter);
    shown(out, file, lines, &first, ("-->", '^', ink), gutter, options, painter);
    for place in further {
        shown(out, file, lines, place, (":::", '-', Ink::Link), gutter, options, painter);
    }
    let more = finding.locations.len().saturating_sub(MAX_PLACES + 1);
    let mut notes = Vec::new();
    if more > 0 {
        notes.push(("note", format!("and {more} further places")));
    }
    if let Some(remedy) = &finding.remedy {
        notes.push(("help", sentence(remedy)));
    }
    if let Some(fix) = &finding.fix {
        let flags = if fix.safe { "--fix" } else { "--fix --unsafe-fixes" };
        notes.push(("fix", format!("{} (plimsoll lint {flags})", sentence(&fix.title))));
    }
    for (name, text) in notes {
        let sign = painter.paint(Ink::Link, "=");
        out.push_str(&format!("{blank} {sign} {}: {text}\n", painter.paint(Ink::Strong, name)));
    }
    out.push('\n');
}

/// One place with its line: `--> path:3:6`, the line, its carets.
#[expect(clippy::too_many_arguments, reason = "a place, and how it looks: a struct would have one user")]
fn shown(
    out: &mut String,
    file: &LintedFile,
    lines: &Lines,
    place: &Location,
    (arrow, mark, ink): (&str, char, Ink),
    gutter: usize,
    options: &LintOptions<'_>,
    painter: Painter,
) {
    let blank = " ".repeat(gutter);
    let bar = painter.paint(Ink::Link, "|");
    out.push_str(&format!("{blank}{} {}\n", painter.paint(Ink::Link, arrow), safe(&place.to_string())));
    // The text is this file's alone.
    if place.path != file.path {
        return;
    }
    let width = options.width.saturating_sub(gutter + 3).max(NARROWEST);
    let Some(excerpt) = excerpt(&file.text, lines, place, width) else { return };
    let number = place.line.unwrap_or_default().to_string();
    let number = painter.paint(Ink::Link, &format!("{number:>gutter$}"));
    let line = if excerpt.line.is_empty() { String::new() } else { format!(" {}", excerpt.line) };
    let marks = painter.paint(ink, &mark.to_string().repeat(excerpt.marks));
    let to = match place.end_line {
        Some(end) if Some(end) > place.line => painter.paint(ink, &format!(" … to line {end}")),
        _ => String::new(),
    };
    out.push_str(&format!(
        "{blank} {bar}\n{number} {bar}{line}\n{blank} {bar} {}{marks}{to}\n",
        " ".repeat(excerpt.indent)
    ));
}

fn undecided(out: &mut String, problem: &Problem, painter: Painter) {
    let (ink, word) = if is_undecided(problem) { (Ink::Doubt, "") } else { (Ink::Faint, "note: ") };
    let text = format!("{word}could not {}", sentence(&problem.message));
    out.push_str(&format!("{}\n", painter.paint(ink, &text)));
    if let Some(place) = problem.location.as_ref().filter(|place| !place.path.is_empty()) {
        out.push_str(&format!(" {} {}\n", painter.paint(Ink::Link, "-->"), safe(&place.to_string())));
    }
    if let Some(hint) = &problem.hint {
        out.push_str(&format!(
            "  {} {}: {}\n",
            painter.paint(Ink::Link, "="),
            painter.paint(Ink::Strong, "help"),
            sentence(hint)
        ));
    }
    out.push('\n');
}
