//! A small advisory source for tests: what it holds is written out in the test, names are taken as they stand.

use std::collections::BTreeMap;

use plimsoll_advisories::{Advisory, AdvisorySource, Applies, DatabaseError, Event, Range, RangeKind, Space, Status};
use plimsoll_model::{
    DataSource, DatabaseInfo, DatabaseKind, Ecosystem, Epss, Family, KnownExploited, Severity, Vulnerability,
};

#[derive(Clone)]
pub struct Source {
    pub kind: DatabaseKind,
    pub records: Vec<(Space, String, Advisory)>,
    pub spaces: Vec<Space>,
    pub details: BTreeMap<String, Vulnerability>,
    pub exploited: Vec<String>,
    pub cpes: Vec<(String, Vec<u32>)>,
    pub broken: bool,
}

impl Default for Source {
    fn default() -> Source {
        Source {
            kind: DatabaseKind::Trivy,
            records: Vec::new(),
            spaces: Vec::new(),
            details: BTreeMap::new(),
            exploited: Vec::new(),
            cpes: Vec::new(),
            broken: false,
        }
    }
}

impl Source {
    pub fn with(mut self, space: &Space, name: &str, advisory: Advisory) -> Source {
        self.spaces.push(space.clone());
        self.records.push((space.clone(), name.to_owned(), advisory));
        self
    }

    pub fn covering(mut self, space: &Space) -> Source {
        self.spaces.push(space.clone());
        self
    }

    pub fn rated(mut self, id: &str, ratings: &[(&str, Severity)]) -> Source {
        let vendor_severity = ratings.iter().map(|(source, severity)| ((*source).to_owned(), *severity)).collect();
        let published = Some("2024-01-02T00:00:00Z".parse().unwrap());
        let details =
            Vulnerability { title: format!("about {id}"), vendor_severity, published, ..Vulnerability::default() };
        self.details.insert(id.to_owned(), details);
        self
    }
}

impl AdvisorySource for Source {
    fn info(&self) -> DatabaseInfo {
        DatabaseInfo {
            kind: self.kind,
            name: "memory".to_owned(),
            digest: String::new(),
            built: None,
            advisories: self.records.len() as u64,
        }
    }

    fn covers(&self, space: &Space) -> bool {
        self.spaces.contains(space)
    }

    fn advisories(&self, space: &Space, name: &str) -> Result<Vec<Advisory>, DatabaseError> {
        if self.broken {
            return Err(DatabaseError::Broken { path: "memory".to_owned(), what: "page 7 is torn".to_owned() });
        }
        let name = space.normal_name(name);
        let of = |(s, n, _): &&(Space, String, Advisory)| s == space && *n == name;
        Ok(self.records.iter().filter(of).map(|(_, _, advisory)| advisory.clone()).collect())
    }

    fn vulnerability(&self, id: &str) -> Result<Option<Vulnerability>, DatabaseError> {
        Ok(self.details.get(id).cloned())
    }

    fn known_exploited(&self, id: &str) -> Result<Option<KnownExploited>, DatabaseError> {
        let known = self.exploited.iter().any(|known| known == id);
        Ok(known.then_some(KnownExploited { added: None, due: None, ransomware: false }))
    }

    fn epss(&self, _: &str) -> Result<Option<Epss>, DatabaseError> {
        Ok(None)
    }

    fn red_hat_cpes(&self, content_set_or_nvr: &str) -> Result<Vec<u32>, DatabaseError> {
        let found = self.cpes.iter().find(|(name, _)| name == content_set_or_nvr);
        Ok(found.map(|(_, cpes)| cpes.clone()).unwrap_or_default())
    }
}

pub fn os(family: Family, release: &str) -> Space {
    Space::Os { family, release: release.to_owned() }
}

pub fn debian12() -> Space {
    os(Family::Debian, "12")
}

pub fn language(ecosystem: Ecosystem) -> Space {
    Space::Language(ecosystem)
}

/// A record by `source`; what the test is not about is empty.
pub fn advisory(source: &str, id: &str, applies: Applies) -> Advisory {
    Advisory {
        id: id.to_owned(),
        aliases: Vec::new(),
        vendor_ids: Vec::new(),
        source: DataSource { id: source.to_owned(), name: source.to_owned(), url: String::new(), base_id: None },
        applies,
        status: Status::Unknown,
        severity: None,
        arches: Vec::new(),
        module: None,
        cpes: Vec::new(),
        fix_date: None,
        first_seen: None,
    }
}

pub fn below(fixed: &str) -> Applies {
    Applies::Below { fixed: Some(fixed.to_owned()) }
}

pub fn unfixed() -> Applies {
    Applies::Below { fixed: None }
}

/// `[introduced, fixed)` of OSV; an empty fix leaves it open.
pub fn osv(kind: RangeKind, introduced: &str, fixed: &str) -> Applies {
    let mut events = vec![Event::Introduced(introduced.to_owned())];
    if !fixed.is_empty() {
        events.push(Event::Fixed(fixed.to_owned()));
    }
    Applies::Osv { ranges: vec![Range { kind, events }], versions: Vec::new() }
}

pub fn expressions(vulnerable: &[&str], patched: &[&str]) -> Applies {
    let list = |texts: &[&str]| texts.iter().map(|text| (*text).to_owned()).collect();
    Applies::Expressions { vulnerable: list(vulnerable), patched: list(patched), unaffected: Vec::new() }
}

pub fn with_aliases(mut advisory: Advisory, aliases: &[&str]) -> Advisory {
    advisory.aliases = aliases.iter().map(|alias| (*alias).to_owned()).collect();
    advisory
}

pub fn with_status(mut advisory: Advisory, status: Status) -> Advisory {
    advisory.status = status;
    advisory
}
