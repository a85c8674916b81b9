//! Labels that a project asks for: which must be there, and whether there may be others.

use std::collections::HashSet;

use plimsoll_model::{RuleInfo, Severity};

use super::labels;
use crate::dockerfile::ast::Body;
use crate::dockerfile::{Dockerfile, Options, Rule};
use crate::source::Found;

pub const MISSING: Rule = Rule {
    info: RuleInfo {
        id: "missing-label",
        severity: Severity::Low,
        aliases: &["DL3049"],
        opt_in: false,
        title: "a label that the project asks for is missing",
        why: "The project's label schema names labels that every image of it carries, so that tools find its owner, version or source.",
        remedy: "add the label in the stage that is shipped",
        // Without a schema no label is asked for; the tests bring one.
        bad: "# with a schema of: version\nFROM debian:12\nLABEL vendor=acme\n",
        good: "# with a schema of: version\nFROM debian:12\nLABEL version=1.2.3\n",
    },
    check: missing,
};

pub const SUPERFLUOUS: Rule = Rule {
    info: RuleInfo {
        id: "label-not-in-schema",
        severity: Severity::Low,
        aliases: &["DL3050"],
        opt_in: false,
        title: "a label is none of the project's schema",
        why: "The project takes no other labels than those of its schema. One that is not there is often one that is misspelt.",
        remedy: "take the label away, or name it in the schema",
        bad: "# with a strict schema of: version\nFROM debian:12\nLABEL version=1.2.3 verison=1.2.3\n",
        good: "# with a strict schema of: version\nFROM debian:12\nLABEL version=1.2.3\n",
    },
    check: superfluous,
};

fn missing(file: &Dockerfile<'_>, options: &Options, found: &mut Vec<Found>) {
    if options.label_schema.is_empty() {
        return;
    }
    let mut own: Vec<HashSet<&str>> = vec![HashSet::new(); file.stages.len()];
    let mut copied_from: HashSet<usize> = HashSet::new();
    for instruction in &file.instructions {
        let Some(stage) = instruction.stage else { continue };
        match &instruction.body {
            Body::Label(pairs) => own[stage].extend(pairs.iter().map(|pair| pair.key.text.as_str())),
            Body::Copy { .. } => {
                let from =
                    instruction.flags.iter().find(|flag| flag.name == "from").and_then(|flag| flag.value.as_ref());
                let names = |stage: usize, name: &str| {
                    file.stages[stage].name.as_ref().is_some_and(|own| own.text.eq_ignore_ascii_case(name))
                        || name.parse() == Ok(stage)
                };
                copied_from.extend(from.and_then(|from| (0..stage).rev().find(|earlier| names(*earlier, &from.text))));
            }
            _ => {}
        }
    }
    for label in options.label_schema.keys() {
        // A stage has what its base has; a base need not have what every stage built on it adds.
        let mut has: Vec<bool> = own.iter().map(|own| own.contains(label.as_str())).collect();
        for stage in 0..has.len() {
            has[stage] |= file.stages[stage].base.is_some_and(|base| has[base]);
        }
        let mut served = has.clone();
        for stage in (0..has.len()).rev() {
            if served[stage]
                && let Some(base) = file.stages[stage].base
            {
                served[base] = true;
            }
        }
        for (at, stage) in file.stages.iter().enumerate() {
            if !served[at] && !copied_from.contains(&at) {
                let from = &file.instructions[stage.first];
                found.push(Found::new(
                    &MISSING.info,
                    from.keyword.span.to(stage.image.span),
                    format!("the label `{label}` is missing"),
                ));
            }
        }
    }
}

fn superfluous(file: &Dockerfile<'_>, options: &Options, found: &mut Vec<Found>) {
    if !options.strict_labels {
        return;
    }
    for (_, pair) in labels(file) {
        if !options.label_schema.contains_key(&pair.key.text) {
            found.push(Found::new(
                &SUPERFLUOUS.info,
                pair.key.span,
                format!("the schema has no label `{}`", pair.key.text),
            ));
        }
    }
}
