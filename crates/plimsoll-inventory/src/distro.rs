//! Which distribution an image is built on. In: `os-release` and its elder cousins, as the squashed view has them. Out: a
//! family and release in the words that Trivy's reports use. Follows os-release(5) and each distribution's own files.

use plimsoll_model::{Distro, Family, Problem, ProblemKind};
use serde::Deserialize;

/// Files that are looked at, through links.
pub const EVIDENCE: &[&str] = &[
    "etc/os-release",
    "usr/lib/os-release",
    "etc/alpine-release",
    "etc/apk/repositories",
    "etc/debian_version",
    "etc/lsb-release",
    "var/lib/ubuntu-advantage/status.json",
    "etc/oracle-release",
    "etc/fedora-release",
    "etc/rocky-release",
    "etc/almalinux-release",
    "etc/centos-release",
    "etc/redhat-release",
    "etc/system-release",
    "usr/lib/system-release",
];

/// Folders of which every file is looked at: what Red Hat's builds say of themselves.
pub const EVIDENCE_FOLDERS: &[&str] = &["root/buildinfo", "root/buildinfo/content_manifests", "usr/share/buildinfo"];

/// Whether a path bears on the distribution.
pub fn is_evidence(path: &str) -> bool {
    EVIDENCE.contains(&path)
        || path.rsplit_once('/').is_some_and(|(folder, name)| {
            EVIDENCE_FOLDERS.contains(&folder) && (name.ends_with(".json") || name.starts_with("Dockerfile-"))
        })
}

/// Files by path and names by folder, links followed.
pub trait Files {
    fn file(&self, path: &str) -> Option<&[u8]>;
    fn names(&self, folder: &str) -> Vec<String>;
}

/// Tells the distribution; `None` where nothing names one.
pub fn detect(files: &dyn Files) -> (Option<Distro>, Vec<Problem>) {
    let mut problems = Vec::new();
    let release = ["etc/os-release", "usr/lib/os-release"].iter().find_map(|path| text(files, path));
    let release = release.map(|text| OsRelease::parse(&text)).unwrap_or_default();
    let told = match release.id.as_str() {
        "" => by_elder_files(files),
        id => Some(by_id(id, &release, files)),
    };
    let Some((family, version)) = told else { return (None, problems) };
    let mut distro = Distro {
        family,
        version,
        pretty_name: Some(release.pretty_name).filter(|name| !name.is_empty()),
        advisory_release: None,
        content_sets: Vec::new(),
    };
    match distro.family {
        Family::Alpine => distro.advisory_release = alpine_release(files, &distro.version),
        Family::Ubuntu => distro.advisory_release = ubuntu_esm(files, &distro.version, &mut problems),
        Family::RedHat | Family::CentOs => distro.content_sets = content_sets(files, &mut problems),
        _ => {}
    }
    (Some(distro), problems)
}

fn text(files: &dyn Files, path: &str) -> Option<String> {
    files.file(path).map(|bytes| String::from_utf8_lossy(bytes).into_owned())
}

/// The first word of the first line.
fn first_word(files: &dyn Files, path: &str) -> Option<String> {
    text(files, path)?.split_ascii_whitespace().next().map(str::to_owned)
}

/// The fields of os-release(5) that matter.
#[derive(Debug, Default, PartialEq, Eq)]
struct OsRelease {
    id: String,
    version_id: String,
    pretty_name: String,
}

impl OsRelease {
    fn parse(text: &str) -> OsRelease {
        let mut release = OsRelease::default();
        for (key, value) in text.lines().filter_map(|line| line.trim().split_once('=')) {
            let value = value.trim().trim_matches(['"', '\'']).replace("\\\"", "\"");
            match key {
                "ID" => release.id = value.to_ascii_lowercase(),
                "VERSION_ID" => release.version_id = value,
                "PRETTY_NAME" => release.pretty_name = value,
                _ => {}
            }
        }
        release
    }
}

