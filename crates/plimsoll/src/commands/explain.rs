//! `explain`: a rule, a vulnerability or an exit code in words.

use anyhow::bail;
use plimsoll_checks::docs::{FixClass, FixClasses};
use plimsoll_checks::lint::all_rules;
use plimsoll_checks::lint::names::{Family, Known, named};
use plimsoll_checks::lint::shell::{code_of, page};

use super::write_out;
use crate::cli::{ExplainArgs, Global};
use crate::exit::{Exit, MEANINGS};
use crate::session::{DataChoice, Session, SessionOptions};

pub fn run(global: &Global, args: &ExplainArgs) -> anyhow::Result<Exit> {
    let what = args.what.trim();
    let rules = named(&all_rules(), what);
    let text = if !rules.is_empty() {
        let classes = FixClasses::default();
        rules.iter().map(|rule| in_words(rule, &classes)).collect::<Vec<_>>().join("\n")
    } else if let Some(code) = code_of(what) {
        format!(
            "SC{code} is a rule of ShellCheck, which documents it: {}\nplimsoll lint tells it where shellcheck is on the PATH.\n",
            page(code)
        )
    } else if let Some((exit, meaning)) =
        what.parse::<u8>().ok().and_then(|code| MEANINGS.iter().find(|(exit, _)| exit.code() == code))
    {
        format!("exit status {}: {meaning}\n", exit.code())
    } else {
        vulnerability(global, args, what)?
    };
    write_out(None, text.as_bytes())?;
    Ok(Exit::Allowed)
}

/// A rule as people read it.
fn in_words(rule: &Known, classes: &FixClasses) -> String {
    let info = rule.info;
    let mut text = format!("{} ({}, {})\n{}\n", info.id, rule.family.name(), info.severity, info.title);
    if !info.aliases.is_empty() {
        text += &format!("Also known as {}\n", info.aliases.join(", "));
    }
    match (rule.family, info.opt_in) {
        (Family::PodSecurity, _) => text += "Looked for with --pod-security LEVEL\n",
        (_, true) => text += &format!("Looked for only where asked: --select default,{}\n", info.id),
        (_, false) => {}
    }
    text += match classes.of(rule) {
        FixClass::None => "",
        FixClass::Safe => "Mended by plimsoll lint --fix\n",
        FixClass::Unsafe => "Mended by plimsoll lint --fix --unsafe-fixes\n",
    };
    let (bad, good) = (indented(info.bad), indented(info.good));
    text += &format!("\nWhy it matters\n{}\n\nWhat to do\n{}\n\nBad\n{bad}\n\nGood\n{good}\n", info.why, info.remedy);
    text
}

fn vulnerability(global: &Global, args: &ExplainArgs, id: &str) -> anyhow::Result<String> {
    let session = Session::unjudged(&SessionOptions {
        databases: if args.db.is_empty() { DataChoice::Machine } else { DataChoice::These(args.db.clone()) },
        cache_dir: global.cache_dir.clone(),
        ..SessionOptions::default()
    })?;
    let id = if id.to_ascii_uppercase().starts_with("GHSA-") {
        format!("GHSA-{}", id[5..].to_ascii_lowercase())
    } else {
        id.to_ascii_uppercase()
    };
    for database in session.databases.iter() {
        let Some(details) = database.vulnerability(&id)? else { continue };
        let mut text = format!("{id}\n");
        if !details.title.is_empty() {
            text += &format!("{}\n", plimsoll_report::safe(&details.title));
        }
        if !details.description.is_empty() {
            text += &format!("\n{}\n", plimsoll_report::safe(details.description.trim()));
        }
        let severities: Vec<String> =
            details.vendor_severity.iter().map(|(source, severity)| format!("{severity} ({source})")).collect();
        if !severities.is_empty() {
            text += &format!("\nSeverity     {}\n", severities.join(", "));
        }
        if let Some(published) = details.published {
            text += &format!("Published    {}\n", published.strftime("%Y-%m-%d"));
        }
        if let Some(exploited) = database.known_exploited(&id)? {
            let since = exploited.added.map(|date| format!(" since {date}")).unwrap_or_default();
            text += &format!("Exploited    known{since} (CISA)\n");
        }
        if let Some(epss) = database.epss(&id)? {
            text += &format!("EPSS         {:.1} % within 30 days\n", epss.score * 100.0);
        }
        for reference in details.references.iter().take(8) {
            text += &format!("See          {}\n", plimsoll_report::safe(reference));
        }
        text += &format!("Data         {}\n", database.info().name);
        if session.baseline_only() {
            text += "\nOnly the embedded baseline was asked. `plimsoll db update` fetches the whole database.\n";
        }
        return Ok(text);
    }
    if session.baseline_only() {
        bail!(
            "explain {id}: it is no rule, no exit code, and not in the embedded baseline; `plimsoll db update` fetches the whole database, `plimsoll rules` lists the rules"
        );
    }
    bail!("explain {id}: it is no rule, no exit code, and in none of the databases; `plimsoll rules` lists the rules")
}

fn indented(text: &str) -> String {
    text.lines().map(|line| format!("    {line}")).collect::<Vec<_>>().join("\n")
}
