//! OSV records (<https://ossf.github.io/osv-schema/>), as JSON or YAML. In: one record, or a JSON list of records. Out:
//! one advisory for each affected package. A distribution's record that stands for several CVEs becomes one advisory
//! for each of them with the record as vendor id: `related` never merges two faults.

use jiff::Timestamp;
use plimsoll_model::{DataSource, Severity, Vulnerability};
use serde::Deserialize;
use serde_json::Value;

use super::ecosystems::space_of;
use super::{Feed, Record, Records, cvss, date_of, yaml};
use crate::record::{Advisory, Applies, Event, Range, RangeKind, Space, Status};

pub const JSON: Feed = Feed {
    id: "osv",
    title: "OSV records as JSON",
    url: "https://osv.dev",
    wants: |name, head| {
        // Members stand in any order, so one of three has to be near the top.
        name.ends_with(".json")
            && [&b"\"id\""[..], b"\"affected\"", b"\"schema_version\""].iter().any(|key| contains(head, key))
    },
    read: read_json,
};

pub const YAML: Feed = Feed {
    id: "osv-yaml",
    title: "OSV records as YAML",
    url: "https://osv.dev",
    wants: |name, head| {
        (name.ends_with(".yaml") || name.ends_with(".yml")) && (head.starts_with(b"id:") || contains(head, b"\nid:"))
    },
    read: read_yaml,
};

/// A record names at most some hundred CVEs and packages (kernels); their product is bounded all the same.
const MAX_ADVISORIES_OF_RECORD: usize = 100_000;

/// Who stands behind a record, by the beginning of its id. The first that fits counts.
const SOURCES: &[(&str, &str, &str, &str)] = &[
    ("GHSA-", "ghsa", "GitHub Security Advisory", "https://github.com/advisories"),
    ("PYSEC-", "pypa", "Python Packaging Advisory Database", "https://github.com/pypa/advisory-database"),
    ("GO-", "govulndb", "The Go Vulnerability Database", "https://pkg.go.dev/vuln/"),
    ("RUSTSEC-", "rustsec", "RustSec Advisory Database", "https://rustsec.org"),
    ("ALSA-", "alma", "AlmaLinux Product Errata", "https://errata.almalinux.org/"),
    ("ALBA-", "alma", "AlmaLinux Product Errata", "https://errata.almalinux.org/"),
    ("ALEA-", "alma", "AlmaLinux Product Errata", "https://errata.almalinux.org/"),
    ("RLSA-", "rocky", "Rocky Linux errata", "https://errata.rockylinux.org/"),
    ("RXSA-", "rocky", "Rocky Linux errata", "https://errata.rockylinux.org/"),
    ("DSA-", "debian", "Debian Security Tracker", "https://security-tracker.debian.org/"),
    ("DLA-", "debian", "Debian Security Tracker", "https://security-tracker.debian.org/"),
    ("DTSA-", "debian", "Debian Security Tracker", "https://security-tracker.debian.org/"),
    ("DEBIAN-", "debian", "Debian Security Tracker", "https://security-tracker.debian.org/"),
    ("ALPINE-", "alpine", "Alpine Secdb", "https://secdb.alpinelinux.org/"),
    ("USN-", "ubuntu", "Ubuntu security notices", "https://ubuntu.com/security"),
    ("LSN-", "ubuntu", "Ubuntu security notices", "https://ubuntu.com/security"),
    ("UBUNTU-", "ubuntu", "Ubuntu security notices", "https://ubuntu.com/security"),
    ("SUSE-", "suse-cvrf", "SUSE security updates", "https://www.suse.com/support/update/"),
    ("openSUSE-", "suse-cvrf", "SUSE security updates", "https://www.suse.com/support/update/"),
    ("CGA-", "chainguard", "Chainguard security advisories", "https://images.chainguard.dev/security"),
    ("BIT-", "bitnami", "Bitnami Vulnerability Database", "https://github.com/bitnami/vulndb"),
    ("MAL-", "malicious-packages", "OpenSSF malicious packages", "https://github.com/ossf/malicious-packages"),
    ("", "osv", "OSV", "https://osv.dev"),
];