fn by_id(id: &str, release: &OsRelease, files: &dyn Files) -> (Family, String) {
    let version = || release.version_id.clone();
    // Red Hat's kin write point releases into their release file and only the major one into VERSION_ID.
    let finer = |paths: &[&str]| {
        let file = paths.iter().find_map(|path| text(files, path)).and_then(|text| release_number(&text));
        file.filter(|number| number.starts_with(&release.version_id)).unwrap_or_else(version)
    };
    match id {
        "alpine" => (Family::Alpine, first_word(files, "etc/alpine-release").unwrap_or_else(version)),
        "debian" => (Family::Debian, debian_version(files, &release.version_id)),
        "ubuntu" => (Family::Ubuntu, version()),
        "rhel" => (Family::RedHat, finer(&["etc/redhat-release"])),
        "centos" => (Family::CentOs, finer(&["etc/centos-release", "etc/redhat-release"])),
        "rocky" => (Family::Rocky, finer(&["etc/rocky-release", "etc/redhat-release"])),
        "almalinux" => (Family::Alma, finer(&["etc/almalinux-release", "etc/redhat-release"])),
        "ol" => (Family::Oracle, finer(&["etc/oracle-release"])),
        "fedora" => (Family::Fedora, version()),
        "amzn" => (Family::Amazon, amazon_version(files).unwrap_or_else(version)),
        "rhcos" => (Family::CoreOs, version()),
        "opensuse-leap" | "opensuse" => (Family::OpenSuseLeap, version()),
        "opensuse-tumbleweed" | "opensuse-microos" => (Family::OpenSuseTumbleweed, version()),
        "sles" | "sles_sap" | "sle_hpc" => (Family::SuseEnterprise, version()),
        "sle-micro" | "sl-micro" | "sle-micro-rancher" | "suse-microos" => (Family::SuseMicro, version()),
        "photon" => (Family::Photon, version()),
        "wolfi" => (Family::Wolfi, version()),
        "chainguard" => (Family::Chainguard, version()),
        "minimos" => (Family::MinimOs, version()),
        "mariner" => (Family::CblMariner, version()),
        "azurelinux" => (Family::AzureLinux, version()),
        "bottlerocket" => (Family::Bottlerocket, version()),
        "arch" | "archarm" => (Family::Arch, String::new()),
        other => (Family::Other(other.to_owned()), version()),
    }
}

/// Images older than os-release, or stripped of it. The more particular file comes first: Oracle and Rocky have a
/// redhat-release too, Ubuntu has a debian_version.
fn by_elder_files(files: &dyn Files) -> Option<(Family, String)> {
    if let Some(version) = amazon_version(files) {
        return Some((Family::Amazon, version));
    }
    for path in [
        "etc/oracle-release",
        "etc/fedora-release",
        "etc/rocky-release",
        "etc/almalinux-release",
        "etc/centos-release",
        "etc/redhat-release",
        "etc/system-release",
    ] {
        let Some(text) = text(files, path) else { continue };
        let low = text.to_ascii_lowercase();
        let family = [
            ("oracle", Family::Oracle),
            ("fedora", Family::Fedora),
            ("rocky", Family::Rocky),
            ("almalinux", Family::Alma),
            ("centos", Family::CentOs),
            ("red hat", Family::RedHat),
        ]
        .into_iter()
        .find(|(word, _)| low.starts_with(word))
        .map(|(_, family)| family);
        if let (Some(family), Some(version)) = (family, release_number(&text)) {
            return Some((family, version));
        }
    }
    if let Some(text) = text(files, "etc/lsb-release") {
        let field = |key: &str| text.lines().find_map(|l| l.strip_prefix(key)).map(|v| v.trim_matches('"').to_owned());
        if field("DISTRIB_ID=").as_deref() == Some("Ubuntu") {
            return Some((Family::Ubuntu, field("DISTRIB_RELEASE=").unwrap_or_default()));
        }
    }
    if let Some(version) = first_word(files, "etc/alpine-release") {
        return Some((Family::Alpine, version));
    }
    first_word(files, "etc/debian_version").map(|_| (Family::Debian, debian_version(files, "")))
}

/// `CentOS Linux release 7.6.1810 (Core)` → `7.6.1810`.
fn release_number(text: &str) -> Option<String> {
    let (_, rest) = text.lines().next()?.split_once(" release ")?;
    let number = rest.split_ascii_whitespace().next()?;
    number.starts_with(|c: char| c.is_ascii_digit()).then(|| number.to_owned())
}

/// `12.5` from debian_version, where os-release says `12`; testing and unstable write `trixie/sid`.
fn debian_version(files: &dyn Files, version_id: &str) -> String {
    match first_word(files, "etc/debian_version") {
        Some(word) if version_id.is_empty() || word.split('.').next() == Some(version_id) => word,
        _ => version_id.to_owned(),
    }
}

/// `Amazon Linux release 2 (Karoo)` → `2 (Karoo)`; `Amazon Linux AMI release 2018.03` → `AMI release 2018.03`.
fn amazon_version(files: &dyn Files) -> Option<String> {
    ["etc/system-release", "usr/lib/system-release"].iter().find_map(|path| {
        let text = text(files, path)?;
        let rest = text.lines().next()?.trim().strip_prefix("Amazon Linux ")?;
        Some(rest.strip_prefix("release ").unwrap_or(rest).to_owned())
    })
}

