//! How much of what an image ships is also seen. In: its layers. Out: every path that several layers write, with the bytes
//! of each copy, and the score: the smallest size of each path over all sizes of all paths. A whiteout is a copy of no
//! bytes, so it costs what it hides. What this does not do: look into files, or say what is too much.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use plimsoll_model::{ImageConfig, Layer, OpenLayer, Problem};

use crate::catalogue::{Opened, open_layers};
use crate::layer::{Entries, LayerEntryKind};
use crate::options::Options;
use crate::sieve::Sieve;
use crate::tree::{Tree, Visited};

/// Folders of a path that are looked up among the removed ones: real paths are a dozen deep, made-up ones thousands.
const MAX_FOLDERS: usize = 64;

/// What was measured.
#[derive(Debug, Clone, Default)]
pub struct Efficiency {
    /// Lowest first.
    pub layers: Vec<MeasuredLayer>,
    /// Paths that more than one layer has, the most bytes first.
    pub repeated: Vec<RepeatedPath>,
    /// Bytes that a later layer hides, by who wrote and who hid them: the most bytes first.
    pub blame: Vec<Blame>,
    /// Bytes of all files of all layers.
    pub total: u64,
    /// What could not be read: its bytes are in no sum.
    pub problems: Vec<Problem>,
}

/// A layer and the bytes of its files.
#[derive(Debug, Clone, Default)]
pub struct MeasuredLayer {
    pub layer: Layer,
    pub file_bytes: u64,
}

/// A path that several layers write or remove.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RepeatedPath {
    /// Without the leading slash; a folder that was removed stands for all that was in it.
    pub path: String,
    /// Layers that write or remove it.
    pub count: usize,
    /// Bytes of all copies.
    pub size: u64,
    /// Bytes of the smallest copy; none where the last word is a removal.
    pub smallest: u64,
}

/// Bytes that one layer writes and another hides.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Blame {
    pub bytes: u64,
    pub layer: usize,
    pub hidden_by: usize,
    /// Removed, not written again.
    pub removed: bool,
}

impl Efficiency {
    /// From 0 to 1: 1 when no path has two copies, and for an image without bytes.
    pub fn score(&self) -> f64 {
        if self.total == 0 {
            return 1.0;
        }
        let more = self.repeated.iter().fold(0u64, |sum, row| sum.saturating_add(row.size - row.smallest));
        // Sizes stay far below 2^53, where an f64 has no gaps.
        self.total.saturating_sub(more) as f64 / self.total as f64
    }

    /// Bytes of the paths that are there several times, the copy that is seen included: what dive calls wasted.
    pub fn repeated_bytes(&self) -> u64 {
        self.repeated.iter().fold(0u64, |sum, row| sum.saturating_add(row.size))
    }

    /// Bytes above the lowest layer, which is the base's.
    pub fn user_bytes(&self) -> u64 {
        self.layers.iter().skip(1).fold(0u64, |sum, layer| sum.saturating_add(layer.file_bytes))
    }
}

/// An entry of a layer, as the archive has it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ListedEntry<'a> {
    /// Without the leading slash; whiteouts under their own names.
    pub path: &'a str,
    pub mode: u32,
    pub size: u64,
    pub kind: ListedKind<'a>,
}

