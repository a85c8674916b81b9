//! Instructions before the first FROM.

use plimsoll_model::{RuleInfo, Severity};

use crate::dockerfile::ast::Body;
use crate::dockerfile::{Dockerfile, Options, Rule};
use crate::source::Found;

pub const RULE: Rule = Rule {
    info: RuleInfo {
        id: "instruction-before-from",
        severity: Severity::High,
        aliases: &["DL3061"],
        opt_in: false,
        title: "an instruction stands before the first FROM",
        why: "Before the first FROM there is no image to change. Only ARG may stand there; the builder refuses all else.",
        remedy: "begin with FROM, or with ARG and FROM",
        bad: "ENV VERSION=12\nFROM debian:12\n",
        good: "ARG VERSION=12\nFROM debian:$VERSION\n",
    },
    check,
};

fn check(file: &Dockerfile<'_>, _: &Options, found: &mut Vec<Found>) {
    let before = file.instructions.iter().take_while(|instruction| instruction.stage.is_none());
    for instruction in before.filter(|instruction| !matches!(instruction.body, Body::Arg(_) | Body::Unknown)) {
        let keyword = instruction.keyword.text.to_ascii_uppercase();
        found.push(Found::new(&RULE.info, instruction.keyword.span, format!("{keyword} stands before the first FROM")));
    }
}