/// The highest release that `etc/apk/repositories` names, where it is another than the image's own: packages come from
/// there. Repositories with a tag (`@testing https://…`) serve only packages that ask for them.
fn alpine_release(files: &dyn Files, version: &str) -> Option<String> {
    let repositories = text(files, "etc/apk/repositories")?;
    let number = |release: &str| {
        let mut parts = release.split('.').map(|p| p.parse::<u32>().ok());
        Some((parts.next()??, parts.next()??))
    };
    let own = version.split('.').take(2).collect::<Vec<_>>().join(".");
    let mut highest: Option<(u32, u32)> = None;
    for line in repositories.lines().map(str::trim).filter(|line| !line.starts_with(['#', '@'])) {
        for part in line.split('/') {
            if part == "edge" {
                return Some("edge".to_owned());
            }
            highest = highest.max(part.strip_prefix('v').and_then(number));
        }
    }
    let (major, minor) = highest?;
    let release = format!("{major}.{minor}");
    (release != own).then_some(release)
}

/// `22.04-ESM` when extended security maintenance was on where the image was built.
fn ubuntu_esm(files: &dyn Files, version: &str, problems: &mut Vec<Problem>) -> Option<String> {
    #[derive(Deserialize)]
    struct Status {
        #[serde(default)]
        services: Vec<Service>,
    }
    #[derive(Deserialize)]
    struct Service {
        #[serde(default)]
        name: String,
        #[serde(default)]
        status: String,
    }
    let path = "var/lib/ubuntu-advantage/status.json";
    let bytes = files.file(path)?;
    match serde_json::from_slice::<Status>(bytes) {
        Ok(status) => status
            .services
            .iter()
            .any(|service| service.name == "esm-infra" && service.status == "enabled")
            .then(|| format!("{version}-ESM")),
        Err(error) => {
            // Without it the plain release is asked for, which has fewer fixes and so more findings: no fault is missed.
            problems.push(Problem::note(ProblemKind::UnreadableMetadata, format!("read {path}: {error}")));
            None
        }
    }
}

/// Red Hat's content sets from the build's manifests, and `name-version-release-arch` of the build itself.
fn content_sets(files: &dyn Files, problems: &mut Vec<Problem>) -> Vec<String> {
    #[derive(Deserialize)]
    struct Manifest {
        #[serde(default)]
        content_sets: Vec<String>,
    }
    let mut sets = Vec::new();
    for folder in EVIDENCE_FOLDERS {
        for name in files.names(folder) {
            let path = format!("{folder}/{name}");
            if name.ends_with(".json") {
                let Some(bytes) = files.file(&path) else { continue };
                match serde_json::from_slice::<Manifest>(bytes) {
                    Ok(manifest) => sets.extend(manifest.content_sets),
                    // The default sets of the release are asked for instead.
                    Err(error) => {
                        problems.push(Problem::note(ProblemKind::UnreadableMetadata, format!("read {path}: {error}")));
                    }
                }
            } else if let Some(build) = name.strip_prefix("Dockerfile-") {
                sets.extend(text(files, &path).and_then(|text| build_name(build, &text)));
            }
        }
    }
    sets.sort();
    sets.dedup();
    sets
}

