//! Package managers: how their commands name packages, and when a package has its version. In: the commands of RUN. Out: one
//! finding per installation with the packages that may be another version tomorrow. What it does not do: know which versions
//! there are.
//!
//! A further manager is a file with its rule and a function from a call to the packages that are not pinned.

pub mod apk;
pub mod apt;
pub mod gem;
pub mod go;
pub mod npm;
pub mod pip;
pub mod rpm;
pub mod zypper;

use std::collections::HashMap;

use plimsoll_model::{RuleInfo, TextEdit};

use crate::dockerfile::ast::{Body, Command};
use crate::dockerfile::{Argument, Call, Dockerfile, Run};
use crate::source::{Found, insert};

/// How many packages a message names.
const MAX_NAMED: usize = 3;

/// One finding for every call that installs packages without a version.
fn unpinned(
    file: &Dockerfile<'_>,
    rule: &'static RuleInfo,
    what: impl Fn(&Call) -> String,
    packages: impl for<'c> Fn(&Run, &'c Call) -> Vec<&'c Argument>,
    found: &mut Vec<Found>,
) {
    for run in file.runs() {
        for call in &run.calls {
            let packages = packages(run, call);
            let Some((first, others)) = packages.split_first() else { continue };
            let named: Vec<String> =
                packages.iter().take(MAX_NAMED).map(|one| format!("`{}`", shown(&one.text))).collect();
            let more = packages.len() - named.len();
            let more = if more > 0 { format!(" and {more} more") } else { String::new() };
            let message = format!("`{}` names no version of {}{more}", what(call), named.join(", "));
            let fault = Found::new(rule, first.span, message);
            found.push(others.iter().fold(fault, |fault, other| fault.related(other.span)));
        }
    }
}

/// As much of a word as a message bears.
fn shown(text: &str) -> String {
    const MOST: usize = 60;
    match text.char_indices().nth(MOST) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

/// Puts one more word after one of a command; in the exec form as a string of its own. None where it cannot be told where the
/// word stands: escapes in a JSON string move places.
pub(in crate::dockerfile) fn word_after(
    file: &Dockerfile<'_>,
    run: &Run,
    after: &Argument,
    word: &str,
) -> Option<TextEdit> {
    let (exec, end) = (matches!(&run.instruction(file).body, Body::Run(Command::Exec(_))), after.span.end);
    if exec && file.source.slice(after.span) != after.text {
        return None;
    }
    let alone = exec && file.source.text.get(end..).is_some_and(|rest| rest.starts_with('"'));
    Some(if alone { insert(end + 1, format!(", \"{word}\"")) } else { insert(end, format!(" {word}")) })
}

/// A fault with its safe fix, where one is known.
pub(in crate::dockerfile) fn mended(fault: Found, title: &str, edit: Option<TextEdit>) -> Found {
    match edit {
        Some(edit) => fault.fix(title, vec![edit]),
        None => fault,
    }
}

/// Variables that ARG and ENV set, in any stage, with the first instruction that does; those that ONBUILD holds apart.
struct Variables<'d>(HashMap<(bool, &'d str), usize>);

impl<'d> Variables<'d> {
    fn of(file: &'d Dockerfile<'_>) -> Variables<'d> {
        let mut known = HashMap::new();
        for (index, outer) in file.instructions.iter().enumerate() {
            let (body, onbuild) = match &outer.body {
                Body::OnBuild(inner) => (&inner.body, true),
                body => (body, false),
            };
            if let Body::Arg(pairs) | Body::Env(pairs) = body {
                for pair in pairs {
                    known.entry((onbuild, pair.key.text.as_str())).or_insert(index);
                }
            }
        }
        Variables(known)
    }

    /// Whether an instruction before the RUN sets it.
    fn set_before(&self, run: &Run, name: &str) -> bool {
        self.0.get(&(run.onbuild, name)).is_some_and(|index| *index < run.instruction)
    }
}
