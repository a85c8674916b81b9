//! Alpine's security database, and those of Wolfi and Chainguard, which have its form (<https://secdb.alpinelinux.org>).
//! In: one document, YAML or JSON, of one repository of one release. Out: fixed versions by source package. A fixed
//! version of `0` says that no version is affected.

use plimsoll_model::{DataSource, Family};
use serde::Deserialize;
use serde_json::{Map, Value};

use super::{Feed, Record, Records, yaml};
use crate::record::{Advisory, Applies, Space, Status};

pub const JSON: Feed = Feed {
    id: "secdb",
    title: "Alpine, Wolfi and Chainguard secdb, JSON",
    url: "https://secdb.alpinelinux.org",
    wants: |name, head| name.ends_with(".json") && says_secdb(head, "\"apkurl\"") && says_secdb(head, "\"reponame\""),
    read: |name, bytes| match serde_json::from_slice(bytes) {
        Ok(value) => records_of(name, value),
        Err(error) => Records::only_bad(name, error),
    },
};

pub const YAML: Feed = Feed {
    id: "secdb-yaml",
    title: "Alpine secdb, YAML",
    url: "https://gitlab.alpinelinux.org/alpine/security/secdb",
    wants: |name, head| {
        (name.ends_with(".yaml") || name.ends_with(".yml"))
            && says_secdb(head, "\nreponame:")
            && says_secdb(head, "\npackages:")
    },
    read: |name, bytes| match std::str::from_utf8(bytes).map(|text| yaml::value(text, yaml::Scalars::Text)) {
        Ok(Ok(value)) => records_of(name, value),
        Ok(Err(error)) => Records::only_bad(name, error),
        Err(_) => Records::only_bad(name, "it is not UTF-8 text"),
    },
};

fn says_secdb(head: &[u8], word: &str) -> bool {
    head.windows(word.len()).any(|window| window == word.as_bytes())
}

#[derive(Deserialize)]
struct Secdb {
    #[serde(default)]
    distroversion: Option<String>,
    #[serde(default)]
    urlprefix: Option<String>,
    #[serde(default)]
    packages: Option<Vec<Entry>>,
}

#[derive(Deserialize)]
struct Entry {
    pkg: Package,
}

#[derive(Deserialize)]
struct Package {
    name: String,
    #[serde(default)]
    secfixes: Option<Map<String, Value>>,
}

/// Whose database it is.
fn space_of(secdb: &Secdb) -> Option<(Space, &'static str, &'static str)> {
    let os = |family: Family, release: &str| Space::Os { family, release: release.to_owned() };
    if let Some(release) = secdb.distroversion.as_deref().filter(|release| !release.is_empty()) {
        return Some((os(Family::Alpine, release.trim_start_matches('v')), "alpine", "Alpine Secdb"));
    }
    let url = secdb.urlprefix.as_deref().unwrap_or("");
    if url.contains("wolfi.dev") {
        return Some((os(Family::Wolfi, ""), "wolfi", "Wolfi Secdb"));
    }
    url.contains("cgr.dev").then(|| (os(Family::Chainguard, ""), "chainguard", "Chainguard Security Data"))
}

fn records_of(name: &str, value: Value) -> Records {
    let secdb: Secdb = match serde_json::from_value(value) {
        Ok(secdb) => secdb,
        Err(error) => return Records::only_bad(name, error),
    };
    let Some((space, id, title)) = space_of(&secdb) else {
        return Records::only_bad(name, "it says neither a release nor whose database it is");
    };
    let url = "https://secdb.alpinelinux.org/";
    let url = if id == "alpine" { url.to_owned() } else { secdb.urlprefix.clone().unwrap_or_default() };
    let source = DataSource { id: id.to_owned(), name: title.to_owned(), url, base_id: None };
    let mut out = Records { spaces: vec![space.clone()], ..Records::default() };
    for Entry { pkg } in secdb.packages.unwrap_or_default() {
        for (fixed, ids) in pkg.secfixes.unwrap_or_default() {
            // An empty list stands as null.
            let lines: Vec<&str> = match &ids {
                Value::Null => Vec::new(),
                Value::Array(lines) => lines.iter().filter_map(Value::as_str).collect(),
                Value::String(line) => vec![line],
                _ => {
                    out.bad(name, format!("{}: fixes of {fixed} are no list", pkg.name));
                    continue;
                }
            };
            for line in lines {
                for (id, vendor_ids) in ids_of(line) {
                    out.advisories.push(record(&space, &pkg.name, id, vendor_ids, &source, &fixed));
                }
            }
        }
    }
    out
}

