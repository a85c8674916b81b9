//! gem: versions.

use plimsoll_model::{RuleInfo, Severity};

use super::unpinned;
use crate::dockerfile::{Argument, Call, Rule};

/// `gem install a:1`, `gem install a -v 1`.
pub const UNPINNED: Rule = Rule {
    info: RuleInfo {
        id: "unpinned-gem",
        severity: Severity::Medium,
        aliases: &["DL3028"],
        opt_in: true,
        title: "gem installs whatever version there is",
        why: "The same Dockerfile gives another image tomorrow, with a release that nobody here has looked at.",
        remedy: "write `gem install name:version`, or a Gemfile with its lockfile",
        bad: "FROM ruby:3.4\nRUN gem install bundler\n",
        good: "FROM ruby:3.4\nRUN gem install bundler:2.6.9\n",
    },
    check: |file, _, found| {
        let what = |_: &Call| "gem install".to_owned();
        unpinned(file, &UNPINNED.info, what, |_, call| packages(call), found);
    },
};

fn packages(call: &Call) -> Vec<&Argument> {
    let versioned =
        |arg: &Argument| matches!(arg.text.as_str(), "-v" | "--version") || arg.text.starts_with("--version=");
    let installs = call.name == "gem" && (call.has_arg("install") || call.has_arg("i"));
    if !installs || call.args.iter().any(versioned) {
        return Vec::new();
    }
    let mut packages = Vec::new();
    // What follows `--` is for the compiler. Most flags take a value; those that take none are not told apart.
    let mut args = call.args.iter().take_while(|arg| arg.text != "--");
    while let Some(arg) = args.next() {
        if arg.text.starts_with('-') {
            args.next();
        } else if !matches!(arg.text.as_str(), "install" | "i") && !arg.text.contains(':') {
            packages.push(arg);
        }
    }
    packages
}
