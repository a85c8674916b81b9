//! The tar format, one entry after the other, in bounded memory. In: a buffered stream of an uncompressed layer. Out:
//! entries with their content in chunks. What it does not do: normalise names or apply whiteouts.
//!
//! Follows POSIX.1-2017 ustar and pax, and GNU tar's long names and sparse files (old `S` headers and pax 0.0, 0.1, 1.0).
//! Where readers differ it does what Go's `archive/tar` does, because that is what unpacks images in a cluster.

use std::io::BufRead;

use super::ArchiveError;
use super::pax::{Pax, decimal};

const BLOCK: usize = 512;
/// Extended headers and long names: PATH_MAX is 4096, extended attributes (capabilities, ACLs, IMA) stay below 64 KiB.
const MAX_EXTENDED: u64 = 1 << 20;
/// Segments of one sparse file: 16 bytes of memory each.
const MAX_SEGMENTS: usize = 1 << 20;
static ZEROS: [u8; 64 * 1024] = [0; 64 * 1024];

/// What an entry is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum EntryKind {
    File,
    Folder,
    /// A second name for the file of that name.
    HardLink(Vec<u8>),
    /// A symbolic link and its target as written.
    Link(Vec<u8>),
    /// A device or pipe.
    Special,
    /// A type that no runtime unpacks.
    Unknown(u8),
}

/// One entry, names as written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    pub name: Vec<u8>,
    pub kind: EntryKind,
    /// Permission bits, setuid, setgid and sticky included.
    pub mode: u32,
    /// Bytes of the file as a program would read it, holes of sparse files included.
    pub size: u64,
    /// True when the holes are larger than the bound: the content is then not given.
    pub too_sparse: bool,
}

#[derive(Debug)]
struct Sparse {
    /// Offset and length of each piece of data, ascending.
    segments: Vec<(u64, u64)>,
    next: usize,
    position: u64,
    size: u64,
}

/// Reads entries from a stream.
pub struct TarReader<R> {
    source: R,
    /// Bytes taken from the source.
    at: u64,
    /// Stored bytes of the current entry that were not taken yet, and the padding after them.
    left: u64,
    padding: u64,
    /// Bytes of the chunk that `data` lent, taken at the next call.
    lent: usize,
    sparse: Option<Sparse>,
    max_holes: u64,
    done: bool,
}

impl<R: BufRead> TarReader<R> {
    /// `max_holes`: see `Limits::sparse_holes`.
    pub fn new(source: R, max_holes: u64) -> TarReader<R> {
        TarReader { source, at: 0, left: 0, padding: 0, lent: 0, sparse: None, max_holes, done: false }
    }

    /// Bytes read so far.
    pub fn position(&self) -> u64 {
        self.at
    }

    /// The stream, for what follows the end of the archive.
    pub fn into_inner(mut self) -> R {
        self.settle();
        self.source
    }

    /// The next entry; `None` at the end of the archive. What was not read of the one before is skipped.
    pub fn next_entry(&mut self) -> Result<Option<Entry>, ArchiveError> {
        if self.done {
            return Ok(None);
        }
        let entry = self.find_entry();
        self.done = !matches!(entry, Ok(Some(_)));
        entry
    }

    /// The next piece of the current entry's content; empty at its end.
    pub fn data(&mut self) -> Result<&[u8], ArchiveError> {
        self.settle();
        let mut most = self.left;
        if let Some(sparse) = &mut self.sparse {
            while sparse.segments.get(sparse.next).is_some_and(|(start, len)| sparse.position >= start + len) {
                sparse.next += 1;
            }
            let (start, end) =
                sparse.segments.get(sparse.next).map_or((sparse.size, sparse.size), |(s, l)| (*s, s + l));
            if sparse.position < start {
                let zeros = usize::try_from(start - sparse.position).unwrap_or(usize::MAX).min(ZEROS.len());
                sparse.position += zeros as u64;
                return Ok(&ZEROS[..zeros]);
            }
            most = most.min(end - sparse.position);
        }
        if most == 0 {
            return Ok(&[]);
        }
        let chunk = self.source.fill_buf()?;
        if chunk.is_empty() {
            return Err(ArchiveError::Truncated("a file's content"));
        }
        let take = usize::try_from(most).unwrap_or(usize::MAX).min(chunk.len());
        self.lent = take;
        if let Some(sparse) = &mut self.sparse {
            sparse.position += take as u64;
        }
        Ok(&chunk[..take])
    }

