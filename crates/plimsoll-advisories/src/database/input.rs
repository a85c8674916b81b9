//! Folders and archives of documents. In: a path to a file, a folder, a zip or a tar (plain, gz, xz). Out: its documents
//! one by one, in the order of their names for a folder, of the archive otherwise. What it does not do: read them.

use std::fs;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use plimsoll_model::{Location, Problem, ProblemKind};

use crate::feeds::MAX_DOCUMENT;
use crate::{DatabaseError, broken, cannot_open};

/// All of OSV has about 600,000 records.
const MAX_DOCUMENTS: usize = 4_000_000;
/// Feeds nest three levels deep.
const MAX_DEPTH: usize = 16;
/// All of OSV unpacked has about 4 GB.
const MAX_TOTAL: u64 = 32 << 30;
/// What an xz stream may ask for: the largest preset needs 65 MB.
const MAX_XZ_MEMORY_KB: u32 = 256 << 10;

/// Calls `each` with name (path below `path`, `/` between) and bytes of every document. What cannot be read is a
/// problem in the list that comes back, and the rest is still read.
///
/// # Errors
/// When nothing can be read: the path is not there, the archive is broken at its head.
pub fn documents(path: &Path, each: &mut dyn FnMut(&str, &[u8])) -> Result<Vec<Problem>, DatabaseError> {
    let meta = fs::metadata(path).map_err(|e| cannot_open(path, e))?;
    let mut walk = Walk { each, problems: Vec::new(), count: 0, total: 0 };
    if meta.is_dir() {
        walk.folder(path)?;
        return Ok(walk.problems);
    }
    let mut file = fs::File::open(path).map_err(|e| cannot_open(path, e))?;
    let mut head = [0u8; 264];
    let got = read_up_to(&mut file, &mut head).map_err(|e| cannot_open(path, e))?;
    let head = head.get(..got).unwrap_or_default();
    io::Seek::rewind(&mut file).map_err(|e| cannot_open(path, e))?;
    let name = path.file_name().map(|n| n.to_string_lossy().into_owned()).unwrap_or_default();
    if head.starts_with(b"PK\x03\x04") {
        walk.zip(path, file)?;
    } else if head.starts_with(b"\xfd7zXZ\0") {
        let plain = lzma_rust2::XzReader::new_mem_limit(io::BufReader::new(file), true, MAX_XZ_MEMORY_KB);
        walk.packed(&name, ".xz", plain);
    } else if head.starts_with(&[0x1f, 0x8b]) {
        walk.packed(&name, ".gz", flate2::read::MultiGzDecoder::new(io::BufReader::new(file)));
    } else if head.get(257..262) == Some(b"ustar") {
        walk.tar(&name, io::BufReader::new(file));
    } else {
        walk.document(&name, file);
    }
    Ok(walk.problems)
}

struct Walk<'a> {
    each: &'a mut dyn FnMut(&str, &[u8]),
    problems: Vec<Problem>,
    count: usize,
    total: u64,
}

