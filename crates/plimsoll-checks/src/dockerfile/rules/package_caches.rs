//! Caches of package managers that stay in the layer: yum, dnf, zypper, pip, yarn.

use std::collections::BTreeSet;

use plimsoll_model::{RuleInfo, Severity};

use crate::dockerfile::ast::{Body, Pair};
use crate::dockerfile::{Call, Run};
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
        for run in file.runs() {
            rpm(file, run, &YUM.info, "yum", found);
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
        for run in file.runs() {
            rpm(file, run, &DNF.info, "dnf", found);
            rpm(file, run, &DNF.info, "microdnf", found);
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

/// The first call that is wanted and after which nothing cleans.
fn left(run: &Run, wants: impl Fn(&Call) -> bool, cleans: impl Fn(&Call) -> bool) -> Option<&Call> {
    let last_clean = run.calls.iter().rposition(cleans);
    let after = last_clean.map_or(0, |at| at + 1);
    run.calls[after..].iter().find(|call| wants(call))
}

/// `rm -r` of one of the folders, or of all in it.
fn removes(call: &Call, folders: &[&str]) -> bool {
    call.name == "rm"
        && ((call.has_flag("r") || call.has_flag("recursive")) || call.has_flag("R"))
        && call.args.iter().any(|arg| {
            let path = arg.text.trim_end_matches('*').trim_end_matches('/');
            folders.contains(&path)
        })
}

const RPM_CACHES: [&str; 4] = ["/var/cache/yum", "/var/cache/dnf", "/var/cache/libdnf5", "/var/cache"];

fn rpm(file: &Dockerfile<'_>, run: &Run, rule: &'static RuleInfo, program: &str, found: &mut Vec<Found>) {
    // What dnf calls an upgrade downloads as much.
    let installs = |call: &Call| {
        call.name == program && (call.has_arg("install") || (program == "dnf" && call.has_arg("upgrade")))
    };
    let cleans = |call: &Call| (call.name == program && call.has_arg("clean")) || removes(call, &RPM_CACHES);
    if let Some(call) = left(run, installs, cleans)
        && !run.has_cache(file, &RPM_CACHES)
    {
        tell(
            file,
            run,
            call,
            rule,
            format!("what `{program} install` downloads stays in the layer"),
            &format!("{program} clean all"),
            found,
        );
    }
}

fn tell(
    file: &Dockerfile<'_>,
    run: &Run,
    call: &Call,
    rule: &'static RuleInfo,
    message: String,
    command: &str,
    found: &mut Vec<Found>,
) {
    let mut fault = Found::new(rule, call.span, message);
    if let Some((at, text)) = run.append(file, command) {
        fault = fault.fix(format!("run {command}"), vec![insert(at, text)]);
    }
    found.push(fault);
}

fn zypper(file: &Dockerfile<'_>, _: &Options, found: &mut Vec<Found>) {
    for run in file.runs() {
        let installs = |call: &Call| call.name == "zypper" && (call.has_arg("install") || call.has_arg("in"));
        let cleans = |call: &Call| {
            (call.name == "zypper" && (call.has_arg("clean") || call.has_arg("cc")))
                || removes(call, &["/var/cache/zypp", "/var/cache"])
        };
        if let Some(call) = left(run, installs, cleans)
            && !run.has_cache(file, &["/var/cache/zypp", "/var/cache"])
        {
            tell(
                file,
                run,
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

/// `PIP_NO_CACHE_DIR=1` before a command, or given to `export` or `env`.
fn switches_cache_off(file: &Dockerfile<'_>, run: &Run) -> bool {
    let commands = run.script(file).map(|script| script.commands()).unwrap_or_default();
    let before = commands
        .iter()
        .flat_map(|simple| &simple.assignments)
        .any(|set| set.name == "PIP_NO_CACHE_DIR" && set.value.as_ref().is_some_and(|value| is_on(&value.text())));
    let given = |text: &str| text.strip_prefix("PIP_NO_CACHE_DIR=").is_some_and(is_on);
    before
        || run
            .calls
            .iter()
            .any(|call| matches!(call.name.as_str(), "export" | "env") && call.args.iter().any(|arg| given(&arg.text)))
}

/// A cache is mounted at the folder that a program has below `~/.cache`, or at all of that.
fn caches_home(file: &Dockerfile<'_>, run: &Run, program: &str) -> bool {
    let (whole, own) = ("/.cache", format!("/.cache/{program}"));
    run.caches(file)
        .iter()
        .any(|place| place.ends_with(whole) || place.ends_with(&own) || place.contains(&format!("{own}/")))
}

fn pip(file: &Dockerfile<'_>, _: &Options, found: &mut Vec<Found>) {
    // Whether ENV switches the cache off at the end of each stage.
    let mut off = vec![false; file.stages.len()];
    // Whether ONBUILD does for those that are built on the image.
    let mut for_children = false;
    let mut all = file.runs().iter().peekable();
    for (at, instruction) in file.instructions.iter().enumerate() {
        let run = all.next_if(|run| run.instruction == at);
        let Some(stage) = instruction.stage else { continue };
        match &instruction.body {
            Body::From { .. } => off[stage] = file.stages[stage].base.is_some_and(|base| off[base]),
            Body::OnBuild(inner) if matches!(inner.body, Body::Env(_)) => {
                if let Body::Env(pairs) = &inner.body {
                    let on = |pair: &Pair| pair.value.as_ref().is_some_and(|value| is_on(&value.text));
                    for_children |= pairs.iter().any(|pair| pair.key.text == "PIP_NO_CACHE_DIR" && on(pair));
                }
            }
            Body::Env(pairs) => {
                for pair in pairs.iter().filter(|pair| pair.key.text == "PIP_NO_CACHE_DIR") {
                    off[stage] = pair.value.as_ref().is_some_and(|value| is_on(&value.text));
                }
            }
            _ => {}
        }
        let Some(run) = run.filter(|run| !(off[stage] || run.onbuild && for_children)) else {
            continue;
        };
        if switches_cache_off(file, run) || caches_home(file, run, "pip") {
            continue;
        }
        for call in run.calls.iter().filter(|call| is_pip(call) && !call.has_flag("no-cache-dir")) {
            let Some(install) = call.arg("install") else { continue };
            let message = format!("what `{} install` downloads stays in the layer", call.name);
            let fault = Found::new(&PIP.info, call.name_span.to(install.span), message);
            found.push(if run.is_exec() {
                fault
            } else {
                fault.fix("add --no-cache-dir", vec![insert(install.span.end, " --no-cache-dir")])
            });
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
    for run in file.runs() {
        if !run.stage.is_some_and(|stage| shipped.contains(&stage)) {
            continue;
        }
        let installs = |call: &Call| call.name == "yarn" && call.has_arg("install");
        let cleans = |call: &Call| call.name == "yarn" && call.has_arg("clean");
        if let Some(call) = left(run, installs, cleans)
            && !caches_home(file, &run, "yarn")
        {
            tell(
                file,
                run,
                call,
                &YARN.info,
                "what `yarn install` downloads stays in the layer".into(),
                "yarn cache clean",
                found,
            );
        }
    }
}
