//! yum, dnf and microdnf: versions.

use plimsoll_model::{RuleInfo, Severity};

use super::{Variables, unpinned};
use crate::dockerfile::{Argument, Call, Rule, Run};

/// `yum install a-1`, `yum module install a:1`.
pub const YUM: Rule = Rule {
    info: RuleInfo {
        id: "unpinned-yum-package",
        severity: Severity::Medium,
        aliases: &["DL3033"],
        opt_in: true,
        title: "yum installs whatever version there is",
        why: "The same Dockerfile gives another image tomorrow, and a cached layer keeps an old version for as long as its text stays \
              the same.",
        remedy: "write `package-version`",
        bad: "FROM centos:7\nRUN yum install -y httpd && yum clean all\n",
        good: "FROM centos:7\nRUN yum install -y httpd-2.4.6 && yum clean all\n",
    },
    check: |file, _, found| {
        let variables = Variables::of(file);
        let wanted = |call: &Call| is(call, &["yum"]);
        unpinned(file, &YUM.info, what, |run, call| packages(run, call, wanted, &variables), found);
    },
};

/// `dnf install a-1`, `dnf module install a:1`.
pub const DNF: Rule = Rule {
    info: RuleInfo {
        id: "unpinned-dnf-package",
        severity: Severity::Medium,
        aliases: &["DL3041"],
        opt_in: true,
        title: "dnf installs whatever version there is",
        why: "The same Dockerfile gives another image tomorrow, and a cached layer keeps an old version for as long as its text stays \
              the same.",
        remedy: "write `package-version`",
        bad: "FROM fedora:42\nRUN dnf install -y httpd && dnf clean all\n",
        good: "FROM fedora:42\nRUN dnf install -y httpd-2.4.63 && dnf clean all\n",
    },
    check: |file, _, found| {
        let variables = Variables::of(file);
        // Groups have no version.
        let wanted = |call: &Call| is(call, &["dnf", "microdnf"]) && !call.has_arg("group");
        unpinned(file, &DNF.info, what, |run, call| packages(run, call, wanted, &variables), found);
    },
};

fn is(call: &Call, names: &[&str]) -> bool {
    names.contains(&call.name.as_str()) && call.has_arg("install")
}

fn what(call: &Call) -> String {
    format!("{} install", call.name)
}

fn packages<'c>(
    run: &Run,
    call: &'c Call,
    wanted: impl Fn(&Call) -> bool,
    variables: &Variables<'_>,
) -> Vec<&'c Argument> {
    if !wanted(call) {
        return Vec::new();
    }
    let module = call.has_arg("module");
    let named = call.operands().filter(|package| !matches!(package.text.as_str(), "install" | "module"));
    let pinned = |package: &&Argument| match module {
        true => package.text.contains(':'),
        false => is_pinned(run, package, variables),
    };
    named.filter(|package| !pinned(package)).collect()
}

/// A version stands after a `-`. In a variable it is taken for one where the file sets the variable.
fn is_pinned(run: &Run, package: &Argument, variables: &Variables<'_>) -> bool {
    let text = package.text.as_str();
    if package.variables.iter().any(|name| variables.set_before(run, name)) {
        return text.contains('-');
    }
    !package.open && !text.contains('$') && has_version(text)
}

/// `-` and a digit, and up to the end nothing that versions do not have.
fn has_version(text: &str) -> bool {
    let of_version = |byte: &u8| byte.is_ascii_alphanumeric() || b".-_+~^:".contains(byte);
    let length = text.bytes().rev().take_while(of_version).count();
    let end = &text.as_bytes()[text.len() - length..];
    end.windows(2).any(|pair| pair[0] == b'-' && pair[1].is_ascii_digit())
}
