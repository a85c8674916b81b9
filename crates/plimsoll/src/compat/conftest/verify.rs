//! `conftest verify`. In: policies with rules named `test_…`. Out: a report of them in any format, or opa's own; 1 where one
//! failed.

use super::engine;
use super::flags::Verify;
use super::output;
use super::result::{self, Check, Finding, Query};
use super::settings::Settings;
use super::test::{dialect, matching, shown};
use super::{print, words};
use crate::compat::opa::explain;
use crate::compat::opa::flags::Explain;
use crate::compat::opa::test::{Chosen, Suite, TIMEOUT, Tested, report};
use crate::exit::Exit;

pub fn run(asked: &Verify, settings: &Settings) -> Result<Exit, String> {
    let var_values = settings.truth(asked.var_values, "var-values")?;
    let mut report_of = settings.text(asked.report.as_ref(), "report").unwrap_or_default();
    let known = |report: &str| match report {
        "full" => Some(Explain::Full),
        "notes" => Some(Explain::Notes),
        "fails" => Some(Explain::Fails),
        _ => None,
    };
    if var_values && known(&report_of).is_none() {
        report_of = "fails".into();
    }
    let explain = known(&report_of);
    let trace = settings.truth(asked.language.trace, "trace")?;
    let (shown, format) = shown(&asked.shown, settings)?;
    let chosen = Chosen {
        explain: if trace || explain.is_none() { Explain::Full } else { explain.unwrap_or(Explain::Full) },
        notes_with_fails: false,
        traces: trace || explain.is_some() || var_values,
        var_values,
        strict_builtin_errors: settings.truth(asked.language.show_builtin_errors, "show-builtin-errors")?,
        // Conftest's report shows the line that failed.
        failure_line: true,
        timeout: TIMEOUT,
    };
    let results = results(asked, settings, &chosen).map_err(|why| format!("running verification: {why}"))?;
    let checks: Vec<Check> = results.iter().map(check).collect();
    let status = result::status(&checks, false);
    let quiet = settings.truth(asked.shown.quiet, "quiet")?;
    if quiet && status == 0 {
        return Ok(Exit::Allowed);
    }
    let shown = output::Shown { show_skipped: true, trace: trace && format == "stdout", ..shown };
    let text = match explain {
        Some(_) if format != "stdout" => return Err("report flag is supported with stdout only".into()),
        Some(_) => crate::compat::safe_lines(&report::of_all(&results, var_values)),
        None => {
            if trace {
                eprint!("{}", output::trace(&checks, &shown));
            }
            output::written(&checks, &format, &shown)
        }
    };
    match print(&text) {
        Exit::Allowed => Ok(Exit::Other(status)),
        failed => Ok(failed),
    }
}

fn results(asked: &Verify, settings: &Settings, chosen: &Chosen) -> Result<Vec<Tested>, String> {
    let policy = settings.list(&asked.language.policy, "policy", &["policy"]);
    let data = settings.list(&asked.language.data, "data", &[]);
    let policies = engine::load(&policy, &data, &dialect(&asked.language, settings)?)?;
    let wanted = settings.list(&asked.namespace, "namespace", &[]);
    let namespaces = match wanted.is_empty() {
        true => None,
        false => Some(matching(engine::namespaces(&policies.loaded.modules), &wanted)?),
    };
    let (loaded, settings) = policies.settings(chosen.traces);
    let suite = Suite::of(loaded, settings, false)
        .map_err(|faults| format!("load: loading policies: get compiler: {}", words::compiling(&faults)))?;
    let mut results = Vec::new();
    for tested in suite.run(chosen) {
        let namespace = tested.package.strip_prefix("data.").unwrap_or(&tested.package);
        if namespaces.as_ref().is_some_and(|namespaces| !namespaces.iter().any(|one| one == namespace)) {
            continue;
        }
        if let Some(error) = &tested.error {
            return Err(format!("run test: {}", error.text()));
        }
        results.push(tested);
    }
    Ok(results)
}

/// A test as conftest's formats show it.
fn check(tested: &Tested) -> Check {
    let mut finding = Finding::default();
    if tested.fail || tested.skip {
        finding.message = format!("{}.{}", tested.package, tested.name);
    }
    let query = Query {
        query: tested.name.clone(),
        passed: finding.message.is_empty(),
        traces: explain::events(&tested.trace),
        outputs: Vec::new(),
    };
    let file = tested.location.as_ref().map_or(String::new(), |place| place.file.to_string());
    let mut check = Check { file, queries: vec![query], ..Check::default() };
    match tested {
        Tested { fail: true, .. } => check.failures.push(finding),
        Tested { skip: true, .. } => check.skipped.push(finding),
        _ => check.successes = 1,
    }
    check
}
