//! The crate's two doors. In: an image's layers, or a folder. Out: its inventory. Layers are read in parallel, then put on
//! one another; the few files that only then turn out to be wanted are fetched in a second, rare pass.

use std::collections::HashMap;
use std::io::Read;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

use plimsoll_model::{
    Digest, FileTree, ImageConfig, Inventory, Layer, LayerReader, Location, OpenLayer, Problem, ProblemKind,
    TreeEntryKind, Visit,
};

use crate::archive::ArchiveError;
use crate::assemble::{Assembly, Extra, Request};
use crate::layer::{LayerContents, LayerEntry, LayerEntryKind, Plan, read_layer};
use crate::options::{Options, Progress};
use crate::sieve::{Content, FileHead, Kept, Sieve};
use crate::tree::Tree;

/// What kind of folder is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TreeKind {
    /// An unpacked root file system: what is installed.
    Rootfs,
    /// A project: its lockfiles.
    Project,
}

/// Layers read at a time at most, when the caller does not say: each takes two threads and its buffers.
const MAX_THREADS: usize = 4;
/// Passes that fetch single files again. More than one name of a file that needs another look each is already odd.
const MAX_PASSES: usize = 4;

/// Everything that is in an image. `layers` lowest first. Bytes are believed only when blob digest, size and diff id are
/// those that were named; a layer whose are not gives a `DigestMismatch` problem and nothing else.
pub fn catalogue_image(config: Option<ImageConfig>, layers: Vec<OpenLayer>, options: &Options<'_>) -> Inventory {
    let sieve = Sieve::new(options, true);
    let Opened { layers, mut contents, diff_ids, problems } = open_layers(config.as_ref(), layers, &sieve);
    let mut inventory = Inventory { problems, ..Inventory::default() };
    let mut tree = Tree::new(options.limits.entries);
    let mut kept = Vec::new();
    let instructions = config.iter().flat_map(|c| &c.history).filter(|step| !step.empty_layer);
    let mut instructions = instructions.map(|step| step.created_by.clone());
    for (i, (open, contents)) in layers.iter().zip(&mut contents).enumerate() {
        tree.apply(i as u32, &contents.entries);
        contents.entries = Default::default();
        kept.push(std::mem::take(&mut contents.kept));
        inventory.total_file_bytes = inventory.total_file_bytes.saturating_add(contents.file_bytes);
        let problems = std::mem::take(&mut contents.problems).into_iter();
        inventory.problems.extend(problems.map(|problem| in_layer(problem, i)));
        inventory.layers.push(Layer {
            diff_id: diff_ids[i].clone().or_else(|| contents.diff_id.clone()),
            unpacked_size: contents.unpacked_size,
            created_by: open.layer.created_by.clone().or_else(|| instructions.next().flatten()),
            ..open.layer.clone()
        });
    }
    inventory.config = config;
    let mut assembly = Assembly::new(&sieve, tree, kept, true);
    fetch_again(&mut assembly, &mut inventory.problems, |requests, problems| {
        let mut by_layer: HashMap<u32, HashMap<u32, String>> = HashMap::new();
        for request in requests {
            by_layer.entry(request.layer).or_default().insert(request.entry, request.path.clone());
        }
        let mut found = Vec::new();
        for (layer, wanted) in by_layer {
            let i = layer as usize;
            let contents = read_layer(&layers[i], diff_ids[i].as_ref(), &sieve, Plan::Only(&wanted));
            problems.extend(contents.problems.into_iter().map(|problem| in_layer(problem, i)));
            let mut kept = contents.kept.into_iter().map(Some).collect::<Vec<_>>();
            contents.entries.for_each(|_, entry| {
                // `Plan::Only` writes the entry's index where the size would be.
                if let LayerEntryKind::File { size, kept: Some(at) } = entry.kind
                    && let Some(kept) = kept.get_mut(at as usize).and_then(Option::take)
                {
                    found.push(Extra { layer, entry: size as u32, path: entry.path.to_owned(), kept });
                }
            });
        }
        found
    });
    assembly.finish(&mut inventory);
    inventory
}

/// Layers that were read, in the order of the image.
pub struct Opened {
    pub layers: Vec<OpenLayer>,
    pub contents: Vec<LayerContents>,
    pub diff_ids: Vec<Option<Digest>>,
    pub problems: Vec<Problem>,
}

