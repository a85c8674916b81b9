//! Names of stages that mean something else already.

use plimsoll_model::{RuleInfo, Severity};

use crate::dockerfile::{Dockerfile, Options, Rule};
use crate::source::Found;

pub const RESERVED: Rule = Rule {
    info: RuleInfo {
        id: "reserved-stage-name",
        severity: Severity::Medium,
        aliases: &["DL3063"],
        opt_in: false,
        title: "a stage has a name that the builder keeps for itself",
        why: "`scratch` is the empty image and `context` the folder of the build. A stage of that name cannot be reached, or hides them.",
        remedy: "call the stage something else",
        bad: "FROM debian:12 AS context\nCOPY app /app\n",
        good: "FROM debian:12 AS app\nCOPY app /app\n",
    },
    check: reserved,
};

fn reserved(file: &Dockerfile<'_>, _: &Options, found: &mut Vec<Found>) {
    for name in file.stages.iter().filter_map(|stage| stage.name.as_ref()) {
        if matches!(name.text.as_str(), "scratch" | "context") {
            found.push(Found::new(
                &RESERVED.info,
                name.span,
                format!("the builder keeps the name `{}` for itself", name.text),
            ));
        }
    }
}
