//! Our compiled index, read in place. In: the bytes of one file, mapped or not. Out: an advisory source. What it does
//! not do: write; that is `index_writer`.
//!
//! The file, little-endian: a header of 144 bytes, then blocks, the directory of blocks, and JSON about the whole. A
//! block holds entries sorted by key, each `length key length value`. The directory has for each block 20 bytes (offset,
//! length, CRC-32, place of its first key) and then those keys. A look-up is a binary search in the directory and a scan
//! of one block, whose checksum is verified each time: a damaged file gives an error where it is damaged, never "none".

use std::path::{Path, PathBuf};

use jiff::Timestamp;
use plimsoll_model::{DataSource, DatabaseInfo, DatabaseKind, Epss, KnownExploited, Problem, Vulnerability};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::codec::{Reader, put_number};
use super::map::map;
use crate::record::{Advisory, AdvisorySource, Space};
use crate::{DatabaseError, broken, file_name};

pub const MAGIC: &[u8; 8] = b"PLIMSOLL";
/// Raised when old readers would misread.
pub const VERSION: u32 = 1;
pub const HEADER: usize = 144;
/// The header's checksum covers what stands before it.
pub const HEADER_SUMMED: usize = 128;
/// Bytes of the directory for each block.
pub const DIRECTORY_ENTRY: usize = 20;

/// What is said of one vulnerability has some kilobytes; a broken file must not inflate without end.
const MAX_DETAILS: u64 = 64 << 20;

/// Kinds of keys: the first byte of each.
pub mod kind {
    pub const ADVISORIES: u8 = b'A';
    pub const SPACE: u8 = b'S';
    pub const VULNERABILITY: u8 = b'V';
    pub const KNOWN_EXPLOITED: u8 = b'K';
    pub const EPSS: u8 = b'E';
}

/// What one feed gave to the index.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct FeedCount {
    pub id: String,
    pub documents: u64,
    pub advisories: u64,
    pub withdrawn: u64,
    pub skipped: u64,
    /// Of the newest document.
    pub dated: Option<Timestamp>,
}

/// The JSON at the end of the file.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct About {
    pub sources: Vec<DataSource>,
    pub feeds: Vec<FeedCount>,
    pub problems: Vec<Problem>,
}

/// An opened index.
pub struct Index<B> {
    bytes: B,
    path: PathBuf,
    info: DatabaseInfo,
    about: About,
    directory: std::ops::Range<usize>,
    blocks: usize,
}

/// Opens an index file. Nothing is read but header, directory and the JSON about it.
///
/// # Errors
/// When the file is not an index, of another version, or not whole.
pub fn open(path: &Path) -> Result<Index<memmap2::Mmap>, DatabaseError> {
    Index::new(map(path)?, path)
}

/// True for bytes that begin like an index.
pub fn looks_like(bytes: &[u8]) -> bool {
    bytes.starts_with(MAGIC)
}

fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_le_bytes(bytes.get(at..at.checked_add(4)?)?.try_into().ok()?))
}

fn u64_at(bytes: &[u8], at: usize) -> Option<u64> {
    Some(u64::from_le_bytes(bytes.get(at..at.checked_add(8)?)?.try_into().ok()?))
}

/// The key of an entry: its kind, then for advisories the space and the name.
pub fn key_of(kind: u8, space: Option<&Space>, name: &str) -> Vec<u8> {
    let mut key = vec![kind];
    if let Some(space) = space {
        let text = match space {
            Space::Os { family, release } => format!("os {family} {release}"),
            Space::Language(ecosystem) => format!("language {}", ecosystem.purl_type()),
        };
        put_number(&mut key, text.len() as u64);
        key.extend_from_slice(text.as_bytes());
    }
    key.extend_from_slice(name.as_bytes());
    key
}

