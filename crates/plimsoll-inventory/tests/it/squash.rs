//! Layers put on one another, and what images ship besides packages.

use plimsoll_inventory::{Inspector, Limits, Options, TreeKind, catalogue_image, catalogue_tree};
use plimsoll_model::{
    ExecutableKind, FileFactKind, Finding, HistoryEntry, ImageConfig, Location, ProblemKind, Severity,
};

use crate::build::{
    DEBIAN, Folder, Tar, debian, gzip, honest, ids, image, image_with, promised, sha256, status, undecided,
};

#[test]
fn the_same_image_gives_the_same_packages_however_it_is_stored() {
    let tar = debian(&[("libssl3", "3.0.11-1"), ("zlib1g", "1:1.2.13")])
        .file("app/package.json", r#"{"name":"a","version":"1.0.0"}"#);
    let bytes = tar.clone().end();
    let layout = image(vec![tar]);
    let zstd =
        catalogue_image(None, vec![honest(zstd::encode_all(&bytes[..], 1).unwrap(), &bytes)], &Options::default());
    // A docker archive: plain tar, no digest of its own, diff id from the configuration.
    let config = ImageConfig { diff_ids: vec![sha256(&bytes)], ..ImageConfig::default() };
    let archive = catalogue_image(Some(config), vec![promised(bytes, None, None)], &Options::default());
    let rootfs = Folder::default()
        .file("app/package.json", r#"{"name":"a","version":"1.0.0"}"#)
        .file("etc/debian_version", "12.5\n")
        .link("etc/os-release", "../usr/lib/os-release")
        .file("usr/lib/os-release", DEBIAN)
        .file("var/lib/dpkg/status", status(&[("libssl3", "3.0.11-1"), ("zlib1g", "1:1.2.13")]));
    let rootfs = catalogue_tree(&rootfs, TreeKind::Rootfs, &Options::default());
    for inventory in [&layout, &zstd, &archive, &rootfs] {
        assert!(ids(inventory).contains(&"libssl3@3.0.11-1".to_owned()));
        assert_eq!(ids(inventory), ids(&layout));
        assert_eq!(inventory.distro.as_ref().unwrap().to_string(), "debian 12.5");
        assert_eq!(inventory.problems, []);
    }
    assert_eq!(layout.packages[0].location.layer, Some(0));
    assert_eq!(rootfs.packages[0].location.layer, None);
}

#[test]
fn what_a_later_layer_removed_or_replaced_is_wasted_and_not_seen() {
    let first = debian(&[("curl", "1"), ("bash", "2")]).file("app/secret", "hello").file("app/keep", "x");
    let second = Tar::default().file("app/.wh.secret", "").file("var/lib/dpkg/status", status(&[("bash", "2")]));
    let inventory = image(vec![first, second]);
    assert_eq!(ids(&inventory), ["bash@2"]);
    let wasted: Vec<_> =
        inventory.wasted.iter().map(|w| (w.location.path.as_str(), w.hidden_by_layer, w.removed)).collect();
    assert_eq!(wasted, [("app/secret", 1, true), ("var/lib/dpkg/status", 1, false)]);
}

#[test]
fn a_package_knows_the_first_layer_that_had_it() {
    let second = Tar::default().file("var/lib/dpkg/status", status(&[("bash", "2"), ("curl", "1")]));
    let third = Tar::default().file("var/lib/dpkg/status", status(&[("bash", "3"), ("curl", "1")]));
    let inventory = image(vec![debian(&[("bash", "2")]), second, third]);
    let layers: Vec<_> = inventory.packages.iter().map(|p| (p.id(), p.location.layer.unwrap())).collect();
    assert_eq!(layers, [("bash@3".to_owned(), 2), ("curl@1".to_owned(), 1)]);
}

#[test]
fn an_opaque_folder_takes_the_database_of_lower_layers_away() {
    let second =
        Tar::default().file("var/lib/dpkg/.wh..wh..opq", "").file("var/lib/dpkg/status", status(&[("new", "1")]));
    let inventory = image(vec![debian(&[("old", "1")]).file("var/lib/dpkg/info/old.list", "/.\n"), second]);
    assert_eq!(ids(&inventory), ["new@1"]);
    assert_eq!(inventory.problems, []);
}

#[test]
fn a_database_behind_a_link_under_another_name_is_read() {
    let tar = Tar::default()
        .file("etc/debian_version", "12.5\n")
        .file("data/words", status(&[("bash", "2")]))
        .file("data/release", DEBIAN)
        .link("etc/os-release", "/data/release")
        .link("var/lib/dpkg/status", "../../../data/words");
    let inventory = image(vec![tar]);
    assert_eq!(ids(&inventory), ["bash@2"]);
    assert_eq!(inventory.distro.unwrap().to_string(), "debian 12.5");
    assert_eq!(inventory.problems, []);
    let linked = Tar::default()
        .file("data/words", DEBIAN)
        .file("x", status(&[("bash", "2")]))
        .hard_link("etc/os-release", "data/words")
        .hard_link("var/lib/dpkg/status", "x");
    let inventory = image(vec![linked]);
    assert_eq!((ids(&inventory), inventory.problems), (vec!["bash@2".to_owned()], vec![]));
}

#[test]
fn a_file_with_two_names_is_one_package() {
    let manifest = r#"{"name":"left-pad","version":"1.3.0"}"#;
    let tar = Tar::default()
        .file("a/node_modules/left-pad/package.json", manifest)
        .hard_link("b/node_modules/left-pad/package.json", "a/node_modules/left-pad/package.json")
        .link("c", "a");
    assert_eq!(ids(&image(vec![tar])), ["left-pad@1.3.0"]);
    // The second name alone is wanted, and the first was not kept.
    let tar = Tar::default().file("a/data", manifest).hard_link("b/node_modules/left-pad/package.json", "a/data");
    assert_eq!(ids(&image(vec![tar])), ["left-pad@1.3.0"]);
}

#[test]
fn packages_of_the_distribution_own_language_packages_through_a_merged_usr() {
    let owned = "Metadata-Version: 2.1\nName: six\nVersion: 1.16.0\n\n";
    let upgraded = "Metadata-Version: 2.1\nName: six\nVersion: 1.17.0\n\n";
    let list = "/.\n/lib\n/lib/python3/dist-packages/six-1.16.0.dist-info/METADATA\n";
    let tar = debian(&[("python3-six", "1.16.0-4")])
        .link("lib", "usr/lib")
        .file("usr/lib/python3/dist-packages/six-1.16.0.dist-info/METADATA", owned)
        .file("usr/local/lib/python3.11/site-packages/six-1.17.0.dist-info/METADATA", upgraded)
        .file("var/lib/dpkg/info/python3-six.list", list);
    let inventory = image(vec![tar.clone()]);
    let owners: Vec<_> = inventory.packages.iter().map(|p| (p.id(), p.owned_by.as_deref())).collect();
    assert_eq!(
        owners,
        [
            ("python3-six@1.16.0-4".to_owned(), None),
            ("six@1.16.0".to_owned(), Some("python3-six")),
            ("six@1.17.0".to_owned(), None)
        ]
    );
    assert!(inventory.packages.iter().all(|package| package.files.is_empty()));
    let inventory = image_with(vec![tar], &Options { package_files: true, ..Options::default() });
    assert_eq!(inventory.packages[0].files.len(), 2);
}

#[test]
fn executables_are_listed_with_their_digests_and_can_be_left_out() {
    let mut elf = b"\x7fELF\x02\x01\x01".to_vec();
    elf.resize(300_000, 7);
    elf[16..18].copy_from_slice(&[3, 0]);
    let tar = Tar::default()
        .mode("bin/tool", 0o4755, &elf)
        .file("lib/no-mode.so", &elf)
        .mode("bin/run", 0o755, "#!/bin/sh\n")
        .file("doc/run", "#!/bin/sh\n")
        .hard_link("bin/other", "bin/tool");
    let inventory = image(vec![tar.clone()]);
    let listed: Vec<_> = inventory.executables.iter().map(|e| (e.location.path.as_str(), e.kind, e.mode)).collect();
    use ExecutableKind::{Elf, Script};
    assert_eq!(
        listed,
        [
            ("bin/other", Elf, 0o4755),
            ("bin/run", Script, 0o755),
            ("bin/tool", Elf, 0o4755),
            ("lib/no-mode.so", Elf, 0o644)
        ]
    );
    assert_eq!(inventory.executables[2].sha256, sha256(&elf));
    assert!(inventory.files.iter().any(|fact| fact.kind == FileFactKind::Setuid && fact.location.path == "bin/tool"));
    let none = image_with(vec![tar], &Options { executables: false, ..Options::default() });
    assert_eq!(none.executables, []);
}

#[test]
fn a_secret_that_a_later_layer_deletes_is_still_found_and_says_so() {
    let wants = |path: &str, _: u64| path.ends_with(".env");
    let inspect = |_: &str, bytes: &[u8]| {
        let found = bytes.starts_with(b"TOKEN");
        let finding = Finding {
            rule: "secret".into(),
            severity: Severity::High,
            message: "a token".into(),
            remedy: None,
            locations: vec![Location::line("", 1)],
            measure: None,
            fix: None,
        };
        found.then_some(finding).into_iter().collect()
    };
    let inspectors = [Inspector { wants: &wants, inspect: &inspect }];
    let options = Options { inspectors: &inspectors, ..Options::default() };
    let layers =
        vec![Tar::default().file("a.env", "TOKEN=1").file("b.env", "TOKEN=2"), Tar::default().file(".wh.a.env", "")];
    let inventory = image_with(layers, &options);
    let found: Vec<_> = inventory
        .content_findings
        .iter()
        .map(|f| (f.locations[0].path.as_str(), f.locations[0].layer, f.message.as_str()))
        .collect();
    assert_eq!(found[0], ("b.env", Some(0), "a token"));
    assert_eq!((found[1].0, found[1].1), ("a.env", Some(0)));
    assert!(found[1].2.contains("layer 1 has deleted the file, but layer 0 still ships it"), "{}", found[1].2);
    assert_eq!(inventory.content_findings[0].locations[0].line, Some(1));
}

#[test]
fn layers_know_the_instruction_that_made_them() {
    let step =
        |by: &str, empty_layer| HistoryEntry { created_by: Some(by.into()), empty_layer, ..HistoryEntry::default() };
    let config = ImageConfig {
        history: vec![step("ADD", false), step("ENV", true), step("RUN", false)],
        ..ImageConfig::default()
    };
    let tar = Tar::default().file("x", "1").end();
    let layers = vec![honest(tar.clone(), &tar), honest(gzip(&tar), &tar)];
    let inventory = catalogue_image(Some(config), layers, &Options::default());
    let by: Vec<_> = inventory.layers.iter().map(|layer| layer.created_by.as_deref().unwrap()).collect();
    assert_eq!(by, ["ADD", "RUN"]);
    assert_eq!(inventory.layers[1].unpacked_size, tar.len() as u64);
    assert_eq!(inventory.total_file_bytes, 2);
}

#[test]
fn any_number_of_threads_gives_the_same_inventory() {
    let layers = || {
        (0..6)
            .map(|i| debian(&[("bash", &format!("{i}")), ("curl", "1")]).file(&format!("f{i}"), "x"))
            .collect::<Vec<_>>()
    };
    let one = image_with(layers(), &Options { threads: 1, ..Options::default() });
    let many = image_with(layers(), &Options { threads: 6, ..Options::default() });
    assert_eq!(one, many);
}

#[test]
fn long_and_sparse_names_are_read() {
    let folder = "very-long-folder-name/".repeat(12);
    let manifest = r#"{"name":"x","version":"1.0.0"}"#;
    let path = format!("{folder}node_modules/x/package.json");
    let pax = Tar::default().pax(&[("path", &path)]).file("short", manifest);
    let gnu = Tar::default()
        .raw("././@LongLink", b'L', 0o644, "", path.len() as u64 + 1, format!("{path}\0").as_bytes())
        .file("short", manifest);
    // Pax sparse 1.0: the map stands before the data; the name in the header is a placeholder.
    let mut stored = b"1\n0\n30\n".to_vec();
    stored.resize(512, 0);
    stored.extend_from_slice(manifest.as_bytes());
    let records = [
        ("GNU.sparse.major", "1"),
        ("GNU.sparse.minor", "0"),
        ("GNU.sparse.name", path.as_str()),
        ("GNU.sparse.realsize", "30"),
    ];
    let sparse = Tar::default().pax(&records).file("GNUSparseFile.0/x", &stored);
    let old = {
        let records = [("path", path.as_str()), ("GNU.sparse.size", "30"), ("GNU.sparse.map", "0,10,10,20")];
        Tar::default().pax(&records).file("x", manifest)
    };
    for tar in [pax, gnu, sparse, old] {
        let inventory = image(vec![tar]);
        assert_eq!(inventory.problems, []);
        assert_eq!(ids(&inventory), ["x@1.0.0"]);
        assert_eq!(inventory.packages[0].location.path, path);
    }
}

#[test]
fn a_program_too_large_to_hold_is_fetched_again_when_it_has_a_marker() {
    use plimsoll_inventory::{ReadOutput, Reader, Scope};
    use plimsoll_model::{Ecosystem, Package};
    static READER: Reader = Reader {
        id: "marked",
        what: "marked program",
        ecosystem: Ecosystem::Generic,
        scope: Scope::Image,
        wants: |candidate| candidate.is_elf(),
        markers: &[b"MARKER"],
        companion: None,
        max_size: 1 << 20,
        read: |input| {
            ReadOutput::of(vec![Package::new(Ecosystem::Generic, "marked", "found", input.bytes.len().to_string())])
        },
    };
    let mut elf = b"\x7fELF\x02\x01\x01".to_vec();
    elf.resize(600_000, 7);
    elf[16..18].copy_from_slice(&[2, 0]);
    let plain = elf.clone();
    // Across the border of two chunks of the pipe, behind a header of 512 bytes each.
    elf[262_144 - 515..262_144 - 509].copy_from_slice(b"MARKER");
    let limits = Limits { held: 1000, ..Limits::default() };
    let options = Options { readers: &[&READER], limits, ..Options::default() };
    let inventory = image_with(vec![Tar::default().file("big", &elf), Tar::default().file("plain", &plain)], &options);
    assert_eq!(ids(&inventory), ["found@600000"]);
    assert_eq!(inventory.problems, []);
    assert_eq!(inventory.packages[0].location, Location::in_layer("big", 0));
}

#[test]
fn links_that_loop_end_and_are_told() {
    let tar = debian(&[("bash", "1")]).link("a", "b").link("b", "a").file("a/x", "1");
    let inventory = image(vec![tar]);
    assert_eq!(undecided(&inventory), [ProblemKind::BrokenArchive]);
    assert_eq!(ids(&inventory), ["bash@1"]);
}

#[test]
fn files_without_a_reader_are_told_one_by_one_and_then_counted() {
    use plimsoll_inventory::{Scope, SeenKind};
    const KINDS: &[SeenKind] =
        &[SeenKind { what: "strange lockfile", scope: Scope::Both, is: |path| path.ends_with(".strange") }];
    let mut tar = Tar::default();
    for i in 0..30 {
        tar = tar.file(&format!("{i}.strange"), "x");
    }
    let inventory = image_with(vec![tar], &Options { seen_kinds: KINDS, ..Options::default() });
    assert_eq!(inventory.seen_not_read.len(), 30);
    assert_eq!(undecided(&inventory), [ProblemKind::SeenNotRead; 21]);
    assert!(inventory.problems[20].message.contains("10 more files"), "{}", inventory.problems[20]);
}

#[test]
fn a_project_s_lockfiles_are_read_with_the_files_beside_them() {
    let folder = Folder::default()
        .file(".git", "")
        .file("app/go.mod", "module example.com/app\n\ngo 1.22\n\nrequire golang.org/x/text v0.3.7\n")
        .file("app/go.sum", "golang.org/x/text v0.3.7 h1:x=\n")
        .file("var/lib/dpkg/status", status(&[("bash", "1")]));
    let inventory = catalogue_tree(&folder, TreeKind::Project, &Options::default());
    assert!(ids(&inventory).contains(&"golang.org/x/text@v0.3.7".to_owned()), "{:?}", ids(&inventory));
    // A project is not a system: no package database, no executables, no distribution.
    assert!(!ids(&inventory).contains(&"bash@1".to_owned()));
    assert_eq!((inventory.distro, inventory.executables), (None, vec![]));
}
