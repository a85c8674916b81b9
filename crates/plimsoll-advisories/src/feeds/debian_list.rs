//! Debian's lists of security advisories, DSA and DLA (<https://salsa.debian.org/security-tracker-team/security-tracker>,
//! `data/DSA/list`). In: one list. Out: the fixed version of each release for each CVE, with number and date of the
//! advisory. What it does not say: what is not fixed; that is in the tracker's JSON.

use jiff::civil::Date;
use jiff::tz::TimeZone;
use plimsoll_model::Vulnerability;

use super::debian::{source, space_of};
use super::{Feed, Record, Records};
use crate::record::{Advisory, Applies, Status};

pub const FEED: Feed = Feed {
    id: "debian-list",
    title: "Debian's DSA and DLA lists",
    url: "https://salsa.debian.org/security-tracker-team/security-tracker",
    wants: |_, head| {
        head.starts_with(b"[") && [&b"] DSA-"[..], b"] DLA-"].iter().any(|w| head.windows(w.len()).any(|h| h == *w))
    },
    read,
};

/// One advisory while its lines are read.
struct Notice {
    id: String,
    date: Option<Date>,
    title: String,
    cves: Vec<String>,
    /// Amends an earlier one and names no CVE: the fault is not in security.
    regression: bool,
}

/// Reads a list.
pub fn read(name: &str, bytes: &[u8]) -> Records {
    let text = String::from_utf8_lossy(bytes);
    let mut out = Records::default();
    let mut notice: Option<Notice> = None;
    for (number, line) in (1..).zip(text.lines()) {
        let place = || format!("{name}:{number}");
        if line.trim().is_empty() {
            continue;
        }
        if line.starts_with('[') {
            notice = heading(line);
            match &notice {
                None => out.bad(&place(), format!("{line:?} is no heading of an advisory")),
                Some(notice) => {
                    let at = notice.date.and_then(|d| d.to_zoned(TimeZone::UTC).ok()).map(|z| z.timestamp());
                    out.dated = out.dated.max(at);
                }
            }
            continue;
        }
        let Some(notice) = notice.as_mut() else { continue };
        let line = line.trim();
        if let Some(ids) = line.strip_prefix('{') {
            let is_cve = |id: &&str| id.starts_with("CVE-") && id.ends_with(|c: char| c.is_ascii_digit());
            notice.cves = ids.trim_end_matches('}').split_whitespace().filter(is_cve).map(str::to_owned).collect();
        } else if let Some(rest) = line.strip_prefix('[')
            && let Err(what) = fix(rest, notice, &mut out)
        {
            out.bad(&place(), what);
        }
        // Else a NOTE, for people.
    }
    out
}

/// `[29 Mar 2023] DSA-5380-1 xorg-server - security update`
fn heading(line: &str) -> Option<Notice> {
    let (date, rest) = line.strip_prefix('[')?.split_once(']')?;
    let rest = rest.trim();
    let (id, title) = rest.split_once(' ').unwrap_or((rest, ""));
    if !id.starts_with("DSA-") && !id.starts_with("DLA-") && !id.starts_with("DTSA-") && !id.starts_with("ELA-") {
        return None;
    }
    Some(Notice {
        id: id.to_owned(),
        date: Date::strptime("%d %b %Y", date.trim()).ok(),
        title: title.trim().to_owned(),
        cves: Vec::new(),
        regression: title.contains("regression"),
    })
}

