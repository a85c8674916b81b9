//! How each distribution's advisories name releases and packages. In: a distribution. Out: its rule.
//!
//! How to add a distribution: one line in [`RULES`], its lists in the feeds, its releases in `life.rs`. A family without
//! a rule is listed and never matched: "no maintained data".

use plimsoll_model::{Distro, Ecosystem, Family};

/// Whose name a list is keyed by, or whose version is compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Of {
    Source,
    Binary,
}

/// What a family's matching needs to know.
#[derive(Debug)]
pub struct Rule {
    /// The family's name in the model.
    pub family: &'static str,
    /// The family whose lists are used: CentOS goes by Red Hat's.
    pub lists: &'static str,
    /// Releases as lists are keyed, best first; a database's first that it has counts.
    pub releases: fn(&Distro) -> Vec<String>,
    pub name: Of,
    pub version: Of,
    /// The order of versions, and the only kind of package that is the distribution's.
    pub ecosystem: Ecosystem,
    /// Names of modular packages stand as `module:stream::name`.
    pub modular: bool,
    /// Oracle: fixes of its FIPS and Ksplice builds count for those builds only.
    pub flavours: bool,
    /// Red Hat: content sets choose among the advisories.
    pub content_sets: bool,
}

const fn rule(
    family: &'static str,
    lists: &'static str,
    releases: fn(&Distro) -> Vec<String>,
    ecosystem: Ecosystem,
) -> Rule {
    Rule {
        family,
        lists,
        releases,
        name: Of::Source,
        version: Of::Source,
        ecosystem,
        modular: false,
        flavours: false,
        content_sets: false,
    }
}

const fn rpm(family: &'static str, lists: &'static str, releases: fn(&Distro) -> Vec<String>) -> Rule {
    let rule = rule(family, lists, releases, Ecosystem::Rpm);
    Rule { name: Of::Binary, version: Of::Binary, ..rule }
}

const fn modular(rule: Rule) -> Rule {
    Rule { modular: true, ..rule }
}

fn by_major(distro: &Distro) -> Vec<String> {
    vec![major(&distro.version)]
}

fn by_minor(distro: &Distro) -> Vec<String> {
    vec![minor(&distro.version)]
}

fn exact(distro: &Distro) -> Vec<String> {
    vec![distro.version.clone()]
}

fn rolling(_: &Distro) -> Vec<String> {
    vec![String::new()]
}

/// Every family that is matched. Amazon's fixes are compared in rpm's order, as dnf does (Trivy takes Debian's).
pub const RULES: &[Rule] = &[
    modular(rpm("alma", "alma", by_major)),
    rule("alpine", "alpine", alpine, Ecosystem::Apk),
    rpm("amazon", "amazon", |distro| vec![amazon(&distro.version).to_owned()]),
    rule("azurelinux", "azurelinux", by_minor, Ecosystem::Rpm),
    rule("cbl-mariner", "cbl-mariner", by_minor, Ecosystem::Rpm),
    Rule { content_sets: true, ..modular(rpm("centos", "redhat", red_hat)) },
    Rule { version: Of::Binary, ..rule("chainguard", "chainguard", rolling, Ecosystem::Apk) },
    rule("debian", "debian", by_major, Ecosystem::Dpkg),
    Rule { version: Of::Binary, ..rule("minimos", "minimos", rolling, Ecosystem::Apk) },
    rpm("opensuse-leap", "opensuse-leap", exact),
    rpm("opensuse-tumbleweed", "opensuse-tumbleweed", rolling),
    Rule { flavours: true, ..rpm("oracle", "oracle", by_major) },
    Rule { version: Of::Binary, ..rule("photon", "photon", exact, Ecosystem::Rpm) },
    Rule { content_sets: true, ..modular(rpm("redhat", "redhat", red_hat)) },
    modular(rpm("rocky", "rocky", by_major)),
    rpm("suse linux enterprise server", "suse linux enterprise server", exact),
    rpm("slem", "slem", exact),
    rule("ubuntu", "ubuntu", ubuntu, Ecosystem::Dpkg),
    Rule { version: Of::Binary, ..rule("wolfi", "wolfi", rolling, Ecosystem::Apk) },
];

/// The rule of a distribution; `None` when nobody keeps advisories that we could match it with.
pub fn rule_of(distro: &Distro) -> Option<&'static Rule> {
    // CentOS Stream runs ahead of Red Hat's releases, whose advisories do not speak of it.
    let stream = distro.family == Family::CentOs
        && distro.pretty_name.as_ref().is_some_and(|name| name.to_ascii_lowercase().contains("stream"));
    RULES.iter().find(|rule| rule.family == distro.family.name() && !stream)
}

