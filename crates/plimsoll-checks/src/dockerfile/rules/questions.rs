//! Package managers that ask before they do something: nobody answers in a build.

use plimsoll_model::{RuleInfo, Severity};

use crate::dockerfile::Call;
use crate::dockerfile::{Dockerfile, Options, Rule};
use crate::source::{Found, insert};

pub const YUM: Rule = Rule {
    info: RuleInfo {
        id: "yum-asks",
        severity: Severity::Medium,
        aliases: &["DL3030"],
        opt_in: false,
        title: "yum would ask before it installs",
        why: "Without `-y`, yum asks whether it should go on. In a build nobody answers, and the build stops.",
        remedy: "write `yum install -y`",
        bad: "FROM centos:7\nRUN yum install httpd-2.4.6 && yum clean all\n",
        good: "FROM centos:7\nRUN yum install -y httpd-2.4.6 && yum clean all\n",
    },
    check: |file, _, found| asks(file, &YUM.info, &["yum"], &INSTALLS, is_yes, found),
};

pub const ZYPPER: Rule = Rule {
    info: RuleInfo {
        id: "zypper-asks",
        severity: Severity::Medium,
        aliases: &["DL3034"],
        opt_in: false,
        title: "zypper would ask before it changes packages",
        why: "Without `-y` or `-n`, zypper asks whether it should go on. In a build nobody answers, and the build stops.",
        remedy: "write `zypper install -y`, or `zypper -n` before any command",
        bad: "FROM opensuse/leap:15.6\nRUN zypper install httpd=2.4.51 && zypper clean\n",
        good: "FROM opensuse/leap:15.6\nRUN zypper install -y httpd=2.4.51 && zypper clean\n",
    },
    check: |file, _, found| asks(file, &ZYPPER.info, &["zypper"], &ZYPPER_COMMANDS, is_no_question, found),
};

pub const DNF: Rule = Rule {
    info: RuleInfo {
        id: "dnf-asks",
        severity: Severity::Medium,
        aliases: &["DL3038"],
        opt_in: false,
        title: "dnf would ask before it installs",
        why: "Without `-y`, dnf asks whether it should go on. In a build nobody answers, and the build stops.",
        remedy: "write `dnf install -y`",
        bad: "FROM fedora:42\nRUN dnf install httpd-2.4.63 && dnf clean all\n",
        good: "FROM fedora:42\nRUN dnf install -y httpd-2.4.63 && dnf clean all\n",
    },
    check: |file, _, found| asks(file, &DNF.info, &["dnf", "microdnf"], &INSTALLS, is_yes, found),
};

pub const DIST_UPGRADE: Rule = Rule {
    info: RuleInfo {
        id: "zypper-dist-upgrade",
        severity: Severity::Medium,
        aliases: &["DL3035"],
        opt_in: false,
        title: "zypper changes the whole distribution",
        why: "`zypper dist-upgrade` takes every package to whatever the repositories hold today. What comes out is no longer the base \
              that FROM names, and another one at each build.",
        remedy: "take a newer base, and install or update by name what is needed",
        bad: "FROM opensuse/leap:15.6\nRUN zypper -n dist-upgrade && zypper clean\n",
        good: "FROM opensuse/leap:15.6\nRUN zypper -n update openssl && zypper clean\n",
    },
    check: dist_upgrade,
};

const INSTALLS: [&str; 3] = ["install", "groupinstall", "localinstall"];
const ZYPPER_COMMANDS: [&str; 7] = ["install", "in", "remove", "rm", "source-install", "si", "patch"];

fn is_yes(call: &Call) -> bool {
    call.has_flag("y") || call.has_flag("assumeyes")
}

fn is_no_question(call: &Call) -> bool {
    (call.has_flag("n") || call.has_flag("non-interactive")) || (call.has_flag("y") || call.has_flag("no-confirm"))
}

fn asks(
    file: &Dockerfile<'_>,
    rule: &'static RuleInfo,
    programs: &[&str],
    commands: &[&str],
    answered: fn(&Call) -> bool,
    found: &mut Vec<Found>,
) {
    for run in file.runs() {
        for call in run.calls.iter().filter(|call| programs.contains(&call.name.as_str()) && !answered(call)) {
            let Some(command) = call.args.iter().find(|arg| commands.contains(&arg.text.as_str())) else { continue };
            let span = call.name_span.to(command.span);
            let message = format!("`{} {}` asks a question that nobody answers", call.name, command.text);
            let fault = Found::new(rule, span, message);
            found.push(if run.is_exec() { fault } else { fault.fix("add -y", vec![insert(command.span.end, " -y")]) });
        }
    }
}

fn dist_upgrade(file: &Dockerfile<'_>, _: &Options, found: &mut Vec<Found>) {
    for run in file.runs() {
        for call in run.calls.iter().filter(|call| call.name == "zypper") {
            if let Some(command) = call.arg("dist-upgrade").or_else(|| call.arg("dup")) {
                let message = format!("`zypper {}` changes every package of the base", command.text);
                found.push(Found::new(&DIST_UPGRADE.info, call.name_span.to(command.span), message));
            }
        }
    }
}
