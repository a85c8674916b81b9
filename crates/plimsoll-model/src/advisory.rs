//! What is known against packages. In: feeds and the matcher. Out: vulnerabilities, matches with their state, and the
//! coverage of the data. What it does not do: parse feeds or compare versions.

use jiff::Timestamp;
use jiff::civil::Date;
use serde::{Deserialize, Serialize};

use crate::severity::Severity;

/// Who said it.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct DataSource {
    /// Short id: `debian`, `ghsa`, `baseline`.
    pub id: String,
    pub name: String,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub url: String,
    /// Trivy's `BaseID`: the source that this one refines.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub base_id: Option<String>,
}

/// One CVSS rating by one source.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Cvss {
    pub source: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub v2_vector: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub v3_vector: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub v40_vector: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub v2_score: Option<f64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub v3_score: Option<f64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub v40_score: Option<f64>,
}

/// What is said of a vulnerability, whichever package it is in.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Vulnerability {
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub title: String,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub description: String,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub cwes: Vec<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub references: Vec<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub cvss: Vec<Cvss>,
    /// Severity by source id.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub vendor_severity: Vec<(String, Severity)>,
    /// A choice that the data made itself without saying whose it is (Trivy's `Severity`); of the least weight.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub severity: Option<Severity>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub published: Option<Timestamp>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub modified: Option<Timestamp>,
}

/// Where the date of a fix comes from, best first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum FixDateSource {
    /// The distribution's advisory carries the date.
    Advisory,
    /// When this database first had the fix.
    FirstSeen,
    /// The vulnerability's publication: the fix is no older.
    Published,
}

/// Whether there is a fix, and since when.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(tag = "state", rename_all = "kebab-case", rename_all_fields = "camelCase")]
pub enum Fix {
    /// Fixed in these versions, in the order and writing of the source; see [`Match::upgrade_to`].
    Available {
        versions: Vec<String>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        since: Option<Date>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        since_source: Option<FixDateSource>,
    },
    /// Affected, no fix yet.
    #[default]
    None,
    /// The distribution says it will not fix it.
    WontFix,
    /// The distribution put it off.
    Deferred,
    /// The package or release gets no more fixes.
    EndOfLife,
    /// The distribution has not said yet whether it is affected.
    UnderInvestigation,
}

impl Fix {
    pub fn is_available(&self) -> bool {
        matches!(self, Fix::Available { .. })
    }

    /// The fixed versions; empty when there is no fix.
    pub fn versions(&self) -> &[String] {
        match self {
            Fix::Available { versions, .. } => versions,
            _ => &[],
        }
    }
}

/// Whether a package is affected. Three outcomes, never two.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "state", rename_all = "kebab-case")]
pub enum MatchState {
    Affected,
    /// A source spoke of the package and says no; kept where it overruled another source.
    NotAffected {
        reason: String,
    },
    /// A source spoke of the package and we could not tell.
    Undecided {
        reason: String,
    },
}

/// In CISA's catalogue of known exploited vulnerabilities.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct KnownExploited {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub added: Option<Date>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub due: Option<Date>,
    #[serde(default)]
    pub ransomware: bool,
}

/// FIRST's estimate that it will be exploited within 30 days.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Epss {
    /// Probability, 0 to 1.
    pub score: f64,
    /// Share of all vulnerabilities with a score no higher, 0 to 1.
    pub percentile: f64,
}

/// One vulnerability in one source package (or language package), with every affected binary.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Match {
    /// The id to show: CVE before GHSA before the rest.
    pub id: String,
    /// Every other id of the same fault.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub aliases: Vec<String>,
    /// The distribution's advisory ids: `DSA-4535-1`, `RHSA-2019:2304`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub vendor_ids: Vec<String>,
    /// The name and version that were compared with the advisory (the source package's for dpkg and apk).
    pub name: String,
    pub version: String,
    /// Indexes into the inventory's packages: each installed package that the fault is in.
    pub packages: Vec<usize>,
    pub state: MatchState,
    pub fix: Fix,
    /// Of the fix's versions, the one for the installed branch: the lowest above the installed version.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub upgrade_to: Option<String>,
    pub severity: Severity,
    /// Whose severity it is: a source id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub severity_source: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub data_source: Option<DataSource>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub known_exploited: Option<KnownExploited>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub epss: Option<Epss>,
    pub vulnerability: Vulnerability,
    /// Set where the advisory's source files the fault as of no weight (Debian's `unimportant`): filtered and counted.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub unimportant: bool,
}

impl Match {
    /// True when `id` is one of this fault's ids, in any letter case.
    pub fn has_id(&self, id: &str) -> bool {
        self.ids().any(|known| known.eq_ignore_ascii_case(id))
    }

    /// All ids: the shown one, aliases, the vendor's.
    pub fn ids(&self) -> impl Iterator<Item = &str> {
        std::iter::once(&self.id).chain(&self.aliases).chain(&self.vendor_ids).map(String::as_str)
    }
}

/// The kinds of advisory database.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum DatabaseKind {
    /// The few notorious vulnerabilities inside the program.
    Baseline,
    /// Trivy's `trivy.db`, BoltDB schema 2.
    Trivy,
    /// Our compiled index.
    Index,
    /// A folder of OSV records, read as it is.
    Osv,
}

/// Which data the answer rests on.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct DatabaseInfo {
    pub kind: DatabaseKind,
    /// Where it was opened; the last path component only, so that reports do not depend on the machine.
    pub name: String,
    /// SHA-256 of the database's bytes or, where that would cost a read of the whole file, of its own record of itself.
    pub digest: String,
    /// When its data was gathered.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub built: Option<Timestamp>,
    #[serde(default)]
    pub advisories: u64,
}

/// Whether the data could speak of a group of packages.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "state", rename_all = "kebab-case")]
pub enum CoverageState {
    /// There is data for this distribution release or ecosystem.
    Covered,
    /// Only the embedded baseline spoke.
    BaselineOnly,
    /// There is none: nothing can be said.
    NoData { reason: String },
}

/// Coverage of one ecosystem (and release) of a subject.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Coverage {
    /// `debian 12`, `npm`, `go`.
    pub what: String,
    pub packages: usize,
    #[serde(flatten)]
    pub state: CoverageState,
    /// Names of the data sources that were asked.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub sources: Vec<String>,
}