#[derive(Deserialize)]
struct OsvRecord {
    id: String,
    #[serde(default)]
    summary: Option<String>,
    #[serde(default)]
    details: Option<String>,
    #[serde(default)]
    aliases: Option<Vec<String>>,
    #[serde(default)]
    related: Option<Vec<String>>,
    #[serde(default)]
    upstream: Option<Vec<String>>,
    #[serde(default)]
    published: Option<String>,
    #[serde(default)]
    modified: Option<String>,
    #[serde(default)]
    withdrawn: Option<String>,
    #[serde(default)]
    severity: Option<Vec<OsvSeverity>>,
    #[serde(default)]
    affected: Option<Vec<OsvAffected>>,
    #[serde(default)]
    references: Option<Vec<OsvReference>>,
    #[serde(default)]
    database_specific: Option<Value>,
}

#[derive(Deserialize)]
struct OsvSeverity {
    #[serde(default)]
    r#type: Option<String>,
    score: String,
}

#[derive(Deserialize)]
struct OsvReference {
    #[serde(default)]
    url: Option<String>,
}

#[derive(Deserialize)]
struct OsvAffected {
    #[serde(default)]
    package: Option<OsvPackage>,
    #[serde(default)]
    severity: Option<Vec<OsvSeverity>>,
    #[serde(default)]
    ranges: Option<Vec<OsvRange>>,
    #[serde(default)]
    versions: Option<Vec<String>>,
    #[serde(default)]
    ecosystem_specific: Option<Value>,
    #[serde(default)]
    database_specific: Option<Value>,
}

#[derive(Deserialize)]
struct OsvPackage {
    ecosystem: String,
    name: String,
}

#[derive(Deserialize)]
struct OsvRange {
    r#type: String,
    #[serde(default)]
    events: Vec<OsvEvent>,
}

/// One event; a record of before schema 1.0 may carry several in one object.
#[derive(Deserialize)]
struct OsvEvent {
    #[serde(default)]
    introduced: Option<String>,
    #[serde(default)]
    fixed: Option<String>,
    #[serde(default)]
    last_affected: Option<String>,
    #[serde(default)]
    limit: Option<String>,
}

/// Reads a JSON document: a record, or a list of records.
pub fn read_json(name: &str, bytes: &[u8]) -> Records {
    let list = bytes.iter().find(|b| !b.is_ascii_whitespace()) == Some(&b'[');
    if !list {
        return match serde_json::from_slice::<OsvRecord>(bytes) {
            Ok(record) => records_of(name, record),
            Err(error) => Records::only_bad(name, error),
        };
    }
    match serde_json::from_slice::<Vec<Value>>(bytes) {
        Ok(values) => each(name, values),
        Err(error) => Records::only_bad(name, error),
    }
}

/// Reads a YAML document: a record, or a list of records.
pub fn read_yaml(name: &str, bytes: &[u8]) -> Records {
    let Ok(text) = std::str::from_utf8(bytes) else { return Records::only_bad(name, "it is not UTF-8 text") };
    match yaml::value(text, yaml::Scalars::Text) {
        Ok(Value::Array(values)) => each(name, values),
        Ok(value) => each(name, vec![value]),
        Err(error) => Records::only_bad(name, error),
    }
}

/// One bad record does not take the others of its document with it.
fn each(name: &str, values: Vec<Value>) -> Records {
    let mut records = Records::default();
    for value in values {
        match serde_json::from_value::<OsvRecord>(value) {
            Ok(record) => records.extend(records_of(name, record)),
            Err(error) => records.bad(name, error),
        }
    }
    records
}

