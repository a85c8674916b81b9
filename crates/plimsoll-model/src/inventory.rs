//! What is in an image or a project. In: readers' findings. Out: one value that is matched, judged and kept by digest.
//! What it does not do: know of advisories or policies.

use serde::{Deserialize, Serialize};

use crate::digest::Digest;
use crate::distro::Distro;
use crate::finding::{Finding, Location, Problem};
use crate::image::{ImageConfig, Layer};
use crate::package::Package;

/// Everything that was found, in a fixed order: the same bytes give the same inventory.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Inventory {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub distro: Option<Distro>,
    /// Sorted by (ecosystem, location path, name, version).
    pub packages: Vec<Package>,
    /// The image's configuration; none for a folder or an SBOM.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub config: Option<ImageConfig>,
    /// Lowest first; empty for a folder or an SBOM.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub layers: Vec<Layer>,
    /// Every executable file (ELF or `#!`) of the squashed view, by path; empty when that was switched off.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub executables: Vec<Executable>,
    /// Facts about files that image rules ask for.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub files: Vec<FileFact>,
    /// Bytes that a later layer hides: they are shipped and not seen.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub wasted: Vec<WastedFile>,
    /// Bytes of all files in all layers, hidden ones included.
    #[serde(default)]
    pub total_file_bytes: u64,
    /// Files of known kinds that no reader reads yet.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub seen_not_read: Vec<SeenFile>,
    /// What content inspectors found in files (secrets).
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub content_findings: Vec<Finding>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub problems: Vec<Problem>,
}

/// How the kernel starts a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ExecutableKind {
    Elf,
    Script,
}

/// A file that can run: what runs is later compared with what was judged.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Executable {
    pub location: Location,
    pub kind: ExecutableKind,
    /// Permission bits, setuid, setgid and sticky included.
    pub mode: u32,
    pub size: u64,
    pub sha256: Digest,
}

/// What is remarkable about a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum FileFactKind {
    Setuid,
    Setgid,
    /// Writable by anyone, and no sticky folder, link or device.
    WorldWritable,
    /// A command shell at one of the usual places.
    Shell,
    /// A package manager's program.
    PackageManager,
    /// A file of a package manager's cache; sizes add up.
    PackageCache,
    /// A compiler or build tool.
    BuildTool,
    /// The main program of a service (a server of its own): several mean several applications.
    Service,
    /// A file that holds a credential by its very name: a private key, a key store.
    CredentialFile,
    /// The file that makes its folder a checkout of a version control system.
    Repository,
    /// A file of the project or of its author's tools, which no program reads where the image runs.
    ProjectFile,
    /// A file that the caller asked for by name.
    Named,
}

/// One remarkable file of the squashed view.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct FileFact {
    pub kind: FileFactKind,
    pub location: Location,
    pub mode: u32,
    pub size: u64,
}

/// A file that a later layer replaced or removed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct WastedFile {
    /// Where the bytes are.
    pub location: Location,
    pub size: u64,
    /// The layer that hid them.
    pub hidden_by_layer: usize,
    /// True when the later layer removed it, false when it wrote it again.
    pub removed: bool,
}

/// A file whose kind is known and whose reader is not there yet: its packages were not seen.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SeenFile {
    pub location: Location,
    /// What it is, for people: `yarn lockfile`.
    pub what: String,
}
