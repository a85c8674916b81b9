//! COPY to a place that depends on the base, and COPY of everything.

use plimsoll_model::{RuleInfo, Severity};

use crate::dockerfile::ast::Body;
use crate::dockerfile::{Dockerfile, Options, Rule};
use crate::source::Found;

pub const RELATIVE: Rule = Rule {
    info: RuleInfo {
        id: "copy-to-unknown-folder",
        severity: Severity::Medium,
        aliases: &["DL3045"],
        opt_in: false,
        title: "COPY to a relative path where no WORKDIR is set",
        why: "A relative destination counts from the working folder. Without a WORKDIR that is whatever the base image has, and a new \
              version of the base may move it.",
        remedy: "set WORKDIR before, or write the destination from `/`",
        bad: "FROM debian:12\nCOPY app bin/app\n",
        good: "FROM debian:12\nWORKDIR /srv\nCOPY app bin/app\n",
    },
    check: relative,
};

pub const EVERYTHING: Rule = Rule {
    info: RuleInfo {
        id: "copies-whole-stage",
        severity: Severity::Medium,
        aliases: &["DL3067"],
        opt_in: false,
        title: "COPY takes a stage's whole file system",
        why: "`COPY --from=stage / /` brings over everything that the stage was built with: compilers, caches, sources, and secrets \
              that lay there. It undoes what several stages are for.",
        remedy: "copy the files that the image needs, by their paths",
        bad: "FROM golang:1.24 AS build\nRUN go build -o /app .\nFROM debian:12\nCOPY --from=build / /\n",
        good: "FROM golang:1.24 AS build\nRUN go build -o /app .\nFROM debian:12\nCOPY --from=build /app /app\n",
    },
    check: everything,
};

fn bare(text: &str) -> &str {
    let inner = text.strip_prefix('"').and_then(|text| text.strip_suffix('"'));
    inner.or_else(|| text.strip_prefix('\'').and_then(|text| text.strip_suffix('\''))).unwrap_or(text)
}

/// It says where it is: from the root, on a drive of Windows, or in a variable, of which nobody can tell.
fn is_placed(path: &str) -> bool {
    let drive = |path: &str| {
        path.as_bytes().first().is_some_and(u8::is_ascii_alphabetic) && path.as_bytes().get(1) == Some(&b':')
    };
    path.starts_with(['/', '$']) || drive(path)
}

fn relative(file: &Dockerfile<'_>, _: &Options, found: &mut Vec<Found>) {
    // Whether each stage has a WORKDIR, so far.
    let mut placed = vec![false; file.stages.len()];
    for instruction in &file.instructions {
        let Some(stage) = instruction.stage else { continue };
        match &instruction.body {
            Body::From { .. } => placed[stage] = file.stages[stage].base.is_some_and(|base| placed[base]),
            Body::Workdir(_) => placed[stage] = true,
            Body::Copy { add: false, dest: Some(dest), .. } if !placed[stage] && !is_placed(bare(&dest.text)) => {
                let message = format!("where `{}` lies depends on the base image's working folder", bare(&dest.text));
                found.push(Found::new(&RELATIVE.info, dest.span, message));
            }
            _ => {}
        }
    }
}

fn everything(file: &Dockerfile<'_>, _: &Options, found: &mut Vec<Found>) {
    for instruction in &file.instructions {
        let Body::Copy { add: false, sources, dest: Some(dest), .. } = &instruction.body else { continue };
        let from = instruction.flags.iter().find(|flag| flag.name == "from").and_then(|flag| flag.value.as_ref());
        if let (Some(from), [source]) = (from, sources.as_slice())
            && bare(&source.text) == "/"
            && bare(&dest.text) == "/"
        {
            let message = format!("the whole file system of `{}` is copied", from.text);
            found.push(Found::new(&EVERYTHING.info, source.span.to(dest.span), message));
        }
    }
}