/// Reads all layers that are within the bounds.
pub fn open_layers(config: Option<&ImageConfig>, mut layers: Vec<OpenLayer>, sieve: &Sieve<'_>) -> Opened {
    let mut problems = Vec::new();
    let most = sieve.options.limits.layers;
    if layers.len() > most {
        let there = layers.len();
        layers.truncate(most);
        problems.push(Problem::undecided(
            ProblemKind::LimitReached,
            format!("read the image: of its {there} layers only the first {most} were read"),
        ));
    }
    let diff_ids = diff_ids(config, &layers, &mut problems);
    let contents = read_layers(&layers, &diff_ids, sieve);
    Opened { layers, contents, diff_ids, problems }
}

/// Everything that is in a folder.
pub fn catalogue_tree(folder: &dyn FileTree, kind: TreeKind, options: &Options<'_>) -> Inventory {
    let system = kind == TreeKind::Rootfs;
    let sieve = Sieve::new(options, system);
    let mut inventory = Inventory::default();
    let mut tree = Tree::new(options.limits.entries);
    let mut kept: Vec<Kept> = Vec::new();
    let mut index = 0u32;
    let problems = folder.walk(&mut |entry, open| {
        let skip = if system { skips_in_rootfs(&entry.path) } else { entry.path.rsplit('/').next() == Some(".git") };
        if entry.kind == TreeEntryKind::Folder && skip {
            return Visit::SkipFolder;
        }
        if u64::from(index) >= options.limits.entries {
            let most = options.limits.entries;
            inventory.problems.push(Problem::undecided(
                ProblemKind::LimitReached,
                format!("read the folder: it has more than {most} files, folders and links"),
            ));
            return Visit::Stop;
        }
        let path = entry.path.as_str();
        let kind = match &entry.kind {
            TreeEntryKind::Folder => LayerEntryKind::Folder,
            TreeEntryKind::Link(target) => LayerEntryKind::Link(target),
            TreeEntryKind::Special => LayerEntryKind::Special,
            TreeEntryKind::File => {
                inventory.total_file_bytes = inventory.total_file_bytes.saturating_add(entry.size);
                let head = FileHead { path, size: entry.size, mode: entry.mode };
                let found = if sieve.wants_by_name(head) { sift_file(&sieve, head, false, open()) } else { None };
                let at = found.map(|found| {
                    kept.push(found);
                    (kept.len() - 1) as u32
                });
                LayerEntryKind::File { size: entry.size, kept: at }
            }
        };
        tree.insert(index, LayerEntry { path, mode: entry.mode, kind });
        index += 1;
        Visit::Continue
    });
    inventory.problems.extend(problems);
    let mut assembly = Assembly::new(&sieve, tree, vec![kept], false);
    fetch_again(&mut assembly, &mut inventory.problems, |requests, _| {
        let wanted: HashMap<&str, &Request> = requests.iter().map(|r| (r.own_path.as_str(), r)).collect();
        let mut found = Vec::new();
        folder.walk(&mut |entry, open| {
            if let Some(request) = wanted.get(entry.path.as_str()) {
                let head = FileHead { path: &request.path, size: entry.size, mode: entry.mode };
                let kept = sift_file(&sieve, head, true, open()).unwrap_or_default();
                found.push(Extra { layer: 0, entry: request.entry, path: request.path.clone(), kept });
            }
            Visit::Continue
        });
        found
    });
    assembly.finish(&mut inventory);
    inventory
}

/// Kernel file systems and devices: nothing there is of the image.
fn skips_in_rootfs(path: &str) -> bool {
    matches!(path, "proc" | "sys" | "dev")
}

/// A reader that gives its content in pieces, never more than the size that was listed.
struct ReadContent {
    reader: std::io::Take<LayerReader>,
    buffer: Vec<u8>,
}

/// Bytes read from a file at a time.
const PIECE: usize = 128 * 1024;

impl Content for ReadContent {
    fn chunk(&mut self) -> Result<&[u8], ArchiveError> {
        loop {
            match self.reader.read(&mut self.buffer) {
                Ok(read) => return Ok(&self.buffer[..read]),
                Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error.into()),
            }
        }
    }
}

