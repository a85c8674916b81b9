//! apt-get: versions, questions, recommended packages, the lists it leaves behind.

use plimsoll_model::{RuleInfo, Severity};

use super::{mended, unpinned, word_after};
use crate::dockerfile::{Argument, Call, Dockerfile, Options, Rule, Run};
use crate::source::{Found, insert};

/// `apt-get install a=1`, `a/release`, a file.
pub const UNPINNED: Rule = Rule {
    info: RuleInfo {
        id: "unpinned-apt-package",
        severity: Severity::Medium,
        aliases: &["DL3008"],
        opt_in: true,
        title: "apt-get installs whatever version there is",
        why: "The same Dockerfile gives another image tomorrow, and a cached layer keeps an old version for as long as its text stays \
              the same.",
        remedy: "write `package=version`, or take packages from a snapshot of the archive",
        bad: "FROM debian:12\nRUN apt-get update && apt-get install -y --no-install-recommends curl && rm -rf /var/lib/apt/lists/*\n",
        good: "FROM debian:12\nRUN apt-get update && apt-get install -y --no-install-recommends curl=7.88.1-10+deb12u12 && rm -rf \
               /var/lib/apt/lists/*\n",
    },
    check: |file, _, found| {
        let what = |_: &Call| "apt-get install".to_owned();
        unpinned(file, &UNPINNED.info, what, |_, call| packages(call), found);
    },
};

pub const ASKS: Rule = Rule {
    info: RuleInfo {
        id: "apt-asks",
        severity: Severity::Medium,
        aliases: &["DL3014", "DS-0021"],
        opt_in: false,
        title: "apt-get would ask before it installs",
        why: "Without `-y`, apt-get asks whether it should go on. In a build nobody answers, and the build stops.",
        remedy: "write `apt-get install -y`",
        bad: "FROM debian:12\nRUN apt-get update && apt-get install --no-install-recommends curl=7.88.1 && rm -rf /var/lib/apt/lists/*\n",
        good: "FROM debian:12\nRUN apt-get update && apt-get install -y --no-install-recommends curl=7.88.1 && rm -rf \
               /var/lib/apt/lists/*\n",
    },
    check: asks,
};

pub const RECOMMENDS: Rule = Rule {
    info: RuleInfo {
        id: "apt-recommends-installed",
        severity: Severity::Low,
        aliases: &["DL3015", "DS-0029"],
        opt_in: false,
        title: "apt-get installs packages that nothing needs",
        why: "apt-get also installs what a package merely recommends. That makes the image larger, and every package is one more \
              that can have a hole.",
        remedy: "write `--no-install-recommends`, and name what is then missing",
        bad: "FROM debian:12\nRUN apt-get update && apt-get install -y curl=7.88.1 && rm -rf /var/lib/apt/lists/*\n",
        good: "FROM debian:12\nRUN apt-get update && apt-get install -y --no-install-recommends curl=7.88.1 && rm -rf \
               /var/lib/apt/lists/*\n",
    },
    check: recommends,
};

pub const LISTS: Rule = Rule {
    info: RuleInfo {
        id: "apt-lists-left-behind",
        severity: Severity::Low,
        aliases: &["DL3009", "DKL-DI-0005"],
        opt_in: false,
        title: "the lists of apt-get stay in the layer",
        why: "`apt-get update` writes some 20 to 40 megabytes of lists. What a later RUN removes is hidden, not gone: only a removal \
              in the same RUN makes the image smaller.",
        remedy: "end the RUN with `rm -rf /var/lib/apt/lists/*`, or mount a cache there",
        bad: "FROM debian:12\nRUN apt-get update && apt-get install -y --no-install-recommends curl=7.88.1\n",
        good: "FROM debian:12\nRUN apt-get update && apt-get install -y --no-install-recommends curl=7.88.1 && rm -rf \
               /var/lib/apt/lists/*\n",
    },
    check: lists,
};

pub const APT: Rule = Rule {
    info: RuleInfo {
        id: "apt-in-script",
        severity: Severity::Medium,
        aliases: &["DL3027", "CKV_DOCKER_9"],
        opt_in: false,
        title: "a script uses apt",
        why: "`apt` is made for people: its manual says that its command line and its output may change. Scripts should use \
              `apt-get` and `apt-cache`, which stay as they are.",
        remedy: "write `apt-get` or `apt-cache`",
        bad: "FROM debian:12\nRUN apt update && rm -rf /var/lib/apt/lists/*\n",
        good: "FROM debian:12\nRUN apt-get update && rm -rf /var/lib/apt/lists/*\n",
    },
    check: apt,
};

fn installs(call: &Call) -> Option<&Argument> {
    if call.name == "apt-get" { call.arg("install") } else { None }
}

fn packages(call: &Call) -> Vec<&Argument> {
    if installs(call).is_none() {
        return Vec::new();
    }
    let pinned = |text: &str| text.contains(['=', '/']) || text.ends_with(".deb");
    let mut packages = call.operands_without(&["t", "target-release"]);
    packages.retain(|package| package.text != "install" && !pinned(&package.text));
    packages
}

