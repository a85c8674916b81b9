//! Shells: another one put in the place of `sh`, and pipes whose failures nobody sees.

use plimsoll_model::{RuleInfo, Severity};

use crate::dockerfile::ast::{Body, Command, Shell, ShellText};
use crate::dockerfile::{Dockerfile, Options, Rule};
use crate::source::{Found, insert};

pub const LINK: Rule = Rule {
    info: RuleInfo {
        id: "shell-by-link",
        severity: Severity::Medium,
        aliases: &["DL4005"],
        opt_in: false,
        title: "`/bin/sh` is made another shell by a link",
        why: "The scripts of the distribution are written for its own `sh`, and the next update of the package puts that back. SHELL \
              changes the shell of the build alone.",
        remedy: "write `SHELL [\"/bin/bash\", \"-c\"]`",
        bad: "FROM debian:12\nRUN ln -sf /bin/bash /bin/sh\n",
        good: "FROM debian:12\nSHELL [\"/bin/bash\", \"-c\"]\n",
    },
    check: link,
};

pub const PIPE: Rule = Rule {
    info: RuleInfo {
        id: "pipe-hides-failure",
        severity: Severity::Medium,
        aliases: &["DL4006"],
        opt_in: false,
        title: "a pipe hides that its first command failed",
        why: "A shell without pipefail takes the status of the last command of a pipe. If the download in `curl … | tar x` fails half way, \
              the build goes on with what came.",
        remedy: "set `SHELL [\"/bin/bash\", \"-o\", \"pipefail\", \"-c\"]` before, or begin the script with `set -o pipefail`",
        bad: "FROM debian:12\nRUN curl -fsS https://example.com/app.tar.gz | tar -xz\n",
        good: "FROM debian:12\nSHELL [\"/bin/bash\", \"-o\", \"pipefail\", \"-c\"]\nRUN curl -fsS https://example.com/app.tar.gz | tar -xz\n",
    },
    check: pipe,
};

fn link(file: &Dockerfile<'_>, _: &Options, found: &mut Vec<Found>) {
    for run in file.runs() {
        for call in run.calls.iter().filter(|call| call.name == "ln") {
            if call.operands().last().is_some_and(|to| to.text == "/bin/sh") {
                found.push(Found::new(&LINK.info, call.span, "`ln` puts another shell in the place of `/bin/sh`"));
            }
        }
    }
}

fn pipe(file: &Dockerfile<'_>, _: &Options, found: &mut Vec<Found>) {
    for run in file.runs().iter().filter(|run| !run.onbuild) {
        let Body::Run(Command::Shell(ShellText { script, shell, .. })) = &run.instruction(file).body else { continue };
        let shell = *shell;
        let (Shell::Posix { pipefail: false } | Shell::Bash { pipefail: false }) = shell else { continue };
        // From where the script sets it itself.
        let set = run.calls.iter().find(|call| call.name == "set" && call.has_arg("pipefail") && !call.has_arg("+o"));
        let set = set.map_or(usize::MAX, |call| call.span.start);
        let pipelines = script.pipelines();
        let mut hidden = pipelines.iter().filter(|pipeline| pipeline.commands.len() > 1 && pipeline.span.start < set);
        let Some(first) = hidden.next() else { continue };
        let fault = Found::new(
            &PIPE.info,
            first.pipes.first().copied().unwrap_or(first.span),
            "only the last command of this pipe can fail the build",
        );
        let in_front = script.items.first().map(|item| item.pipeline.span.start);
        found.push(match (shell, in_front) {
            (Shell::Bash { .. }, Some(at)) => fault.fix("set pipefail", vec![insert(at, "set -o pipefail && ")]),
            // There may be no bash in the image.
            _ => {
                let line = "SHELL [\"/bin/bash\", \"-o\", \"pipefail\", \"-c\"]\n";
                fault.unsafe_fix("build with bash and pipefail", vec![insert(run.instruction(file).span.start, line)])
            }
        });
    }
}
