//! The image is named without a digest.

use plimsoll_model::{Finding, RuleInfo, Severity};

use crate::image::{Facts, Rule, finding};

pub const RULE: Rule = Rule {
    info: RuleInfo {
        id: "digest-missing",
        severity: Severity::Low,
        aliases: &[],
        opt_in: false,
        title: "The image is named without a digest",
        why: "A tag can be moved to other bytes at any time, by mistake or by an intruder at the registry. Only a digest \
              says that what runs is what was judged.",
        remedy: "pin it: `web:1.4.2@sha256:…`, or let the webhook pin it (`tags: {pin: true}`)",
        bad: "image: registry.example.com/shop/web:1.4.2",
        good: "image: registry.example.com/shop/web:1.4.2@sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef",
    },
    check,
};

fn check(facts: &Facts<'_>) -> Vec<Finding> {
    match facts.reference() {
        Some(reference) if reference.digest().is_none() => {
            let pin = facts.subject.index_digest.as_ref().or(facts.subject.digest.as_ref());
            let mut found = finding(&RULE.info, format!("{} is named without a digest", facts.subject.name));
            if let Some(digest) = pin {
                found.remedy = Some(format!("pin what was judged: `{}`", reference.with_digest(digest.clone())));
            }
            found.locations = facts.subject.named_at.clone();
            vec![found]
        }
        _ => Vec::new(),
    }
}
