//! What is kept of one file while it streams by. In: its path, size, mode and content. Out: packages that readers found,
//! its digest if it can run, findings of inspectors, and its bytes only where they are needed once all layers are known.
//! What it does not do: know of layers or links.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use memchr::memmem::Finder;
use plimsoll_model::{ExecutableKind, Finding, Location, Problem, ProblemKind};
use sha2::{Digest as _, Sha256};

use crate::archive::ArchiveError;
use crate::options::Options;
use crate::os::{self, Database, DatabaseOutput};
use crate::reader::{Candidate, Companions, HEAD, ReadInput, ReadOutput, Reader, Scope, is_elf};

/// Files above this are held one at a time over all layers, so that memory does not grow with the number of threads.
const BIG: u64 = 4 << 20;

/// Content that is read once from the start.
pub trait Content {
    /// The next piece; empty at the end.
    fn chunk(&mut self) -> Result<&[u8], ArchiveError>;
}

/// What was kept of one file.
#[derive(Debug, Default)]
pub struct Kept {
    /// By index into [`Sieve::readers`].
    pub reads: Vec<(usize, ReadOutput)>,
    pub database: Option<DatabaseOutput>,
    /// The content, for what is read after squashing.
    pub bytes: Option<Box<[u8]>>,
    pub executable: Option<(ExecutableKind, [u8; 32])>,
    pub findings: Vec<Finding>,
    pub problems: Vec<Problem>,
    /// A marker was seen in a file too large to hold: it must be fetched again.
    pub fetch_again: bool,
}

/// One file as the archive or folder describes it.
#[derive(Debug, Clone, Copy)]
pub struct FileHead<'a> {
    pub path: &'a str,
    pub size: u64,
    pub mode: u32,
}

/// Decides for every file of a run; shared by all threads.
pub struct Sieve<'a> {
    pub options: &'a Options<'a>,
    /// The readers of this run's scope.
    pub readers: Vec<&'a Reader>,
    /// Byte strings by reader.
    markers: Vec<Vec<Finder<'static>>>,
    /// Images and root file systems: package databases, the distribution and executables count.
    pub system: bool,
    kept_bytes: AtomicU64,
    pub entries: AtomicU64,
    big: Mutex<()>,
}

/// Who wants a file.
#[derive(Default)]
struct Wants {
    now: Vec<usize>,
    marked: Vec<usize>,
    keep: bool,
    database: Option<&'static Database>,
    inspectors: Vec<usize>,
    executable: Option<ExecutableKind>,
}

impl Wants {
    fn nothing(&self) -> bool {
        self.executable.is_none() && !self.content()
    }

    fn content(&self) -> bool {
        !self.now.is_empty()
            || !self.marked.is_empty()
            || self.keep
            || self.database.is_some()
            || !self.inspectors.is_empty()
    }

    /// Everything but marked readers needs the bytes whatever is in them.
    fn unconditionally(&self) -> bool {
        !self.now.is_empty() || self.keep || self.database.is_some() || !self.inspectors.is_empty()
    }
}

