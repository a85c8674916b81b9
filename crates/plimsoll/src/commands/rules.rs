//! `rules`: what the program looks for, family by family.

use std::path::Path;

use anyhow::Context as _;
use plimsoll_checks::docs::{FixClasses, rules_pages};
use plimsoll_checks::lint::all_rules;
use plimsoll_checks::lint::names::{Family, Known};
use serde_json::json;

use super::write_out;
use crate::cli::RulesArgs;
use crate::exit::Exit;

/// Aliases that a row of the table names; `explain` has them all.
const ALIASES: usize = 3;

pub fn run(args: &RulesArgs) -> anyhow::Result<Exit> {
    if let Some(folder) = &args.markdown {
        write_pages(folder, rules_pages())?;
        return Ok(Exit::Allowed);
    }
    let wanted = |rule: &Known| args.family.as_deref().is_none_or(|family| rule.family.name() == family);
    let rules: Vec<Known> = all_rules().into_iter().filter(wanted).collect();
    let classes = FixClasses::default();
    let text = if args.json {
        let rules: Vec<_> = rules.iter().map(|rule| as_json(rule, &classes)).collect();
        serde_json::to_string_pretty(&rules)? + "\n"
    } else {
        table(&rules, &classes)
    };
    write_out(None, text.as_bytes())?;
    Ok(Exit::Allowed)
}

/// Writes pages below a folder.
pub fn write_pages(folder: &Path, pages: Vec<(&'static str, String)>) -> anyhow::Result<()> {
    for (name, text) in pages {
        let path = folder.join(name);
        if let Some(folder) = path.parent() {
            std::fs::create_dir_all(folder).with_context(|| format!("make {}", folder.display()))?;
        }
        std::fs::write(&path, text).with_context(|| format!("write {}", path.display()))?;
    }
    Ok(())
}

fn as_json(rule: &Known, classes: &FixClasses) -> serde_json::Value {
    let info = rule.info;
    json!({
        "id": info.id, "family": rule.family.name(), "severity": info.severity, "aliases": info.aliases,
        "optIn": info.opt_in, "fix": Some(classes.of(rule).name()).filter(|name| !name.is_empty()),
        "title": info.title, "why": info.why, "remedy": info.remedy, "bad": info.bad, "good": info.good,
    })
}

fn table(rules: &[Known], classes: &FixClasses) -> String {
    let aliases = |rule: &Known| match rule.info.aliases {
        [] => "-".to_owned(),
        several => {
            let named: Vec<&str> = several.iter().take(ALIASES).copied().collect();
            let more = if several.len() > ALIASES { ",…" } else { "" };
            format!("{}{more}", named.join(","))
        }
    };
    let mut text = String::new();
    for family in Family::ALL {
        let rules: Vec<&Known> = rules.iter().filter(|rule| rule.family == family).collect();
        let Some(id_width) = rules.iter().map(|rule| rule.info.id.len()).max() else { continue };
        let alias_width = rules.iter().map(|rule| aliases(rule).chars().count()).max().unwrap_or(0);
        text += &format!("{}{}\n", if text.is_empty() { "" } else { "\n" }, family.name());
        for rule in rules {
            let info = rule.info;
            let fix = match classes.of(rule).name() {
                "" => "-",
                class => class,
            };
            let opt_in = if info.opt_in && family != Family::PodSecurity { " (opt-in)" } else { "" };
            text += &format!(
                "  {:id_width$}  {:8}  {:alias_width$}  {fix:6}  {}{opt_in}\n",
                info.id,
                info.severity,
                aliases(rule),
                info.title
            );
        }
    }
    text
}
