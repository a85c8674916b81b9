//! Secrets among the environment variables of the configuration.

use plimsoll_model::{Finding, RuleInfo, Severity};

use crate::image::{Facts, Rule, finding};
use crate::secrets;

pub const RULE: Rule = Rule {
    info: RuleInfo {
        id: "secret-in-env",
        severity: Severity::High,
        aliases: &["CIS-DI-0010"],
        opt_in: false,
        title: "An environment variable of the image holds a secret",
        why: "The configuration is readable by everyone who may pull the image, and the variable by every process in the \
              container and every crash report it sends.",
        remedy: "take it out of the Dockerfile, hand it over when the container runs (a mounted Kubernetes Secret), and \
                 change the secret: it has been published",
        bad: "FROM debian:13\nENV DATABASE_PASSWORD=tK8-pq2.Vw9x",
        good: "FROM debian:13\nENV DATABASE_PASSWORD_FILE=/run/secrets/database",
    },
    check,
};

fn check(facts: &Facts<'_>) -> Vec<Finding> {
    let Some(config) = facts.config() else { return Vec::new() };
    config
        .env
        .iter()
        .filter_map(|entry| {
            let (name, value) = entry.split_once('=').filter(|(name, _)| !facts.is_known_variable(name))?;
            let secret = secrets::in_variable(name, value)?;
            let mut found = finding(
                &RULE.info,
                format!("the environment variable {name} holds {}: {}", secret.what, secret.masked()),
            );
            found.severity = secret.severity;
            Some(found)
        })
        .collect()
}
