//! Faults of the shell scripts that RUN holds: those of ShellCheck's that Dockerfiles have most often. In: the trees of scripts,
//! and what ENV and ARG set. Out: findings under ids of our own, with ShellCheck's codes as aliases. When each fires was learnt
//! by trying ShellCheck; where it could not be told cheaply what ShellCheck would say, nothing is said: its findings are a
//! superset of these, as `tests/shellcheck` holds. What it does not do: follow values through branches.
//!
//! All scripts are looked at once, for all rules; each rule then takes its own findings.

mod commands;
mod info;
mod sh;
mod sh_info;
mod tests_and_lists;
mod values;
mod words;

pub use info::*;
pub use sh_info::*;

use std::collections::HashSet;

use crate::dockerfile::Dockerfile;
use crate::dockerfile::run_scripts::{Told, each_script};
use crate::shell::{Command, Compound, CompoundKind, Item, Part, Redirect, Script, Separator, Simple, Word};
use crate::source::{Found, Source, Span};
use plimsoll_model::RuleInfo;
use values::Values;

/// The findings of one rule.
fn give(file: &Dockerfile<'_>, id: &str, found: &mut Vec<Found>) {
    let all = file.shell_faults.get_or_init(|| faults(file));
    found.extend(all.iter().filter(|one| one.rule.id == id).cloned());
}

fn faults(file: &Dockerfile<'_>) -> Vec<Found> {
    let mut found = Vec::new();
    each_script(file, &mut |told| {
        let script = &told.text.script;
        // ShellCheck says nothing else of a script with a mistake in its grammar.
        if !script.faults.is_empty() {
            return;
        }
        let mut look = Look {
            source: file.source,
            posix: matches!(told.interpreter, "sh" | "dash"),
            errexit: told.errexit || values::sets_errexit(script),
            values: Values::of(script, &told),
            told: &told,
            found: Vec::new(),
        };
        look.script(script, At::default());
        let silenced = silenced(file.source.slice(told.text.span));
        found.extend(look.found.into_iter().filter(|one: &Found| {
            !one.rule.aliases.iter().any(|alias| silenced.contains(alias.trim_start_matches("SC")))
        }));
    });
    found
}

/// The codes of `# shellcheck disable=SC2086,SC2046` in a here-document, wherever it stands.
fn silenced(text: &str) -> HashSet<&str> {
    let marks = text.match_indices("shellcheck disable=").map(|(at, mark)| &text[at + mark.len()..]);
    let codes = marks.flat_map(|rest| rest.split(char::is_whitespace).next().unwrap_or_default().split(','));
    codes.map(|code| code.trim_start_matches("SC")).collect()
}

/// Where in a script something stands.
#[derive(Debug, Clone, Copy, Default)]
struct At {
    /// What it ends with decides something: it is on the left of `&&` or `||`, or in the condition of a branch or a loop.
    condition: bool,
    /// In a function.
    function: bool,
}

/// One script that is looked at.
struct Look<'a> {
    source: &'a Source<'a>,
    told: &'a Told<'a, 'a>,
    /// `sh` or `dash`: what bash adds is not there.
    posix: bool,
    /// The first failure ends the script.
    errexit: bool,
    values: Values,
    found: Vec<Found>,
}

impl Look<'_> {
    fn say(&mut self, rule: &'static RuleInfo, span: Span, message: impl Into<String>) -> Option<&mut Found> {
        self.found.push(Found::new(rule, span, message));
        self.found.last_mut()
    }

    fn script(&mut self, script: &Script, at: At) {
        self.list(script, at);
        for item in &script.items {
            let at = At { condition: at.condition || decides(item), ..at };
            self.pipeline(&item.pipeline);
            for command in &item.pipeline.commands {
                match command {
                    Command::Simple(simple) => self.simple(simple, at),
                    Command::Compound(compound) => self.compound(compound, at),
                }
            }
        }
    }

    fn simple(&mut self, simple: &Simple, at: At) {
        self.command(simple, at);
        self.arguments(simple);
        for assignment in &simple.assignments {
            self.assigned(assignment);
            if let Some(value) = &assignment.value {
                self.parts(&value.parts, at);
            }
        }
        for word in &simple.words {
            self.parts(&word.parts, at);
        }
        self.redirects(&simple.redirects, at);
    }

    fn compound(&mut self, compound: &Compound, at: At) {
        match compound.kind {
            CompoundKind::Test => self.double_brackets(compound),
            CompoundKind::For => self.each(compound),
            _ => {}
        }
        if compound.kind != CompoundKind::Arithmetic {
            for word in &compound.words {
                self.parts(&word.parts, at);
            }
        }
        self.redirects(&compound.redirects, at);
        let branches = compound.scripts.len();
        for (index, script) in compound.scripts.iter().enumerate() {
            let condition = match compound.kind {
                CompoundKind::While | CompoundKind::Until => index == 0,
                // condition, branch, condition, branch …, else
                CompoundKind::If => index % 2 == 0 && index + 1 < branches,
                _ => false,
            };
            let function = at.function || compound.kind == CompoundKind::Function;
            self.script(script, At { condition: at.condition || condition, function });
        }
    }

    fn redirects(&mut self, redirects: &[Redirect], at: At) {
        for redirect in redirects {
            self.redirect(redirect);
            if let Some(target) = redirect.target.as_ref().filter(|_| !is_heredoc(redirect)) {
                self.split(target, true);
                self.parts(&target.parts, at);
            }
        }
    }

    /// What is wrong with a part wherever it stands, and what substitutions run.
    fn parts(&mut self, parts: &[Part], at: At) {
        for part in parts {
            match part {
                Part::Double(parts, _) => self.parts(parts, at),
                Part::Substitution(script, span) => {
                    self.substitution(script, *span);
                    let raw = self.source.slice(*span);
                    // With backslashes in backquotes, places are not where they seem.
                    if !(raw.starts_with('`') && raw.contains('\\')) {
                        self.script(script, at);
                    }
                }
                Part::Variable { name, text, span } => self.variable(name, text, *span),
                Part::Bare(..) | Part::Single(..) | Part::Arithmetic(..) => {}
            }
        }
    }
}

/// What follows an item depends on how it ends.
fn decides(item: &Item) -> bool {
    matches!(item.separator, Separator::And | Separator::Or)
}

fn is_heredoc(redirect: &Redirect) -> bool {
    redirect.operator.contains("<<") && !redirect.operator.contains("<<<")
}

/// The name of a command where it is plain text, without its path.
fn plain_name(simple: &Simple) -> Option<String> {
    simple.base_name().filter(|name| !name.is_empty())
}

/// The text of a word that is one piece without quotes.
fn bare(word: &Word) -> Option<&str> {
    match word.parts.as_slice() {
        [Part::Bare(text, _)] => Some(text),
        _ => None,
    }
}
