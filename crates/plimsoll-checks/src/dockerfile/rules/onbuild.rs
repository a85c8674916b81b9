//! Instructions that ONBUILD cannot hold.

use plimsoll_model::{RuleInfo, Severity};

use crate::dockerfile::ast::Body;
use crate::dockerfile::{Dockerfile, Options, Rule};
use crate::source::Found;

pub const RULE: Rule = Rule {
    info: RuleInfo {
        id: "onbuild-cannot-hold",
        severity: Severity::High,
        aliases: &["DL3043"],
        opt_in: false,
        title: "ONBUILD holds an instruction that it cannot hold",
        why: "The builder refuses ONBUILD with FROM, MAINTAINER or another ONBUILD, so the image is never built.",
        remedy: "write the instruction without ONBUILD, or take it away",
        bad: "FROM debian:12\nONBUILD MAINTAINER a@example.com\n",
        good: "FROM debian:12\nONBUILD LABEL maintainer=a@example.com\n",
    },
    check,
};

fn check(file: &Dockerfile<'_>, _: &Options, found: &mut Vec<Found>) {
    for instruction in &file.instructions {
        let Body::OnBuild(inner) = &instruction.body else { continue };
        let keyword = inner.keyword.text.to_ascii_uppercase();
        if matches!(keyword.as_str(), "FROM" | "MAINTAINER" | "ONBUILD") {
            found.push(Found::new(&RULE.info, inner.keyword.span, format!("ONBUILD cannot hold {keyword}")));
        }
    }
}
