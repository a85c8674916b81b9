//! Variables whose names say that they hold a secret.

use plimsoll_model::{RuleInfo, Severity};

use crate::dockerfile::ast::Body;
use crate::dockerfile::{Dockerfile, Options, Rule};
use crate::source::Found;

pub const RULE: Rule = Rule {
    info: RuleInfo {
        id: "secret-in-variable",
        severity: Severity::High,
        aliases: &["DL3064", "DS-0031", "CIS-DI-0010"],
        opt_in: false,
        title: "ARG or ENV holds a secret",
        why: "The values of ENV and ARG stay in the image's configuration and history. Whoever can pull the image can read them.",
        remedy: "use `RUN --mount=type=secret` while building, and give the running container its secrets when it starts",
        bad: "FROM debian:12\nENV DB_PASSWORD=hunter2\n",
        good: "FROM debian:12\nRUN --mount=type=secret,id=db ./configure --password-file /run/secrets/db\n",
    },
    check,
};

const WORDS: [&str; 7] = ["password", "secret", "token", "api_key", "private_key", "privatekey", "access_key_id"];

/// Where the secret is, and not the secret.
const PLACES: [&str; 4] = ["_file", "_path", "_dir", "_url"];

fn check(file: &Dockerfile<'_>, options: &Options, found: &mut Vec<Found>) {
    for instruction in &file.instructions {
        let body = match &instruction.body {
            Body::OnBuild(inner) => &inner.body,
            body => body,
        };
        let (kind, pairs) = match body {
            Body::Env(pairs) => ("ENV", pairs),
            Body::Arg(pairs) => ("ARG", pairs),
            _ => continue,
        };
        for pair in pairs {
            let name = pair.key.text.to_ascii_lowercase();
            let names_place = PLACES.iter().any(|end| name.ends_with(end));
            let value = pair.value.as_ref().map(|value| value.text.trim_matches(['"', '\'']));
            let harmless = !options.as_hadolint && (name.ends_with("_name") || value.is_some_and(is_no_secret));
            if WORDS.iter().any(|word| name.contains(word)) && !names_place && !harmless {
                let message = format!("{kind} `{}` keeps a secret in the image", pair.key.text);
                found.push(Found::new(&RULE.info, pair.key.span, message));
            }
        }
    }
}

/// Nothing, a switch, or a number as short as a length or a lifetime.
fn is_no_secret(value: &str) -> bool {
    let number = value.len() <= 4 && value.bytes().all(|byte| byte.is_ascii_digit());
    number || ["true", "false", "yes", "no", "on", "off"].iter().any(|word| value.eq_ignore_ascii_case(word))
}
