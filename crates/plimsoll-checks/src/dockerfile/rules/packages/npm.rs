//! npm: versions.

use plimsoll_model::{RuleInfo, Severity};

use super::unpinned;
use crate::dockerfile::{Argument, Call, Rule};

/// `npm install a@1`, a commit, a tarball, a folder.
pub const UNPINNED: Rule = Rule {
    info: RuleInfo {
        id: "unpinned-npm-package",
        severity: Severity::Medium,
        aliases: &["DL3016"],
        opt_in: true,
        title: "npm installs whatever version there is",
        why: "The same Dockerfile gives another image tomorrow, with a release that nobody here has looked at.",
        remedy: "write `package@version`, or copy a lockfile and run `npm ci`",
        bad: "FROM node:22\nRUN npm install -g typescript\n",
        good: "FROM node:22\nRUN npm install -g typescript@5.8.3\n",
    },
    check: |file, _, found| {
        let what = |_: &Call| "npm install".to_owned();
        unpinned(file, &UNPINNED.info, what, |_, call| packages(call), found);
    },
};

fn packages(call: &Call) -> Vec<&Argument> {
    if call.name != "npm" || call.operands().next().is_none_or(|command| command.text != "install") {
        return Vec::new();
    }
    let mut packages = call.operands_without(&["loglevel", "registry"]);
    packages.retain(|package| package.text != "install" && !is_pinned(&package.text));
    packages
}

fn is_pinned(text: &str) -> bool {
    if ["git://", "git+ssh://", "git+http://", "git+https://"].iter().any(|scheme| text.starts_with(scheme)) {
        return text.contains('#');
    }
    let place = ["/", "./", "../", "~/"].iter().any(|start| text.starts_with(start))
        || [".tgz", ".tar", ".tar.gz"].iter().any(|end| text.ends_with(end));
    // The first `@` of `@scope/name@version` is no version.
    let name = match text.strip_prefix('@') {
        Some(scoped) => scoped.split_once('/').map_or("", |(_, name)| name),
        None => text,
    };
    place || name.contains('@')
}
