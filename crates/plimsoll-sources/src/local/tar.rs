//! A table of contents of a tar archive on disk, for reading members in any order. In: a seekable file. Out: member names
//! with their place. What it does not do: unpack, or read layers (whose rules are other ones).
//! POSIX ustar and pax (`pax(1)`), GNU long names (GNU tar manual, "Basic Tar Format").

use std::collections::HashMap;
use std::fs::File;
use std::io::{self, BufReader, Read, Seek};
use std::sync::Arc;

use plimsoll_model::LayerReader;

use crate::error::SourceError;
use crate::file_part::FilePart;
use crate::limits::{MAX_ARCHIVE_MEMBERS, MAX_LINK_HOPS, MAX_TAR_HEADER_DATA};

const BLOCK: u64 = 512;

/// Where a member's bytes lie, or where else to look.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Member {
    File {
        offset: u64,
        size: u64,
    },
    /// A link to another member, already resolved to a name inside the archive; none when it leads outside.
    Link(Option<String>),
}

/// The members of an archive by their name without `./`. Where a name stands twice the last one counts, as for `tar -x`.
#[derive(Debug)]
pub struct Contents {
    name: String,
    file: Arc<File>,
    members: HashMap<String, Member>,
    /// Names that point outside the archive. They are never looked up.
    pub odd_names: usize,
}

impl Contents {
    /// Reads all headers of `file`, which people call `name`.
    ///
    /// # Errors
    /// When the archive is truncated, a header is damaged or there are too many members.
    pub fn of(name: &str, file: File) -> Result<Contents, SourceError> {
        let length =
            file.metadata().map_err(|source| SourceError::Io { what: format!("read archive {name}"), source })?.len();
        let mut contents =
            Contents { name: name.to_owned(), file: Arc::new(file), members: HashMap::new(), odd_names: 0 };
        contents.read_headers(length)?;
        Ok(contents)
    }

    fn malformed(&self, why: impl Into<String>) -> SourceError {
        SourceError::Malformed { what: format!("archive {}", self.name), why: why.into() }
    }

    fn no_tar(&self) -> SourceError {
        let why = "it is neither a tar archive nor a gzipped one".into();
        SourceError::NotAnImage { what: self.name.clone(), why }
    }

