//! Stages: their names, and what is copied from them.

use std::collections::HashSet;

use plimsoll_model::{RuleInfo, Severity};

use crate::dockerfile::ast::{Body, Instruction, Text};
use crate::dockerfile::{Dockerfile, Options, Rule};
use crate::source::Found;

pub const UNKNOWN: Rule = Rule {
    info: RuleInfo {
        id: "copy-from-unknown-stage",
        severity: Severity::Medium,
        aliases: &["DL3022"],
        opt_in: false,
        title: "COPY takes files from something that is no earlier stage",
        why: "A name that is no earlier stage is taken for an image, and pulled. Mistyped, it is an image that anybody may have pushed.",
        remedy: "write the name of an earlier stage, or an image with its tag or digest",
        bad: "FROM debian:12 AS build\nFROM debian:12\nCOPY --from=biuld /a /a\n",
        good: "FROM debian:12 AS build\nFROM debian:12\nCOPY --from=build /a /a\n",
    },
    check: unknown,
};

pub const OWN: Rule = Rule {
    info: RuleInfo {
        id: "copy-from-own-stage",
        severity: Severity::High,
        aliases: &["DL3023", "DS-0006"],
        opt_in: false,
        title: "COPY takes files from the stage that it stands in",
        why: "A stage cannot be copied from before it is built: the build fails.",
        remedy: "name an earlier stage, or leave `--from` away",
        bad: "FROM debian:12 AS build\nCOPY --from=build /a /b\n",
        good: "FROM debian:12 AS build\nFROM debian:12\nCOPY --from=build /a /b\n",
    },
    check: own,
};

pub const DUPLICATE: Rule = Rule {
    info: RuleInfo {
        id: "duplicate-stage-name",
        severity: Severity::High,
        aliases: &["DL3024", "DS-0012", "CKV_DOCKER_11"],
        opt_in: false,
        title: "two stages have the same name",
        why: "The later stage hides the earlier one: what names it means another stage than the reader thinks.",
        remedy: "give each stage a name of its own",
        bad: "FROM debian:12 AS build\nFROM debian:12 AS build\n",
        good: "FROM debian:12 AS build\nFROM debian:12 AS test\n",
    },
    check: duplicate,
};

/// Each COPY that takes from elsewhere, and what it takes from as it is written.
fn copies<'a>(file: &'a Dockerfile<'_>) -> impl Iterator<Item = (&'a Instruction, &'a Text, &'a str)> {
    let copies = file.instructions.iter().filter(|it| matches!(it.body, Body::Copy { add: false, .. }));
    copies.filter_map(|copy| {
        let from = copy.flags.iter().find(|flag| flag.name == "from")?.value.as_ref()?;
        Some((copy, from, file.source.slice(from.span)))
    })
}

fn unknown(file: &Dockerfile<'_>, _: &Options, found: &mut Vec<Found>) {
    // The first stage of each name.
    let mut first = std::collections::HashMap::new();
    for (index, stage) in file.stages.iter().enumerate() {
        if let Some(name) = &stage.name {
            first.entry(name.text.as_str()).or_insert(index);
        }
    }
    for (copy, from, written) in copies(file) {
        let so_far = copy.stage.map_or(0, |stage| stage + 1);
        let named = first.get(written).is_some_and(|stage| *stage < so_far);
        let numbered = written.parse::<usize>().is_ok_and(|number| number < so_far);
        if !named && !numbered && !written.contains(':') {
            found.push(Found::new(&UNKNOWN.info, from.span, format!("there is no stage `{written}` before this")));
        }
    }
}

fn own(file: &Dockerfile<'_>, options: &Options, found: &mut Vec<Found>) {
    for (copy, from, written) in copies(file) {
        let stage = copy.stage.and_then(|stage| file.stages.get(stage));
        let named = stage.and_then(|stage| stage.name.as_ref()).is_some_and(|name| name.text == written);
        let numbered = !options.as_hadolint && copy.stage.is_some_and(|stage| written.parse() == Ok(stage));
        if named || numbered {
            found.push(Found::new(&OWN.info, from.span, format!("`{written}` is the stage that this is part of")));
        }
    }
}

fn duplicate(file: &Dockerfile<'_>, _: &Options, found: &mut Vec<Found>) {
    let mut names = HashSet::new();
    for name in file.stages.iter().filter_map(|stage| stage.name.as_ref()) {
        if !names.insert(name.text.as_str()) {
            found.push(Found::new(
                &DUPLICATE.info,
                name.span,
                format!("an earlier stage is called `{}` too", name.text),
            ));
        }
    }
}
