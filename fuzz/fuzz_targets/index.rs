//! Our own index, with sums that fit.
#![no_main]

use std::path::Path;

use libfuzzer_sys::fuzz_target;
use plimsoll_advisories::database::index::Index;
use plimsoll_advisories::{AdvisorySource, Space};
use plimsoll_model::{Ecosystem, Family};

fuzz_target!(|data: &[u8]| {
    let _ = Index::new(data, Path::new("plimsoll.db"));
    let mut bytes = data.to_vec();
    plimsoll_fuzz::mend::index(&mut bytes);
    let Ok(index) = Index::new(bytes, Path::new("plimsoll.db")) else { return };
    let debian = Space::Os { family: Family::Debian, release: "11".into() };
    for (space, name) in [(debian, "openssl"), (Space::Language(Ecosystem::Npm), "left")] {
        let _ = (index.covers(&space), index.advisories(&space, name));
    }
    for id in ["CVE-2022-0778", "GHSA-1", "A", "zzz"] {
        let _ = (index.vulnerability(id), index.known_exploited(id), index.epss(id));
    }
    let _ = (index.problems(), index.feeds().len(), index.verify());
});