impl Walk<'_> {
    fn bad(&mut self, name: &str, what: impl std::fmt::Display) {
        self.problems.push(
            Problem::undecided(ProblemKind::BadAdvisory, format!("read feed {name}: {what}"))
                .with_hint("fetch the feed again")
                .at(Location::path(name)),
        );
    }

    /// False once a limit is hit; said once.
    fn room(&mut self, name: &str, bytes: u64) -> bool {
        self.count += 1;
        self.total = self.total.saturating_add(bytes);
        if self.count > MAX_DOCUMENTS || self.total > MAX_TOTAL {
            self.problems.push(Problem::undecided(
                ProblemKind::LimitReached,
                format!("read feed: stopped at {name}: more than {MAX_DOCUMENTS} documents or {MAX_TOTAL} bytes"),
            ));
            return false;
        }
        true
    }

    /// Reads one document and hands it over; false when no more shall be read.
    fn document(&mut self, name: &str, reader: impl Read) -> bool {
        let mut bytes = Vec::new();
        match reader.take(MAX_DOCUMENT + 1).read_to_end(&mut bytes) {
            Err(error) => self.bad(name, error),
            Ok(_) if bytes.len() as u64 > MAX_DOCUMENT => {
                self.bad(name, format!("it is larger than {MAX_DOCUMENT} bytes"))
            }
            Ok(read) => {
                if !self.room(name, read as u64) {
                    return false;
                }
                (self.each)(name, &bytes);
            }
        }
        true
    }

    fn folder(&mut self, top: &Path) -> Result<(), DatabaseError> {
        let mut files = Vec::new();
        self.list(top, "", 0, &mut files).map_err(|e| cannot_open(top, e))?;
        files.sort();
        for (name, path) in files {
            match fs::File::open(&path) {
                Ok(file) => {
                    if !self.document(&name, file) {
                        break;
                    }
                }
                Err(error) => self.bad(&name, error),
            }
        }
        Ok(())
    }

    /// Files below `dir`; hidden ones (`.git`) and links to folders are left out.
    fn list(&mut self, dir: &Path, prefix: &str, depth: usize, files: &mut Vec<(String, PathBuf)>) -> io::Result<()> {
        for entry in fs::read_dir(dir)? {
            let entry = entry?;
            let file_name = entry.file_name();
            let name = format!("{prefix}{}", file_name.to_string_lossy());
            if file_name.to_string_lossy().starts_with('.') {
                continue;
            }
            let kind = entry.file_type()?;
            if kind.is_dir() {
                if depth >= MAX_DEPTH {
                    self.bad(&name, format!("folders nest more than {MAX_DEPTH} deep"));
                } else if let Err(error) = self.list(&entry.path(), &format!("{name}/"), depth + 1, files) {
                    self.bad(&name, error);
                }
            } else if entry.path().is_file() {
                if files.len() >= MAX_DOCUMENTS {
                    self.room(&name, MAX_TOTAL);
                    return Ok(());
                }
                files.push((name, entry.path()));
            }
        }
        Ok(())
    }

    fn zip(&mut self, path: &Path, file: fs::File) -> Result<(), DatabaseError> {
        let mut archive =
            zip::ZipArchive::new(io::BufReader::new(file)).map_err(|e| broken(path, format!("zip archive: {e}")))?;
        for index in 0..archive.len() {
            match archive.by_index(index) {
                Ok(entry) if entry.is_dir() => {}
                Ok(entry) => {
                    let name = entry.name().map_or_else(|_| format!("entry {index}"), |name| name.into_owned());
                    if !self.document(&name, entry) {
                        break;
                    }
                }
                Err(error) => self.bad(&format!("{} (entry {index})", path.display()), error),
            }
        }
        Ok(())
    }

    /// A compressed stream: a tar inside, or one document that bears the name without the suffix.
    fn packed(&mut self, name: &str, suffix: &str, mut plain: impl Read) {
        let mut head = [0u8; 512];
        let got = match read_up_to(&mut plain, &mut head) {
            Ok(got) => got,
            Err(error) => return self.bad(name, error),
        };
        let head = head.get(..got).unwrap_or_default();
        let whole = head.chain(plain);
        if head.get(257..262) == Some(b"ustar") {
            self.tar(name, whole);
        } else {
            self.document(name.strip_suffix(suffix).unwrap_or(name), whole);
        }
    }

    fn tar(&mut self, archive_name: &str, reader: impl Read) {
        let mut archive = tar::Archive::new(Tail { inner: reader, zeros: 0 });
        let entries = match archive.entries() {
            Ok(entries) => entries,
            Err(error) => return self.bad(archive_name, error),
        };
        for entry in entries {
            let entry = match entry {
                Ok(entry) => entry,
                // The rest of the archive cannot be found any more.
                Err(error) => return self.bad(archive_name, error),
            };
            if !entry.header().entry_type().is_file() {
                continue;
            }
            let name = String::from_utf8_lossy(&entry.path_bytes()).trim_start_matches("./").to_owned();
            if !self.document(&name, entry) {
                return;
            }
        }
        // What follows the last entry is read too: there the checksums of the stream are, and the tar's own end.
        let mut rest = archive.into_inner();
        match io::copy(&mut (&mut rest).take(MAX_TOTAL), &mut io::sink()) {
            Err(error) => self.bad(archive_name, error),
            Ok(_) if rest.zeros < TAR_END => self.bad(archive_name, "the archive is cut short: its end is missing"),
            Ok(_) => {}
        }
    }
}

/// A tar ends with two blocks of zeros; one is enough for those who write but one.
const TAR_END: u64 = 512;

