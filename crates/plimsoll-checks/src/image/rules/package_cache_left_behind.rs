//! Files of a package manager's cache in the squashed view. Measures their bytes.

use plimsoll_model::{FileFactKind, Finding, Location, RuleInfo, Severity};

use crate::image::{Facts, Rule, bytes, finding, named_few};

pub const RULE: Rule = Rule {
    info: RuleInfo {
        id: "package-cache-left-behind",
        severity: Severity::Low,
        aliases: &["DKL-DI-0004", "DKL-DI-0005"],
        opt_in: false,
        title: "A package manager's cache was left in the image",
        why: "Downloaded packages and lists are never used again: every node pulls and stores them for nothing, and stale \
              lists invite installing old versions.",
        remedy: "clean in the same instruction: `apt-get … && rm -rf /var/lib/apt/lists/*`, `apk add --no-cache`, \
                 `pip install --no-cache-dir`, or a `--mount=type=cache`",
        bad: "FROM debian:13\nRUN apt-get update && apt-get install -y curl",
        good: "FROM debian:13\nRUN apt-get update && apt-get install -y curl && rm -rf /var/lib/apt/lists/*",
    },
    check,
};

fn check(facts: &Facts<'_>) -> Vec<Finding> {
    let files = facts.files(FileFactKind::PackageCache);
    let size: u64 = files.iter().fold(0, |sum, file| sum.saturating_add(file.size));
    if size == 0 {
        // Distributions keep empty folders and lock files there: nothing was left behind.
        return Vec::new();
    }
    let mut folders: Vec<(Location, String)> = Vec::new();
    for file in &files {
        let folder = file.location.path.rsplit_once('/').map_or("", |(folder, _)| folder);
        if !folders.iter().any(|(seen, _)| seen.path == folder && seen.layer == file.location.layer) {
            folders.push((Location { path: folder.to_owned(), ..file.location.clone() }, format!("/{folder}")));
        }
    }
    let mut names: Vec<String> = folders.iter().map(|(_, name)| name.clone()).collect();
    names.dedup();
    let made = match folders.first().and_then(|(place, _)| place.layer) {
        Some(layer) if !facts.inventory.layers.is_empty() => format!(", left by {}", facts.instruction(layer)),
        _ => String::new(),
    };
    let mut found = finding(&RULE.info, format!("{} of package cache in {}{made}", bytes(size), named_few(&names)));
    found.locations = folders.into_iter().map(|(place, _)| place).collect();
    found.measure = Some(size);
    vec![found]
}
