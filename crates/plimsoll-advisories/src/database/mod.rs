//! Opened advisory databases. In: a path. Out: an [`AdvisorySource`] of whatever kind lies there. What it does not do:
//! fetch one, or fall back on another.
//!
//! How to add a kind: one file beside this one, its `mod` line and its line in [`open`].

use std::path::Path;

use crate::record::AdvisorySource;
use crate::{DatabaseError, broken, cannot_open};

pub mod bolt;
pub mod build;
mod codec;
pub mod index;
mod index_writer;
pub mod input;
mod map;
pub mod memory;
pub mod osv_folder;
pub mod transfer;
pub mod trivy;

pub use crate::baseline::baseline;

/// Opens what lies at `path`: Trivy's `trivy.db` or the folder that holds it, our index, or a folder or archive of OSV
/// records.
///
/// # Errors
/// When there is nothing, or nothing that we can read; the words name the path and what is wrong with it.
pub fn open(path: &Path) -> Result<Box<dyn AdvisorySource>, DatabaseError> {
    let meta = std::fs::metadata(path).map_err(|e| cannot_open(path, e))?;
    if meta.is_dir() {
        return if path.join("trivy.db").exists() {
            Ok(Box::new(trivy::open(path)?))
        } else {
            Ok(Box::new(osv_folder::open(path)?))
        };
    }
    if meta.len() == 0 {
        return Err(broken(path, "the file is empty"));
    }
    let mut head = [0; 64];
    let got = std::fs::File::open(path)
        .and_then(|mut file| input::read_up_to(&mut file, &mut head))
        .map_err(|e| cannot_open(path, e))?;
    let head = head.get(..got).unwrap_or_default();
    if index::looks_like(head) {
        return Ok(Box::new(index::open(path)?));
    }
    // A damaged trivy.db is still one by its name: its own reader says best what is wrong with it.
    if bolt::Bolt::looks_like(head) || path.file_name().is_some_and(|name| name == "trivy.db") {
        return Ok(Box::new(trivy::open(path)?));
    }
    Ok(Box::new(osv_folder::open(path)?))
}

#[cfg(test)]
mod tests {
    use std::fs;

    use plimsoll_model::{DatabaseKind, Ecosystem};

    use super::*;
    use crate::record::Space;

