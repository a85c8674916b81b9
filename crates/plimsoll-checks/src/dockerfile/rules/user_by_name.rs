//! USER by name.

use plimsoll_model::{RuleInfo, Severity};

use crate::dockerfile::ast::Body;
use crate::dockerfile::{Dockerfile, Options, Rule};
use crate::source::Found;

pub const RULE: Rule = Rule {
    info: RuleInfo {
        id: "user-by-name",
        severity: Severity::Low,
        aliases: &["DL3066"],
        opt_in: true,
        title: "USER names a user instead of giving a number",
        why: "Only the image knows what a name means. With `runAsNonRoot`, Kubernetes refuses to start a container whose user is a name, \
              because it cannot tell whether that is root.",
        remedy: "write the user's number: `USER 1000`",
        bad: "FROM debian:12\nUSER app\n",
        good: "FROM debian:12\nUSER 1000\n",
    },
    check,
};

fn check(file: &Dockerfile<'_>, _: &Options, found: &mut Vec<Found>) {
    for instruction in &file.instructions {
        let Body::User(user) = &instruction.body else { continue };
        let name = user.text.split(':').next().unwrap_or_default().trim_matches(['"', '\'']);
        // Nobody can tell what a variable will be.
        if !name.contains('$') && !name.bytes().all(|byte| byte.is_ascii_digit()) {
            found.push(Found::new(&RULE.info, user.span, format!("only the image knows which user `{name}` is")));
        }
    }
}