/// The ids of a line. Beside a CVE, others (`CVE-2019-19579 XSA-306`) are names by the project's own security team;
/// without one they stand for themselves.
fn ids_of(line: &str) -> Vec<(String, Vec<String>)> {
    let is_id = |word: &&str| {
        word.starts_with(|c: char| c.is_ascii_uppercase())
            && word.contains('-')
            && word.ends_with(|c: char| c.is_ascii_alphanumeric())
            && word.contains(|c: char| c.is_ascii_digit())
    };
    let words = line.split([' ', '\t', ',']).filter(is_id);
    let (cves, others): (Vec<&str>, Vec<&str>) = words.partition(|word| word.starts_with("CVE-"));
    let owned = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect::<Vec<_>>();
    if cves.is_empty() {
        return others.into_iter().map(|id| (id.to_owned(), Vec::new())).collect();
    }
    cves.into_iter().map(|id| (id.to_owned(), owned(&others))).collect()
}

fn record(space: &Space, name: &str, id: String, vendor_ids: Vec<String>, source: &DataSource, fixed: &str) -> Record {
    Record {
        space: space.clone(),
        name: name.to_owned(),
        advisory: Advisory {
            id,
            aliases: Vec::new(),
            vendor_ids,
            source: source.clone(),
            applies: Applies::Below { fixed: Some(fixed.to_owned()) },
            status: if fixed == "0" { Status::NotAffected } else { Status::Fixed },
            severity: None,
            arches: Vec::new(),
            module: None,
            cpes: Vec::new(),
            fix_date: None,
            first_seen: None,
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "---
distroversion: v3.11
reponame: main
packages:
  - pkg:
      name: xen
      secfixes:
        4.13.0-r1:
          - CVE-2019-19579  XSA-306
          - CVE-????-????? XSA-307
        '0':
          - CVE-2020-1 (BGP)
  - pkg:
      name: ansible
      secfixes:
        1.10:
        1.20: [CVE-2020-2]
";

    fn rows(records: &Records) -> Vec<(&str, &str, &str, Status)> {
        records
            .advisories
            .iter()
            .map(|r| {
                let Applies::Below { fixed: Some(fixed) } = &r.advisory.applies else { panic!() };
                (r.name.as_str(), r.advisory.id.as_str(), fixed.as_str(), r.advisory.status)
            })
            .collect()
    }

    #[test]
    fn case_7_fixes_of_a_release_are_read_and_zero_is_not_affected() {
        assert!((YAML.wants)("v3.11/main.yaml", TEXT.as_bytes()));
        let records = (YAML.read)("main.yaml", TEXT.as_bytes());
        let mut found = rows(&records);
        found.sort_by_key(|row| (row.0, row.1));
        assert_eq!(
            found,
            [
                ("ansible", "CVE-2020-2", "1.20", Status::Fixed),
                ("xen", "CVE-2019-19579", "4.13.0-r1", Status::Fixed),
                ("xen", "CVE-2020-1", "0", Status::NotAffected),
                ("xen", "XSA-307", "4.13.0-r1", Status::Fixed),
            ]
        );
        let xen = records.advisories.iter().find(|r| r.advisory.id == "CVE-2019-19579").unwrap();
        assert_eq!(xen.advisory.vendor_ids, ["XSA-306"]);
        assert_eq!(xen.space, Space::Os { family: Family::Alpine, release: "3.11".to_owned() });
        assert_eq!(records.problems, vec![]);
    }

    #[test]
    fn wolfi_is_told_by_its_address() {
        let text = r#"{"apkurl": "{{urlprefix}}/x", "archs": ["x86_64"], "reponame": "os",
            "urlprefix": "https://packages.wolfi.dev", "packages": [{"pkg": {"name": "curl", "secfixes": {"8.4.0-r0": ["CVE-2023-38545"]}}}]}"#;
        assert!((JSON.wants)("security.json", text.as_bytes()));
        let records = (JSON.read)("security.json", text.as_bytes());
        assert_eq!(records.advisories[0].space, Space::Os { family: Family::Wolfi, release: String::new() });
        assert_eq!((JSON.read)("x.json", br#"{"packages": []}"#).problems.len(), 1);
    }
}
