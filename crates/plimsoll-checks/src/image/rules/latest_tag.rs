//! The image is named by the tag `latest`, written or implied, and by no digest.

use plimsoll_model::{Finding, RuleInfo, Severity};

use crate::image::{Facts, Rule, finding};

pub const RULE: Rule = Rule {
    info: RuleInfo {
        id: "latest-tag",
        severity: Severity::Medium,
        aliases: &["DKL-DI-0006"],
        opt_in: false,
        title: "The image is named by the tag latest",
        why: "`latest` means another image tomorrow: what was judged is not what runs after the next restart, and a \
              roll-back to the same name brings back nothing.",
        remedy: "name a version, better still a digest: `web:1.4.2@sha256:…`",
        bad: "image: registry.example.com/shop/web",
        good: "image: registry.example.com/shop/web:1.4.2",
    },
    check,
};

fn check(facts: &Facts<'_>) -> Vec<Finding> {
    let Some(reference) = facts.reference() else { return Vec::new() };
    if reference.digest().is_some() || reference.tag() != Some("latest") {
        return Vec::new();
    }
    let how =
        if reference.tag_was_implied() { "names no tag, which means latest" } else { "is named by the tag latest" };
    let mut found = finding(&RULE.info, format!("{} {how}", facts.subject.name));
    found.locations = facts.subject.named_at.clone();
    vec![found]
}