/// Counts the zeros at the end of what was read.
struct Tail<R> {
    inner: R,
    zeros: u64,
}

impl<R: Read> Read for Tail<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let got = self.inner.read(buffer)?;
        let trailing = buffer.iter().take(got).rev().take_while(|byte| **byte == 0).count();
        self.zeros = if trailing == got { self.zeros + got as u64 } else { trailing as u64 };
        Ok(got)
    }
}

/// As many bytes as there are, up to the buffer's length.
pub(crate) fn read_up_to(reader: &mut impl Read, buffer: &mut [u8]) -> io::Result<usize> {
    let mut got = 0;
    while let Some(rest) = buffer.get_mut(got..).filter(|rest| !rest.is_empty()) {
        match reader.read(rest) {
            Ok(0) => break,
            Ok(read) => got += read,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(got)
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    /// Names and sizes of the documents, and the number of problems.
    fn read(path: &Path) -> (Vec<(String, usize)>, usize) {
        let mut found = Vec::new();
        let problems = documents(path, &mut |name, bytes| found.push((name.to_owned(), bytes.len()))).unwrap();
        (found, problems.len())
    }

    fn tar_of(names: &[&str]) -> Vec<u8> {
        let mut archive = tar::Builder::new(Vec::new());
        for name in names {
            let mut header = tar::Header::new_ustar();
            header.set_size(5);
            header.set_mode(0o644);
            archive.append_data(&mut header, name, &b"bytes"[..]).unwrap();
        }
        archive.into_inner().unwrap()
    }

    fn gz(bytes: &[u8]) -> Vec<u8> {
        let mut out = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        out.write_all(bytes).unwrap();
        out.finish().unwrap()
    }

    #[test]
    fn folders_and_every_kind_of_archive_give_the_same_documents() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        let want = vec![("a/1.json".to_owned(), 5), ("b.json".to_owned(), 5)];
        fs::create_dir_all(path("feed/a")).unwrap();
        fs::create_dir_all(path("feed/.git")).unwrap();
        for name in ["feed/a/1.json", "feed/b.json", "feed/.git/x.json"] {
            fs::write(path(name), "bytes").unwrap();
        }
        assert_eq!(read(&path("feed")), (want.clone(), 0));

        let tar = tar_of(&["a/1.json", "b.json"]);
        fs::write(path("feed.tar"), &tar).unwrap();
        assert_eq!(read(&path("feed.tar")), (want.clone(), 0));
        fs::write(path("feed.tar.gz"), gz(&tar)).unwrap();
        assert_eq!(read(&path("feed.tar.gz")), (want.clone(), 0));

        let mut zip = zip::ZipWriter::new(fs::File::create(path("feed.zip")).unwrap());
        for name in ["a/1.json", "b.json"] {
            zip.start_file(name, zip::write::SimpleFileOptions::default()).unwrap();
            zip.write_all(b"bytes").unwrap();
        }
        zip.finish().unwrap();
        assert_eq!(read(&path("feed.zip")), (want, 0));

        fs::write(path("epss.csv.gz"), gz(b"cve,epss,percentile")).unwrap();
        assert_eq!(read(&path("epss.csv.gz")), (vec![("epss.csv".to_owned(), 19)], 0));
    }

    /// The fixture was made by Python: a ustar tar with `osv/GHSA-1.json`, through `lzma.compress`.
    #[test]
    fn tar_xz_is_read() {
        let bytes = include_bytes!("../../tests/fixtures/one-record.tar.xz");
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("feed.tar.xz");
        fs::write(&path, bytes).unwrap();
        assert_eq!(read(&path), (vec![("osv/GHSA-1.json".to_owned(), 32)], 0));
        for length in 6..bytes.len() {
            fs::write(&path, &bytes[..length]).unwrap();
            assert_eq!(read(&path).1, 1, "cut at {length}");
        }
    }

    #[test]
    fn archive_that_ends_early_is_a_problem() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("feed.tar.gz");
        let whole = gz(&tar_of(&["a.json", "b.json", "c.json"]));
        fs::write(&path, &whole[..whole.len() - 12]).unwrap();
        assert_eq!(read(&path).1, 1);
        fs::write(&path, tar_of(&["a.json", "b.json"]).get(..1100).unwrap()).unwrap();
        assert_eq!(read(&path).1, 1);
    }
}
