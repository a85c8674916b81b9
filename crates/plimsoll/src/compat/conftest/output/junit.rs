//! JUnit's XML: a suite for each namespace.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use super::Shown;
use crate::compat::conftest::result::Check;

enum How<'a> {
    Failed(&'a str),
    Skipped(&'a str),
    Passed,
}

pub fn write(checks: &[Check], shown: &Shown) -> String {
    let mut suites: BTreeMap<&str, Vec<(&Check, How<'_>)>> = BTreeMap::new();
    for check in checks {
        let failed = check.warnings.iter().chain(&check.failures).map(|finding| How::Failed(&finding.message));
        let skipped = check.skipped.iter().map(|finding| How::Skipped(&finding.message));
        let passed = std::iter::repeat_with(|| How::Passed).take(check.successes);
        let all: Vec<_> = failed.chain(skipped).chain(passed).map(|how| (check, how)).collect();
        if !all.is_empty() {
            suites.entry(&check.namespace).or_default().extend(all);
        }
    }
    let mut out = String::from("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites>");
    // Writing to a String cannot fail.
    for (namespace, tests) in &suites {
        let failures = tests.iter().filter(|(_, how)| matches!(how, How::Failed(_))).count();
        let name = escaped(&format!("conftest.{namespace}"));
        let class = name.rsplit('/').next().unwrap_or_default();
        let _ = write!(
            out,
            "\n\t<testsuite tests=\"{}\" failures=\"{failures}\" time=\"0.000\" name=\"{name}\">\n\t\t<properties>\n\t\t\t\
             <property name=\"go.version\" value=\"plimsoll {}\"></property>\n\t\t</properties>",
            tests.len(),
            env!("CARGO_PKG_VERSION"),
        );
        for (check, how) in tests {
            let message = match how {
                How::Failed(message) | How::Skipped(message) => message,
                How::Passed => "",
            };
            let name = match message.split('\n').next().filter(|_| !shown.hide_message && !message.is_empty()) {
                Some(summary) => format!("{} - {summary}", check.file),
                None => check.file.clone(),
            };
            let _ = write!(out, "\n\t\t<testcase classname=\"{class}\" name=\"{}\" time=\"0.000\">", escaped(&name));
            let message = escaped(message);
            let _ = match how {
                How::Failed(_) => {
                    write!(out, "\n\t\t\t<failure message=\"Failed\" type=\"\">{message}</failure>\n\t\t")
                }
                How::Skipped(_) => write!(out, "\n\t\t\t<skipped message=\"{message}\"></skipped>\n\t\t"),
                How::Passed => Ok(()),
            };
            out.push_str("</testcase>");
        }
        out.push_str("\n\t</testsuite>");
    }
    out.push_str(if suites.is_empty() { "</testsuites>\n" } else { "\n</testsuites>\n" });
    out
}

/// Text as Go's encoder writes it.
fn escaped(text: &str) -> String {
    let mut out = String::new();
    for c in text.chars() {
        match c {
            '"' => out.push_str("&#34;"),
            '\'' => out.push_str("&#39;"),
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '\t' => out.push_str("&#x9;"),
            '\n' => out.push_str("&#xA;"),
            '\r' => out.push_str("&#xD;"),
            '\0'..='\u{1f}' | '\u{fffe}' | '\u{ffff}' => out.push('\u{fffd}'),
            c => out.push(c),
        }
    }
    out
}
