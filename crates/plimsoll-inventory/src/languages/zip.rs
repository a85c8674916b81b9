//! Zip archives in memory. In: bytes. Out: members one at a time, unpacked only on demand and within a budget. Nothing is
//! kept per member, so a directory of millions costs time, not memory. What it does not do: encryption, methods other
//! than stored and deflated, checksums (a wrong one is the runtime's to refuse).
//! Format: <https://pkware.cachefly.net/webdocs/casestudies/APPNOTE.TXT>.

use std::borrow::Cow;
use std::io::Read;

/// Why an archive or member could not be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ZipError {
    #[error("no end of a zip directory: the file is cut short or no archive")]
    NoDirectory,
    #[error("the zip directory is broken")]
    BrokenDirectory,
    #[error("{0}: its header is broken")]
    BrokenMember(String),
    #[error("{0}: encrypted")]
    Encrypted(String),
    #[error("{0}: packed by method {1}")]
    UnknownMethod(String, u16),
    #[error("{0}: broken deflate stream")]
    BrokenStream(String),
    #[error("{0}: unpacks to more than the limit")]
    TooLarge(String),
}

/// An archive's directory.
pub struct Archive<'a> {
    bytes: &'a [u8],
    directory: &'a [u8],
    /// Bytes before the archive: scripts that start a jar stand there.
    shift: usize,
}

/// One file of an archive.
pub struct Member<'a> {
    pub name: Cow<'a, str>,
    method: u16,
    encrypted: bool,
    packed: &'a [u8],
}

const END: &[u8] = b"PK\x05\x06";
const END_64: &[u8] = b"PK\x06\x06";
const LOCATOR_64: &[u8] = b"PK\x06\x07";
const ENTRY: &[u8] = b"PK\x01\x02";
const LOCAL: &[u8] = b"PK\x03\x04";
const END_SIZE: usize = 22;

