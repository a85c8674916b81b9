//! The twenty cases that separate right results from noise, by number. Cases 16 to 20 are mostly about what the inventory
//! lists, and are tested there too; here stands what matching must do with it.

use plimsoll_advisories::database::memory::Memory;
use plimsoll_advisories::feeds::osv;
use plimsoll_advisories::{AdvisorySource, Applies, Event, Matched, Range, RangeKind, Status, match_packages};
use plimsoll_model::{
    CoverageState, DatabaseInfo, DatabaseKind, Distro, Ecosystem, Family, Fix, Inventory, Match, MatchState, Package,
    ProblemKind, SourcePackage,
};

use crate::memory::{
    Source, advisory, below, debian12, expressions, language, os, osv as range, unfixed, with_aliases, with_status,
};

fn distro(family: Family, version: &str) -> Distro {
    Distro { family, version: version.to_owned(), pretty_name: None, advisory_release: None, content_sets: Vec::new() }
}

fn image(family: Family, version: &str, packages: Vec<Package>) -> Inventory {
    Inventory { distro: Some(distro(family, version)), packages, ..Inventory::default() }
}

fn project(packages: Vec<Package>) -> Inventory {
    Inventory { packages, ..Inventory::default() }
}

fn deb(name: &str, version: &str, source: &str, source_version: &str) -> Package {
    let mut package = Package::new(Ecosystem::Dpkg, "dpkg", name, version);
    package.source = Some(SourcePackage { name: source.to_owned(), version: source_version.to_owned() });
    package
}

fn apk(name: &str, version: &str, origin: &str) -> Package {
    let mut package = Package::new(Ecosystem::Apk, "apk", name, version);
    package.source = Some(SourcePackage { name: origin.to_owned(), version: version.to_owned() });
    package
}

fn rpm(name: &str, version: &str, source: &str) -> Package {
    let mut package = Package::new(Ecosystem::Rpm, "rpm", name, version);
    package.arch = Some("x86_64".to_owned());
    package.source = Some(SourcePackage { name: source.to_owned(), version: version.to_owned() });
    package
}

fn package(ecosystem: Ecosystem, name: &str, version: &str) -> Package {
    Package::new(ecosystem, "test", name, version)
}

fn run(inventory: &Inventory, sources: &[&Source]) -> Matched {
    let sources: Vec<&dyn AdvisorySource> = sources.iter().map(|source| *source as &dyn AdvisorySource).collect();
    match_packages(inventory, &sources, "2026-11-21T00:00:00Z".parse().unwrap())
}

fn only(matched: &Matched) -> &Match {
    let [one] = matched.matches.as_slice() else { panic!("not one match: {:#?}", matched.matches) };
    one
}

fn is_undecided(state: &MatchState) -> bool {
    matches!(state, MatchState::Undecided { .. })
}

fn is_not_affected(state: &MatchState) -> bool {
    matches!(state, MatchState::NotAffected { .. })
}

#[test]
fn case_01_source_advisory_names_the_binaries() {
    let source = Source::default().with(&debian12(), "openssl", advisory("debian", "CVE-2023-0001", below("3.0.11-1")));
    let inventory = image(
        Family::Debian,
        "12.5",
        vec![
            deb("bash", "5.2.15-2+b2", "bash", "5.2.15-2"),
            deb("libssl3", "3.0.9-1", "openssl", "3.0.9-1"),
            deb("openssl", "3.0.9-1", "openssl", "3.0.9-1"),
        ],
    );
    let matched = run(&inventory, &[&source]);
    let one = only(&matched);
    assert_eq!((one.name.as_str(), one.version.as_str(), one.packages.as_slice()), ("openssl", "3.0.9-1", &[1, 2][..]));
    assert_eq!(one.state, MatchState::Affected);
    assert_eq!(one.fix.versions(), ["3.0.11-1"]);
    assert_eq!(one.upgrade_to.as_deref(), Some("3.0.11-1"));
    assert_eq!(matched.coverage[0].what, "debian 12");
    assert_eq!(matched.coverage[0].state, CoverageState::Covered);
    assert!(matched.problems.is_empty(), "{:?}", matched.problems);
}