impl<B: AsRef<[u8]> + Send + Sync> Index<B> {
    /// An index over the bytes of a file; `path` is only for words.
    ///
    /// # Errors
    /// As [`open`].
    pub fn new(bytes: B, path: &Path) -> Result<Index<B>, DatabaseError> {
        let all = bytes.as_ref();
        if !looks_like(all) {
            return Err(broken(path, "it is no plimsoll index"));
        }
        let header = all.get(..HEADER).ok_or_else(|| broken(path, "the file is cut short within its header"))?;
        let (summed, sums) = header.split_at(HEADER_SUMMED);
        match u32_at(header, 8) {
            Some(VERSION) => {}
            Some(other) if u32_at(sums, 0) == Some(crc32fast::hash(summed)) => {
                let advice =
                    if other > VERSION { "update plimsoll" } else { "build it again with `plimsoll db build`" };
                return Err(broken(path, format!("its version is {other} and we know {VERSION}: {advice}")));
            }
            _ => return Err(broken(path, "its header is damaged")),
        }
        if u32_at(sums, 0) != Some(crc32fast::hash(summed)) {
            return Err(broken(path, "its header is damaged"));
        }
        let length = u64_at(header, 16).unwrap_or(0);
        if length != all.len() as u64 {
            let what = if length > all.len() as u64 { "cut short" } else { "too long" };
            return Err(broken(
                path,
                format!("the file is {what}: it has {} bytes and should have {length}", all.len()),
            ));
        }
        let part = |at: usize, sum: usize, what: &str| {
            let start = u64_at(header, at).and_then(|n| usize::try_from(n).ok());
            let length = u64_at(header, at + 8).and_then(|n| usize::try_from(n).ok());
            let range = start.zip(length).and_then(|(start, length)| Some(start..start.checked_add(length)?));
            let bytes = range.clone().and_then(|range| all.get(range));
            match (range, bytes) {
                (Some(range), Some(bytes)) if u32_at(header, sum) == Some(crc32fast::hash(bytes)) => Ok(range),
                _ => Err(broken(path, format!("{what} is damaged"))),
            }
        };
        let directory = part(48, 64, "its directory")?;
        let about = part(72, 88, "its description")?;
        let blocks = u32_at(header, 68).unwrap_or(0) as usize;
        if blocks.checked_mul(DIRECTORY_ENTRY).is_none_or(|size| size > directory.len()) {
            return Err(broken(path, "its directory is damaged"));
        }
        let about: About = serde_json::from_slice(all.get(about).unwrap_or_default())
            .map_err(|e| broken(path, format!("its description is damaged: {e}")))?;
        let built = u64_at(header, 24).and_then(|seconds| Timestamp::from_second(seconds as i64).ok());
        let info = DatabaseInfo {
            kind: DatabaseKind::Index,
            name: file_name(path),
            // The header holds the digest of all that follows it, so its own digest stands for the file.
            digest: format!("sha256:{}", crate::hex(&Sha256::digest(header))),
            built,
            advisories: u64_at(header, 32).unwrap_or(0),
        };
        Ok(Index { path: path.to_owned(), info, about, directory, blocks, bytes })
    }

    /// What the index was built from.
    pub fn feeds(&self) -> &[FeedCount] {
        &self.about.feeds
    }

    /// Reads the whole file and compares it with the digest in its header.
    ///
    /// # Errors
    /// When it is not the file that was written.
    pub fn verify(&self) -> Result<(), DatabaseError> {
        let all = self.bytes.as_ref();
        let digest = Sha256::digest(all.get(HEADER..).unwrap_or_default());
        if all.get(96..128) == Some(digest.as_slice()) {
            Ok(())
        } else {
            Err(self.broken("its contents are not those that it was written with (digest mismatch)"))
        }
    }

    fn broken(&self, what: impl Into<String>) -> DatabaseError {
        broken(&self.path, what)
    }

    fn directory(&self) -> &[u8] {
        self.bytes.as_ref().get(self.directory.clone()).unwrap_or_default()
    }

    /// The first key of block `index`.
    fn first_key(&self, index: usize) -> Option<&[u8]> {
        let directory = self.directory();
        let keys = directory.get(self.blocks * DIRECTORY_ENTRY..)?;
        let place = |index: usize| {
            if index == self.blocks {
                return Some(keys.len());
            }
            u32_at(directory, index * DIRECTORY_ENTRY + 16).map(|n| n as usize)
        };
        keys.get(place(index)?..place(index + 1)?)
    }

