//! The parts of a subject on the page, in the order of the table: verdict, why, what to do, charts, vulnerabilities,
//! footprint, what was not counted, coverage, packages.

use plimsoll_model::{Effect, Match, Severity};

use super::markup::Html;
use super::{charts, outcome_class};
use crate::options::RenderOptions;
use crate::text::paint::{effect_sign, outcome_sign};
use crate::text::safe::sentence;
use crate::text::size::{percent, plural};
use crate::view::coverage::{self, CoverageLine, Told};
use crate::view::{SubjectView, packages_of, words};

pub fn subject(page: &mut Html, subject: &SubjectView<'_>, number: usize, options: &RenderOptions<'_>, alone: bool) {
    let outcome = subject.outcome();
    page.raw("<article id=\"s").number(number).raw("\" class=\"").raw(outcome_class(outcome)).raw("\">\n<header>\n");
    page.raw(if alone { "<h1>" } else { "<h2>" }).text(&subject.assessment.subject.name);
    page.raw(if alone { "</h1>\n" } else { "</h2>\n" });
    page.raw("<p class=\"verdict ").raw(outcome_class(outcome)).raw("\"><span aria-hidden=\"true\">");
    page.raw(outcome_sign(outcome)).raw("</span> ").text(&subject.headline()).raw("</p>\n<ul class=\"facts\">");
    for fact in subject.facts() {
        page.raw("<li>").text(&fact).raw("</li>");
    }
    for place in &subject.assessment.subject.named_at {
        page.raw("<li>named at ").text(&place.to_string()).raw("</li>");
    }
    if let Some(ruled) = subject.ruled_by() {
        page.raw("<li>").text(&ruled).raw("</li>");
    }
    page.raw("</ul>\n</header>\n");
    why(page, subject);
    what_to_do(page, subject);
    charts::charts(page, subject);
    vulnerabilities(page, subject, number);
    findings(page, subject, options);
    not_counted(page, subject);
    page.raw("<section><h3>Coverage: ")
        .raw(if subject.incomplete() { "incomplete" } else { "complete" })
        .raw("</h3>\n");
    lines(page, &coverage::lines(subject));
    page.raw("</section>\n");
    packages(page, subject, number);
    page.raw("</article>\n");
}

fn effect_class(effect: Option<Effect>) -> &'static str {
    match effect {
        Some(Effect::Deny) => "deny",
        Some(Effect::Undecided) => "doubt",
        Some(Effect::Warn) => "warn",
        Some(Effect::Info) | None => "info",
    }
}

fn why(page: &mut Html, subject: &SubjectView<'_>) {
    if subject.reasons().is_empty() {
        return;
    }
    page.raw("<section><h3>Why</h3>\n<ul class=\"reasons\">\n");
    for reason in subject.reasons() {
        page.raw("<li class=\"").raw(effect_class(Some(reason.effect))).raw("\"><span class=\"sign\" title=\"");
        page.raw(words::effect(reason.effect)).raw("\">").raw(effect_sign(reason.effect)).raw("</span> <div>");
        page.text(&sentence(&reason.message));
        if let Some(clause) = &reason.clause {
            page.raw("<br><code>").text(clause).raw("</code>");
        }
        page.raw("</div></li>\n");
    }
    page.raw("</ul></section>\n");
}

fn what_to_do(page: &mut Html, subject: &SubjectView<'_>) {
    if subject.actions.is_empty() {
        return;
    }
    page.raw("<section><h3>What to do: ").text(&subject.plan()).raw("</h3>\n");
    if let Some(base) = &subject.base {
        let made = base.created_by.map(sentence).unwrap_or_default();
        page.raw("<p class=\"hint\">").text(&base.words(&made)).raw("</p>\n");
    }
    page.raw("<ol class=\"actions\">\n");
    for action in &subject.actions {
        page.raw("<li>upgrade <b>").text(action.name).raw("</b> <code>").text(&action.from.join(", "));
        page.raw("</code> → <code>").text(action.to).raw("</code> <span class=\"faint\">").text(&action.gain());
        page.raw("</span></li>\n");
    }
    page.raw("</ol></section>\n");
}

