//! The way past the policy in an emergency. In: the policy's `breakGlass`, and who asks for what, where and with which
//! annotations. Out: whether it holds, and the words that say so loudly. What it does not do: soften a verdict; `judge`
//! does that.
//!
//! What is not known does not fit: without a request, a namespace or (where groups are named) a member of one, the glass
//! stays whole. A namespace that nobody named does not fit `*` either, as it fits no exemption.

use std::collections::BTreeMap;

use plimsoll_model::loadline::{BreakGlass, BreakGlassGroups};
use plimsoll_model::{Effect, LoadLine, Outcome, Reason, ReasonCode};

use crate::entry::place_words;
use crate::glob;
use crate::judge::{Context, reason};

/// The longest key that Kubernetes takes: a prefix of 253 characters, `/`, a name of 63. Longer ones fit nothing.
const MAX_KEY: usize = 253 + 1 + 63;
/// The longest value that is held against the glob, so that a request cannot make the matching slow.
const MAX_VALUE: usize = 1024;
/// What all annotations of an object may be together, keys and values: Kubernetes takes no more. With more, none fits.
const MAX_ALL: usize = 256 << 10;
/// What a message shows of one word of the request, in characters: these words are the asker's, and a message is one line.
const MAX_SHOWN: usize = 128;
/// What a message shows of the reason that was overruled, in characters. The verdict has it in full.
const MAX_REASON: usize = 256;

/// A break-glass that holds.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Held<'a> {
    glass: &'a BreakGlass,
    key: &'a str,
    value: &'a str,
    namespace: &'a str,
    user: Option<&'a str>,
}

/// The break-glass that holds here.
pub(crate) fn held<'a>(policy: &'a LoadLine, namespace: Option<&'a str>, context: &Context<'a>) -> Option<Held<'a>> {
    let glass = policy.break_glass.as_ref()?;
    let request = context.request?;
    let namespace = namespace.filter(|namespace| fits(&glass.namespaces, namespace))?;
    let may = match &glass.groups {
        BreakGlassGroups::Any => true,
        BreakGlassGroups::Named(globs) => request.groups.iter().any(|group| fits(globs, group)),
    };
    let (key, value) = annotation(glass, request.annotations).filter(|_| may)?;
    Some(Held { glass, key, value, namespace, user: request.user })
}

/// Those of `annotations` that a verdict under `policy` rests on: none, or the one that breaks the glass. It does not say
/// that the glass may be broken by whom and where. For one request of many images, and for the key of a cache.
pub fn relevant_annotations(policy: &LoadLine, annotations: &BTreeMap<String, String>) -> BTreeMap<String, String> {
    let found = policy.break_glass.as_ref().and_then(|glass| annotation(glass, annotations));
    found.map(|(key, value)| (key.to_owned(), value.to_owned())).into_iter().collect()
}

fn annotation<'a>(glass: &BreakGlass, annotations: &'a BTreeMap<String, String>) -> Option<(&'a str, &'a str)> {
    if annotations.iter().map(|(key, value)| key.len() + value.len()).sum::<usize>() > MAX_ALL {
        return None;
    }
    let mut short = annotations.iter().filter(|(key, value)| key.len() <= MAX_KEY && value.len() <= MAX_VALUE);
    let fit = short.find(|(key, value)| glob::matches(&glass.annotation, key) && glob::matches(&glass.value, value));
    fit.map(|(key, value)| (key.as_str(), value.as_str()))
}

fn fits(globs: &[String], word: &str) -> bool {
    globs.iter().any(|pattern| glob::matches(pattern, word))
}

impl Held<'_> {
    /// What stands for the emergency's ticket: the part of the key or the value that the policy leaves open.
    fn ticket(&self) -> &str {
        let pattern = &self.glass.annotation;
        let in_value = !last_part(pattern).contains('*') && self.glass.value.contains('*');
        if in_value { self.value } else { last_part(self.key) }
    }

    /// The reason that says who let run what, and what for. `reasons` are those of the verdict that is overruled.
    pub fn reason(&self, outcome: Outcome, reasons: &[Reason]) -> Reason {
        let against = |r: &&Reason| r.effect >= Effect::Undecided;
        let strongest = reasons.iter().filter(against).max_by_key(|r| (r.effect, std::cmp::Reverse(r.code)));
        let more = reasons.iter().filter(against).count().saturating_sub(1);
        let whom = match self.user {
            Some(user) => format!("user `{}`", cut(user, MAX_SHOWN)),
            None => "somebody (the request names nobody)".to_owned(),
        };
        let mut message = format!(
            "BREAK GLASS, `{}`: {} and runs all the same, for {whom} in namespace `{}`, by the annotation `{}: {}` ({})",
            cut(self.ticket(), MAX_SHOWN),
            outcome.word(),
            cut(self.namespace, MAX_SHOWN),
            cut(self.key, MAX_SHOWN),
            cut(self.value, MAX_SHOWN),
            place_words(&self.glass.place),
        );
        if let Some(strongest) = strongest {
            message += &format!("; overruled: {}", cut(&strongest.message, MAX_REASON).trim_end_matches('.'));
        }
        if more > 0 {
            message += &format!(", and {more} more");
        }
        let mut one = reason(Effect::Warn, ReasonCode::BreakGlass, message);
        one.clause = Some("breakGlass".into());
        one
    }
}

/// What stands after the last `/`.
fn last_part(key: &str) -> &str {
    key.rsplit('/').next().unwrap_or(key)
}

/// The first `most` characters, with `…` for the rest.
fn cut(text: &str, most: usize) -> String {
    match text.char_indices().nth(most) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}