impl<'a> Sieve<'a> {
    /// `system`: images and root file systems; otherwise a project folder.
    pub fn new(options: &'a Options<'a>, system: bool) -> Sieve<'a> {
        let here = if system { Scope::Image } else { Scope::Project };
        let readers: Vec<&Reader> =
            options.readers.iter().copied().filter(|r| r.scope == here || r.scope == Scope::Both).collect();
        let markers =
            readers.iter().map(|r| r.markers.iter().map(|m| Finder::new(*m).into_owned()).collect()).collect();
        Sieve {
            options,
            readers,
            markers,
            system,
            kept_bytes: AtomicU64::new(0),
            entries: AtomicU64::new(0),
            big: Mutex::new(()),
        }
    }

    /// Whether anything may want the file, as far as its name tells.
    pub fn wants_by_name(&self, head: FileHead<'_>) -> bool {
        self.system || self.concerns(head)
    }

    /// Whether anybody wants the file by its name, or would if it were not too large: that must be said.
    fn concerns(&self, head: FileHead<'_>) -> bool {
        let mut problems = Vec::new();
        !self.wants(head, &[], &mut problems).nothing() || !problems.is_empty()
    }

    /// Whether the file is wanted by its name, or can run by its mode: not being able to read it is then more than a note.
    pub fn misses(&self, head: FileHead<'_>) -> bool {
        head.mode & 0o111 != 0 || self.concerns(head)
    }

    /// Whether a late reader wants the file: one that likes to see companions.
    pub fn late_readers(&self, candidate: Candidate<'_>) -> impl Iterator<Item = usize> {
        self.readers
            .iter()
            .enumerate()
            .filter(move |(_, r)| r.companion.is_some() && candidate.size <= r.max_size && (r.wants)(&candidate))
            .map(|(i, _)| i)
    }

    /// Whether readers want the file by its path alone: asked for hard links under another name.
    pub fn readers_for(&self, candidate: Candidate<'_>) -> Vec<usize> {
        (0..self.readers.len()).filter(|i| (self.readers[*i].wants)(&candidate)).collect()
    }

    /// Whether the path is a companion of any reader.
    pub fn is_companion(&self, path: &str) -> bool {
        self.readers.iter().any(|r| r.companion.is_some_and(|is| is(path)))
    }

    fn wants(&self, file: FileHead<'_>, head: &[u8], problems: &mut Vec<Problem>) -> Wants {
        let FileHead { path, size, mode } = file;
        let limits = &self.options.limits;
        let candidate = Candidate { path, size, mode, head };
        let mut wants = Wants::default();
        for (i, reader) in self.readers.iter().enumerate() {
            let wanted = (reader.wants)(&candidate);
            let companion = reader.companion.is_some_and(|is| is(path));
            if !wanted && !companion {
                continue;
            }
            // A large program without a marker is none of a marked reader's: that is known only when it streamed by.
            if wanted && size > reader.max_size && reader.markers.is_empty() {
                problems.push(too_large(path, size, reader.max_size));
                continue;
            }
            match (reader.companion, reader.markers) {
                (Some(_), _) => wants.keep = true,
                (None, []) => wants.now.push(i),
                (None, _) => wants.marked.push(i),
            }
        }
        if self.system {
            wants.database = os::database_of(path);
            wants.keep |= os::dpkg::is_list(path) || crate::distro::is_evidence(path);
            if self.options.executables {
                wants.executable = executable_kind(head, mode);
            }
        }
        if size > limits.kept_file && wants.keep {
            wants.keep = false;
            problems.push(too_large(path, size, limits.kept_file));
        }
        if size > limits.database && wants.database.take().is_some() {
            problems.push(too_large(path, size, limits.database));
        }
        if size <= limits.inspected {
            let inspectors = self.options.inspectors.iter().enumerate();
            wants.inspectors.extend(inspectors.filter(|(_, inspector)| (inspector.wants)(path, size)).map(|(i, _)| i));
        }
        wants
    }

    /// Takes what is wanted from one file. `whole`: hold even a large program (it was seen to have a marker). `None` when
    /// nobody wants it; its content is then not read to the end.
    pub fn sift(
        &self,
        file: FileHead<'_>,
        whole: bool,
        content: &mut dyn Content,
    ) -> Result<Option<Kept>, ArchiveError> {
        let mut kept = Kept::default();
        let first = content.chunk()?;
        let begun = if first.len() >= HEAD || first.len() as u64 >= file.size {
            self.begin(file, whole, first, &mut kept.problems)
        } else {
            // A chunk ends within the first bytes: join them.
            let mut lead = first.to_vec();
            while lead.len() < HEAD {
                let chunk = content.chunk()?;
                if chunk.is_empty() {
                    break;
                }
                lead.extend_from_slice(chunk);
            }
            self.begin(file, whole, &lead, &mut kept.problems)
        };
        let Some((wants, mut sink, permit)) = begun else {
            return Ok((!kept.problems.is_empty()).then_some(kept));
        };
        loop {
            let chunk = content.chunk()?;
            if chunk.is_empty() {
                break;
            }
            sink.take(chunk);
        }
        kept.executable = wants.executable.zip(sink.hash).map(|(kind, hash)| (kind, hash.finalize().into()));
        if sink.search.is_some_and(|search| search.found) {
            let most_marked = self.most_marked(&wants);
            kept.fetch_again = file.size <= most_marked;
            if !kept.fetch_again {
                kept.problems.push(too_large(file.path, file.size, most_marked));
            }
        }
        if let Some(bytes) = sink.held {
            self.read(file, &wants, bytes, &mut kept);
        }
        drop(permit);
        Ok(Some(kept))
    }

    /// Decides by the first bytes and takes them. `None` when nobody wants the file.
    fn begin(
        &self,
        file: FileHead<'_>,
        whole: bool,
        lead: &[u8],
        problems: &mut Vec<Problem>,
    ) -> Option<(Wants, Sink<'_>, Option<MutexGuard<'_, ()>>)> {
        let wants = self.wants(file, &lead[..lead.len().min(HEAD)], problems);
        if wants.nothing() {
            return None;
        }
        let most_marked = self.most_marked(&wants);
        let most_held = if whole { most_marked } else { most_marked.min(self.options.limits.held) };
        let hold = wants.unconditionally() || (!wants.marked.is_empty() && file.size <= most_held);
        let permit = (hold && file.size > BIG).then(|| self.big.lock().unwrap_or_else(PoisonError::into_inner));
        let mut sink = Sink {
            hash: wants.executable.map(|_| Sha256::new()),
            // Exact, so that growing never holds a file twice; a size that lies costs address space only.
            held: hold.then(|| {
                Vec::with_capacity(usize::try_from(file.size.min(most_held.max(self.options.limits.held))).unwrap_or(0))
            }),
            search: (!hold && !wants.marked.is_empty()).then(|| Search::new(self, &wants.marked)),
        };
        sink.take(lead);
        Some((wants, sink, permit))
    }

    /// The largest file that a marked reader takes.
    fn most_marked(&self, wants: &Wants) -> u64 {
        wants.marked.iter().map(|i| self.readers[*i].max_size).max().unwrap_or(0)
    }

    fn read(&self, file: FileHead<'_>, wants: &Wants, bytes: Vec<u8>, kept: &mut Kept) {
        let path = file.path;
        let input = ReadInput::alone(path, &bytes);
        let marked = wants.marked.iter().filter(|i| self.markers[**i].iter().any(|m| m.find(&bytes).is_some()));
        for i in wants.now.iter().chain(marked) {
            kept.reads.push((*i, (self.readers[*i].read)(&input)));
        }
        if let Some(database) = wants.database {
            kept.database = Some((database.read)(path, &bytes));
        }
        for i in &wants.inspectors {
            kept.findings.extend((self.options.inspectors[*i].inspect)(path, &bytes));
        }
        if wants.keep {
            let most = self.options.limits.kept_bytes;
            let size = bytes.len() as u64;
            if self.kept_bytes.fetch_add(size, Ordering::Relaxed).saturating_add(size) > most {
                self.kept_bytes.fetch_sub(size, Ordering::Relaxed);
                kept.problems.push(
                    Problem::undecided(
                        ProblemKind::LimitReached,
                        format!("keep {path}: the files to be read together are more than {most} bytes"),
                    )
                    .at(Location::path(path)),
                );
            } else {
                kept.bytes = Some(bytes.into_boxed_slice());
            }
        }
    }

    /// Reads a kept file with the files beside it.
    pub fn read_late(&self, reader: usize, path: &str, bytes: &[u8], companions: &Companions<'_>) -> ReadOutput {
        (self.readers[reader].read)(&ReadInput { path, bytes, companions })
    }
}