#[test]
fn case_02_source_version_is_compared_and_a_rebuild_changes_nothing() {
    let source = Source::default().with(&debian12(), "bash", advisory("debian", "CVE-2023-0002", below("5.2.15-2+b1")));
    let rebuilt = image(Family::Debian, "12", vec![deb("bash", "5.2.15-2+b4", "bash", "5.2.15-2")]);
    assert_eq!(only(&run(&rebuilt, &[&source])).version, "5.2.15-2");
    let fixed = Source::default().with(&debian12(), "bash", advisory("debian", "CVE-2023-0002", below("5.2.15-2")));
    assert!(run(&rebuilt, &[&fixed]).matches.is_empty());
    let other_epoch = image(Family::Debian, "12", vec![deb("libx", "9.9-1", "x", "1:0.5-1")]);
    let source = Source::default().with(&debian12(), "x", advisory("debian", "CVE-2023-0003", below("1:0.6-1")));
    assert_eq!(only(&run(&other_epoch, &[&source])).version, "1:0.5-1");
}

#[test]
fn case_03_fix_without_an_epoch_is_of_epoch_zero() {
    let rocky = os(Family::Rocky, "9");
    let source = Source::default().with(&rocky, "bind", advisory("rocky", "CVE-2023-0004", below("32:9.16-1")));
    let inventory = |version: &str| image(Family::Rocky, "9.2", vec![rpm("bind", version, "bind")]);
    assert_eq!(run(&inventory("9.18-1"), &[&source]).matches.len(), 1, "a missing epoch is 0");
    let source = Source::default().with(&rocky, "bind", advisory("rocky", "CVE-2023-0004", below("9.16-1")));
    assert!(run(&inventory("32:9.10-1"), &[&source]).matches.is_empty(), "the installed epoch counts");
}

#[test]
fn case_04_upstream_range_does_not_fire_for_what_the_distribution_fixed() {
    let source = Source::default()
        .with(&debian12(), "requests", advisory("debian", "CVE-2023-32681", below("2.28.1+dfsg-1")))
        .with(
            &language(Ecosystem::Pypi),
            "requests",
            with_aliases(
                advisory("ghsa", "GHSA-j8r2", range(RangeKind::Ecosystem, "0", "2.31.0")),
                &["CVE-2023-32681"],
            ),
        );
    let mut owned = package(Ecosystem::Pypi, "requests", "2.28.1");
    owned.owned_by = Some("python3-requests".to_owned());
    let system = deb("python3-requests", "2.28.1+dfsg-1", "requests", "2.28.1+dfsg-1");
    let matched = run(&image(Family::Debian, "12", vec![system, owned]), &[&source]);
    let one = only(&matched);
    let MatchState::NotAffected { reason } = &one.state else { panic!("{one:?}") };
    assert!(reason.contains("debian 12 fixed it") && reason.contains("python3-requests"), "{reason}");
    assert_eq!(one.packages, [1]);
}

#[test]
fn case_05_pre_releases_go_before_releases_in_each_order() {
    for (family, space, version, fixed) in [
        (Family::Debian, debian12(), "1.0~rc1-1", "1.0-1"),
        (Family::Rocky, os(Family::Rocky, "9"), "1.0~rc1-1", "1.0-1"),
        (Family::Rocky, os(Family::Rocky, "9"), "1.0-1", "1.0^git1-1"),
        (Family::Alpine, os(Family::Alpine, "3.22"), "1.0_rc1-r0", "1.0-r0"),
        (Family::Alpine, os(Family::Alpine, "3.22"), "1.0-r9", "1.0_p1-r0"),
        (Family::Alpine, os(Family::Alpine, "3.22"), "1.0-r0", "1.0-r1"),
    ] {
        let source = Source::default().with(&space, "x", advisory("distro", "CVE-2023-0005", below(fixed)));
        let (release, one) = match family {
            Family::Debian => ("12", deb("x", version, "x", version)),
            Family::Rocky => ("9.2", rpm("x", version, "x")),
            _ => ("3.22.1", apk("x", version, "x")),
        };
        assert_eq!(run(&image(family, release, vec![one]), &[&source]).matches.len(), 1, "{version} < {fixed}");
    }
}

