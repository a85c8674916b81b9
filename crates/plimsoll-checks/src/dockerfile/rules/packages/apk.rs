//! apk: versions, and the index it keeps.

use plimsoll_model::{RuleInfo, Severity};

use super::{mended, unpinned, word_after};
use crate::dockerfile::{Argument, Call, Dockerfile, Options, Rule};
use crate::source::Found;

/// `apk add a=1`, `a~1`, `a>1`, a file.
pub const UNPINNED: Rule = Rule {
    info: RuleInfo {
        id: "unpinned-apk-package",
        severity: Severity::Medium,
        aliases: &["DL3018"],
        opt_in: true,
        title: "apk installs whatever version there is",
        why: "The same Dockerfile gives another image tomorrow. Alpine keeps only the newest build of a version, so `~` with the first \
              numbers lasts longer than `=` with all of them.",
        remedy: "write `package=version` or `package~version`",
        bad: "FROM alpine:3.22\nRUN apk add --no-cache curl\n",
        good: "FROM alpine:3.22\nRUN apk add --no-cache curl~8.14\n",
    },
    check: |file, _, found| {
        let what = |_: &Call| "apk add".to_owned();
        unpinned(file, &UNPINNED.info, what, |_, call| packages(call), found);
    },
};

pub const CACHE: Rule = Rule {
    info: RuleInfo {
        id: "apk-cache-kept",
        severity: Severity::Low,
        aliases: &["DL3019", "DS-0025", "DKL-DI-0004"],
        opt_in: false,
        title: "the index of apk stays in the layer",
        why: "Without `--no-cache`, apk writes its index of packages into the layer, where nobody needs it any more.",
        remedy: "write `apk add --no-cache`, or mount a cache at /var/cache/apk",
        bad: "FROM alpine:3.22\nRUN apk add curl~8.14\n",
        good: "FROM alpine:3.22\nRUN apk add --no-cache curl~8.14\n",
    },
    check: cache,
};

fn adds(call: &Call) -> Option<&Argument> {
    if call.name == "apk" { call.arg("add") } else { None }
}

fn packages(call: &Call) -> Vec<&Argument> {
    if adds(call).is_none() {
        return Vec::new();
    }
    let pinned = |text: &str| text.contains(['=', '~', '>', '<']) || text.ends_with(".apk");
    let mut packages = call.operands_without(&["t", "virtual", "X", "repository"]);
    packages.retain(|package| package.text != "add" && !pinned(&package.text));
    packages
}

fn cache(file: &Dockerfile<'_>, options: &Options, found: &mut Vec<Found>) {
    for run in file.runs() {
        let removes =
            |call: &Call| call.name == "rm" && call.args.iter().any(|arg| arg.text.starts_with("/var/cache/apk"));
        if !options.as_hadolint && run.calls.iter().any(removes) {
            continue;
        }
        let kept = run.calls.iter().filter(|call| !call.has_flag("no-cache"));
        for (call, add) in kept.filter_map(|call| Some((call, adds(call)?))) {
            if run.caches(file).iter().any(|place| place.starts_with("/var/cache/apk")) {
                continue;
            }
            let span = call.name_span.to(add.span);
            let fault = Found::new(&CACHE.info, span, "`apk add` leaves its index in the layer");
            found.push(mended(fault, "add --no-cache", word_after(file, run, add, "--no-cache")));
        }
    }
}
