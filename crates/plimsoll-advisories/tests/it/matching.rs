//! What matching does beside the twenty cases: the distributions' own rules, severities, dates, several databases, speed.

use std::time::{Duration, Instant};

use plimsoll_advisories::{Advisory, AdvisorySource, Matched, RangeKind, Space, match_packages};
use plimsoll_model::{
    CoverageState, DatabaseKind, Distro, Ecosystem, Family, FixDateSource, Inventory, MatchState, Package, ProblemKind,
    Severity, SourcePackage,
};

use proptest::prelude::*;

use crate::memory::{Source, advisory, below, debian12, expressions, language, os, osv, unfixed, with_aliases};

fn image(distro: Distro, packages: Vec<Package>) -> Inventory {
    Inventory { distro: Some(distro), packages, ..Inventory::default() }
}

fn distro(family: Family, version: &str) -> Distro {
    let version = version.to_owned();
    Distro { family, version, pretty_name: None, advisory_release: None, content_sets: Vec::new() }
}

fn run(inventory: &Inventory, sources: &[&Source]) -> Matched {
    let sources: Vec<&dyn AdvisorySource> = sources.iter().map(|source| *source as &dyn AdvisorySource).collect();
    match_packages(inventory, &sources, "2026-11-21T00:00:00Z".parse().unwrap())
}

fn rpm(name: &str, version: &str, arch: &str) -> Package {
    let mut package = Package::new(Ecosystem::Rpm, "rpm", name, version);
    package.arch = Some(arch.to_owned());
    package
}

fn deb(name: &str, version: &str) -> Package {
    Package::new(Ecosystem::Dpkg, "dpkg", name, version)
}

/// The ids of matches of one rpm in one image.
fn ids(distro: Distro, package: Package, space: &Space, records: Vec<(&str, Advisory)>) -> Vec<String> {
    let source = records.into_iter().fold(Source::default(), |source, (name, record)| source.with(space, name, record));
    run(&image(distro, vec![package]), &[&source]).matches.into_iter().map(|m| m.id).collect()
}

#[test]
fn oracle_s_flavours_and_architectures_are_kept_apart() {
    let oracle = os(Family::Oracle, "8");
    let on = |id: &str, fixed: &str, arch: &str| {
        let record = advisory("oracle-oval", id, below(fixed));
        ("openssl", Advisory { arches: vec![arch.to_owned()], ..record })
    };
    let records = || {
        vec![
            on("CVE-1", "1:1.1.1k-7.el8", "x86_64"),
            on("CVE-2", "10:1.1.1k-7.el8_fips", "x86_64"),
            on("CVE-3", "1:1.1.1k-7.el8", "aarch64"),
            on("CVE-4", "2:1.1.1k-7.ksplice1.el8", "x86_64"),
        ]
    };
    let found =
        |version: &str| ids(distro(Family::Oracle, "8.4"), rpm("openssl", version, "x86_64"), &oracle, records());
    assert_eq!(found("1:1.1.1g-1.el8"), ["CVE-1"]);
    assert_eq!(found("10:1.1.1g-1.el8_fips"), ["CVE-2"]);
    assert_eq!(found("2:1.1.1g-1.ksplice1.el8"), ["CVE-4"]);
}

#[test]
fn modular_packages_are_matched_in_their_stream() {
    let alma = os(Family::Alma, "8");
    let records = || {
        vec![
            ("nodejs:12::npm", advisory("alma", "CVE-12", below("1:6.14.8-1.module_el8.3.0"))),
            ("nodejs:14::npm", advisory("alma", "CVE-14", below("1:6.14.9-1.module_el8.4.0"))),
            ("npm", advisory("alma", "CVE-PLAIN", below("1:9-1.el8"))),
        ]
    };
    let mut package = rpm("npm", "1:6.14.6-1.module_el8.3.0", "x86_64");
    package.module = Some("nodejs:12:8030020201124152102:229f0a1c".to_owned());
    assert_eq!(ids(distro(Family::Alma, "8.5"), package, &alma, records()), ["CVE-12"]);
    assert_eq!(ids(distro(Family::Alma, "8.5"), rpm("npm", "1:6-1.el8", "x86_64"), &alma, records()), ["CVE-PLAIN"]);
}