#[test]
fn case_06_debian_statuses_are_told_apart() {
    let says = |n: u32, status: Status, applies: Applies| {
        with_status(advisory("debian", &format!("CVE-2023-000{n}"), applies), status)
    };
    let source = [
        says(1, Status::Unimportant, unfixed()),
        says(2, Status::WontFix, unfixed()),
        says(3, Status::Deferred, unfixed()),
        says(4, Status::Undetermined, unfixed()),
        says(5, Status::NotAffected, unfixed()),
        says(6, Status::EndOfLife, unfixed()),
    ]
    .into_iter()
    .fold(Source::default(), |source, advisory| source.with(&debian12(), "x", advisory));
    let matched = run(&image(Family::Debian, "12", vec![deb("x", "1-1", "x", "1-1")]), &[&source]);
    let [unimportant, wont, later, undetermined, end] = matched.matches.as_slice() else { panic!("{matched:#?}") };
    assert!(unimportant.unimportant && unimportant.state == MatchState::Affected);
    assert_eq!((&wont.fix, &later.fix, &end.fix), (&Fix::WontFix, &Fix::Deferred, &Fix::EndOfLife));
    assert!(is_undecided(&undetermined.state));
    assert!(!wont.unimportant);
}

#[test]
fn case_07_fix_of_zero_cancels_other_sources() {
    let wolfi = os(Family::Wolfi, "");
    let trivy = Source::default().with(&wolfi, "zlib", advisory("wolfi", "CVE-2023-0007", below("0")));
    let inventory = image(Family::Wolfi, "20230201", vec![apk("zlib", "1.2.13-r0", "zlib")]);
    assert!(run(&inventory, &[&trivy]).matches.is_empty());
    let other = Source { kind: DatabaseKind::Osv, ..Source::default() }.with(
        &wolfi,
        "zlib",
        with_aliases(advisory("osv", "GHSA-zzzz", below("1.3-r0")), &["CVE-2023-0007"]),
    );
    let matched = run(&inventory, &[&other, &trivy]);
    assert!(is_not_affected(&only(&matched).state), "{matched:#?}");
    assert_eq!(run(&inventory, &[&other]).matches[0].state, MatchState::Affected);
}

#[test]
fn case_08_ended_unknown_and_moving_releases_have_no_maintained_data() {
    let everything = |space| Source::default().covering(&space);
    for (family, version, space, kind) in [
        (Family::Debian, "9.13", os(Family::Debian, "9"), ProblemKind::EndOfLife),
        (Family::Alpine, "3.9.4", os(Family::Alpine, "3.9"), ProblemKind::EndOfLife),
        (Family::Debian, "99", debian12(), ProblemKind::NoData),
        (Family::Debian, "", os(Family::Debian, ""), ProblemKind::NoData),
        (Family::Alpine, "edge", os(Family::Alpine, "edge"), ProblemKind::NoData),
        (Family::Fedora, "40", os(Family::Fedora, "40"), ProblemKind::NoData),
        (Family::Other("plan9".to_owned()), "4", debian12(), ProblemKind::NoData),
    ] {
        let one = match family {
            Family::Alpine => apk("x", "1-r0", "x"),
            Family::Fedora => rpm("x", "1-1", "x"),
            _ => deb("x", "1-1", "x", "1-1"),
        };
        let matched = run(&image(family.clone(), version, vec![one]), &[&everything(space)]);
        let [problem] = matched.problems.as_slice() else { panic!("{family} {version}: {:?}", matched.problems) };
        assert_eq!(problem.kind, kind, "{family} {version}");
        assert!(matches!(matched.coverage[0].state, CoverageState::NoData { .. }), "{family} {version}");
    }
    // No distribution at all, and no database at all.
    let matched = run(&project(vec![deb("x", "1-1", "x", "1-1")]), &[&everything(debian12())]);
    assert_eq!(matched.problems[0].kind, ProblemKind::UnknownDistro);
    let matched = run(&image(Family::Debian, "12", vec![deb("x", "1-1", "x", "1-1")]), &[]);
    assert_eq!(matched.problems[0].kind, ProblemKind::NoData);
}

/// An OSV folder as the reader gives it.
fn osv_folder(records: &[&str]) -> Memory {
    let mut all = osv::read_json("first.json", records[0].as_bytes());
    for record in &records[1..] {
        all.extend(osv::read_json("more.json", record.as_bytes()));
    }
    let info = DatabaseInfo {
        kind: DatabaseKind::Osv,
        name: "folder".to_owned(),
        digest: String::new(),
        built: None,
        advisories: 0,
    };
    Memory::new(all, info)
}