fn sift_file(sieve: &Sieve<'_>, head: FileHead<'_>, whole: bool, reader: std::io::Result<LayerReader>) -> Option<Kept> {
    let piece = usize::try_from(head.size).unwrap_or(PIECE).clamp(1, PIECE);
    let found = reader.map_err(ArchiveError::from).and_then(|reader| {
        let mut content = ReadContent { reader: reader.take(head.size), buffer: vec![0; piece] };
        sieve.sift(head, whole, &mut content)
    });
    match found {
        Ok(found) => found,
        Err(error) => {
            let effect = if sieve.misses(head) { Problem::undecided } else { Problem::note };
            let problem = effect(ProblemKind::Unreachable, format!("read {}: {error}", head.path))
                .with_hint("run as a user who may read it")
                .at(Location::path(head.path));
            Some(Kept { problems: vec![problem], ..Kept::default() })
        }
    }
}

/// A layer's diff id: as the source found it, else as the configuration says.
fn diff_ids(config: Option<&ImageConfig>, layers: &[OpenLayer], problems: &mut Vec<Problem>) -> Vec<Option<Digest>> {
    let configured = config.map_or(&[][..], |config| config.diff_ids.as_slice());
    if !configured.is_empty() && configured.len() != layers.len() {
        problems.push(
            Problem::undecided(
                ProblemKind::DigestMismatch,
                format!(
                    "believe the image: its configuration names {} layers, its manifest {}",
                    configured.len(),
                    layers.len()
                ),
            )
            .with_hint("no runtime unpacks such an image; push it again"),
        );
    }
    let diff_id = |(i, open): (usize, &OpenLayer)| open.layer.diff_id.clone().or_else(|| configured.get(i).cloned());
    layers.iter().enumerate().map(diff_id).collect()
}

/// The problem with the layer it is in.
pub fn in_layer(mut problem: Problem, layer: usize) -> Problem {
    problem.location.get_or_insert_with(Location::default).layer = Some(layer);
    problem
}

/// Reads all layers, several at a time, in the order of the image.
fn read_layers(layers: &[OpenLayer], diff_ids: &[Option<Digest>], sieve: &Sieve<'_>) -> Vec<LayerContents> {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let threads = match sieve.options.threads {
        0 => cores.min(MAX_THREADS),
        threads => threads,
    };
    let threads = threads.clamp(1, layers.len().max(1));
    let next = AtomicUsize::new(0);
    let done = AtomicU64::new(0);
    let total: u64 = layers.iter().map(|open| open.layer.size).sum();
    let results: Vec<Mutex<LayerContents>> = layers.iter().map(|_| Mutex::default()).collect();
    let work = || {
        loop {
            let i = next.fetch_add(1, Ordering::Relaxed);
            let Some(open) = layers.get(i) else { break };
            let contents = read_layer(open, diff_ids[i].as_ref(), sieve, Plan::All);
            *results[i].lock().unwrap_or_else(PoisonError::into_inner) = contents;
            let done = done.fetch_add(open.layer.size, Ordering::Relaxed) + open.layer.size;
            if let Some(progress) = sieve.options.progress {
                progress(Progress { done, total });
            }
        }
    };
    std::thread::scope(|scope| {
        for _ in 1..threads {
            scope.spawn(work);
        }
        work();
    });
    results.into_iter().map(|result| result.into_inner().unwrap_or_else(PoisonError::into_inner)).collect()
}

/// Asks for files until nothing more is wanted.
fn fetch_again(
    assembly: &mut Assembly<'_>,
    problems: &mut Vec<Problem>,
    mut fetch: impl FnMut(&[Request], &mut Vec<Problem>) -> Vec<Extra>,
) {
    for _ in 0..MAX_PASSES {
        let requests = assembly.requests();
        if requests.is_empty() {
            return;
        }
        // One look at each file a pass: a file wanted under two names is asked for again.
        let mut this_pass: HashMap<(u32, u32), Request> = HashMap::new();
        for request in requests {
            this_pass.entry((request.layer, request.entry)).or_insert(request);
        }
        let mut this_pass: Vec<Request> = this_pass.into_values().collect();
        this_pass.sort();
        let found = fetch(&this_pass, problems);
        assembly.fetched(this_pass, found);
    }
    for request in assembly.requests() {
        problems.push(
            Problem::undecided(ProblemKind::LimitReached, format!("read {}: it has too many names", request.path))
                .at(Location::path(request.path)),
        );
    }
}