fn records_of(name: &str, record: OsvRecord) -> Records {
    let mut out = Records::default();
    if record.id.is_empty() {
        out.bad(name, "it has no id");
        return out;
    }
    let published = timestamp(record.published.as_deref());
    out.dated = timestamp(record.modified.as_deref()).max(published);
    let affected = record.affected.as_deref().unwrap_or_default();
    let spaces: Vec<Option<Space>> =
        affected.iter().map(|a| a.package.as_ref().and_then(|p| space_of(&p.ecosystem))).collect();
    for space in spaces.iter().flatten() {
        out.cover(space.clone());
    }
    if record.withdrawn.is_some() {
        out.withdrawn += 1;
        return out;
    }

    let source = source_of(&record.id);
    let (ids, vendor_ids) = ids_of(&record, spaces.iter().flatten().any(|s| matches!(s, Space::Os { .. })));
    if ids.is_empty() || spaces.iter().all(Option::is_none) || is_notice(affected) {
        // Bug-fix errata without a CVE; ecosystems that images do not hold; notices that a crate is unmaintained.
        out.skipped += 1;
        return out;
    }
    let distribution = !vendor_ids.is_empty() || ids.first().is_some_and(|id| *id != record.id);
    let aliases = if distribution { Vec::new() } else { record.aliases.clone().unwrap_or_default() };
    let own_severity = record_severity(&record);

    for (entry, space) in affected.iter().zip(&spaces) {
        let (Some(space), Some(package)) = (space, &entry.package) else { continue };
        if package.name.is_empty() {
            out.bad(name, format!("{} affects a package without a name", record.id));
            continue;
        }
        let applies = match applies_of(space, entry) {
            Ok(Some(applies)) => applies,
            // Commits only: nothing that a package's version could be compared with.
            Ok(None) => continue,
            Err(what) => {
                out.bad(name, format!("{}: {what}", record.id));
                continue;
            }
        };
        let (status, urgency) = urgency_of(entry);
        if out.advisories.len() + ids.len() > MAX_ADVISORIES_OF_RECORD {
            out.bad(name, format!("{} stands for more than {MAX_ADVISORIES_OF_RECORD} advisories", record.id));
            break;
        }
        let os = matches!(space, Space::Os { .. });
        for id in &ids {
            out.advisories.push(Record {
                space: space.clone(),
                name: space.normal_name(&package.name).into_owned(),
                advisory: Advisory {
                    id: id.clone(),
                    aliases: aliases.clone(),
                    vendor_ids: vendor_ids.clone(),
                    source: source.clone(),
                    applies: applies.clone(),
                    status,
                    severity: if os { urgency.or(own_severity) } else { None },
                    arches: Vec::new(),
                    module: None,
                    cpes: Vec::new(),
                    fix_date: if os && !vendor_ids.is_empty() { published.map(date_of) } else { None },
                    first_seen: None,
                },
            });
        }
    }
    let details = details_of(&record, &source, own_severity, published);
    for id in ids {
        out.vulnerabilities.push((id, details.clone()));
    }
    out
}

/// The ids that the record's advisories go by, and the vendor's. Language records go by their own id. A distribution's
/// record goes by the CVEs that it is about; one without any only counts where its kind says "security".
fn ids_of(record: &OsvRecord, distribution: bool) -> (Vec<String>, Vec<String>) {
    if !distribution || record.id.starts_with("CVE-") {
        return (vec![record.id.clone()], Vec::new());
    }
    let lists = [&record.upstream, &record.related, &record.aliases];
    let mut cves: Vec<String> =
        lists.into_iter().flatten().flatten().filter(|id| id.starts_with("CVE-")).cloned().collect();
    cves.sort();
    cves.dedup();
    // `DEBIAN-CVE-2023-1234` is the distribution's page of that CVE, no advisory of its own.
    if let Some(at) = record.id.find("-CVE-") {
        let cve = record.id.get(at + 1..).unwrap_or_default().to_owned();
        return (vec![cve], Vec::new());
    }
    if !cves.is_empty() {
        return (cves, vec![record.id.clone()]);
    }
    let bug_fix = ["ALBA-", "ALEA-", "RLBA-", "RLEA-"].iter().any(|prefix| record.id.starts_with(prefix));
    if bug_fix { (Vec::new(), Vec::new()) } else { (vec![record.id.clone()], Vec::new()) }
}