#[test]
fn case_09_withdrawn_advisory_is_none_and_a_living_alias_keeps_its_own() {
    let ghsa = r#"{"id": "GHSA-aaaa", "modified": "2024-01-01T00:00:00Z", "withdrawn": "2024-01-01T00:00:00Z",
        "aliases": ["PYSEC-2024-1"], "affected": [{"package": {"ecosystem": "PyPI", "name": "left"},
        "ranges": [{"type": "ECOSYSTEM", "events": [{"introduced": "0"}]}]}]}"#;
    let pysec = r#"{"id": "PYSEC-2024-1", "modified": "2024-01-01T00:00:00Z", "aliases": ["GHSA-aaaa"],
        "affected": [{"package": {"ecosystem": "PyPI", "name": "left"},
        "ranges": [{"type": "ECOSYSTEM", "events": [{"introduced": "0"}, {"fixed": "2.0"}]}]}]}"#;
    let at = "2026-11-21T00:00:00Z".parse().unwrap();
    let old = project(vec![package(Ecosystem::Pypi, "left", "1.0")]);
    let new = project(vec![package(Ecosystem::Pypi, "left", "3.0")]);
    let withdrawn = osv_folder(&[ghsa]);
    assert!(match_packages(&old, &[&withdrawn], at).matches.is_empty());
    let both = osv_folder(&[ghsa, pysec]);
    assert_eq!(match_packages(&old, &[&both], at).matches.len(), 1);
    assert!(match_packages(&new, &[&both], at).matches.is_empty());
}

#[test]
fn case_10_ids_of_one_fault_are_one_finding() {
    let pypi = language(Ecosystem::Pypi);
    let says = |source: &str, id: &str, aliases: &[&str]| {
        with_aliases(advisory(source, id, range(RangeKind::Ecosystem, "0", "2.0")), aliases)
    };
    let source = Source::default()
        .with(&pypi, "left", says("pypa", "PYSEC-1", &["GHSA-aaaa", "CVE-2024-0001"]))
        .with(&pypi, "left", says("ghsa", "GHSA-aaaa", &["CVE-2024-0001"]))
        .with(&pypi, "left", says("ghsa", "GHSA-bbbb", &["CVE-2024-0002"]))
        .with(&pypi, "left", says("pypa", "PYSEC-2", &["CVE-2024-0001", "CVE-2024-0002"]));
    let matched = run(&project(vec![package(Ecosystem::Pypi, "left", "1.0")]), &[&source]);
    let [one, two] = matched.matches.as_slice() else { panic!("{:#?}", matched.matches) };
    assert_eq!((one.id.as_str(), two.id.as_str()), ("CVE-2024-0001", "CVE-2024-0002"));
    for id in ["CVE-2024-0001", "GHSA-aaaa", "PYSEC-1", "PYSEC-2"] {
        assert!(one.has_id(id), "{id}: {one:?}");
    }
    assert!(!one.has_id("GHSA-bbbb") && !one.has_id("CVE-2024-0002"));
    assert!(two.has_id("GHSA-bbbb") && two.has_id("PYSEC-2"));
}

#[test]
fn case_11_go_versions_are_semantic_and_the_standard_library_is_a_package() {
    let go = language(Ecosystem::Go);
    let source = Source::default()
        .with(
            &go,
            "example.com/mod",
            advisory("govulndb", "GO-1", range(RangeKind::Semver, "0", "0.0.0-20220101000000-aaaaaaaaaaaa")),
        )
        .with(&go, "example.com/old", advisory("govulndb", "GO-2", range(RangeKind::Semver, "0", "2.1.0+incompatible")))
        .with(&go, "stdlib", advisory("govulndb", "GO-3", range(RangeKind::Semver, "0", "1.20.0")))
        .with(&go, "example.com/main", advisory("govulndb", "GO-4", range(RangeKind::Semver, "0", "1.2.0")));
    let packages = vec![
        package(Ecosystem::Go, "example.com/mod", "v0.0.0-20210101000000-bbbbbbbbbbbb"),
        package(Ecosystem::Go, "example.com/old", "v2.0.0+incompatible"),
        package(Ecosystem::Go, "stdlib", "1.20rc1"),
        package(Ecosystem::Go, "example.com/main", "(devel)"),
    ];
    let matched = run(&project(packages), &[&source]);
    let states: Vec<(&str, bool)> = matched.matches.iter().map(|m| (m.id.as_str(), is_undecided(&m.state))).collect();
    assert_eq!(states, [("GO-4", true), ("GO-1", false), ("GO-2", false), ("GO-3", false)]);
    let newer = vec![
        package(Ecosystem::Go, "example.com/mod", "v0.0.0-20230101000000-bbbbbbbbbbbb"),
        package(Ecosystem::Go, "example.com/old", "v2.1.0+incompatible"),
        package(Ecosystem::Go, "stdlib", "go1.20"),
    ];
    assert!(run(&project(newer), &[&source]).matches.is_empty());
}

