//! useradd with a high user id.

use plimsoll_model::{RuleInfo, Severity};

use crate::dockerfile::Call;
use crate::dockerfile::{Dockerfile, Options, Rule};
use crate::source::{Found, insert};

pub const RULE: Rule = Rule {
    info: RuleInfo {
        id: "useradd-huge-log",
        severity: Severity::Medium,
        aliases: &["DL3046"],
        opt_in: false,
        title: "useradd writes a log as large as the user id",
        why: "useradd keeps a place for each user id in `/var/log/lastlog` and `faillog`. With a high id these become sparse files of \
              gigabytes, which a layer may store in full.",
        remedy: "write `useradd -l`",
        bad: "FROM debian:12\nRUN useradd -u 1000000 app\n",
        good: "FROM debian:12\nRUN useradd -l -u 1000000 app\n",
    },
    check,
};

/// Ids with fewer digits cost some megabytes at most.
const MANY_DIGITS: usize = 6;

/// The user id with which useradd is called.
fn user_id(call: &Call) -> Option<&str> {
    let mut args = call.args.iter();
    while let Some(arg) = args.next() {
        if let Some(value) = arg.text.strip_prefix("--uid=") {
            return Some(value);
        }
        let short = arg.text.strip_prefix('-').filter(|letters| !letters.starts_with('-'));
        if arg.text == "--uid" || short.is_some_and(|letters| letters.ends_with('u')) {
            return args.next().map(|value| value.text.as_str());
        }
        if let Some(value) = short.and_then(|letters| letters.strip_prefix('u')) {
            return Some(value);
        }
    }
    None
}

fn check(file: &Dockerfile<'_>, _: &Options, found: &mut Vec<Found>) {
    for run in file.runs() {
        for call in run
            .calls
            .iter()
            .filter(|call| call.name == "useradd" && !(call.has_flag("l") || call.has_flag("no-log-init")))
        {
            let Some(id) = user_id(call) else { continue };
            if id.len() >= MANY_DIGITS && id.bytes().all(|byte| byte.is_ascii_digit()) {
                let message = format!("`useradd` with the user id {id} makes huge log files");
                let fault = Found::new(&RULE.info, call.span, message);
                found.push(if run.is_exec() {
                    fault
                } else {
                    fault.fix("add -l", vec![insert(call.name_span.end, " -l")])
                });
            }
        }
    }
}