#[test]
fn red_hat_s_advisories_count_for_the_products_of_the_image() {
    let space = os(Family::RedHat, "");
    let on = |id: &str, fixed: &str, cpes: &[u32]| Advisory {
        cpes: cpes.to_vec(),
        vendor_ids: vec![format!("RHSA-{id}")],
        ..advisory("redhat", id, below(fixed))
    };
    let source = Source {
        cpes: vec![
            ("rhel-7-server-rpms".to_owned(), vec![7, 9]),
            ("rhel-8-for-x86_64-baseos-rpms".to_owned(), vec![8]),
        ],
        ..Source::default()
    }
    .with(&space, "bash", on("CVE-1", "4.4-2.el8", &[8]))
    .with(&space, "bash", on("CVE-1", "0:4.4-9.el8", &[8]))
    .with(&space, "bash", on("CVE-2", "4.4-9.el7", &[7]));
    let bash = || vec![rpm("bash", "4.4-1.el8", "x86_64")];
    let matched = run(&image(distro(Family::CentOs, "8.5.2111"), bash()), &[&source]);
    let [one] = matched.matches.as_slice() else { panic!("{matched:#?}") };
    assert_eq!((one.id.as_str(), one.fix.versions()), ("CVE-1", &["4.4-9.el8".to_owned()][..]), "the last fix counts");
    let mut named = distro(Family::RedHat, "8.5");
    named.content_sets = vec!["rhel-7-server-rpms".to_owned()];
    assert_eq!(run(&image(named, bash()), &[&source]).matches[0].id, "CVE-2");
    let unknown = run(&image(distro(Family::RedHat, "9.1"), bash()), &[&source]);
    assert!(unknown.matches.is_empty());
    assert_eq!(unknown.problems[0].kind, ProblemKind::NoData, "content sets that nobody knows are no clean bill");
}

#[test]
fn amazon_goes_by_rpm_s_order_and_ubuntu_by_extended_maintenance_where_it_is_on() {
    let amazon = os(Family::Amazon, "2");
    let records = vec![("curl", advisory("amazon", "CVE-1", below("7.61.1^git1-1.amzn2")))];
    assert_eq!(
        ids(distro(Family::Amazon, "2 (Karoo)"), rpm("curl", "7.61.1-12.amzn2", "x86_64"), &amazon, records).len(),
        1
    );

    let source = Source::default()
        .with(&os(Family::Ubuntu, "18.04"), "bash", advisory("ubuntu", "CVE-BASE", unfixed()))
        .with(&os(Family::Ubuntu, "18.04-ESM"), "bash", advisory("ubuntu", "CVE-ESM", below("4.4.18-2ubuntu1.3+esm1")));
    let plain = run(&image(distro(Family::Ubuntu, "18.04"), vec![deb("bash", "4.4.18-2ubuntu1.3")]), &[&source]);
    assert_eq!(plain.matches[0].id, "CVE-BASE");
    assert_eq!(plain.problems[0].kind, ProblemKind::EndOfLife);
    let mut extended = distro(Family::Ubuntu, "18.04");
    extended.advisory_release = Some("18.04-ESM".to_owned());
    let matched = run(&image(extended, vec![deb("bash", "4.4.18-2ubuntu1.3")]), &[&source]);
    assert_eq!(matched.matches[0].id, "CVE-ESM");
    assert!(matched.problems.is_empty(), "{:?}", matched.problems);
    // Extended maintenance is on, and the database knows nothing of it.
    let base = Source::default().covering(&os(Family::Ubuntu, "18.04"));
    let mut extended = distro(Family::Ubuntu, "18.04");
    extended.advisory_release = Some("18.04-ESM".to_owned());
    let matched = run(&image(extended, vec![deb("bash", "4.4.18-2ubuntu1.3")]), &[&base]);
    assert_eq!(matched.problems[0].kind, ProblemKind::EndOfLife);
}

#[test]
fn severity_is_the_source_s_own_then_nvd_s() {
    let npm = language(Ecosystem::Npm);
    let ghsa = |id: &str| advisory("ghsa", id, osv(RangeKind::Semver, "0", "2.0.0"));
    let source = Source { exploited: vec!["CVE-1".to_owned()], ..Source::default() }
        .with(&npm, "left", ghsa("CVE-1"))
        .with(&npm, "left", ghsa("CVE-2"))
        .with(&npm, "left", ghsa("CVE-3"))
        .with(&debian12(), "x", Advisory { severity: Some(Severity::Low), ..advisory("debian", "CVE-1", unfixed()) })
        .rated("CVE-1", &[("ghsa", Severity::High), ("nvd", Severity::Critical)])
        .rated("CVE-2", &[("nvd", Severity::Critical), ("redhat", Severity::Low)]);
    let packages = vec![deb("x", "1-1"), Package::new(Ecosystem::Npm, "test", "left", "1.0.0")];
    let matched = run(&image(distro(Family::Debian, "12"), packages), &[&source]);
    let rated: Vec<(&str, Severity, Option<&str>)> =
        matched.matches.iter().map(|m| (m.name.as_str(), m.severity, m.severity_source.as_deref())).collect();
    assert_eq!(
        rated,
        [
            ("left", Severity::High, Some("ghsa")),
            ("left", Severity::Critical, Some("nvd")),
            ("left", Severity::Unknown, None),
            ("x", Severity::Low, Some("debian")),
        ]
    );
    assert!(matched.matches[0].known_exploited.is_some() && matched.matches[1].known_exploited.is_none());
    assert!(matched.matches[3].vulnerability.vendor_severity.contains(&("debian".to_owned(), Severity::Low)));
}

