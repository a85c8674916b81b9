//! Records held in memory. In: what feeds said. Out: an advisory source. It serves small data: a folder of OSV records,
//! and the embedded baseline; large data belongs into an index.

use std::collections::{HashMap, HashSet};

use plimsoll_model::{DatabaseInfo, Epss, KnownExploited, Problem, Vulnerability};

use crate::DatabaseError;
use crate::feeds::Records;
use crate::record::{Advisory, AdvisorySource, Space};

/// An advisory source over records in memory.
pub struct Memory {
    info: DatabaseInfo,
    spaces: HashSet<Space>,
    advisories: HashMap<Space, HashMap<String, Vec<Advisory>>>,
    vulnerabilities: HashMap<String, Vulnerability>,
    known_exploited: HashMap<String, KnownExploited>,
    epss: HashMap<String, Epss>,
    problems: Vec<Problem>,
}

impl Memory {
    /// `info` as given, but for the count of advisories and, where it has none, the date of the newest document.
    pub fn new(records: Records, mut info: DatabaseInfo) -> Memory {
        info.advisories = records.advisories.len() as u64;
        info.built = info.built.or(records.dated);
        let mut advisories: HashMap<Space, HashMap<String, Vec<Advisory>>> = HashMap::new();
        for record in records.advisories {
            advisories.entry(record.space).or_default().entry(record.name).or_default().push(record.advisory);
        }
        let mut vulnerabilities: HashMap<String, Vulnerability> = HashMap::new();
        for (id, details) in records.vulnerabilities {
            match vulnerabilities.entry(id) {
                std::collections::hash_map::Entry::Occupied(mut known) => join(known.get_mut(), details),
                std::collections::hash_map::Entry::Vacant(place) => {
                    place.insert(details);
                }
            }
        }
        Memory {
            info,
            spaces: records.spaces.into_iter().collect(),
            advisories,
            vulnerabilities,
            known_exploited: records.known_exploited.into_iter().collect(),
            epss: records.epss.into_iter().collect(),
            problems: records.problems,
        }
    }
}

/// Adds what another feed says of the same vulnerability; what is known already stays.
pub fn join(known: &mut Vulnerability, more: Vulnerability) {
    if known.title.is_empty() {
        known.title = more.title;
    }
    if known.description.is_empty() {
        known.description = more.description;
    }
    let news = |known: &mut Vec<String>, more: Vec<String>| {
        known.extend(more);
        known.sort();
        known.dedup();
    };
    news(&mut known.cwes, more.cwes);
    news(&mut known.references, more.references);
    for rating in more.cvss {
        if !known.cvss.contains(&rating) {
            known.cvss.push(rating);
        }
    }
    for (source, severity) in more.vendor_severity {
        match known.vendor_severity.iter_mut().find(|(known, _)| *known == source) {
            // One source, several records (errata): the worst counts.
            Some((_, old)) => *old = severity.max(*old),
            None => known.vendor_severity.push((source, severity)),
        }
    }
    known.severity = known.severity.or(more.severity);
    known.published = match (known.published, more.published) {
        (Some(a), Some(b)) => Some(a.min(b)),
        (a, b) => a.or(b),
    };
    known.modified = known.modified.max(more.modified);
}

impl AdvisorySource for Memory {
    fn info(&self) -> DatabaseInfo {
        self.info.clone()
    }

    fn problems(&self) -> Vec<Problem> {
        self.problems.clone()
    }

    fn covers(&self, space: &Space) -> bool {
        self.spaces.contains(space)
    }

    fn advisories(&self, space: &Space, name: &str) -> Result<Vec<Advisory>, DatabaseError> {
        let key = space.normal_name(name);
        Ok(self.advisories.get(space).and_then(|names| names.get(key.as_ref())).cloned().unwrap_or_default())
    }

    fn vulnerability(&self, id: &str) -> Result<Option<Vulnerability>, DatabaseError> {
        Ok(self.vulnerabilities.get(id).cloned())
    }

    fn known_exploited(&self, id: &str) -> Result<Option<KnownExploited>, DatabaseError> {
        Ok(self.known_exploited.get(id).cloned())
    }

    fn epss(&self, id: &str) -> Result<Option<Epss>, DatabaseError> {
        Ok(self.epss.get(id).cloned())
    }

    fn red_hat_cpes(&self, _: &str) -> Result<Vec<u32>, DatabaseError> {
        Ok(Vec::new())
    }
}