    /// Takes what was lent.
    fn settle(&mut self) {
        self.source.consume(self.lent);
        self.at += self.lent as u64;
        self.left -= self.lent as u64;
        self.lent = 0;
    }

    fn skip_rest(&mut self) -> Result<(), ArchiveError> {
        self.settle();
        self.sparse = None;
        let mut rest = self.left.saturating_add(self.padding);
        while rest > 0 {
            let chunk = self.source.fill_buf()?;
            if chunk.is_empty() {
                return Err(ArchiveError::Truncated("a file's content"));
            }
            let take = usize::try_from(rest).unwrap_or(usize::MAX).min(chunk.len());
            self.source.consume(take);
            self.at += take as u64;
            rest -= take as u64;
        }
        (self.left, self.padding) = (0, 0);
        Ok(())
    }

    /// One block; `None` when the stream ends where a block would begin.
    fn block(&mut self) -> Result<Option<[u8; BLOCK]>, ArchiveError> {
        let mut block = [0; BLOCK];
        let mut filled = 0;
        while filled < BLOCK {
            let chunk = self.source.fill_buf()?;
            if chunk.is_empty() {
                return if filled == 0 { Ok(None) } else { Err(ArchiveError::Truncated("a header")) };
            }
            let take = chunk.len().min(BLOCK - filled);
            block[filled..filled + take].copy_from_slice(&chunk[..take]);
            self.source.consume(take);
            self.at += take as u64;
            filled += take;
        }
        Ok(Some(block))
    }

    /// The whole content of an extended header.
    fn extended(&mut self, at: u64) -> Result<Vec<u8>, ArchiveError> {
        if self.left > MAX_EXTENDED {
            return Err(ArchiveError::TooLong { at, limit: MAX_EXTENDED });
        }
        let mut content = Vec::new();
        loop {
            let chunk = self.data()?;
            if chunk.is_empty() {
                break;
            }
            content.extend_from_slice(chunk);
        }
        self.skip_rest()?;
        Ok(content)
    }

    fn find_entry(&mut self) -> Result<Option<Entry>, ArchiveError> {
        self.skip_rest()?;
        let mut pax = Pax::default();
        let mut long_name: Option<Vec<u8>> = None;
        let mut long_link: Option<Vec<u8>> = None;
        let mut expects_more = false;
        loop {
            let at = self.at;
            let Some(block) = self.block()? else {
                return if expects_more { Err(ArchiveError::Truncated("an entry")) } else { Ok(None) };
            };
            if block == [0; BLOCK] {
                return match self.block()? {
                    None => Ok(None),
                    Some(second) if second == [0; BLOCK] => Ok(None),
                    Some(_) => Err(ArchiveError::LoneZeroBlock { at }),
                };
            }
            check_sum(&block, at)?;
            let header = Header { block: &block, at };
            self.left = header.number(124, 12, "size")?;
            self.padding = padding(self.left);
            match block[156] {
                b'x' | b'X' => pax = Pax::parse(&self.extended(at)?, at)?,
                // Global headers change nothing for the unpackers of a cluster.
                b'g' => drop(self.extended(at)?),
                b'L' => long_name = Some(until_zero(&self.extended(at)?).to_vec()),
                b'K' => long_link = Some(until_zero(&self.extended(at)?).to_vec()),
                kind => return self.entry(&header, kind, pax, long_name, long_link).map(Some),
            }
            expects_more = true;
        }
    }

