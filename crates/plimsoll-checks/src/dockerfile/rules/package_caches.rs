//! Caches of package managers that stay in the layer: yum, dnf, zypper, pip, yarn.

use std::collections::BTreeSet;

use plimsoll_model::{RuleInfo, Severity};

use crate::dockerfile::ast::Body;
use crate::dockerfile::calls::{Call, Run, runs};
use crate::dockerfile::{Dockerfile, Options, Rule};
use crate::source::{Found, insert};

pub const YUM: Rule = Rule {
    info: RuleInfo {
        id: "yum-cache-kept",
        severity: Severity::Medium,
        aliases: &["DL3032", "DS-0015"],
        opt_in: false,
        title: "yum's cache stays in the layer",
        why: "yum keeps what it downloads. A layer never shrinks: unless the same RUN empties the cache, everybody who pulls the image \
              pulls the cache too.",
        remedy: "end the RUN with `yum clean all`",
        bad: "FROM centos:7\nRUN yum install -y httpd-2.4.6\n",
        good: "FROM centos:7\nRUN yum install -y httpd-2.4.6 && yum clean all\n",
    },
    check: |file, _, found| {
        for run in runs(file) {
            rpm(&run, &YUM.info, "yum", found);
        }
    },
};

pub const DNF: Rule = Rule {
    info: RuleInfo {
        id: "dnf-cache-kept",
        severity: Severity::Medium,
        aliases: &["DL3040", "DS-0019"],
        opt_in: false,
        title: "dnf's cache stays in the layer",
        why: "dnf keeps what it downloads. A layer never shrinks: unless the same RUN empties the cache, everybody who pulls the image \
              pulls the cache too.",
        remedy: "end the RUN with `dnf clean all`",
        bad: "FROM fedora:42\nRUN dnf install -y httpd-2.4.63\n",
        good: "FROM fedora:42\nRUN dnf install -y httpd-2.4.63 && dnf clean all\n",
    },
    check: |file, _, found| {
        for run in runs(file) {
            rpm(&run, &DNF.info, "dnf", found);
            rpm(&run, &DNF.info, "microdnf", found);
        }
    },
};

pub const ZYPPER: Rule = Rule {
    info: RuleInfo {
        id: "zypper-cache-kept",
        severity: Severity::Medium,
        aliases: &["DL3036", "DS-0020"],
        opt_in: false,
        title: "zypper's cache stays in the layer",
        why: "zypper keeps what it knows of its repositories. A layer never shrinks: unless the same RUN empties the cache, everybody \
              who pulls the image pulls the cache too.",
        remedy: "end the RUN with `zypper clean`",
        bad: "FROM opensuse/leap:15.6\nRUN zypper install -y httpd=2.4.51\n",
        good: "FROM opensuse/leap:15.6\nRUN zypper install -y httpd=2.4.51 && zypper clean\n",
    },
    check: zypper,
};

pub const PIP: Rule = Rule {
    info: RuleInfo {
        id: "pip-cache-kept",
        severity: Severity::Medium,
        aliases: &["DL3042"],
        opt_in: false,
        title: "pip's cache stays in the layer",
        why: "pip keeps every package that it downloads or builds, for the next time. In an image there is no next time, and the cache \
              may be as large as what was installed.",
        remedy: "write `pip install --no-cache-dir`, or set `PIP_NO_CACHE_DIR=1`",
        bad: "FROM python:3.13\nRUN pip install flask==3.1.0\n",
        good: "FROM python:3.13\nRUN pip install --no-cache-dir flask==3.1.0\n",
    },
    check: pip,
};

pub const YARN: Rule = Rule {
    info: RuleInfo {
        id: "yarn-cache-kept",
        severity: Severity::Low,
        aliases: &["DL3060"],
        opt_in: false,
        title: "yarn's cache stays in the layer",
        why: "yarn keeps every package that it downloads. In the stage that is shipped the cache only makes the image larger.",
        remedy: "end the RUN with `yarn cache clean`",
        bad: "FROM node:22\nRUN yarn install\n",
        good: "FROM node:22\nRUN yarn install && yarn cache clean\n",
    },
    check: yarn,
};

/// Calls of `program` with one of `commands`, where `cleans` holds for none that comes later.
fn left<'r>(run: &'r Run<'_>, wants: impl Fn(&Call) -> bool, cleans: impl Fn(&Call) -> bool) -> Option<&'r Call> {
    let last_clean = run.calls.iter().rposition(cleans);
    let after = last_clean.map_or(0, |at| at + 1);
    run.calls[after..].iter().find(|call| wants(call))
}

/// `rm -r` of one of the folders, or of all in it.
fn removes(call: &Call, folders: &[&str]) -> bool {
    call.name == "rm"
        && (call.has_flag("r", "recursive") || call.has_flag("R", ""))
        && call.args.iter().any(|arg| {
            let path = arg.text.trim_end_matches('*').trim_end_matches('/');
            folders.contains(&path)
        })
}

const RPM_CACHES: [&str; 4] = ["/var/cache/yum", "/var/cache/dnf", "/var/cache/libdnf5", "/var/cache"];

