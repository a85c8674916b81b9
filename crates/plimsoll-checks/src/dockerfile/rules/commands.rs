//! Commands that a build should not run.

use plimsoll_model::{RuleInfo, Severity};

use crate::dockerfile::{Dockerfile, Options, Rule};
use crate::source::{Found, Span, remove};

pub const POINTLESS: Rule = Rule {
    info: RuleInfo {
        id: "pointless-command",
        severity: Severity::Low,
        aliases: &["DL3001"],
        opt_in: false,
        title: "RUN uses a command that has no use in a build",
        why: "Services, processes and mounts of a build end with its RUN, and nobody sits before an editor. Most often such a command \
              is left over from a shell session.",
        remedy: "leave the command away; start services from ENTRYPOINT or CMD",
        bad: "FROM debian:12\nRUN service nginx start\n",
        good: "FROM debian:12\nCMD [\"nginx\", \"-g\", \"daemon off;\"]\n",
    },
    check: pointless,
};

pub const CD: Rule = Rule {
    info: RuleInfo {
        id: "cd-in-run",
        severity: Severity::Medium,
        aliases: &["DL3003", "DS-0013"],
        opt_in: false,
        title: "RUN changes its folder",
        why: "`cd` is forgotten at the end of its RUN, and whoever reads the file has to follow it. WORKDIR holds for all that comes \
              after it.",
        remedy: "write WORKDIR before the RUN",
        bad: "FROM debian:12\nRUN cd /src && make\n",
        good: "FROM debian:12\nWORKDIR /src\nRUN make\n",
    },
    check: cd,
};

pub const SUDO: Rule = Rule {
    info: RuleInfo {
        id: "sudo-used",
        severity: Severity::High,
        aliases: &["DL3004", "DS-0010", "CKV2_DOCKER_1", "DKL-DI-0001"],
        opt_in: false,
        title: "RUN uses sudo",
        why: "In a build, USER says who runs a command. sudo has to be in the image for it, and in the container it helps who broke in \
              to become root.",
        remedy: "leave sudo away, and change USER where another user is needed",
        bad: "FROM debian:12\nRUN sudo make install\n",
        good: "FROM debian:12\nRUN make install\n",
    },
    check: sudo,
};

fn pointless(file: &Dockerfile<'_>, _: &Options, found: &mut Vec<Found>) {
    const POINTLESS_NAMES: [&str; 9] = ["free", "kill", "mount", "ps", "service", "shutdown", "ssh", "top", "vim"];
    for call in file.runs().iter().flat_map(|run| &run.calls) {
        if POINTLESS_NAMES.contains(&call.name.as_str()) {
            found.push(Found::new(&POINTLESS.info, call.name_span, format!("`{}` has no use in a build", call.name)));
        }
    }
}

fn cd(file: &Dockerfile<'_>, _: &Options, found: &mut Vec<Found>) {
    for call in file.runs().iter().filter(|run| !run.onbuild).flat_map(|run| &run.calls) {
        if call.name == "cd" {
            let message = match call.args.first() {
                Some(folder) => format!("`cd {}` holds for this RUN alone", folder.text),
                None => "`cd` holds for this RUN alone".to_owned(),
            };
            found.push(Found::new(&CD.info, call.span, message));
        }
    }
}

fn sudo(file: &Dockerfile<'_>, _: &Options, found: &mut Vec<Found>) {
    for call in file.runs().iter().flat_map(|run| &run.calls).filter(|call| call.name == "sudo") {
        let fault = Found::new(&SUDO.info, call.name_span, "`sudo` runs where USER should say who runs it");
        // With flags or assignments of its own it does more than to become root.
        let plain = call.args.first().filter(|next| !next.text.starts_with('-') && !next.text.contains('='));
        let between = plain.map(|next| Span::new(call.name_span.start, next.span.start));
        let blank = |span: Span| {
            file.source.slice(Span::new(call.name_span.end, span.end)).trim_matches([' ', '\t']).is_empty()
        };
        found.push(match between.filter(|span| blank(*span)) {
            Some(span) => fault.unsafe_fix("leave sudo away", vec![remove(span)]),
            None => fault,
        });
    }
}
