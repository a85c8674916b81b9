//! Trivy's database, schema 2, read in place. In: `trivy.db` (bbolt) and the `metadata.json` beside it. Out: an advisory
//! source. What it does not do: convert, cache on disk, or take a lock. The layout is that of
//! <https://github.com/aquasecurity/trivy-db>.

use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use jiff::Timestamp;
use plimsoll_model::{
    Cvss, DataSource, DatabaseInfo, DatabaseKind, Ecosystem, Epss, Family, KnownExploited, Problem, ProblemKind,
    Severity, Vulnerability,
};
use serde::Deserialize;
use sha2::{Digest, Sha256};

use super::bolt::{Bolt, BoltError, Bucket};
use super::map::map;
use crate::record::{Advisory, AdvisorySource, Applies, Space, Status};
use crate::{DatabaseError, broken, file_name};

/// The one schema that this reader knows; the publishers raise it when old readers would misread.
const SCHEMA: u64 = 2;
/// Every advisory of the database's root: some 300 lists today.
const MAX_LISTS: usize = 100_000;

/// An opened `trivy.db`, over a memory map or bytes held otherwise.
pub struct Trivy<B> {
    bytes: B,
    path: PathBuf,
    info: DatabaseInfo,
    /// Names of the root buckets, ascending.
    lists: Vec<String>,
    sources: OnceLock<HashMap<String, DataSource>>,
    problems: Vec<Problem>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Metadata {
    version: u64,
    updated_at: Option<String>,
}

/// Opens `trivy.db`, or the folder that holds it.
///
/// # Errors
/// When the file or its metadata is broken, or of another schema.
pub fn open(path: &Path) -> Result<Trivy<memmap2::Mmap>, DatabaseError> {
    let file = if path.is_dir() { path.join("trivy.db") } else { path.to_owned() };
    let metadata = match std::fs::read(file.with_file_name("metadata.json")) {
        Ok(bytes) => Some(bytes),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => None,
        Err(error) => return Err(crate::cannot_open(&file.with_file_name("metadata.json"), error)),
    };
    Trivy::new(map(&file)?, &file, metadata.as_deref())
}

impl<B: AsRef<[u8]> + Send + Sync> Trivy<B> {
    /// A database over the bytes of a file; `path` is only for words.
    ///
    /// # Errors
    /// As [`open`].
    pub fn new(bytes: B, path: &Path, metadata: Option<&[u8]>) -> Result<Trivy<B>, DatabaseError> {
        let mut problems = Vec::new();
        let mut built = None;
        match metadata {
            None => problems.push(
                Problem::note(ProblemKind::StaleData, format!("read {}: no metadata.json beside it", path.display()))
                    .with_hint("its age is not known; fetch the database with `plimsoll db update`"),
            ),
            Some(text) => {
                let metadata: Metadata = serde_json::from_slice(text)
                    .map_err(|e| broken(&path.with_file_name("metadata.json"), format!("it is no metadata: {e}")))?;
                if metadata.version != SCHEMA {
                    let advice = if metadata.version > SCHEMA { "update plimsoll" } else { "fetch a newer database" };
                    let version = metadata.version;
                    return Err(broken(path, format!("its schema is {version} and we know {SCHEMA}: {advice}")));
                }
                built = metadata.updated_at.and_then(|text| text.parse::<Timestamp>().ok());
            }
        }
        let bolt = Bolt::open(bytes.as_ref()).map_err(|e| broken(path, e.to_string()))?;
        let mut lists = Vec::new();
        bolt.root()
            .each(&mut |name, _| {
                if lists.len() >= MAX_LISTS {
                    return Err(BoltError::too_many(MAX_LISTS));
                }
                lists.push(String::from_utf8_lossy(name).into_owned());
                Ok(())
            })
            .map_err(|e: BoltError| broken(path, e.to_string()))?;
        // The file's own record of itself: reading it whole would take half a second.
        let mut digest = Sha256::new();
        digest.update((bytes.as_ref().len() as u64).to_le_bytes());
        digest.update(bytes.as_ref().get(..HEAD).unwrap_or(bytes.as_ref()));
        digest.update(metadata.unwrap_or_default());
        let info = DatabaseInfo {
            kind: DatabaseKind::Trivy,
            name: file_name(path),
            digest: format!("sha256:{}", crate::hex(&digest.finalize())),
            built,
            advisories: 0,
        };
        Ok(Trivy { bytes, path: path.to_owned(), info, lists, sources: OnceLock::new(), problems })
    }