fn asks(file: &Dockerfile<'_>, _: &Options, found: &mut Vec<Found>) {
    // Two `q` are quiet enough to say yes.
    let answered = |call: &Call| {
        ["y", "yes", "assume-yes"].iter().any(|flag| call.has_flag(flag))
            || ["q", "quiet"].iter().any(|flag| call.flag_count(flag) == 2)
            || call.has_arg("-q=2")
    };
    for run in file.runs() {
        for call in run.calls.iter().filter(|call| !answered(call)) {
            let Some(install) = installs(call) else { continue };
            let fault = Found::new(
                &ASKS.info,
                call.name_span.to(install.span),
                "`apt-get install` asks a question that nobody answers",
            );
            found.push(mended(fault, "add -y", word_after(file, run, install, "-y")));
        }
    }
}

fn recommends(file: &Dockerfile<'_>, _: &Options, found: &mut Vec<Found>) {
    for run in file.runs() {
        for call in &run.calls {
            let Some(install) = installs(call) else { continue };
            if !call.has_flag("no-install-recommends") && !call.has_arg("APT::Install-Recommends=false") {
                let span = call.name_span.to(install.span);
                let fault =
                    Found::new(&RECOMMENDS.info, span, "`apt-get install` also installs what is only recommended");
                found.push(match word_after(file, run, install, "--no-install-recommends") {
                    Some(edit) => fault.unsafe_fix("add --no-install-recommends", vec![edit]),
                    None => fault,
                });
            }
        }
    }
}

/// The last RUN that installs from lists which it did not fetch itself.
fn last_without_update(file: &Dockerfile<'_>) -> Option<usize> {
    let needs = |run: &&Run| {
        let calls = run.calls.iter().filter(|call| matches!(call.name.as_str(), "apt-get" | "apt" | "aptitude"));
        let mut verbs = calls.flat_map(|call| &call.args).map(|arg| arg.text.as_str());
        verbs
            .find(|verb| matches!(*verb, "update" | "install" | "build-dep" | "upgrade" | "dist-upgrade"))
            .is_some_and(|verb| verb != "update")
    };
    file.runs().iter().rev().find(needs).map(|run| run.instruction)
}

fn lists(file: &Dockerfile<'_>, options: &Options, found: &mut Vec<Found>) {
    const REMOVE: &str = "rm -rf /var/lib/apt/lists/*";
    let updates = |call: &&Call| matches!(call.name.as_str(), "apt-get" | "apt" | "aptitude") && call.has_arg("update");
    let below = |arg: &Argument| arg.open || arg.text.starts_with("/var/lib/apt") || arg.text.starts_with("/var/lib/*");
    let removes = |call: &Call| {
        call.name == "rm"
            && if options.as_hadolint {
                call.has_arg("-rf") || call.has_arg("/var/lib/apt/lists/*")
            } else {
                call.args.iter().any(below)
            }
    };
    let later = last_without_update(file);
    for run in file.runs() {
        let Some(update) = run.calls.iter().find(updates) else { continue };
        let caches = run.caches(file);
        let cached = caches.contains(&"/var/lib/apt/lists")
            || (caches.contains(&"/var/lib/apt") && caches.contains(&"/var/cache/apt"));
        if cached || run.calls.iter().any(removes) || !file.is_kept(run.stage) {
            continue;
        }
        let place = update.arg("update").map_or(update.span, |word| update.name_span.to(word.span));
        let fault = Found::new(&LISTS.info, place, format!("what `{} update` writes stays in the layer", update.name));
        // What a later RUN installs without an update of its own needs the lists that this one leaves.
        let needed = later.is_some_and(|later| later > run.instruction);
        found.push(match run.append(file, REMOVE).filter(|_| !needed) {
            Some((at, text)) => fault.fix("remove the lists in the same RUN", vec![insert(at, text)]),
            None => fault,
        });
    }
}

fn apt(file: &Dockerfile<'_>, _: &Options, found: &mut Vec<Found>) {
    for call in file.runs().iter().flat_map(|run| &run.calls).filter(|call| call.name == "apt") {
        let instead = call.operands().next().and_then(|command| match command.text.as_str() {
            "install" | "reinstall" | "remove" | "purge" | "update" | "upgrade" | "autoremove" | "autopurge"
            | "clean" | "autoclean" | "source" | "build-dep" | "download" | "changelog" | "satisfy" => Some("apt-get"),
            "search" | "show" | "policy" | "depends" | "rdepends" | "showsrc" => Some("apt-cache"),
            _ => None,
        });
        let fault = Found::new(&APT.info, call.name_span, "`apt` is not made for scripts");
        // In the exec form the name may stand elsewhere: escapes move places.
        found.push(match instead.filter(|_| file.source.slice(call.name_span) == call.name) {
            Some(instead) => {
                fault.fix(format!("write {instead}"), vec![crate::source::replace(call.name_span, instead)])
            }
            None => fault,
        });
    }
}
