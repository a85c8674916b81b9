//! Images without a health check.

use plimsoll_model::{RuleInfo, Severity};

use crate::dockerfile::ast::Body;
use crate::dockerfile::{Dockerfile, Options, Rule};
use crate::source::Found;

pub const RULE: Rule = Rule {
    info: RuleInfo {
        id: "no-healthcheck",
        severity: Severity::Low,
        aliases: &["DL3057", "DS-0026", "CKV_DOCKER_2", "CIS-DI-0006"],
        // Kubernetes looks at its own probes only.
        opt_in: true,
        title: "the image has no HEALTHCHECK",
        why: "Docker and Swarm restart what is unhealthy, and without a HEALTHCHECK a process that hangs counts as healthy. Kubernetes \
              takes no notice of it: there the pod's probes are meant.",
        remedy: "add a HEALTHCHECK, or `HEALTHCHECK NONE` to say that there is none",
        bad: "FROM debian:12\nCMD [\"/app\"]\n",
        good: "FROM debian:12\nHEALTHCHECK CMD [\"/app\", \"--alive\"]\nCMD [\"/app\"]\n",
    },
    check,
};

fn check(file: &Dockerfile<'_>, _: &Options, found: &mut Vec<Found>) {
    let mut has = vec![false; file.stages.len()];
    for instruction in &file.instructions {
        if let (Some(stage), Body::Healthcheck(_)) = (instruction.stage, &instruction.body) {
            has[stage] = true;
        }
    }
    // What a stage has, those built on it have; and a base is not asked for what is added later.
    for stage in 0..has.len() {
        has[stage] |= file.stages[stage].base.is_some_and(|base| has[base]);
    }
    for stage in (0..has.len()).rev() {
        if has[stage]
            && let Some(base) = file.stages[stage].base
        {
            has[base] = true;
        }
    }
    for (stage, _) in file.stages.iter().zip(&has).filter(|(_, has)| !**has) {
        let from = &file.instructions[stage.first];
        found.push(Found::new(
            &RULE.info,
            from.keyword.span.to(stage.image.span),
            "no HEALTHCHECK says how this image is well",
        ));
    }
}
