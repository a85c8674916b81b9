//! The rules printed. In: a format's name. Out: every rule, by id.

use std::fmt::Write as _;

use serde::Serialize;

use super::report;
use super::rules::{RULES, Rule};

#[derive(Serialize)]
struct Printed {
    id: &'static str,
    selector: &'static str,
    reason: &'static str,
    kinds: &'static [&'static str],
    points: i32,
    advise: i32,
}

/// The rules in `json`, `yaml` or `table`.
pub fn text(format: &str) -> Result<String, String> {
    let mut rules: Vec<&Rule> = RULES.iter().collect();
    rules.sort_by_key(|rule| rule.id);
    match format {
        "json" => {
            let printed = |rule: &&Rule| Printed {
                id: rule.id,
                selector: rule.selector,
                reason: rule.reason,
                kinds: rule.kinds,
                points: rule.points,
                advise: rule.advise,
            };
            let printed: Vec<Printed> = rules.iter().map(printed).collect();
            report::json(&printed)
                .map(|json| json + "\n")
                .map_err(|error| format!("could not write the rules: {error}"))
        }
        "yaml" => Ok(yaml(&rules)),
        "table" => Ok(table(&rules)),
        other => Err(format!("unknown printing format: {}", plimsoll_report::safe(other))),
    }
}

fn yaml(rules: &[&Rule]) -> String {
    let quoted = |text: &str| format!("'{}'", text.replace('\'', "''"));
    let mut text = String::new();
    for rule in rules {
        let _ = writeln!(text, "- id: {}", rule.id);
        let _ = writeln!(text, "  selector: {}", quoted(rule.selector));
        let _ = writeln!(text, "  reason: {}", quoted(rule.reason));
        text.push_str("  kinds:\n");
        for kind in rule.kinds {
            let _ = writeln!(text, "  - {kind}");
        }
        let _ = writeln!(text, "  points: {}\n  advise: {}", rule.points, rule.advise);
    }
    text
}

fn table(rules: &[&Rule]) -> String {
    let rows: Vec<[String; 4]> =
        std::iter::once(["ID", "Reason", "Points", "Kinds"].map(str::to_owned))
            .chain(rules.iter().map(|rule| {
                [rule.id.to_owned(), rule.reason.to_owned(), rule.points.to_string(), rule.kinds.join(",")]
            }))
            .collect();
    let width = |column: usize| rows.iter().map(|row| row[column].chars().count()).max().unwrap_or_default();
    let (id, reason, points) = (width(0) + 2, width(1) + 2, width(2) + 2);
    let mut text = String::new();
    for row in &rows {
        let _ = writeln!(text, "{:id$}|{:reason$}|{:points$}|{}", row[0], row[1], row[2], row[3]);
    }
    text
}
