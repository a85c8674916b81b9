//! Package lists fetched by a RUN that installs nothing.

use plimsoll_model::{Finding, RuleInfo, Severity};

use crate::image::history::Command;
use crate::image::{Facts, Rule};

/// Commands that install nothing. Anything else in the same RUN may: a script's content is not on its line.
const HARMLESS: &[&str] = &[
    "", "set", "rm", "echo", "printf", "true", "false", ":", "test", "[", "mkdir", "rmdir", "touch", "sleep", "export",
    "cd", "ls", "cat", "date", "find", "chmod", "chown", "sed", "cp", "mv", "ln", "grep", "fi", "done", "useradd",
    "groupadd", "adduser", "addgroup", "tee",
];
/// What only looks or cleans, of the managers themselves.
const NO_INSTALL: &[&str] = &["update", "clean", "autoclean", "autoremove", "cache", "list", "show", "info", "policy"];
const MANAGERS: &[&str] = &["apt-get", "apt", "aptitude", "apk"];

pub const RULE: Rule = Rule {
    info: RuleInfo {
        id: "update-instruction-alone",
        severity: Severity::Medium,
        aliases: &["CIS-DI-0007"],
        opt_in: false,
        title: "Package lists are fetched by an instruction of their own",
        why: "The layer with the lists is cached: months later a build installs from old lists, gets versions with known faults \
              or fails because they are gone from the mirror.",
        remedy: "fetch and install in one instruction: `RUN apt-get update && apt-get install -y … && rm -rf /var/lib/apt/lists/*`",
        bad: "FROM debian:13\nRUN apt-get update\nRUN apt-get install -y curl",
        good: "FROM debian:13\nRUN apt-get update && apt-get install -y curl && rm -rf /var/lib/apt/lists/*",
    },
    check,
};

fn check(facts: &Facts<'_>) -> Vec<Finding> {
    facts.steps(&RULE.info, |commands| {
        let updates = commands.iter().any(|command| command.subcommand(MANAGERS) == Some("update"));
        (updates && commands.iter().all(installs_nothing))
            .then(|| "fetches package lists and installs nothing".to_owned())
    })
}

fn installs_nothing(command: &Command) -> bool {
    match command.subcommand(MANAGERS) {
        Some(told) => NO_INSTALL.contains(&told),
        None => HARMLESS.contains(&command.wrapped_program().0) || MANAGERS.contains(&command.wrapped_program().0),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::image::history::commands;

    #[test]
    fn only_what_surely_installs_nothing_is_told() {
        let alone = |script: &str| commands(script).iter().all(installs_nothing);
        for script in ["apt-get update", "set -eux; apt-get update; rm -rf /x", "sudo apt-get update -q", "apk update"]
        {
            assert!(alone(script), "{script}");
        }
        for script in [
            "apt-get update && apt-get install -y curl",
            "apt-get update && ./install.sh",
            "apt update; apt -y upgrade",
            "apt-get update && cat list | xargs apt-get install -y",
            "apt-get update && playwright install-deps",
            "if true; then apt-get update && apt-get -o A=b build-dep x; fi",
        ] {
            assert!(!alone(script), "{script}");
        }
    }
}
