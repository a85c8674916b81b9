//! Charts as inline SVG. In: counts and sizes. Out: drawings whose every figure also stands beside them as text. Colours
//! come from the style sheet by class; positions are attributes, for the page allows no inline style.

use super::markup::Html;
use crate::text::safe::sentence;
use crate::text::size::bytes;
use crate::text::wrap::truncate;
use crate::view::{Counts, SubjectView};

/// Columns of a layer's instruction.
const INSTRUCTION: usize = 90;

pub fn charts(page: &mut Html, subject: &SubjectView<'_>) {
    page.raw("<div class=\"charts\">");
    if subject.counts.total > 0 {
        severities(page, &subject.counts);
        fixable(page, &subject.counts);
    }
    layers(page, subject);
    page.raw("</div>\n");
}

/// Parts of 10,000, so that charts need no floating point.
fn share(part: u64, of: u64) -> u64 {
    if of == 0 { 0 } else { u64::try_from(u128::from(part) * 10_000 / u128::from(of)).unwrap_or(10_000) }
}

fn severities(page: &mut Html, counts: &Counts) {
    page.raw("<figure><figcaption>Vulnerabilities by severity</figcaption>\n");
    stack(page, counts, counts.total);
    page.raw("\n<ul class=\"legend\">");
    for (severity, count) in counts.present() {
        page.raw("<li><span class=\"badge ").raw(severity.name()).raw("\">").raw(severity.name()).raw("</span> <b>");
        page.number(count).raw("</b></li>");
    }
    page.raw("</ul></figure>\n");
}

/// Severities side by side, worst first; the bar is full at `most` matches.
fn stack(page: &mut Html, counts: &Counts, most: usize) {
    page.raw("<svg class=\"stack\" viewBox=\"0 0 100 10\" preserveAspectRatio=\"none\" role=\"img\" aria-label=\"");
    page.text(&counts.words()).raw("\">");
    let mut x = 0;
    for (severity, count) in counts.present() {
        let width = share(count as u64, most as u64);
        page.raw("<rect class=\"fill-").raw(severity.name()).raw("\" y=\"0\" height=\"10\" x=\"").hundredths(x);
        page.raw("\" width=\"").hundredths(width).raw("\"/>");
        x += width;
    }
    page.raw("</svg>");
}

fn fixable(page: &mut Html, counts: &Counts) {
    // A circle of radius 15.9155 has a circumference of 100.
    let with = share(counts.fixable as u64, counts.total as u64);
    page.raw("<figure><figcaption>With a fix</figcaption>\n<div class=\"donut\"><svg viewBox=\"0 0 42 42\" role=\"img\" aria-label=\"");
    page.number(counts.fixable).raw(" of ").number(counts.total).raw(" have a fix\">");
    page.raw("<circle class=\"ring\" cx=\"21\" cy=\"21\" r=\"15.9155\"/>");
    if with > 0 {
        page.raw("<circle class=\"arc\" cx=\"21\" cy=\"21\" r=\"15.9155\" transform=\"rotate(-90 21 21)\" stroke-dasharray=\"");
        page.hundredths(with).raw(" ").hundredths(10_000 - with).raw("\"/>");
    }
    page.raw("<text x=\"21\" y=\"21\" dy=\"0.35em\" text-anchor=\"middle\">").hundredths_as_percent(with);
    page.raw("</text></svg><ul class=\"legend column\"><li><b>")
        .number(counts.fixable)
        .raw("</b> have a fix</li><li><b>");
    page.number(counts.total - counts.fixable).raw("</b> have none</li>");
    if counts.known_exploited > 0 {
        page.raw("<li><b>")
            .number(counts.known_exploited)
            .raw("</b> <span class=\"badge kev\">KEV</span> known exploited</li>");
    }
    page.raw("</ul></div></figure>\n");
}

fn layers(page: &mut Html, subject: &SubjectView<'_>) {
    let assessment = subject.assessment;
    let layers = &assessment.inventory.layers;
    if layers.is_empty() {
        return;
    }
    let size = |l: &plimsoll_model::Layer| if l.unpacked_size > 0 { l.unpacked_size } else { l.size };
    let most = subject.layers.iter().map(|l| l.counts.total).max().unwrap_or(0);
    let largest = layers.iter().map(size).max().unwrap_or(0);
    let mut wasted = vec![0u64; layers.len()];
    for file in &assessment.inventory.wasted {
        if let Some(sum) = file.location.layer.and_then(|l| wasted.get_mut(l)) {
            *sum = sum.saturating_add(file.size);
        }
    }
    page.raw("<figure class=\"wide\"><figcaption>Layers, lowest first");
    if wasted.iter().any(|w| *w > 0) {
        page.raw("; in orange: bytes that a later layer hides");
    }
    page.raw("</figcaption>\n<div class=\"scroll\"><table class=\"layers\"><thead><tr><th>Layer</th><th class=\"number\">Size</th><th class=\"number\">Wasted</th><th></th><th class=\"number\">Vulnerabilities</th><th></th><th>Made by</th></tr></thead><tbody>\n");
    for (index, layer) in layers.iter().enumerate() {
        let (all, waste) = (size(layer), wasted[index].min(size(layer)));
        page.raw("<tr><th scope=\"row\">")
            .number(index)
            .raw("</th><td class=\"number\">")
            .text(&bytes(all))
            .raw("</td><td class=\"number\">");
        if wasted[index] > 0 {
            page.text(&bytes(wasted[index]));
        }
        page.raw(
            "</td><td class=\"bar\"><svg viewBox=\"0 0 100 8\" preserveAspectRatio=\"none\" aria-hidden=\"true\">",
        );
        page.raw("<rect class=\"size\" x=\"0\" y=\"0\" height=\"8\" width=\"").hundredths(share(all, largest));
        page.raw("\"/><rect class=\"waste\" x=\"0\" y=\"0\" height=\"8\" width=\"").hundredths(share(waste, largest));
        page.raw("\"/></svg></td><td class=\"number\">");
        let found = subject.layers.iter().find(|l| l.layer == Some(index)).map(|l| l.counts);
        if let Some(counts) = found {
            page.number(counts.total);
        }
        page.raw("</td><td class=\"bar\">");
        if let Some(counts) = found {
            stack(page, &counts, most);
        }
        page.raw("</td><td><code>");
        page.text(&truncate(&sentence(layer.created_by.as_deref().unwrap_or("")), INSTRUCTION));
        page.raw("</code></td></tr>\n");
    }
    page.raw("</tbody></table></div></figure>\n");
}
