//! Records against one package that are about one fault. In: records with their rulings. Out: groups, each with all ids
//! of its fault and one answer. An advisory of several CVEs never joins them: it counts as one record for each, with its
//! own id as the vendor's.

use std::cmp::Ordering;
use std::collections::{BTreeMap, BTreeSet};

use plimsoll_model::{Fix, FixDateSource, MatchState};

use super::ruling::{Ruling, Scheme};
use super::shelf::Said;
use crate::record::{Advisory, Status};

/// A record that has something to say of the version at hand.
pub struct Voice<'r> {
    pub database: usize,
    pub advisory: &'r Advisory,
    pub ruling: Ruling,
    /// The CVE that it speaks for, where its record has several.
    only: Option<&'r str>,
}

impl<'r> Voice<'r> {
    /// The record's own voice, or one for each of its CVEs.
    pub fn all(said: &'r Said, ruling: Ruling) -> Vec<Voice<'r>> {
        let advisory = &said.advisory;
        let cves = cves(advisory);
        let voice = |only: Option<&'r str>, ruling| Voice { database: said.database, advisory, ruling, only };
        if cves.len() < 2 {
            return vec![voice(None, ruling)];
        }
        cves.into_iter().map(|cve| voice(Some(cve), ruling.clone())).collect()
    }

    fn ids(&self) -> Vec<&'r str> {
        match self.only {
            Some(cve) => vec![cve],
            None => std::iter::once(&self.advisory.id).chain(&self.advisory.aliases).map(String::as_str).collect(),
        }
    }

    fn vendor_ids(&self) -> impl Iterator<Item = &'r str> {
        // The id of an advisory of several CVEs is a vendor's id of each.
        let own = self.only.filter(|cve| *cve != self.advisory.id).map(|_| self.advisory.id.as_str());
        self.advisory.vendor_ids.iter().map(String::as_str).chain(own.filter(|id| !is_cve(id)))
    }

    fn affected(&self) -> bool {
        matches!(self.ruling, Ruling::Affected { .. })
    }
}

fn is_cve(id: &str) -> bool {
    id.starts_with("CVE-")
}

fn cves(advisory: &Advisory) -> BTreeSet<&str> {
    std::iter::once(&advisory.id).chain(&advisory.aliases).map(String::as_str).filter(|id| is_cve(id)).collect()
}

/// All voices about one fault.
#[derive(Default)]
pub struct Fault<'r> {
    pub ids: BTreeSet<&'r str>,
    pub voices: Vec<Voice<'r>>,
}

/// Groups voices by the ids that they share; two CVEs are never in one group.
pub fn faults(voices: Vec<Voice<'_>>) -> Vec<Fault<'_>> {
    let (named, unnamed): (Vec<Voice<'_>>, Vec<Voice<'_>>) =
        voices.into_iter().partition(|voice| voice.ids().iter().any(|id| is_cve(id)));
    let mut by_cve: BTreeMap<&str, Fault<'_>> = BTreeMap::new();
    for voice in named {
        let ids = voice.ids();
        let Some(cve) = ids.iter().copied().find(|id| is_cve(id)) else { continue };
        let fault = by_cve.entry(cve).or_default();
        fault.ids.extend(ids);
        fault.voices.push(voice);
    }
    let mut faults: Vec<Fault<'_>> = by_cve.into_values().collect();
    for voice in unnamed {
        let ids: BTreeSet<&str> = voice.ids().into_iter().collect();
        let mut joined: Option<usize> = None;
        let mut i = 0;
        while i < faults.len() {
            if faults[i].ids.is_disjoint(&ids) {
                i += 1;
                continue;
            }
            match joined {
                None => joined = Some(i),
                // This voice links two groups; groups with a CVE come first, and two of those stay apart.
                Some(first) if !faults[i].ids.iter().any(|id| is_cve(id)) => {
                    let other = faults.remove(i);
                    faults[first].ids.extend(other.ids);
                    faults[first].voices.extend(other.voices);
                    continue;
                }
                Some(_) => {}
            }
            i += 1;
        }
        let at = joined.unwrap_or_else(|| {
            faults.push(Fault::default());
            faults.len() - 1
        });
        faults[at].ids.extend(ids);
        faults[at].voices.push(voice);
    }
    faults
}

/// The answer of one fault.
pub struct Answer<'r> {
    pub id: String,
    pub aliases: Vec<String>,
    pub vendor_ids: Vec<String>,
    pub state: MatchState,
    pub fix: Fix,
    pub upgrade_to: Option<String>,
    /// The record whose words count most.
    pub chief: &'r Advisory,
    pub unimportant: bool,
}