/// RustSec's notices about the state of a crate: no vulnerability.
fn is_notice(affected: &[OsvAffected]) -> bool {
    let word = |entry: &OsvAffected| {
        let specific = entry.database_specific.as_ref()?.get("informational")?.as_str()?;
        Some(matches!(specific, "unmaintained" | "notice"))
    };
    !affected.is_empty() && affected.iter().all(|entry| word(entry).unwrap_or(false))
}

fn source_of(id: &str) -> DataSource {
    let (_, id, name, url) =
        SOURCES.iter().find(|(prefix, ..)| id.starts_with(prefix)).unwrap_or(&("", "osv", "OSV", ""));
    DataSource { id: (*id).to_owned(), name: (*name).to_owned(), url: (*url).to_owned(), base_id: None }
}

/// Which versions: `Ok(None)` when the entry speaks of commits only.
fn applies_of(space: &Space, entry: &OsvAffected) -> Result<Option<Applies>, String> {
    let mut ranges = Vec::new();
    let mut commits = false;
    for range in entry.ranges.as_deref().unwrap_or_default() {
        let kind = match range.r#type.as_str() {
            "SEMVER" => RangeKind::Semver,
            "ECOSYSTEM" => RangeKind::Ecosystem,
            "GIT" => {
                commits = true;
                continue;
            }
            other => return Err(format!("range type {other:?} is not one of SEMVER, ECOSYSTEM, GIT")),
        };
        let mut events = Vec::new();
        for event in &range.events {
            events.extend(event.introduced.clone().map(Event::Introduced));
            events.extend(event.fixed.clone().map(Event::Fixed));
            events.extend(event.last_affected.clone().map(Event::LastAffected));
            events.extend(event.limit.clone().map(Event::Limit));
        }
        if events.is_empty() {
            return Err("a range without events".to_owned());
        }
        ranges.push(Range { kind, events });
    }
    let versions = entry.versions.clone().unwrap_or_default();
    if ranges.is_empty() && versions.is_empty() {
        // The schema's word for "no ranges, no versions" is every version.
        return Ok((!commits).then_some(Applies::Below { fixed: None }));
    }
    // Distributions say "below the fix": the shape that their matching rules are written for.
    if matches!(space, Space::Os { .. })
        && versions.is_empty()
        && let [Range { events, .. }] = ranges.as_slice()
    {
        match events.as_slice() {
            [Event::Introduced(zero)] if zero == "0" => return Ok(Some(Applies::Below { fixed: None })),
            [Event::Introduced(zero), Event::Fixed(fixed)] if zero == "0" => {
                return Ok(Some(Applies::Below { fixed: Some(fixed.clone()) }));
            }
            _ => {}
        }
    }
    Ok(Some(Applies::Osv { ranges, versions }))
}

/// Debian's urgency and Ubuntu's priority.
fn urgency_of(entry: &OsvAffected) -> (Status, Option<Severity>) {
    let word = entry
        .ecosystem_specific
        .iter()
        .chain(&entry.database_specific)
        .find_map(|v| v.get("urgency").or_else(|| v.get("ubuntu_priority")).or_else(|| v.get("severity")))
        .and_then(Value::as_str)
        .unwrap_or("");
    match word {
        "unimportant" => (Status::Unimportant, Some(Severity::Low)),
        "end-of-life" => (Status::EndOfLife, None),
        "" | "not yet assigned" => (Status::Unknown, None),
        word => (Status::Unknown, word.trim_end_matches('*').parse().ok()),
    }
}

/// The record's own word for its severity: a word of its database, or for errata the one before the colon of the
/// summary ("Important: openssl security update"). Malicious packages are not rated, and are as bad as can be.
fn record_severity(record: &OsvRecord) -> Option<Severity> {
    let word = record.database_specific.as_ref().and_then(|v| v.get("severity")).and_then(Value::as_str);
    if word.is_none() && record.id.starts_with("MAL-") {
        return Some(Severity::Critical);
    }
    let erratum = record.id.starts_with("AL") || record.id.starts_with("R");
    let word = word.or_else(|| {
        record.summary.as_deref().filter(|_| erratum).and_then(|s| s.split_once(':')).map(|(word, _)| word)
    });
    word.and_then(|word| word.parse().ok()).filter(|severity| *severity != Severity::Unknown)
}