fn rpm(run: &Run<'_>, rule: &'static RuleInfo, program: &str, found: &mut Vec<Found>) {
    let installs = |call: &Call| call.name == program && call.word("install").is_some();
    let cleans = |call: &Call| (call.name == program && call.word("clean").is_some()) || removes(call, &RPM_CACHES);
    if let Some(call) = left(run, installs, cleans)
        && !run.keeps_out(|target| RPM_CACHES.contains(&target))
    {
        tell(
            run,
            call,
            rule,
            format!("what `{program} install` downloads stays in the layer"),
            &format!("{program} clean all"),
            found,
        );
    }
}

fn tell(run: &Run<'_>, call: &Call, rule: &'static RuleInfo, message: String, command: &str, found: &mut Vec<Found>) {
    let mut fault = Found::new(rule, call.span, message);
    if let Some(edits) = run.then(call, command) {
        fault = fault.fix(format!("run {command}"), edits);
    }
    found.push(fault);
}

fn zypper(file: &Dockerfile<'_>, _: &Options, found: &mut Vec<Found>) {
    for run in runs(file) {
        let installs = |call: &Call| call.name == "zypper" && call.one_of(&["install", "in"]).is_some();
        let cleans = |call: &Call| {
            (call.name == "zypper" && call.one_of(&["clean", "cc"]).is_some())
                || removes(call, &["/var/cache/zypp", "/var/cache"])
        };
        if let Some(call) = left(&run, installs, cleans)
            && !run.keeps_out(|target| matches!(target, "/var/cache/zypp" | "/var/cache"))
        {
            tell(
                &run,
                call,
                &ZYPPER.info,
                "what `zypper install` downloads stays in the layer".into(),
                "zypper clean",
                found,
            );
        }
    }
}

/// `pip`, `pip3`, `pip3.12`.
fn is_versioned(name: &str, program: &str) -> bool {
    name.strip_prefix(program).is_some_and(|rest| rest.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.'))
}

fn is_pip(call: &Call) -> bool {
    let module = || call.args.windows(2).any(|pair| pair[0].text == "-m" && pair[1].text == "pip");
    is_versioned(&call.name, "pip") || (is_versioned(&call.name, "python") && module())
}

/// The values that pip takes for yes.
fn is_on(value: &str) -> bool {
    ["1", "y", "yes", "t", "true", "on"].iter().any(|word| value.eq_ignore_ascii_case(word))
}

fn switches_cache_off(text: &str) -> bool {
    text.strip_prefix("PIP_NO_CACHE_DIR=").is_some_and(is_on)
}

fn pip(file: &Dockerfile<'_>, _: &Options, found: &mut Vec<Found>) {
    // Whether ENV switches the cache off at the end of each stage.
    let mut off = vec![false; file.stages.len()];
    let mut all = runs(file).into_iter().peekable();
    for (at, instruction) in file.instructions.iter().enumerate() {
        let Some(stage) = instruction.stage else { continue };
        match &instruction.body {
            Body::From { .. } => off[stage] = file.stages[stage].base.is_some_and(|base| off[base]),
            Body::Env(pairs) => {
                for pair in pairs.iter().filter(|pair| pair.key.text == "PIP_NO_CACHE_DIR") {
                    off[stage] = pair.value.as_ref().is_some_and(|value| is_on(&value.text));
                }
            }
            _ => {}
        }
        let Some(run) = all.next_if(|run| run.at == at).filter(|_| !off[stage]) else { continue };
        let own = |call: &Call| {
            call.assignments.iter().any(|text| switches_cache_off(text))
                || (matches!(call.name.as_str(), "export" | "env")
                    && call.args.iter().any(|arg| switches_cache_off(&arg.text)))
        };
        if run.calls.iter().any(own)
            || run.keeps_out(|target| target.ends_with("/.cache/pip") || target.ends_with("/.cache"))
        {
            continue;
        }
        for call in run.calls.iter().filter(|call| is_pip(call) && !call.has_flag("", "no-cache-dir")) {
            let Some(install) = call.word("install") else { continue };
            let message = format!("what `{} install` downloads stays in the layer", call.name);
            let text = if run.script.is_some() { " --no-cache-dir" } else { ", \"--no-cache-dir\"" };
            let fault = Found::new(&PIP.info, call.name_span.to(install.span), message);
            found.push(fault.fix("add --no-cache-dir", vec![insert(install.span.end, text)]));
        }
    }
}

fn yarn(file: &Dockerfile<'_>, _: &Options, found: &mut Vec<Found>) {
    // Only the last stage is shipped, and what it is built on.
    let mut shipped = BTreeSet::new();
    let mut next = file.stages.len().checked_sub(1);
    while let Some(stage) = next {
        shipped.insert(stage);
        next = file.stages[stage].base;
    }
    for run in runs(file) {
        if !run.instruction.stage.is_some_and(|stage| shipped.contains(&stage)) {
            continue;
        }
        let installs = |call: &Call| call.name == "yarn" && call.word("install").is_some();
        let cleans = |call: &Call| call.name == "yarn" && call.word("cache").is_some() && call.word("clean").is_some();
        if let Some(call) = left(&run, installs, cleans)
            && !run.keeps_out(|target| target.ends_with("/.cache/yarn") || target.ends_with("/.cache"))
        {
            tell(
                &run,
                call,
                &YARN.info,
                "what `yarn install` downloads stays in the layer".into(),
                "yarn cache clean",
                found,
            );
        }
    }
}
