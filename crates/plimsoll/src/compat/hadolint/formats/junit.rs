//! JUnit's XML: a suite for each file, a case for each finding.

use std::fmt::Write as _;

use super::super::flags::SPOKEN;
use super::super::report::{FileReport, Item};
use super::Facts;
use super::xml::{attribute, text};

/// One document; its times are in UTC.
pub fn junit(facts: &Facts<'_>) -> String {
    let at = facts.at.to_zoned(jiff::tz::TimeZone::UTC);
    let mut out = format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?><testsuites id=\"{}\" name=\"Hadolint run at {}\" time=\"0.001\">",
        at.strftime("%Y%m%d_%H%M%S"),
        at.strftime("%Y-%m-%d %H:%M:%S")
    );
    for report in facts.reports {
        suite(&mut out, report);
    }
    out.push_str("</testsuites>");
    out
}

fn suite(out: &mut String, report: &FileReport) {
    let (faults, all) = (report.faults(), report.faults() + report.entries());
    let _ = write!(
        out,
        "<testsuite errors=\"{faults}\" failures=\"{all}\" id=\"hadolint\" name=\"Hadolint {SPOKEN}\" time=\"0.001\""
    );
    if all == 0 {
        out.push_str("/>");
        return;
    }
    out.push('>');
    let path = text(&report.path);
    for item in report.items() {
        let (line, message) = (item.line(), item.message());
        let _ = match item {
            Item::Entry(entry) => {
                let (code, level) = (attribute(&entry.code), entry.level.name());
                write!(
                    out,
                    "<testcase id=\"hadolint.rule.{code}\" time=\"0.001\"><failure id=\"{code}\" message=\"{}\" \
                     type=\"{level}\">File: {path}\nLine: {line}\nCategory: Hadolint - Dockerfile Static Analysis\n\
                     {level}: {}\n</failure></testcase>",
                    attribute(message),
                    text(message)
                )
            }
            Item::Fault(fault) => write!(
                out,
                "<testcase id=\"hadolint.error\" name=\"{}\" time=\"0.001\"><failure message=\"parse error at line \
                 {line}, column {}\" type=\"error\">Parse Error in {path}\nLine: {line}\nColumn: {}\nParse Error: {}\n\
                 </failure></testcase>",
                item.code(),
                fault.column,
                fault.column,
                text(message)
            ),
        };
    }
    out.push_str("</testsuite>");
}
