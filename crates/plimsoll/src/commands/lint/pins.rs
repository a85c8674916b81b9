//! Digests behind the names of images. In: texts, and how registries are reached. Out: the texts with `@sha256:…` behind each
//! name that has none, and what could not be reached. A digest is that of the index where there is one: the image of every
//! platform stays what it is.

use std::collections::{BTreeMap, BTreeSet};
use std::num::NonZeroUsize;
use std::sync::Arc;

use plimsoll_checks::lint::fix::{Fixed, applied};
use plimsoll_checks::lint::in_parallel;
use plimsoll_checks::lint::pins::{NamedAt, named_at};
use plimsoll_checks::source::{Source, insert};
use plimsoll_model::{ImageReference, Problem, ProblemKind};
use plimsoll_sources::Sources;

use super::walk::{Place, Text};
use crate::cli::{Global, ReachArgs};
use crate::{dirs, reach};

/// Names that are asked for at the same time: registries slow down whoever asks more.
const AT_ONCE: NonZeroUsize = NonZeroUsize::new(8).expect("eight is not zero");
/// Different names of one run. Nobody builds upon as many; a file that names more was made to have a registry asked.
const MAX_NAMES: usize = 1_000;

/// Puts digests into what fixes made of the texts; how many, and the names whose digest nobody told.
pub fn pin(
    global: &Global,
    reach: &ReachArgs,
    texts: &[Text],
    fixed: &mut [Fixed],
) -> anyhow::Result<(usize, Vec<Problem>)> {
    let places: Vec<Vec<NamedAt>> = texts
        .iter()
        .zip(&*fixed)
        .map(|(text, fixed)| match text.place {
            Place::Rendered => Vec::new(),
            // Its target is pinned where it is itself below the paths.
            _ if text.linked => Vec::new(),
            _ => named_at(text.kind, &fixed.text),
        })
        .collect();
    let names: BTreeSet<&str> = places.iter().flatten().map(|place| place.name.as_str()).collect();
    let (asked, left): (Vec<(usize, &str)>, Vec<_>) =
        names.into_iter().enumerate().partition(|(at, _)| *at < MAX_NAMES);
    let digests = digests(global, reach, asked.iter().map(|(_, name)| *name).collect())?;
    let (mut pinned, mut problems) = (0, Vec::new());
    let mut told: BTreeSet<&str> = left.into_iter().map(|(_, name)| name).collect();
    if !told.is_empty() {
        let message = format!("pin {} more images: no more than {MAX_NAMES} names are asked for", told.len());
        problems.push(Problem::undecided(ProblemKind::LimitReached, message));
    }
    for ((text, places), fixed) in texts.iter().zip(&places).zip(fixed) {
        let mut edits = Vec::new();
        for place in places {
            match digests.get(place.name.as_str()) {
                Some(Ok(digest)) => edits.push(insert(place.span.end, format!("@{digest}"))),
                Some(Err(problem)) if told.insert(&place.name) => {
                    let at = Source::new(&text.path, &fixed.text).location(place.span);
                    problems.push(Problem::clone(problem).at(at));
                }
                _ => {}
            }
        }
        let number = edits.len();
        if let Some(text) = applied(&fixed.text, edits, false) {
            fixed.text = text;
            pinned += number;
        }
    }
    Ok((pinned, problems))
}

type Digests<'n> = BTreeMap<&'n str, Result<String, Box<Problem>>>;

fn digests<'n>(global: &Global, reach: &ReachArgs, names: Vec<&'n str>) -> anyhow::Result<Digests<'n>> {
    if names.is_empty() {
        return Ok(BTreeMap::new());
    }
    if reach.offline {
        let message = |name: &str| format!("pin {name}: --offline forbids the network");
        let problem = |name| Problem::undecided(ProblemKind::Unreachable, message(name));
        return Ok(names.into_iter().map(|name| (name, Err(Box::new(problem(name))))).collect());
    }
    let cache = dirs::cache(global.cache_dir.as_deref());
    let sources = reach::sources_with(reach, &cache, u64::MAX, Arc::new(plimsoll_sources::Quiet))?;
    let asked = in_parallel(AT_ONCE, names.iter(), |name| digest(&sources, name));
    Ok(names.into_iter().zip(asked).collect())
}

fn digest(sources: &Sources, name: &str) -> Result<String, Box<Problem>> {
    let reference: ImageReference = name.parse().map_err(|error| Problem::unreadable_name(name, &error))?;
    let resolved = sources.resolve(&reference).map_err(|error| {
        let why = format!("pin {name}: {:#}", anyhow::Error::from(error));
        Problem::undecided(ProblemKind::Unreachable, why)
    })?;
    Ok(resolved.digest.to_string())
}
