//! Vulnerabilities in the table: by layer, then by package and fix, worst first.

use std::cmp::Reverse;

use plimsoll_model::{Effect, Fix, Match, Severity};

use super::page::Page;
use crate::text::paint::{Ink, severity_ink};
use crate::text::safe::{safe, sentence};
use crate::text::size::{bytes, percent, plural};
use crate::text::wrap::{truncate, width};
use crate::view::groups::{LayerGroup, PackageGroup};
use crate::view::{Counts, SubjectView, words};

/// Names of packages in one folded line.
const NAMES: usize = 12;
/// Packages of one layer before "and 12 more".
const PACKAGES: usize = 25;
/// Matches of one package before "and 12 more".
const MATCHES: usize = 6;
/// From this EPSS score on the mark is shown in a strong colour: the likeliest few in a hundred.
const LIKELY: f64 = 0.1;

pub fn part(page: &mut Page<'_>, subject: &SubjectView<'_>) {
    page.heading(&format!("Vulnerabilities: {}", subject.vulnerabilities()));
    for layer in &subject.layers {
        layer_part(page, subject, layer);
    }
}

fn layer_part(page: &mut Page<'_>, subject: &SubjectView<'_>, layer: &LayerGroup<'_>) {
    page.gap();
    if let Some(index) = layer.layer {
        let facts = subject.assessment.inventory.layers.get(index);
        let mut text = format!("Layer {index}");
        if let Some(size) = facts.map(|l| if l.unpacked_size > 0 { l.unpacked_size } else { l.size }) {
            text.push_str(&format!(", {}", bytes(size)));
        }
        text.push_str(&format!(": {}", layer.counts.words()));
        if let Some(made) = layer.created_by {
            text.push_str(&format!(" · {}", sentence(made)));
        }
        page.cut(2, &[("▌ ", Ink::Link, 2)], &text, Ink::Link);
    } else if subject.layers.len() > 1 {
        page.text(2, "▌ ", Ink::Link, &format!("In no layer: {}", layer.counts.words()), Ink::Link);
    }
    let (shown, folded): (Vec<_>, Vec<_>) =
        layer.packages.iter().partition(|p| page.options.verbose || worth_showing(subject, p));
    let mut shown = shown;
    // What denies must not fall behind "and 12 more"; the sort is stable, so that the rest stays worst first.
    shown.sort_by_key(|p| Reverse(p.matches.iter().filter_map(|i| subject.effects.matches[*i]).max()));
    let (shown, rest) = shown.split_at(page.limit(shown.len(), PACKAGES));
    for package in shown {
        package_part(page, subject, package);
    }
    if !rest.is_empty() {
        let counts = Counts::of(rest.iter().flat_map(|p| &p.matches).map(|i| subject.matched(*i)));
        let text = format!(
            "and {} in {} (--verbose lists them)",
            words::cleared(&counts),
            plural(rest.len(), "package").replacen(' ', " more ", 1)
        );
        page.text(4, "", Ink::Plain, &text, Ink::Faint);
    }
    if !folded.is_empty() {
        let counts = Counts::of(folded.iter().flat_map(|p| &p.matches).map(|i| subject.matched(*i)));
        let mut names: Vec<&str> = folded.iter().map(|p| p.name).collect();
        names.sort_unstable();
        names.dedup();
        let most = page.limit(names.len(), NAMES);
        let more = if most < names.len() { format!(" and {} more", names.len() - most) } else { String::new() };
        let text = format!(
            "without a fix: {} in {}{more} (--verbose lists them)",
            words::cleared(&counts),
            names[..most].join(", ")
        );
        page.text(4, "", Ink::Plain, &sentence(&text), Ink::Faint);
    }
}

/// What has no fix and is neither grave nor of weight to the policy is folded into one line.
fn worth_showing(subject: &SubjectView<'_>, package: &PackageGroup<'_>) -> bool {
    package.upgrade_to.is_some()
        || package.matches.iter().any(|i| {
            let m = subject.matched(*i);
            m.severity >= Severity::High
                || m.known_exploited.is_some()
                || subject.effects.matches[*i].is_some_and(|e| e >= Effect::Undecided)
        })
}

