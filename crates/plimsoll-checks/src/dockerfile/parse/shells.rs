//! Which shell runs a text. In: the words of SHELL, or a script's `#!` line. Out: the kind of shell.

use super::super::ast::Shell;

/// Of SHELL's words.
pub(super) fn shell<'a>(words: impl IntoIterator<Item = &'a str>) -> Shell {
    let mut words = words.into_iter().peekable();
    if words.next_if(|word| word.rsplit('/').next() == Some("env")).is_some() {
        while words.next_if(|word| word.starts_with('-') || word.contains('=')).is_some() {}
    }
    let program = words.next().unwrap_or_default();
    let program = program.rsplit(['/', '\\']).next().unwrap_or_default();
    let program = program.strip_suffix(".exe").unwrap_or(program);
    let mut pipefail = false;
    let mut option = false;
    for word in words {
        pipefail |= option && word == "pipefail";
        option = word.starts_with('-') && !word.starts_with("--") && word.ends_with('o');
    }
    match program.to_ascii_lowercase().as_str() {
        "sh" | "ash" | "dash" => Shell::Posix { pipefail },
        "bash" | "ksh" | "zsh" | "mksh" => Shell::Bash { pipefail },
        _ => Shell::Other,
    }
}

/// Of a script's first line, where it names one.
pub(super) fn shebang(script: &str) -> Option<Shell> {
    let line = script.strip_prefix("#!")?.lines().next().unwrap_or_default();
    Some(shell(line.split_whitespace()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shells_are_known_by_their_names() {
        let posix = |pipefail| Shell::Posix { pipefail };
        let bash = |pipefail| Shell::Bash { pipefail };
        for (words, kind) in [
            (vec!["/bin/sh", "-c"], posix(false)),
            (vec!["/bin/ash", "-eo", "pipefail", "-c"], posix(true)),
            (vec!["bash", "-o", "pipefail", "-c"], bash(true)),
            (vec!["/bin/bash", "-c", "pipefail"], bash(false)),
            (vec!["/usr/bin/env", "-S", "A=1", "bash", "-o", "pipefail", "-c"], bash(true)),
            (vec!["powershell", "-Command"], Shell::Other),
            (vec!["cmd.exe", "/S"], Shell::Other),
            (vec![], Shell::Other),
        ] {
            assert_eq!(shell(words.iter().copied()), kind, "{words:?}");
        }
        for (script, kind) in [
            ("#!/bin/bash\nx", Some(bash(false))),
            ("#! /bin/sh -e\nx", Some(posix(false))),
            ("#!/usr/bin/env bash", Some(bash(false))),
            ("#!/usr/bin/env -S bash -o pipefail", Some(bash(true))),
            ("#!/usr/bin/env python3\n", Some(Shell::Other)),
            ("echo", None),
        ] {
            assert_eq!(shebang(script), kind, "{script}");
        }
    }
}
