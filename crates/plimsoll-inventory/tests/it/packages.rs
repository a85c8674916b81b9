//! Packages of operating systems in images.

use std::io::Read;
use std::sync::LazyLock;

use plimsoll_inventory::os::rpm::{SQLITE, sqlite_blobs};
use plimsoll_model::ProblemKind;
use proptest::prelude::*;

use crate::build::{Tar, debian, ids, image, undecided};

/// Made by `tests/fixtures/rpm/make.sh`.
fn rpm_database() -> Vec<u8> {
    static BYTES: LazyLock<Vec<u8>> = LazyLock::new(|| {
        let packed = include_bytes!("../fixtures/rpm/rpmdb.sqlite.gz");
        let mut bytes = Vec::new();
        flate2::read::GzDecoder::new(&packed[..]).read_to_end(&mut bytes).unwrap();
        bytes
    });
    BYTES.clone()
}

#[test]
fn rpm_s_sqlite_database_is_read_with_overflow_pages() {
    let output = (SQLITE.read)("rpmdb.sqlite", &rpm_database());
    assert_eq!(output.problems, []);
    let mut packages = output.packages;
    packages.sort_by(|a, b| a.name.cmp(&b.name));
    let told: Vec<_> = packages.iter().map(|p| (p.id(), p.source_version(), p.files.len())).collect();
    assert_eq!(
        told,
        [("fixture-alpha@1.2.3-4".to_owned(), "1.2.3-4", 4), ("fixture-beta@2:1.2.3-4".to_owned(), "2:1.2.3-4", 301)]
    );
    assert_eq!(packages[0].vendor.as_deref(), Some("Fixture"));
    assert_eq!(packages[0].files[0], "usr/share/alpha");
}

#[test]
fn an_rpm_database_cut_at_any_page_is_never_clean() {
    let bytes = rpm_database();
    for end in (0..bytes.len()).step_by(1024) {
        let output = (SQLITE.read)("rpmdb.sqlite", &bytes[..end]);
        assert!(!output.problems.is_empty(), "cut at {end}");
    }
}

#[test]
fn an_unfinished_write_ahead_log_is_told() {
    let release = "ID=fedora\nVERSION_ID=40\n";
    let tar = Tar::default().file("etc/os-release", release).file("usr/lib/sysimage/rpm/rpmdb.sqlite", rpm_database());
    let clean = image(vec![tar.clone().file("usr/lib/sysimage/rpm/rpmdb.sqlite-wal", "")]);
    assert_eq!(clean.problems, []);
    assert_eq!(clean.packages.len(), 2);
    let dirty = image(vec![tar.file("usr/lib/sysimage/rpm/rpmdb.sqlite-wal", "frames")]);
    assert_eq!(undecided(&dirty), [ProblemKind::UnreadableMetadata]);
}

#[test]
fn one_rpm_database_under_two_names_counts_once() {
    let tar = Tar::default()
        .file("etc/os-release", "ID=fedora\nVERSION_ID=40\n")
        .file("usr/lib/sysimage/rpm/rpmdb.sqlite", rpm_database())
        .link("var/lib/rpm", "../../usr/lib/sysimage/rpm");
    assert_eq!(image(vec![tar]).packages.len(), 2);
}

#[test]
fn distroless_control_files_are_packages_and_their_sums_are_not() {
    let tar = Tar::default()
        .file("etc/os-release", "ID=debian\nVERSION_ID=12\n")
        .file("var/lib/dpkg/status.d/base", "Package: base-files\nVersion: 12.4+deb12u5\nArchitecture: amd64\n")
        .file("var/lib/dpkg/status.d/base.md5sums", "d41d8cd98f00b204e9800998ecf8427e  etc/host.conf\n");
    let inventory = image(vec![tar]);
    assert_eq!(ids(&inventory), ["base-files@12.4+deb12u5"]);
    assert_eq!(inventory.problems, []);
    assert_eq!(inventory.distro.unwrap().version, "12");
}

