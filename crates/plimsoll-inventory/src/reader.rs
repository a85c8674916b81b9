//! What a reader is: "is this file yours?" apart from "which packages does it name?". In: one file's bytes and the files
//! it asked to see beside it. Out: packages and problems. What it does not do: find files, know layers, or match.

use std::collections::BTreeMap;

use plimsoll_model::{Ecosystem, Package, Problem};

/// Where a reader applies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scope {
    /// Images and unpacked root file systems: what is installed.
    Image,
    /// Project folders: what is asked for (lockfiles).
    Project,
    Both,
}

/// A file that was met and may be wanted.
#[derive(Debug, Clone, Copy)]
pub struct Candidate<'a> {
    /// Relative to the root, `/` between parts, no leading slash.
    pub path: &'a str,
    /// Bytes of the whole file.
    pub size: u64,
    /// Permission bits.
    pub mode: u32,
    /// The first bytes of the file, at most [`HEAD`]; may be empty in a project folder, where files are not opened
    /// before somebody wants them by name.
    pub head: &'a [u8],
}

/// How many first bytes a [`Candidate`] shows at most: enough for every magic number.
pub const HEAD: usize = 64;

impl<'a> Candidate<'a> {
    /// The last part of the path.
    pub fn name(&self) -> &'a str {
        self.path.rsplit('/').next().unwrap_or(self.path)
    }

    /// True for an ELF program or shared library by its content, whatever its name or mode: relocatable objects and core
    /// dumps are neither.
    pub fn is_elf(&self) -> bool {
        is_elf(self.head)
    }
}

/// See [`Candidate::is_elf`].
pub fn is_elf(head: &[u8]) -> bool {
    let Some([0x7f, b'E', b'L', b'F', _, order]) = head.first_chunk::<6>() else { return false };
    // e_type: 2 = executable, 3 = shared; in the file's own byte order.
    let kind = match (order, head.get(16), head.get(17)) {
        (2, Some(high), Some(low)) => u16::from_be_bytes([*high, *low]),
        (_, Some(low), Some(high)) => u16::from_le_bytes([*low, *high]),
        _ => return false,
    };
    kind == 2 || kind == 3
}

/// One member of the registry in `readers.rs`.
#[derive(Debug)]
pub struct Reader {
    /// `cargo-lock`, `go-binary`, `jar`: goes into [`Package::reader`]. Ids are forever.
    pub id: &'static str,
    /// What it reads, for people: `Cargo lockfile`.
    pub what: &'static str,
    pub ecosystem: Ecosystem,
    pub scope: Scope,
    /// Called for every regular file; must be cheap.
    pub wants: fn(&Candidate<'_>) -> bool,
    /// When not empty, only files in which one of these byte strings occurs are read. Readers that want every ELF file
    /// name their section or magic here, so that a large program streams by without being held in memory.
    pub markers: &'static [&'static [u8]],
    /// Which other files the reader may ask to see beside a wanted one (path → yes). A reader with none is read while the
    /// layer streams by; one with some is read after all layers were squashed, its bytes kept until then, so be narrow.
    pub companion: Option<fn(&str) -> bool>,
    /// A larger file is not read and gives a `LimitReached` problem.
    pub max_size: u64,
    /// Never panics, whatever the bytes.
    pub read: fn(&ReadInput<'_>) -> ReadOutput,
}

/// Kept companion files by path.
pub type Companions<'a> = BTreeMap<&'a str, &'a [u8]>;

/// What a reader is given.
#[derive(Debug)]
pub struct ReadInput<'a> {
    /// Path of the file, as in [`Candidate`].
    pub path: &'a str,
    pub bytes: &'a [u8],
    /// Files of the whole tree for which `companion` said yes. See [`ReadInput::beside`].
    pub companions: &'a Companions<'a>,
}

impl<'a> ReadInput<'a> {
    /// An input without companions: for tests and fuzz targets.
    pub fn alone(path: &'a str, bytes: &'a [u8]) -> ReadInput<'a> {
        static NONE: Companions<'static> = BTreeMap::new();
        ReadInput { path, bytes, companions: &NONE }
    }

    /// The folder of the file, without a trailing slash; empty at the root.
    pub fn folder(&self) -> &'a str {
        self.path.rsplit_once('/').map_or("", |(folder, _)| folder)
    }

    /// The bytes of a companion by its path relative to the file's folder (`go.sum`, `../pom.xml`).
    pub fn beside(&self, relative: &str) -> Option<&'a [u8]> {
        let mut parts: Vec<&str> = self.folder().split('/').filter(|p| !p.is_empty()).collect();
        for part in relative.split('/') {
            match part {
                "" | "." => {}
                ".." => {
                    parts.pop()?;
                }
                part => parts.push(part),
            }
        }
        self.companions.get(parts.join("/").as_str()).copied()
    }

    /// Companions in the file's own folder: (name, bytes), by name.
    pub fn siblings(&self) -> impl Iterator<Item = (&'a str, &'a [u8])> + '_ {
        let folder = self.folder();
        self.companions.iter().filter_map(move |(path, bytes)| {
            let (at, name) = path.rsplit_once('/').unwrap_or(("", path));
            (at == folder).then_some((name, *bytes))
        })
    }
}

/// What a reader gives back. A file that cannot be understood, whole or in part, gives an `Undecided` problem beside
/// whatever was understood; never just fewer packages. Packages and problems without a location get that of the file; the
/// layer is always filled in by the caller.
#[derive(Debug, Default)]
pub struct ReadOutput {
    pub packages: Vec<Package>,
    pub problems: Vec<Problem>,
}

impl ReadOutput {
    /// Packages without any problem.
    pub fn of(packages: Vec<Package>) -> ReadOutput {
        ReadOutput { packages, problems: Vec::new() }
    }

    /// Nothing but a problem.
    pub fn problem(problem: Problem) -> ReadOutput {
        ReadOutput { packages: Vec::new(), problems: vec![problem] }
    }
}

/// A kind of file that is known by name and that no reader reads yet: reported as "seen, not read", undecided.
#[derive(Debug)]
pub struct SeenKind {
    /// What it is, for people: `yarn lockfile`.
    pub what: &'static str,
    pub scope: Scope,
    /// By path, as in [`Candidate`].
    pub is: fn(&str) -> bool,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn elf_is_told_by_content_in_both_byte_orders() {
        let mut head = [0u8; 20];
        head[..6].copy_from_slice(b"\x7fELF\x02\x01");
        head[16] = 3;
        assert!(is_elf(&head));
        head[16] = 1; // a relocatable object
        assert!(!is_elf(&head));
        head[5] = 2;
        head[16..18].copy_from_slice(&[0, 2]);
        assert!(is_elf(&head));
        assert!(!is_elf(b"\x7fELF"));
    }

    #[test]
    fn companions_are_found_relative_to_the_file() {
        let kept: Companions<'_> =
            [("app/go.sum", &b"sum"[..]), ("app/sub/go.sum", b"other"), ("pom.xml", b"parent")].into();
        let input = ReadInput { path: "app/go.mod", bytes: b"", companions: &kept };
        assert_eq!(input.beside("go.sum"), Some(&b"sum"[..]));
        assert_eq!(input.beside("../pom.xml"), Some(&b"parent"[..]));
        assert_eq!(input.beside("../../pom.xml"), None);
        assert_eq!(input.siblings().collect::<Vec<_>>(), [("go.sum", &b"sum"[..])]);
    }
}