    fn root(&self) -> Result<Bucket<'_>, DatabaseError> {
        Ok(Bolt::open(self.bytes.as_ref()).map_err(|e| self.broken(e))?.root())
    }

    fn broken(&self, what: impl std::fmt::Display) -> DatabaseError {
        broken(&self.path, what.to_string())
    }

    /// The lists of a space, ascending by name: the last one wins where two speak of one vulnerability.
    fn lists_of(&self, space: &Space) -> Vec<&str> {
        match space {
            Space::Os { family, release } => {
                let names = os_lists(family, release);
                self.lists.iter().map(String::as_str).filter(|list| names.iter().any(|name| name == list)).collect()
            }
            Space::Language(ecosystem) => {
                let Some(prefix) = prefix_of(*ecosystem) else { return Vec::new() };
                let start = self.lists.partition_point(|list| list.as_str() < prefix);
                let rest = self.lists.get(start..).unwrap_or_default();
                rest.iter().map(String::as_str).take_while(|list| list.starts_with(prefix)).collect()
            }
        }
    }

    fn source(&self, list: &str) -> Result<DataSource, DatabaseError> {
        if self.sources.get().is_none() {
            let mut sources = HashMap::new();
            if let Some(bucket) = self.root()?.bucket(b"data-source").map_err(|e| self.broken(e))? {
                bucket
                    .each(&mut |key, entry| {
                        let super::bolt::Entry::Value(value) = entry else { return Ok(()) };
                        let source: Option<Source> = serde_json::from_slice(value).map_err(|e| self.broken(e))?;
                        sources.insert(String::from_utf8_lossy(key).into_owned(), source.unwrap_or_default().into());
                        Ok(())
                    })
                    .map_err(|e: Broken| e.or(self))?;
            }
            // Another thread may have been first; both read the same.
            let _ = self.sources.set(sources);
        }
        let known = self.sources.get().and_then(|sources| sources.get(list)).cloned();
        Ok(known.unwrap_or_else(|| DataSource { name: list.to_owned(), ..DataSource::default() }))
    }

    /// Adds what one list says of a name.
    fn read_list(
        &self,
        list: &str,
        name: &str,
        os: bool,
        found: &mut BTreeMap<String, Vec<Advisory>>,
    ) -> Result<(), DatabaseError> {
        let Some(bucket) = self.root()?.bucket(list.as_bytes()).map_err(|e| self.broken(e))? else { return Ok(()) };
        let Some(package) = bucket.bucket(name.as_bytes()).map_err(|e| self.broken(e))? else { return Ok(()) };
        let source = self.source(list)?;
        package
            .each(&mut |key, entry| {
                let id = String::from_utf8_lossy(key).into_owned();
                let super::bolt::Entry::Value(value) = entry else {
                    return Err(self.broken(format!("{list}, {name}: {id} is a bucket")).into());
                };
                // A key without a value is written as null: affected, no fix known.
                let value: Option<Value> =
                    serde_json::from_slice(value).map_err(|e| self.broken(format!("{list}, {name}, {id}: {e}")))?;
                let value = value.unwrap_or_default();
                if list == RED_HAT {
                    for advisory in red_hat(&id, value, &source) {
                        found.entry(advisory.id.clone()).or_default().push(advisory);
                    }
                } else {
                    found.insert(id.clone(), plain(&id, value, &source, os));
                }
                Ok(())
            })
            .map_err(|e: Broken| e.or(self))
    }
}

