//! An image before it is opened. In: what a source resolved. Out: its configuration and its layers, each with a way to
//! read its bytes. What it does not do: fetch or unpack.

use std::collections::BTreeMap;
use std::fmt;
use std::io;

use serde::{Deserialize, Serialize};

use crate::digest::Digest;

/// Operating system and processor of an image, `os/arch[/variant]`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Platform {
    pub os: String,
    pub architecture: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub variant: Option<String>,
}

impl Platform {
    /// Reads `os/arch` or `os/arch/variant`; `None` for anything else.
    pub fn parse(text: &str) -> Option<Platform> {
        let mut parts = text.split('/');
        let (os, architecture, variant) = (parts.next()?, parts.next()?, parts.next());
        if os.is_empty() || architecture.is_empty() || parts.next().is_some() {
            return None;
        }
        Some(Platform {
            os: os.to_owned(),
            architecture: architecture.to_owned(),
            variant: variant.filter(|v| !v.is_empty()).map(str::to_owned),
        })
    }

    /// `linux` on the architecture this program was built for, in Go's names, as image indexes use them.
    pub fn native() -> Platform {
        let architecture = match std::env::consts::ARCH {
            "x86_64" => "amd64",
            "aarch64" => "arm64",
            "x86" => "386",
            other => other,
        };
        Platform { os: "linux".into(), architecture: architecture.into(), variant: None }
    }
}

impl fmt::Display for Platform {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.os, self.architecture)?;
        if let Some(variant) = &self.variant {
            write!(f, "/{variant}")?;
        }
        Ok(())
    }
}

/// One step of an image's history (OCI image configuration, `history`).
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct HistoryEntry {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub created: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub created_by: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub author: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub comment: Option<String>,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub empty_layer: bool,
}

/// What an image's configuration says of running it (OCI image configuration).
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ImageConfig {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub platform: Option<Platform>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub created: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub author: Option<String>,
    /// `User`: empty or missing means root.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user: Option<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub env: Vec<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub entrypoint: Vec<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub cmd: Vec<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub working_dir: Option<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub exposed_ports: Vec<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub volumes: Vec<String>,
    /// The test of `HEALTHCHECK`, its kind first (`CMD`, `CMD-SHELL`, `NONE`); empty where there is none.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub healthcheck: Vec<String>,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub labels: BTreeMap<String, String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub history: Vec<HistoryEntry>,
    /// Digests of the uncompressed layers, lowest first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub diff_ids: Vec<Digest>,
    /// The configuration as it was read, for reports that show it whole. Empty when there is none.
    #[serde(skip)]
    pub raw: Vec<u8>,
}

/// Facts of one layer, lowest layer first in every list.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Layer {
    /// Digest of the blob as stored; none in a `docker save` archive.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub digest: Option<Digest>,
    /// Digest of the uncompressed tar.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub diff_id: Option<Digest>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub media_type: Option<String>,
    /// Bytes of the blob as stored.
    pub size: u64,
    /// Bytes of the uncompressed tar; 0 until the layer was read.
    #[serde(default)]
    pub unpacked_size: u64,
    /// The instruction that made it, from the history.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub created_by: Option<String>,
}

/// A layer's bytes as stored (compressed or not), read once from the start.
pub type LayerReader = Box<dyn io::Read + Send>;

/// A layer and the way to its bytes. The reader that `open` gives need not check digest or size: whoever reads it does, so
/// that bytes are believed only when they are the ones that were named.
pub struct OpenLayer {
    pub layer: Layer,
    pub open: Box<dyn Fn() -> io::Result<LayerReader> + Send + Sync>,
}

impl fmt::Debug for OpenLayer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OpenLayer").field("layer", &self.layer).finish_non_exhaustive()
    }
}

/// What kind of entry a file tree holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TreeEntryKind {
    File,
    Folder,
    /// A symbolic link and its target as written.
    Link(String),
    /// A device, socket or pipe: never read.
    Special,
}

/// One entry of a file tree.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TreeEntry {
    /// Relative to the tree's root, `/` between parts, no leading slash; bytes that are no UTF-8 are replaced.
    pub path: String,
    pub kind: TreeEntryKind,
    /// Permission bits, setuid, setgid and sticky included.
    pub mode: u32,
    pub size: u64,
}

/// What to do after an entry was visited.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Visit {
    Continue,
    /// Do not descend into this folder.
    SkipFolder,
    Stop,
}

/// Opens the entry under visit; called only when its bytes are wanted.
pub type OpenEntry<'a> = &'a mut dyn FnMut() -> io::Result<LayerReader>;

/// A folder on disk, seen from the crates that may not touch a disk. Implemented by the sources.
pub trait FileTree: Send + Sync {
    /// Visits every entry once, parents before children, names in byte order, without following links. What could not
    /// be listed comes back as problems.
    fn walk(&self, visit: &mut dyn FnMut(&TreeEntry, OpenEntry<'_>) -> Visit) -> Vec<crate::finding::Problem>;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn platforms_are_read() {
        assert_eq!(Platform::parse("linux/arm/v7").unwrap().to_string(), "linux/arm/v7");
        assert!(Platform::parse("linux").is_none());
        assert!(Platform::parse("a/b/c/d").is_none());
    }
}
