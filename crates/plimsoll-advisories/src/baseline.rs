//! The embedded baseline: a few notorious vulnerabilities, written by hand from public facts, so that the first command
//! says something true with no network. In: `data/baseline.txt`, whose head explains its lines. Out: an advisory source
//! that is read at first use. What it does not do: stand for a database; a report that rests on it says so.

use std::sync::OnceLock;

use jiff::civil::Date;
use jiff::tz::TimeZone;
use plimsoll_model::{
    DataSource, DatabaseInfo, DatabaseKind, KnownExploited, Problem, ProblemKind, Severity, Vulnerability,
};
use sha2::{Digest, Sha256};

use crate::database::memory::Memory;
use crate::feeds::{Record, Records, cvss, ecosystems::space_of};
use crate::record::{Advisory, AdvisorySource, Applies, Event, Range, RangeKind, Space, Status};

const TEXT: &str = include_str!("../data/baseline.txt");

/// The baseline. Every call gives the same data; it is parsed once for each process.
pub fn baseline() -> Box<dyn AdvisorySource> {
    static PARSED: OnceLock<Records> = OnceLock::new();
    let records = PARSED.get_or_init(|| parse(TEXT));
    let info = DatabaseInfo {
        kind: DatabaseKind::Baseline,
        name: "baseline".to_owned(),
        digest: format!("sha256:{}", crate::hex(&Sha256::digest(TEXT))),
        built: records.dated,
        advisories: 0,
    };
    Box::new(Memory::new(records.clone(), info))
}

/// One vulnerability while its lines are read.
#[derive(Default)]
struct Entry {
    ids: Vec<String>,
    details: Vulnerability,
    severity: Severity,
    exploited: Option<Date>,
    records: Vec<(Space, String, Applies)>,
}

/// Reads the text; a line that cannot be read is a problem that names its number.
pub fn parse(text: &str) -> Records {
    let mut records = Records::default();
    let mut entry: Option<Entry> = None;
    for (number, line) in (1..).zip(text.lines()) {
        if line.trim().is_empty() || line.starts_with('#') {
            continue;
        }
        let result = match line.strip_prefix("  ") {
            None => {
                finish(entry.take(), &mut records);
                heading(line, &mut records).map(|new| entry = new)
            }
            Some(field) => match entry.as_mut() {
                Some(entry) => read_field(entry, field),
                None => Err("a field before the first id".to_owned()),
            },
        };
        if let Err(what) = result {
            let message = format!("read the baseline, line {number}: {what}");
            records.problems.push(Problem::undecided(ProblemKind::BadAdvisory, message));
        }
    }
    finish(entry, &mut records);
    records
}

/// `date 2026-11-01`, or the ids of an entry, the shown one first.
fn heading(line: &str, records: &mut Records) -> Result<Option<Entry>, String> {
    if let Some(date) = line.strip_prefix("date ") {
        let date = date.parse::<Date>().map_err(|e| e.to_string())?;
        records.dated = Some(midnight(date)?);
        return Ok(None);
    }
    let ids: Vec<String> = line.split(' ').map(str::to_owned).collect();
    if ids.iter().any(|id| !id.starts_with(|c: char| c.is_ascii_uppercase()) || !id.contains('-')) {
        return Err(format!("{line:?} is no list of ids"));
    }
    Ok(Some(Entry { ids, ..Entry::default() }))
}

fn read_field(entry: &mut Entry, field: &str) -> Result<(), String> {
    let (key, rest) = field.split_once(' ').ok_or("a field without a value")?;
    match key {
        "title" => entry.details.title = rest.to_owned(),
        "about" => entry.details.description = rest.to_owned(),
        "severity" => entry.severity = rest.parse().map_err(|e: plimsoll_model::SeverityError| e.to_string())?,
        "cvss" => entry.details.cvss.push(cvss::rating("nvd", rest).ok_or("not a CVSS vector")?),
        "cwe" => entry.details.cwes = rest.split(' ').map(str::to_owned).collect(),
        "see" => entry.details.references.push(rest.to_owned()),
        "published" => entry.details.published = Some(midnight(rest.parse().map_err(|_| "not a date")?)?),
        "exploited" => entry.exploited = Some(rest.parse().map_err(|_| "not a date")?),
        "affects" => {
            let (space, name, expression) = package(rest)?;
            let applies = ranges(&space, expression)?;
            entry.records.push((space, name, applies));
        }
        other => return Err(format!("no field is called {other:?}")),
    }
    Ok(())
}

/// `Ecosystem:release name expression`; the ecosystem as OSV names it, without the spaces that some have.
fn package(text: &str) -> Result<(Space, String, &str), String> {
    let mut parts = text.splitn(3, ' ');
    let (Some(ecosystem), Some(name), Some(expression)) = (parts.next(), parts.next(), parts.next()) else {
        return Err("an affected package needs ecosystem, name and versions".to_owned());
    };
    let space = space_of(ecosystem).ok_or_else(|| format!("no ecosystem is called {ecosystem:?}"))?;
    let name = space.normal_name(name).into_owned();
    Ok((space, name, expression))
}

