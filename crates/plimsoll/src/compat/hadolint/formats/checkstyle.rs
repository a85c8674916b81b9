//! Checkstyle's XML.

use std::fmt::Write as _;

use super::super::report::Item;
use super::Facts;
use super::xml::attribute;

/// One document.
pub fn checkstyle(facts: &Facts<'_>) -> String {
    let mut out = "<?xml version=\"1.0\" encoding=\"UTF-8\"?><checkstyle version=\"4.3\">".to_owned();
    for report in facts.reports {
        let _ = write!(out, "<file name=\"{}\"", attribute(&report.path));
        let items = report.items();
        if items.is_empty() {
            out.push_str("/>");
            continue;
        }
        out.push('>');
        for item in items {
            let _ = write!(
                out,
                "<error column=\"{}\" line=\"{}\" message=\"{}\" severity=\"{}\"",
                item.column(),
                item.line(),
                attribute(item.message()),
                item.level().name()
            );
            // What could not be read comes from no rule.
            if let Item::Entry(entry) = item {
                let _ = write!(out, " source=\"{}\"", attribute(&entry.code));
            }
            out.push_str("/>");
        }
        out.push_str("</file>");
    }
    out.push_str("</checkstyle>");
    out
}
