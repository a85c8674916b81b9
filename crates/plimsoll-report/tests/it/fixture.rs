//! Reports with awkward content, made by hand: names that attack terminals and browsers, no distribution, hidden and
//! undecided matches, the baseline alone. None of it is taken from a real image.

use plimsoll_model::finding::{Finding, Location, Problem, ProblemKind, RuleInfo};
use plimsoll_model::image::{ImageConfig, Layer, Platform};
use plimsoll_model::inventory::{Inventory, SeenFile, WastedFile};
use plimsoll_model::loadline::{Mode, Place};
use plimsoll_model::*;

pub const NOW: &str = "2026-11-20T12:00:00Z";

/// Clears the screen, hides text, turns direction, breaks out of markup.
pub const HOSTILE: &str =
    "evil\u{1b}[2J\u{1b}]0;owned\u{7}\u{9b}31m\u{202e}gpj.\u{200b}exe<script>alert(1)</script>\"'&|`@everyone\n]]>-->";

pub const RULES: &[RuleInfo] = &[
    RuleInfo {
        id: "runs-as-root",
        severity: Severity::High,
        aliases: &[],
        opt_in: false,
        title: "the image runs as root",
        why: "A fault in the program becomes a fault of the whole container.",
        remedy: "add a USER instruction with a numeric id",
        bad: "FROM debian:12\nCMD [\"/app\"]\n",
        good: "FROM debian:12\nUSER 10001\nCMD [\"/app\"]\n",
    },
    RuleInfo {
        id: "shell-present",
        severity: Severity::Low,
        aliases: &[],
        opt_in: false,
        title: "the image has a shell",
        why: "A shell is the first thing that an intruder looks for.",
        remedy: "build on a base without a shell",
        bad: "FROM debian:12\n",
        good: "FROM gcr.io/distroless/static\n",
    },
];

pub fn digest(seed: u8) -> Digest {
    Digest::from_bytes(Algorithm::Sha256, &[seed; 32]).unwrap()
}

pub fn package(ecosystem: Ecosystem, name: &str, version: &str, path: &str, layer: usize) -> Package {
    let mut package = Package::new(ecosystem, "test", name, version);
    package.location = Location::in_layer(path, layer);
    package
}

pub fn dpkg(name: &str, version: &str, source: &str, layer: usize) -> Package {
    let mut package = package(Ecosystem::Dpkg, name, version, "var/lib/dpkg/status", layer);
    package.source = Some(SourcePackage { name: source.into(), version: version.into() });
    package.arch = Some("amd64".into());
    package.licenses = vec!["OpenSSL".into(), "GPL-2.0-or-later".into(), "see /usr/share/doc".into()];
    package
}

pub fn affected(id: &str, severity: Severity, name: &str, version: &str, fix: &str, packages: &[usize]) -> Match {
    Match {
        id: id.into(),
        aliases: Vec::new(),
        vendor_ids: Vec::new(),
        name: name.into(),
        version: version.into(),
        packages: packages.to_vec(),
        state: MatchState::Affected,
        fix: if fix.is_empty() {
            Fix::None
        } else {
            Fix::Available {
                versions: vec![fix.into()],
                since: Some("2026-03-01".parse().unwrap()),
                since_source: Some(FixDateSource::Advisory),
            }
        },
        upgrade_to: (!fix.is_empty()).then(|| fix.into()),
        severity,
        severity_source: Some("debian".into()),
        data_source: Some(DataSource {
            id: "debian".into(),
            name: "Debian Security Tracker".into(),
            url: "https://security-tracker.debian.org/tracker/".into(),
            base_id: None,
        }),
        known_exploited: None,
        epss: None,
        vulnerability: Vulnerability {
            title: format!("{name}: a fault known as {id}"),
            description: format!("A long story about {id},\n  wrapped by the feed over several lines."),
            cwes: vec!["CWE-79".into()],
            references: vec![format!("https://example.com/{id}")],
            cvss: vec![Cvss {
                source: "nvd".into(),
                v3_vector: Some("CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H".into()),
                v3_score: Some(9.8),
                ..Cvss::default()
            }],
            vendor_severity: vec![("debian".into(), severity), ("nvd".into(), Severity::Critical)],
            published: Some("2026-02-01T00:00:00Z".parse().unwrap()),
            severity: None,
            modified: None,
        },
        unimportant: false,
    }
}