/// An error of the pages or of what is in them.
enum Broken {
    Pages(BoltError),
    Content(DatabaseError),
}

impl Broken {
    fn or<B: AsRef<[u8]> + Send + Sync>(self, database: &Trivy<B>) -> DatabaseError {
        match self {
            Broken::Pages(error) => database.broken(error),
            Broken::Content(error) => error,
        }
    }
}

impl From<BoltError> for Broken {
    fn from(error: BoltError) -> Broken {
        Broken::Pages(error)
    }
}

impl From<DatabaseError> for Broken {
    fn from(error: DatabaseError) -> Broken {
        Broken::Content(error)
    }
}

/// Both meta pages of the usual page size: transaction, root and checksum change with every write.
const HEAD: usize = 8192;
const RED_HAT: &str = "Red Hat";

/// The names that a distribution's list may go by.
fn os_lists(family: &Family, release: &str) -> Vec<String> {
    let named = |name: &str| vec![format!("{name} {release}")];
    match family {
        Family::Alma => named("alma"),
        Family::Alpine => named("alpine"),
        Family::Amazon => named("amazon linux"),
        Family::AzureLinux => named("Azure Linux"),
        Family::Bottlerocket => vec!["bottlerocket".to_owned()],
        Family::CblMariner => named("CBL-Mariner"),
        Family::Chainguard => vec!["chainguard".to_owned()],
        Family::Debian => named("debian"),
        Family::MinimOs => vec!["minimos".to_owned()],
        Family::OpenSuseLeap => named("openSUSE Leap"),
        Family::OpenSuseTumbleweed => vec!["openSUSE Tumbleweed".to_owned()],
        Family::Oracle => named("Oracle Linux"),
        Family::Photon => named("Photon OS"),
        // One list for all releases: content sets choose.
        Family::RedHat | Family::CentOs => vec![RED_HAT.to_owned()],
        Family::Rocky => named("rocky"),
        Family::SuseEnterprise => named("SUSE Linux Enterprise"),
        Family::SuseMicro => {
            vec![format!("SUSE Linux Enterprise Micro {release}"), format!("SUSE Linux Micro {release}")]
        }
        Family::Ubuntu => named("ubuntu"),
        Family::Wolfi => vec!["wolfi".to_owned()],
        Family::Arch | Family::CoreOs | Family::Fedora | Family::Other(_) => Vec::new(),
    }
}

/// The beginning of the names of a language's lists.
fn prefix_of(ecosystem: Ecosystem) -> Option<&'static str> {
    Some(match ecosystem {
        Ecosystem::Bitnami => "bitnami::",
        Ecosystem::Cargo => "cargo::",
        Ecosystem::Cocoapods => "cocoapods::",
        Ecosystem::Composer => "composer::",
        Ecosystem::Conan => "conan::",
        Ecosystem::Gem => "rubygems::",
        Ecosystem::Go => "go::",
        Ecosystem::Hex => "erlang::",
        Ecosystem::Julia => "julia::",
        Ecosystem::Kubernetes => "k8s::",
        Ecosystem::Maven => "maven::",
        Ecosystem::Npm => "npm::",
        Ecosystem::Nuget => "nuget::",
        Ecosystem::Pub => "pub::",
        Ecosystem::Pypi => "pip::",
        Ecosystem::Swift => "swift::",
        Ecosystem::Apk | Ecosystem::Dpkg | Ecosystem::Rpm | Ecosystem::Conda | Ecosystem::Generic => return None,
    })
}