#[test]
fn apk_packages_are_read_through_a_merged_usr() {
    let installed = "P:musl\nV:1.2.5-r0\nA:x86_64\no:musl\n\nP:libssl3\nV:3.3.0-r2\nA:x86_64\no:openssl\n\n";
    let tar = Tar::default()
        .file("etc/alpine-release", "3.20.0\n")
        .folder("usr/lib")
        .link("lib", "usr/lib")
        .file("lib/apk/db/installed", installed);
    let inventory = image(vec![tar]);
    assert_eq!(ids(&inventory), ["libssl3@3.3.0-r2", "musl@1.2.5-r0"]);
    assert_eq!(inventory.packages[0].source_name(), "openssl");
    assert_eq!(inventory.packages[0].location.path, "usr/lib/apk/db/installed");
    assert_eq!(inventory.problems, []);
}

#[test]
fn links_to_busybox_are_no_packages() {
    let tar =
        Tar::default().mode("bin/busybox", 0o755, "\x7fELF").link("bin/sh", "busybox").link("bin/ls", "/bin/busybox");
    let inventory = image(vec![tar]);
    assert_eq!((ids(&inventory), inventory.problems), (vec![], vec![]));
}

#[test]
fn programs_without_any_package_are_undecided() {
    let mut elf = b"\x7fELF\x02\x01\x01".to_vec();
    elf.resize(1000, 7);
    elf[16..18].copy_from_slice(&[3, 0]);
    let bare = Tar::default().mode("app", 0o755, &elf);
    assert_eq!(undecided(&image(vec![bare.clone()])), [ProblemKind::NoData]);
    // The same image, once its package database and release file were deleted on purpose.
    let robbed = debian(&[("bash", "1")]).mode("bin/bash", 0o755, &elf);
    let removal = Tar::default()
        .file("etc/.wh.debian_version", "")
        .file("etc/.wh.os-release", "")
        .file("usr/lib/.wh.os-release", "")
        .file("var/lib/dpkg/.wh.status", "");
    assert!(undecided(&image(vec![robbed, removal])).contains(&ProblemKind::NoData));
    let data = image(vec![Tar::default().file("page.html", "<p>")]);
    assert_eq!((data.distro, data.problems), (None, vec![]));
}

#[test]
fn packages_without_a_distribution_are_undecided() {
    let tar = debian(&[("bash", "1")]);
    let second = Tar::default()
        .file("etc/.wh.debian_version", "")
        .file("etc/.wh.os-release", "")
        .file("usr/lib/.wh.os-release", "");
    assert_eq!(undecided(&image(vec![tar, second])), [ProblemKind::UnknownDistro]);
}

#[test]
fn a_distribution_without_a_package_database_is_undecided() {
    let second = Tar::default().file("var/lib/.wh.dpkg", "");
    assert_eq!(undecided(&image(vec![debian(&[("bash", "1")]), second])), [ProblemKind::UnreadableMetadata]);
}

#[test]
fn a_status_file_shorter_than_its_file_lists_is_undecided() {
    let tar = debian(&[("bash", "1")])
        .file("var/lib/dpkg/info/bash.list", "/.\n")
        .file("var/lib/dpkg/info/openssl:amd64.list", "/.\n");
    let inventory = image(vec![tar]);
    assert_eq!(undecided(&inventory), [ProblemKind::UnreadableMetadata]);
    assert!(inventory.problems[0].message.contains("openssl"));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]
    #[test]
    fn a_changed_rpm_database_is_read_without_panic(changes in proptest::collection::vec((any::<usize>(), any::<u8>()), 1..8)) {
        let mut bytes = rpm_database();
        for (at, byte) in changes {
            // Half of the changes fall into the first pages, where the structure is.
            let within = if at % 2 == 0 { 8192 } else { bytes.len() };
            bytes[(at / 2) % within] = byte;
        }
        let _ = sqlite_blobs(&bytes);
    }
}
