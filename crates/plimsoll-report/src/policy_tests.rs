//! How the cases of a policy's tests went. In: [`PolicyTests`]. Out: bytes, as test runners print them. What this does not do:
//! run anything.

use plimsoll_model::{PolicyInfo, ToolInfo};
use serde::Serialize;

use crate::options::{RenderOptions, ReportError};
use crate::text::markup::xml;
use crate::text::paint::{Ink, Painter};
use crate::text::safe::safe;
use crate::text::size::plural;
use crate::text::wrap::{truncate, wrap};

/// All files of a run.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct PolicyTests {
    pub schema_version: u32,
    pub tool: ToolInfo,
    pub files: Vec<TestFile>,
}

/// One file of cases.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct TestFile {
    pub file: String,
    pub policy: PolicyInfo,
    pub cases: Vec<TestCase>,
}

/// One case.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct TestCase {
    pub name: String,
    pub line: u32,
    pub expected: String,
    pub got: String,
    /// What is not as it should be; nothing where the case passed.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub failures: Vec<String>,
    /// The reasons of the verdicts, each after its clause.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub reasons: Vec<String>,
}

impl PolicyTests {
    /// Cases, and those of them that failed.
    pub fn counts(&self) -> (usize, usize) {
        let cases = self.files.iter().flat_map(|file| &file.cases);
        (cases.clone().count(), cases.filter(|case| !case.failures.is_empty()).count())
    }
}

/// One way to show how tests went.
pub struct PolicyTestFormat {
    pub name: &'static str,
    pub about: &'static str,
    pub render: fn(&PolicyTests, &RenderOptions<'_>) -> Result<Vec<u8>, ReportError>,
}

/// All of them.
pub const POLICY_TEST_FORMATS: &[PolicyTestFormat] = &[
    PolicyTestFormat { name: "table", about: "for people at a terminal", render: table },
    PolicyTestFormat { name: "json", about: "everything, for programs", render: json },
    PolicyTestFormat { name: "junit", about: "JUnit XML, for CI servers", render: junit },
];

fn table(tests: &PolicyTests, options: &RenderOptions<'_>) -> Result<Vec<u8>, ReportError> {
    let painter = Painter { on: options.colour };
    let mut out = String::new();
    let mut put = |line: &str| {
        out.push_str(line);
        out.push('\n');
    };
    let room = options.width.saturating_sub(8);
    for file in &tests.files {
        let policy = safe(&file.policy.name).into_owned();
        put(&painter.paint(Ink::Strong, &truncate(&format!("{} (policy {policy})", safe(&file.file)), options.width)));
        for case in &file.cases {
            let name = truncate(&safe(&case.name), room);
            if case.failures.is_empty() {
                put(&format!("  {}  {name}", painter.paint(Ink::Good, "PASS")));
                if !options.verbose {
                    continue;
                }
            } else {
                put(&format!("  {}  {name}", painter.paint(Ink::Bad, "FAIL")));
                put(&painter.paint(Ink::Faint, &format!("        {}:{}", safe(&file.file), case.line)));
            }
            for failure in &case.failures {
                wrap(&safe(failure), room).iter().for_each(|line| put(&format!("        {line}")));
            }
            for reason in &case.reasons {
                for (number, line) in wrap(&safe(reason), room.saturating_sub(2)).iter().enumerate() {
                    let lead = if number == 0 { "- " } else { "  " };
                    put(&painter.paint(Ink::Faint, &format!("        {lead}{line}")));
                }
            }
        }
    }
    let (cases, failed) = tests.counts();
    let ink = if failed == 0 { Ink::Good } else { Ink::Bad };
    put("");
    put(&painter.paint(ink, &format!("{}: {} passed, {failed} failed", plural(cases, "case"), cases - failed)));
    Ok(out.into_bytes())
}

fn json(tests: &PolicyTests, _: &RenderOptions<'_>) -> Result<Vec<u8>, ReportError> {
    let mut bytes = serde_json::to_vec_pretty(tests).map_err(ReportError::Json)?;
    bytes.push(b'\n');
    Ok(bytes)
}

fn junit(tests: &PolicyTests, _: &RenderOptions<'_>) -> Result<Vec<u8>, ReportError> {
    let (cases, failed) = tests.counts();
    let mut out = String::from("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n");
    out += &format!("<testsuites name=\"plimsoll\" tests=\"{cases}\" failures=\"{failed}\" errors=\"0\">\n");
    for file in &tests.files {
        let name = xml(&file.file);
        let failed = file.cases.iter().filter(|case| !case.failures.is_empty()).count();
        out += &format!(
            "  <testsuite name=\"{name}\" tests=\"{}\" failures=\"{failed}\" errors=\"0\">\n",
            file.cases.len()
        );
        for case in &file.cases {
            let line = case.line;
            out += &format!(
                "    <testcase classname=\"{name}\" name=\"{}\" file=\"{name}\" line=\"{line}\"",
                xml(&case.name)
            );
            if case.failures.is_empty() {
                out += "/>\n";
                continue;
            }
            let text: Vec<&str> = case.failures.iter().chain(&case.reasons).map(String::as_str).collect();
            let first = case.failures.first().map(String::as_str).unwrap_or_default();
            out +=
                &format!(">\n      <failure message=\"{}\">{}</failure>\n    </testcase>\n", xml(first), lines(&text));
        }
        out += "  </testsuite>\n";
    }
    out += "</testsuites>\n";
    Ok(out.into_bytes())
}

fn lines(texts: &[&str]) -> String {
    texts.iter().map(|text| xml(text).into_owned()).collect::<Vec<_>>().join("\n")
}