#[test]
fn case_12_osv_counts_pre_releases_and_each_source_goes_by_its_own_rules() {
    let npm = language(Ecosystem::Npm);
    let rc = || project(vec![package(Ecosystem::Npm, "left", "2.0.0-rc.1")]);
    let source =
        Source::default().with(&npm, "left", advisory("ghsa", "GHSA-1", range(RangeKind::Semver, "0", "2.0.0")));
    assert_eq!(run(&rc(), &[&source]).matches.len(), 1);
    let source =
        Source::default().with(&npm, "left", advisory("ghsa", "GHSA-1", expressions(&[">=1.0.0 <2.0.0"], &["2.0.0"])));
    assert_eq!(run(&rc(), &[&source]).matches.len(), 1);
    let pypi = language(Ecosystem::Pypi);
    let source = Source::default().with(&pypi, "left", advisory("ghsa", "GHSA-1", expressions(&["<2.0"], &[])));
    let rc = project(vec![package(Ecosystem::Pypi, "left", "2.0rc1")]);
    assert!(run(&rc, &[&source]).matches.is_empty(), "Python's < leaves out pre-releases of its own bound");
}

#[test]
fn case_13_python_versions_and_names_are_normalised() {
    let pypi = language(Ecosystem::Pypi);
    let source = Source::default().with(
        &pypi,
        "foo-bar-baz",
        advisory("pypa", "PYSEC-1", range(RangeKind::Ecosystem, "0", "1.0.post2")),
    );
    for (name, version, hit) in [
        ("Foo.Bar_baz", "1.0.post1", true),
        ("foo-bar-baz", "1.0+local.1", true),
        ("foo_bar.baz", "1.0-1", true),
        ("foo-bar-baz", "1!0.1", false),
        ("FOO-BAR-BAZ", "1.0.post2", false),
    ] {
        let matched = run(&project(vec![package(Ecosystem::Pypi, name, version)]), &[&source]);
        assert_eq!(matched.matches.len(), usize::from(hit), "{name} {version}");
    }
    let legacy = run(&project(vec![package(Ecosystem::Pypi, "foo-bar-baz", "2004d")]), &[&source]);
    assert!(is_undecided(&only(&legacy).state));
}

#[test]
fn case_14_maven_s_order_and_the_fix_of_this_branch() {
    let maven = language(Ecosystem::Maven);
    let name = "org.apache.logging.log4j:log4j-core";
    let says =
        |introduced: &str, fixed: &str| advisory("ghsa", "GHSA-jfh8", range(RangeKind::Ecosystem, introduced, fixed));
    let source = Source::default()
        .with(&maven, name, says("2.13.0", "2.15.0"))
        .with(&maven, name, says("2.4", "2.12.2"))
        .with(&maven, name, says("2.0-beta9", "2.3.1"));
    for (version, fix) in [
        ("2.14.1", Some("2.15.0")),
        ("2.12.1", Some("2.12.2")),
        ("2.0-rc1", Some("2.3.1")),
        ("2.0-beta9", Some("2.3.1")),
        ("2.0-alpha1", None),
        ("2.15.0", None),
        ("2.13.0-SNAPSHOT", None),
        ("2.15.0-rc1", Some("2.15.0")),
    ] {
        let matched = run(&project(vec![package(Ecosystem::Maven, name, version)]), &[&source]);
        let fixes: Vec<&str> = matched.matches.iter().filter_map(|m| m.upgrade_to.as_deref()).collect();
        assert_eq!(fixes, fix.into_iter().collect::<Vec<_>>(), "{version}");
    }
}