#[test]
fn date_of_a_fix_is_the_advisory_s_then_the_database_s_then_the_publication() {
    let dated = |id: &str, own: Option<&str>, seen: Option<&str>| Advisory {
        fix_date: own.map(|d| d.parse().unwrap()),
        first_seen: seen.map(|d| d.parse().unwrap()),
        ..advisory("debian", id, below("2-1"))
    };
    let source = Source::default()
        .with(&debian12(), "x", dated("CVE-1", Some("2024-03-01"), Some("2024-02-01")))
        .with(&debian12(), "x", dated("CVE-2", None, Some("2024-02-01")))
        .with(&debian12(), "x", dated("CVE-3", None, None))
        .rated("CVE-3", &[]);
    let matched = run(&image(distro(Family::Debian, "12"), vec![deb("x", "1-1")]), &[&source]);
    let dates: Vec<(String, FixDateSource)> = matched
        .matches
        .iter()
        .filter_map(|m| match &m.fix {
            plimsoll_model::Fix::Available { since, since_source, .. } => {
                Some((since.as_ref()?.to_string(), (*since_source)?))
            }
            _ => None,
        })
        .collect();
    assert_eq!(
        dates,
        [
            ("2024-03-01".to_owned(), FixDateSource::Advisory),
            ("2024-02-01".to_owned(), FixDateSource::FirstSeen),
            ("2024-01-02".to_owned(), FixDateSource::Published),
        ]
    );
}

#[test]
fn fixes_keep_the_source_s_order_and_the_branch_s_own_is_named() {
    let gem = language(Ecosystem::Gem);
    let record = advisory("ghsa", "CVE-1", expressions(&["< 5.2.4.3", ">= 6.0.0, < 6.0.3.1"], &["6.0.3.1", "5.2.4.3"]));
    let source = Source::default().with(&gem, "activesupport", record);
    let installed = |version: &str| {
        let package = Package::new(Ecosystem::Gem, "test", "activesupport", version);
        run(&Inventory { packages: vec![package], ..Inventory::default() }, &[&source]).matches.remove(0)
    };
    assert_eq!(installed("5.2.1").upgrade_to.as_deref(), Some("5.2.4.3"));
    assert_eq!(installed("6.0.2.1").upgrade_to.as_deref(), Some("6.0.3.1"));
    assert_eq!(installed("6.0.2.1").fix.versions(), ["6.0.3.1", "5.2.4.3"]);
}

#[test]
fn several_databases_add_up_and_the_baseline_alone_is_said() {
    let npm = language(Ecosystem::Npm);
    let says = |id: &str, alias: &str| {
        let mut record = advisory("ghsa", id, osv(RangeKind::Semver, "0", "2.0.0"));
        record.aliases = vec![alias.to_owned()];
        record
    };
    let folder = Source { kind: DatabaseKind::Osv, ..Source::default() }
        .with(&npm, "left", says("GHSA-1", "CVE-1"))
        .with(&npm, "left", says("GHSA-2", "GHSA-2"));
    let baseline =
        Source { kind: DatabaseKind::Baseline, ..Source::default() }.with(&npm, "left", says("CVE-1", "GHSA-1"));
    let inventory =
        Inventory { packages: vec![Package::new(Ecosystem::Npm, "test", "left", "1.0.0")], ..Inventory::default() };
    let both = run(&inventory, &[&folder, &baseline]);
    let ids: Vec<&str> = both.matches.iter().map(|m| m.id.as_str()).collect();
    assert_eq!(ids, ["CVE-1", "GHSA-2"]);
    assert_eq!(both.coverage[0].state, CoverageState::Covered);
    assert_eq!(run(&inventory, &[&baseline]).coverage[0].state, CoverageState::BaselineOnly);
    // Nobody speaks of Python here.
    let python = Inventory { packages: vec![Package::new(Ecosystem::Pypi, "test", "x", "1")], ..Inventory::default() };
    let matched = run(&python, &[&folder, &baseline]);
    assert!(matches!(matched.coverage[0].state, CoverageState::NoData { .. }));
    assert_eq!(matched.problems[0].kind, ProblemKind::NoData);
}

#[test]
fn version_without_a_place_is_undecided_and_says_why() {
    let source = Source::default().with(&debian12(), "x", advisory("debian", "CVE-1", below("2-1")));
    let matched = run(&image(distro(Family::Debian, "12"), vec![deb("x", "one:1")]), &[&source]);
    let MatchState::Undecided { reason } = &matched.matches[0].state else { panic!("{matched:#?}") };
    assert_eq!(reason, "could not place version \"one:1\" in the order of dpkg: its epoch is not a number");
}