fn details_of(
    record: &OsvRecord,
    source: &DataSource,
    severity: Option<Severity>,
    published: Option<Timestamp>,
) -> Vulnerability {
    let affected = record.affected.as_deref().unwrap_or_default();
    let vectors = record.severity.iter().flatten().chain(affected.iter().flat_map(|a| a.severity.iter().flatten()));
    let mut ratings: Vec<plimsoll_model::Cvss> = Vec::new();
    for vector in vectors.filter(|s| s.r#type.as_deref() != Some("Ubuntu")) {
        let Some(rating) = cvss::rating(&source.id, &vector.score) else { continue };
        if !ratings.contains(&rating) {
            ratings.push(rating);
        }
    }
    let rated = severity.or_else(|| ratings.iter().filter_map(cvss::severity).max());
    let strings = |key: &str| -> Vec<String> {
        let list = record.database_specific.as_ref().and_then(|v| v.get(key)).and_then(Value::as_array);
        list.into_iter().flatten().filter_map(Value::as_str).map(str::to_owned).collect()
    };
    let mut references: Vec<String> = record.references.iter().flatten().filter_map(|r| r.url.clone()).collect();
    references.sort();
    references.dedup();
    Vulnerability {
        title: record.summary.clone().unwrap_or_default(),
        description: record.details.clone().unwrap_or_default(),
        cwes: strings("cwe_ids"),
        references,
        cvss: ratings,
        vendor_severity: rated.map(|severity| (source.id.clone(), severity)).into_iter().collect(),
        severity: None,
        published,
        modified: timestamp(record.modified.as_deref()),
    }
}

/// The Go database writes year 1 for "not known".
fn timestamp(text: Option<&str>) -> Option<Timestamp> {
    let at: Timestamp = text?.parse().ok()?;
    (at > Timestamp::UNIX_EPOCH).then_some(at)
}

fn contains(haystack: &[u8], needle: &[u8]) -> bool {
    haystack.windows(needle.len()).any(|window| window == needle)
}

#[cfg(test)]
mod tests {
    use plimsoll_model::{Ecosystem, Family};
    use proptest::prelude::*;

    use super::*;

    fn read(value: Value) -> Records {
        read_json("x.json", value.to_string().as_bytes())
    }

    fn package(ecosystem: &str, name: &str, events: Value) -> Value {
        serde_json::json!({"package": {"ecosystem": ecosystem, "name": name},
                           "ranges": [{"type": "ECOSYSTEM", "events": events}]})
    }

    #[test]
    fn language_record_keeps_its_id_and_aliases() {
        let records = read(serde_json::json!({
            "id": "PYSEC-2023-1", "aliases": ["CVE-2023-0001", "GHSA-aaaa-bbbb-cccc"], "related": ["CVE-2023-9999"],
            "summary": "s", "modified": "2023-05-01T00:00:00Z", "published": "0001-01-01T00:00:00Z",
            "severity": [{"type": "CVSS_V3", "score": "CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H"}],
            "affected": [package("PyPI", "Foo_Bar", serde_json::json!([{"introduced": "0"}, {"fixed": "1.2"}]))]
        }));
        let [record] = records.advisories.as_slice() else { panic!("{records:?}") };
        assert_eq!(record.space, Space::Language(Ecosystem::Pypi));
        assert_eq!(record.name, "foo-bar");
        assert_eq!(record.advisory.id, "PYSEC-2023-1");
        assert_eq!(record.advisory.aliases, ["CVE-2023-0001", "GHSA-aaaa-bbbb-cccc"]);
        assert_eq!(record.advisory.source.id, "pypa");
        let (_, details) = &records.vulnerabilities[0];
        assert_eq!(details.vendor_severity, [("pypa".to_owned(), Severity::Critical)]);
        assert_eq!(details.published, None, "year 1 is no date");
    }