fn vulnerabilities(page: &mut Html, subject: &SubjectView<'_>, number: usize) {
    page.raw("<section><h3>Vulnerabilities: ").text(&subject.vulnerabilities()).raw("</h3>\n");
    if subject.affected.is_empty() {
        page.raw("</section>\n");
        return;
    }
    page.raw("<div class=\"filter\" data-for=\"v")
        .number(number)
        .raw("\"><input type=\"search\" placeholder=\"filter by any word\" aria-label=\"Filter vulnerabilities\">");
    for (severity, _) in subject.counts.present() {
        page.raw("<label><input type=\"checkbox\" checked value=\"").raw(severity.name()).raw("\"> ");
        page.raw(severity.name()).raw("</label>");
    }
    page.raw("<output></output></div>\n<div class=\"scroll\"><table class=\"sortable\" id=\"v").number(number);
    page.raw("\"><thead><tr><th><span class=\"hidden\">Effect</span></th><th>Severity</th><th>Id</th><th>Package</th><th>Installed</th><th>Fixed in</th><th>Layer</th><th>EPSS</th><th>What</th></tr></thead>\n<tbody>\n");
    for &index in &subject.affected {
        row(page, subject, index);
    }
    page.raw("</tbody></table></div></section>\n");
}

fn row(page: &mut Html, subject: &SubjectView<'_>, index: usize) {
    let m = subject.matched(index);
    let effect = subject.effects.matches[index];
    page.raw("<tr data-severity=\"").raw(m.severity.name()).raw("\"><td class=\"sign ").raw(effect_class(effect));
    page.raw("\" data-sort=\"").number(effect.map_or(0, |e| e as usize + 1)).raw("\"");
    if let Some(effect) = effect {
        page.raw(" title=\"").raw(words::effect(effect)).raw("\">").raw(effect_sign(effect));
    } else {
        page.raw(">");
    }
    page.raw("</td><td data-sort=\"").number(m.severity.rank().into()).raw("\">");
    badge(page, m.severity);
    page.raw("</td><td class=\"id\">");
    match words::link(&m.id) {
        Some(link) => {
            page.raw("<a rel=\"noreferrer\" href=\"").text(&link).raw("\">").text(&m.id).raw("</a>");
        }
        None => {
            page.text(&m.id);
        }
    }
    if m.known_exploited.is_some() {
        page.raw(
            " <span class=\"badge kev\" title=\"in CISA's catalogue of known exploited vulnerabilities\">KEV</span>",
        );
    }
    let first = packages_of(subject.assessment, m).next();
    page.raw("</td><td class=\"package\"><b>").text(&m.name).raw("</b>");
    let installed: Vec<&str> = packages_of(subject.assessment, m).map(|p| p.name.as_str()).collect();
    if first.is_some_and(|p| p.ecosystem.is_os()) && installed != [m.name.as_str()] {
        page.raw("<br><span class=\"faint\">").text(&installed.join(", ")).raw("</span>");
    } else if let Some(p) = first.filter(|p| !p.ecosystem.is_os() && !p.location.path.is_empty()) {
        page.raw("<br><span class=\"faint\">").text(&p.location.path).raw("</span>");
    }
    page.raw("</td><td class=\"version\"><code>").text(&m.version).raw("</code></td><td class=\"version\">");
    fixed_in(page, m);
    page.raw("</td><td>");
    if let Some(layer) = first.and_then(|p| p.location.layer) {
        page.number(layer);
    }
    page.raw("</td><td data-sort=\"").text(&m.epss.as_ref().map_or("0".into(), |e| e.score.to_string())).raw("\">");
    if let Some(epss) = &m.epss {
        page.text(&percent(epss.score));
    }
    page.raw("</td><td class=\"what\">").text(&sentence(words::title(m))).raw("</td></tr>\n");
}

fn fixed_in(page: &mut Html, m: &Match) {
    if m.fix.versions().is_empty() {
        page.raw("<span class=\"faint\">").text(&words::fix(&m.fix)).raw("</span>");
    } else {
        page.raw("<code>").text(&m.fix.versions().join(", ")).raw("</code>");
        if let Some(since) = words::fixed_since(&m.fix) {
            page.raw("<br><span class=\"faint\">").text(&since).raw("</span>");
        }
    }
}

fn badge(page: &mut Html, severity: Severity) {
    page.raw("<span class=\"badge ").raw(severity.name()).raw("\">").raw(severity.name()).raw("</span>");
}

