//! Command lines that no shell takes apart. In: the lists that start processes. What it does not do: read scripts; those
//! after `sh -c` are one argument rightly.

use std::sync::Arc;

use plimsoll_model::{RuleInfo, Severity};
use plimsoll_yaml::Node;

use super::pod::{called, short};
use super::{Check, Context, Rule};
use crate::manifest::object::{Container, Workload, span};
use crate::source::Found;

pub const ONE_ARGUMENT: Rule = Rule {
    info: RuleInfo {
        id: "command-in-one-argument",
        severity: Severity::Medium,
        aliases: &[],
        opt_in: false,
        title: "One argument of a command holds what should be several",
        why: "No shell takes the list apart: an argument with a space in it is one program's name or one file's name, and the \
              command fails or does nothing.",
        remedy: "write each word as an item of its own, or run `sh -c` with the line as one item",
        bad: container!(
            "    lifecycle:\n      postStart:\n        exec:\n          command: [\"rm\", \"/bin/bash /bin/touch\"]\n"
        ),
        good: container!(
            "    lifecycle:\n      postStart:\n        exec:\n          command: [\"rm\", \"/bin/bash\", \"/bin/touch\"]\n"
        ),
    },
    check: Check::Container(one_argument),
};

/// Where containers have commands whose first word is a program.
const COMMANDS: [&[&str]; 6] = [
    &["command"],
    &["livenessProbe", "exec", "command"],
    &["readinessProbe", "exec", "command"],
    &["startupProbe", "exec", "command"],
    &["lifecycle", "postStart", "exec", "command"],
    &["lifecycle", "preStop", "exec", "command"],
];
const SHELLS: [&str; 6] = ["sh", "bash", "ash", "dash", "ksh", "zsh"];
/// Programs whose arguments are names of files.
const FILE_PROGRAMS: [&str; 18] = [
    "rm", "cat", "ls", "touch", "cp", "mv", "chmod", "chown", "chgrp", "test", "[", "mkdir", "rmdir", "ln", "stat",
    "head", "tail", "unlink",
];

fn one_argument(container: &Container<'_>, workload: &Workload<'_>, _: &Context<'_>, out: &mut Vec<Found>) {
    if workload.is_windows() {
        return;
    }
    for path in COMMANDS {
        let Some(list) = container.at(path) else { continue };
        let Some(first) = list.items().first() else { continue };
        let Some(program) = first.text() else { continue };
        let mut words = program.split_whitespace();
        if let (Some(word), Some(next)) = (words.next(), words.next())
            && is_program(word)
        {
            let message = format!(
                "{} asks for a program named `{}`: `{}` is no argument here",
                called(container),
                short(program),
                short(next)
            );
            out.push(Found::new(&ONE_ARGUMENT.info, span(first), message));
            continue;
        }
        let name = program.rsplit('/').next().unwrap_or(program);
        let more = if path == COMMANDS[0] { container.at(&["args"]).map(|args| args.items()) } else { None };
        let arguments = list.items()[1..].iter().chain(more.unwrap_or_default());
        if SHELLS.contains(&name) {
            script(name, arguments, container, out);
        } else if FILE_PROGRAMS.contains(&name) {
            for item in arguments {
                several(name, item, container, out);
            }
        }
    }
}

/// A word that names a program: no script, no path with blanks of another system.
fn is_program(word: &str) -> bool {
    !word.starts_with('-')
        && word.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'.' | b'/' | b'-' | b'+'))
}

/// A shell's first argument that is no flag is a file's name, unless `-c` stands before it (`-C` is another flag).
fn script<'n>(
    shell: &str,
    arguments: impl Iterator<Item = &'n Arc<Node>>,
    container: &Container<'_>,
    out: &mut Vec<Found>,
) {
    let mut value = false;
    for item in arguments {
        let Some(text) = item.text() else { return };
        if std::mem::take(&mut value) {
            continue;
        }
        if let Some(flags) = text.strip_prefix(['-', '+']).filter(|flags| !flags.is_empty()) {
            // `-c` runs a command, `-s` reads one; what is longer (`--norc`) is neither.
            if !flags.starts_with('-') && flags.contains(['c', 's']) {
                return;
            }
            value = flags.ends_with(['o', 'O']) || matches!(flags, "-rcfile" | "-init-file");
            continue;
        }
        if text.trim().contains(char::is_whitespace) {
            let message = format!(
                "`{shell}` of {} takes `{}` for a script's file name: only `-c` runs it as a command",
                called(container),
                short(text)
            );
            out.push(Found::new(&ONE_ARGUMENT.info, span(item), message));
        }
        return;
    }
}

/// `/bin/bash /bin/touch` and `-f /dev/null`: each word a path or a flag. `/My Documents/x` is one name rightly.
fn several(program: &str, item: &Arc<Node>, container: &Container<'_>, out: &mut Vec<Found>) {
    let Some(text) = item.text() else { return };
    let words: Vec<&str> = text.split_whitespace().collect();
    let path = |word: &str| ["/", "./", "../", "~/"].iter().any(|start| word.starts_with(start));
    let flag = |word: &str| word.len() > 1 && word.starts_with('-');
    if words.len() > 1 && words.iter().all(|word| path(word) || flag(word)) && words.iter().any(|word| path(word)) {
        let message = format!(
            "`{program}` of {} gets one argument with a space: one file named `{}`",
            called(container),
            short(text)
        );
        out.push(Found::new(&ONE_ARGUMENT.info, span(item), message));
    }
}