impl<'a> Archive<'a> {
    pub fn open(bytes: &'a [u8]) -> Result<Archive<'a>, ZipError> {
        let at = end_record(bytes).ok_or(ZipError::NoDirectory)?;
        let end = &bytes[at..];
        let (mut size, mut offset, mut directory_end) = (number(end, 12, 4), number(end, 16, 4), at);
        if size == Some(u64::from(u32::MAX)) || offset == Some(u64::from(u32::MAX)) {
            let locator = at.checked_sub(20).ok_or(ZipError::BrokenDirectory)?;
            if bytes[locator..].starts_with(LOCATOR_64) {
                // The record stands right before its locator in every archive but such as have extension data.
                let record = locator.checked_sub(56).filter(|at| bytes[*at..].starts_with(END_64));
                let record = record.ok_or(ZipError::BrokenDirectory)?;
                size = number(&bytes[record..], 40, 8);
                offset = number(&bytes[record..], 48, 8);
                directory_end = record;
            }
        }
        let place = |number: Option<u64>| usize::try_from(number?).ok();
        let (size, offset) = place(size).zip(place(offset)).ok_or(ZipError::BrokenDirectory)?;
        let start = directory_end.checked_sub(size).ok_or(ZipError::BrokenDirectory)?;
        let shift = start.checked_sub(offset).ok_or(ZipError::BrokenDirectory)?;
        Ok(Archive { bytes, directory: &bytes[start..directory_end], shift })
    }

    /// Members in the directory's order. After a broken entry nothing more comes.
    pub fn members(&self) -> impl Iterator<Item = Result<Member<'a>, ZipError>> + '_ {
        let mut rest = self.directory;
        std::iter::from_fn(move || {
            if rest.is_empty() {
                return None;
            }
            match self.member(&mut rest) {
                Some(member) => Some(member),
                None => {
                    rest = &[];
                    Some(Err(ZipError::BrokenDirectory))
                }
            }
        })
    }

    fn member(&self, rest: &mut &'a [u8]) -> Option<Result<Member<'a>, ZipError>> {
        let entry = rest.strip_prefix(ENTRY).map(|_| *rest)?;
        let length = |at| usize::try_from(number(entry, at, 2)?).ok();
        let (name, extra, comment) = (length(28)?, length(30)?, length(32)?);
        let name_bytes = entry.get(46..46 + name)?;
        let extra_bytes = entry.get(46 + name..46 + name + extra)?;
        *rest = entry.get(46 + name + extra + comment..)?;
        let name = String::from_utf8_lossy(name_bytes);
        let (mut packed, mut offset) = (number(entry, 20, 4)?, number(entry, 42, 4)?);
        let sized = number(entry, 24, 4)? == u64::from(u32::MAX);
        if let Some(wide) = extra_field(extra_bytes, 1) {
            // 64-bit values stand here for those that are all ones, in this order: size, packed size, offset.
            let mut at = if sized { 8 } else { 0 };
            for value in [&mut packed, &mut offset] {
                if *value == u64::from(u32::MAX)
                    && let Some(number) = number(wide, at, 8)
                {
                    *value = number;
                    at += 8;
                }
            }
        }
        let data = || -> Option<&'a [u8]> {
            let start = self.shift.checked_add(usize::try_from(offset).ok()?)?;
            let local = self.bytes.get(start..)?;
            local.strip_prefix(LOCAL)?;
            let skip = 30 + usize::try_from(number(local, 26, 2)? + number(local, 28, 2)?).ok()?;
            local.get(skip..skip.checked_add(usize::try_from(packed).ok()?)?)
        };
        Some(match data() {
            None => Err(ZipError::BrokenMember(name.into_owned())),
            Some(packed) => Ok(Member {
                name,
                method: u16::try_from(number(entry, 10, 2)?).ok()?,
                encrypted: number(entry, 8, 2)? & 1 != 0,
                packed,
            }),
        })
    }
}

impl<'a> Member<'a> {
    /// The member's bytes, at most `limit`; stored ones are not copied.
    pub fn unpack(&self, limit: u64) -> Result<Cow<'a, [u8]>, ZipError> {
        let name = || self.name.chars().take(200).collect::<String>();
        if self.encrypted {
            return Err(ZipError::Encrypted(name()));
        }
        match self.method {
            0 => Ok(Cow::Borrowed(self.packed)),
            8 => {
                let mut out = Vec::new();
                let stream = flate2::read::DeflateDecoder::new(self.packed);
                stream
                    .take(limit.saturating_add(1))
                    .read_to_end(&mut out)
                    .map_err(|_| ZipError::BrokenStream(name()))?;
                if out.len() as u64 > limit {
                    return Err(ZipError::TooLarge(name()));
                }
                Ok(Cow::Owned(out))
            }
            other => Err(ZipError::UnknownMethod(name(), other)),
        }
    }
}

/// Where the end record is: last but for a comment of at most 65,535 bytes. A comment may look like a record itself, so the
/// one whose comment ends with the file wins, as it does for Java; behind junk, the last one that is whole.
fn end_record(bytes: &[u8]) -> Option<usize> {
    let from = bytes.len().saturating_sub(END_SIZE + usize::from(u16::MAX));
    let mut tail = &bytes[from..];
    let mut whole = None;
    while let Some(at) = memchr::memmem::rfind(tail, END) {
        if let Some(comment) = number(&bytes[from + at..], 20, 2) {
            if (from + at + END_SIZE) as u64 + comment == bytes.len() as u64 {
                return Some(from + at);
            }
            whole = whole.or(Some(from + at));
        }
        tail = &tail[..at];
    }
    whole
}

/// A little-endian number of `size` bytes.
fn number(bytes: &[u8], at: usize, size: usize) -> Option<u64> {
    Some(bytes.get(at..at + size)?.iter().rev().fold(0, |sum, byte| sum << 8 | u64::from(*byte)))
}

