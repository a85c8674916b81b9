//! `docs`: the generated pages of the documentation, from the registries. A test fails when the files are stale.

use std::path::Path;

use super::rules::write_pages;
use crate::exit::{Exit, MEANINGS};
use crate::session::known;

/// Every generated page: its path below `docs/`, and its text.
pub fn pages() -> Vec<(&'static str, String)> {
    let schema = plimsoll_policy::schema(&known());
    // A JSON value always renders.
    let schema = serde_json::to_string_pretty(&schema).unwrap_or_default() + "\n";
    let mut pages = plimsoll_checks::docs::rules_pages();
    pages.extend([
        ("formats.md", plimsoll_report::formats_markdown()),
        ("exit-codes.md", exit_codes()),
        ("schemas/loadline-v1alpha1.json", schema),
    ]);
    pages
}

fn exit_codes() -> String {
    let mut text = String::from(
        "# Exit codes\n\nThe verdict's own, the same for every command. A personality (`plimsoll trivy …`) keeps its tool's codes;\n\
         where that tool would exit 0 although something could not be told, ours exits with the tool's error code\n\
         and says why. `PLIMSOLL_UNDECIDED=allow` restores the old behaviour.\n\n| code | meaning |\n|---|---|\n",
    );
    for (exit, meaning) in MEANINGS {
        text += &format!("| {} | {meaning} |\n", exit.code());
    }
    text += "\nAny denial wins over \"could not tell\"; \"could not tell\" wins over \"allowed\", unless the policy says\n\
             `undecided: warn` or `allow`. `--exit-code N` exits with N instead of 1 or 2 after a verdict; an error before the\n\
             verdict keeps its 2.\n\n\
             `plimsoll lint` makes no verdict: 1 is a finding at or above `--fail-on` (with `--diff`: a file would change), 2 a file\n\
             that could not be read or understood. `plimsoll policy test`: 1 is a case that failed, 2 a file that cannot be used.\n\
             `plimsoll policy replay`: 1 when something that ran would be denied, 2 when something would be refused because it could\n\
             not be told, or could not be judged.\n";
    text
}

pub fn run(dir: &Path) -> anyhow::Result<Exit> {
    write_pages(dir, pages())?;
    Ok(Exit::Allowed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn generated_pages_are_fresh() {
        let docs = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs");
        for (name, text) in pages() {
            let there = std::fs::read_to_string(docs.join(name)).unwrap_or_default();
            assert!(there == text, "docs/{name} is stale: run `cargo run -- docs docs`");
        }
    }
}