    fn read_headers(&mut self, length: u64) -> Result<(), SourceError> {
        let mut reader = BufReader::new(FilePart::new(&self.file, 0, length));
        let mut position = 0u64;
        let (mut long_name, mut long_link, mut pax) = (None, None, Pax::default());
        let mut headers = 0usize;
        while position < length {
            let mut block = [0u8; BLOCK as usize];
            if length - position < BLOCK {
                return Err(if position == 0 {
                    self.no_tar()
                } else {
                    self.malformed("it ends in the middle of a header")
                });
            }
            self.read_at(&mut reader, position, &mut block)?;
            if position == 0 && !checksum_fits(&block) {
                return Err(self.no_tar());
            }
            position += BLOCK;
            if block.iter().all(|b| *b == 0) {
                break;
            }
            if !checksum_fits(&block) {
                return Err(self.malformed(format!("the header at byte {} is damaged", position - BLOCK)));
            }
            headers += 1;
            // A member takes up to three headers more (long name, long link, pax).
            if headers > MAX_ARCHIVE_MEMBERS * 4 || self.members.len() > MAX_ARCHIVE_MEMBERS {
                return Err(self.malformed(format!("it has more than {MAX_ARCHIVE_MEMBERS} members")));
            }
            let kind = block[156];
            let size = match pax.size {
                Some(size) if !matches!(kind, b'L' | b'K' | b'x' | b'g') => size,
                _ => number(&block[124..136]).ok_or_else(|| self.malformed("a member's size is no number"))?,
            };
            let end = size.checked_next_multiple_of(BLOCK).and_then(|padded| position.checked_add(padded));
            let end = end.filter(|_| position.checked_add(size).is_some_and(|last| last <= length));
            // Only members that carry bytes have a size that matters; links may repeat their target's.
            let carries = !matches!(kind, b'1'..=b'6');
            let end = match end {
                Some(end) if carries => end,
                _ if !carries => position,
                _ => return Err(self.malformed("it ends in the middle of a member")),
            };
            match kind {
                b'L' | b'K' | b'x' | b'g' => {
                    if size > MAX_TAR_HEADER_DATA {
                        return Err(self.malformed(format!("a header has {size} bytes of names")));
                    }
                    let mut data = vec![0u8; size as usize];
                    self.read_at(&mut reader, position, &mut data)?;
                    match kind {
                        b'L' => long_name = Some(text(&data)),
                        b'K' => long_link = Some(text(&data)),
                        b'x' => pax = Pax::read(&data),
                        _ => {}
                    }
                }
                _ => {
                    let name = pax.path.take().or(long_name.take()).unwrap_or_else(|| header_name(&block));
                    let link = pax.link.take().or(long_link.take()).unwrap_or_else(|| text(&block[157..257]));
                    let sparse = pax.sparse || kind == b'S';
                    pax = Pax::default();
                    match (inside(&name), kind) {
                        (None, _) => self.odd_names += 1,
                        (Some(name), 0 | b'0' | b'7') if !sparse => {
                            self.members.insert(name, Member::File { offset: position, size });
                        }
                        (Some(name), b'1') => {
                            let target = inside(&link);
                            self.members.insert(name, Member::Link(target));
                        }
                        (Some(name), b'2') => {
                            let target = link_target(&name, &link);
                            self.members.insert(name, Member::Link(target));
                        }
                        _ => {}
                    }
                }
            }
            position = end;
        }
        Ok(())
    }

    fn read_at(&self, reader: &mut BufReader<FilePart>, position: u64, into: &mut [u8]) -> Result<(), SourceError> {
        let here = reader
            .stream_position()
            .map_err(|source| SourceError::Io { what: format!("read archive {}", self.name), source })?;
        let step = i64::try_from(i128::from(position) - i128::from(here)).unwrap_or(i64::MAX);
        reader
            .seek_relative(step)
            .and_then(|()| reader.read_exact(into))
            .map_err(|source| SourceError::Io { what: format!("read archive {}", self.name), source })
    }

    pub fn name(&self) -> &str {
        &self.name
    }

    /// True when there is a member of that name.
    pub fn has(&self, name: &str) -> bool {
        self.find(name).is_ok()
    }

    fn find(&self, name: &str) -> io::Result<(u64, u64)> {
        let not_found = |words: String| io::Error::new(io::ErrorKind::NotFound, words);
        let mut at = inside(name).ok_or_else(|| not_found(format!("{name:?} leads out of the archive")))?;
        for _ in 0..MAX_LINK_HOPS {
            match self.members.get(&at) {
                Some(Member::File { offset, size }) => return Ok((*offset, *size)),
                Some(Member::Link(Some(target))) => at = target.clone(),
                Some(Member::Link(None)) => return Err(not_found(format!("{at:?} is a link out of the archive"))),
                None => return Err(not_found(format!("{at:?} is not in the archive"))),
            }
        }
        Err(not_found(format!("{name:?} is a link that never ends")))
    }

    /// Size and bytes of a member; links to other members are followed.
    ///
    /// # Errors
    /// When there is none, or it leads outside.
    pub fn open(&self, name: &str) -> io::Result<(u64, LayerReader)> {
        let (offset, size) = self.find(name)?;
        let reader = FilePart::new(&self.file, offset, size);
        Ok((size, Box::new(reader)))
    }
}

#[derive(Default)]
struct Pax {
    path: Option<String>,
    link: Option<String>,
    size: Option<u64>,
    sparse: bool,
}