/// The keys that a name may have: the publisher's rule first, then ours, which is the wider one for Python.
fn keys_of(space: &Space, name: &str) -> Vec<String> {
    let Space::Language(ecosystem) = space else { return vec![name.to_owned()] };
    let key = match ecosystem {
        Ecosystem::Go | Ecosystem::Cocoapods | Ecosystem::Julia => name.to_owned(),
        Ecosystem::Pypi => name.to_lowercase().replace('_', "-"),
        Ecosystem::Swift => {
            let bare = name.trim_start_matches("https://");
            bare.strip_suffix(".git").unwrap_or(bare).to_lowercase()
        }
        _ => name.to_lowercase(),
    };
    let ours = space.normal_name(name).into_owned();
    if *ecosystem == Ecosystem::Pypi && ours != key { vec![key, ours] } else { vec![key] }
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "PascalCase", default)]
struct Value {
    fixed_version: String,
    #[serde(rename = "VendorIDs", alias = "VendorIds", deserialize_with = "list")]
    vendor_ids: Vec<String>,
    #[serde(deserialize_with = "list")]
    arches: Vec<String>,
    status: i64,
    severity: i64,
    #[serde(deserialize_with = "list")]
    vulnerable_versions: Vec<String>,
    #[serde(deserialize_with = "list")]
    patched_versions: Vec<String>,
    #[serde(deserialize_with = "list")]
    unaffected_versions: Vec<String>,
    #[serde(deserialize_with = "list")]
    entries: Vec<FixEntry>,
}

/// An entry of Oracle, Rocky or Red Hat.
#[derive(Deserialize, Default)]
#[serde(rename_all = "PascalCase", default)]
struct FixEntry {
    fixed_version: String,
    #[serde(rename = "VendorIDs", alias = "VendorIds", deserialize_with = "list")]
    vendor_ids: Vec<String>,
    #[serde(deserialize_with = "list")]
    arches: Vec<String>,
    #[serde(deserialize_with = "list")]
    affected: Vec<u32>,
    #[serde(deserialize_with = "list")]
    cves: Vec<Cve>,
    status: i64,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "PascalCase", default)]
struct Cve {
    #[serde(rename = "ID")]
    id: String,
    severity: i64,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "PascalCase", default)]
struct Source {
    #[serde(rename = "ID")]
    id: String,
    name: String,
    #[serde(rename = "URL")]
    url: String,
    #[serde(rename = "BaseID")]
    base_id: Option<String>,
}

impl From<Source> for DataSource {
    fn from(source: Source) -> DataSource {
        let base_id = source.base_id.filter(|id| !id.is_empty());
        DataSource { id: source.id, name: source.name, url: source.url, base_id }
    }
}

/// Go writes an empty list as `null`.
fn list<'de, D: serde::Deserializer<'de>, T: Deserialize<'de>>(deserializer: D) -> Result<Vec<T>, D::Error> {
    Ok(Option::<Vec<T>>::deserialize(deserializer)?.unwrap_or_default())
}

fn status_of(status: i64) -> Status {
    match status {
        1 => Status::NotAffected,
        2 => Status::Affected,
        3 => Status::Fixed,
        4 => Status::UnderInvestigation,
        5 => Status::WontFix,
        6 => Status::Deferred,
        7 => Status::EndOfLife,
        _ => Status::Unknown,
    }
}

