//! An OSV record against a package: ranges, lists of versions, every ecosystem.
#![no_main]

use libfuzzer_sys::fuzz_target;
use plimsoll_advisories::database::memory::Memory;
use plimsoll_advisories::feeds::osv;
use plimsoll_advisories::{AdvisorySource, Space, match_packages};
use plimsoll_model::{DatabaseInfo, DatabaseKind, Distro, Family, Inventory, Package};

// First line: version of the package; the rest: the record, whose packages are all installed in that version.
fuzz_target!(|data: &[u8]| {
    let [version, record] = plimsoll_fuzz::lines(data);
    let records = osv::read_json("a.json", record.as_bytes());
    let mut inventory = Inventory::default();
    for record in records.advisories.iter().take(4) {
        let ecosystem = match &record.space {
            Space::Language(ecosystem) => *ecosystem,
            Space::Os { family, release } => {
                inventory.distro = Some(Distro {
                    family: family.clone(),
                    version: release.clone(),
                    pretty_name: None,
                    advisory_release: None,
                    content_sets: Vec::new(),
                });
                match family {
                    Family::Alpine => plimsoll_model::Ecosystem::Apk,
                    Family::Debian | Family::Ubuntu => plimsoll_model::Ecosystem::Dpkg,
                    _ => plimsoll_model::Ecosystem::Rpm,
                }
            }
        };
        inventory.packages.push(Package::new(ecosystem, "fuzz", record.name.clone(), version));
    }
    let info =
        DatabaseInfo { kind: DatabaseKind::Osv, name: "a".into(), digest: String::new(), built: None, advisories: 1 };
    let database = Memory::new(records, info);
    let matched = match_packages(&inventory, &[&database as &dyn AdvisorySource], jiff::Timestamp::UNIX_EPOCH);
    assert!(matched.matches.len() <= 64 + data.len());
});
