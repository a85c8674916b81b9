//! One HTML page by itself. In: a report. Out: a page that fetches nothing, says everything without JavaScript, sorts and
//! filters with it, follows light and dark, and prints. Its security policy lets only its own style and script run, by
//! their hashes, so that even a slip in escaping would run nothing.

mod charts;
pub(crate) mod markup;
mod parts;

use plimsoll_model::Report;
use sha2::{Digest as _, Sha256};

use crate::canonical::canonical;
use crate::options::{RenderOptions, ReportError};
use crate::text::paint::outcome_sign;
use crate::text::size::plural;
use crate::view::{View, coverage, words};
use markup::Html;

const STYLE: &str = include_str!("html/style.css");
const SCRIPT: &str = include_str!("html/page.js");

pub fn render(report: &Report, options: &RenderOptions<'_>) -> Result<Vec<u8>, ReportError> {
    let report = canonical(report);
    let view = View::new(&report, options);
    let mut page = Html::default();
    head(&mut page, &view);
    page.raw("<body>\n<main>\n");
    top(&mut page, &view);
    for (number, subject) in view.subjects.iter().enumerate() {
        parts::subject(&mut page, subject, number, options, view.subjects.len() == 1);
    }
    page.raw("</main>\n");
    footer(&mut page, &view);
    end(&mut page);
    Ok(page.finish())
}

fn head(page: &mut Html, view: &View<'_>) {
    begin(
        page,
        &match view.subjects.as_slice() {
            [one] => format!("{}: {}", one.assessment.subject.name, one.outcome().word()),
            several => format!("{}: {}", plural(several.len(), "subject"), view.report.outcome.word()),
        },
    );
}

/// The page's head, up to its body.
pub(crate) fn begin(page: &mut Html, title: &str) {
    page.raw("<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n");
    page.raw("<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'sha256-");
    page.text(&hash(STYLE)).raw("'; script-src 'sha256-").text(&hash(SCRIPT));
    page.raw("'; base-uri 'none'; form-action 'none'\">\n");
    page.raw("<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n");
    page.raw("<meta name=\"color-scheme\" content=\"light dark\">\n<meta name=\"referrer\" content=\"no-referrer\">\n<title>");
    page.text(title).raw("</title>\n<style>").raw(STYLE).raw("</style>\n</head>\n");
}

/// The page's end, after its footer.
pub(crate) fn end(page: &mut Html) {
    page.raw("<script>").raw(SCRIPT).raw("</script>\n</body>\n</html>\n");
}

fn top(page: &mut Html, view: &View<'_>) {
    if let Some(warning) = view.baseline_warning() {
        page.raw("<p class=\"alarm\" role=\"alert\"><strong>Only the embedded baseline was used.</strong> ");
        page.text(&warning).raw("</p>\n");
    }
    if view.subjects.len() == 1 {
        return;
    }
    let outcome = view.report.outcome;
    page.raw("<h1>").text(&plural(view.subjects.len(), "subject")).raw(": <span class=\"word ");
    page.raw(outcome_class(outcome)).raw("\">").raw(outcome_sign(outcome)).raw(" ").raw(words::headline(outcome));
    page.raw("</span></h1>\n<ul class=\"toc\">\n");
    for (number, subject) in view.subjects.iter().enumerate() {
        let outcome = subject.outcome();
        page.raw("<li><span class=\"word ").raw(outcome_class(outcome)).raw("\">").raw(outcome_sign(outcome)).raw(" ");
        page.raw(outcome.word()).raw("</span> <a href=\"#s").number(number).raw("\">");
        page.text(&subject.assessment.subject.name).raw("</a> <span class=\"faint\">");
        page.raw("vulnerabilities: ").text(&subject.vulnerabilities());
        if let Some(how) = subject.softened() {
            page.raw("; ").raw(how);
        }
        page.raw("</span></li>\n");
    }
    page.raw("</ul>\n");
}

fn footer(page: &mut Html, view: &View<'_>) {
    let report = view.report;
    page.raw("<footer>\n");
    if !report.problems.is_empty() {
        let lines: Vec<_> = report.problems.iter().map(coverage::of_problem).collect();
        parts::lines(page, &lines);
    }
    page.raw("<dl>\n");
    if report.databases.is_empty() {
        page.raw("<dt>database</dt><dd>none; run <code>plimsoll db update</code></dd>\n");
    }
    for (text, digest) in view.databases() {
        page.raw("<dt>database</dt><dd>").text(&text).raw("<br><code>").text(digest).raw("</code></dd>\n");
    }
    page.raw("<dt>policy</dt><dd>").text(&view.policy()).raw("<br><code>").text(&report.policy.digest);
    page.raw("</code></dd>\n<dt>judged</dt><dd>at ").text(&report.at.to_string()).raw(" by ");
    page.text(&report.tool.name).raw(" ").text(&report.tool.version).raw("</dd>\n</dl>\n</footer>\n");
}

pub fn outcome_class(outcome: plimsoll_model::Outcome) -> &'static str {
    match outcome {
        plimsoll_model::Outcome::Allowed => "allowed",
        plimsoll_model::Outcome::Undecided => "undecided",
        plimsoll_model::Outcome::Denied => "denied",
    }
}

/// SHA-256 in base64, as a content security policy names what it lets run (CSP level 3, §2.3.1).
fn hash(text: &str) -> String {
    const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let hash = Sha256::digest(text.as_bytes());
    let mut out = String::with_capacity(44);
    for chunk in hash.chunks(3) {
        let bits = chunk.iter().fold(0u32, |bits, b| bits << 8 | u32::from(*b)) << (8 * (3 - chunk.len()));
        for position in 0..4 {
            let letter = LETTERS[(bits >> (18 - 6 * position)) as usize & 63];
            out.push(if position <= chunk.len() { char::from(letter) } else { '=' });
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hashes_are_base64() {
        // printf '' | openssl dgst -sha256 -binary | base64
        assert_eq!(hash(""), "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=");
    }

    #[test]
    fn script_cannot_end_itself() {
        assert!(!SCRIPT.contains("</") && !STYLE.contains("</"));
    }
}
