//! What publishers write. In: the bytes of one document, or of one entry of a folder or archive. Out: records,
//! vulnerability details and problems. What it does not do: fetch, unpack or store.
//!
//! How to add a feed: one file beside this one with a `read` function, its `mod` line and its row in [`FEEDS`]. Where
//! several rows want a document, the first one reads it.

use jiff::Timestamp;
use plimsoll_model::{Epss, KnownExploited, Location, Problem, ProblemKind, Vulnerability};

use crate::record::{Advisory, Space};

pub mod alpine;
pub(crate) mod cvss;
mod debian;
pub mod debian_list;
pub mod debian_tracker;
pub mod ecosystems;
pub mod epss;
pub mod kev;
pub mod osv;
pub mod rustsec;
pub mod yaml;

/// One kind of document that we read.
pub struct Feed {
    /// Stable word, also what `db build` counts by.
    pub id: &'static str,
    /// One line for people.
    pub title: &'static str,
    pub url: &'static str,
    /// Whether a document of this name (path below the input, `/` between) and with these first bytes is its.
    pub wants: fn(name: &str, head: &[u8]) -> bool,
    pub read: fn(name: &str, bytes: &[u8]) -> Records,
}

/// Every feed, in the order of asking.
pub const FEEDS: &[Feed] = &[
    kev::FEED,
    debian_tracker::FEED,
    alpine::JSON,
    osv::JSON,
    alpine::YAML,
    osv::YAML,
    rustsec::FEED,
    debian_list::FEED,
    epss::FEED,
];

/// How many bytes of a document [`Feed::wants`] is shown.
pub const HEAD: usize = 4096;

/// No single document may be larger: Debian's tracker, the largest we know, has 80 MB, EPSS 10 MB.
pub const MAX_DOCUMENT: u64 = 512 << 20;

/// The feed whose document this is.
pub fn feed_of(name: &str, bytes: &[u8]) -> Option<&'static Feed> {
    let head = bytes.get(..HEAD).unwrap_or(bytes);
    FEEDS.iter().find(|feed| (feed.wants)(name, head))
}

/// One advisory and where it belongs. `name` is normalised by [`Space::normal_name`].
#[derive(Debug, Clone, PartialEq)]
pub struct Record {
    pub space: Space,
    pub name: String,
    pub advisory: Advisory,
}

/// What a document says.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Records {
    pub advisories: Vec<Record>,
    pub vulnerabilities: Vec<(String, Vulnerability)>,
    pub known_exploited: Vec<(String, KnownExploited)>,
    pub epss: Vec<(String, Epss)>,
    /// Spaces that it keeps a list for, even where the list is empty.
    pub spaces: Vec<Space>,
    /// When the document was published or last changed, where it says so.
    pub dated: Option<Timestamp>,
    /// Records that their publisher withdrew.
    pub withdrawn: u64,
    /// Records that are of no use here: no security advisory, or of an ecosystem that images do not hold.
    pub skipped: u64,
    pub problems: Vec<Problem>,
}

impl Records {
    /// Takes in what another document says.
    pub fn extend(&mut self, other: Records) {
        self.advisories.extend(other.advisories);
        self.vulnerabilities.extend(other.vulnerabilities);
        self.known_exploited.extend(other.known_exploited);
        self.epss.extend(other.epss);
        for space in other.spaces {
            self.cover(space);
        }
        self.dated = self.dated.max(other.dated);
        self.withdrawn += other.withdrawn;
        self.skipped += other.skipped;
        self.problems.extend(other.problems);
    }

    pub(crate) fn cover(&mut self, space: Space) {
        if !self.spaces.contains(&space) {
            self.spaces.push(space);
        }
    }

    /// A document or record that could not be read: what it would have said is not known.
    pub(crate) fn bad(&mut self, name: &str, what: impl std::fmt::Display) {
        self.problems.push(
            Problem::undecided(ProblemKind::BadAdvisory, format!("read advisory {name}: {what}"))
                .with_hint("fetch the feed again, or take the file out of it")
                .at(Location::path(name)),
        );
    }

    pub(crate) fn only_bad(name: &str, what: impl std::fmt::Display) -> Records {
        let mut records = Records::default();
        records.bad(name, what);
        records
    }
}

/// The date of an instant, as the feeds mean it: in UTC.
pub(crate) fn date_of(at: Timestamp) -> jiff::civil::Date {
    at.to_zoned(jiff::tz::TimeZone::UTC).date()
}