/// Releases that move every day and that nobody keeps complete lists for: Debian sid and testing, Alpine edge, Ubuntu
/// devel.
pub fn is_moving(distro: &Distro) -> bool {
    let version = distro.version.as_str();
    match distro.family {
        Family::Debian => !version.starts_with(|c: char| c.is_ascii_digit()) || version.contains("sid"),
        Family::Alpine => alpine(distro).iter().any(|release| release == "edge"),
        Family::Ubuntu => !version.starts_with(|c: char| c.is_ascii_digit()),
        _ => false,
    }
}

pub fn major(version: &str) -> String {
    version.split(['.', '-', ' ']).next().unwrap_or_default().to_owned()
}

pub fn minor(version: &str) -> String {
    let mut parts = version.split(['.', '-', '_', ' ']);
    match (parts.next(), parts.next()) {
        (Some(first), Some(second)) => format!("{first}.{second}"),
        _ => version.to_owned(),
    }
}

/// `2 (Karoo)` → 2, `2023.3.20240108` → 2023, everything before (`2018.03`) → 1.
pub fn amazon(version: &str) -> &'static str {
    match major(version.trim()).as_str() {
        "2" => "2",
        "2022" => "2022",
        "2023" => "2023",
        _ => "1",
    }
}

/// The release of the repositories where the image names one, else of os-release; a snapshot is edge.
fn alpine(distro: &Distro) -> Vec<String> {
    let release = distro.advisory_release.as_deref().unwrap_or(&distro.version).trim_start_matches('v');
    if release.is_empty() || release.contains("edge") || release.contains("_alpha") {
        return vec!["edge".to_owned()];
    }
    vec![minor(release)]
}

/// Extended maintenance first where it is on.
fn ubuntu(distro: &Distro) -> Vec<String> {
    distro.advisory_release.iter().chain(std::iter::once(&distro.version)).cloned().collect()
}

/// One list for all releases, or one for each.
fn red_hat(distro: &Distro) -> Vec<String> {
    vec![String::new(), major(&distro.version)]
}

/// The content sets that Red Hat's images of a release use, for images that do not name theirs.
pub fn default_content_sets(distro: &Distro) -> Vec<String> {
    let release = major(&distro.version);
    match release.as_str() {
        "6" | "7" => {
            vec![format!("rhel-{release}-server-rpms"), format!("rhel-{release}-server-extras-rpms")]
        }
        "8" | "9" | "10" => {
            vec![format!("rhel-{release}-for-x86_64-baseos-rpms"), format!("rhel-{release}-for-x86_64-appstream-rpms")]
        }
        _ => Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn distro(family: Family, version: &str, advisory_release: Option<&str>) -> Distro {
        Distro {
            family,
            version: version.to_owned(),
            pretty_name: None,
            advisory_release: advisory_release.map(str::to_owned),
            content_sets: Vec::new(),
        }
    }

    #[test]
    fn releases_are_named_as_lists_name_them() {
        for (family, version, other, releases) in [
            (Family::Alpine, "3.19.1", None, vec!["3.19"]),
            (Family::Alpine, "3.21_alpha20240606", None, vec!["edge"]),
            (Family::Alpine, "3.18.4", Some("3.19"), vec!["3.19"]),
            (Family::Debian, "12.5", None, vec!["12"]),
            (Family::Ubuntu, "18.04", Some("18.04-ESM"), vec!["18.04-ESM", "18.04"]),
            (Family::Amazon, "2 (Karoo)", None, vec!["2"]),
            (Family::Amazon, "2023.3.20240108", None, vec!["2023"]),
            (Family::Amazon, "2018.03", None, vec!["1"]),
            (Family::CblMariner, "2.0.20240123", None, vec!["2.0"]),
            (Family::SuseEnterprise, "15.5", None, vec!["15.5"]),
            (Family::Photon, "4.0", None, vec!["4.0"]),
            (Family::Wolfi, "20230201", None, vec![""]),
            (Family::CentOs, "7.9.2009", None, vec!["", "7"]),
        ] {
            let distro = distro(family, version, other);
            assert_eq!((rule_of(&distro).unwrap().releases)(&distro), releases, "{distro}");
        }
    }

    #[test]
    fn families_are_spelled_as_the_model_spells_them() {
        for rule in RULES {
            for name in [rule.family, rule.lists] {
                assert!(!matches!(Family::from(name), Family::Other(_)), "{name}");
            }
        }
    }

    #[test]
    fn moving_and_unknown_releases_are_told() {
        assert!(is_moving(&distro(Family::Debian, "", None)));
        assert!(is_moving(&distro(Family::Debian, "trixie/sid", None)));
        assert!(is_moving(&distro(Family::Alpine, "edge", None)));
        assert!(!is_moving(&distro(Family::Debian, "12", None)));
        assert!(rule_of(&distro(Family::Fedora, "40", None)).is_none());
        let mut stream = distro(Family::CentOs, "9", None);
        stream.pretty_name = Some("CentOS Stream 9".to_owned());
        assert!(rule_of(&stream).is_none());
    }
}
