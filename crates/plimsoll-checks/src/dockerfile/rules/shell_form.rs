//! CMD, ENTRYPOINT and HEALTHCHECK in the shell form.

use plimsoll_model::{RuleInfo, Severity, TextEdit};

use crate::dockerfile::ast::{Body, Command, ShellText};
use crate::dockerfile::{Dockerfile, Options, Rule};
use crate::shell::Command as Node;
use crate::source::{Found, replace};

pub const RULE: Rule = Rule {
    info: RuleInfo {
        id: "shell-form-command",
        severity: Severity::Medium,
        aliases: &["DL3025"],
        opt_in: false,
        title: "a command is in the shell form",
        why: "In the shell form, `/bin/sh -c` is the first process. It does not pass signals on, so the program is killed at the end \
              of its grace period instead of stopping by itself.",
        remedy: "write a JSON list: `CMD [\"program\", \"argument\"]`",
        bad: "FROM debian:12\nCMD nginx -g daemon\n",
        good: "FROM debian:12\nCMD [\"nginx\", \"-g\", \"daemon\"]\n",
    },
    check,
};

fn check(file: &Dockerfile<'_>, options: &Options, found: &mut Vec<Found>) {
    for instruction in &file.instructions {
        // A check of health lives for a moment: nobody sends it signals.
        if matches!(instruction.body, Body::Healthcheck(_)) && !options.as_hadolint {
            continue;
        }
        let (span, text) = match &instruction.body {
            Body::Cmd(command) | Body::Entrypoint(command) | Body::Healthcheck(Some(command)) => match command {
                Command::Shell(text) => (text.span, Some(text)),
                Command::Exec(_) => continue,
            },
            // A list of something else than strings is given to a shell as it stands.
            Body::Unknown
                if ["CMD", "ENTRYPOINT"].iter().any(|it| instruction.keyword.text.eq_ignore_ascii_case(it)) =>
            {
                (instruction.rest.span, None)
            }
            _ => continue,
        };
        let keyword = instruction.keyword.text.to_ascii_uppercase();
        let list = file.source.slice(span).starts_with('[');
        let message = if list {
            format!("{keyword} begins like a JSON list and is none, so a shell gets it as it stands")
        } else {
            format!("{keyword} is in the shell form")
        };
        let fault = Found::new(&RULE.info, span, message)
            .remedy(format!("write a JSON list: `{keyword} [\"program\", \"argument\"]`"));
        found.push(match text.and_then(json) {
            Some(edit) => fault.unsafe_fix("write a JSON list", vec![edit]),
            None => fault,
        });
    }
}

/// The words as a JSON list; none where a shell does more with them than to part them.
fn json(text: &ShellText) -> Option<TextEdit> {
    let [item] = text.script.items.as_slice() else { return None };
    let [Node::Simple(simple)] = item.pipeline.commands.as_slice() else { return None };
    let plain = simple.assignments.is_empty() && simple.redirects.is_empty() && text.script.faults.is_empty();
    if !plain || item.pipeline.negated || !item.separator_span.is_empty() || simple.span != text.span {
        return None;
    }
    let words: Option<Vec<String>> = simple
        .words
        .iter()
        .map(|word| word.literal().filter(|text| word.is_quoted() || !text.contains(['*', '?', '[', '~', '{', '\\'])))
        .collect();
    let words: Vec<String> = words?.iter().map(|word| serde_json::Value::from(word.as_str()).to_string()).collect();
    Some(replace(text.span, format!("[{}]", words.join(", "))))
}