fn advisory(id: &str, source: &DataSource, applies: Applies) -> Advisory {
    Advisory {
        id: id.to_owned(),
        aliases: Vec::new(),
        vendor_ids: Vec::new(),
        source: source.clone(),
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

fn below(fixed: String) -> Applies {
    Applies::Below { fixed: (!fixed.is_empty()).then_some(fixed) }
}

fn severity_of(rank: i64) -> Option<Severity> {
    Some(Severity::from_rank(rank)).filter(|severity| *severity != Severity::Unknown)
}

/// A value of any list but Red Hat's: one advisory, or one for each entry where architectures have fixes of their own.
fn plain(id: &str, value: Value, source: &DataSource, os: bool) -> Vec<Advisory> {
    let (status, severity) = (status_of(value.status), severity_of(value.severity));
    if !value.entries.is_empty() {
        return value
            .entries
            .into_iter()
            .map(|entry| Advisory {
                vendor_ids: entry.vendor_ids,
                arches: entry.arches,
                status,
                severity,
                ..advisory(id, source, below(entry.fixed_version))
            })
            .collect();
    }
    let expressions = !os
        || !value.vulnerable_versions.is_empty()
        || !value.patched_versions.is_empty()
        || !value.unaffected_versions.is_empty();
    let applies = if expressions {
        Applies::Expressions {
            vulnerable: value.vulnerable_versions,
            patched: value.patched_versions,
            unaffected: value.unaffected_versions,
        }
    } else {
        below(value.fixed_version)
    };
    vec![Advisory {
        vendor_ids: value.vendor_ids,
        arches: value.arches,
        status,
        severity,
        ..advisory(id, source, applies)
    }]
}

/// Red Hat's values: an advisory for each entry and CVE. The key is the vendor's advisory, or the CVE itself where
/// there is no fix.
fn red_hat(key: &str, value: Value, source: &DataSource) -> Vec<Advisory> {
    let source = DataSource {
        id: "redhat".to_owned(),
        name: if source.id.is_empty() { RED_HAT.to_owned() } else { source.name.clone() },
        url: source.url.clone(),
        base_id: None,
    };
    let mut advisories = Vec::new();
    for mut entry in value.entries {
        if entry.cves.is_empty() {
            entry.cves.push(Cve::default());
        }
        for cve in entry.cves {
            let own = cve.id.is_empty();
            let id = if own { key } else { &cve.id };
            advisories.push(Advisory {
                vendor_ids: if own { Vec::new() } else { vec![key.to_owned()] },
                status: status_of(entry.status),
                severity: severity_of(cve.severity),
                arches: entry.arches.clone(),
                cpes: entry.affected.clone(),
                ..advisory(id, &source, below(entry.fixed_version.clone()))
            });
        }
    }
    advisories
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "PascalCase", default)]
struct Details {
    title: String,
    description: String,
    severity: String,
    #[serde(rename = "CweIDs", deserialize_with = "list")]
    cwes: Vec<String>,
    vendor_severity: Option<BTreeMap<String, i64>>,
    #[serde(rename = "CVSS")]
    cvss: Option<BTreeMap<String, Rating>>,
    #[serde(deserialize_with = "list")]
    references: Vec<String>,
    published_date: Option<String>,
    last_modified_date: Option<String>,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "PascalCase", default)]
struct Rating {
    v2_vector: Option<String>,
    v3_vector: Option<String>,
    v40_vector: Option<String>,
    v2_score: Option<f64>,
    v3_score: Option<f64>,
    v40_score: Option<f64>,
}

impl From<Details> for Vulnerability {
    fn from(details: Details) -> Vulnerability {
        let ratings = details.cvss.unwrap_or_default().into_iter().map(|(source, rating)| Cvss {
            source,
            v2_vector: rating.v2_vector,
            v3_vector: rating.v3_vector,
            v40_vector: rating.v40_vector,
            v2_score: rating.v2_score,
            v3_score: rating.v3_score,
            v40_score: rating.v40_score,
        });
        let ranks = details.vendor_severity.unwrap_or_default();
        Vulnerability {
            title: details.title,
            description: details.description,
            cwes: details.cwes,
            references: details.references,
            cvss: ratings.collect(),
            vendor_severity: ranks.into_iter().map(|(source, rank)| (source, Severity::from_rank(rank))).collect(),
            severity: details.severity.parse().ok(),
            published: details.published_date.and_then(|text| text.parse().ok()),
            modified: details.last_modified_date.and_then(|text| text.parse().ok()),
        }
    }
}

impl<B: AsRef<[u8]> + Send + Sync> AdvisorySource for Trivy<B> {
    fn info(&self) -> DatabaseInfo {
        self.info.clone()
    }

    fn problems(&self) -> Vec<Problem> {
        self.problems.clone()
    }

