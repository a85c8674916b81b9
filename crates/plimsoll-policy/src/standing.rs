//! What a name, a place and an asker decide by themselves. In: the policy and the circumstances. Out: who rules, for
//! `judge`; and for callers whether a look into the image could change the answer. What it does not do: make a verdict.

use plimsoll_model::loadline::{ImageEntry, Mode};
use plimsoll_model::{ImageReference, LoadLine};

use crate::judge::Context;
use crate::{entry, exempt, glass, registries};

/// How an image stands to the policy before anybody looks into it. In every case but [`Standing::Judged`] the verdict lets
/// it run or not whatever is in it, so nobody needs to fetch it: an assessment with a problem of the kind `NotExamined`
/// gives that verdict.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// It is not judged at all.
    Exempt,
    /// Its entry, or the list of registries, refuses it.
    Refused,
    /// No entry rules it.
    NoEntry,
    /// The break-glass holds: it runs whatever is found.
    BreakGlass,
    /// What is in it decides. `pin`: the webhook writes tag@digest into pods.
    Judged { pin: bool },
}

/// How the image of that name stands to the policy, in the context's namespace.
pub fn standing(reference: Option<&ImageReference>, policy: &LoadLine, context: &Context<'_>) -> Standing {
    let name = reference.map(ImageReference::name);
    if exempt::held(policy, name.as_deref(), context.namespace, context).is_some() {
        return Standing::Exempt;
    }
    let ruling = ruling(policy, reference, name.as_deref(), context.namespace);
    // Where the mode lets everything run, no glass is broken, and what is found is worth knowing.
    let strict = mode(policy, ruling.entry(policy)) == Mode::Enforce;
    if strict && glass::held(policy, context.namespace, context).is_some() {
        return Standing::BreakGlass;
    }
    match ruling {
        Ruling::OtherRegistry(_) => Standing::Refused,
        Ruling::NoEntry => Standing::NoEntry,
        Ruling::Entry(_) => match ruling.entry(policy) {
            Some(entry) if entry.refuse.is_some() => Standing::Refused,
            // What is verified must be what runs, and a tag may mean something else a moment later.
            Some(entry) => Standing::Judged { pin: entry.tags.pin || entry.asks_for_signatures() },
            None => Standing::NoEntry,
        },
    }
}

/// The entry that rules the image of that name, where what is in it decides: whose signatures and attestations are to be looked
/// for, if it asks for any.
pub fn ruled_by<'p>(
    reference: Option<&ImageReference>,
    policy: &'p LoadLine,
    context: &Context<'_>,
) -> Option<&'p ImageEntry> {
    let name = reference.map(ImageReference::name);
    if exempt::held(policy, name.as_deref(), context.namespace, context).is_some() {
        return None;
    }
    ruling(policy, reference, name.as_deref(), context.namespace).entry(policy).filter(|entry| entry.refuse.is_none())
}

/// What rules an image that is not exempt.
pub(crate) enum Ruling {
    /// It comes from none of the listed registries; the words say so.
    OtherRegistry(String),
    NoEntry,
    /// Index into the policy's entries.
    Entry(usize),
}

impl Ruling {
    pub fn entry<'p>(&self, policy: &'p LoadLine) -> Option<&'p ImageEntry> {
        match self {
            Ruling::Entry(index) => policy.images.get(*index),
            Ruling::OtherRegistry(_) | Ruling::NoEntry => None,
        }
    }
}

pub(crate) fn ruling(
    policy: &LoadLine,
    reference: Option<&ImageReference>,
    name: Option<&str>,
    namespace: Option<&str>,
) -> Ruling {
    match registries::refusal(policy, reference) {
        Some(words) => Ruling::OtherRegistry(words),
        None => entry::ruling(policy, name, namespace).map_or(Ruling::NoEntry, Ruling::Entry),
    }
}

/// The mode in force under an entry.
pub(crate) fn mode(policy: &LoadLine, entry: Option<&ImageEntry>) -> Mode {
    entry.and_then(|entry| entry.mode).unwrap_or(policy.mode)
}