    fn entry(
        &mut self,
        header: &Header<'_>,
        kind: u8,
        pax: Pax,
        long_name: Option<Vec<u8>>,
        long_link: Option<Vec<u8>>,
    ) -> Result<Entry, ArchiveError> {
        let at = header.at;
        let mut name = pax.path.clone().or(long_name).unwrap_or_else(|| header.name());
        let link = pax.link.clone().or(long_link).unwrap_or_else(|| until_zero(&header.block[157..257]).to_vec());
        if let Some(size) = pax.size {
            self.left = size;
            self.padding = padding(size);
        }
        if self.at.checked_add(self.left).and_then(|end| end.checked_add(self.padding)).is_none() {
            return Err(ArchiveError::Header { at, field: "size" });
        }
        let mode = header.number(100, 8, "mode")? as u32 & 0o7777;
        let kind = match kind {
            // An old way to write a folder.
            b'0' | 0 if name.ends_with(b"/") => EntryKind::Folder,
            b'0' | 0 | b'7' | b'S' => EntryKind::File,
            b'1' => EntryKind::HardLink(link),
            b'2' => EntryKind::Link(link),
            b'3' | b'4' | b'6' => EntryKind::Special,
            b'5' | b'D' => EntryKind::Folder,
            other => EntryKind::Unknown(other),
        };
        // Links, folders and devices have no content whatever their size field says (POSIX: "shall be ignored").
        if !matches!(kind, EntryKind::File | EntryKind::Unknown(_)) && header.block[156] != b'D' {
            (self.left, self.padding) = (0, 0);
        }
        let mut too_sparse = false;
        let mut size = if kind == EntryKind::File { self.left } else { 0 };
        if kind == EntryKind::File
            && let Some(sparse) = self.sparse_map(header, &pax)?
        {
            if let Some(real) = pax.sparse_name {
                name = real;
            }
            size = sparse.size;
            too_sparse = sparse.size - sparse.segments.iter().map(|(_, len)| len).sum::<u64>() > self.max_holes;
            if too_sparse {
                // Give nothing rather than a part that looks whole.
                self.sparse = Some(Sparse { segments: Vec::new(), next: 0, position: 0, size: 0 });
            } else {
                self.sparse = Some(sparse);
            }
        }
        Ok(Entry { name, kind, mode, size, too_sparse })
    }

    /// The map of a sparse file; `None` for a plain one.
    fn sparse_map(&mut self, header: &Header<'_>, pax: &Pax) -> Result<Option<Sparse>, ArchiveError> {
        let at = header.at;
        let bad = || ArchiveError::Sparse { at };
        let (numbers, size) = if header.block[156] == b'S' {
            self.old_sparse_map(header)?
        } else if pax.sparse_major.is_some_and(|major| major >= 1) {
            (self.stored_sparse_map(at)?, pax.sparse_size.ok_or_else(bad)?)
        } else if let Some(numbers) = &pax.sparse_map {
            (numbers.clone(), pax.sparse_size.ok_or_else(bad)?)
        } else {
            return Ok(None);
        };
        if numbers.len() % 2 != 0 {
            return Err(bad());
        }
        let mut segments = Vec::with_capacity(numbers.len() / 2);
        let mut end = 0u64;
        let mut stored = 0u64;
        for pair in numbers.chunks_exact(2) {
            let (start, len) = (pair[0], pair[1]);
            if start < end {
                return Err(bad());
            }
            end = start.checked_add(len).ok_or_else(bad)?;
            stored = stored.checked_add(len).ok_or_else(bad)?;
            if len > 0 {
                segments.push((start, len));
            }
        }
        if end > size || stored != self.left {
            return Err(bad());
        }
        Ok(Some(Sparse { segments, next: 0, position: 0, size }))
    }

    /// GNU's old format: four pairs in the header, more in blocks of 21 after it.
    fn old_sparse_map(&mut self, header: &Header<'_>) -> Result<(Vec<u64>, u64), ArchiveError> {
        let size = header.number(483, 12, "size")?;
        let mut numbers = Vec::new();
        let mut table = header.block[386..482].to_vec();
        let mut more = header.block[482] != 0;
        loop {
            let holder = Header { block: header.block, at: header.at };
            for field in table.chunks_exact(12) {
                if field[0] == 0 {
                    break;
                }
                numbers.push(holder.parse(field, "sparse map")?);
            }
            if numbers.len() > 2 * MAX_SEGMENTS {
                return Err(ArchiveError::Limit(format!("a sparse file has more than {MAX_SEGMENTS} pieces")));
            }
            if !more {
                return Ok((numbers, size));
            }
            let block = self.block()?.ok_or(ArchiveError::Truncated("a sparse map"))?;
            table = block[..504].to_vec();
            more = block[504] != 0;
        }
    }

