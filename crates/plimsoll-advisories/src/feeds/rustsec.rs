//! RustSec advisories: Markdown with TOML in front (<https://github.com/rustsec/advisory-db>). In: one `.md` file. Out: one
//! advisory of a crate. Notices that a crate is unmaintained are no vulnerabilities and are counted only.

use plimsoll_model::{DataSource, Ecosystem, Vulnerability};
use serde::Deserialize;

use super::{Feed, Record, Records, cvss};
use crate::record::{Advisory, Applies, Space, Status};

pub const FEED: Feed = Feed {
    id: "rustsec",
    title: "RustSec advisories, Markdown with TOML front matter",
    url: "https://github.com/rustsec/advisory-db",
    wants: |name, head| name.ends_with(".md") && head.trim_ascii_start().starts_with(OPEN.as_bytes()),
    read,
};

const OPEN: &str = "```toml";
const CLOSE: &str = "\n```";

#[derive(Deserialize)]
struct Front {
    advisory: Head,
    versions: Versions,
}

#[derive(Deserialize)]
struct Head {
    id: String,
    package: String,
    #[serde(default)]
    date: String,
    withdrawn: Option<String>,
    informational: Option<String>,
    #[serde(default)]
    aliases: Vec<String>,
    cvss: Option<String>,
    url: Option<String>,
    #[serde(default)]
    references: Vec<String>,
}

#[derive(Deserialize)]
struct Versions {
    #[serde(default)]
    patched: Vec<String>,
    #[serde(default)]
    unaffected: Vec<String>,
}

/// Reads one advisory.
pub fn read(name: &str, bytes: &[u8]) -> Records {
    let Ok(text) = std::str::from_utf8(bytes) else { return Records::only_bad(name, "it is not UTF-8 text") };
    let parts = text.trim_start().strip_prefix(OPEN).and_then(|rest| rest.split_once(CLOSE));
    let Some((front, body)) = parts else { return Records::only_bad(name, "it has no TOML between ```toml and ```") };
    let front: Front = match toml::from_str(front) {
        Ok(front) => front,
        Err(error) => return Records::only_bad(name, error.message()),
    };
    let Front { advisory: head, versions } = front;
    if head.id == "RUSTSEC-0000-0000" {
        // The template of the repository.
        return Records::default();
    }
    let space = Space::Language(Ecosystem::Cargo);
    let mut out = Records { spaces: vec![space.clone()], ..Records::default() };
    let published = format!("{}T00:00:00Z", head.date).parse().ok();
    out.dated = published;
    if head.withdrawn.is_some() {
        out.withdrawn += 1;
        return out;
    }
    // The tools and libraries of Rust itself are no crates: their names belong to others on crates.io.
    let of_rust = name.starts_with("rust/") || name.contains("/rust/");
    if of_rust || matches!(head.informational.as_deref().map(str::trim), Some("unmaintained" | "notice")) {
        out.skipped += 1;
        return out;
    }
    let applies = if versions.patched.is_empty() && versions.unaffected.is_empty() {
        Applies::Below { fixed: None }
    } else {
        Applies::Expressions { vulnerable: Vec::new(), patched: versions.patched, unaffected: versions.unaffected }
    };
    let source = DataSource {
        id: "rustsec".to_owned(),
        name: "RustSec Advisory Database".to_owned(),
        url: "https://rustsec.org".to_owned(),
        base_id: None,
    };
    let (title, description) = body.trim_start().split_once('\n').unwrap_or((body.trim(), ""));
    let rating = head.cvss.as_deref().and_then(|vector| cvss::rating(&source.id, vector));
    let severity = rating.as_ref().and_then(cvss::severity);
    let mut references = head.references;
    references.extend(head.url);
    references.sort();
    references.dedup();
    out.vulnerabilities.push((
        head.id.clone(),
        Vulnerability {
            title: title.trim_start_matches('#').trim().to_owned(),
            description: description.trim().to_owned(),
            references,
            cvss: rating.into_iter().collect(),
            vendor_severity: severity.map(|severity| (source.id.clone(), severity)).into_iter().collect(),
            published,
            ..Vulnerability::default()
        },
    ));
    out.advisories.push(Record {
        name: space.normal_name(&head.package).into_owned(),
        space,
        advisory: Advisory {
            id: head.id,
            aliases: head.aliases,
            vendor_ids: Vec::new(),
            source,
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
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(extra: &str, versions: &str) -> String {
        format!(
            "```toml\n[advisory]\nid = \"RUSTSEC-2024-0001\"\npackage = \"Foo_bar\"\ndate = \"2024-01-02\"\n{extra}\n[versions]\n{versions}\n```\n\n# A fault\n\nWhat it is.\n"
        )
    }

    #[test]
    fn advisory_of_a_crate_is_read() {
        let extra = "aliases = [\"CVE-2024-1\"]\ncvss = \"CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H\"";
        let records = read("crates/foo_bar/x.md", text(extra, "patched = [\">= 1.2.0\"]").as_bytes());
        let [record] = &records.advisories[..] else { panic!("{records:?}") };
        assert_eq!((record.name.as_str(), record.advisory.id.as_str()), ("foo-bar", "RUSTSEC-2024-0001"));
        assert_eq!(record.advisory.aliases, ["CVE-2024-1"]);
        let (_, details) = &records.vulnerabilities[0];
        assert_eq!((details.title.as_str(), details.description.as_str()), ("A fault", "What it is."));
        assert_eq!(details.vendor_severity, [("rustsec".to_owned(), plimsoll_model::Severity::Critical)]);
    }

    #[test]
    fn crate_without_a_fix_is_affected_in_every_version() {
        let records = read("x.md", text("informational = \"unsound\"", "patched = []").as_bytes());
        assert_eq!(records.advisories[0].advisory.applies, Applies::Below { fixed: None });
    }

    #[test]
    fn case_9_withdrawn_and_unmaintained_are_counted_only() {
        let withdrawn = read("x.md", text("withdrawn = \"2024-02-02\"", "patched = []").as_bytes());
        assert_eq!((withdrawn.advisories.len(), withdrawn.withdrawn), (0, 1));
        let unmaintained = read("x.md", text("informational = \"unmaintained\"", "patched = []").as_bytes());
        assert_eq!((unmaintained.advisories.len(), unmaintained.skipped), (0, 1));
        let of_rust = read("rust/std/x.md", text("", "patched = []").as_bytes());
        assert_eq!((of_rust.advisories.len(), of_rust.skipped), (0, 1));
    }

    proptest::proptest! {
        #[test]
        fn any_text_is_read_or_refused(text in "\\PC{0,100}") {
            let _ = read("x.md", text.as_bytes());
            let _ = read("x.md", format!("```toml\n{text}\n```\n{text}").as_bytes());
        }
    }
}
