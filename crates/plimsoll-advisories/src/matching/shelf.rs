//! The lists that speak of one world (a distribution's release, or a language) in all opened databases. In: a name. Out:
//! every record against it, each database asked once. A database that fails is remembered: its silence is no answer.

use std::collections::{BTreeMap, HashMap};
use std::rc::Rc;

use plimsoll_model::{
    Coverage, CoverageState, DatabaseInfo, DatabaseKind, Epss, KnownExploited, Problem, ProblemKind, Severity,
    Vulnerability,
};

use crate::DatabaseError;
use crate::record::{Advisory, AdvisorySource, Space};

/// All opened databases, with what went wrong while asking them.
pub struct Databases<'a> {
    sources: Vec<(&'a dyn AdvisorySource, DatabaseInfo)>,
    /// By database: the first fault, and how many look-ups failed.
    faults: BTreeMap<usize, (String, usize)>,
    details: HashMap<String, Option<Vulnerability>>,
}

impl<'a> Databases<'a> {
    pub fn new(sources: &[&'a dyn AdvisorySource]) -> Databases<'a> {
        let mut sources: Vec<_> = sources.iter().map(|source| (*source, source.info())).collect();
        // The embedded baseline's words are brief: any other database's count before them.
        sources.sort_by_key(|(_, info)| info.kind == DatabaseKind::Baseline);
        Databases { sources, faults: BTreeMap::new(), details: HashMap::new() }
    }

    pub fn is_empty(&self) -> bool {
        self.sources.is_empty()
    }

    /// What a database could not read of itself, and the look-ups that failed.
    pub fn problems(&self) -> Vec<Problem> {
        let mut problems: Vec<Problem> = self.sources.iter().flat_map(|(source, _)| source.problems()).collect();
        for (index, (fault, count)) in &self.faults {
            let name = self.name(*index);
            let problem = Problem::undecided(
                ProblemKind::NoData,
                format!("look up advisories in {name}: {fault} ({count} look-ups failed)"),
            );
            problems.push(problem.with_hint("fetch the database again: plimsoll db update"));
        }
        problems
    }

    fn name(&self, index: usize) -> &str {
        self.sources.get(index).map_or("", |(_, info)| &info.name)
    }

    fn ask<T>(&mut self, index: usize, answer: Result<T, DatabaseError>) -> Option<T> {
        match answer {
            Ok(value) => Some(value),
            Err(error) => {
                let fault = self.faults.entry(index).or_insert_with(|| (error.to_string(), 0));
                fault.1 += 1;
                None
            }
        }
    }

    /// What all databases say of a vulnerability; the first one's words stand, the others fill what it leaves out.
    pub fn vulnerability(&mut self, id: &str) -> Option<Vulnerability> {
        if let Some(known) = self.details.get(id) {
            return known.clone();
        }
        let mut found: Option<Vulnerability> = None;
        for index in 0..self.sources.len() {
            let Some((source, _)) = self.sources.get(index) else { continue };
            let answer = source.vulnerability(id);
            let Some(more) = self.ask(index, answer).flatten() else { continue };
            match &mut found {
                Some(known) => fill(known, more),
                None => found = Some(more),
            }
        }
        self.details.insert(id.to_owned(), found.clone());
        found
    }

    pub fn known_exploited<'i>(&mut self, ids: impl Iterator<Item = &'i str> + Clone) -> Option<KnownExploited> {
        self.first(ids, |source, id| source.known_exploited(id))
    }

    pub fn epss<'i>(&mut self, ids: impl Iterator<Item = &'i str> + Clone) -> Option<Epss> {
        self.first(ids, |source, id| source.epss(id))
    }

    fn first<'i, T>(
        &mut self,
        ids: impl Iterator<Item = &'i str> + Clone,
        get: impl Fn(&dyn AdvisorySource, &str) -> Result<Option<T>, DatabaseError>,
    ) -> Option<T> {
        for index in 0..self.sources.len() {
            for id in ids.clone() {
                let Some((source, _)) = self.sources.get(index) else { continue };
                let answer = get(*source, id);
                if let Some(found) = self.ask(index, answer).flatten() {
                    return Some(found);
                }
            }
        }
        None
    }

    /// Red Hat's CPE indexes of the content sets, by database.
    pub fn red_hat_cpes(&mut self, content_sets: &[String]) -> Vec<Vec<u32>> {
        (0..self.sources.len())
            .map(|index| {
                let mut cpes = Vec::new();
                for set in content_sets {
                    let Some((source, _)) = self.sources.get(index) else { continue };
                    let answer = source.red_hat_cpes(set);
                    cpes.extend(self.ask(index, answer).unwrap_or_default());
                }
                cpes.sort_unstable();
                cpes.dedup();
                cpes
            })
            .collect()
    }
}

