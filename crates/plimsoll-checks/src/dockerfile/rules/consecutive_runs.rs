//! One RUN after another.

use plimsoll_model::{RuleInfo, Severity};

use crate::dockerfile::ast::Flag;
use crate::dockerfile::{Call, Run};
use crate::dockerfile::{Dockerfile, Options, Rule};
use crate::source::{Found, Span, replace};

pub const RULE: Rule = Rule {
    info: RuleInfo {
        id: "consecutive-runs",
        severity: Severity::Low,
        aliases: &["DL3059"],
        // Three in ten findings on real files, and the layers that it saves are small.
        opt_in: true,
        title: "two RUN of one command each stand one after another",
        why: "Each RUN makes a layer. What the first one leaves behind and the second one takes away stays in the image; together they \
              leave nothing.",
        remedy: "join the commands with `&&` in one RUN",
        bad: "FROM debian:12\nRUN make app\nRUN make install\n",
        good: "FROM debian:12\nRUN make app && make install\n",
    },
    check,
};

fn check(file: &Dockerfile<'_>, _: &Options, found: &mut Vec<Found>) {
    let all = file.runs();
    for pair in all.windows(2) {
        let [first, second] = pair else { continue };
        let next = second.instruction == first.instruction + 1 && !first.onbuild && !second.onbuild;
        if !next || commands(file, first) > 1 || commands(file, second) > 1 || flags(file, first) != flags(file, second)
        {
            continue;
        }
        let message = "this RUN and the one before it could be one";
        let fault = Found::new(&RULE.info, second.instruction(file).keyword.span, message);
        let between = Span::new(first.instruction(file).span.end, second.instruction(file).rest.span.start);
        let in_shell = !first.is_exec() && !second.is_exec();
        let plain = first.instruction(file).heredocs.is_empty() && second.instruction(file).heredocs.is_empty();
        let comment = file.source.slice(between).contains('#');
        found.push(if in_shell && plain && !comment {
            fault
                .unsafe_fix("join it with the one before", vec![replace(between, format!(" && {}\n    ", file.escape))])
        } else {
            fault
        });
    }
}

/// How many commands a RUN has: `[` is a condition, what a variable names may be none, and `time a` is two.
fn commands(file: &Dockerfile<'_>, run: &Run) -> usize {
    let timed = |call: &Call| call.name != "time" && file.source.slice(call.span).starts_with("time");
    run.calls
        .iter()
        .filter(|call| !matches!(call.name.as_str(), "" | "["))
        .map(|call| 1 + usize::from(timed(call)))
        .sum()
}

fn flags<'a>(file: &'a Dockerfile<'_>, run: &Run) -> Vec<&'a str> {
    let mut flags: Vec<&str> =
        run.instruction(file).flags.iter().map(|flag: &Flag| file.source.slice(flag.span)).collect();
    flags.sort_unstable();
    flags
}
