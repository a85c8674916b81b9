//! Markdown for comments on pull requests (GitHub's dialect). In: a report. Out: verdict, reasons and what to do in sight,
//! the rest folded, and all of it short enough for a comment unless everything is asked for.

use plimsoll_model::{Effect, Report};

use crate::canonical::canonical;
use crate::options::{RenderOptions, ReportError};
use crate::text::markdown::{code, plain};
use crate::text::paint::{effect_sign, outcome_sign};
use crate::text::safe::sentence;
use crate::text::size::{percent, plural};
use crate::text::wrap::truncate;
use crate::view::{SubjectView, View, coverage, packages_of, words};

/// Rows of vulnerabilities in the whole report, and the columns of their titles: with the rest, well under the 65,536
/// characters that GitHub takes.
const ROWS: usize = 120;
const TITLE: usize = 80;
/// Reasons, actions, findings and other lines of one subject.
const LINES: usize = 25;

pub fn render(report: &Report, options: &RenderOptions<'_>) -> Result<Vec<u8>, ReportError> {
    let report = canonical(report);
    let view = View::new(&report, options);
    let mut out = String::new();
    if let Some(warning) = view.baseline_warning() {
        out.push_str(&format!("> [!CAUTION]\n> **Only the embedded baseline was used.** {}\n\n", plain(&warning)));
    }
    if view.subjects.len() != 1 {
        out.push_str(&format!(
            "# {} {}: {}\n\n",
            outcome_sign(report.outcome),
            words::headline(report.outcome),
            plural(view.subjects.len(), "subject")
        ));
    }
    let mut rows = ROWS;
    for subject in &view.subjects {
        subject_part(&mut out, subject, options, &mut rows);
    }
    footer(&mut out, &view);
    Ok(out.into_bytes())
}

fn subject_part(out: &mut String, subject: &SubjectView<'_>, options: &RenderOptions<'_>, rows: &mut usize) {
    let name = code(&subject.assessment.subject.name, false);
    out.push_str(&format!("## {} {}: {name}\n\n", outcome_sign(subject.outcome()), subject.headline()));
    out.push_str(&plain(&subject.facts().join(" · ")));
    if let Some(ruled) = subject.ruled_by() {
        out.push_str(&format!("  \n{}", plain(&ruled)));
    }
    out.push_str("\n\n");
    let most = if options.verbose { usize::MAX } else { LINES };
    if !subject.reasons().is_empty() {
        out.push_str("**Why**\n\n");
        for reason in subject.reasons().iter().take(most) {
            let clause = reason.clause.as_ref().map(|c| format!(" ({})", code(c, false))).unwrap_or_default();
            let text = plain(&sentence(&reason.message));
            out.push_str(&format!("- {} {text}{clause}\n", effect_sign(reason.effect)));
        }
        more(out, subject.reasons().len(), most);
        out.push('\n');
    }
    if !subject.actions.is_empty() {
        out.push_str(&format!("**What to do:** {}\n\n", subject.plan()));
        if let Some(base) = &subject.base {
            let made = base.created_by.map(|c| truncate(&sentence(c), TITLE)).unwrap_or_default();
            out.push_str(&format!("{}\n\n", plain(&base.words(&made))));
        }
        for (number, action) in subject.actions.iter().take(most).enumerate() {
            out.push_str(&format!(
                "{}. upgrade {} {} → {}: {}\n",
                number + 1,
                code(action.name, false),
                code(&action.from.join(", "), false),
                code(action.to, false),
                action.gain(),
            ));
        }
        more(out, subject.actions.len(), most);
        out.push('\n');
    }
    vulnerabilities(out, subject, options, rows);
    findings(out, subject, options, most);
    not_counted(out, subject, most);
    let lines = coverage::lines(subject);
    let title = if subject.incomplete() { "Coverage: incomplete" } else { "Coverage: complete" };
    fold(out, title, |out| {
        for line in lines.iter().take(most) {
            let hint = line.hint.as_ref().map(|h| format!(" → {}", plain(&sentence(h)))).unwrap_or_default();
            out.push_str(&format!("- {} {}{hint}\n", line.told.sign(), plain(&sentence(&line.text))));
        }
        more(out, lines.len(), most);
    });
}