    /// The value of `key`.
    fn get(&self, key: &[u8]) -> Result<Option<&[u8]>, DatabaseError> {
        let damaged = || self.broken("its directory is damaged");
        // The last block whose first key is not above the key.
        let (mut low, mut high) = (0, self.blocks);
        while low < high {
            let middle = low + (high - low) / 2;
            if self.first_key(middle).ok_or_else(damaged)? <= key { low = middle + 1 } else { high = middle }
        }
        let Some(index) = low.checked_sub(1) else { return Ok(None) };
        let entry = self.directory().get(index * DIRECTORY_ENTRY..).unwrap_or_default();
        let fields = (u64_at(entry, 0), u32_at(entry, 8), u32_at(entry, 12));
        let (Some(offset), Some(length), Some(sum)) = fields else { return Err(damaged()) };
        let block = usize::try_from(offset)
            .ok()
            .and_then(|start| self.bytes.as_ref().get(start..start.checked_add(length as usize)?))
            .filter(|block| crc32fast::hash(block) == sum)
            .ok_or_else(|| self.broken(format!("block {index} is damaged")))?;
        let mut reader = Reader(block);
        while !reader.0.is_empty() {
            let (found, value) =
                reader.bytes().zip(reader.bytes()).ok_or_else(|| self.broken(format!("block {index} is damaged")))?;
            if found == key {
                return Ok(Some(value));
            }
            if found > key {
                break;
            }
        }
        Ok(None)
    }

    fn read<T>(
        &self,
        kind: u8,
        id: &str,
        read: impl FnOnce(&mut Reader<'_>) -> Option<T>,
    ) -> Result<Option<T>, DatabaseError> {
        let Some(value) = self.get(&key_of(kind, None, id))? else { return Ok(None) };
        let value = read(&mut Reader(value)).ok_or_else(|| self.broken(format!("what it says of {id} is damaged")))?;
        Ok(Some(value))
    }
}

impl<B: AsRef<[u8]> + Send + Sync> AdvisorySource for Index<B> {
    fn info(&self) -> DatabaseInfo {
        self.info.clone()
    }

    fn problems(&self) -> Vec<Problem> {
        self.about.problems.clone()
    }

    fn covers(&self, space: &Space) -> bool {
        // Where the file is damaged "yes" is the safe word: the look-up that follows fails and says so.
        self.get(&key_of(kind::SPACE, Some(space), "")).map_or(true, |value| value.is_some())
    }

    fn advisories(&self, space: &Space, name: &str) -> Result<Vec<Advisory>, DatabaseError> {
        let key = key_of(kind::ADVISORIES, Some(space), &space.normal_name(name));
        let Some(value) = self.get(&key)? else { return Ok(Vec::new()) };
        let mut reader = Reader(value);
        let mut advisories = Vec::new();
        while !reader.0.is_empty() {
            let advisory = reader.advisory(&self.about.sources);
            advisories.push(advisory.ok_or_else(|| self.broken(format!("what it says of {name} is damaged")))?);
        }
        Ok(advisories)
    }

    fn vulnerability(&self, id: &str) -> Result<Option<Vulnerability>, DatabaseError> {
        let Some(value) = self.get(&key_of(kind::VULNERABILITY, None, id))? else { return Ok(None) };
        let inflated = std::io::Read::take(flate2::read::DeflateDecoder::new(value), MAX_DETAILS);
        let details = serde_json::from_reader(std::io::BufReader::new(inflated));
        details.map(Some).map_err(|e| self.broken(format!("what it says of {id} is damaged: {e}")))
    }

    fn known_exploited(&self, id: &str) -> Result<Option<KnownExploited>, DatabaseError> {
        self.read(kind::KNOWN_EXPLOITED, id, |reader| reader.known_exploited())
    }

    fn epss(&self, id: &str) -> Result<Option<Epss>, DatabaseError> {
        self.read(kind::EPSS, id, |reader| reader.epss())
    }

    fn red_hat_cpes(&self, _: &str) -> Result<Vec<u32>, DatabaseError> {
        Ok(Vec::new())
    }
}

#[cfg(test)]
mod tests {
    use plimsoll_model::{Ecosystem, Family, Severity};
    use proptest::prelude::*;

