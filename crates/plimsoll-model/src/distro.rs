//! The distribution that an image is built on. In: what `os-release` and its elder cousins say. Out: a family, by
//! which version orders, advisory feeds and matching rules are chosen.

use std::fmt;

use serde::{Deserialize, Serialize};

/// Families of distributions, by the names that Trivy's reports use.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(into = "String", from = "String")]
pub enum Family {
    Alma,
    Alpine,
    Amazon,
    Arch,
    AzureLinux,
    Bottlerocket,
    CblMariner,
    CentOs,
    Chainguard,
    CoreOs,
    Debian,
    Fedora,
    MinimOs,
    OpenSuseLeap,
    OpenSuseTumbleweed,
    Oracle,
    Photon,
    RedHat,
    Rocky,
    SuseEnterprise,
    SuseMicro,
    Ubuntu,
    Wolfi,
    /// A distribution that we know by name only: its packages are listed, nothing is matched, and the report says so.
    Other(String),
}

const FAMILIES: &[(Family, &str)] = &[
    (Family::Alma, "alma"),
    (Family::Alpine, "alpine"),
    (Family::Amazon, "amazon"),
    (Family::Arch, "arch"),
    (Family::AzureLinux, "azurelinux"),
    (Family::Bottlerocket, "bottlerocket"),
    (Family::CblMariner, "cbl-mariner"),
    (Family::CentOs, "centos"),
    (Family::Chainguard, "chainguard"),
    (Family::CoreOs, "coreos"),
    (Family::Debian, "debian"),
    (Family::Fedora, "fedora"),
    (Family::MinimOs, "minimos"),
    (Family::OpenSuseLeap, "opensuse-leap"),
    (Family::OpenSuseTumbleweed, "opensuse-tumbleweed"),
    (Family::Oracle, "oracle"),
    (Family::Photon, "photon"),
    (Family::RedHat, "redhat"),
    (Family::Rocky, "rocky"),
    (Family::SuseEnterprise, "suse linux enterprise server"),
    (Family::SuseMicro, "slem"),
    (Family::Ubuntu, "ubuntu"),
    (Family::Wolfi, "wolfi"),
];

impl Family {
    /// The family's name as Trivy's reports write it.
    pub fn name(&self) -> &str {
        match self {
            Family::Other(name) => name,
            known => FAMILIES.iter().find(|(family, _)| family == known).map_or("unknown", |(_, name)| name),
        }
    }
}

impl From<&str> for Family {
    fn from(name: &str) -> Family {
        FAMILIES
            .iter()
            .find(|(_, known)| *known == name)
            .map_or_else(|| Family::Other(name.to_owned()), |(family, _)| family.clone())
    }
}

impl From<String> for Family {
    fn from(name: String) -> Family {
        Family::from(name.as_str())
    }
}

impl From<Family> for String {
    fn from(family: Family) -> String {
        family.name().to_owned()
    }
}

impl fmt::Display for Family {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A distribution and its release.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Distro {
    pub family: Family,
    /// The release as the image writes it: `12.5`, `3.19.1`, `22.04`, `20240607`; empty for a rolling distribution.
    pub version: String,
    /// `PRETTY_NAME`, for people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pretty_name: Option<String>,
    /// A release read from elsewhere that decides which advisories apply: Alpine's `/etc/apk/repositories`, Ubuntu's
    /// extended security maintenance (`22.04-ESM`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub advisory_release: Option<String>,
    /// Red Hat's content sets and name-version-release of the build, by which its advisories are chosen.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub content_sets: Vec<String>,
}

impl fmt::Display for Distro {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.version.is_empty() {
            write!(f, "{}", self.family)
        } else {
            write!(f, "{} {}", self.family, self.version)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn family_names_round_trip() {
        for (family, name) in FAMILIES {
            assert_eq!(Family::from(*name), *family);
            assert_eq!(family.name(), *name);
        }
        assert_eq!(Family::from("plan9").name(), "plan9");
    }
}
