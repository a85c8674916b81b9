//! A package that an image or a project holds. In: what readers found. Out: one shape for every ecosystem, with the
//! place it came from.

use serde::{Deserialize, Serialize};

use crate::finding::Location;

/// Which world a package belongs to: it decides version order, name rules and feeds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Ecosystem {
    // Of the operating system.
    Apk,
    Dpkg,
    Rpm,
    // Of a language.
    Cargo,
    Cocoapods,
    Composer,
    Conan,
    Conda,
    Gem,
    Go,
    Hex,
    Julia,
    Maven,
    Npm,
    Nuget,
    Pub,
    Pypi,
    Swift,
    // Of neither.
    Bitnami,
    Kubernetes,
    Generic,
}

impl Ecosystem {
    /// True for the packages that a distribution's own package manager installed.
    pub fn is_os(self) -> bool {
        matches!(self, Ecosystem::Apk | Ecosystem::Dpkg | Ecosystem::Rpm)
    }

    /// The `type` of a package URL (package-url specification, "purl types").
    pub fn purl_type(self) -> &'static str {
        match self {
            Ecosystem::Apk => "apk",
            Ecosystem::Dpkg => "deb",
            Ecosystem::Rpm => "rpm",
            Ecosystem::Cargo => "cargo",
            Ecosystem::Cocoapods => "cocoapods",
            Ecosystem::Composer => "composer",
            Ecosystem::Conan => "conan",
            Ecosystem::Conda => "conda",
            Ecosystem::Gem => "gem",
            Ecosystem::Go => "golang",
            Ecosystem::Hex => "hex",
            Ecosystem::Julia => "julia",
            Ecosystem::Maven => "maven",
            Ecosystem::Npm => "npm",
            Ecosystem::Nuget => "nuget",
            Ecosystem::Pub => "pub",
            Ecosystem::Pypi => "pypi",
            Ecosystem::Swift => "swift",
            Ecosystem::Bitnami => "bitnami",
            Ecosystem::Kubernetes => "k8s",
            Ecosystem::Generic => "generic",
        }
    }

    /// The inverse of [`Ecosystem::purl_type`].
    pub fn from_purl_type(name: &str) -> Option<Ecosystem> {
        Ecosystem::ALL.iter().copied().find(|e| e.purl_type() == name)
    }

    pub const ALL: [Ecosystem; 21] = [
        Ecosystem::Apk,
        Ecosystem::Dpkg,
        Ecosystem::Rpm,
        Ecosystem::Cargo,
        Ecosystem::Cocoapods,
        Ecosystem::Composer,
        Ecosystem::Conan,
        Ecosystem::Conda,
        Ecosystem::Gem,
        Ecosystem::Go,
        Ecosystem::Hex,
        Ecosystem::Julia,
        Ecosystem::Maven,
        Ecosystem::Npm,
        Ecosystem::Nuget,
        Ecosystem::Pub,
        Ecosystem::Pypi,
        Ecosystem::Swift,
        Ecosystem::Bitnami,
        Ecosystem::Kubernetes,
        Ecosystem::Generic,
    ];
}

/// The source package that an operating-system package was built from.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct SourcePackage {
    pub name: String,
    /// Full version in the ecosystem's own writing; the binary's when the source has none of its own.
    pub version: String,
}

/// How a package came to be among the dependencies.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Relationship {
    #[default]
    Unknown,
    Root,
    Workspace,
    Direct,
    Indirect,
}

/// One package, once per place.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Package {
    pub name: String,
    /// Full version in the ecosystem's own writing: dpkg and rpm `[epoch:]version[-release]` (rpm's epoch is left out
    /// when the package has none), Go with its `v`, others as written. Empty when the package has none that can be read;
    /// such a package cannot be judged.
    pub version: String,
    pub ecosystem: Ecosystem,
    /// What read it: `dpkg`, `go-binary`, `cargo-lock`, `node-package-json`, `jar`, … (the reader's id in the registry).
    pub reader: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source: Option<SourcePackage>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub arch: Option<String>,
    /// rpm's modularity label `name:stream:version:context`, whole.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub module: Option<String>,
    /// dpkg's Maintainer, rpm's Vendor: says whether the distribution answers for the package.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub vendor: Option<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub licenses: Vec<String>,
    /// The file that says the package is there, and the layer that brought it.
    pub location: Location,
    #[serde(default)]
    pub relationship: Relationship,
    /// Needed only to develop, not to run.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub dev: bool,
    /// `name@version` of what it depends on, as the lockfile says.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub depends_on: Vec<String>,
    /// Every line range that names it, for lockfiles: first and last line, from 1.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub lines: Vec<(u32, u32)>,
    /// Files that an operating-system package installed, absolute paths without the leading slash. Not serialised: it is
    /// for finding owners, and would be most of a report.
    #[serde(skip)]
    pub files: Vec<String>,
    /// Name of the operating-system package whose files include this package's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub owned_by: Option<String>,
    /// True when name or version are guessed (a jar known by its file name only).
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub guessed: bool,
    /// The package URL or reference that an SBOM gave it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub given_purl: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bom_ref: Option<String>,
}

impl Package {
    /// A package with the facts that every reader has; the rest is empty.
    pub fn new(ecosystem: Ecosystem, reader: &str, name: impl Into<String>, version: impl Into<String>) -> Package {
        Package {
            name: name.into(),
            version: version.into(),
            ecosystem,
            reader: reader.to_owned(),
            source: None,
            arch: None,
            module: None,
            vendor: None,
            licenses: Vec::new(),
            location: Location::default(),
            relationship: Relationship::Unknown,
            dev: false,
            depends_on: Vec::new(),
            lines: Vec::new(),
            files: Vec::new(),
            owned_by: None,
            guessed: false,
            given_purl: None,
            bom_ref: None,
        }
    }

    /// `name@version`, for people and for Trivy's `PkgID`.
    pub fn id(&self) -> String {
        format!("{}@{}", self.name, self.version)
    }

    /// Name of the source package, or the package's own.
    pub fn source_name(&self) -> &str {
        self.source.as_ref().map_or(&self.name, |s| &s.name)
    }

    /// Version of the source package, or the package's own.
    pub fn source_version(&self) -> &str {
        self.source.as_ref().map_or(&self.version, |s| &s.version)
    }
}
