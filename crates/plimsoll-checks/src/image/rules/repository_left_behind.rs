//! Checkouts with the history of a version control system in them.

use plimsoll_model::{FileFactKind, Finding, RuleInfo, Severity};

use crate::image::{Facts, Rule, finding, named_few};

pub const RULE: Rule = Rule {
    info: RuleInfo {
        id: "repository-left-behind",
        severity: Severity::Medium,
        aliases: &["DKL-LI-0003"],
        opt_in: false,
        title: "A version control repository is in the image",
        why: "The history of a project holds every file it ever had: source, comments, and secrets that were removed later. A \
              web server that serves the folder serves the history too.",
        remedy: "add `.git` to .dockerignore, or copy only what runs from a build stage",
        bad: "FROM gcr.io/distroless/static\nCOPY .git/HEAD /app/.git/HEAD",
        good: "FROM gcr.io/distroless/static\nCOPY .gitignore /app/.gitignore",
    },
    check,
};

fn check(facts: &Facts<'_>) -> Vec<Finding> {
    let files = facts.files(FileFactKind::Repository);
    if files.is_empty() {
        return Vec::new();
    }
    let folders: Vec<String> = files
        .iter()
        .map(|file| file.location.path.rsplit_once('/').map_or("/".to_owned(), |(folder, _)| format!("/{folder}")))
        .collect();
    let noun = if folders.len() == 1 { "repository" } else { "repositories" };
    let mut found = finding(&RULE.info, format!("{} {noun}: {}", folders.len(), named_few(&folders)));
    found.locations = files.iter().map(|file| file.location.clone()).collect();
    vec![found]
}
