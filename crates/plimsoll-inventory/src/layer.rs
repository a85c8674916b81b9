//! One layer in one streaming pass. In: the way to its bytes, and the digests that were promised. Out: its entries in
//! order and what was kept of its files; nothing when the bytes are not those that were promised.
//! What it does not do: apply whiteouts or follow links; that is `tree`.

use std::collections::HashMap;
use std::io::BufRead;
use std::sync::atomic::Ordering;
use std::sync::mpsc::sync_channel;

use plimsoll_model::{Algorithm, Digest, Location, OpenLayer, Problem, ProblemKind};

use crate::archive::ArchiveError;
use crate::archive::names::{MAX_PATH, normalise, readable};
use crate::archive::pipe::{CHUNKS, ChunkReader, Stored, inflate};
use crate::archive::tar::{Entry, EntryKind, TarReader};
use crate::sieve::{Content, FileHead, Kept, Sieve};

impl<R: BufRead> Content for TarReader<R> {
    fn chunk(&mut self) -> Result<&[u8], ArchiveError> {
        self.data()
    }
}

/// What an entry is, once names were made safe.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LayerEntryKind<'a> {
    /// Index into [`LayerContents::kept`], where something was kept.
    File {
        size: u64,
        kept: Option<u32>,
    },
    Folder,
    /// Path of the file that this is a second name of.
    HardLink(&'a str),
    /// Target as written.
    Link(&'a str),
    Special,
}

/// One entry of a layer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LayerEntry<'a> {
    pub path: &'a str,
    pub mode: u32,
    pub kind: LayerEntryKind<'a>,
}

/// Entries in the order of the archive, front-coded: neighbours share most of their paths, and there may be millions.
#[derive(Debug, Default)]
pub struct Entries {
    records: Vec<Record>,
    text: String,
    last: String,
}

#[derive(Debug)]
struct Record {
    /// Bytes shared with the path before, bytes of its own, bytes of the target.
    shared: u16,
    own: u16,
    target: u16,
    mode: u16,
    tag: u8,
    kept: u32,
    size: u64,
}

const NONE: u32 = u32::MAX;

impl Entries {
    /// Paths and targets are at most [`MAX_PATH`] bytes long, which fits `u16`.
    pub fn push(&mut self, entry: LayerEntry<'_>) {
        let mut shared = entry.path.bytes().zip(self.last.bytes()).take_while(|(a, b)| a == b).count();
        while !entry.path.is_char_boundary(shared) {
            shared -= 1;
        }
        let short = |n: usize| u16::try_from(n).unwrap_or(u16::MAX);
        let (tag, target, size, kept) = match entry.kind {
            LayerEntryKind::File { size, kept } => (0, "", size, kept.unwrap_or(NONE)),
            LayerEntryKind::Folder => (1, "", 0, NONE),
            LayerEntryKind::HardLink(target) => (2, target, 0, NONE),
            LayerEntryKind::Link(target) => (3, target, 0, NONE),
            LayerEntryKind::Special => (4, "", 0, NONE),
        };
        self.records.push(Record {
            shared: short(shared),
            own: short(entry.path.len() - shared),
            target: short(target.len()),
            mode: (entry.mode & 0o7777) as u16,
            tag,
            kept,
            size,
        });
        self.text.push_str(&entry.path[shared..]);
        self.text.push_str(target);
        self.last.truncate(shared);
        self.last.push_str(&entry.path[shared..]);
    }

    pub fn len(&self) -> usize {
        self.records.len()
    }

    pub fn is_empty(&self) -> bool {
        self.records.is_empty()
    }

