//! What to do. In: visible matches that have a fix. Out: upgrades, the one that clears the most first, and a hint when
//! most of it lies in the base image. What it does not do: promise that a newer base image has the fixes.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use plimsoll_model::{Assessment, Ecosystem, Effect, Match, Severity};

use super::{Counts, effects, packages_of, words};
use crate::options::RenderOptions;
use crate::text::size::plural;

/// One upgrade.
#[derive(Debug, Clone, PartialEq)]
pub struct Action<'a> {
    pub ecosystem: Option<Ecosystem>,
    /// The package that advisories speak of: the source package's name.
    pub name: &'a str,
    /// Installed versions, once each.
    pub from: Vec<&'a str>,
    /// The version that clears all of them.
    pub to: &'a str,
    /// Indexes into the assessment's matches.
    pub clears: Vec<usize>,
    pub counts: Counts,
    /// How many of them deny.
    pub denying: usize,
    /// Places (files) that it lies in, for language packages.
    pub paths: Vec<&'a str>,
    /// Layers that it lies in.
    pub layers: Vec<usize>,
}

impl Action<'_> {
    /// `clears 3 (1 critical, 2 high), in 2 places, 2 deny`.
    pub fn gain(&self) -> String {
        let mut text = format!("clears {}", words::cleared(&self.counts));
        if self.paths.len() > 1 {
            text.push_str(&format!(", in {}", plural(self.paths.len(), "place")));
        }
        if self.denying > 0 {
            text.push_str(&format!(", {} {}", self.denying, if self.denying == 1 { "denies" } else { "deny" }));
        }
        text
    }
}

/// Most of what can be mended came with the lowest layer.
#[derive(Debug, Clone, PartialEq)]
pub struct BaseHint<'a> {
    pub created_by: Option<&'a str>,
    /// Visible matches with a fix in the lowest layer, and in all.
    pub clears: usize,
    pub of: usize,
    /// Upgrades that it would spare.
    pub actions: usize,
}

impl BaseHint<'_> {
    /// One sentence; `made` is the lowest layer's instruction, made fit for the format.
    pub fn words(&self, made: &str) -> String {
        let made = if made.is_empty() { String::new() } else { format!(" ({made})") };
        format!(
            "{} of {} lie in the lowest layer{made}: a rebuild on a newer base image may spare {} of these upgrades",
            self.clears, self.of, self.actions,
        )
    }
}

/// The version that clears one match: the one for the installed branch, else the first that the source names.
pub fn upgrade(m: &Match) -> Option<&str> {
    m.upgrade_to.as_deref().or_else(|| m.fix.versions().first().map(String::as_str))
}

/// The latest of the versions that the matches are fixed in, each in the installed branch.
pub fn latest_fix<'a>(
    ecosystem: Option<Ecosystem>,
    matches: impl Iterator<Item = &'a Match>,
    options: &RenderOptions<'_>,
) -> Option<&'a str> {
    matches
        .filter_map(upgrade)
        .max_by(|a, b| (options.version_order)(ecosystem.unwrap_or(Ecosystem::Generic), a, b).then_with(|| a.cmp(b)))
}

pub fn actions<'a>(assessment: &'a Assessment, visible: &[usize], options: &RenderOptions<'_>) -> Vec<Action<'a>> {
    let mut groups: BTreeMap<(Option<Ecosystem>, &'a str), Vec<usize>> = BTreeMap::new();
    for &index in visible {
        let m = &assessment.matches[index];
        if upgrade(m).is_some() {
            let ecosystem = packages_of(assessment, m).next().map(|p| p.ecosystem);
            groups.entry((ecosystem, &m.name)).or_default().push(index);
        }
    }
    let effects = effects(assessment);
    let mut actions: Vec<Action<'a>> = groups
        .into_iter()
        .filter_map(|((ecosystem, name), clears)| {
            let matches = || clears.iter().map(|i| &assessment.matches[*i]);
            let to = latest_fix(ecosystem, matches(), options)?;
            let packages = || matches().flat_map(|m| packages_of(assessment, m));
            Some(Action {
                ecosystem,
                name,
                from: once_each(matches().map(|m| m.version.as_str())),
                to,
                counts: Counts::of(matches()),
                denying: clears.iter().filter(|i| effects.matches[**i] == Some(Effect::Deny)).count(),
                paths: once_each(packages().filter(|p| !p.ecosystem.is_os()).map(|p| p.location.path.as_str())),
                layers: once_each(packages().filter_map(|p| p.location.layer)),
                clears,
            })
        })
        .collect();
    actions.sort_by_key(|a| {
        let worst = a.counts.present().next().map_or(Severity::Unknown, |(severity, _)| severity);
        (Reverse(a.denying), Reverse(a.clears.len()), Reverse(worst), a.name, a.ecosystem)
    });
    actions
}

/// Given when there are layers above the lowest, at least two upgrades lie in the lowest, and they clear at least half.
pub fn base_hint<'a>(assessment: &'a Assessment, visible: &[usize], actions: &[Action<'a>]) -> Option<BaseHint<'a>> {
    if assessment.inventory.layers.len() < 2 {
        return None;
    }
    let in_base = |m: &Match| packages_of(assessment, m).all(|p| p.location.layer == Some(0)) && !m.packages.is_empty();
    let fixable: Vec<&Match> =
        visible.iter().map(|i| &assessment.matches[*i]).filter(|m| upgrade(m).is_some()).collect();
    let clears = fixable.iter().filter(|m| in_base(m)).count();
    let spared = actions.iter().filter(|a| a.layers == [0]).count();
    (spared >= 2 && clears * 2 >= fixable.len()).then(|| BaseHint {
        created_by: assessment.inventory.layers.first().and_then(|l| l.created_by.as_deref()),
        clears,
        of: fixable.len(),
        actions: spared,
    })
}

fn once_each<T: Ord>(items: impl Iterator<Item = T>) -> Vec<T> {
    let mut list: Vec<T> = items.collect();
    list.sort();
    list.dedup();
    list
}