/// Takes from `more` what `known` leaves out; what is known stands as its source wrote it.
pub fn fill(known: &mut Vulnerability, more: Vulnerability) {
    let text = |known: &mut String, more: String| {
        if known.is_empty() {
            *known = more;
        }
    };
    text(&mut known.title, more.title);
    text(&mut known.description, more.description);
    if known.cwes.is_empty() {
        known.cwes = more.cwes;
    }
    if known.references.is_empty() {
        known.references = more.references;
    }
    if known.cvss.is_empty() {
        known.cvss = more.cvss;
    }
    if known.vendor_severity.is_empty() && known.severity.is_none_or(|severity| severity == Severity::Unknown) {
        known.vendor_severity = more.vendor_severity;
        known.severity = more.severity;
    }
    known.published = known.published.or(more.published);
    known.modified = known.modified.or(more.modified);
}

/// A record and the database that holds it.
pub struct Said {
    pub database: usize,
    pub advisory: Advisory,
}

/// The lists of one world.
pub struct Shelf {
    /// For people: `debian 12`, `npm`.
    pub what: String,
    /// By database: its list, if it has one.
    lists: Vec<Option<Space>>,
    cache: HashMap<String, Rc<Vec<Said>>>,
    failed: bool,
}

impl Shelf {
    /// `spaces`, best first: of each database the first that it has.
    pub fn new(what: String, spaces: &[Space], databases: &Databases<'_>) -> Shelf {
        let lists = databases
            .sources
            .iter()
            .map(|(source, _)| spaces.iter().find(|space| source.covers(space)).cloned())
            .collect();
        Shelf { what, lists, cache: HashMap::new(), failed: false }
    }

    /// True when some database keeps a list.
    pub fn has_data(&self) -> bool {
        self.lists.iter().any(Option::is_some)
    }

    /// True when a list of this release of a distribution is used.
    pub fn has_release(&self, wanted: &str) -> bool {
        self.lists.iter().flatten().any(|list| matches!(list, Space::Os { release, .. } if release == wanted))
    }

    /// True when a database other than the embedded baseline keeps a list.
    pub fn has_full_data(&self, databases: &Databases<'_>) -> bool {
        let kinds = databases.sources.iter().map(|(_, info)| info.kind);
        self.lists.iter().zip(kinds).any(|(list, kind)| list.is_some() && kind != DatabaseKind::Baseline)
    }

    /// Every record against `name`.
    pub fn records(&mut self, name: &str, databases: &mut Databases<'_>) -> Rc<Vec<Said>> {
        if let Some(known) = self.cache.get(name) {
            return Rc::clone(known);
        }
        let mut records = Vec::new();
        for (database, list) in self.lists.iter().enumerate() {
            let (Some(space), Some((source, _))) = (list, databases.sources.get(database)) else { continue };
            let answer = source.advisories(space, name);
            match databases.ask(database, answer) {
                Some(found) => records.extend(found.into_iter().map(|advisory| Said { database, advisory })),
                None => self.failed = true,
            }
        }
        let records = Rc::new(records);
        self.cache.insert(name.to_owned(), Rc::clone(&records));
        records
    }

    /// Whether the data could speak of these packages. `why_not` overrides: the release is at its end, moves, …
    pub fn coverage(&self, packages: usize, why_not: Option<String>, databases: &Databases<'_>) -> Coverage {
        let state = if let Some(reason) = why_not {
            CoverageState::NoData { reason }
        } else if self.failed {
            CoverageState::NoData { reason: "an advisory database could not be read".to_owned() }
        } else if self.has_full_data(databases) {
            CoverageState::Covered
        } else if self.has_data() {
            CoverageState::BaselineOnly
        } else {
            CoverageState::NoData { reason: format!("no advisory database has a list for {}", self.what) }
        };
        let asked = self.lists.iter().zip(&databases.sources).filter(|(list, _)| list.is_some());
        let sources = asked.map(|(_, (_, info))| info.name.clone()).collect();
        Coverage { what: self.what.clone(), packages, state, sources }
    }
}