    /// Calls `each` with every entry and its index.
    pub fn for_each(&self, mut each: impl FnMut(u32, LayerEntry<'_>)) {
        let mut path = String::new();
        let mut at = 0;
        for (i, record) in self.records.iter().enumerate() {
            path.truncate(record.shared.into());
            let own = at + usize::from(record.own);
            let end = own + usize::from(record.target);
            path.push_str(&self.text[at..own]);
            let target = &self.text[own..end];
            at = end;
            let kind = match record.tag {
                0 => LayerEntryKind::File { size: record.size, kept: (record.kept != NONE).then_some(record.kept) },
                1 => LayerEntryKind::Folder,
                2 => LayerEntryKind::HardLink(target),
                3 => LayerEntryKind::Link(target),
                _ => LayerEntryKind::Special,
            };
            each(i as u32, LayerEntry { path: &path, mode: record.mode.into(), kind });
        }
    }
}

/// What a layer holds.
#[derive(Debug, Default)]
pub struct LayerContents {
    pub entries: Entries,
    pub kept: Vec<Kept>,
    pub problems: Vec<Problem>,
    /// Bytes of the tar.
    pub unpacked_size: u64,
    /// Digest of the tar, once all of it was read.
    pub diff_id: Option<Digest>,
    /// Bytes of all files.
    pub file_bytes: u64,
}

/// What to look at in a layer.
#[derive(Debug, Clone, Copy)]
pub enum Plan<'p> {
    All,
    /// Only the entries of these indexes, each as if it stood at that path, large programs held whole.
    Only(&'p HashMap<u32, String>),
}

/// Reads one layer. With [`Plan::Only`], `kept` has an element for each entry of the plan that was met, in the order of the
/// archive, and `entries` names it.
pub fn read_layer(open: &OpenLayer, diff_id: Option<&Digest>, sieve: &Sieve<'_>, plan: Plan<'_>) -> LayerContents {
    let name = layer_name(open, diff_id);
    let mut contents = LayerContents::default();
    let reader = match (open.open)() {
        Ok(reader) => reader,
        Err(error) => {
            contents.problems.push(
                Problem::undecided(ProblemKind::Unreachable, format!("open {name}: {error}"))
                    .with_hint("try the pull again"),
            );
            return contents;
        }
    };
    let promised = open.layer.digest.as_ref();
    let size_is_known = promised.is_some() || open.layer.size > 0;
    let most = if size_is_known { open.layer.size } else { u64::MAX - 1 };
    let (chunks, chunk_source) = sync_channel(CHUNKS);
    let (spent, spent_source) = sync_channel(CHUNKS + 1);
    let limits = &sieve.options.limits;
    let stream = ChunkReader::new(chunk_source, spent, diff_id.map_or(Algorithm::Sha256, Digest::algorithm));
    let (stored, read) = std::thread::scope(|scope| {
        let algorithm = promised.map(Digest::algorithm);
        let inflating = scope.spawn(move || inflate(reader, algorithm, most, limits, &chunks, &spent_source));
        let read = read_tar(stream, sieve, plan, &mut contents);
        (inflating.join().unwrap_or(None), read)
    });
    let broken = match read {
        Ok((digest, count, fault)) => {
            contents.unpacked_size = count;
            contents.diff_id = Some(digest);
            fault
        }
        Err(error) => Some(error),
    };
    if let Some(error) = &broken {
        let kind = if matches!(error, ArchiveError::Limit(_)) {
            ProblemKind::LimitReached
        } else {
            ProblemKind::BrokenArchive
        };
        let problem = Problem::undecided(kind, format!("read {name}: {error}"));
        contents.problems.push(match kind {
            ProblemKind::BrokenArchive => {
                problem.with_hint("the layer is cut or damaged: push or pull the image again")
            }
            _ => problem.with_hint("what lies beyond the limit was not looked at"),
        });
    }
    let mismatch = verify(open, diff_id, stored.as_ref(), contents.diff_id.as_ref(), size_is_known);
    let promised_anything = promised.is_some() || diff_id.is_some();
    let unverified = promised_anything && (stored.is_none() || contents.diff_id.is_none());
    if let Some(what) = mismatch {
        contents = LayerContents {
            problems: vec![
                Problem::undecided(ProblemKind::DigestMismatch, format!("believe {name}: {what}")).with_hint(
                    "the bytes are not those that were signed for; pull the image again from a source you trust",
                ),
            ],
            unpacked_size: contents.unpacked_size,
            ..LayerContents::default()
        };
    } else if unverified {
        // Bytes before the break may be anybody's: the digest could not be checked.
        contents = LayerContents {
            problems: contents.problems,
            unpacked_size: contents.unpacked_size,
            ..LayerContents::default()
        };
    }
    bound_problems(&mut contents.problems, limits.problems);
    contents
}

/// How messages call a layer.
fn layer_name(open: &OpenLayer, diff_id: Option<&Digest>) -> String {
    match open.layer.digest.as_ref().or(diff_id) {
        Some(digest) => format!("layer {}:{}", digest.algorithm().name(), digest.short()),
        None => "a layer".to_owned(),
    }
}

/// What about the bytes is not as promised.
fn verify(
    open: &OpenLayer,
    diff_id: Option<&Digest>,
    stored: Option<&Stored>,
    unpacked: Option<&Digest>,
    size_is_known: bool,
) -> Option<String> {
    if let Some(stored) = stored {
        if size_is_known && stored.size != open.layer.size {
            let more = if stored.size > open.layer.size { "more than " } else { "" };
            let there = stored.size.min(open.layer.size);
            return Some(format!("it has {more}{there} bytes, not the {} that its manifest says", open.layer.size));
        }
        if let Some(promised) = &open.layer.digest
            && stored.digest.as_ref() != Some(promised)
        {
            return Some("its bytes have another digest".to_owned());
        }
    }
    match (diff_id, unpacked) {
        (Some(promised), Some(found)) if promised != found => {
            Some(format!("unpacked it is {}, not {} as the configuration says", found.short(), promised.short()))
        }
        _ => None,
    }
}

fn bound_problems(problems: &mut Vec<Problem>, most: usize) {
    if problems.len() > most {
        // The strongest stay.
        problems.sort_by_key(|p| std::cmp::Reverse(p.effect));
        let more = problems.len() - most;
        problems.truncate(most);
        problems
            .push(Problem::undecided(ProblemKind::LimitReached, format!("list {more} more problems of this layer")));
    }
}

type TarEnd = (Digest, u64, Option<ArchiveError>);

/// Reads the tar to the end of the stream, whatever happens, for the digest is over all of it. The inner error is one of
/// the format: the bytes themselves came through.
fn read_tar(
    stream: ChunkReader,
    sieve: &Sieve<'_>,
    plan: Plan<'_>,
    contents: &mut LayerContents,
) -> Result<TarEnd, ArchiveError> {
    let mut tar = TarReader::new(stream, sieve.options.limits.sparse_holes);
    let mut index = 0u32;
    let fault = loop {
        let entry = match tar.next_entry() {
            Ok(Some(entry)) => entry,
            Ok(None) => break None,
            Err(error) => break Some(error),
        };
        let result = match plan {
            Plan::All => take_entry(entry, &mut tar, sieve, contents),
            Plan::Only(wanted) => take_planned(index, &entry, &mut tar, sieve, wanted, contents),
        };
        if let Err(error) = result {
            break Some(error);
        }
        index = index.saturating_add(1);
    };
    let stream = tar.into_inner();
    match fault {
        Some(error) if stream.failed() => Err(error),
        fault => {
            let (digest, count) = stream.finish()?;
            Ok((digest, count, fault))
        }
    }
}

/// In every plan each entry of the tar counts once, so that indexes agree between passes.
fn take_entry(
    entry: Entry,
    tar: &mut TarReader<ChunkReader>,
    sieve: &Sieve<'_>,
    contents: &mut LayerContents,
) -> Result<(), ArchiveError> {
    let most = sieve.options.limits.entries;
    if sieve.entries.fetch_add(1, Ordering::Relaxed) >= most {
        return Err(ArchiveError::Limit(format!("the image has more than {most} files, folders and links")));
    }
    let name = normalise(&entry.name);
    let skip = |contents: &mut LayerContents, what: String| {
        let shown: String = readable(&entry.name).chars().take(200).collect();
        let message = format!("place the entry {shown:?}: {what}");
        contents.problems.push(Problem::undecided(ProblemKind::BrokenArchive, message));
        // Keeps indexes in step.
        contents.entries.push(LayerEntry { path: "", mode: 0, kind: LayerEntryKind::Folder });
    };
    if name.path.len() > MAX_PATH {
        skip(contents, format!("its name is longer than {MAX_PATH} bytes"));
        return Ok(());
    }
    if name.escapes {
        contents.problems.push(
            Problem::undecided(
                ProblemKind::BrokenArchive,
                format!("place the entry {:?}: its name leads out of the image", readable(&entry.name)),
            )
            .with_hint("runtimes refuse such a layer or put the file elsewhere; it was read as if inside the root"),
        );
    }
    let path = name.path.as_str();
    let target;
    let kind = match &entry.kind {
        EntryKind::File => {
            let mut kept = None;
            contents.file_bytes = contents.file_bytes.saturating_add(entry.size);
            if entry.too_sparse {
                contents.problems.push(
                    Problem::undecided(
                        ProblemKind::LimitReached,
                        format!("read {path}: its holes stand for too many zeros"),
                    )
                    .at(Location::path(path)),
                );
            } else {
                let head = FileHead { path, size: entry.size, mode: entry.mode };
                if let Some(found) = sieve.sift(head, false, tar)? {
                    kept = Some(contents.kept.len() as u32);
                    contents.kept.push(found);
                }
            }
            LayerEntryKind::File { size: entry.size, kept }
        }
        EntryKind::Folder => LayerEntryKind::Folder,
        EntryKind::HardLink(link) => {
            target = normalise(link);
            if target.path.len() > MAX_PATH {
                skip(contents, "its target is too long".into());
                return Ok(());
            }
            LayerEntryKind::HardLink(&target.path)
        }
        EntryKind::Link(link) => {
            target = crate::archive::names::Name { path: readable(link), escapes: false };
            if target.path.len() > MAX_PATH {
                skip(contents, "its target is too long".into());
                return Ok(());
            }
            LayerEntryKind::Link(&target.path)
        }
        EntryKind::Special => LayerEntryKind::Special,
        EntryKind::Unknown(kind) => {
            skip(contents, format!("its type {kind:#04x} is not known"));
            return Ok(());
        }
    };
    contents.entries.push(LayerEntry { path, mode: entry.mode, kind });
    Ok(())
}

fn take_planned(
    index: u32,
    entry: &Entry,
    tar: &mut TarReader<ChunkReader>,
    sieve: &Sieve<'_>,
    wanted: &HashMap<u32, String>,
    contents: &mut LayerContents,
) -> Result<(), ArchiveError> {
    let Some(path) = wanted.get(&index) else { return Ok(()) };
    let head = FileHead { path, size: entry.size, mode: entry.mode };
    if let Some(found) = sieve.sift(head, true, tar)? {
        let kept = Some(contents.kept.len() as u32);
        contents.kept.push(found);
        let kind = LayerEntryKind::File { size: u64::from(index), kept };
        contents.entries.push(LayerEntry { path, mode: entry.mode, kind });
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn front_coded_entries_come_back_as_they_went_in() {
        let list = [
            LayerEntry { path: "etc/passwd", mode: 0o644, kind: LayerEntryKind::File { size: 7, kept: Some(3) } },
            LayerEntry { path: "etc/pä", mode: 0o777, kind: LayerEntryKind::Link("../x") },
            LayerEntry { path: "etc/pö", mode: 0o755, kind: LayerEntryKind::Folder },
            LayerEntry { path: "", mode: 0, kind: LayerEntryKind::Special },
            LayerEntry { path: "etc", mode: 0o4755, kind: LayerEntryKind::HardLink("etc/passwd") },
        ];
        let mut entries = Entries::default();
        for entry in list {
            entries.push(entry);
        }
        let mut i = 0;
        entries.for_each(|index, entry| {
            assert_eq!((index as usize, entry), (i, list[i]));
            i += 1;
        });
        assert_eq!(i, list.len());
    }
}