/// `Dockerfile-ubi8-8.9-1108` with the labels `com.redhat.component="ubi8-container"` and `architecture="x86_64"` →
/// `ubi8-container-8.9-1108-x86_64`.
fn build_name(file: &str, dockerfile: &str) -> Option<String> {
    let label = |key: &str| {
        let (_, rest) = dockerfile.split_once(key)?;
        let rest = rest.trim_start_matches('"').strip_prefix('=')?.trim_start_matches('"');
        Some(rest.split(['"', ' ', '\n', '\\']).next()?.to_owned())
    };
    let mut parts = file.rsplit('-');
    let (release, version) = (parts.next()?, parts.next()?);
    let (component, arch) = (label("com.redhat.component")?, label("architecture")?);
    (!component.is_empty() && !arch.is_empty()).then(|| format!("{component}-{version}-{release}-{arch}"))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    struct Fixture(BTreeMap<&'static str, &'static str>);

    impl Files for Fixture {
        fn file(&self, path: &str) -> Option<&[u8]> {
            self.0.get(path).map(|text| text.as_bytes())
        }

        fn names(&self, folder: &str) -> Vec<String> {
            let inside = |path: &&str| path.rsplit_once('/').filter(|(at, _)| *at == folder).map(|(_, n)| n.to_owned());
            self.0.keys().filter_map(inside).collect()
        }
    }

    fn told(files: &[(&'static str, &'static str)]) -> Option<Distro> {
        detect(&Fixture(files.iter().copied().collect())).0
    }

    #[test]
    fn releases_are_written_as_trivy_writes_them() {
        let os = "etc/os-release";
        for (files, wanted) in [
            (&[(os, "ID=debian\nVERSION_ID=\"12\"\n"), ("etc/debian_version", "12.5\n")][..], "debian 12.5"),
            (&[(os, "ID=debian\n"), ("etc/debian_version", "trixie/sid\n")], "debian trixie/sid"),
            (&[("etc/debian_version", "10.2\n")], "debian 10.2"),
            (&[(os, "ID=ubuntu\nVERSION_ID='22.04'"), ("etc/debian_version", "bookworm/sid")], "ubuntu 22.04"),
            (
                &[("etc/lsb-release", "DISTRIB_ID=Ubuntu\nDISTRIB_RELEASE=12.04"), ("etc/debian_version", "x/sid")],
                "ubuntu 12.04",
            ),
            (&[(os, "ID=alpine\nVERSION_ID=3.19.1"), ("etc/alpine-release", "3.19.1\n")], "alpine 3.19.1"),
            (&[("etc/centos-release", "CentOS release 6.10 (Final)\n")], "centos 6.10"),
            (
                &[
                    (os, "ID=\"centos\"\nVERSION_ID=\"7\""),
                    ("etc/centos-release", "CentOS Linux release 7.6.1810 (Core)"),
                ],
                "centos 7.6.1810",
            ),
            (
                &[
                    (os, "ID=rhel\nVERSION_ID=7.7"),
                    ("etc/redhat-release", "Red Hat Enterprise Linux Server release 7.7 (Maipo)"),
                ],
                "redhat 7.7",
            ),
            (&[(os, "ID=ol\nVERSION_ID=8.0"), ("etc/oracle-release", "Oracle Linux Server release 8.0")], "oracle 8.0"),
            (
                &[
                    ("etc/oracle-release", "Oracle Linux Server release 6.1"),
                    ("etc/redhat-release", "Red Hat Enterprise Linux Server release 6.1"),
                ],
                "oracle 6.1",
            ),
            (&[(os, "ID=rocky\nVERSION_ID=8.5")], "rocky 8.5"),
            (
                &[(os, "ID=amzn\nVERSION_ID=2"), ("etc/system-release", "Amazon Linux release 2 (Karoo)")],
                "amazon 2 (Karoo)",
            ),
            (&[("etc/system-release", "Amazon Linux AMI release 2018.03\n")], "amazon AMI release 2018.03"),
            (&[(os, "ID=opensuse-leap\nVERSION_ID=15.1")], "opensuse-leap 15.1"),
            (&[(os, "ID=sles\nVERSION_ID=15.5")], "suse linux enterprise server 15.5"),
            (&[(os, "ID=mariner\nVERSION_ID=1.0")], "cbl-mariner 1.0"),
            (&[(os, "ID=wolfi\nVERSION_ID=20230201")], "wolfi 20230201"),
            (&[(os, "ID=slackware\nVERSION_ID=15")], "slackware 15"),
        ] {
            assert_eq!(told(files).unwrap().to_string(), wanted);
        }
    }

    #[test]
    fn nothing_is_told_of_nothing() {
        assert_eq!(told(&[]), None);
    }

    #[test]
    fn alpine_s_repositories_decide_when_they_differ() {
        let with = |repositories| {
            told(&[("etc/alpine-release", "3.19.1"), ("etc/apk/repositories", repositories)]).unwrap().advisory_release
        };
        assert_eq!(with("https://dl-cdn.alpinelinux.org/alpine/v3.19/main\n"), None);
        assert_eq!(with("https://x/alpine/v3.19/main\nhttps://x/alpine/v3.20/main\n").as_deref(), Some("3.20"));
        assert_eq!(with("https://x/alpine/v3.9/main\nhttps://x/alpine/edge/main\n").as_deref(), Some("edge"));
        assert_eq!(
            with("https://x/alpine/v3.19/main\n@testing https://x/alpine/edge/testing\n#https://x/edge/main"),
            None
        );
    }

    #[test]
    fn extended_maintenance_is_seen() {
        let status = r#"{"services":[{"name":"esm-infra","status":"enabled"}]}"#;
        let distro = told(&[
            ("etc/os-release", "ID=ubuntu\nVERSION_ID=18.04"),
            ("var/lib/ubuntu-advantage/status.json", status),
        ]);
        assert_eq!(distro.unwrap().advisory_release.as_deref(), Some("18.04-ESM"));
    }

    #[test]
    fn red_hat_s_build_names_its_content_sets() {
        let distro = told(&[
            ("etc/os-release", "ID=rhel\nVERSION_ID=8.9"),
            ("root/buildinfo/content_manifests/ubi8.json", r#"{"content_sets":["rhel-8-for-x86_64-baseos-rpms"]}"#),
            (
                "root/buildinfo/Dockerfile-ubi8-8.9-1108",
                "LABEL com.redhat.component=\"ubi8-container\" \\\n \"architecture\"=\"x86_64\"",
            ),
        ])
        .unwrap();
        assert_eq!(distro.content_sets, ["rhel-8-for-x86_64-baseos-rpms", "ubi8-container-8.9-1108-x86_64"]);
    }
}
