//! Bytes that later layers hide, laid at the door of the instruction that wrote them. Measures bytes, always.

use std::collections::BTreeMap;

use plimsoll_model::{Finding, RuleInfo, Severity, WastedFile};

use crate::image::{Facts, Rule, bytes, finding};

/// Hidden bytes from which on it is a fault without a policy's word, if they are also a tenth of the image, or alone
/// twice as much. Below that a rebuild costs more than it saves.
const LIMIT: u64 = 10_000_000;
/// Hidden bytes from which on it is a fault if they are more than what is seen: below that they fit into a disk's block
/// and a package database's rewrite.
const SMALL_LIMIT: u64 = 50_000;
/// Largest hidden files that the finding points at.
const SHOWN_FILES: usize = 10;
/// Instructions that the message names, worst first.
const SHOWN_INSTRUCTIONS: usize = 2;

pub const RULE: Rule = Rule {
    info: RuleInfo {
        id: "wasted-bytes",
        severity: Severity::Low,
        aliases: &[],
        opt_in: false,
        title: "Later layers hide bytes that are shipped all the same",
        why: "A file that a later instruction removes or writes again stays in the layer below: it is pulled, stored and \
              readable by anyone who has the image, and no longer seen by those who look into the container.",
        remedy: "remove or change a file in the instruction that writes it, or copy only the result from a build stage",
        bad: "FROM gcr.io/distroless/static\nCOPY sources-60MB.tar /src.tar\nRUN rm /src.tar",
        good: "FROM gcr.io/distroless/static\nCOPY web-20MB.bin /app/web",
    },
    check,
};

fn check(facts: &Facts<'_>) -> Vec<Finding> {
    let wasted = &facts.inventory.wasted;
    let size = wasted.iter().fold(0u64, |sum, file| sum.saturating_add(file.size));
    if size == 0 {
        return Vec::new();
    }
    let total = facts.inventory.total_file_bytes.max(size);
    let efficiency = efficiency(size, total);
    let mut found = finding(
        &RULE.info,
        format!(
            "later layers hide {} of {} (efficiency {efficiency} %): {}",
            bytes(size),
            bytes(total),
            blame(facts, wasted)
        ),
    );
    let is_fault = size >= 2 * LIMIT || size >= LIMIT && efficiency <= 90 || size >= SMALL_LIMIT && efficiency < 50;
    if !is_fault {
        found.severity = Severity::Unknown;
    }
    let mut largest: Vec<&WastedFile> = wasted.iter().collect();
    largest.sort_by(|a, b| b.size.cmp(&a.size).then_with(|| a.location.cmp(&b.location)));
    found.locations = largest.iter().take(SHOWN_FILES).map(|file| file.location.clone()).collect();
    found.measure = Some(size);
    vec![found]
}

/// How much of what is shipped is also seen, in whole per cent, rounded down: 100 only when nothing is hidden.
fn efficiency(wasted: u64, total: u64) -> u64 {
    let seen = u128::from(total.saturating_sub(wasted));
    u64::try_from(seen * 100 / u128::from(total.max(1))).unwrap_or(100)
}

/// Which instruction wrote what, and which hid it, worst first.
fn blame(facts: &Facts<'_>, wasted: &[WastedFile]) -> String {
    let mut pairs: BTreeMap<(usize, usize, bool), u64> = BTreeMap::new();
    for file in wasted {
        let key = (file.location.layer.unwrap_or(0), file.hidden_by_layer, file.removed);
        let sum = pairs.entry(key).or_default();
        *sum = sum.saturating_add(file.size);
    }
    let mut worst: Vec<_> = pairs.into_iter().collect();
    worst.sort_by(|a, b| b.1.cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
    let told: Vec<String> = worst
        .iter()
        .take(SHOWN_INSTRUCTIONS)
        .map(|((made, hid, removed), size)| {
            let how = if *removed { "removes" } else { "writes again" };
            format!("{} writes {} that {} {how}", facts.instruction(*made), bytes(*size), facts.instruction(*hid))
        })
        .collect();
    let more = if worst.len() > SHOWN_INSTRUCTIONS { ", and others less" } else { "" };
    format!("{}{more}", told.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn efficiency_is_full_only_when_nothing_is_hidden() {
        assert_eq!(efficiency(0, 10), 100);
        assert_eq!(efficiency(1, 1_000_000), 99);
        assert_eq!(efficiency(u64::MAX, u64::MAX), 0);
    }
}
