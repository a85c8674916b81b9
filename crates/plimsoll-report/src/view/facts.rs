//! On what the answer rests, as names and values for formats that carry properties. In: a report. Out: pairs in a fixed
//! order.

use plimsoll_model::Report;

use super::words;

/// Tool, time, outcome, policy, databases.
pub fn facts(report: &Report) -> Vec<(&'static str, String)> {
    let mut facts = vec![
        ("plimsoll:tool", format!("{} {}", report.tool.name, report.tool.version)),
        ("plimsoll:at", report.at.to_string()),
        ("plimsoll:outcome", words::slug(&report.outcome)),
        ("plimsoll:policy", report.policy.name.clone()),
        ("plimsoll:policy:digest", report.policy.digest.clone()),
    ];
    facts.extend(report.policy.files.iter().map(|f| ("plimsoll:policy:file", f.clone())));
    for database in &report.databases {
        let built = database.built.map_or_else(|| "date unknown".to_owned(), |t| t.to_string());
        facts.push((
            "plimsoll:database",
            format!("{} ({}), {built}, {}", database.name, words::database_kind(database.kind), database.digest),
        ));
    }
    facts.extend(report.problems.iter().map(|p| ("plimsoll:problem", p.to_string())));
    facts
}
