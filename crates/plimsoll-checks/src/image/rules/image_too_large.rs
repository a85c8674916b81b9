//! The image's unpacked size, always measured; a fault from 1 GB on, or from the policy's own threshold on.

use plimsoll_model::{Finding, RuleInfo, Severity};

use crate::image::{Facts, Rule, bytes, finding};

/// Unpacked bytes from which an image is large without a policy's word: several times what a server and its runtime need.
const LIMIT: u64 = 1_000_000_000;

pub const RULE: Rule = Rule {
    info: RuleInfo {
        id: "image-too-large",
        severity: Severity::Low,
        aliases: &[],
        opt_in: false,
        title: "The image is large",
        why: "A large image starts slowly on every new node, fills disks, and mostly holds things that nobody runs. It \
              measures unpacked bytes, so that a policy can set its own limit: `image-too-large: {deny: 500MB}`.",
        remedy: "build in one stage, copy only what runs into a small base, and look at the largest layer first",
        bad: "FROM gcr.io/distroless/static\nCOPY model-1400MB.bin /app/model.bin",
        good: "FROM gcr.io/distroless/static\nCOPY web-20MB.bin /app/web",
    },
    check,
};

fn check(facts: &Facts<'_>) -> Vec<Finding> {
    let layers = &facts.inventory.layers;
    let unpacked = layers.iter().fold(0u64, |sum, layer| sum.saturating_add(layer.unpacked_size));
    // Layers that were not read have no unpacked size; the files that were seen are then the floor.
    let size = unpacked.max(facts.inventory.total_file_bytes);
    if layers.is_empty() || size == 0 {
        return Vec::new();
    }
    let largest = (0..layers.len()).max_by_key(|at| (layers[*at].unpacked_size, usize::MAX - at)).unwrap_or(0);
    let stored = layers.iter().fold(0u64, |sum, layer| sum.saturating_add(layer.size));
    let mut found = finding(
        &RULE.info,
        format!(
            "the image has {} unpacked ({} as stored); the largest part, {}, is made by {}",
            bytes(size),
            bytes(stored),
            bytes(layers[largest].unpacked_size),
            facts.instruction(largest)
        ),
    );
    if size < LIMIT {
        found.severity = Severity::Unknown;
    }
    found.measure = Some(size);
    vec![found]
}
