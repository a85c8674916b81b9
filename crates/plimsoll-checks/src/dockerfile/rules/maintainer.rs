//! MAINTAINER.

use plimsoll_model::{RuleInfo, Severity};

use crate::dockerfile::ast::Body;
use crate::dockerfile::{Dockerfile, Options, Rule};
use crate::source::{Found, replace};

pub const RULE: Rule = Rule {
    info: RuleInfo {
        id: "maintainer-instruction",
        severity: Severity::High,
        aliases: &["DL4000", "DS-0022", "CKV_DOCKER_6"],
        opt_in: false,
        title: "MAINTAINER is used",
        why: "MAINTAINER has been deprecated since Docker 1.13. A label says the same, and more, and tools read it.",
        remedy: "write `LABEL org.opencontainers.image.authors=…`",
        bad: "FROM debian:12\nMAINTAINER shop@example.com\n",
        good: "FROM debian:12\nLABEL org.opencontainers.image.authors=\"shop@example.com\"\n",
    },
    check,
};

fn check(file: &Dockerfile<'_>, _: &Options, found: &mut Vec<Found>) {
    for instruction in &file.instructions {
        let Body::Maintainer(who) = &instruction.body else { continue };
        let message = format!("MAINTAINER is deprecated; a label can name {}", who.text.trim_matches('"'));
        let fault = Found::new(&RULE.info, instruction.keyword.span, message);
        // What LABEL would expand or end with, MAINTAINER takes as it is.
        let bare = who.text.strip_prefix('"').and_then(|text| text.strip_suffix('"')).unwrap_or(&who.text);
        found.push(if bare.contains(['"', '\\', '$', '`', '\n']) {
            fault
        } else {
            let label = format!("LABEL org.opencontainers.image.authors=\"{bare}\"");
            fault.fix("make it a label", vec![replace(instruction.keyword.span.to(who.span), label)])
        });
    }
}
