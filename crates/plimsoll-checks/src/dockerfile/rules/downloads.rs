//! wget and curl.

use plimsoll_model::{RuleInfo, Severity};

use crate::dockerfile::Call;
use crate::dockerfile::{Dockerfile, Options, Rule};
use crate::source::{Found, insert};

pub const PROGRESS: Rule = Rule {
    info: RuleInfo {
        id: "wget-progress-bar",
        severity: Severity::Low,
        aliases: &["DL3047"],
        opt_in: false,
        title: "wget fills the log with its progress",
        why: "Where there is no terminal, wget writes a line for every 50 kilobytes. What matters in the log of the build is lost in it.",
        remedy: "write `wget --progress=dot:giga`, or `wget -nv`",
        bad: "FROM debian:12\nRUN wget https://example.com/app.tar.gz\n",
        good: "FROM debian:12\nRUN wget --progress=dot:giga https://example.com/app.tar.gz\n",
    },
    check: progress,
};

pub const BOTH: Rule = Rule {
    info: RuleInfo {
        id: "wget-and-curl",
        severity: Severity::Medium,
        aliases: &["DL4001", "DS-0014"],
        opt_in: false,
        title: "a stage uses both wget and curl",
        why: "Both do the same. Each is another program to install, to keep free of holes, and to hand to whoever breaks in.",
        remedy: "use one of them for all downloads",
        bad: "FROM debian:12\nRUN wget -q https://example.com/a && curl -fsS https://example.com/b\n",
        good: "FROM debian:12\nRUN curl -fsSO https://example.com/a && curl -fsS https://example.com/b\n",
    },
    check: both,
};

/// It says nothing, or says it to a file.
fn is_quiet(call: &Call) -> bool {
    let long = ["quiet", "no-verbose", "progress", "output-file", "append-output"];
    if long.iter().any(|name| call.has_flag(name)) {
        return true;
    }
    let letters = call.args.iter().filter_map(|arg| arg.text.strip_prefix('-')).filter(|text| !text.starts_with('-'));
    // A letter that takes a value ends the letters.
    letters.into_iter().any(|text| {
        text.starts_with("nv")
            || text.split(['O', 'P', 'e', 'i']).next().is_some_and(|own| own.contains(['q', 'o', 'a']))
    })
}

fn progress(file: &Dockerfile<'_>, _: &Options, found: &mut Vec<Found>) {
    for run in file.runs() {
        for call in run.calls.iter().filter(|call| call.name == "wget" && !is_quiet(call)) {
            if call.operands().next().is_none() {
                continue;
            }
            let fault = Found::new(&PROGRESS.info, call.name_span, "`wget` writes its progress into the log");
            // BusyBox's wget has no such flag.
            found.push(if run.is_exec() {
                fault
            } else {
                fault.unsafe_fix("add --progress=dot:giga", vec![insert(call.name_span.end, " --progress=dot:giga")])
            });
        }
    }
}

fn both(file: &Dockerfile<'_>, _: &Options, found: &mut Vec<Found>) {
    let (mut stage, mut wget, mut curl) = (None, false, false);
    for run in file.runs().iter().filter(|run| !run.onbuild) {
        if run.stage != stage {
            (stage, wget, curl) = (run.stage, false, false);
        }
        for call in run.calls.iter().filter(|call| matches!(call.name.as_str(), "wget" | "curl")) {
            wget |= call.name == "wget";
            curl |= call.name == "curl";
            if wget && curl {
                let other = if call.name == "wget" { "curl" } else { "wget" };
                let message = format!("`{}` is used where `{other}` is used already", call.name);
                found.push(Found::new(&BOTH.info, call.name_span, message));
            }
        }
    }
}
