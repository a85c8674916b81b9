//! zypper: versions.

use plimsoll_model::{RuleInfo, Severity};

use super::unpinned;
use crate::dockerfile::{Argument, Call, Rule};

/// `zypper install a=1`, a bound, a file.
pub const UNPINNED: Rule = Rule {
    info: RuleInfo {
        id: "unpinned-zypper-package",
        severity: Severity::Medium,
        aliases: &["DL3037"],
        opt_in: true,
        title: "zypper installs whatever version there is",
        why: "The same Dockerfile gives another image tomorrow, and a cached layer keeps an old version for as long as its text stays \
              the same.",
        remedy: "write `package=version`",
        bad: "FROM opensuse/leap:15.6\nRUN zypper install -y httpd && zypper clean\n",
        good: "FROM opensuse/leap:15.6\nRUN zypper install -y httpd=2.4.51 && zypper clean\n",
    },
    check: |file, _, found| {
        let what = |_: &Call| "zypper install".to_owned();
        unpinned(file, &UNPINNED.info, what, |_, call| packages(call), found);
    },
};

fn packages(call: &Call) -> Vec<&Argument> {
    if call.name != "zypper" || !(call.has_arg("install") || call.has_arg("in")) {
        return Vec::new();
    }
    let pinned = |text: &str| text.contains(['=', '>', '<']) || text.ends_with(".rpm");
    let named = call.operands().filter(|package| !matches!(package.text.as_str(), "install" | "in"));
    named.filter(|package| !pinned(&package.text)).collect()
}
