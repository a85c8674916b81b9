//! OSV's names of ecosystems to our spaces. In: `Debian:12`. Out: the space, or why there is none. The names are those
//! of <https://ossf.github.io/osv-schema/#affectedpackage-field>.

use plimsoll_model::{Ecosystem, Family};

use crate::record::Space;

const LANGUAGES: &[(&str, Ecosystem)] = &[
    ("Bitnami", Ecosystem::Bitnami),
    ("CocoaPods", Ecosystem::Cocoapods),
    ("ConanCenter", Ecosystem::Conan),
    ("crates.io", Ecosystem::Cargo),
    ("Go", Ecosystem::Go),
    ("Hex", Ecosystem::Hex),
    ("Julia", Ecosystem::Julia),
    ("Kubernetes", Ecosystem::Kubernetes),
    ("Maven", Ecosystem::Maven),
    ("npm", Ecosystem::Npm),
    ("NuGet", Ecosystem::Nuget),
    ("Packagist", Ecosystem::Composer),
    ("Pub", Ecosystem::Pub),
    ("PyPI", Ecosystem::Pypi),
    ("RubyGems", Ecosystem::Gem),
    ("SwiftURL", Ecosystem::Swift),
];

/// The space of an OSV ecosystem; `None` when images hold no packages of it, or its releases are not versions of a
/// distribution that we match by.
pub fn space_of(ecosystem: &str) -> Option<Space> {
    let (name, release) = ecosystem.split_once(':').unwrap_or((ecosystem, ""));
    if let Some((_, language)) = LANGUAGES.iter().find(|(known, _)| *known == name) {
        // A suffix names a registry other than the default one (`Maven:https://…`); the coordinates are the same.
        return Some(Space::Language(*language));
    }
    let os = |family: Family, release: &str| Some(Space::Os { family, release: release.to_owned() });
    let major = |release: &str| release.split('.').next().unwrap_or("").to_owned();
    match name {
        "Debian" if !release.is_empty() => os(Family::Debian, &major(release)),
        "Alpine" if !release.is_empty() => os(Family::Alpine, release.trim_start_matches('v')),
        "AlmaLinux" if !release.is_empty() => os(Family::Alma, &major(release)),
        "Rocky Linux" if !release.is_empty() => os(Family::Rocky, &major(release)),
        "Ubuntu" => ubuntu(release),
        "SUSE" => suse(release),
        "openSUSE" => match release {
            "Tumbleweed" => os(Family::OpenSuseTumbleweed, ""),
            _ => os(Family::OpenSuseLeap, release.strip_prefix("Leap ")?),
        },
        "Photon OS" if !release.is_empty() => os(Family::Photon, release),
        "Azure Linux" if !release.is_empty() => os(Family::AzureLinux, release),
        "Wolfi" => os(Family::Wolfi, ""),
        "Chainguard" => os(Family::Chainguard, ""),
        "MinimOS" => os(Family::MinimOs, ""),
        "Mageia" if !release.is_empty() => os(Family::Other("mageia".to_owned()), release),
        "openEuler" if !release.is_empty() => os(Family::Other("openeuler".to_owned()), release),
        _ => None,
    }
}

/// `22.04:LTS`, `23.10`, `Pro:18.04:LTS`; the FIPS and real-time streams are packages of their own that we do not tell
/// apart yet.
fn ubuntu(release: &str) -> Option<Space> {
    let (pro, rest) = match release.strip_prefix("Pro:") {
        Some(rest) => (true, rest),
        None => (false, release),
    };
    let version = rest.split(':').next().unwrap_or("");
    if !version.starts_with(|c: char| c.is_ascii_digit()) {
        return None;
    }
    let release = if pro { format!("{version}-ESM") } else { version.to_owned() };
    Some(Space::Os { family: Family::Ubuntu, release })
}

/// `Linux Enterprise Server 15 SP5`, `Linux Enterprise Module for Basesystem 15 SP5`, `Linux Enterprise Micro 5.3`,
/// `Linux Micro 6.0`: the products of one version share their packages.
fn suse(product: &str) -> Option<Space> {
    let mut words = product.split(' ').skip_while(|word| !word.starts_with(|c: char| c.is_ascii_digit()));
    let version = words.next()?.split('-').next()?;
    let pack = words.next().and_then(|word| word.split('-').next()).and_then(|word| word.strip_prefix("SP"));
    let release = match pack {
        Some(pack) => format!("{version}.{pack}"),
        None => version.to_owned(),
    };
    let family = if product.contains("Micro") { Family::SuseMicro } else { Family::SuseEnterprise };
    Some(Space::Os { family, release })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ecosystems_become_spaces() {
        for (ecosystem, family, release) in [
            ("Debian:12", Family::Debian, "12"),
            ("Alpine:v3.19", Family::Alpine, "3.19"),
            ("AlmaLinux:9", Family::Alma, "9"),
            ("Rocky Linux:9", Family::Rocky, "9"),
            ("Ubuntu:22.04:LTS", Family::Ubuntu, "22.04"),
            ("Ubuntu:23.10", Family::Ubuntu, "23.10"),
            ("Ubuntu:Pro:18.04:LTS", Family::Ubuntu, "18.04-ESM"),
            ("SUSE:Linux Enterprise Server 15 SP5", Family::SuseEnterprise, "15.5"),
            ("SUSE:Linux Enterprise Server 12 SP5-LTSS", Family::SuseEnterprise, "12.5"),
            ("SUSE:Linux Enterprise Micro 5.3", Family::SuseMicro, "5.3"),
            ("openSUSE:Leap 15.5", Family::OpenSuseLeap, "15.5"),
            ("openSUSE:Tumbleweed", Family::OpenSuseTumbleweed, ""),
            ("Wolfi", Family::Wolfi, ""),
        ] {
            assert_eq!(space_of(ecosystem), Some(Space::Os { family, release: release.to_owned() }), "{ecosystem}");
        }
        assert_eq!(space_of("crates.io"), Some(Space::Language(Ecosystem::Cargo)));
        assert_eq!(space_of("Maven:https://repo.spring.io"), Some(Space::Language(Ecosystem::Maven)));
        for ecosystem in ["Debian", "Android:14", "Ubuntu:Pro:FIPS:20.04:LTS", "", ":", "SUSE:"] {
            assert_eq!(space_of(ecosystem), None, "{ecosystem}");
        }
    }
}