    const RECORD: &str = r#"{"id": "GHSA-1", "modified": "2024-01-02T00:00:00Z", "affected":
        [{"package": {"ecosystem": "npm", "name": "left"}, "ranges": [{"type": "SEMVER", "events": [{"introduced": "0"}]}]}]}"#;

    #[test]
    fn folder_of_osv_records_is_a_database_with_a_digest_and_a_date() {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join("npm")).unwrap();
        fs::write(folder.path().join("npm/GHSA-1.json"), RECORD).unwrap();
        fs::write(folder.path().join("README.md"), "hello").unwrap();
        let source = open(folder.path()).unwrap();
        let space = Space::Language(Ecosystem::Npm);
        assert_eq!(source.advisories(&space, "left").unwrap().len(), 1);
        assert!(source.covers(&space) && !source.covers(&Space::Language(Ecosystem::Go)));
        let info = source.info();
        assert_eq!((info.kind, info.advisories), (DatabaseKind::Osv, 1));
        assert_eq!(info.built.unwrap().to_string(), "2024-01-02T00:00:00Z");

        fs::write(folder.path().join("npm/GHSA-2.json"), "{\"id\": 1}").unwrap();
        let with_bad = open(folder.path()).unwrap();
        assert_eq!(with_bad.problems().len(), 1);
        assert_ne!(with_bad.info().digest, info.digest);
    }

    #[test]
    fn index_is_built_opened_exported_and_imported() {
        let folder = tempfile::tempdir().unwrap();
        let (feed, out) = (folder.path().join("feed"), folder.path().join("db/plimsoll.db"));
        fs::create_dir(&feed).unwrap();
        fs::write(feed.join("GHSA-1.json"), RECORD).unwrap();
        let at = "2026-11-20T00:00:00Z".parse().unwrap();
        let report = build::build(&[&feed], None, at, &out).unwrap();
        assert_eq!((report.info.advisories, report.feeds[0].documents), (1, 1));
        let source = open(&out).unwrap();
        assert_eq!((source.info().kind, source.info().digest), (DatabaseKind::Index, report.info.digest.clone()));
        assert_eq!(source.advisories(&Space::Language(Ecosystem::Npm), "left").unwrap().len(), 1);

        // A build that comes to nothing leaves the old file.
        fs::write(feed.join("GHSA-1.json"), "{\"id\": 1}").unwrap();
        let error = build::build(&[&feed], None, at, &out).unwrap_err().to_string();
        assert!(error.contains("not replaced") && error.contains("GHSA-1.json"), "{error}");
        assert_eq!(open(&out).unwrap().info().digest, report.info.digest);

        // Neither does a feed that is not whole.
        let cut = folder.path().join("cut.tar.xz");
        fs::write(&cut, &include_bytes!("../../tests/fixtures/one-record.tar.xz")[..100]).unwrap();
        fs::write(feed.join("GHSA-1.json"), RECORD).unwrap();
        let error = build::build(&[&feed, &cut], None, at, &out).unwrap_err().to_string();
        assert!(error.contains("not whole") && error.contains("cut.tar.xz"), "{error}");
        assert_eq!(open(&out).unwrap().info().digest, report.info.digest);

        let (carried, there) = (folder.path().join("carried"), folder.path().join("there.db"));
        transfer::export(&out, &carried).unwrap();
        assert_eq!(transfer::import(&carried, &there).unwrap().digest, report.info.digest);
        assert_eq!(transfer::verify(&there).unwrap().digest, report.info.digest);
        let mut bytes = fs::read(&carried).unwrap();
        bytes[200] ^= 1;
        fs::write(&carried, bytes).unwrap();
        assert!(transfer::import(&carried, &there).is_err());
        assert_eq!(open(&there).unwrap().info().digest, report.info.digest, "a broken import leaves the old one");
    }

    #[test]
    fn trivys_database_is_opened_exported_and_imported() {
        use super::bolt::writer::{Node, Tree, file};
        let folder = tempfile::tempdir().unwrap();
        let musl: Tree =
            [(b"CVE-1".to_vec(), Node::Value(b"{\"FixedVersion\":\"1-r0\"}".to_vec()))].into_iter().collect();
        let list: Tree = [(b"musl".to_vec(), Node::Bucket(musl))].into_iter().collect();
        let root: Tree = [(b"alpine 3.9".to_vec(), Node::Bucket(list))].into_iter().collect();
        fs::write(folder.path().join("trivy.db"), file(&root)).unwrap();
        fs::write(folder.path().join("metadata.json"), "{\"Version\":2}").unwrap();
        for path in [folder.path().to_owned(), folder.path().join("trivy.db")] {
            let source = open(&path).unwrap();
            assert_eq!(source.info().kind, DatabaseKind::Trivy);
            let space = Space::Os { family: plimsoll_model::Family::Alpine, release: "3.9".to_owned() };
            assert_eq!(source.advisories(&space, "musl").unwrap().len(), 1);
        }
        let (carried, there) = (folder.path().join("carried.tar.gz"), folder.path().join("there"));
        let info = transfer::export(folder.path(), &carried).unwrap();
        assert_eq!(transfer::import(&carried, &there).unwrap().digest, info.digest);
        assert_eq!(transfer::verify(&there).unwrap().digest, info.digest);
        let bytes = fs::read(&carried).unwrap();
        for length in [0, 9, bytes.len() / 2, bytes.len() - 5] {
            fs::write(&carried, &bytes[..length]).unwrap();
            assert!(transfer::import(&carried, &there).is_err(), "cut at {length}");
        }
        assert_eq!(open(&there).unwrap().info().digest, info.digest, "a broken import leaves the old one");
        fs::write(folder.path().join("trivy.db"), &file(&root)[..5000]).unwrap();
        assert!(open(folder.path()).is_err());
        fs::write(folder.path().join("trivy.db"), "").unwrap();
        assert!(open(folder.path()).is_err());
    }

    #[test]
    fn nothing_there_and_nothing_known_there_are_errors() {
        let folder = tempfile::tempdir().unwrap();
        assert!(open(&folder.path().join("absent")).is_err());
        assert!(open(folder.path()).is_err(), "an empty folder is not an empty database");
        fs::write(folder.path().join("notes.txt"), "no advisory").unwrap();
        assert!(open(folder.path()).is_err());
    }
}
