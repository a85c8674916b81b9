//! Package lists and upgrades.

use plimsoll_model::{RuleInfo, Severity};

use crate::dockerfile::walk::Ran;
use crate::dockerfile::{Dockerfile, Options, Rule, Run};
use crate::source::Found;

pub const LISTS_UPDATED_ALONE: Rule = Rule {
    info: RuleInfo {
        id: "package-lists-updated-alone",
        severity: Severity::Medium,
        aliases: &["DS-0017", "CKV_DOCKER_5", "CIS-DI-0007"],
        opt_in: false,
        title: "Package lists are updated in a RUN of their own",
        why: "The layer with the lists is cached: months later the install after it uses old lists, and gets old packages with \
              known faults, or none.",
        remedy: "update and install in one RUN: `RUN apt-get update && apt-get install …`",
        bad: "FROM debian:13-slim\nRUN apt-get update\nUSER 10001\n",
        good: "FROM debian:13-slim\nRUN apt-get update && apt-get install -y --no-install-recommends tzdata=2026a && rm -rf /var/lib/apt/lists/*\nUSER 10001\n",
    },
    check: lists_updated_alone,
};

fn lists_updated_alone(file: &Dockerfile<'_>, _: &Options, found: &mut Vec<Found>) {
    for run in file.runs() {
        // What is mounted as a cache is in no layer.
        if !run.caches(file).is_empty() {
            continue;
        }
        let runs: Vec<Ran<'_>> = run.ran().collect();
        let Some(update) = runs.iter().find(|run| updates(run)) else { continue };
        if !runs.iter().any(uses_lists) {
            let message = format!("`{} {}` stands alone in its RUN", update.name, update.verb().unwrap_or_default());
            found.push(Found::new(&LISTS_UPDATED_ALONE.info, update.span, message));
        }
    }
}

fn updates(run: &Ran<'_>) -> bool {
    match run.name {
        "apt-get" | "apt" | "aptitude" | "apk" => run.verb() == Some("update"),
        "zypper" => matches!(run.verb(), Some("refresh" | "ref")),
        _ => false,
    }
}

/// Installs something, or is a script that may.
fn uses_lists(run: &Ran<'_>) -> bool {
    let verb = run.verb().unwrap_or_default();
    match run.name {
        "apt-get" | "apt" | "aptitude" | "apk" | "zypper" => {
            !matches!(verb, "update" | "refresh" | "ref" | "clean" | "autoclean")
        }
        "echo" | "rm" | "set" | "mkdir" | "true" | "printf" => false,
        _ => true,
    }
}

pub const DISTRIBUTION_UPGRADE: Rule = Rule {
    info: RuleInfo {
        id: "distribution-upgrade",
        severity: Severity::Low,
        aliases: &["DS-0024", "DKL-DI-0003"],
        opt_in: false,
        title: "The whole distribution is upgraded in the build",
        why: "The image becomes another release than its base's name says, the same file builds other images every day, and \
              every upgraded package is shipped twice.",
        remedy: "take a newer base instead, and pin it by digest",
        bad: "FROM debian:13-slim\nRUN apt-get update && apt-get dist-upgrade -y && rm -rf /var/lib/apt/lists/*\nUSER 10001\n",
        good: "FROM debian:13.2-slim\nUSER 10001\n",
    },
    check: distribution_upgrade,
};

fn distribution_upgrade(file: &Dockerfile<'_>, _: &Options, found: &mut Vec<Found>) {
    for run in file.runs().iter().flat_map(Run::ran) {
        let verb = run.verb().unwrap_or_default();
        let upgrades = match run.name {
            "apt-get" | "apt" | "aptitude" => matches!(verb, "dist-upgrade" | "full-upgrade"),
            "do-release-upgrade" => true,
            "dnf" | "yum" => matches!(verb, "distro-sync" | "system-upgrade"),
            _ => false,
        };
        if upgrades {
            let message = format!("`{} {verb}` makes another release of the base", run.name);
            found.push(Found::new(&DISTRIBUTION_UPGRADE.info, run.span, message));
        }
    }
}
