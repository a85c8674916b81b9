//! CMD and ENTRYPOINT that a later one takes away.

use plimsoll_model::{RuleInfo, Severity};

use crate::dockerfile::ast::{Body, Instruction};
use crate::dockerfile::{Dockerfile, Rule};
use crate::source::Found;

pub const CMD: Rule = Rule {
    info: RuleInfo {
        id: "several-cmds",
        severity: Severity::Medium,
        aliases: &["DL4003", "DS-0016"],
        opt_in: false,
        title: "a stage has several CMD",
        why: "Only the last CMD of a stage counts. The others look as if they ran, and never do.",
        remedy: "keep the one that is meant",
        bad: "FROM debian:12\nCMD [\"/first\"]\nCMD [\"/second\"]\n",
        good: "FROM debian:12\nCMD [\"/second\"]\n",
    },
    check: |file, _, found| several(file, &CMD.info, "CMD", |body| matches!(body, Body::Cmd(_)), found),
};

pub const ENTRYPOINT: Rule = Rule {
    info: RuleInfo {
        id: "several-entrypoints",
        severity: Severity::High,
        aliases: &["DL4004", "DS-0007"],
        opt_in: false,
        title: "a stage has several ENTRYPOINT",
        why: "Only the last ENTRYPOINT of a stage counts. The others look as if they ran, and never do.",
        remedy: "keep the one that is meant",
        bad: "FROM debian:12\nENTRYPOINT [\"/first\"]\nENTRYPOINT [\"/second\"]\n",
        good: "FROM debian:12\nENTRYPOINT [\"/second\"]\n",
    },
    check: |file, _, found| {
        several(file, &ENTRYPOINT.info, "ENTRYPOINT", |body| matches!(body, Body::Entrypoint(_)), found)
    },
};

fn several(file: &Dockerfile<'_>, rule: &'static RuleInfo, word: &str, is: fn(&Body) -> bool, found: &mut Vec<Found>) {
    let mut last: Option<&Instruction> = None;
    for instruction in file.instructions.iter().filter(|instruction| is(&instruction.body)) {
        if let Some(before) = last.filter(|before| before.stage == instruction.stage) {
            let line = file.source.line(before.span.start);
            let fault =
                Found::new(rule, instruction.keyword.span, format!("this {word} takes the one of line {line} away"));
            found.push(fault.related(before.keyword.span));
        }
        last = Some(instruction);
    }
}