    fn covers(&self, space: &Space) -> bool {
        !self.lists_of(space).is_empty()
    }

    fn advisories(&self, space: &Space, name: &str) -> Result<Vec<Advisory>, DatabaseError> {
        let os = matches!(space, Space::Os { .. });
        let mut found = BTreeMap::new();
        for list in self.lists_of(space) {
            for key in keys_of(space, name) {
                self.read_list(list, &key, os, &mut found)?;
            }
        }
        Ok(found.into_values().flatten().collect())
    }

    fn vulnerability(&self, id: &str) -> Result<Option<Vulnerability>, DatabaseError> {
        let Some(bucket) = self.root()?.bucket(b"vulnerability").map_err(|e| self.broken(e))? else { return Ok(None) };
        let Some(value) = bucket.value(id.as_bytes()).map_err(|e| self.broken(e))? else { return Ok(None) };
        let details: Option<Details> =
            serde_json::from_slice(value).map_err(|e| self.broken(format!("vulnerability {id}: {e}")))?;
        Ok(details.map(Vulnerability::from))
    }

    fn known_exploited(&self, _: &str) -> Result<Option<KnownExploited>, DatabaseError> {
        Ok(None)
    }

    fn epss(&self, _: &str) -> Result<Option<Epss>, DatabaseError> {
        Ok(None)
    }

    fn red_hat_cpes(&self, content_set_or_nvr: &str) -> Result<Vec<u32>, DatabaseError> {
        let Some(cpes) = self.root()?.bucket(b"Red Hat CPE").map_err(|e| self.broken(e))? else {
            return Ok(Vec::new());
        };
        for kind in [&b"repository"[..], b"nvr"] {
            let Some(bucket) = cpes.bucket(kind).map_err(|e| self.broken(e))? else { continue };
            if let Some(value) = bucket.value(content_set_or_nvr.as_bytes()).map_err(|e| self.broken(e))? {
                let indexes: Option<Vec<u32>> = serde_json::from_slice(value)
                    .map_err(|e| self.broken(format!("CPEs of {content_set_or_nvr}: {e}")))?;
                return Ok(indexes.unwrap_or_default());
            }
        }
        Ok(Vec::new())
    }
}

#[cfg(test)]
mod tests {
    use super::super::bolt::writer::{Node, Tree, file};
    use super::*;

    const METADATA: &[u8] = br#"{"Version":2,"UpdatedAt":"2026-11-20T06:00:00Z"}"#;

    /// `list > name > id = json`, one to a line.
    fn database(lines: &str) -> Trivy<Vec<u8>> {
        let mut root = Tree::new();
        for line in lines.lines().map(str::trim).filter(|line| !line.is_empty()) {
            let (path, value) = line.split_once(" = ").unwrap();
            let mut tree = &mut root;
            let parts: Vec<&str> = path.split(" > ").collect();
            let (last, buckets) = parts.split_last().unwrap();
            for part in buckets {
                let node = tree.entry(part.as_bytes().to_vec()).or_insert_with(|| Node::Bucket(Tree::new()));
                let Node::Bucket(inner) = node else { panic!("{line}") };
                tree = inner;
            }
            tree.insert(last.as_bytes().to_vec(), Node::Value(value.as_bytes().to_vec()));
        }
        Trivy::new(file(&root), Path::new("trivy.db"), Some(METADATA)).unwrap()
    }

    fn os(family: Family, release: &str) -> Space {
        Space::Os { family, release: release.to_owned() }
    }

