//! Comments that switch hadolint's rules off.

use plimsoll_model::{RuleInfo, Severity};

use crate::dockerfile::{Dockerfile, Options, Rule};
use crate::source::Found;

pub const RULE: Rule = Rule {
    info: RuleInfo {
        id: "inline-ignore",
        severity: Severity::Low,
        aliases: &["DL1001"],
        opt_in: true,
        title: "a comment switches rules off",
        why: "Some projects want all their exceptions in one place, where they are reviewed.",
        remedy: "move the exception into the project's configuration",
        bad: "# hadolint ignore=DL3006\nFROM debian\n",
        good: "FROM debian:12\n",
    },
    check,
};

fn check(file: &Dockerfile<'_>, _: &Options, found: &mut Vec<Found>) {
    for comment in &file.comments {
        // Between continued lines it is no pragma.
        let inside =
            file.instruction_at(comment.span.start).is_some_and(|around| around.span.start < comment.span.start);
        if let Some(codes) = codes(&comment.text).filter(|_| !inside) {
            found.push(Found::new(&RULE.info, comment.span, format!("{codes} is switched off by a comment")));
        }
    }
}

/// The list in `hadolint ignore=DL1,DL2`, with or without a reason after `#`.
fn codes(comment: &str) -> Option<&str> {
    let rest = comment.trim().strip_prefix("hadolint")?;
    let value = rest.trim_start().strip_prefix("ignore").filter(|_| rest.starts_with([' ', '\t']))?;
    let list = value.trim_start().strip_prefix('=')?.split('#').next().unwrap_or_default().trim();
    let of_code = |c: char| "DLSC".contains(c) || c.is_ascii_digit();
    let well_formed = list.split(',').all(|code| !code.trim().is_empty() && code.trim().chars().all(of_code));
    well_formed.then_some(list)
}
