//! A replay as one page by itself, in the style of the report's. In: what it found. Out: a page that fetches nothing and says
//! everything without JavaScript.

use super::{Change, Replay};
use crate::formats::html::markup::Html;
use crate::formats::html::{begin, end};
use crate::options::{RenderOptions, ReportError};
use crate::text::safe::safe;
use crate::text::size::plural;

/// Rows of one change; a page of more is one that browsers choke on.
const MAX_ROWS: usize = 5000;

pub fn render(replay: &Replay, _: &RenderOptions<'_>) -> Result<Vec<u8>, ReportError> {
    let mut page = Html::default();
    let name = safe(&replay.against.name).into_owned();
    begin(&mut page, &format!("What the policy {name} would change"));
    page.raw("<body>\n<main>\n<article class=\"").raw(class(replay)).raw("\">\n<header>\n<h1>What the policy ");
    page.text(&name).raw(" would change</h1>\n<p class=\"verdict ").raw(class(replay)).raw("\">");
    page.text(&headline(replay)).raw("</p>\n<ul class=\"facts\"><li>");
    page.text(&plural(replay.reviews, "review")).raw("</li><li>compared with ").text(&safe(&replay.compared()));
    page.raw("</li>");
    if let (Some(first), Some(last)) = (&replay.first, &replay.last) {
        page.raw("<li>from ").text(&safe(first)).raw(" to ").text(&safe(last)).raw("</li>");
    }
    page.raw("</ul>\n</header>\n<section><h3>In sum</h3>\n<table><tbody>\n");
    for change in Change::ALL {
        page.raw("<tr><td class=\"").raw(sign(change)).raw("\">").raw(change.words()).raw("</td><td>");
        page.number(replay.count(change)).raw("</td></tr>\n");
    }
    page.raw("<tr><td>unchanged</td><td>").number(replay.unchanged).raw("</td></tr>\n</tbody></table></section>\n");
    for (number, change) in Change::ALL.into_iter().enumerate() {
        section(&mut page, replay, change, number);
    }
    page.raw("</article>\n</main>\n<footer>\n");
    if !replay.notes.is_empty() {
        page.raw("<ul>\n");
        for note in &replay.notes {
            page.raw("<li>").text(&safe(note)).raw("</li>\n");
        }
        page.raw("</ul>\n");
    }
    page.raw("<dl>\n<dt>policy</dt><dd>").text(&name).raw("<br><code>").text(&replay.against.digest);
    page.raw("</code></dd>\n");
    if let Some(policy) = &replay.in_force {
        page.raw("<dt>in force</dt><dd>").text(&safe(&policy.name)).raw("<br><code>").text(&policy.digest);
        page.raw("</code></dd>\n");
    }
    page.raw("<dt>made by</dt><dd>").text(&replay.tool.name).raw(" ").text(&replay.tool.version);
    page.raw("</dd>\n</dl>\n</footer>\n");
    end(&mut page);
    Ok(page.finish())
}

fn section(page: &mut Html, replay: &Replay, change: Change, number: usize) {
    let rows = replay.rows(change);
    if rows.is_empty() {
        return;
    }
    page.raw("<section><h3>")
        .raw(change.words())
        .raw(": ")
        .text(&plural(replay.count(change), "review"))
        .raw("</h3>\n");
    page.raw("<p class=\"filter\" data-for=\"t")
        .number(number)
        .raw("\"><input type=\"search\" placeholder=\"filter\" ");
    page.raw(
        "aria-label=\"filter the rows\"> <output class=\"faint\"></output></p>\n<div class=\"scroll\"><table id=\"t",
    );
    page.number(number).raw("\" class=\"sortable\"><thead><tr><th>Namespace</th><th>Workload</th><th>Rule</th>");
    page.raw("<th>Reviews</th><th>Why</th><th>Last</th></tr></thead>\n<tbody>\n");
    for row in rows.iter().take(MAX_ROWS) {
        page.raw("<tr><td>").text(&safe(row.workload.namespace.as_deref().unwrap_or("-"))).raw("</td><td>");
        page.text(&safe(&row.workload.to_string())).raw("</td><td><code>").text(&safe(&row.rule));
        page.raw("</code></td><td data-sort=\"").number(row.reviews).raw("\">").number(row.reviews);
        page.raw("</td><td class=\"what\">");
        for image in &row.images {
            page.raw("<code>").text(&safe(image)).raw("</code> ");
        }
        page.text(&safe(&row.message)).raw("</td><td class=\"faint\">").text(&safe(&row.last)).raw("</td></tr>\n");
    }
    page.raw("</tbody></table></div>\n");
    if rows.len() > MAX_ROWS {
        page.raw("<p class=\"faint\">").text(&plural(rows.len() - MAX_ROWS, "more row"));
        page.raw("; <code>--format json</code> has all.</p>\n");
    }
    page.raw("</section>\n");
}

fn headline(replay: &Replay) -> String {
    let said: Vec<String> = Change::ALL
        .into_iter()
        .filter(|change| replay.count(*change) > 0)
        .map(|change| format!("{} {}", replay.count(change), change.words()))
        .collect();
    if said.is_empty() { "nothing would change".to_owned() } else { said.join(", ") }
}

fn class(replay: &Replay) -> &'static str {
    let has = |change| replay.count(change) > 0;
    match (has(Change::NewlyDenied), has(Change::NewlyUndecided) || has(Change::NotJudged)) {
        (true, _) => "denied",
        (false, true) => "undecided",
        (false, false) => "allowed",
    }
}

fn sign(change: Change) -> &'static str {
    match change {
        Change::NewlyDenied => "deny",
        Change::NewlyUndecided | Change::NotJudged => "doubt",
        Change::NewlyWarned => "warn",
        _ => "",
    }
}
