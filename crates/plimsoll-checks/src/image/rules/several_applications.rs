//! Several services in one image, or a supervisor that starts them.

use std::collections::BTreeMap;

use plimsoll_model::{FileFactKind, Finding, RuleInfo, Severity};

use crate::image::{Facts, Rule, finding, named_few};

/// Programs whose work is to start several others.
const SUPERVISORS: &[&str] = &["supervisord", "s6-svscan", "runsvdir", "monit", "circusd", "systemd", "openrc-init"];

pub const RULE: Rule = Rule {
    info: RuleInfo {
        id: "several-applications",
        severity: Severity::Low,
        aliases: &[],
        opt_in: false,
        title: "Several applications share one image",
        why: "They are updated, scaled, restarted and broken into together; the cluster sees one process and cannot tell \
              that the other died.",
        remedy: "make one image of each and run them as containers of one pod, or as pods of their own",
        bad: "FROM debian:13\nRUN apt-get install -y nginx postgresql",
        good: "FROM debian:13\nRUN apt-get install -y nginx",
    },
    check,
};

fn check(facts: &Facts<'_>) -> Vec<Finding> {
    // One service may have its program at several places: versions side by side, a debug build.
    let mut services = BTreeMap::new();
    for file in facts.files(FileFactKind::Service) {
        let name = file.location.path.rsplit('/').next().unwrap_or_default();
        let name = name.trim_end_matches("-debug").to_owned();
        services.entry(name).or_insert_with(|| file.location.clone());
    }
    let supervisor = facts.config().and_then(|config| {
        let started = config.entrypoint.iter().chain(&config.cmd).flat_map(|word| word.split_whitespace());
        started.filter_map(|word| word.rsplit('/').next()).find(|name| SUPERVISORS.contains(name))
    });
    let names: Vec<String> = services.keys().cloned().collect();
    let message = match supervisor {
        _ if names.len() > 1 => format!("{} services are in one image: {}", names.len(), named_few(&names)),
        Some(supervisor) => format!("the image starts {supervisor}, which runs several programs"),
        None => return Vec::new(),
    };
    let mut found = finding(&RULE.info, message);
    found.locations = services.into_values().collect();
    vec![found]
}
