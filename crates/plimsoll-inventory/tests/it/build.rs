//! Small layers, written here so that odd ones can be written too.

use std::collections::BTreeMap;
use std::io::{self, Write};
use std::sync::Arc;

use plimsoll_inventory::{Options, catalogue_image};
use plimsoll_model::image::OpenEntry;
use plimsoll_model::{
    Algorithm, Digest, FileTree, Inventory, Layer, OpenLayer, Problem, ProblemEffect, ProblemKind, TreeEntry,
    TreeEntryKind, Visit,
};
use sha2::{Digest as _, Sha256};

/// A tar in the making.
#[derive(Default, Clone)]
pub struct Tar {
    pub bytes: Vec<u8>,
}

impl Tar {
    /// One header and its content, padded.
    pub fn raw(mut self, name: &str, kind: u8, mode: u32, link: &str, size: u64, content: &[u8]) -> Tar {
        let mut block = [0u8; 512];
        block[..name.len()].copy_from_slice(name.as_bytes());
        block[100..107].copy_from_slice(format!("{mode:07o}").as_bytes());
        block[124..135].copy_from_slice(format!("{size:011o}").as_bytes());
        block[156] = kind;
        block[157..157 + link.len()].copy_from_slice(link.as_bytes());
        block[257..265].copy_from_slice(b"ustar\x0000");
        block[148..156].copy_from_slice(b"        ");
        let sum: u32 = block.iter().map(|b| u32::from(*b)).sum();
        block[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
        self.bytes.extend_from_slice(&block);
        self.bytes.extend_from_slice(content);
        self.bytes.resize(self.bytes.len().next_multiple_of(512), 0);
        self
    }

    pub fn file(self, name: &str, content: impl AsRef<[u8]>) -> Tar {
        self.mode(name, 0o644, content)
    }

    pub fn mode(self, name: &str, mode: u32, content: impl AsRef<[u8]>) -> Tar {
        let content = content.as_ref();
        self.raw(name, b'0', mode, "", content.len() as u64, content)
    }

    pub fn folder(self, name: &str) -> Tar {
        self.raw(name, b'5', 0o755, "", 0, &[])
    }

    pub fn link(self, name: &str, target: &str) -> Tar {
        self.raw(name, b'2', 0o777, target, 0, &[])
    }

    pub fn hard_link(self, name: &str, target: &str) -> Tar {
        self.raw(name, b'1', 0o644, target, 0, &[])
    }

    /// A pax header with these records, before the entry that follows.
    pub fn pax(self, records: &[(&str, &str)]) -> Tar {
        let mut text = String::new();
        for (key, value) in records {
            let rest = format!(" {key}={value}\n");
            let mut length = rest.len() + 1;
            while length != rest.len() + length.to_string().len() {
                length = rest.len() + length.to_string().len();
            }
            text += &format!("{length}{rest}");
        }
        self.raw("pax", b'x', 0o644, "", text.len() as u64, text.as_bytes())
    }

    pub fn end(mut self) -> Vec<u8> {
        self.bytes.extend_from_slice(&[0; 1024]);
        self.bytes
    }
}

pub fn sha256(bytes: &[u8]) -> Digest {
    Digest::from_bytes(Algorithm::Sha256, &Sha256::digest(bytes)).unwrap()
}

pub fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

/// A layer whose digests say what they should.
pub fn honest(stored: Vec<u8>, tar: &[u8]) -> OpenLayer {
    promised(stored.clone(), Some(sha256(&stored)), Some(sha256(tar)))
}

/// A layer with digests as given.
pub fn promised(stored: Vec<u8>, digest: Option<Digest>, diff_id: Option<Digest>) -> OpenLayer {
    let size = if digest.is_some() { stored.len() as u64 } else { 0 };
    let stored: Arc<[u8]> = stored.into();
    OpenLayer {
        layer: Layer { digest, diff_id, size, ..Layer::default() },
        open: Box::new(move || Ok(Box::new(io::Cursor::new(stored.clone())))),
    }
}

/// An image of gzip layers.
pub fn image(layers: Vec<Tar>) -> Inventory {
    image_with(layers, &Options::default())
}

pub fn image_with(layers: Vec<Tar>, options: &Options<'_>) -> Inventory {
    let layers = layers
        .into_iter()
        .map(|tar| {
            let tar = tar.end();
            honest(gzip(&tar), &tar)
        })
        .collect();
    catalogue_image(None, layers, options)
}

pub fn ids(inventory: &Inventory) -> Vec<String> {
    inventory.packages.iter().map(|package| package.id()).collect()
}

pub fn undecided(inventory: &Inventory) -> Vec<ProblemKind> {
    let all = inventory.problems.iter();
    all.filter(|problem| problem.effect == ProblemEffect::Undecided).map(|problem| problem.kind).collect()
}

pub const DEBIAN: &str = "PRETTY_NAME=\"Debian GNU/Linux 12 (bookworm)\"\nID=debian\nVERSION_ID=\"12\"\n";

/// A status file with these packages.
pub fn status(packages: &[(&str, &str)]) -> String {
    let entry = |(name, version): &(&str, &str)| {
        format!("Package: {name}\nStatus: install ok installed\nArchitecture: amd64\nVersion: {version}\n\n")
    };
    packages.iter().map(entry).collect()
}

/// A small Debian.
pub fn debian(packages: &[(&str, &str)]) -> Tar {
    Tar::default()
        .file("etc/debian_version", "12.5\n")
        .file("usr/lib/os-release", DEBIAN)
        .link("etc/os-release", "../usr/lib/os-release")
        .file("var/lib/dpkg/status", status(packages))
}

/// What a test keeps of an entry: its kind, mode and content.
type Kept = (TreeEntryKind, u32, Vec<u8>);

/// A folder in memory, as a source would show one on disk.
#[derive(Default)]
pub struct Folder(pub BTreeMap<String, Kept>);

impl Folder {
    pub fn file(mut self, path: &str, content: impl AsRef<[u8]>) -> Folder {
        self.0.insert(path.to_owned(), (TreeEntryKind::File, 0o644, content.as_ref().to_vec()));
        self
    }

    pub fn link(mut self, path: &str, target: &str) -> Folder {
        self.0.insert(path.to_owned(), (TreeEntryKind::Link(target.to_owned()), 0o777, Vec::new()));
        self
    }
}

impl FileTree for Folder {
    fn walk(&self, visit: &mut dyn FnMut(&TreeEntry, OpenEntry<'_>) -> Visit) -> Vec<Problem> {
        for (path, (kind, mode, content)) in &self.0 {
            let entry = TreeEntry { path: path.clone(), kind: kind.clone(), mode: *mode, size: content.len() as u64 };
            visit(&entry, &mut || Ok(Box::new(io::Cursor::new(content.clone()))));
        }
        Vec::new()
    }
}