fn shop() -> Assessment {
    let mut lodash = package(Ecosystem::Npm, "lodash", "4.17.15", "app/node_modules/lodash/package.json", 1);
    lodash.licenses = vec!["MIT".into()];
    let mut express = package(Ecosystem::Npm, "express", "4.18.2", "app/node_modules/express/package.json", 1);
    express.depends_on = vec!["lodash@4.17.15".into()];
    let packages = vec![
        dpkg("openssl", "1.1.1d-0+deb10u6", "openssl", 0),
        dpkg("libssl1.1", "1.1.1d-0+deb10u6", "openssl", 0),
        dpkg("bash", "5.0-4", "bash", 0),
        dpkg("zlib1g", "1:1.2.11.dfsg-1", "zlib", 0),
        express,
        lodash,
        package(Ecosystem::Npm, "lodash", "4.17.15", "app/vendor/lodash/package.json", 1),
        package(Ecosystem::Npm, HOSTILE, "1.0.0", "app/node_modules/\u{1b}[31mevil/package.json", 1),
        package(Ecosystem::Maven, "org.apache.logging.log4j:log4j-core", "2.14.1", "app/lib/shop.jar", 2),
    ];
    let mut matches = vec![
        affected("CVE-2026-1001", Severity::Critical, "openssl", "1.1.1d-0+deb10u6", "1.1.1n-0+deb10u3", &[0, 1]),
        affected("CVE-2026-1002", Severity::High, "openssl", "1.1.1d-0+deb10u6", "1.1.1d-0+deb10u7", &[0, 1]),
        affected("CVE-2026-1003", Severity::Medium, "bash", "5.0-4", "5.0-4+deb10u1", &[2]),
        affected("CVE-2026-1004", Severity::Low, "zlib", "1:1.2.11.dfsg-1", "", &[3]),
        affected("CVE-2026-1005", Severity::High, "lodash", "4.17.15", "4.17.21", &[5, 6]),
        affected("GHSA-aaaa-bbbb-cccc", Severity::Unknown, HOSTILE, "1.0.0", "1.0.1\u{1b}[0m", &[7]),
        affected("CVE-2021-44228", Severity::Critical, "org.apache.logging.log4j:log4j-core", "2.14.1", "2.17.1", &[8]),
        affected("CVE-2026-1006", Severity::Low, "bash", "5.0-4", "", &[2]),
        affected("CVE-2026-1007", Severity::Medium, "zlib", "1:1.2.11.dfsg-1", "1:1.2.12", &[3]),
        affected("CVE-2026-1008", Severity::High, "zlib", "1:1.2.11.dfsg-1", "", &[3]),
    ];
    matches[5].vulnerability.title = HOSTILE.into();
    matches[6].aliases = vec!["GHSA-jfh8-c2jp-5v3q".into()];
    matches[6].known_exploited =
        Some(KnownExploited { added: Some("2021-12-10".parse().unwrap()), due: None, ransomware: true });
    matches[6].epss = Some(Epss { score: 0.9753, percentile: 0.9999 });
    matches[6].vulnerability.title = "Remote code execution in Log4j 2 through JNDI look-ups (Log4Shell)".into();
    matches[1].epss = Some(Epss { score: 0.0123, percentile: 0.6 });
    matches[1].vendor_ids = vec!["DSA-9001-1".into()];
    matches[7].unimportant = true;
    matches[8].state = MatchState::Undecided { reason: "the advisory's range cannot be ordered".into() };
    matches[9].fix = Fix::WontFix;

    let findings = vec![
        Finding {
            rule: "shell-present".into(),
            severity: Severity::Low,
            message: "bin/bash can be run".into(),
            remedy: None,
            locations: vec![Location::in_layer("bin/bash", 0), Location::in_layer("bin/dash", 0)],
            measure: None,
            fix: None,
        },
        Finding {
            rule: "runs-as-root".into(),
            severity: Severity::High,
            message: "the configuration names no user, so root runs".into(),
            remedy: Some("add \"USER 10001\" to the Dockerfile".into()),
            locations: Vec::new(),
            measure: None,
            fix: None,
        },
        Finding {
            rule: "secret-in-image".into(),
            severity: Severity::Critical,
            message: format!("a private key lies in {HOSTILE}"),
            remedy: None,
            locations: vec![Location::in_layer("etc/\u{202e}yek.pem", 2)],
            measure: None,
            fix: None,
        },
    ];
    let problems = vec![
        Problem::undecided(ProblemKind::SeenNotRead, "read the yarn lockfile: no reader for it yet")
            .at(Location::in_layer("app/yarn.lock", 1))
            .with_hint("commit a package-lock.json beside it"),
        Problem::note(ProblemKind::UnreadableMetadata, "read a status entry without a version"),
    ];
    let reason = |effect, code, message: &str, clause: &str, matches: &[usize], findings: &[usize]| Reason {
        effect,
        code,
        message: message.into(),
        clause: Some(clause.into()).filter(|c: &String| !c.is_empty()),
        matches: matches.to_vec(),
        findings: findings.to_vec(),
        problems: Vec::new(),
    };
    let verdict = Verdict {
        outcome: Outcome::Denied,
        mode: Mode::Enforce,
        effective: Outcome::Denied,
        ruled_by: Some(Clearance { entry: "shop".into(), place: Place { file: "loadline.yaml".into(), line: 12 } }),
        reasons: vec![
            reason(
                Effect::Deny,
                ReasonCode::Vulnerability,
                "CVE-2021-44228 in org.apache.logging.log4j:log4j-core 2.14.1 is known to be exploited; upgrade to 2.17.1",
                "images[shop].vulnerabilities.deny[1]",
                &[6],
                &[],
            ),
            reason(
                Effect::Deny,
                ReasonCode::Vulnerability,
                "3 vulnerabilities of severity high or worse have had a fix for more than 14 days, the worst CVE-2026-1001 in openssl; upgrade openssl and lodash",
                "images[shop].vulnerabilities.deny[0]",
                &[0, 1, 4],
                &[],
            ),
            reason(
                Effect::Deny,
                ReasonCode::Footprint,
                "runs-as-root: the configuration names no user, so root runs; add \"USER 10001\" to the Dockerfile",
                "images[shop].footprint.runs-as-root",
                &[],
                &[1],
            ),
            Reason {
                problems: vec![0],
                ..reason(
                    Effect::Undecided,
                    ReasonCode::Problem,
                    "app/yarn.lock was seen and not read; commit a package-lock.json beside it",
                    "",
                    &[],
                    &[],
                )
            },
            reason(
                Effect::Warn,
                ReasonCode::Footprint,
                "shell-present: bin/bash can be run; build on a base without a shell",
                "images[shop].footprint.shell-present",
                &[],
                &[0],
            ),
        ],
        hidden: vec![
            Hidden { by: HiddenBy::Unimportant, reason: String::new(), r#match: Some(7), finding: None },
            Hidden {
                by: HiddenBy::Waiver,
                reason: "not reachable, SEC-12, until 2027-01-31".into(),
                r#match: Some(2),
                finding: None,
            },
        ],
        unused: vec!["waiver CVE-2020-0001 (loadline.yaml:40) matched nothing".into()],
    };
    Assessment {
        subject: Subject {
            kind: SubjectKind::Image,
            name: "registry.example.com/shop/api:1.4.2".into(),
            reference: Some("registry.example.com/shop/api:1.4.2".parse().unwrap()),
            digest: Some(digest(0xab)),
            index_digest: None,
            image_id: Some(digest(0xcd)),
            named_at: vec![Location::line("deploy/api.yaml", 23)],
            namespace: Some("shop-prod".into()),
        },
        inventory: Inventory {
            distro: Some(Distro {
                family: Family::Debian,
                version: "10.13".into(),
                pretty_name: Some("Debian GNU/Linux 10 (buster)".into()),
                advisory_release: None,
                content_sets: Vec::new(),
            }),
            packages,
            config: Some(ImageConfig { platform: Platform::parse("linux/amd64"), ..ImageConfig::default() }),
            layers: vec![
                layer(1, 50_000_000, 114_000_000, "/bin/sh -c #(nop) ADD file:0ab1 in / "),
                layer(2, 3_200_000, 9_100_000, "RUN npm ci --omit=dev # buildkit"),
                layer(3, 8_000_000, 8_400_000, "COPY target/shop.jar /app/lib/ # buildkit"),
            ],
            wasted: vec![WastedFile {
                location: Location::in_layer("var/cache/apt/pkgcache.bin", 0),
                size: 41_000_000,
                hidden_by_layer: 1,
                removed: true,
            }],
            total_file_bytes: 131_500_000,
            seen_not_read: vec![SeenFile {
                location: Location::in_layer("app/yarn.lock", 1),
                what: "yarn lockfile".into(),
            }],
            ..Inventory::default()
        },
        matches,
        findings,
        workload: None,
        signatures: None,
        rulings: Vec::new(),
        coverage: vec![
            Coverage {
                what: "debian 10".into(),
                packages: 4,
                state: CoverageState::Covered,
                sources: vec!["Debian Security Tracker".into()],
            },
            Coverage { what: "npm".into(), packages: 4, state: CoverageState::Covered, sources: vec!["GHSA".into()] },
            Coverage {
                what: "maven".into(),
                packages: 1,
                state: CoverageState::NoData { reason: "the database has no Maven advisories".into() },
                sources: Vec::new(),
            },
        ],
        problems,
        verdict: Some(verdict),
    }
}

fn layer(seed: u8, size: u64, unpacked_size: u64, created_by: &str) -> Layer {
    Layer {
        digest: Some(digest(seed)),
        diff_id: Some(digest(seed + 0x10)),
        media_type: Some("application/vnd.oci.image.layer.v1.tar+gzip".into()),
        size,
        unpacked_size,
        created_by: Some(created_by.into()),
    }
}

/// A report over the given assessments.
pub fn report_over(assessments: Vec<Assessment>, outcome: Outcome, kind: DatabaseKind) -> Report {
    Report {
        schema_version: plimsoll_report::SCHEMA_VERSION,
        tool: ToolInfo { name: "plimsoll".into(), version: "0.1.0".into() },
        at: NOW.parse().unwrap(),
        policy: PolicyInfo {
            name: "production".into(),
            digest: digest(0x77).to_string(),
            files: vec!["loadline.yaml".into()],
        },
        databases: vec![DatabaseInfo {
            kind,
            name: if kind == DatabaseKind::Baseline { "baseline".into() } else { "advisories.plimsoll".into() },
            digest: digest(0x99).to_string(),
            built: Some("2026-11-19T06:00:00Z".parse().unwrap()),
            advisories: if kind == DatabaseKind::Baseline { 60 } else { 412_345 },
        }],
        assessments,
        problems: Vec::new(),
        outcome,
    }
}

/// One image that is refused, with everything that a report can show.
pub fn refused() -> Report {
    report_over(vec![shop()], Outcome::Denied, DatabaseKind::Index)
}

/// A folder without a distribution, of which only the baseline spoke.
pub fn baseline_only() -> Report {
    let assessment = Assessment {
        subject: Subject {
            kind: SubjectKind::Filesystem,
            name: "./shop".into(),
            reference: None,
            digest: None,
            index_digest: None,
            image_id: None,
            named_at: Vec::new(),
            namespace: None,
        },
        inventory: Inventory {
            packages: vec![{
                let mut package = Package::new(Ecosystem::Cargo, "cargo-lock", "time", "0.1.42");
                package.location = Location::line("Cargo.lock", 7);
                package
            }],
            ..Inventory::default()
        },
        matches: Vec::new(),
        findings: Vec::new(),
        workload: None,
        signatures: None,
        rulings: Vec::new(),
        coverage: vec![Coverage {
            what: "cargo".into(),
            packages: 1,
            state: CoverageState::BaselineOnly,
            sources: vec!["baseline".into()],
        }],
        problems: Vec::new(),
        verdict: Some(Verdict {
            outcome: Outcome::Undecided,
            mode: Mode::Enforce,
            effective: Outcome::Undecided,
            ruled_by: None,
            reasons: vec![Reason {
                effect: Effect::Undecided,
                code: ReasonCode::BaselineOnly,
                message: "only the embedded baseline was used; run \"plimsoll db update\"".into(),
                clause: Some("data.baselineOnly".into()),
                matches: Vec::new(),
                findings: Vec::new(),
                problems: Vec::new(),
            }],
            hidden: Vec::new(),
            unused: Vec::new(),
        }),
    };
    report_over(vec![assessment], Outcome::Undecided, DatabaseKind::Baseline)
}

/// Two subjects: one refused, one fine, as `check` gives.
pub fn several() -> Report {
    let mut fine = baseline_only().assessments.remove(0);
    fine.subject.name = "registry.example.com/shop/web:2.0.0".into();
    fine.subject.kind = SubjectKind::Image;
    fine.coverage[0].state = CoverageState::Covered;
    if let Some(verdict) = &mut fine.verdict {
        (verdict.outcome, verdict.effective) = (Outcome::Allowed, Outcome::Allowed);
        verdict.reasons.clear();
    }
    report_over(vec![shop(), fine], Outcome::Denied, DatabaseKind::Index)
}

/// The same report with everything turned round whose order carries no meaning.
pub fn turned_round(report: &Report) -> Report {
    let mut report = report.clone();
    report.assessments.reverse();
    report.databases.reverse();
    for assessment in &mut report.assessments {
        let last_package = assessment.inventory.packages.len().saturating_sub(1);
        assessment.inventory.packages.reverse();
        for m in &mut assessment.matches {
            m.packages.iter_mut().for_each(|i| *i = last_package - *i);
        }
        let last = |count: usize| count.saturating_sub(1);
        let (m, f, p) =
            (last(assessment.matches.len()), last(assessment.findings.len()), last(assessment.problems.len()));
        assessment.matches.reverse();
        assessment.findings.reverse();
        assessment.problems.reverse();
        assessment.coverage.reverse();
        if let Some(verdict) = &mut assessment.verdict {
            for reason in &mut verdict.reasons {
                reason.matches.iter_mut().for_each(|i| *i = m - *i);
                reason.findings.iter_mut().for_each(|i| *i = f - *i);
                reason.problems.iter_mut().for_each(|i| *i = p - *i);
            }
            for hidden in &mut verdict.hidden {
                hidden.r#match = hidden.r#match.map(|i| m - i);
                hidden.finding = hidden.finding.map(|i| f - i);
            }
            verdict.hidden.reverse();
        }
    }
    report
}

/// All of them, by name.
pub fn all() -> Vec<(&'static str, Report)> {
    vec![("refused", refused()), ("baseline_only", baseline_only()), ("several", several())]
}
