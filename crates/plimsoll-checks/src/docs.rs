//! The rules' documentation. In: the registry. Out: one Markdown page, each rule under an anchor that is its id.

use std::fmt::Write;

use plimsoll_model::RuleInfo;

use crate::image::RULES;

/// `docs/rules.md` as it should be. A test compares it with the file; `PLIMSOLL_REGENERATE=1 cargo test -p plimsoll-checks`
/// writes it anew.
pub fn rules_markdown() -> String {
    let mut page = String::from(
        "# Image rules\n\n\
         What Plimsoll looks for in an image beside vulnerable packages. A policy names these ids under `footprint`\n\
         (`off`, `warn`, `deny`, or a threshold such as `{deny: 500MB}` for rules that measure) and may waive them by id;\n\
         a rule that no policy entry names does not weigh in the verdict.\n\n\
         This page is generated from the rules: `PLIMSOLL_REGENERATE=1 cargo test -p plimsoll-checks`.\n\n\
         | rule | severity | finds |\n|---|---|---|\n",
    );
    for rule in RULES {
        let info = &rule.info;
        // Writing to a string cannot fail.
        let _ = writeln!(page, "| [{0}](#{0}) | {1} | {2} |", info.id, info.severity, info.title);
    }
    for rule in RULES {
        let info = &rule.info;
        let _ = write!(
            page,
            "\n## {}\n\n**{}.** Severity: {}.{}\n\n{}\n\nWhat to do: {}\n\nHas the fault:\n\n```\n{}\n```\n\nMended:\n\n```\n{}\n```\n",
            info.id,
            info.title,
            info.severity,
            notes(info),
            info.why,
            info.remedy,
            info.bad,
            info.good
        );
    }
    page
}

/// Other tools' names of a rule, and whether it must be asked for.
fn notes(info: &RuleInfo) -> String {
    let mut notes = String::new();
    if !info.aliases.is_empty() {
        notes += &format!(" Elsewhere: {}.", info.aliases.join(", "));
    }
    if info.opt_in {
        notes += " Looked for only where a policy names it.";
    }
    notes
}