fn package_part(page: &mut Page<'_>, subject: &SubjectView<'_>, package: &PackageGroup<'_>) {
    let mut head = format!("{} {}", safe(package.name), safe(package.version));
    match package.upgrade_to {
        Some(version) => head.push_str(&format!(" → {}", safe(version))),
        None => head.push_str(", nothing to upgrade to"),
    }
    page.text(4, "", Ink::Plain, &head, Ink::Strong);
    let mut where_it_is: Vec<String> = Vec::new();
    if !package.path.is_empty() {
        where_it_is.push(package.path.to_owned());
    }
    if !package.binaries.is_empty() {
        let shown = page.limit(package.binaries.len(), 6);
        let mut text = format!("installed as {}", package.binaries[..shown].join(", "));
        if shown < package.binaries.len() {
            text.push_str(&format!(" and {} more", package.binaries.len() - shown));
        }
        where_it_is.push(text);
    }
    if !where_it_is.is_empty() {
        page.text(6, "", Ink::Plain, &safe(&where_it_is.join(" · ")), Ink::Faint);
    }
    let shown = page.limit(package.matches.len(), MATCHES);
    let columns = package.matches.iter().take(shown).map(|i| width(&safe(&subject.matched(*i).id))).max();
    let columns = columns.unwrap_or(0).clamp(14, 24);
    let marks = Marks::of(package.matches.iter().take(shown).map(|i| subject.matched(*i)));
    for &index in package.matches.iter().take(shown) {
        match_line(page, subject, index, columns, marks);
    }
    if let Some(rest) = package.matches.get(shown..).filter(|r| !r.is_empty()) {
        let counts = Counts::of(rest.iter().map(|i| subject.matched(*i)));
        let text = format!("and {} more: {} (--verbose shows all)", rest.len(), counts.words());
        page.text(8, "", Ink::Plain, &text, Ink::Faint);
    }
}

/// Columns of the marks: none where no match of the package bears them, so that the title has the room.
#[derive(Clone, Copy)]
struct Marks {
    kev: usize,
    epss: usize,
}

impl Marks {
    fn of<'m>(mut matches: impl Iterator<Item = &'m Match> + Clone) -> Marks {
        Marks {
            kev: if matches.clone().any(|m| m.known_exploited.is_some()) { 4 } else { 0 },
            epss: if matches.any(|m| m.epss.is_some()) { 11 } else { 0 },
        }
    }
}

fn match_line(page: &mut Page<'_>, subject: &SubjectView<'_>, index: usize, id_columns: usize, marks: Marks) {
    let m = subject.matched(index);
    let sign = match subject.effects.matches[index] {
        Some(Effect::Deny) => ("✗ ", Ink::Bad),
        Some(Effect::Undecided) => ("? ", Ink::Doubt),
        Some(Effect::Warn) => ("! ", Ink::Warn),
        _ => ("  ", Ink::Plain),
    };
    let id = truncate(&safe(&m.id), id_columns);
    let kev = if m.known_exploited.is_some() { "KEV" } else { "" };
    let epss = m.epss.as_ref().map(|e| (percent(e.score), e.score >= LIKELY));
    let epss_text = epss.as_ref().map_or(String::new(), |(text, _)| format!("EPSS {text}"));
    let epss_ink = if epss.is_some_and(|(_, likely)| likely) { Ink::Bad } else { Ink::Faint };
    // Columns that hold nothing for narrow terminals give their room to the title.
    let cells = [
        (sign.0, sign.1, 2),
        (m.severity.upper(), severity_ink(m.severity), 9),
        (id.as_str(), Ink::Plain, id_columns + 1),
        (kev, Ink::Alarm, marks.kev),
        (epss_text.as_str(), epss_ink, marks.epss),
    ];
    let title = note(m);
    let since = words::fixed_since(&m.fix).filter(|_| page.options.verbose);
    if page.width >= 96 {
        page.cut(6, &cells, &title, Ink::Plain);
    } else {
        page.cut(6, &cells, "", Ink::Plain);
        if !title.is_empty() {
            page.cut(8, &[], &title, Ink::Faint);
        }
    }
    if let Some(since) = since {
        page.text(8, "", Ink::Plain, &format!("fixed {since}"), Ink::Faint);
    }
}

/// The title, and the fix where it says more than "there is none" or "upgrade".
fn note(m: &Match) -> String {
    let title = sentence(words::title(m));
    match &m.fix {
        Fix::Available { .. } | Fix::None => title,
        other => format!("({}) {title}", words::fix(other)),
    }
}