fn too_large(path: &str, size: u64, most: u64) -> Problem {
    Problem::undecided(
        ProblemKind::LimitReached,
        format!("read {path}: {size} bytes are more than the {most} that are read"),
    )
    .at(Location::path(path))
}

/// ELF programs and libraries whatever their mode, for a loader can start them; scripts only when the kernel would.
pub fn executable_kind(head: &[u8], mode: u32) -> Option<ExecutableKind> {
    if is_elf(head) {
        Some(ExecutableKind::Elf)
    } else if head.starts_with(b"#!") && mode & 0o111 != 0 {
        Some(ExecutableKind::Script)
    } else {
        None
    }
}

/// Where content goes.
struct Sink<'s> {
    hash: Option<Sha256>,
    held: Option<Vec<u8>>,
    search: Option<Search<'s>>,
}

impl Sink<'_> {
    fn take(&mut self, chunk: &[u8]) {
        if let Some(hash) = &mut self.hash {
            hash.update(chunk);
        }
        if let Some(held) = &mut self.held {
            held.extend_from_slice(chunk);
        }
        if let Some(search) = &mut self.search {
            search.take(chunk);
        }
    }
}

/// Looks for byte strings in a stream, those across two chunks too.
struct Search<'s> {
    markers: Vec<&'s Finder<'static>>,
    /// The end of what went by, one byte shorter than the longest marker.
    tail: Vec<u8>,
    overlap: usize,
    found: bool,
}

impl<'s> Search<'s> {
    fn new(sieve: &'s Sieve<'_>, readers: &[usize]) -> Search<'s> {
        let markers: Vec<_> = readers.iter().flat_map(|i| &sieve.markers[*i]).collect();
        let overlap = markers.iter().map(|m| m.needle().len()).max().unwrap_or(1).saturating_sub(1);
        Search { markers, tail: Vec::new(), overlap, found: false }
    }

    fn take(&mut self, chunk: &[u8]) {
        if self.found {
            return;
        }
        self.tail.extend_from_slice(&chunk[..chunk.len().min(self.overlap)]);
        self.found = self.markers.iter().any(|m| m.find(&self.tail).is_some() || m.find(chunk).is_some());
        if chunk.len() >= self.overlap {
            self.tail.clear();
            self.tail.extend_from_slice(&chunk[chunk.len() - self.overlap..]);
        } else {
            let extra = self.tail.len().saturating_sub(self.overlap);
            self.tail.drain(..extra);
        }
    }
}
