//! Secrets in the instructions that the image's history keeps: build arguments, command lines, earlier variables.

use plimsoll_model::{Finding, RuleInfo, Severity};

use crate::image::{Facts, Rule, finding, history_location, short_instruction};
use crate::secrets;

/// Secrets after which the history is not read on: it is known to leak, and its length is whoever built the image's.
const MAX_FOUND: usize = 100;

pub const RULE: Rule = Rule {
    info: RuleInfo {
        id: "secret-in-history",
        severity: Severity::High,
        aliases: &["CIS-DI-0010"],
        opt_in: false,
        title: "The image's history holds a secret",
        why: "Every instruction is kept word for word in the image, build arguments included: whoever may pull it reads \
              them with `docker history`.",
        remedy: "hand it to the build as `RUN --mount=type=secret`, rebuild, and change the secret: it has been published",
        bad: "FROM debian:13\nRUN curl -u deploy:tK8-pq2.Vw9x https://files.example.com/web -o /app/web",
        good: "FROM debian:13\nRUN --mount=type=secret,id=netrc curl --netrc-file /run/secrets/netrc https://files.example.com/web -o /app/web",
    },
    check,
};

fn check(facts: &Facts<'_>) -> Vec<Finding> {
    let Some(config) = facts.config() else { return Vec::new() };
    let mut found = Vec::new();
    for (index, entry) in config.history.iter().enumerate() {
        if found.len() >= MAX_FOUND {
            break;
        }
        let Some(made) = entry.created_by.as_deref() else { continue };
        for secret in secrets::in_command(made) {
            if variable_before(made, secret.at).is_some_and(|name| facts.is_known_variable(name)) {
                continue;
            }
            // A variable that is still in the configuration is that rule's finding.
            if !secret.value.is_empty() && config.env.iter().any(|variable| variable.contains(&secret.value)) {
                continue;
            }
            let message =
                format!("the instruction `{}` holds {}: {}", short_instruction(made), secret.what, secret.masked());
            let mut one = finding(&RULE.info, message);
            one.severity = secret.severity;
            one.locations = vec![history_location(config, index)];
            // Builders repeat build arguments in every instruction after them.
            if !found.iter().any(|(value, _)| *value == secret.value) {
                found.push((secret.value, one));
            }
        }
    }
    found.into_iter().map(|(_, one)| one).collect()
}

/// The name that a value is given to: of `NAME=value`, `NAME="value"` and the old `ENV NAME value`.
fn variable_before(made: &str, at: usize) -> Option<&str> {
    let before = made.get(..at)?.trim_end_matches(['"', '\'']);
    let before = before.strip_suffix('=').unwrap_or(before).trim_end();
    let start = before.rfind(|c: char| !c.is_ascii_alphanumeric() && c != '_').map_or(0, |at| at + 1);
    // Another character may be longer than one byte.
    before.get(start..).filter(|name| !name.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn variables_are_found_before_their_values() {
        for (made, name) in [
            ("ENV DB_PASSWORD=value", Some("DB_PASSWORD")),
            ("ENV A=b DB_PASSWORD=\"value\"", Some("DB_PASSWORD")),
            ("ENV DB_PASSWORD value", Some("DB_PASSWORD")),
            ("RUN |1 TOKEN=value /bin/sh", Some("TOKEN")),
            ("é value", None),
            ("value", None),
        ] {
            let at = made.find("value").unwrap();
            assert_eq!(variable_before(made, at), name, "{made}");
        }
    }
}