impl Pax {
    /// Reads `LENGTH KEY=VALUE\n` records; what does not fit ends the reading.
    fn read(mut data: &[u8]) -> Pax {
        let mut pax = Pax::default();
        while let Some(space) = data.iter().position(|b| *b == b' ') {
            let Some(length) = std::str::from_utf8(&data[..space]).ok().and_then(|t| t.parse::<usize>().ok()) else {
                break;
            };
            let Some(record) = data.get(space + 1..length) else { break };
            let record = record.strip_suffix(b"\n").unwrap_or(record);
            if let Some(equals) = record.iter().position(|b| *b == b'=') {
                let value = text(&record[equals + 1..]);
                match &record[..equals] {
                    b"path" => pax.path = Some(value),
                    b"linkpath" => pax.link = Some(value),
                    b"size" => pax.size = value.parse().ok(),
                    key if key.starts_with(b"GNU.sparse.") => pax.sparse = true,
                    _ => {}
                }
            }
            data = &data[length..];
        }
        pax
    }
}

/// True when an archive may begin with these bytes.
pub(crate) fn begins_archive(bytes: &[u8]) -> bool {
    bytes.first_chunk::<{ BLOCK as usize }>().is_some_and(checksum_fits)
}

fn checksum_fits(block: &[u8; BLOCK as usize]) -> bool {
    let sum: u64 =
        block.iter().enumerate().map(|(at, b)| if (148..156).contains(&at) { 32 } else { u64::from(*b) }).sum();
    number(&block[148..156]) == Some(sum)
}

/// An octal number, or GNU's big-endian one with the highest bit set.
fn number(field: &[u8]) -> Option<u64> {
    if field.first().is_some_and(|b| b & 0x80 != 0) {
        let (head, tail) = field.split_at(field.len().saturating_sub(8));
        // Every byte before the last eight must be empty but for the marker.
        if head.iter().enumerate().any(|(at, b)| if at == 0 { *b != 0x80 } else { *b != 0 }) {
            return None;
        }
        return Some(tail.iter().fold(0, |sum, b| (sum << 8) | u64::from(*b)));
    }
    let digits: Vec<u8> =
        field.iter().copied().skip_while(|b| *b == b' ').take_while(|b| !matches!(b, 0 | b' ')).collect();
    if digits.is_empty() {
        return Some(0);
    }
    u64::from_str_radix(std::str::from_utf8(&digits).ok()?, 8).ok()
}

/// Bytes up to the first NUL; what is no UTF-8 is replaced, and then matches no name that we look for.
fn text(bytes: &[u8]) -> String {
    let end = bytes.iter().position(|b| *b == 0).unwrap_or(bytes.len());
    String::from_utf8_lossy(&bytes[..end]).into_owned()
}

fn header_name(block: &[u8; BLOCK as usize]) -> String {
    let name = text(&block[..100]);
    // Only POSIX ustar has a prefix; GNU's old format keeps times there.
    if &block[257..263] == b"ustar\0" {
        let prefix = text(&block[345..500]);
        if !prefix.is_empty() {
            return format!("{prefix}/{name}");
        }
    }
    name
}

/// The name with `.`, `..` and doubled slashes worked out; `None` when it is absolute, empty or leads out.
fn inside(name: &str) -> Option<String> {
    if name.starts_with('/') {
        return None;
    }
    let mut parts: Vec<&str> = vec![];
    for part in name.split('/') {
        match part {
            "" | "." => {}
            ".." => {
                parts.pop()?;
            }
            part => parts.push(part),
        }
    }
    (!parts.is_empty()).then(|| parts.join("/"))
}

/// Where a symbolic link of the member `name` leads; `None` when that is outside.
fn link_target(name: &str, link: &str) -> Option<String> {
    match name.rsplit_once('/') {
        _ if link.starts_with('/') => None,
        Some((folder, _)) => inside(&format!("{folder}/{link}")),
        None => inside(link),
    }
}
