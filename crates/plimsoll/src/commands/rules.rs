//! `rules`: what the program looks for.

use serde_json::json;

use super::write_out;
use crate::cli::RulesArgs;
use crate::exit::Exit;
use crate::session::RULES;

pub fn run(args: &RulesArgs) -> anyhow::Result<Exit> {
    let text = if args.markdown {
        plimsoll_checks::image::rules_markdown()
    } else if args.json {
        let rules: Vec<_> = RULES
            .iter()
            .map(|rule| {
                json!({
                    "id": rule.id, "severity": rule.severity, "title": rule.title, "why": rule.why,
                    "remedy": rule.remedy, "bad": rule.bad, "good": rule.good,
                })
            })
            .collect();
        serde_json::to_string_pretty(&rules)? + "\n"
    } else {
        let width = RULES.iter().map(|rule| rule.id.len()).max().unwrap_or(0);
        RULES.iter().map(|rule| format!("{:width$}  {:8}  {}\n", rule.id, rule.severity, rule.title)).collect()
    };
    write_out(None, text.as_bytes())?;
    Ok(Exit::Allowed)
}
