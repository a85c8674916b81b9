//! `FROM --platform`: a platform that never changes, and one that changes nothing.

use plimsoll_model::{RuleInfo, Severity};

use crate::dockerfile::{Dockerfile, Options, Rule};
use crate::source::{Found, Span, remove};

pub const CONSTANT: Rule = Rule {
    info: RuleInfo {
        id: "constant-platform",
        severity: Severity::Medium,
        aliases: &["DL3029"],
        opt_in: false,
        title: "FROM names one platform for good",
        why: "An image built with `--platform=linux/amd64` has that architecture on every machine. Whoever builds it for another one \
              gets programs that do not run there, or run slowly under emulation.",
        remedy: "leave `--platform` away, or write `$BUILDPLATFORM` where the stage only builds",
        bad: "FROM --platform=linux/amd64 debian:12\n",
        good: "FROM --platform=$BUILDPLATFORM debian:12\n",
    },
    check: constant,
};

pub const REDUNDANT: Rule = Rule {
    info: RuleInfo {
        id: "redundant-platform",
        severity: Severity::Medium,
        aliases: &["DL3065"],
        opt_in: false,
        title: "FROM names the platform that it has anyway",
        why: "`$TARGETPLATFORM` is what FROM takes when nothing is written. Saying it only hides that nothing was chosen.",
        remedy: "leave `--platform=$TARGETPLATFORM` away",
        bad: "FROM --platform=$TARGETPLATFORM debian:12\n",
        good: "FROM debian:12\n",
    },
    check: redundant,
};

/// The platform of each FROM, with the span of its flag up to what follows.
fn platforms<'a>(file: &'a Dockerfile<'_>) -> impl Iterator<Item = (&'a str, Span, Span)> {
    file.stages.iter().filter_map(|stage| {
        let from = file.instructions.get(stage.first)?;
        let flag = from.flags.iter().find(|flag| flag.name == "platform")?;
        let value = flag.value.as_ref().filter(|value| !value.text.is_empty())?;
        Some((value.text.trim_matches('"'), flag.span, Span::new(flag.span.start, from.rest.span.start)))
    })
}

fn constant(file: &Dockerfile<'_>, _: &Options, found: &mut Vec<Found>) {
    for (platform, span, with_space) in platforms(file) {
        if !["BUILDPLATFORM", "TARGETPLATFORM"].iter().any(|name| platform.contains(name)) {
            let message = format!("the base is always the one for `{platform}`");
            found.push(
                Found::new(&CONSTANT.info, span, message)
                    .unsafe_fix("leave the platform away", vec![remove(with_space)]),
            );
        }
    }
}

fn redundant(file: &Dockerfile<'_>, _: &Options, found: &mut Vec<Found>) {
    for (platform, span, with_space) in platforms(file) {
        if matches!(platform, "$TARGETPLATFORM" | "${TARGETPLATFORM}") {
            let message = format!("`--platform={platform}` is what FROM does without it");
            found.push(
                Found::new(&REDUNDANT.info, span, message).fix("leave the platform away", vec![remove(with_space)]),
            );
        }
    }
}
