//! Ignores in files, which rot loudly. In: comments and annotations with what they cover; what was found. Out: what counts,
//! what is kept quiet and why, and the faults of the ignores themselves: expired, unused, unknown, without a reason.
//! What it does not do: find the comments; see [`dockerfile`] and [`manifest`].

pub(super) mod dockerfile;
pub(super) mod manifest;
mod words;

use std::collections::HashMap;

use jiff::civil::Date;
use plimsoll_model::FileKind;

use super::names::{Family, Known, Names, Selected, nearest};
use super::{rules, shell};
use crate::source::{Found, Span, remove};
use words::Wording;

/// Did-you-mean compares a name with every rule's: no more than so many in one file.
const MAX_GUESSES: usize = 50;

/// One comment or annotation that keeps rules quiet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Ignore {
    /// Where it stands: the comment, or the annotation's value.
    pub span: Span,
    /// The bytes that go with it when it is removed; none where it cannot be cut out.
    pub whole: Option<Span>,
    /// What begins in here is covered; none: nothing, for there is nothing after it.
    pub covers: Option<Span>,
    /// As written.
    pub rules: Vec<String>,
    pub reason: String,
    /// The last day on which it holds.
    pub until: Option<Date>,
    /// hadolint's pragma: it asks for no reason, and names ShellCheck's codes, which we leave alone.
    pub foreign: bool,
    /// Why it cannot be read; then it covers nothing.
    pub fault: Option<String>,
}

/// Covers a whole file.
const EVERYTHING: Span = Span { start: 0, end: usize::MAX };

impl Ignore {
    fn new(span: Span, whole: Option<Span>, covers: Option<Span>, wording: Wording) -> Ignore {
        let Wording { rules, reason, until, file, foreign, fault } = wording;
        let covers = if file { Some(EVERYTHING) } else { covers };
        let covers = covers.filter(|_| fault.is_none());
        Ignore { span, whole, covers, rules, reason, until, foreign, fault }
    }

    fn expired(&self, today: Option<Date>) -> bool {
        matches!((self.until, today), (Some(until), Some(today)) if until < today)
    }
}

/// What is left of a file's findings, and what ignores keep quiet, with their reasons.
pub(super) struct Sifted {
    pub kept: Vec<Found>,
    pub ignored: Vec<(Found, String)>,
}

/// What ignores are judged by.
pub(super) struct Judging<'a> {
    pub kind: FileKind,
    pub known: &'a [Known],
    pub names: &'a Names,
    pub selected: &'a Selected,
    pub today: Option<Date>,
    /// ShellCheck looked at all scripts of the file: without it, what our own rules do not find may be there all the same.
    pub shell_asked: bool,
}

