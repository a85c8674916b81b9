//! Debian's security tracker as JSON (<https://security-tracker.debian.org/tracker/data/json>). In: the one document. Out:
//! for each release and source package what Debian holds of each vulnerability, the unfixed ones included.

use std::collections::BTreeMap;

use plimsoll_model::{Severity, Vulnerability};
use serde::Deserialize;

use super::debian::{source, space_of};
use super::{Feed, Record, Records};
use crate::record::{Advisory, Applies, Status};

pub const FEED: Feed = Feed {
    id: "debian-tracker",
    title: "Debian security tracker, JSON",
    url: "https://security-tracker.debian.org/tracker/data/json",
    wants: |name, head| {
        let says = |word: &str| head.windows(word.len()).any(|window| window == word.as_bytes());
        name.ends_with("json") && says("\"releases\"") && says("\"repositories\"")
    },
    read,
};

#[derive(Deserialize)]
struct Entry {
    #[serde(default)]
    description: Option<String>,
    #[serde(default)]
    releases: BTreeMap<String, Release>,
}

#[derive(Deserialize)]
struct Release {
    status: String,
    #[serde(default)]
    fixed_version: Option<String>,
    #[serde(default)]
    urgency: Option<String>,
    #[serde(default)]
    nodsa_reason: Option<String>,
}

/// Reads the document.
pub fn read(name: &str, bytes: &[u8]) -> Records {
    let packages: BTreeMap<String, BTreeMap<String, Entry>> = match serde_json::from_slice(bytes) {
        Ok(packages) => packages,
        Err(error) => return Records::only_bad(name, error),
    };
    let mut out = Records::default();
    for (package, entries) in packages {
        for (id, entry) in entries {
            for (codename, release) in &entry.releases {
                let Some(space) = space_of(codename) else { continue };
                let (applies, status, severity) = match meaning(release) {
                    Ok(meaning) => meaning,
                    Err(what) => {
                        out.bad(name, format!("{package}, {id}, {codename}: {what}"));
                        continue;
                    }
                };
                out.cover(space.clone());
                out.advisories.push(Record {
                    space,
                    name: package.clone(),
                    advisory: Advisory {
                        id: id.clone(),
                        aliases: Vec::new(),
                        vendor_ids: Vec::new(),
                        source: source(),
                        applies,
                        status,
                        severity,
                        arches: Vec::new(),
                        module: None,
                        cpes: Vec::new(),
                        fix_date: None,
                        first_seen: None,
                    },
                });
            }
            if let Some(description) = entry.description {
                out.vulnerabilities.push((id, Vulnerability { description, ..Vulnerability::default() }));
            }
        }
    }
    out
}

/// What a release's line says. Where several of its words bear on the status, the one that says more counts: not
/// affected, then of no weight, then end of life, then what is planned.
fn meaning(release: &Release) -> Result<(Applies, Status, Option<Severity>), String> {
    let fixed = release.fixed_version.as_deref().filter(|fixed| !fixed.is_empty());
    let applies = match (release.status.as_str(), fixed) {
        ("resolved", Some(fixed)) => Applies::Below { fixed: Some(fixed.to_owned()) },
        ("resolved", None) => return Err("it is resolved by no version".to_owned()),
        ("open" | "undetermined", _) => Applies::Below { fixed: None },
        (other, _) => return Err(format!("{other:?} is no status that we know")),
    };
    let urgency = release.urgency.as_deref().unwrap_or("");
    let severity = match urgency {
        "unimportant" => Some(Severity::Low),
        word => word.trim_end_matches('*').parse().ok().filter(|severity| *severity != Severity::Unknown),
    };
    let status = match (release.status.as_str(), fixed, urgency, release.nodsa_reason.as_deref()) {
        ("resolved", Some("0"), ..) => Status::NotAffected,
        (_, _, "unimportant", _) => Status::Unimportant,
        ("resolved", ..) => Status::Fixed,
        ("undetermined", ..) => Status::Undetermined,
        (_, _, "end-of-life", _) => Status::EndOfLife,
        (_, _, _, Some("ignored")) => Status::WontFix,
        (_, _, _, Some("postponed")) => Status::Deferred,
        // `no-dsa`: it may come with the next point release.
        _ => Status::Affected,
    };
    Ok((applies, status, severity))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn one(release: &str) -> (Applies, Status, Option<Severity>) {
        let text = format!(
            r#"{{"bash": {{"CVE-2019-1": {{"description": "d", "scope": "local", "releases": {{"bookworm": {{"repositories": {{}}, {release}}}}}}}}}}}"#
        );
        assert!((FEED.wants)("debian.json", text.as_bytes()));
        let records = read("x", text.as_bytes());
        let [record] = &records.advisories[..] else { panic!("{records:?}") };
        (record.advisory.applies.clone(), record.advisory.status, record.advisory.severity)
    }

    #[test]
    fn case_6_every_status_of_the_tracker_has_its_meaning() {
        let none = Applies::Below { fixed: None };
        let below = |v: &str| Applies::Below { fixed: Some(v.to_owned()) };
        for (text, applies, status, severity) in [
            (
                r#""status": "resolved", "fixed_version": "5.2-1", "urgency": "medium**""#,
                below("5.2-1"),
                Status::Fixed,
                Some(Severity::Medium),
            ),
            (
                r#""status": "resolved", "fixed_version": "0", "urgency": "unimportant""#,
                below("0"),
                Status::NotAffected,
                Some(Severity::Low),
            ),
            (r#""status": "open", "urgency": "unimportant""#, none.clone(), Status::Unimportant, Some(Severity::Low)),
            (
                r#""status": "open", "urgency": "not yet assigned", "nodsa": "Minor issue", "nodsa_reason": """#,
                none.clone(),
                Status::Affected,
                None,
            ),
            (
                r#""status": "open", "urgency": "low", "nodsa": "x", "nodsa_reason": "ignored""#,
                none.clone(),
                Status::WontFix,
                Some(Severity::Low),
            ),
            (
                r#""status": "open", "urgency": "low", "nodsa": "x", "nodsa_reason": "postponed""#,
                none.clone(),
                Status::Deferred,
                Some(Severity::Low),
            ),
            (r#""status": "open", "urgency": "end-of-life""#, none.clone(), Status::EndOfLife, None),
            (r#""status": "undetermined", "urgency": "not yet assigned""#, none.clone(), Status::Undetermined, None),
        ] {
            assert_eq!(one(text), (applies, status, severity), "{text}");
        }
    }

    #[test]
    fn unknown_status_is_a_problem_and_sid_is_left_out() {
        let text = r#"{"a": {"CVE-1": {"releases": {"bookworm": {"status": "odd"}, "sid": {"status": "open"}}}}}"#;
        let records = read("x", text.as_bytes());
        assert_eq!((records.advisories.len(), records.problems.len()), (0, 1));
    }
}
