//! What Debian's two feeds share: the numbers of releases, and the source that records name.

use plimsoll_model::{DataSource, Family};

use crate::record::Space;

/// Code names and the numbers that images know their release by (`VERSION_ID`).
const RELEASES: &[(&str, &str)] = &[
    ("potato", "2.2"),
    ("woody", "3.0"),
    ("sarge", "3.1"),
    ("etch", "4"),
    ("lenny", "5"),
    ("squeeze", "6"),
    ("wheezy", "7"),
    ("jessie", "8"),
    ("stretch", "9"),
    ("buster", "10"),
    ("bullseye", "11"),
    ("bookworm", "12"),
    ("trixie", "13"),
    ("forky", "14"),
    ("duke", "15"),
];

/// The space of a release by its code name; `None` for `sid` and names that are not known yet.
pub(super) fn space_of(codename: &str) -> Option<Space> {
    // Security support is one line with the release it is for.
    let codename = codename.split('-').next().unwrap_or(codename);
    let (_, number) = RELEASES.iter().find(|(name, _)| *name == codename)?;
    Some(Space::Os { family: Family::Debian, release: (*number).to_owned() })
}

pub(super) fn source() -> DataSource {
    DataSource {
        id: "debian".to_owned(),
        name: "Debian Security Tracker".to_owned(),
        url: "https://security-tracker.debian.org/".to_owned(),
        base_id: None,
    }
}