#[test]
fn case_15_owned_language_package_counts_where_the_distribution_is_silent_of_it() {
    let pypi = language(Ecosystem::Pypi);
    let source = Source::default()
        .with(&debian12(), "requests", advisory("debian", "CVE-2020-0001", below("1-1")))
        .with(&pypi, "requests", advisory("ghsa", "GHSA-1", range(RangeKind::Ecosystem, "0", "3.0")))
        .with(&pypi, "left", advisory("ghsa", "GHSA-2", range(RangeKind::Ecosystem, "0", "3.0")));
    let owned = |name: &str, owner: &str| {
        let mut package = package(Ecosystem::Pypi, name, "2.0");
        package.owned_by = Some(owner.to_owned());
        package
    };
    let system = || {
        vec![
            deb("python3-requests", "2.0-1", "requests", "2.0-1"),
            deb("python3-left", "2.0-1", "python-left", "2.0-1"),
        ]
    };
    // Covered: the distribution keeps advisories for that package.
    let mut packages = system();
    packages.push(owned("requests", "python3-requests"));
    assert!(is_not_affected(&only(&run(&image(Family::Debian, "12", packages), &[&source])).state));
    // Not covered: none for that one.
    let mut packages = system();
    packages.push(owned("left", "python3-left"));
    assert_eq!(only(&run(&image(Family::Debian, "12", packages), &[&source])).state, MatchState::Affected);
    // A copy that pip put into /usr/local is nobody's.
    let mut packages = system();
    packages.push(package(Ecosystem::Pypi, "requests", "2.0"));
    assert_eq!(only(&run(&image(Family::Debian, "12", packages), &[&source])).state, MatchState::Affected);
    // A release at its end of life answers for nothing.
    let ended = Source { spaces: vec![os(Family::Debian, "9"), pypi.clone()], ..source.clone() };
    let mut packages = system();
    packages.push(owned("requests", "python3-requests"));
    let matched = run(&image(Family::Debian, "9", packages), &[&ended]);
    assert_eq!(only(&matched).state, MatchState::Affected);
    // Nor does a distribution for what others built.
    let mut packages = system();
    packages[0].vendor = Some("Docker <support@docker.com>".to_owned());
    packages.push(owned("requests", "python3-requests"));
    let matched = run(&image(Family::Debian, "12", packages), &[&source]);
    assert_eq!(only(&matched).state, MatchState::Affected);
    assert!(matched.problems.iter().any(|p| p.message.contains("from outside debian")), "{:?}", matched.problems);
}

#[test]
fn case_16_every_coordinate_of_a_jar_counts_and_a_guessed_one_is_not_certain() {
    let maven = language(Ecosystem::Maven);
    let source = Source::default()
        .with(&maven, "a:inner", advisory("ghsa", "GHSA-1", range(RangeKind::Ecosystem, "0", "2.0")))
        .with(&maven, "b:other", advisory("ghsa", "GHSA-2", range(RangeKind::Ecosystem, "0", "2.0")));
    let mut guessed = package(Ecosystem::Maven, "b:other", "1.0");
    guessed.guessed = true;
    let matched = run(&project(vec![package(Ecosystem::Maven, "a:inner", "1.0"), guessed]), &[&source]);
    assert_eq!(matched.matches[0].state, MatchState::Affected);
    let MatchState::Undecided { reason } = &matched.matches[1].state else { panic!("{matched:#?}") };
    assert!(reason.contains("guessed"));
}

#[test]
fn case_17_only_what_the_squashed_view_holds_is_matched() {
    let source = Source::default().with(&debian12(), "gone", advisory("debian", "CVE-2023-0017", unfixed())).with(
        &debian12(),
        "here",
        advisory("debian", "CVE-2023-0018", unfixed()),
    );
    let inventory = image(Family::Debian, "12", vec![deb("here", "1-1", "here", "1-1")]);
    assert_eq!(only(&run(&inventory, &[&source])).id, "CVE-2023-0018");
    // A removed package database is not "no packages".
    let emptied = run(&image(Family::Debian, "12", Vec::new()), &[&source]);
    assert_eq!(emptied.problems[0].kind, ProblemKind::NoData);
}

