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

fn check(file: &Dockerfile<'_>, _: &Options, found: &mut Vec<Found>) {
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
            if WORDS.iter().any(|word| name.contains(word)) && !names_place {
                let message = format!("{kind} `{}` keeps a secret in the image", pair.key.text);
                found.push(Found::new(&RULE.info, pair.key.span, message));
            }
        }
    }
}