#[test]
fn ten_thousand_packages_are_matched_in_no_time() {
    let npm = language(Ecosystem::Npm);
    let mut source = Source::default().covering(&npm).covering(&debian12());
    for n in 0..300 {
        source =
            source.with(&npm, "popular", advisory("ghsa", &format!("GHSA-{n}"), osv(RangeKind::Semver, "0", "0.1.0")));
    }
    let packages = (0..10_000).map(|n| {
        let name = if n % 10 == 0 { "popular".to_owned() } else { format!("package-{n}") };
        if n % 4 == 0 {
            let mut package = deb(&name, "1.2.3-4");
            package.source = Some(SourcePackage { name: format!("source-{}", n / 8), version: "1.2.3-4".to_owned() });
            package
        } else {
            Package::new(Ecosystem::Npm, "test", name, format!("1.{}.0", n % 50))
        }
    });
    // The source of this test walks a list for each look-up: only few records, so that matching is what is measured.
    let inventory = image(distro(Family::Debian, "12"), packages.collect());
    let start = Instant::now();
    let matched = run(&inventory, &[&source]);
    let spent = start.elapsed();
    eprintln!("10,000 packages in {spent:?}");
    assert!(matched.matches.is_empty());
    // Unoptimised and on a busy machine; optimised it takes some 20 ms.
    assert!(spent < Duration::from_secs(10), "{spent:?}");
}

proptest! {
    /// Whatever the records call one another: no match has ids of two CVEs, and no CVE is lost or told twice.
    #[test]
    fn aliases_never_join_two_cves(
        graph in prop::collection::vec(
            (0_usize..12, prop::collection::btree_set(0_usize..12, 0..4)), 1..10)
    ) {
        const IDS: [&str; 12] = [
            "CVE-1", "CVE-2", "CVE-3", "GHSA-1", "GHSA-2", "GHSA-3", "PYSEC-1", "PYSEC-2", "GO-1", "GO-2", "OSV-1", "OSV-2",
        ];
        let pypi = language(Ecosystem::Pypi);
        let mut source = Source::default();
        for (id, aliases) in &graph {
            let aliases: Vec<&str> = aliases.iter().map(|i| IDS[*i]).collect();
            let record = advisory("osv", IDS[*id], osv(RangeKind::Ecosystem, "0", ""));
            source = source.with(&pypi, "left", with_aliases(record, &aliases));
        }
        let package = Package::new(Ecosystem::Pypi, "test", "left", "1.0");
        let matched = run(&Inventory { packages: vec![package], ..Inventory::default() }, &[&source]);
        let mut told = Vec::new();
        for one in &matched.matches {
            let cves: Vec<&str> = one.ids().filter(|id| id.starts_with("CVE-")).collect();
            prop_assert!(cves.len() <= 1, "{:?}", one);
            told.extend(cves);
        }
        told.sort_unstable();
        let mut named: Vec<&str> =
            graph.iter().flat_map(|(id, aliases)| aliases.iter().chain([id])).map(|i| IDS[*i]).collect();
        named.retain(|id| id.starts_with("CVE-"));
        named.sort_unstable();
        named.dedup();
        prop_assert_eq!(told, named);
    }

    /// The same inputs in another order of records give the same ids.
    #[test]
    fn order_of_records_changes_no_finding(turn in 0_usize..4) {
        let pypi = language(Ecosystem::Pypi);
        let mut records = vec![
            with_aliases(advisory("a", "PYSEC-1", osv(RangeKind::Ecosystem, "0", "2")), &["GHSA-1"]),
            with_aliases(advisory("b", "GHSA-1", osv(RangeKind::Ecosystem, "0", "2")), &["CVE-1"]),
            with_aliases(advisory("c", "OSV-1", osv(RangeKind::Ecosystem, "0", "2")), &["PYSEC-1"]),
            with_aliases(advisory("d", "GHSA-2", osv(RangeKind::Ecosystem, "0", "2")), &["CVE-2"]),
        ];
        records.rotate_left(turn);
        let source = records.into_iter().fold(Source::default(), |source, record| source.with(&pypi, "left", record));
        let package = Package::new(Ecosystem::Pypi, "test", "left", "1.0");
        let matched = run(&Inventory { packages: vec![package], ..Inventory::default() }, &[&source]);
        let ids: Vec<(String, Vec<String>)> = matched.matches.into_iter().map(|m| (m.id, m.aliases)).collect();
        let strings = |ids: &[&str]| ids.iter().map(|id| (*id).to_owned()).collect::<Vec<_>>();
        prop_assert_eq!(ids, vec![
            ("CVE-1".to_owned(), strings(&["GHSA-1", "OSV-1", "PYSEC-1"])),
            ("CVE-2".to_owned(), strings(&["GHSA-2"])),
        ]);
    }
}