#[test]
fn case_18_multi_arch_copies_are_one_finding() {
    let source = Source::default().with(&debian12(), "zlib", advisory("debian", "CVE-2023-0018", unfixed()));
    let copy = |arch: &str| {
        let mut package = deb("zlib1g", "1:1.2.13.dfsg-1", "zlib", "1:1.2.13.dfsg-1");
        package.arch = Some(arch.to_owned());
        package
    };
    let matched = run(&image(Family::Debian, "12", vec![copy("amd64"), copy("i386")]), &[&source]);
    assert_eq!(only(&matched).packages, [0, 1]);
}

#[test]
fn case_19_one_package_in_two_places_is_one_finding() {
    let npm = language(Ecosystem::Npm);
    let source =
        Source::default().with(&npm, "left", advisory("ghsa", "GHSA-1", range(RangeKind::Semver, "0", "2.0.0")));
    let matched = run(
        &project(vec![package(Ecosystem::Npm, "left", "1.0.0"), package(Ecosystem::Npm, "left", "1.0.0")]),
        &[&source],
    );
    assert_eq!(only(&matched).packages, [0, 1]);
}

#[test]
fn case_20_alpine_s_origin_is_the_name_that_is_matched() {
    let alpine = os(Family::Alpine, "3.22");
    let source = Source::default().with(&alpine, "openssl", advisory("alpine", "CVE-2024-0020", below("3.3.1-r1")));
    let inventory = image(
        Family::Alpine,
        "3.22.0",
        vec![apk("libcrypto3", "3.3.1-r0", "openssl"), apk("libssl3", "3.3.1-r0", "openssl")],
    );
    let matched = run(&inventory, &[&source]);
    assert_eq!((only(&matched).name.as_str(), only(&matched).packages.len()), ("openssl", 2));
}

#[test]
fn and_kernel_headers_do_not_inherit_the_kernel_s_faults() {
    let source = Source::default().with(&debian12(), "linux", advisory("debian", "CVE-2023-0021", unfixed()));
    let headers = image(Family::Debian, "12", vec![deb("linux-libc-dev", "6.1.99-1", "linux", "6.1.99-1")]);
    assert!(run(&headers, &[&source]).matches.is_empty());
    let kernel = image(Family::Debian, "12", vec![deb("linux-image-6.1.0-23-amd64", "6.1.99-1", "linux", "6.1.99-1")]);
    assert_eq!(run(&kernel, &[&source]).matches.len(), 1);
}

#[test]
fn and_osv_s_list_of_versions_wins_over_its_ranges() {
    let pypi = language(Ecosystem::Pypi);
    let events = vec![Event::Introduced("0".to_owned()), Event::Fixed("2.0".to_owned())];
    let applies = Applies::Osv {
        ranges: vec![Range { kind: RangeKind::Ecosystem, events }],
        versions: vec!["1.0".to_owned(), "2.1".to_owned()],
    };
    let source = Source::default().with(&pypi, "left", advisory("pypa", "PYSEC-1", applies));
    for (version, hit) in [("1.0", true), ("1.0.0", true), ("1.5", false), ("2.1", true), ("2.2", false)] {
        let matched = run(&project(vec![package(Ecosystem::Pypi, "left", version)]), &[&source]);
        assert_eq!(matched.matches.len(), usize::from(hit), "{version}");
    }
}

#[test]
fn and_an_empty_or_broken_database_is_never_clean() {
    let inventory = image(Family::Debian, "12", vec![deb("x", "1-1", "x", "1-1")]);
    let empty = run(&inventory, &[&Source::default()]);
    assert_eq!(empty.problems[0].kind, ProblemKind::NoData);
    assert!(matches!(empty.coverage[0].state, CoverageState::NoData { .. }));
    let broken = Source { broken: true, ..Source::default().covering(&debian12()) };
    let matched = run(&inventory, &[&broken]);
    assert!(matched.problems.iter().any(|p| p.message.contains("page 7 is torn")), "{:?}", matched.problems);
    assert!(matches!(matched.coverage[0].state, CoverageState::NoData { .. }));
}
