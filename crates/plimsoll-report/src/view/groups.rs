//! Matches by layer, and within it by package and fix. In: visible matches. Out: groups, worst first. What it does not
//! do: decide what is visible.

use std::collections::BTreeMap;

use plimsoll_model::{Assessment, Ecosystem};

use super::{Counts, actions, packages_of, rank};
use crate::options::RenderOptions;

/// Everything in one layer (or in none: a folder, an SBOM).
#[derive(Debug)]
pub struct LayerGroup<'a> {
    /// Index into the inventory's layers.
    pub layer: Option<usize>,
    pub created_by: Option<&'a str>,
    pub counts: Counts,
    pub packages: Vec<PackageGroup<'a>>,
}

/// One package of one layer, its matches with a fix or those without.
#[derive(Debug)]
pub struct PackageGroup<'a> {
    pub ecosystem: Option<Ecosystem>,
    /// The name and version that advisories speak of: the source package's.
    pub name: &'a str,
    pub version: &'a str,
    /// Where a language package lies; empty for those of the operating system.
    pub path: &'a str,
    /// The installed packages, where they are called otherwise.
    pub binaries: Vec<&'a str>,
    /// The version that clears all of the group; none when there is no fix.
    pub upgrade_to: Option<&'a str>,
    /// Indexes into the assessment's matches, worst first.
    pub matches: Vec<usize>,
    pub counts: Counts,
}

/// What is one group: layer, whether it lacks a fix, ecosystem, name, version, path.
type Key<'a> = (Option<usize>, bool, Option<Ecosystem>, &'a str, &'a str, &'a str);

pub fn layers<'a>(assessment: &'a Assessment, visible: &[usize], options: &RenderOptions<'_>) -> Vec<LayerGroup<'a>> {
    let mut groups: BTreeMap<Key<'a>, Vec<usize>> = BTreeMap::new();
    for &index in visible {
        let m = &assessment.matches[index];
        let first = packages_of(assessment, m).next();
        let ecosystem = first.map(|p| p.ecosystem);
        let path = match first {
            Some(p) if !p.ecosystem.is_os() => p.location.path.as_str(),
            _ => "",
        };
        let layer = first.and_then(|p| p.location.layer);
        groups.entry((layer, !m.fix.is_available(), ecosystem, &m.name, &m.version, path)).or_default().push(index);
    }
    let mut layers: BTreeMap<Option<usize>, Vec<PackageGroup<'a>>> = BTreeMap::new();
    for ((layer, unfixed, ecosystem, name, version, path), mut matches) in groups {
        matches.sort_by_key(|i| rank(&assessment.matches[*i]));
        let mut binaries: Vec<&str> = matches
            .iter()
            .flat_map(|i| packages_of(assessment, &assessment.matches[*i]))
            .map(|p| p.name.as_str())
            .collect();
        binaries.sort_unstable();
        binaries.dedup();
        if binaries == [name] {
            binaries.clear();
        }
        let upgrade_to = if unfixed {
            None
        } else {
            actions::latest_fix(ecosystem, matches.iter().map(|i| &assessment.matches[*i]), options)
        };
        let counts = Counts::of(matches.iter().map(|i| &assessment.matches[*i]));
        layers.entry(layer).or_default().push(PackageGroup {
            ecosystem,
            name,
            version,
            path,
            binaries,
            upgrade_to,
            matches,
            counts,
        });
    }
    layers
        .into_iter()
        .map(|(layer, mut packages)| {
            // What can be mended comes first, then the worst.
            packages.sort_by_key(|p| {
                (p.upgrade_to.is_none(), p.matches.first().map(|i| rank(&assessment.matches[*i])), p.name, p.path)
            });
            LayerGroup {
                layer,
                created_by: layer
                    .and_then(|i| assessment.inventory.layers.get(i))
                    .and_then(|l| l.created_by.as_deref()),
                counts: Counts::of(packages.iter().flat_map(|p| &p.matches).map(|i| &assessment.matches[*i])),
                packages,
            }
        })
        .collect()
}
