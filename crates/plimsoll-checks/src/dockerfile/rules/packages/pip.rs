//! pip: versions.

use plimsoll_model::{RuleInfo, Severity};

use super::unpinned;
use crate::dockerfile::{Argument, Call, Rule};

/// `pip install a==1`, a bound, a place, a commit.
pub const UNPINNED: Rule = Rule {
    info: RuleInfo {
        id: "unpinned-pip-package",
        severity: Severity::Medium,
        aliases: &["DL3013"],
        opt_in: true,
        title: "pip installs whatever version there is",
        why: "The same Dockerfile gives another image tomorrow, with a release that nobody here has looked at.",
        remedy: "write `package==version`, or a requirements file with hashes",
        bad: "FROM python:3.13\nRUN pip install --no-cache-dir flask\n",
        good: "FROM python:3.13\nRUN pip install --no-cache-dir flask==3.1.1\n",
    },
    check: |file, _, found| {
        let what = |_: &Call| "pip install".to_owned();
        unpinned(file, &UNPINNED.info, what, |_, call| packages(call), found);
    },
};

/// Flags whose value is the next word.
const WITH_VALUE: &[&str] = &[
    "abi",
    "b",
    "build",
    "e",
    "editable",
    "extra-index-url",
    "f",
    "find-links",
    "i",
    "implementation",
    "index-url",
    "no-binary",
    "only-binary",
    "platform",
    "prefix",
    "progress-bar",
    "proxy",
    "python",
    "python-version",
    "root",
    "root-user-action",
    "src",
    "t",
    "target",
    "trusted-host",
    "upgrade-strategy",
];

/// The word `install` of `pip install`, `pip3 install`, `python -m pip install`.
pub(in crate::dockerfile) fn installs(call: &Call) -> Option<usize> {
    if call.name.starts_with("pip") && !call.name.starts_with("pipenv") {
        return call.args.iter().position(|arg| arg.text == "install");
    }
    if !call.name.starts_with("python") {
        return None;
    }
    let words = |part: &[Argument]| part.iter().map(|arg| arg.text.as_str()).eq(["-m", "pip", "install"]);
    call.args.windows(3).position(words).map(|at| at + 2)
}

fn packages(call: &Call) -> Vec<&Argument> {
    let Some(at) = installs(call) else { return Vec::new() };
    // Files of requirements and constraints have the versions, and the project's own metadata has them.
    let elsewhere = ["-r", "--requirement", "."].iter().any(|word| call.has_arg(word))
        || ["c", "constraint"].iter().any(|flag| call.has_flag(flag));
    if elsewhere {
        return Vec::new();
    }
    let from = call.args[at].span.end;
    let mut packages = call.operands_without(WITH_VALUE);
    packages.retain(|package| package.span.start >= from && package.text != "install" && !is_pinned(&package.text));
    packages
}

fn is_pinned(text: &str) -> bool {
    if ["git+", "hg+", "svn+", "bzr+"].iter().any(|scheme| text.starts_with(scheme)) {
        return text.contains('@');
    }
    let version = ["==", "~=", "!=", "<", ">"].iter().any(|sign| text.contains(sign));
    version || text.contains('/') || text.ends_with(".whl") || text.ends_with(".tar.gz")
}