    use super::*;
    use crate::database::index_writer;
    use crate::feeds::{Record, Records};
    use crate::record::{Applies, Status};

    fn advisory(id: &str, source: &str, fixed: Option<&str>) -> Advisory {
        Advisory {
            id: id.to_owned(),
            aliases: vec![],
            vendor_ids: vec![],
            source: DataSource { id: source.to_owned(), name: source.to_owned(), ..DataSource::default() },
            applies: Applies::Below { fixed: fixed.map(str::to_owned) },
            status: Status::Unknown,
            severity: Some(Severity::High),
            arches: vec![],
            module: None,
            cpes: vec![],
            fix_date: None,
            first_seen: None,
        }
    }

    fn debian() -> Space {
        Space::Os { family: Family::Debian, release: "12".to_owned() }
    }

    fn records(packages: usize) -> Records {
        let mut records = Records::default();
        for n in 0..packages {
            records.advisories.push(Record {
                space: debian(),
                name: format!("package-{n:04}"),
                advisory: advisory(&format!("CVE-2024-{n:04}"), "osv", Some("1.0-1")),
            });
            let details = Vulnerability { title: format!("title {n}"), ..Vulnerability::default() };
            records.vulnerabilities.push((format!("CVE-2024-{n:04}"), details));
        }
        records.spaces.push(Space::Language(Ecosystem::Go));
        records
            .known_exploited
            .push(("CVE-2024-0001".to_owned(), KnownExploited { added: None, due: None, ransomware: true }));
        records.epss.push(("CVE-2024-0001".to_owned(), Epss { score: 0.5, percentile: 0.9 }));
        records
    }

    fn at(day: &str) -> Timestamp {
        format!("2026-11-{day}T00:00:00Z").parse().unwrap()
    }

    fn bytes(packages: usize) -> Vec<u8> {
        index_writer::bytes(records(packages), vec![], None, at("20"))
    }

    fn index(bytes: Vec<u8>) -> Result<Index<Vec<u8>>, DatabaseError> {
        Index::new(bytes, Path::new("x.db"))
    }

    #[test]
    fn everything_that_went_in_comes_out() {
        let index = index(bytes(1500)).unwrap();
        index.verify().unwrap();
        for n in 0..1500 {
            let found = index.advisories(&debian(), &format!("package-{n:04}")).unwrap();
            assert_eq!(found, [advisory(&format!("CVE-2024-{n:04}"), "osv", Some("1.0-1"))]);
        }
        assert_eq!(index.vulnerability("CVE-2024-1234").unwrap().unwrap().title, "title 1234");
        assert!(index.known_exploited("CVE-2024-0001").unwrap().unwrap().ransomware);
        assert_eq!(index.epss("CVE-2024-0001").unwrap().unwrap().score, 0.5);
        for absent in ["", "a", "package-", "package-00000", "zzz"] {
            assert!(index.advisories(&debian(), absent).unwrap().is_empty());
            assert!(index.vulnerability(absent).unwrap().is_none() && index.epss(absent).unwrap().is_none());
        }
        assert!(index.covers(&debian()) && index.covers(&Space::Language(Ecosystem::Go)));
        assert!(!index.covers(&Space::Language(Ecosystem::Npm)));
        let info = index.info();
        assert_eq!((info.kind, info.advisories, info.built), (DatabaseKind::Index, 1500, Some(at("20"))));
    }

    #[test]
    fn same_input_in_any_order_gives_the_same_bytes() {
        let mut shuffled = records(300);
        shuffled.advisories.reverse();
        shuffled.vulnerabilities.reverse();
        assert_eq!(index_writer::bytes(shuffled, vec![], None, at("20")), bytes(300));
    }

    #[test]
    fn file_cut_at_any_byte_does_not_open() {
        let whole = bytes(20);
        for length in 0..whole.len() {
            let error = index(whole[..length].to_vec()).err().expect("a cut file does not open").to_string();
            assert!(error.contains("cut short") || error.contains("no plimsoll index"), "{length}: {error}");
        }
    }

