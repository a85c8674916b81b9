//! The readers, each one file beside this one.
//!
//! How to add one: write `src/<family>/<name>.rs` with a `pub const READER: Reader = …` (see `reader.rs` for what each
//! field means) and its tests, add its `mod` line in the family's `mod.rs`, and add one line to [`READERS`]. Remove the
//! file's name from [`SEEN_KINDS`] if it stood there. Documentation, coverage and tests derive from the slices.

use crate::reader::{Reader, SeenKind};
use crate::{binaries, languages, lockfiles};

/// Every reader of language packages, lockfiles, binaries and SBOMs. Package databases of the operating system are
/// `os::DATABASES`.
pub const READERS: &[&Reader] = &[
    // Programs.
    &binaries::cargo_auditable::READER,
    &binaries::go::READER,
    // What is installed.
    &languages::gemspec::READER,
    &languages::jar::READER,
    &languages::node::READER,
    &languages::python::READER,
    // Lockfiles.
    &lockfiles::cargo::READER,
    &lockfiles::gomod::READER,
    &lockfiles::npm::READER,
    &lockfiles::poetry::READER,
    &lockfiles::requirements::READER,
];

/// Files that are known by name and not read yet.
pub const SEEN_KINDS: &[SeenKind] = &[];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reader_ids_are_unique_words() {
        for (i, reader) in READERS.iter().enumerate() {
            assert!(
                reader.id.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-'),
                "{}",
                reader.id
            );
            assert!(!READERS[..i].iter().any(|other| other.id == reader.id), "{} stands twice", reader.id);
        }
    }
}
