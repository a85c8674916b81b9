//! One record against one package name, as every feed gives it and every database keeps it. In: feeds. Out: what the
//! matcher reads. What it does not do: compare versions.

use std::borrow::Cow;

use jiff::civil::Date;
use plimsoll_model::{DataSource, DatabaseInfo, Ecosystem, Family, Problem, Severity, Vulnerability};
use serde::{Deserialize, Serialize};

/// A list of advisories: one release of a distribution, or one language's.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Space {
    /// Release as feeds key it: Debian `12`, Alpine `3.19`, Ubuntu `22.04`, AlmaLinux `9`; empty for a rolling one.
    Os {
        family: Family,
        release: String,
    },
    Language(Ecosystem),
}

impl Space {
    /// The key of a package's name in this space: what OSV and the registries take for the same package. It is
    /// idempotent. Names of distributions are as they are. Trivy's database has rules of its own, kept with its reader.
    pub fn normal_name<'a>(&self, name: &'a str) -> Cow<'a, str> {
        match self {
            Space::Os { .. } => Cow::Borrowed(name),
            // PEP 503: any run of `-`, `_` and `.` is one `-`.
            Space::Language(Ecosystem::Pypi) => {
                let mut key = String::with_capacity(name.len());
                for c in name.chars() {
                    match c {
                        '-' | '_' | '.' if key.ends_with('-') => {}
                        '-' | '_' | '.' => key.push('-'),
                        c => key.extend(c.to_lowercase()),
                    }
                }
                if key == name { Cow::Borrowed(name) } else { Cow::Owned(key) }
            }
            // crates.io takes `_` and `-`, and letter case, for the same.
            Space::Language(Ecosystem::Cargo) => changed(name, |n| n.to_ascii_lowercase().replace('_', "-")),
            Space::Language(Ecosystem::Nuget | Ecosystem::Composer | Ecosystem::Hex | Ecosystem::Pub) => {
                changed(name, str::to_lowercase)
            }
            Space::Language(Ecosystem::Swift) => {
                let bare = name.trim_start_matches("https://");
                changed(bare.strip_suffix(".git").unwrap_or(bare), str::to_lowercase)
            }
            Space::Language(_) => Cow::Borrowed(name),
        }
    }
}

/// Borrowed where the change changes nothing.
fn changed(name: &str, change: impl Fn(&str) -> String) -> Cow<'_, str> {
    let key = change(name);
    if key == name { Cow::Borrowed(name) } else { Cow::Owned(key) }
}

/// What kind of order a range's events are in (OSV schema, `affected[].ranges[].type`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum RangeKind {
    /// Semantic versioning 2.0, pre-releases included.
    Semver,
    /// The ecosystem's own order.
    Ecosystem,
}

/// One event of a range (OSV schema, `events`).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Event {
    Introduced(String),
    Fixed(String),
    LastAffected(String),
    Limit(String),
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Range {
    pub kind: RangeKind,
    pub events: Vec<Event>,
}

/// Which versions it is about.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Applies {
    /// Everything below `fixed`; `None` = every version, no fix yet; a fix of `"0"` = no version at all.
    Below { fixed: Option<String> },
    /// OSV ranges and its list of versions; where they disagree the list wins.
    Osv { ranges: Vec<Range>, versions: Vec<String> },
    /// Trivy-db's version expressions of languages.
    Expressions { vulnerable: Vec<String>, patched: Vec<String>, unaffected: Vec<String> },
}

/// What the source says of the package beside versions.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
pub enum Status {
    #[default]
    Unknown,
    NotAffected,
    Affected,
    Fixed,
    UnderInvestigation,
    WontFix,
    Deferred,
    EndOfLife,
    /// Debian's `unimportant`: filtered and counted.
    Unimportant,
    /// Debian's `undetermined`: could not tell.
    Undetermined,
}

/// One record.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Advisory {
    pub id: String,
    pub aliases: Vec<String>,
    pub vendor_ids: Vec<String>,
    pub source: DataSource,
    pub applies: Applies,
    pub status: Status,
    /// The source's own rating for this package.
    pub severity: Option<Severity>,
    /// Architectures it holds for; empty = all.
    pub arches: Vec<String>,
    /// rpm module `name:stream`.
    pub module: Option<String>,
    /// Red Hat's CPE indexes that it holds for; empty = all.
    pub cpes: Vec<u32>,
    /// The date of the advisory that brought the fix.
    pub fix_date: Option<Date>,
    /// When this database first had the fix.
    pub first_seen: Option<Date>,
}

/// An opened database, whatever its kind. Look-ups are cheap, lock-free and may run on any number of threads.
pub trait AdvisorySource: Send + Sync {
    fn info(&self) -> DatabaseInfo;

    /// What of the data could not be read when it was opened or built; part of every answer that rests on it.
    fn problems(&self) -> Vec<Problem> {
        Vec::new()
    }

    /// True when the database has a list for this space, even where it says nothing of a given package.
    fn covers(&self, space: &Space) -> bool;

    /// Every record against `name`, which is the package's own name: each source applies its own normalisation.
    ///
    /// # Errors
    /// When the bytes of the database are broken: the answer is then "could not tell", never "none".
    fn advisories(&self, space: &Space, name: &str) -> Result<Vec<Advisory>, crate::DatabaseError>;

    /// What is said of a vulnerability by id.
    ///
    /// # Errors
    /// As above.
    fn vulnerability(&self, id: &str) -> Result<Option<Vulnerability>, crate::DatabaseError>;

    /// Its entry among the known exploited, if the database carries that catalogue.
    ///
    /// # Errors
    /// As above.
    fn known_exploited(&self, id: &str) -> Result<Option<plimsoll_model::KnownExploited>, crate::DatabaseError>;

    /// Its EPSS score, if the database carries them.
    ///
    /// # Errors
    /// As above.
    fn epss(&self, id: &str) -> Result<Option<plimsoll_model::Epss>, crate::DatabaseError>;

    /// Red Hat: the CPE indexes of a content set or of a build's name-version-release; empty when unknown.
    ///
    /// # Errors
    /// As above.
    fn red_hat_cpes(&self, content_set_or_nvr: &str) -> Result<Vec<u32>, crate::DatabaseError>;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_normalised_by_the_rules_of_their_registry() {
        for (ecosystem, name, key) in [
            (Ecosystem::Pypi, "Foo.Bar__baz-", "foo-bar-baz-"),
            (Ecosystem::Cargo, "Serde_JSON", "serde-json"),
            (Ecosystem::Nuget, "Newtonsoft.Json", "newtonsoft.json"),
            (Ecosystem::Swift, "https://github.com/Apple/swift-nio.git", "github.com/apple/swift-nio"),
            (Ecosystem::Npm, "JSONStream", "JSONStream"),
            (Ecosystem::Go, "github.com/Masterminds/semver", "github.com/Masterminds/semver"),
        ] {
            let space = Space::Language(ecosystem);
            assert_eq!(space.normal_name(name), key);
            assert_eq!(space.normal_name(key), key);
        }
    }
}