    #[test]
    fn distribution_advisories_keep_fix_status_and_severity() {
        let db = database(
            r#"debian 9 > bash > CVE-2019-18276 = {"Severity":1,"Status":7}
               debian 9 > e2fsprogs > CVE-2019-5094 = {"FixedVersion":"1.43.4-2+deb9u1","VendorIDs":["DSA-4535-1"]}
               data-source > debian 9 = {"ID":"debian","Name":"Debian Security Tracker","URL":"https://x"}
               ubuntu 22.04 > bash > CVE-2022-3715 = {}
               CBL-Mariner 1.0 > vim > CVE-2022-0261 = null"#,
        );
        let [bash] = &db.advisories(&os(Family::Debian, "9"), "bash").unwrap()[..] else { panic!() };
        assert_eq!((bash.status, bash.severity), (Status::EndOfLife, Some(Severity::Low)));
        assert_eq!((bash.source.id.as_str(), &bash.applies), ("debian", &Applies::Below { fixed: None }));
        let [e2] = &db.advisories(&os(Family::Debian, "9"), "e2fsprogs").unwrap()[..] else { panic!() };
        assert_eq!(e2.applies, Applies::Below { fixed: Some("1.43.4-2+deb9u1".to_owned()) });
        assert_eq!(e2.vendor_ids, ["DSA-4535-1"]);
        for (space, name) in [(os(Family::Ubuntu, "22.04"), "bash"), (os(Family::CblMariner, "1.0"), "vim")] {
            assert_eq!(db.advisories(&space, name).unwrap()[0].applies, Applies::Below { fixed: None });
        }
        assert!(db.covers(&os(Family::Debian, "9")) && !db.covers(&os(Family::Debian, "12")));
        assert_eq!(db.info().built.unwrap().to_string(), "2026-11-20T06:00:00Z");
    }

    #[test]
    fn red_hat_entries_become_an_advisory_for_each_cve() {
        let db = database(
            r#"Red Hat > openssl-libs > RHSA-2019:2304 = {"Entries":[{"Affected":[859,869],"Cves":[{"ID":"CVE-2018-0734","Severity":1},{"ID":"CVE-2019-1559","Severity":2}],"FixedVersion":"1:1.0.2k-19.el7"}]}
               Red Hat > bash > CVE-2019-18276 = {"Entries":[{"Affected":[869],"Cves":[{"Severity":1}],"Arches":["x86_64"],"Status":5}]}
               Red Hat CPE > repository > rhel-7-server-rpms = [869]
               Red Hat CPE > nvr > ubi7-container-7.7-140-x86_64 = [869,870]"#,
        );
        let space = os(Family::RedHat, "7");
        let found = db.advisories(&space, "openssl-libs").unwrap();
        let ids: Vec<_> = found.iter().map(|a| (a.id.as_str(), a.severity)).collect();
        assert_eq!(ids, [("CVE-2018-0734", Some(Severity::Low)), ("CVE-2019-1559", Some(Severity::Medium))]);
        assert!(found.iter().all(|a| a.vendor_ids == ["RHSA-2019:2304"] && a.cpes == [859, 869]));
        let [bash] = &db.advisories(&os(Family::CentOs, "7"), "bash").unwrap()[..] else { panic!() };
        assert_eq!(
            (bash.id.as_str(), bash.status, &bash.arches[..]),
            ("CVE-2019-18276", Status::WontFix, &["x86_64".to_owned()][..])
        );
        assert_eq!(db.red_hat_cpes("rhel-7-server-rpms").unwrap(), [869]);
        assert_eq!(db.red_hat_cpes("ubi7-container-7.7-140-x86_64").unwrap(), [869, 870]);
        assert!(db.red_hat_cpes("unheard-of").unwrap().is_empty());
    }

    #[test]
    fn entries_with_architectures_stay_apart() {
        let db = database(
            r#"Oracle Linux 8 > curl > CVE-2019-3823 = {"FixedVersion":"7.61.1-11.el8","Entries":[{"FixedVersion":"7.61.1-11.el8","Arches":["x86_64","aarch64"],"VendorIDs":["ELSA-1"]},{"FixedVersion":"7.61.1-12.el8","Arches":["i386"]}]}
               rocky 8 > curl > CVE-1 = {"FixedVersion":"1","Entries":null}"#,
        );
        let found = db.advisories(&os(Family::Oracle, "8"), "curl").unwrap();
        let fixes: Vec<_> = found.iter().map(|a| (a.arches.len(), a.applies.clone())).collect();
        let below = |v: &str| Applies::Below { fixed: Some(v.to_owned()) };
        assert_eq!(fixes, [(2, below("7.61.1-11.el8")), (1, below("7.61.1-12.el8"))]);
        assert_eq!(db.advisories(&os(Family::Rocky, "8"), "curl").unwrap()[0].applies, below("1"));
    }

