//! Assessments, matches and policies for the tests, made by hand.

use jiff::Timestamp;
use jiff::civil::Date;
use plimsoll_model::*;
use plimsoll_policy::{Context, Known, judge, parse};

pub const RULES: &[&str] = &[
    "image-too-large",
    "latest-tag",
    "runs-as-root",
    "secret-in-env",
    "secret-in-history",
    "secret-in-image",
    "shell-present",
    "unmaintained-base",
    "user-missing",
];
/// Ids of manifest rules that the tests' policies may name.
pub const WORKLOAD_RULES: &[&str] = &[
    "anonymous-binding",
    "cpu-limit-missing",
    "host-network",
    "host-pid",
    "literal-secret-in-env",
    "privileged",
    "privileged-container",
    "runtime-socket-mounted",
    "secret-in-dockerfile",
    "secret-in-env",
    "sensitive-host-path",
    "sys-admin-capability",
];
pub const KNOWN: Known<'static> = Known { footprint_rules: RULES, workload_rules: WORKLOAD_RULES };

pub fn at(text: &str) -> Timestamp {
    format!("{text}T12:00:00Z").parse().unwrap()
}

pub fn day(text: &str) -> Date {
    text.parse().unwrap()
}

/// A policy of these lines below the usual head.
pub fn policy(body: &str) -> LoadLine {
    let text = format!("apiVersion: plimsoll.dev/v1alpha1\nkind: LoadLine\nmetadata: {{name: test}}\n{body}");
    parse("policy.yaml", text.as_bytes(), &KNOWN).unwrap_or_else(|e| panic!("{e}"))
}

/// A policy of one entry for every image.
pub fn entry(body: &str) -> LoadLine {
    let lines: String = body.lines().map(|l| format!("    {l}\n")).collect();
    policy(&format!("images:\n  - name: all\n    match: [\"**\"]\n{lines}"))
}

/// An image without packages and without faults.
pub fn image(reference: &str) -> Assessment {
    Assessment {
        subject: Subject {
            kind: SubjectKind::Image,
            name: reference.into(),
            reference: Some(reference.parse().unwrap()),
            digest: None,
            index_digest: None,
            image_id: None,
            named_at: Vec::new(),
            namespace: None,
        },
        inventory: Inventory::default(),
        matches: Vec::new(),
        findings: Vec::new(),
        coverage: Vec::new(),
        workload: None,
        signatures: None,
        rulings: Vec::new(),
        problems: Vec::new(),
        verdict: None,
    }
}

/// A folder, which has no image name.
pub fn folder() -> Assessment {
    let mut assessment = image("x");
    assessment.subject.kind = SubjectKind::Filesystem;
    assessment.subject.reference = None;
    assessment.subject.name = "shop/".into();
    assessment
}

/// One Debian binary of a source.
pub fn binary(name: &str, source: &str) -> Package {
    let mut package = Package::new(Ecosystem::Dpkg, "dpkg", name, "3.0.9-1");
    package.source = Some(SourcePackage { name: source.into(), version: "3.0.9-1".into() });
    package
}

/// An image with openssl's and zlib's binaries, covered by a full database.
pub fn debian(matches: Vec<Match>) -> Assessment {
    let mut assessment = image("docker.io/library/debian:12");
    assessment.inventory.packages =
        vec![binary("libssl3", "openssl"), binary("openssl", "openssl"), binary("zlib1g", "zlib")];
    assessment.inventory.distro = Some(Distro {
        family: Family::Debian,
        version: "12".into(),
        pretty_name: None,
        advisory_release: None,
        content_sets: Vec::new(),
    });
    assessment.coverage =
        vec![Coverage { what: "debian 12".into(), packages: 3, state: CoverageState::Covered, sources: Vec::new() }];
    assessment.matches = matches;
    assessment
}

/// Affected, high, no fix, in the packages openssl and libssl3.
pub fn fault(id: &str) -> Match {
    Match {
        id: id.into(),
        aliases: Vec::new(),
        vendor_ids: Vec::new(),
        name: "openssl".into(),
        version: "3.0.9-1".into(),
        packages: vec![0, 1],
        state: MatchState::Affected,
        fix: Fix::None,
        upgrade_to: None,
        severity: Severity::High,
        severity_source: None,
        data_source: None,
        known_exploited: None,
        epss: None,
        vulnerability: Vulnerability::default(),
        unimportant: false,
    }
}

pub fn fixed(version: &str, since: Option<&str>) -> Fix {
    Fix::Available {
        versions: vec![version.into()],
        since: since.map(day),
        since_source: since.map(|_| FixDateSource::Advisory),
    }
}

pub fn with(mut m: Match, change: impl FnOnce(&mut Match)) -> Match {
    change(&mut m);
    m
}

pub fn database(kind: DatabaseKind, built: Option<&str>) -> DatabaseInfo {
    DatabaseInfo { kind, name: "test.db".into(), digest: "sha256:00".into(), built: built.map(at), advisories: 1 }
}

/// The verdict on 2026-11-21 with a fresh full database.
pub fn verdict(assessment: &Assessment, policy: &LoadLine) -> Verdict {
    let databases = [database(DatabaseKind::Index, Some("2026-11-20"))];
    judge(assessment, policy, &Context { databases: &databases, ..Context::at(at("2026-11-21")) })
}

/// The reasons as lines `effect code message`.
pub fn lines(verdict: &Verdict) -> Vec<String> {
    verdict.reasons.iter().map(|r| format!("{} {} {}", word(&r.effect), word(&r.code), r.message)).collect()
}

pub fn word<T: std::fmt::Debug>(value: &T) -> String {
    format!("{value:?}").to_lowercase()
}