fn vulnerabilities(out: &mut String, subject: &SubjectView<'_>, options: &RenderOptions<'_>, rows: &mut usize) {
    let title = format!("Vulnerabilities: {}", subject.vulnerabilities());
    if subject.affected.is_empty() {
        out.push_str(&format!("{}\n\n", plain(&title)));
        return;
    }
    // What the policy speaks of first, then as everywhere: exploited, worst, likeliest.
    let mut list = subject.affected.clone();
    list.sort_by_key(|i| std::cmp::Reverse(subject.effects.matches[*i].filter(|e| *e >= Effect::Undecided)));
    let shown = if options.verbose { list.len() } else { list.len().min(*rows) };
    *rows = rows.saturating_sub(shown);
    fold(out, &title, |out| {
        out.push_str(
            "| | severity | id | package | installed | fixed in | layer | |\n|---|---|---|---|---|---|---|---|\n",
        );
        for &index in list.iter().take(shown) {
            let m = subject.matched(index);
            let id = match words::link(&m.id) {
                Some(link) => format!("[{}]({link})", plain(&m.id)),
                None => code(&m.id, true),
            };
            let fixed = match m.fix.versions() {
                [] => words::fix(&m.fix),
                versions => code(&versions.join(", "), true),
            };
            let layer = packages_of(subject.assessment, m).next().and_then(|p| p.location.layer);
            let mut note = String::new();
            if m.known_exploited.is_some() {
                note.push_str("**known exploited** ");
            }
            if let Some(epss) = &m.epss {
                note.push_str(&format!("EPSS {} ", percent(epss.score)));
            }
            note.push_str(&plain(&truncate(&sentence(words::title(m)), TITLE)));
            out.push_str(&format!(
                "| {} | {} | {id} | {} | {} | {fixed} | {} | {note} |\n",
                subject.effects.matches[index].map_or("", effect_sign),
                m.severity,
                code(&m.name, true),
                code(&m.version, true),
                layer.map(|l| l.to_string()).unwrap_or_default(),
            ));
        }
        if shown < list.len() {
            out.push_str(&format!("\nand {} more\n", list.len() - shown));
        }
    });
}

fn findings(out: &mut String, subject: &SubjectView<'_>, options: &RenderOptions<'_>, most: usize) {
    if subject.findings.is_empty() {
        return;
    }
    fold(out, &format!("Footprint: {}", plural(subject.findings.len(), "finding")), |out| {
        for &index in subject.findings.iter().take(most) {
            let finding = subject.finding(index);
            let place = finding.locations.first().map(|l| format!(" in {}", code(&l.to_string(), false)));
            let place = place.filter(|_| finding.locations.iter().any(|l| !l.path.is_empty())).unwrap_or_default();
            let remedy = subject.remedy(index, options).map(|r| format!(" → {}", plain(&sentence(r))));
            out.push_str(&format!(
                "- {} {}, {}: {}{place}{}\n",
                subject.effects.findings[index].map_or("·", effect_sign),
                finding.severity,
                code(&finding.rule, false),
                plain(&sentence(&finding.message)),
                remedy.unwrap_or_default(),
            ));
        }
        more(out, subject.findings.len(), most);
    });
}

fn not_counted(out: &mut String, subject: &SubjectView<'_>, most: usize) {
    let unused = subject.assessment.verdict.as_ref().map_or(&[][..], |v| v.unused.as_slice());
    let count: usize = subject.hidden.iter().map(|h| h.count).sum();
    if count == 0 && unused.is_empty() {
        return;
    }
    fold(out, &format!("Not counted: {count}; matched nothing: {}", unused.len()), |out| {
        for group in subject.hidden.iter().take(most) {
            let ids: Vec<String> = group.ids.iter().take(most).map(|id| code(id, false)).collect();
            let why = plain(&sentence(&words::hidden(group.by, group.reason)));
            out.push_str(&format!("- {} {why}: {}\n", group.count, ids.join(", ")));
        }
        for text in unused.iter().take(most) {
            out.push_str(&format!("- ! {}\n", plain(&sentence(text))));
        }
        more(out, subject.hidden.len().max(unused.len()), most);
    });
}

fn footer(out: &mut String, view: &View<'_>) {
    let report = view.report;
    out.push_str("---\n\n");
    for problem in &report.problems {
        let line = coverage::of_problem(problem);
        out.push_str(&format!("- {} {}\n", line.told.sign(), plain(&sentence(&line.text))));
    }
    if report.databases.is_empty() {
        out.push_str("database: none; run `plimsoll db update`  \n");
    }
    for (text, digest) in view.databases() {
        out.push_str(&format!("database: {}, {}  \n", plain(&text), code(digest, false)));
    }
    out.push_str(&format!("policy: {}, {}  \n", plain(&view.policy()), code(&report.policy.digest, false)));
    out.push_str(&format!("judged at {} by {} {}\n", report.at, plain(&report.tool.name), plain(&report.tool.version)));
}

/// A part that opens at a click.
fn fold(out: &mut String, title: &str, body: impl FnOnce(&mut String)) {
    out.push_str(&format!("<details><summary>{}</summary>\n\n", plain(title)));
    body(out);
    out.push_str("\n</details>\n\n");
}

fn more(out: &mut String, count: usize, most: usize) {
    if count > most {
        out.push_str(&format!("\nand {} more\n", count - most));
    }
}
