//! Names of labels, as Docker's guidelines for them have it.

use plimsoll_model::{RuleInfo, Severity};

use super::labels;
use crate::dockerfile::{Dockerfile, Options, Rule};
use crate::source::Found;

pub const RULE: Rule = Rule {
    info: RuleInfo {
        id: "bad-label-name",
        severity: Severity::Low,
        aliases: &["DL3048"],
        opt_in: false,
        title: "a label's name is none that tools expect",
        why: "Labels are found by their names. The guidelines ask for lower-case letters, digits, dots and hyphens; names under \
              `com.docker`, `io.docker` and `org.dockerproject` are Docker's own.",
        remedy: "write the name in lower case with dots and hyphens between the words, under a domain of yours",
        bad: "FROM debian:12\nLABEL Build_Date=2026-01-31\n",
        good: "FROM debian:12\nLABEL com.example.build-date=2026-01-31\n",
    },
    check,
};

const RESERVED: [&str; 3] = ["com.docker.", "io.docker.", "org.dockerproject."];

fn check(file: &Dockerfile<'_>, _: &Options, found: &mut Vec<Found>) {
    for (_, pair) in labels(file) {
        let name = pair.key.text.as_str();
        let message = if let Some(owner) = RESERVED.iter().find(|owner| name.starts_with(**owner)) {
            format!("names under `{}` are Docker's own", owner.trim_end_matches('.'))
        } else if !is_name(name) {
            format!("`{name}` is no name for a label")
        } else {
            continue;
        };
        found.push(Found::new(&RULE.info, pair.key.span, message));
    }
}

fn is_name(name: &str) -> bool {
    let allowed = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b".-_/".contains(&byte);
    name.starts_with(|c: char| c.is_ascii_lowercase())
        && name.ends_with(|c: char| c.is_ascii_lowercase() || c.is_ascii_digit())
        && name.bytes().all(allowed)
        && !name.contains("..")
        && !name.contains("--")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_follow_the_guidelines() {
        for name in ["a", "a1", "a.b-c.d", "a_b", "a/b", "a.-b", "io.docker", "com.dockerx"] {
            assert!(is_name(name), "{name}");
        }
        for name in ["", "A", "aB", "1", "1a", ".a", "a.", "-a", "a-", "a..b", "a--b", "a b", "é", "$X", "a:b", "a@b"]
        {
            assert!(!is_name(name), "{name}");
        }
    }
}