fn extra_field(mut extra: &[u8], wanted: u64) -> Option<&[u8]> {
    loop {
        let (id, size) = (number(extra, 0, 2)?, usize::try_from(number(extra, 2, 2)?).ok()?);
        let data = extra.get(4..4 + size)?;
        if id == wanted {
            return Some(data);
        }
        extra = &extra[4 + size..];
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use std::io::Write;

    use super::*;

    /// An archive of the given files, deflated or stored.
    pub fn archive(files: &[(&str, &[u8], bool)]) -> Vec<u8> {
        let (mut out, mut directory) = (Vec::new(), Vec::new());
        for (name, data, deflated) in files {
            let packed = if *deflated {
                let mut stream = flate2::write::DeflateEncoder::new(Vec::new(), flate2::Compression::best());
                stream.write_all(data).unwrap();
                stream.finish().unwrap()
            } else {
                data.to_vec()
            };
            let offset = out.len() as u32;
            let mut common = vec![20, 0, 0, 0, if *deflated { 8 } else { 0 }, 0, 0, 0, 0, 0, 0, 0, 0, 0];
            common.extend((packed.len() as u32).to_le_bytes());
            common.extend((data.len() as u32).to_le_bytes());
            common.extend((name.len() as u16).to_le_bytes());
            common.extend([0, 0]);
            out.extend(LOCAL);
            out.extend(&common);
            out.extend(name.as_bytes());
            out.extend(&packed);
            directory.extend(ENTRY);
            directory.extend([20, 0]);
            directory.extend(&common);
            directory.extend([0; 10]);
            directory.extend(offset.to_le_bytes());
            directory.extend(name.as_bytes());
        }
        let offset = out.len() as u32;
        out.extend(&directory);
        out.extend(END);
        out.extend([0; 4]);
        out.extend((files.len() as u16).to_le_bytes());
        out.extend((files.len() as u16).to_le_bytes());
        out.extend((directory.len() as u32).to_le_bytes());
        out.extend(offset.to_le_bytes());
        out.extend([0, 0]);
        out
    }

    fn listed(bytes: &[u8]) -> Vec<(String, Vec<u8>)> {
        let archive = Archive::open(bytes).unwrap();
        archive
            .members()
            .map(|m| m.unwrap())
            .map(|m| (m.name.to_string(), m.unpack(1 << 20).unwrap().into_owned()))
            .collect()
    }

    #[test]
    fn members_are_read_behind_a_prefix_too() {
        let zip = archive(&[("a", b"stored", false), ("b/c", b"deflated", true)]);
        let expected = [("a".to_owned(), b"stored".to_vec()), ("b/c".to_owned(), b"deflated".to_vec())];
        assert_eq!(listed(&zip), expected);
        assert_eq!(listed(&[b"#!/bin/sh\nexec java -jar $0\n", &zip[..]].concat()), expected);
    }

    #[test]
    fn bombs_stop_at_the_limit() {
        let zip = archive(&[("bomb", &vec![0; 1 << 20], true)]);
        let archive = Archive::open(&zip).unwrap();
        let member = archive.members().next().unwrap().unwrap();
        assert_eq!(member.unpack(1000), Err(ZipError::TooLarge("bomb".into())));
    }

    #[test]
    fn comment_that_looks_like_an_end_record_hides_nothing() {
        let mut zip = archive(&[("a", b"stored", false)]);
        let decoy = archive(&[]);
        let at = zip.len() - 2;
        zip[at..].copy_from_slice(&(decoy.len() as u16 + 3).to_le_bytes());
        zip.extend_from_slice(&decoy);
        zip.extend_from_slice(b"...");
        assert_eq!(listed(&zip).len(), 1);
    }

    #[test]
    fn cut_archives_are_errors() {
        let zip = archive(&[("a", b"stored", false), ("b", b"deflated", true)]);
        for end in 0..zip.len() {
            if let Ok(archive) = Archive::open(&zip[..end]) {
                assert!(archive.members().any(|member| member.is_err()), "{end}");
            }
        }
        assert_eq!(Archive::open(b"").err(), Some(ZipError::NoDirectory));
    }
}
