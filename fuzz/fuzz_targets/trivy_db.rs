//! Trivy's database: bbolt's pages, buckets, and the JSON in them. Both meta pages have sums that fit.
#![no_main]

use std::path::Path;

use libfuzzer_sys::fuzz_target;
use plimsoll_advisories::database::bolt::{Bolt, BoltError};
use plimsoll_advisories::database::trivy::Trivy;
use plimsoll_advisories::{AdvisorySource, Space};
use plimsoll_model::{Ecosystem, Family};

fuzz_target!(|data: &[u8]| {
    let mut bytes = data.to_vec();
    plimsoll_fuzz::mend::bolt(&mut bytes);
    if let Ok(bolt) = Bolt::open(&bytes) {
        let mut count = 0;
        let _ = bolt.root().each(&mut |_, _| {
            count += 1;
            // Every item takes bytes of its page, and no page comes twice.
            assert!(count <= data.len());
            Ok::<(), BoltError>(())
        });
    }
    let Ok(database) = Trivy::new(bytes, Path::new("trivy.db"), None) else { return };
    let debian = Space::Os { family: Family::Debian, release: "11".into() };
    for (space, name) in [(debian, "openssl"), (Space::Language(Ecosystem::Npm), "lodash")] {
        let _ = (database.covers(&space), database.advisories(&space, name));
    }
    let _ = database.vulnerability("CVE-2022-0778");
    let _ = database.red_hat_cpes("rhel-8-for-x86_64-baseos-rpms");
    let _ = database.problems();
});
