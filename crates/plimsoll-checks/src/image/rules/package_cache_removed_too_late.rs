//! A package manager's cache that one instruction leaves and a later one removes.

use std::collections::BTreeMap;

use plimsoll_model::{Finding, Location, RuleInfo, Severity, WastedFile};

use crate::image::{Facts, Rule, bytes, finding};

/// Caches of the system's package managers.
const CACHES: &[&str] = &[
    "var/lib/apt/lists/",
    "var/cache/apt/",
    "var/cache/apk/",
    "etc/apk/cache/",
    "var/cache/yum/",
    "var/cache/dnf/",
    "var/cache/libdnf5/",
    "var/cache/zypp/",
];

pub const RULE: Rule = Rule {
    info: RuleInfo {
        id: "package-cache-removed-too-late",
        severity: Severity::Low,
        aliases: &["DKL-DI-0004", "DKL-DI-0005"],
        opt_in: false,
        title: "A package manager's cache is removed by a later instruction only",
        why: "The layer that has it is shipped as it was: removing the cache in another instruction saves nothing.",
        remedy: "clean in the instruction that fills it: `RUN apt-get update && apt-get install -y … && rm -rf /var/lib/apt/lists/*`",
        bad: "FROM debian:13\nRUN apt-get update && apt-get install -y curl\nRUN rm -rf /var/lib/apt/lists/*",
        good: "FROM debian:13\nRUN apt-get update && apt-get install -y curl && rm -rf /var/lib/apt/lists/*",
    },
    check,
};

fn check(facts: &Facts<'_>) -> Vec<Finding> {
    let is_late = |file: &&WastedFile| {
        let path = &file.location.path;
        file.removed && file.size > 0 && CACHES.iter().any(|cache| path.starts_with(cache))
    };
    // By the layer that left it, in the order of the image.
    let mut layers: BTreeMap<(usize, usize), (u64, Vec<Location>)> = BTreeMap::new();
    for file in facts.inventory.wasted.iter().filter(is_late) {
        let key = (file.location.layer.unwrap_or(0), file.hidden_by_layer);
        let (size, places) = layers.entry(key).or_default();
        *size = size.saturating_add(file.size);
        places.push(file.location.clone());
    }
    let tell = |((layer, by), (size, places)): ((usize, usize), (u64, Vec<Location>))| {
        let (left, removed) = (facts.instruction(layer), facts.instruction(by));
        let message = format!("{left} leaves {} of package cache that {removed} removes too late", bytes(size));
        let mut found = finding(&RULE.info, message);
        found.locations = places;
        found.measure = Some(size);
        found
    };
    layers.into_iter().map(tell).collect()
}
