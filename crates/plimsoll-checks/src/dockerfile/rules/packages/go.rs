//! go: versions of what it installs or runs.

use plimsoll_model::{RuleInfo, Severity};

use super::unpinned;
use crate::dockerfile::{Argument, Call, Rule};

/// `go install a@v1`, a folder.
pub const UNPINNED: Rule = Rule {
    info: RuleInfo {
        id: "unpinned-go-package",
        severity: Severity::Medium,
        aliases: &["DL3062"],
        opt_in: true,
        title: "go installs whatever version there is",
        why: "The same Dockerfile gives another image tomorrow. `@latest` says nothing either.",
        remedy: "write `go install path@version`",
        bad: "FROM golang:1.24\nRUN go install golang.org/x/tools/gopls@latest\n",
        good: "FROM golang:1.24\nRUN go install golang.org/x/tools/gopls@v0.18.1\n",
    },
    check: |file, _, found| {
        let what = |call: &Call| format!("go {}", command(call).unwrap_or_default());
        unpinned(file, &UNPINNED.info, what, |_, call| packages(call), found);
    },
};

fn command(call: &Call) -> Option<&str> {
    if call.name != "go" {
        return None;
    }
    ["run", "install", "get"].into_iter().find(|command| call.has_arg(command))
}

fn packages(call: &Call) -> Vec<&Argument> {
    let unpinned = |package: &&Argument| !is_pinned(&package.text);
    match command(call) {
        // What follows the first is for the program that runs.
        Some("run") => call.operands().filter(|package| package.text != "run").take(1).filter(unpinned).collect(),
        Some(_) => {
            let is_command = |text: &str| matches!(text, "get" | "install" | "tool");
            call.operands().filter(|package| !is_command(&package.text)).filter(unpinned).collect()
        }
        None => Vec::new(),
    }
}

fn is_pinned(text: &str) -> bool {
    let version = text.contains('@') && !text.ends_with("@latest") && !text.ends_with("@none");
    version || text.starts_with(['.', '/'])
}