    /// Pax format 1.0: decimal numbers, one a line, in whole blocks before the content.
    fn stored_sparse_map(&mut self, at: u64) -> Result<Vec<u64>, ArchiveError> {
        let bad = || ArchiveError::Sparse { at };
        let mut text: Vec<u8> = Vec::new();
        let mut numbers: Vec<u64> = Vec::new();
        let mut wanted: Option<u64> = None;
        loop {
            while let Some(end) = text.iter().position(|b| *b == b'\n') {
                let number = decimal(&text[..end]).ok_or_else(bad)?;
                text.drain(..=end);
                match wanted {
                    None if number > MAX_SEGMENTS as u64 => {
                        return Err(ArchiveError::Limit(format!("a sparse file has more than {MAX_SEGMENTS} pieces")));
                    }
                    None => wanted = Some(number * 2),
                    Some(_) => numbers.push(number),
                }
                if wanted == Some(numbers.len() as u64) {
                    return Ok(numbers);
                }
            }
            if self.left < BLOCK as u64 || text.len() > BLOCK {
                return Err(bad());
            }
            let block = self.block()?.ok_or(ArchiveError::Truncated("a sparse map"))?;
            self.left -= BLOCK as u64;
            text.extend_from_slice(&block);
        }
    }
}

fn padding(size: u64) -> u64 {
    (BLOCK as u64 - size % BLOCK as u64) % BLOCK as u64
}

fn until_zero(bytes: &[u8]) -> &[u8] {
    bytes.split(|b| *b == 0).next().unwrap_or(bytes)
}

/// The checksum counts its own field as spaces; some old writers added signed bytes.
fn check_sum(block: &[u8; BLOCK], at: u64) -> Result<(), ArchiveError> {
    let header = Header { block, at };
    let stated = header.number(148, 8, "checksum")?;
    let in_field = |i: usize| (148..156).contains(&i);
    let unsigned: u64 = block.iter().enumerate().map(|(i, b)| if in_field(i) { 32 } else { u64::from(*b) }).sum();
    let signed: i64 =
        block.iter().enumerate().map(|(i, b)| if in_field(i) { 32 } else { i64::from(b.cast_signed()) }).sum();
    if stated == unsigned || i64::try_from(stated) == Ok(signed) { Ok(()) } else { Err(ArchiveError::Checksum { at }) }
}

struct Header<'a> {
    block: &'a [u8],
    at: u64,
}

impl Header<'_> {
    fn number(&self, from: usize, len: usize, field: &'static str) -> Result<u64, ArchiveError> {
        self.parse(&self.block[from..from + len], field)
    }

    /// Octal text, or GNU's base 256 when the first bit is set. Negative numbers are refused: no field we read has any.
    fn parse(&self, bytes: &[u8], field: &'static str) -> Result<u64, ArchiveError> {
        let bad = || ArchiveError::Header { at: self.at, field };
        let Some((first, rest)) = bytes.split_first() else { return Err(bad()) };
        if first & 0x80 != 0 {
            if first & 0x40 != 0 {
                return Err(bad());
            }
            return rest.iter().try_fold(u64::from(first & 0x3f), |n, b| {
                n.checked_mul(256).and_then(|n| n.checked_add(u64::from(*b))).ok_or_else(bad)
            });
        }
        let text = until_zero(bytes).trim_ascii();
        text.iter().try_fold(0u64, |n, b| {
            if !(b'0'..=b'7').contains(b) {
                return Err(bad());
            }
            n.checked_mul(8).and_then(|n| n.checked_add(u64::from(b - b'0'))).ok_or_else(bad)
        })
    }

    /// The name of a header without extensions: ustar splits long ones into prefix and name; GNU's magic means other
    /// things stand where the prefix would.
    fn name(&self) -> Vec<u8> {
        let name = until_zero(&self.block[..100]);
        let prefix = until_zero(&self.block[345..500]);
        if &self.block[257..263] == b"ustar\0" && !prefix.is_empty() {
            [prefix, b"/", name].concat()
        } else {
            name.to_vec()
        }
    }
}