impl Judging<'_> {
    /// Applies the ignores to what was found, and adds their own faults.
    pub(super) fn sift(&self, found: Vec<Found>, ignores: &[Ignore]) -> Sifted {
        if ignores.is_empty() {
            return Sifted { kept: found, ignored: Vec::new() };
        }
        let mut covers = Covers::default();
        let mut faults = Vec::new();
        let mut guesses = 0;
        for (index, ignore) in ignores.iter().enumerate() {
            if let Some(fault) = &ignore.fault {
                faults.push(Found::new(&rules::UNREADABLE_IGNORE, ignore.span, fault.clone()));
                continue;
            }
            let expired = ignore.expired(self.today);
            if let Some(until) = ignore.until.filter(|_| expired) {
                let message = format!("the ignore of {} ended on {until}", ignore.rules.join(", "));
                faults.push(Found::new(&rules::EXPIRED_IGNORE, ignore.span, message));
            }
            if ignore.reason.is_empty() && !ignore.foreign {
                let message = format!("the ignore of {} gives no reason", ignore.rules.join(", "));
                faults.push(Found::new(&rules::IGNORE_WITHOUT_REASON, ignore.span, message));
            }
            for (position, name) in ignore.rules.iter().enumerate() {
                let meant = self.meant(name);
                if meant.is_empty() {
                    guesses += 1;
                    faults.extend(self.unknown(ignore, name, guesses <= MAX_GUESSES));
                } else if let Some(span) = ignore.covers.filter(|_| !expired) {
                    for rule in meant {
                        covers.add(rule.info.id, span, (index, position));
                    }
                }
            }
        }
        covers.order();
        let (mut kept, mut ignored) = (Vec::new(), Vec::new());
        for found in found {
            match covers.covering(found.rule.id, found.span.start) {
                Some((index, _)) => ignored.push((found, ignores[index].reason.clone())),
                None => kept.push(found),
            }
        }
        for (index, ignore) in ignores.iter().enumerate().filter(|(_, i)| i.fault.is_none() && !i.expired(self.today)) {
            faults.extend(self.unused(index, ignore, &covers));
        }
        kept.extend(faults.into_iter().filter(|found| self.selected.has(Family::Lint, found.rule)));
        Sifted { kept, ignored }
    }

    /// The rules of this kind of file, and of linting itself, that a name means.
    fn meant(&self, name: &str) -> Vec<Known> {
        let named = self.names.get(name).iter().copied();
        let foreign = shell::code_of(name).filter(|_| self.names.get(name).is_empty()).and_then(shell::rule);
        let foreign = foreign.map(|info| Known { family: Family::Dockerfile, info });
        named.chain(foreign).filter(|rule| rule.family.looks_at(self.kind)).collect()
    }

    fn unknown(&self, ignore: &Ignore, name: &str, guess: bool) -> Option<Found> {
        // hadolint's own codes that are none of ours (ShellCheck's) are its users' business.
        if ignore.foreign {
            return None;
        }
        let found = Found::new(&rules::UNKNOWN_RULE_IN_IGNORE, ignore.span, String::new());
        let elsewhere = self.names.get(name).first();
        let message = match elsewhere {
            Some(rule) => format!("{name} is a rule of the family {}, which does not look here", rule.family.name()),
            None => format!("there is no rule {name}"),
        };
        let known: Vec<Known> = self.known.iter().filter(|rule| rule.family.looks_at(self.kind)).copied().collect();
        let near = if guess && elsewhere.is_none() { nearest(&known, name) } else { None };
        let remedy = near.map(|near| format!("did you mean {near}?"));
        let found = Found { message, ..found };
        Some(match remedy {
            Some(remedy) => found.remedy(remedy),
            None => found,
        })
    }

    /// The names that kept nothing quiet though their rules looked.
    fn unused(&self, index: usize, ignore: &Ignore, covers: &Covers) -> Option<Found> {
        let unused = |position: usize, name: &str| {
            let looks = |rule: &Known| {
                self.selected.has(rule.family, rule.info) && (self.shell_asked || !shell::is_of_shell(rule.info))
            };
            let looked = self.meant(name).iter().any(looks);
            looked && !covers.used(index, position)
        };
        let names = ignore.rules.iter().enumerate().filter(|(position, name)| unused(*position, name));
        let names: Vec<&str> = names.map(|(_, name)| name.as_str()).collect();
        if names.is_empty() {
            return None;
        }
        let message = format!("the ignore of {} ignores nothing", names.join(", "));
        let found = Found::new(&rules::UNUSED_IGNORE, ignore.span, message);
        // hadolint may still find there what we do not: its pragma is its users' to remove.
        // --fix does not ask ShellCheck, and so cannot know.
        let of_shell = names.iter().any(|name| self.meant(name).iter().any(|rule| shell::is_of_shell(rule.info)));
        let whole = ignore.whole.filter(|_| names.len() == ignore.rules.len() && !ignore.foreign && !of_shell);
        Some(match whole {
            Some(whole) => found.fix("remove the ignore", vec![remove(whole)]),
            None => found,
        })
    }
}

/// Spans by rule, so that each finding is looked up in logarithmic time however many ignores a file has.
#[derive(Default)]
struct Covers {
    of: HashMap<&'static str, Vec<Cover>>,
    used: std::collections::HashSet<(usize, usize)>,
}

struct Cover {
    start: usize,
    /// The furthest end of this and those that start before it.
    end: usize,
    /// The ignore that reaches there, and which of its names.
    by: (usize, usize),
}

impl Covers {
    fn add(&mut self, rule: &'static str, span: Span, by: (usize, usize)) {
        self.of.entry(rule).or_default().push(Cover { start: span.start, end: span.end, by });
    }

    fn order(&mut self) {
        for covers in self.of.values_mut() {
            covers.sort_by_key(|cover| (cover.start, std::cmp::Reverse(cover.end), cover.by));
            for index in 1..covers.len() {
                if covers[index - 1].end >= covers[index].end {
                    (covers[index].end, covers[index].by) = (covers[index - 1].end, covers[index - 1].by);
                }
            }
        }
    }

    fn covering(&mut self, rule: &str, at: usize) -> Option<(usize, usize)> {
        let covers = self.of.get(rule)?;
        let before = covers.partition_point(|cover| cover.start <= at);
        let cover = covers[..before].last().filter(|cover| cover.end >= at)?;
        self.used.insert(cover.by);
        Some(cover.by)
    }

    fn used(&self, index: usize, position: usize) -> bool {
        self.used.contains(&(index, position))
    }
}