    #[test]
    fn case_10_multi_cve_erratum_becomes_one_advisory_for_each_cve() {
        let records = read(serde_json::json!({
            "id": "ALSA-2023:1", "summary": "Important: openssl security update", "published": "2023-02-03T00:00:00Z",
            "related": ["CVE-2023-0002", "CVE-2023-0001"],
            "affected": [package("AlmaLinux:9", "openssl", serde_json::json!([{"introduced": "0"}, {"fixed": "1:3.0-2.el9"}]))]
        }));
        let ids: Vec<_> = records.advisories.iter().map(|r| r.advisory.id.as_str()).collect();
        assert_eq!(ids, ["CVE-2023-0001", "CVE-2023-0002"]);
        for record in &records.advisories {
            assert_eq!(record.space, Space::Os { family: Family::Alma, release: "9".to_owned() });
            assert!(record.advisory.aliases.is_empty());
            assert_eq!(record.advisory.vendor_ids, ["ALSA-2023:1"]);
            assert_eq!(record.advisory.severity, Some(Severity::High));
            assert_eq!(record.advisory.applies, Applies::Below { fixed: Some("1:3.0-2.el9".to_owned()) });
            assert_eq!(record.advisory.fix_date, Some(jiff::civil::date(2023, 2, 3)));
        }
    }

    #[test]
    fn malicious_package_is_critical_though_nobody_rated_it() {
        let records = read(serde_json::json!({"id": "MAL-2024-1", "summary": "Malicious code in x",
            "affected": [{"package": {"ecosystem": "npm", "name": "x"}, "versions": ["1.0.0"]}]}));
        let (_, details) = &records.vulnerabilities[0];
        assert_eq!(details.vendor_severity, [("malicious-packages".to_owned(), Severity::Critical)]);
    }

    #[test]
    fn case_9_withdrawn_record_says_nothing() {
        let records = read(serde_json::json!({
            "id": "GHSA-1", "withdrawn": "2023-01-01T00:00:00Z",
            "affected": [package("npm", "x", serde_json::json!([{"introduced": "0"}]))]
        }));
        assert!(records.advisories.is_empty() && records.vulnerabilities.is_empty());
        assert_eq!((records.withdrawn, records.spaces.len()), (1, 1));
    }

    #[test]
    fn bug_fix_errata_and_foreign_ecosystems_are_counted_not_kept() {
        for (id, ecosystem) in [("ALBA-2021:1", "AlmaLinux:8"), ("ASB-1", "Android:14")] {
            let records = read(serde_json::json!({"id": id,
                "affected": [package(ecosystem, "x", serde_json::json!([{"introduced": "0"}]))]}));
            assert_eq!((records.advisories.len(), records.skipped, records.problems.len()), (0, 1, 0), "{id}");
        }
    }

    #[test]
    fn case_6_urgency_of_debian_becomes_status() {
        let mut entry = package("Debian:12", "bash", serde_json::json!([{"introduced": "0"}]));
        entry["ecosystem_specific"] = serde_json::json!({"urgency": "unimportant"});
        let records =
            read(serde_json::json!({"id": "DEBIAN-CVE-2019-1", "upstream": ["CVE-2019-1"], "affected": [entry]}));
        let advisory = &records.advisories[0].advisory;
        assert_eq!((advisory.id.as_str(), advisory.status), ("CVE-2019-1", Status::Unimportant));
        assert_eq!(advisory.applies, Applies::Below { fixed: None });
    }

    #[test]
    fn unreadable_record_is_a_problem_and_its_neighbours_stay() {
        let text = r#"[{"id": 7}, {"id": "GHSA-2", "affected": [{"package": {"ecosystem": "npm", "name": "x"}, "versions": ["1.0.0"]}]}]"#;
        let records = read_json("all.json", text.as_bytes());
        assert_eq!((records.advisories.len(), records.problems.len()), (1, 1));
        assert_eq!(records.problems[0].effect, plimsoll_model::ProblemEffect::Undecided);
        assert_eq!(read_yaml("x.yaml", b"id: [").problems.len(), 1);
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_or_refused(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = read_json("x.json", &bytes);
            let _ = read_yaml("x.yaml", &bytes);
        }
    }
}