/// What a listed entry is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ListedKind<'a> {
    File,
    Folder,
    Link(&'a str),
    HardLink(&'a str),
    Special,
}

/// Reads all layers for their sizes. `listed` is shown every entry of every layer, in order.
pub fn efficiency(
    config: Option<ImageConfig>,
    layers: Vec<OpenLayer>,
    options: &Options<'_>,
    listed: &mut dyn FnMut(usize, ListedEntry<'_>),
) -> Efficiency {
    // Nobody wants content here: files stream by and are only counted and hashed with their layer.
    let options = Options { executables: false, inspectors: &[], readers: &[], seen_kinds: &[], ..options.clone() };
    let sieve = Sieve::new(&options, false);
    let Opened { layers, mut contents, diff_ids, mut problems } = open_layers(config.as_ref(), layers, &sieve);
    let mut measured = Efficiency::default();
    let mut tree = Tree::new(options.limits.entries);
    let mut removals: Vec<HashSet<String>> = Vec::new();
    let instructions = config.iter().flat_map(|c| &c.history).filter(|step| !step.empty_layer);
    let mut instructions = instructions.map(|step| step.created_by.clone());
    for (i, (open, contents)) in layers.iter().zip(&mut contents).enumerate() {
        let entries = std::mem::take(&mut contents.entries);
        list(i, &entries, listed);
        removals.push(removed_paths(&entries));
        tree.apply(i as u32, &entries);
        measured.total = measured.total.saturating_add(contents.file_bytes);
        let of_layer = std::mem::take(&mut contents.problems).into_iter();
        problems.extend(of_layer.map(|problem| crate::catalogue::in_layer(problem, i)));
        measured.layers.push(MeasuredLayer {
            layer: Layer {
                diff_id: diff_ids[i].clone().or_else(|| contents.diff_id.clone()),
                unpacked_size: contents.unpacked_size,
                created_by: open.layer.created_by.clone().or_else(|| instructions.next().flatten()),
                ..open.layer.clone()
            },
            file_bytes: contents.file_bytes,
        });
    }
    problems.append(&mut tree.problems);
    measured.problems = problems;
    measured.blame = blame(&tree);
    measured.repeated = repeated(&tree, &removals);
    measured
}

fn list(layer: usize, entries: &Entries, listed: &mut dyn FnMut(usize, ListedEntry<'_>)) {
    entries.for_each(|_, entry| {
        // An entry that could not be placed keeps its index with an empty path.
        if entry.path.is_empty() {
            return;
        }
        let (kind, size) = match entry.kind {
            LayerEntryKind::File { size, .. } => (ListedKind::File, size),
            LayerEntryKind::Folder => (ListedKind::Folder, 0),
            LayerEntryKind::HardLink(target) => (ListedKind::HardLink(target), 0),
            LayerEntryKind::Link(target) => (ListedKind::Link(target), 0),
            LayerEntryKind::Special => (ListedKind::Special, 0),
        };
        listed(layer, ListedEntry { path: entry.path, mode: entry.mode, size, kind });
    });
}

/// What the whiteouts of a layer name.
fn removed_paths(entries: &Entries) -> HashSet<String> {
    let mut paths = HashSet::new();
    entries.for_each(|_, entry| {
        let (folder, name) = entry.path.rsplit_once('/').unwrap_or(("", entry.path));
        match name.strip_prefix(".wh.") {
            Some(".wh..opq") => paths.insert(folder.to_owned()),
            Some(hidden) if !hidden.starts_with(".wh.") && folder.is_empty() => paths.insert(hidden.to_owned()),
            Some(hidden) if !hidden.starts_with(".wh.") => paths.insert(format!("{folder}/{hidden}")),
            _ => false,
        };
    });
    paths
}

#[derive(Default)]
struct Row {
    layers: BTreeSet<u32>,
    size: u64,
    smallest: Option<u64>,
}

impl Row {
    fn copy(&mut self, layer: u32, size: u64) {
        self.layers.insert(layer);
        self.size = self.size.saturating_add(size);
        self.smallest = Some(self.smallest.map_or(size, |smallest| smallest.min(size)));
    }
}

fn repeated(tree: &Tree, removals: &[HashSet<String>]) -> Vec<RepeatedPath> {
    let mut rows: BTreeMap<&str, Row> = BTreeMap::new();
    for gone in &tree.hidden {
        let record = &tree.files[gone.file as usize];
        if record.size == 0 {
            continue;
        }
        let path = match removals.get(gone.by_layer as usize).filter(|_| gone.removed) {
            Some(removals) => removed_with(&gone.path, removals),
            None => &gone.path,
        };
        let row = rows.entry(path).or_default();
        row.copy(record.layer, record.size);
        if gone.removed {
            row.copy(gone.by_layer, 0);
        } else {
            row.layers.insert(gone.by_layer);
        }
    }
    let mut seen = HashSet::new();
    tree.visit(|path, what| {
        if let Visited::File(_, record) = what
            && let Some(row) = rows.get_mut(path)
        {
            row.copy(record.layer, record.size);
            seen.insert(path.to_owned());
        }
    });
    let mut repeated: Vec<RepeatedPath> = rows
        .into_iter()
        .map(|(path, row)| RepeatedPath {
            path: path.to_owned(),
            count: row.layers.len(),
            size: row.size,
            // What is no longer a file there has no bytes in its last copy.
            smallest: if seen.contains(path) { row.smallest.unwrap_or(0) } else { 0 },
        })
        .collect();
    repeated.sort_by(|a, b| b.size.cmp(&a.size).then_with(|| a.path.cmp(&b.path)));
    repeated
}

/// The topmost folder that was removed together with the file; the file itself where it was removed alone.
fn removed_with<'p>(path: &'p str, removals: &HashSet<String>) -> &'p str {
    let folders = path.match_indices('/').take(MAX_FOLDERS).map(|(at, _)| &path[..at]);
    folders.chain([path]).find(|folder| removals.contains(*folder)).unwrap_or(path)
}

fn blame(tree: &Tree) -> Vec<Blame> {
    let mut sums: BTreeMap<(u32, u32, bool), u64> = BTreeMap::new();
    for gone in &tree.hidden {
        let record = &tree.files[gone.file as usize];
        let sum = sums.entry((record.layer, gone.by_layer, gone.removed)).or_default();
        *sum = sum.saturating_add(record.size);
    }
    let mut blame: Vec<Blame> = sums
        .into_iter()
        .filter(|(_, bytes)| *bytes > 0)
        .map(|((layer, by, removed), bytes)| Blame { bytes, layer: layer as usize, hidden_by: by as usize, removed })
        .collect();
    blame.sort_by(|a, b| b.bytes.cmp(&a.bytes).then_with(|| a.cmp(b)));
    blame
}
