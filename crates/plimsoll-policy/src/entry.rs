//! Which entry of the policy rules an image, and why the others do not. In: a policy, a name, a namespace. Out: an
//! entry, and the near misses in words.
//!
//! Something without an image name (a folder, an SBOM) is ruled by the first entry that matches every name (`**`) and
//! does not refuse: an entry that refuses speaks of where an image comes from, and a folder comes from nowhere.

use plimsoll_model::loadline::{ImageEntry, Place};
use plimsoll_model::{Clearance, ImageReference, LoadLine};

use crate::glob;
use crate::judge::Context;

/// How an entry stands to an image.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fit {
    Matches,
    /// The name fits; the entry is for certain namespaces and none is known.
    NamespaceUnknown,
    /// The name fits, the namespace does not.
    OtherNamespace,
    OtherName,
    /// The entry refuses, and the subject has no name that it could refuse.
    RefusesNames,
}

pub(crate) fn fit(entry: &ImageEntry, name: Option<&str>, namespace: Option<&str>) -> Fit {
    let name_fits = match name {
        Some(name) => entry.matches.iter().any(|pattern| glob::matches(pattern, name)),
        None => entry.matches.iter().any(|pattern| glob::is_everything(pattern)),
    };
    if !name_fits {
        Fit::OtherName
    } else if name.is_none() && entry.refuse.is_some() {
        Fit::RefusesNames
    } else if entry.namespaces.is_empty() {
        Fit::Matches
    } else {
        match namespace {
            None => Fit::NamespaceUnknown,
            Some(namespace) if entry.namespaces.iter().any(|pattern| glob::matches(pattern, namespace)) => Fit::Matches,
            Some(_) => Fit::OtherNamespace,
        }
    }
}

/// The first entry that matches, by index.
pub(crate) fn ruling(policy: &LoadLine, name: Option<&str>, namespace: Option<&str>) -> Option<usize> {
    policy.images.iter().position(|entry| fit(entry, name, namespace) == Fit::Matches)
}

/// An entry that did not rule, and why in words.
#[derive(Debug, Clone, PartialEq)]
pub struct NearMiss {
    pub entry: Clearance,
    /// One sentence without a full stop.
    pub reason: String,
}

/// Which entry rules an image, and which came near.
#[derive(Debug, Clone, PartialEq)]
pub struct Why {
    /// The name that the globs were held against; none for what has no image name.
    pub name: Option<String>,
    /// The exemption that takes it out of judgement, in words.
    pub exempt: Option<String>,
    pub ruled_by: Option<Clearance>,
    /// The nearest entries that do not rule it, nearest first.
    pub near: Vec<NearMiss>,
}

/// Near misses that are worth a reader's time.
const MAX_NEAR: usize = 5;

/// Says which entry rules `reference`, and why the nearest others do not.
pub fn why(reference: Option<&ImageReference>, policy: &LoadLine, context: &Context<'_>) -> Why {
    let name = reference.map(ImageReference::name);
    let ruling = ruling(policy, name.as_deref(), context.namespace);
    let exempt = crate::exempt::held(policy, name.as_deref(), context.namespace, context).map(crate::exempt::words);
    Why {
        exempt,
        ruled_by: ruling.map(|i| clearance(&policy.images[i])),
        near: near(policy, name.as_deref(), context.namespace, ruling),
        name,
    }
}

pub(crate) fn clearance(entry: &ImageEntry) -> Clearance {
    Clearance { entry: entry.name.clone(), place: entry.place.clone() }
}

/// The entries that do not rule, nearest first: right name and wrong namespace, then the ones below the ruling entry
/// that would match as well, then by how much of the name agrees.
pub(crate) fn near(
    policy: &LoadLine,
    name: Option<&str>,
    namespace: Option<&str>,
    ruling: Option<usize>,
) -> Vec<NearMiss> {
    let mut misses: Vec<((u8, usize), NearMiss)> = Vec::new();
    for (i, entry) in policy.images.iter().enumerate().filter(|(i, _)| Some(*i) != ruling) {
        let (rank, reason) = match fit(entry, name, namespace) {
            Fit::NamespaceUnknown => (
                (0, 0),
                format!(
                    "its name fits, but it is for the namespaces {} and no namespace is known: say it with --namespace",
                    quoted(&entry.namespaces)
                ),
            ),
            Fit::OtherNamespace => (
                (0, 1),
                format!(
                    "its name fits, but it is for the namespaces {} and not for `{}`",
                    quoted(&entry.namespaces),
                    namespace.unwrap_or("")
                ),
            ),
            Fit::RefusesNames => {
                ((1, 0), "it refuses images by name, and this has no image name: give one with --as".into())
            }
            Fit::Matches => ((1, i), "it would match too, but an entry above it does so first".into()),
            Fit::OtherName => match name {
                None => ((3, i), "it is for certain names, and this has no image name: give one with --as".into()),
                Some(name) => {
                    let best = entry.matches.iter().max_by_key(|pattern| glob::agreement(pattern, name));
                    let agrees = best.map_or(0, |pattern| glob::agreement(pattern, name));
                    ((2, usize::MAX - agrees), name_reason(best.map_or("", String::as_str), agrees, name))
                }
            },
        };
        misses.push((rank, NearMiss { entry: clearance(entry), reason }));
    }
    misses.sort_by_key(|(rank, _)| *rank);
    misses.into_iter().map(|(_, miss)| miss).take(MAX_NEAR).collect()
}

fn name_reason(pattern: &str, agrees: usize, name: &str) -> String {
    let fixed = pattern.split('*').next().unwrap_or("");
    let crosses = glob::matches(&pattern.replace("**", "*").replace('*', "**"), name);
    if crosses {
        return format!("`{pattern}` stays within a path part; `**` would cross the `/` in {name}");
    }
    // The names agree up to here; char boundaries hold because globs and names are ASCII, and `get` if not.
    let differs = name.get(agrees..).unwrap_or("");
    if agrees == fixed.len() {
        format!("`{pattern}` does not match {name}")
    } else if agrees == 0 {
        format!("`{pattern}` names another registry than {name}")
    } else {
        format!("`{pattern}` differs from {name} at `{differs}`")
    }
}

fn quoted(words: &[String]) -> String {
    words.iter().map(|w| format!("`{w}`")).collect::<Vec<_>>().join(", ")
}

/// ``name (file:12)``.
pub(crate) fn placed(name: &str, place: &Place) -> String {
    format!("`{name}` ({})", place_words(place))
}

pub(crate) fn place_words(place: &Place) -> String {
    match (place.file.is_empty(), place.line) {
        (true, _) => "the policy".into(),
        (false, 0) => place.file.clone(),
        (false, line) => format!("{}:{line}", place.file),
    }
}