    #[test]
    fn last_list_of_a_language_wins_and_names_follow_the_publishers_rule() {
        let db = database(
            r#"pip::A > zope.interface > CVE-1 = {"VulnerableVersions":["<1"],"PatchedVersions":["1"]}
               pip::B > zope.interface > CVE-1 = {"VulnerableVersions":["<2"]}
               pip::B > zope.interface > CVE-2 = {"VulnerableVersions":["<3"]}
               pip::B > foo-bar > CVE-3 = {"VulnerableVersions":["<3"]}
               pipx::C > zope.interface > CVE-9 = {"VulnerableVersions":["<9"]}
               data-source > pip::B = {"ID":"ghsa","Name":"B","URL":""}"#,
        );
        let space = Space::Language(Ecosystem::Pypi);
        let found = db.advisories(&space, "Zope.Interface").unwrap();
        let ids: Vec<_> = found.iter().map(|a| (a.id.as_str(), a.source.id.as_str())).collect();
        assert_eq!(ids, [("CVE-1", "ghsa"), ("CVE-2", "ghsa")]);
        let Applies::Expressions { vulnerable, .. } = &found[0].applies else { panic!() };
        assert_eq!(vulnerable, &["<2"]);
        assert_eq!(db.advisories(&space, "Foo_Bar").unwrap().len(), 1);
    }

    #[test]
    fn details_of_a_vulnerability_are_read() {
        let db = database(
            r#"vulnerability > CVE-1 = {"Title":"t","Description":"d","Severity":"HIGH","CweIDs":["CWE-1"],"VendorSeverity":{"nvd":3,"debian":1},"CVSS":{"nvd":{"V3Vector":"CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:C/C:H/I:H/A:H","V3Score":10}},"References":["https://a"],"PublishedDate":"2019-01-01T00:00:00Z"}
               vulnerability > CVE-2 = null"#,
        );
        let details = db.vulnerability("CVE-1").unwrap().unwrap();
        assert_eq!(details.severity, Some(Severity::High));
        assert_eq!(details.vendor_severity, [("debian".to_owned(), Severity::Low), ("nvd".to_owned(), Severity::High)]);
        assert_eq!(details.cvss[0].v3_score, Some(10.0));
        assert!(db.vulnerability("CVE-2").unwrap().is_none() && db.vulnerability("CVE-3").unwrap().is_none());
    }

    #[test]
    fn value_that_cannot_be_read_is_an_error_and_never_none() {
        let db = database("alpine 3.9 > musl > CVE-1 = {\"FixedVersion\":7}\nvulnerability > CVE-1 = [");
        assert!(db.advisories(&os(Family::Alpine, "3.9"), "musl").unwrap_err().to_string().contains("CVE-1"));
        assert!(db.vulnerability("CVE-1").is_err());
    }

    #[test]
    fn newer_schema_is_refused_and_missing_metadata_is_said() {
        let bytes = file(&Tree::new());
        let open = |metadata: Option<&[u8]>| Trivy::new(bytes.clone(), Path::new("trivy.db"), metadata);
        let error = open(Some(br#"{"Version":3}"#)).err().unwrap().to_string();
        assert!(error.contains("schema is 3") && error.contains("update plimsoll"), "{error}");
        assert!(open(Some(b"<html>")).is_err());
        assert_eq!(open(None).unwrap().problems().len(), 1);
        assert!(open(Some(METADATA)).unwrap().problems().is_empty());
    }
}