/// `<2.15.0`, `>=2.0 <2.3.1, >=2.4 <2.12.2`, `>=5.6.0 <=5.6.1`, `=3.3.6, =4.0.0`, `*` for every version.
fn ranges(space: &Space, expression: &str) -> Result<Applies, String> {
    if expression == "*" {
        return Ok(Applies::Below { fixed: None });
    }
    if let (Space::Os { .. }, Some(fixed)) = (space, expression.strip_prefix('<'))
        && !fixed.contains([' ', '=', ','])
    {
        return Ok(Applies::Below { fixed: Some(fixed.to_owned()) });
    }
    let (mut all, mut versions) = (Vec::new(), Vec::new());
    for part in expression.split(", ") {
        if let Some(version) = part.strip_prefix('=') {
            versions.push(version.to_owned());
            continue;
        }
        let mut events = Vec::new();
        for bound in part.split(' ') {
            events.push(if let Some(version) = bound.strip_prefix(">=") {
                Event::Introduced(version.to_owned())
            } else if let Some(version) = bound.strip_prefix("<=") {
                Event::LastAffected(version.to_owned())
            } else if let Some(version) = bound.strip_prefix('<') {
                Event::Fixed(version.to_owned())
            } else {
                return Err(format!("{bound:?} is no bound (>=, <, <=, =)"));
            });
        }
        if !matches!(events.first(), Some(Event::Introduced(_))) {
            events.insert(0, Event::Introduced("0".to_owned()));
        }
        // As OSV's feeds do: these three ecosystems are semantic versions, the rest go by orders of their own.
        let semver = matches!(
            space,
            Space::Language(
                plimsoll_model::Ecosystem::Go | plimsoll_model::Ecosystem::Npm | plimsoll_model::Ecosystem::Cargo
            )
        );
        all.push(Range { kind: if semver { RangeKind::Semver } else { RangeKind::Ecosystem }, events });
    }
    Ok(Applies::Osv { ranges: all, versions })
}

fn finish(entry: Option<Entry>, records: &mut Records) {
    let Some(entry) = entry else { return };
    let Some((id, aliases)) = entry.ids.split_first() else { return };
    let source = DataSource {
        id: "baseline".to_owned(),
        name: "Plimsoll's embedded baseline".to_owned(),
        url: String::new(),
        base_id: None,
    };
    for (space, name, applies) in entry.records {
        records.cover(space.clone());
        records.advisories.push(Record {
            space,
            name,
            advisory: Advisory {
                id: id.clone(),
                aliases: aliases.to_vec(),
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
            },
        });
    }
    let mut details = entry.details;
    details.vendor_severity = vec![("baseline".to_owned(), entry.severity)];
    for id in &entry.ids {
        records.vulnerabilities.push((id.clone(), details.clone()));
    }
    if let Some(added) = entry.exploited {
        let known = KnownExploited { added: Some(added), due: None, ransomware: false };
        records.known_exploited.push((id.clone(), known));
    }
}

fn midnight(date: Date) -> Result<jiff::Timestamp, String> {
    date.to_zoned(TimeZone::UTC).map(|at| at.timestamp()).map_err(|e| e.to_string())
}

#[cfg(test)]
mod tests {
    use plimsoll_model::Ecosystem;

    use super::*;

    #[test]
    fn every_entry_is_whole() {
        let records = parse(TEXT);
        assert_eq!(records.problems, vec![]);
        assert!(records.dated.is_some());
        for (id, details) in &records.vulnerabilities {
            assert!(!details.title.is_empty() && !details.description.is_empty(), "{id}");
            assert!(details.published.is_some(), "{id}");
            assert!(details.vendor_severity.iter().all(|(_, s)| *s > Severity::Unknown), "{id}");
            assert!(details.references.iter().all(|r| r.starts_with("https://")), "{id}");
            assert!(records.advisories.iter().any(|r| r.advisory.id == *id || r.advisory.aliases.contains(id)), "{id}");
            for rating in &details.cvss {
                let level = cvss::severity(rating).unwrap_or_default();
                let said = details.vendor_severity.first().map(|(_, s)| *s);
                assert_eq!(Some(level), said, "{id}: the word and the vector differ");
            }
        }
        let mut ids: Vec<&String> = records.vulnerabilities.iter().map(|(id, _)| id).collect();
        ids.sort();
        let count = ids.len();
        ids.dedup();
        assert_eq!(ids.len(), count, "an id stands twice");
    }

    #[test]
    fn log4shell_is_found_by_its_coordinates() {
        let source = baseline();
        let space = Space::Language(Ecosystem::Maven);
        let found = source.advisories(&space, "org.apache.logging.log4j:log4j-core").unwrap();
        assert!(found.iter().any(|a| a.id == "CVE-2021-44228"));
        assert!(source.known_exploited("CVE-2021-44228").unwrap().is_some());
        assert_eq!(source.info().kind, DatabaseKind::Baseline);
        assert!(source.info().built.is_some());
    }

    #[test]
    fn a_bad_line_is_a_problem_with_its_number() {
        let records = parse("CVE-2000-1\n  title x\n  colour red\n  affects Nowhere x <1\n");
        let said: Vec<_> = records.problems.iter().map(|p| p.message.as_str()).collect();
        assert!(said[0].contains("line 3") && said[1].contains("line 4"), "{said:?}");
    }

    proptest::proptest! {
        #[test]
        fn any_text_is_read_or_refused(text in "(\\PC|\n|  ){0,200}") {
            let _ = parse(&text);
        }
    }
}