    #[test]
    fn byte_flipped_anywhere_is_an_error_where_it_is_read_and_never_none() {
        let whole = bytes(6);
        let good = index(whole.clone()).unwrap();
        for at in 0..whole.len() {
            let mut bytes = whole.clone();
            bytes[at] ^= 0x55;
            let Ok(flipped) = index(bytes) else { continue };
            if at < HEADER {
                // The padding after the checksum is of no meaning.
                assert!(at >= HEADER_SUMMED + 4);
                continue;
            }
            assert!(flipped.verify().is_err(), "byte {at}");
            for n in 0..6 {
                let name = format!("package-{n:04}");
                if let Ok(found) = flipped.advisories(&debian(), &name) {
                    assert_eq!(found, good.advisories(&debian(), &name).unwrap(), "byte {at}");
                }
                let id = format!("CVE-2024-{n:04}");
                if let Ok(found) = flipped.vulnerability(&id) {
                    assert_eq!(found, good.vulnerability(&id).unwrap(), "byte {at}");
                }
            }
        }
    }

    #[test]
    fn other_version_is_named_and_the_way_out_too() {
        let mut bytes = bytes(1);
        bytes[8] = 9;
        let sum = crc32fast::hash(&bytes[..HEADER_SUMMED]);
        bytes[HEADER_SUMMED..HEADER_SUMMED + 4].copy_from_slice(&sum.to_le_bytes());
        let error = index(bytes).err().unwrap().to_string();
        assert!(error.contains("version is 9") && error.contains("update plimsoll"), "{error}");
    }

    #[test]
    fn first_seen_is_carried_over_and_new_fixes_are_dated() {
        let one = |fixed: Option<&str>, ids: &[&str]| {
            let mut records = Records::default();
            for id in ids {
                let advisory = advisory(id, "osv", fixed);
                records.advisories.push(Record { space: debian(), name: "x".to_owned(), advisory });
            }
            records
        };
        let seen = |index: &Index<Vec<u8>>| -> Vec<Option<String>> {
            let found = index.advisories(&debian(), "x").unwrap();
            found.iter().map(|a| a.first_seen.map(|d| d.to_string())).collect()
        };
        let first = index(index_writer::bytes(one(Some("1"), &["CVE-1"]), vec![], None, at("01"))).unwrap();
        assert_eq!(seen(&first), [None], "a first build knows nothing of when");
        let build = |records, previous: &Index<Vec<u8>>, day| {
            index(index_writer::bytes(records, vec![], Some(previous), at(day))).unwrap()
        };
        let second = build(one(Some("1"), &["CVE-1", "CVE-2"]), &first, "02");
        assert_eq!(seen(&second), [None, Some("2026-11-02".to_owned())]);
        let third = build(one(Some("2"), &["CVE-1", "CVE-2"]), &second, "03");
        assert_eq!(seen(&third), [None, Some("2026-11-02".to_owned())], "a newer fixed version is no newer fix");
        let unfixed = build(one(None, &["CVE-1"]), &first, "02");
        assert_eq!(seen(&unfixed), [None]);
    }

    #[test]
    fn case_6_debians_tracker_and_its_advisories_are_joined() {
        let mut records = Records::default();
        let mut notice = advisory("CVE-1", "debian", Some("1.0-1+deb12u1"));
        notice.vendor_ids = vec!["DSA-1-1".to_owned()];
        notice.fix_date = Some(jiff::civil::date(2024, 5, 6));
        for advisory in [notice, advisory("CVE-1", "debian", Some("1.0-1+deb12u1"))] {
            records.advisories.push(Record { space: debian(), name: "x".to_owned(), advisory });
        }
        let index = index(index_writer::bytes(records, vec![], None, at("01"))).unwrap();
        let [joined] = &index.advisories(&debian(), "x").unwrap()[..] else { panic!() };
        assert_eq!(joined.vendor_ids, ["DSA-1-1"]);
        assert_eq!(joined.fix_date, Some(jiff::civil::date(2024, 5, 6)));
    }

    proptest! {
        #[test]
        fn any_bytes_behind_the_magic_never_panic(tail in proptest::collection::vec(any::<u8>(), 0..400)) {
            let mut bytes = MAGIC.to_vec();
            bytes.extend(tail);
            if let Ok(index) = index(bytes) {
                let _ = index.advisories(&debian(), "x");
            }
        }
    }
}
