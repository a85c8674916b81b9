//! `gator verify`. In: suites of tests. Out: which cases hold, as gator reports them.

mod run;
mod suite;

use std::fmt::Write as _;
use std::path::Path;
use std::time::Duration;

use plimsoll_report::safe;
use regex::Regex;

use super::{flags, options, print, regex};
use crate::compat::safe_lines;
use crate::exit::Exit;

/// How a case, a test or a suite went; `None` where it was left out.
struct Ran<T> {
    name: String,
    took: Duration,
    skipped: bool,
    error: Option<String>,
    inner: Vec<T>,
}

/// How a case went besides.
struct CaseExtra {
    printed: String,
    trace: Option<String>,
}

type CaseRan = Ran<CaseExtra>;
type TestRan = Ran<CaseRan>;
type SuiteRan = Ran<TestRan>;

impl<T> Ran<T> {
    fn skipped(name: &str) -> Ran<T> {
        Ran { name: name.into(), took: Duration::ZERO, skipped: true, error: None, inner: Vec::new() }
    }

    fn took(&self) -> String {
        format!("{:.3}s", self.took.as_secs_f64())
    }
}

impl TestRan {
    fn failed(&self) -> bool {
        self.error.is_some() || self.inner.iter().any(|case| case.error.is_some())
    }
}

impl SuiteRan {
    fn failed(&self) -> bool {
        self.error.is_some() || self.inner.iter().any(TestRan::failed)
    }
}

/// Which tests and cases run.
enum Filter {
    All,
    /// Either of the two.
    Or(Regex),
    And(Regex, Regex),
}

impl Filter {
    fn new(text: &str) -> Result<Filter, String> {
        let regex = |text: &str| regex(text).map_err(|error| format!("compiling filter: invalid test filter: {error}"));
        let parts: Vec<&str> = text.split("//").collect();
        match parts.as_slice() {
            [""] => Ok(Filter::All),
            [one] => Ok(Filter::Or(regex(one)?)),
            [test, case] => Ok(Filter::And(regex(test)?, regex(case)?)),
            _ => Err("compiling filter: invalid test filter: a filter may include at most one \"//\"".into()),
        }
    }

    fn test(&self, test: &suite::Test) -> bool {
        match self {
            Filter::All => true,
            Filter::Or(regex) => regex.is_match(&test.name) || test.cases.iter().any(|case| regex.is_match(&case.name)),
            Filter::And(of_test, _) => of_test.is_match(&test.name),
        }
    }

    fn case(&self, test: &str, case: &str) -> bool {
        match self {
            Filter::All => true,
            Filter::Or(regex) => regex.is_match(case) || regex.is_match(test),
            Filter::And(of_test, of_case) => of_case.is_match(case) && of_test.is_match(test),
        }
    }
}

pub fn run(asked: &flags::Verify) -> Result<Exit, String> {
    let error = |why: String| format!("Error: {why}");
    let options = options(&asked.native, true, asked.trace).map_err(error)?;
    let (path, recursive) = match asked.path.strip_suffix("...") {
        Some(front) if front.ends_with('/') || front.is_empty() => (front, true),
        _ => (asked.path.as_str(), false),
    };
    let suites =
        suite::read(Path::new(path), path, recursive).map_err(|why| error(format!("listing test files: {why}")))?;
    let filter = Filter::new(&asked.run).map_err(error)?;
    let ran: Vec<SuiteRan> = suites.iter().map(|suite| run::suite(suite, &filter, &options, asked.trace)).collect();
    let mut out = String::new();
    ran.iter().for_each(|suite| show_suite(&mut out, suite, asked.verbose));
    let failed = ran.iter().any(SuiteRan::failed);
    out.push_str(if failed { "FAIL\n\n" } else { "PASS\n\n" });
    print(&out)?;
    if failed { Err(error("FAIL".into())) } else { Ok(Exit::Allowed) }
}

fn show_suite(out: &mut String, suite: &SuiteRan, verbose: bool) {
    suite.inner.iter().for_each(|test| show_test(out, test, verbose));
    let word = if suite.failed() { "FAIL" } else { "ok" };
    let _ = writeln!(out, "{word}\t{}\t{}", safe(&suite.name), suite.took());
    if let Some(error) = &suite.error {
        let _ = writeln!(out, "  {}", safe_lines(error));
    }
}

fn show_test(out: &mut String, test: &TestRan, verbose: bool) {
    let name = safe(&test.name);
    if verbose && test.skipped {
        let _ = writeln!(out, "=== SKIP  {name}");
        return;
    }
    if verbose {
        let _ = writeln!(out, "=== RUN   {name}");
    }
    test.inner.iter().for_each(|case| show_case(out, case, verbose));
    if test.failed() {
        let _ = writeln!(out, "--- FAIL: {name}\t({})", test.took());
        if let Some(error) = &test.error {
            let _ = writeln!(out, "  {}", safe_lines(error));
        }
    } else if verbose {
        let _ = writeln!(out, "--- PASS: {name}\t({})", test.took());
    }
}

fn show_case(out: &mut String, case: &CaseRan, verbose: bool) {
    let name = safe(&case.name);
    if verbose && case.skipped {
        let _ = writeln!(out, "    === SKIP  {name}");
        return;
    }
    let extra = case.inner.first();
    if verbose {
        let _ = writeln!(out, "    === RUN   {name}");
        if let Some(printed) = extra.map(|extra| extra.printed.as_str()).filter(|text| !text.is_empty()) {
            out.push_str("        === PRINT ===\n");
            for line in safe_lines(printed.strip_suffix('\n').unwrap_or(printed)).split('\n') {
                let _ = writeln!(out, "        {line}");
            }
        }
    }
    match &case.error {
        Some(error) => {
            let _ = writeln!(out, "    --- FAIL: {name}\t({})\n        {}", case.took(), safe_lines(error));
        }
        None if verbose => {
            let _ = writeln!(out, "    --- PASS: {name}\t({})", case.took());
        }
        None => {}
    }
    if let Some(trace) = extra.and_then(|extra| extra.trace.as_deref()) {
        let prefix = if verbose { "    --- " } else { "" };
        let _ = writeln!(out, "{prefix}TRACE: {name}\t{}", safe_lines(trace).replace('\n', &format!("\n{prefix}")));
    }
}