/// `bullseye] - xorg-server 2:1.20.11-1+deb11u6`, or a word in angle brackets for the version.
fn fix(rest: &str, notice: &Notice, out: &mut Records) -> Result<(), String> {
    let fields = rest.split_once(']').and_then(|(release, rest)| Some((release, rest.trim().strip_prefix('-')?)));
    let Some((release, fields)) = fields else { return Err(format!("\"[{rest}\" is no line of a fix")) };
    let mut fields = fields.split_whitespace();
    let (Some(package), Some(version)) = (fields.next(), fields.next()) else {
        return Err(format!("the fix for {release} names no package and version"));
    };
    let Some(space) = space_of(release) else { return Ok(()) };
    let (fixed, status) = match version {
        "<not-affected>" => (Some("0"), Status::NotAffected),
        "<unfixed>" | "<no-dsa>" => (None, Status::Affected),
        "<ignored>" => (None, Status::WontFix),
        "<postponed>" => (None, Status::Deferred),
        "<end-of-life>" => (None, Status::EndOfLife),
        "<undetermined>" => (None, Status::Undetermined),
        word if word.starts_with('<') => return Err(format!("{word} is no state that we know")),
        version => (Some(version), Status::Fixed),
    };
    out.cover(space.clone());
    let ids = if notice.cves.is_empty() {
        if notice.regression {
            out.skipped += 1;
            return Ok(());
        }
        let details = Vulnerability { title: notice.title.clone(), ..Vulnerability::default() };
        out.vulnerabilities.push((notice.id.clone(), details));
        std::slice::from_ref(&notice.id)
    } else {
        &notice.cves
    };
    for id in ids {
        out.advisories.push(Record {
            space: space.clone(),
            name: package.to_owned(),
            advisory: Advisory {
                id: id.clone(),
                aliases: Vec::new(),
                vendor_ids: vec![notice.id.clone()],
                source: source(),
                applies: Applies::Below { fixed: fixed.map(str::to_owned) },
                status,
                severity: None,
                arches: Vec::new(),
                module: None,
                cpes: Vec::new(),
                fix_date: if status == Status::Fixed { notice.date } else { None },
                first_seen: None,
            },
        });
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "[29 Mar 2023] DSA-5380-1 xorg-server - security update
\t{CVE-2023-1393 CVE-2023-1394}
\t[bullseye] - xorg-server 2:1.20.11-1+deb11u6
\t[buster] - xorg-server <not-affected> (Vulnerable code not present)
\tNOTE: whatever
[17 Mar 2023] DSA-5356-2 sox - regression update
\t[bullseye] - sox 14.4.2+git20190427-2+deb11u2
[14 Feb 2007] DSA-1260 imagemagick
\t[sarge] - imagemagick 6:6.0.6.2-2.9
";

    #[test]
    fn fixes_become_an_advisory_for_each_cve_with_number_and_date() {
        assert!((FEED.wants)("data/DSA/list", TEXT.as_bytes()));
        let records = read("list", TEXT.as_bytes());
        let rows: Vec<_> = records
            .advisories
            .iter()
            .map(|r| (r.advisory.id.as_str(), &r.advisory.applies, r.advisory.status, r.advisory.fix_date.is_some()))
            .collect();
        let below = |v: &str| Applies::Below { fixed: Some(v.to_owned()) };
        assert_eq!(
            rows,
            [
                ("CVE-2023-1393", &below("2:1.20.11-1+deb11u6"), Status::Fixed, true),
                ("CVE-2023-1394", &below("2:1.20.11-1+deb11u6"), Status::Fixed, true),
                ("CVE-2023-1393", &below("0"), Status::NotAffected, false),
                ("CVE-2023-1394", &below("0"), Status::NotAffected, false),
                ("DSA-1260", &below("6:6.0.6.2-2.9"), Status::Fixed, true),
            ]
        );
        assert_eq!(records.advisories[0].advisory.vendor_ids, ["DSA-5380-1"]);
        assert_eq!(records.advisories[0].advisory.fix_date, Some(jiff::civil::date(2023, 3, 29)));
        assert_eq!((records.skipped, records.problems.len()), (1, 0));
    }

    #[test]
    fn line_that_is_no_fix_is_a_problem_with_its_number() {
        let records = read(
            "list",
            b"[01 Jan 2023] DSA-1-1 x - y\n\t{CVE-2023-1}\n\t[bullseye] - x\n\t[buster] - x <odd>\n[nonsense\n",
        );
        let places: Vec<_> = records.problems.iter().map(|p| p.location.clone().unwrap().path).collect();
        assert_eq!(places, ["list:3", "list:4", "list:5"]);
    }

    proptest::proptest! {
        #[test]
        fn any_text_is_read_or_refused(text in "(\\PC|\n|\t|\\[|\\]|DSA-1|\\{|<|>| - ){0,60}") {
            let _ = read("list", text.as_bytes());
        }
    }
}