fn findings(page: &mut Html, subject: &SubjectView<'_>, options: &RenderOptions<'_>) {
    if subject.findings.is_empty() {
        return;
    }
    page.raw("<section><h3>Footprint: ")
        .text(&plural(subject.findings.len(), "finding"))
        .raw("</h3>\n<ul class=\"findings\">\n");
    for &index in &subject.findings {
        let finding = subject.finding(index);
        let effect = subject.effects.findings[index];
        page.raw("<li class=\"").raw(effect_class(effect)).raw("\"><span class=\"sign\">");
        page.raw(effect.map_or("·", effect_sign)).raw("</span> <div>");
        badge(page, finding.severity);
        page.raw(" <b>").text(&finding.rule).raw("</b>: ").text(&sentence(&finding.message));
        if let Some(remedy) = subject.remedy(index, options) {
            page.raw("<br>→ ").text(&sentence(remedy));
        }
        if let Some(rule) = options.rule(&finding.rule) {
            page.raw("<br><span class=\"faint\">").text(rule.why).raw("</span>");
        }
        let places: Vec<String> = finding
            .locations
            .iter()
            .filter(|l| !l.path.is_empty())
            .map(|l| match l.layer {
                Some(layer) => format!("{l} (layer {layer})"),
                None => l.to_string(),
            })
            .collect();
        if !places.is_empty() {
            let open = places.len() <= 3;
            page.raw(if open { "<details open><summary>" } else { "<details><summary>" });
            page.text(&plural(places.len(), "place")).raw("</summary><ul class=\"places\">");
            for place in places {
                page.raw("<li><code>").text(&place).raw("</code></li>");
            }
            page.raw("</ul></details>");
        }
        page.raw("</div></li>\n");
    }
    page.raw("</ul></section>\n");
}

fn not_counted(page: &mut Html, subject: &SubjectView<'_>) {
    let unused = subject.assessment.verdict.as_ref().map_or(&[][..], |v| v.unused.as_slice());
    let count: usize = subject.hidden.iter().map(|h| h.count).sum();
    if count > 0 {
        page.raw("<section><h3>Not counted: ").number(count).raw("</h3>\n<ul>\n");
        for group in &subject.hidden {
            page.raw("<li><b>").number(group.count).raw("</b> ");
            page.text(&sentence(&words::hidden(group.by, group.reason))).raw("<br><span class=\"faint\">");
            page.text(&group.ids.join(", ")).raw("</span></li>\n");
        }
        page.raw("</ul></section>\n");
    }
    if !unused.is_empty() {
        page.raw("<section><h3>Matched nothing: take it out of the policy, or mend it</h3>\n<ul>\n");
        for text in unused {
            page.raw("<li>").text(&sentence(text)).raw("</li>\n");
        }
        page.raw("</ul></section>\n");
    }
}

/// Lines of coverage, with their ways out.
pub fn lines(page: &mut Html, lines: &[CoverageLine]) {
    page.raw("<ul class=\"reasons\">\n");
    for line in lines {
        let class = match line.told {
            Told::Fully => "good",
            Told::Baseline => "warn",
            Told::Not => "doubt",
            Told::Note => "info",
        };
        page.raw("<li class=\"").raw(class).raw("\"><span class=\"sign\">").raw(line.told.sign()).raw("</span> <div>");
        page.text(&sentence(&line.text));
        if let Some(hint) = &line.hint {
            page.raw("<br>→ ").text(&sentence(hint));
        }
        page.raw("</div></li>\n");
    }
    page.raw("</ul>\n");
}

fn packages(page: &mut Html, subject: &SubjectView<'_>, number: usize) {
    let packages = &subject.assessment.inventory.packages;
    if packages.is_empty() {
        return;
    }
    page.raw("<section><details><summary><h3>Packages: ").number(packages.len()).raw("</h3></summary>\n");
    page.raw("<div class=\"filter\" data-for=\"p").number(number);
    page.raw("\"><input type=\"search\" placeholder=\"filter by any word\" aria-label=\"Filter packages\"><output></output></div>\n");
    page.raw("<div class=\"scroll\"><table class=\"sortable\" id=\"p").number(number);
    page.raw("\"><thead><tr><th>Name</th><th>Version</th><th>Kind</th><th>Licence</th><th>Layer</th><th>Place</th></tr></thead>\n<tbody>\n");
    for p in packages {
        page.raw("<tr><td><b>").text(&p.name).raw("</b></td><td><code>").text(&p.version).raw("</code></td><td>");
        page.raw(p.ecosystem.purl_type()).raw("</td><td>").text(&p.licenses.join(", ")).raw("</td><td>");
        if let Some(layer) = p.location.layer {
            page.number(layer);
        }
        page.raw("</td><td><code>").text(&p.location.to_string()).raw("</code></td></tr>\n");
    }
    page.raw("</tbody></table></div></details></section>\n");
}