impl<'r> Fault<'r> {
    /// `None` when nobody says anything that has to be told.
    pub fn answer(&self, version: &str, scheme: Scheme, os: bool) -> Option<Answer<'r>> {
        let speaker = |voice: &Voice<'r>| (voice.database, voice.advisory.source.id.as_str());
        let never: Vec<&Voice<'r>> = self.voices.iter().filter(|v| v.ruling == Ruling::Never).collect();
        // A source that says both (for other products, or for another branch) does not overrule itself.
        let against = self.voices.iter().filter(|v| v.ruling != Ruling::Never);
        let overruled: Vec<&Voice<'r>> =
            against.clone().filter(|v| never.iter().any(|n| speaker(n) != speaker(v))).collect();
        let (state, voices): (MatchState, Vec<&Voice<'r>>) = if !overruled.is_empty() {
            let by = never.iter().map(|v| v.advisory.source.name.as_str()).next().unwrap_or_default();
            (MatchState::NotAffected { reason: format!("{by} says that this package is not affected") }, overruled)
        } else {
            let affected: Vec<&Voice<'r>> = against.clone().filter(|v| v.affected()).collect();
            if affected.is_empty() {
                let undecided: Vec<&Voice<'r>> = against.collect();
                let reason = undecided.iter().find_map(|v| match &v.ruling {
                    Ruling::Undecided { reason } => Some(reason.clone()),
                    _ => None,
                })?;
                (MatchState::Undecided { reason }, undecided)
            } else {
                (MatchState::Affected, affected)
            }
        };
        let chief = *voices.iter().min_by_key(|v| (fixes_of(v).is_empty(), v.database))?;
        let team: Vec<&Voice<'r>> = voices.iter().copied().filter(|v| speaker(v) == speaker(chief)).collect();
        let (fix_versions, dated) = versions_of(&team, chief, scheme, os);
        let fix = fix_of(fix_versions, dated);
        let upgrade_to = lowest_above(fix.versions(), version, scheme);

        let id = shown_id(&self.ids, chief)?;
        let aliases = self.ids.iter().filter(|known| **known != id).map(|id| (*id).to_owned()).collect();
        let mut vendor_ids: Vec<String> = Vec::new();
        for vendor_id in voices.iter().flat_map(|v| v.vendor_ids()).filter(|known| *known != id) {
            if !vendor_ids.iter().any(|known| known == vendor_id) {
                vendor_ids.push(vendor_id.to_owned());
            }
        }
        let unimportant = voices.iter().all(|v| v.advisory.status == Status::Unimportant);
        let id = id.to_owned();
        Some(Answer { id, aliases, vendor_ids, state, fix, upgrade_to, chief: dated, unimportant })
    }
}

fn fixes_of<'v>(voice: &'v Voice<'_>) -> &'v [String] {
    match &voice.ruling {
        Ruling::Affected { fixes } => fixes,
        _ => &[],
    }
}

/// The fixes that one source names, and the record that brought them. A distribution's later advisory completes its
/// earlier one: the latest fix counts. A language's entries are branches: all fixes count.
fn versions_of<'r>(team: &[&Voice<'r>], chief: &Voice<'r>, scheme: Scheme, os: bool) -> (Vec<String>, &'r Advisory) {
    if os {
        let fixes = team.iter().flat_map(|v| fixes_of(v).iter().map(|fix| (fix, v.advisory)));
        let last = fixes.max_by(|(a, _), (b, _)| scheme.order.compare(a, b).unwrap_or(Ordering::Equal));
        // An epoch of zero is no epoch; it is left out, as installed versions leave it out.
        let written = |fix: &str| vec![fix.strip_prefix("0:").unwrap_or(fix).to_owned()];
        return last.map_or((Vec::new(), chief.advisory), |(fix, advisory)| (written(fix), advisory));
    }
    let mut versions: Vec<String> = Vec::new();
    for fix in team.iter().flat_map(|v| fixes_of(v)) {
        if !versions.contains(fix) {
            versions.push(fix.clone());
        }
    }
    (versions, chief.advisory)
}

/// The date falls back on the vulnerability's publication where its details are known.
fn fix_of(versions: Vec<String>, advisory: &Advisory) -> Fix {
    if !versions.is_empty() {
        let own = advisory.fix_date.map(|date| (date, FixDateSource::Advisory));
        let (since, since_source) =
            own.or_else(|| advisory.first_seen.map(|date| (date, FixDateSource::FirstSeen))).unzip();
        return Fix::Available { versions, since, since_source };
    }
    match advisory.status {
        Status::WontFix => Fix::WontFix,
        Status::Deferred => Fix::Deferred,
        Status::EndOfLife => Fix::EndOfLife,
        Status::UnderInvestigation => Fix::UnderInvestigation,
        _ => Fix::None,
    }
}

fn lowest_above(fixes: &[String], version: &str, scheme: Scheme) -> Option<String> {
    let above = fixes.iter().filter(|fix| scheme.order.compare(fix, version).is_ok_and(Ordering::is_gt));
    let lowest = above.min_by(|a, b| scheme.order.compare(a, b).unwrap_or(Ordering::Equal)).cloned();
    // A single fix is the fix, though the installed version has no place.
    lowest.or_else(|| fixes.first().filter(|fix| fixes.len() == 1 && scheme.order.check(fix).is_ok()).cloned())
}

/// CVE before GHSA before the record's own id.
fn shown_id<'r>(ids: &BTreeSet<&'r str>, chief: &Voice<'r>) -> Option<&'r str> {
    let first = |prefix: &str| ids.iter().copied().find(|id| id.starts_with(prefix));
    first("CVE-").or_else(|| first("GHSA-")).or_else(|| chief.ids().first().copied())
}
