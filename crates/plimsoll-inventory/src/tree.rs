//! Layers put on one another. In: entries of each layer, lowest first. Out: the files that a container would see, and
//! those that a later layer hid. Whiteouts follow the OCI image specification ("layer.md"); links are followed as
//! containerd does when it unpacks: parents through links, always inside the root.

use std::collections::{BTreeMap, VecDeque};

use plimsoll_model::{Location, Problem, ProblemKind};

use crate::layer::{Entries, LayerEntry, LayerEntryKind};

/// Linux gives up after as many links (ELOOP).
const MAX_LINKS: usize = 40;
/// Parts of one path while links are being followed: 40 links of 4096 bytes.
const MAX_PARTS: usize = 100_000;
const ROOT: u32 = 0;

/// Problems of placing entries that are told one by one; the rest is counted.
const MAX_PROBLEMS: usize = 100;

/// Index into [`Tree::files`].
pub type FileId = u32;

/// One file, however many names it has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FileRecord {
    pub layer: u32,
    /// Index of its entry in that layer.
    pub entry: u32,
    /// Index into what the layer kept.
    pub kept: Option<u32>,
    pub size: u64,
    pub mode: u32,
    /// Names that still lead to it.
    pub links: u32,
}

/// A file that was hidden.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HiddenFile {
    pub path: String,
    pub file: FileId,
    pub by_layer: u32,
    pub removed: bool,
}

#[derive(Debug)]
enum Kind {
    Folder(BTreeMap<Box<str>, u32>),
    File(FileId),
    Link(Box<str>),
    Special,
}

#[derive(Debug)]
struct Node {
    /// The layer that last wrote it.
    layer: u32,
    kind: Kind,
}

/// What a path leads to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Found {
    File(FileId),
    Folder,
    Special,
}

/// The squashed view.
#[derive(Debug)]
pub struct Tree {
    nodes: Vec<Node>,
    /// Nodes that are no longer used.
    free: Vec<u32>,
    pub files: Vec<FileRecord>,
    pub hidden: Vec<HiddenFile>,
    pub problems: Vec<Problem>,
    /// Nodes that may be made; entries imply folders.
    max_nodes: usize,
    full: bool,
    /// The last parent folder: archives list a folder's files together.
    cache: Option<(String, u32, String)>,
}

enum Step {
    Missing,
    Full,
    Loop,
}

/// Why an entry could not be placed.
enum Fault {
    /// Too many entries: told once.
    Full,
    Entry(String),
}

impl From<&str> for Fault {
    fn from(what: &str) -> Fault {
        Fault::Entry(what.to_owned())
    }
}

fn shown(path: &str) -> String {
    path.chars().take(200).collect()
}

impl Tree {
    pub fn new(max_nodes: u64) -> Tree {
        Tree {
            nodes: vec![Node { layer: 0, kind: Kind::Folder(BTreeMap::new()) }],
            free: Vec::new(),
            files: Vec::new(),
            hidden: Vec::new(),
            problems: Vec::new(),
            max_nodes: usize::try_from(max_nodes).unwrap_or(usize::MAX).saturating_add(1),
            full: false,
            cache: None,
        }
    }

    /// Puts a layer on top.
    pub fn apply(&mut self, layer: u32, entries: &Entries) {
        let mut untold = 0u64;
        entries.for_each(|index, entry| {
            if let Err(fault) = self.apply_entry(layer, index, entry) {
                self.tell(fault, Location::in_layer(shown(entry.path), layer as usize), &mut untold);
            }
        });
        if untold > 0 {
            let message = format!("place {untold} more entries of the layer");
            let at = Location { layer: Some(layer as usize), ..Location::default() };
            self.problems.push(Problem::undecided(ProblemKind::BrokenArchive, message).at(at));
        }
        self.cache = None;
    }

    /// Puts one file of a folder that has no layers.
    pub fn insert(&mut self, index: u32, entry: LayerEntry<'_>) {
        if let Err(fault) = self.apply_entry(0, index, entry) {
            self.tell(fault, Location::path(shown(entry.path)), &mut 0);
        }
    }

    /// Once for the limit, one by one for the rest while there are few.
    fn tell(&mut self, fault: Fault, at: Location, untold: &mut u64) {
        let problem = match fault {
            Fault::Full if self.full => return,
            Fault::Full => {
                self.full = true;
                let most = self.max_nodes.saturating_sub(1);
                let message = format!("read the image: it has more than {most} files, folders and links");
                Problem::undecided(ProblemKind::LimitReached, message)
            }
            Fault::Entry(_) if self.problems.len() >= MAX_PROBLEMS => {
                *untold += 1;
                return;
            }
            Fault::Entry(what) => {
                Problem::undecided(ProblemKind::BrokenArchive, format!("place the entry {:?}: {what}", at.path))
            }
        };
        self.problems.push(problem.at(at));
    }

    fn apply_entry(&mut self, layer: u32, index: u32, entry: LayerEntry<'_>) -> Result<(), Fault> {
        if entry.path.is_empty() {
            // The root itself.
            return Ok(());
        }
        let (parent, name) = entry.path.rsplit_once('/').unwrap_or(("", entry.path));
        if let Some(hidden) = name.strip_prefix(".wh.") {
            self.cache = None;
            return self.whiteout(layer, parent, hidden);
        }
        let (folder, at) = self.parent(layer, parent)?;
        let kind = match entry.kind {
            LayerEntryKind::Folder => {
                let there = self.child(folder, name);
                if let Some(id) = there
                    && matches!(self.nodes[id as usize].kind, Kind::Folder(_))
                {
                    self.nodes[id as usize].layer = layer;
                    return Ok(());
                }
                Kind::Folder(BTreeMap::new())
            }
            LayerEntryKind::Special => Kind::Special,
            LayerEntryKind::Link(target) => Kind::Link(target.into()),
            LayerEntryKind::HardLink(target) => {
                let (target_parent, target_name) = target.rsplit_once('/').unwrap_or(("", target));
                let target = self
                    .walk(target_parent, None)
                    .ok()
                    .and_then(|(folder, _)| self.child(folder, target_name))
                    .ok_or_else(|| Fault::Entry(format!("there is no {target:?} for it to be a second name of")))?;
                match &self.nodes[target as usize].kind {
                    Kind::File(file) => {
                        let file = *file;
                        if self.child(folder, name) == Some(target) {
                            return Ok(());
                        }
                        let record = &mut self.files[file as usize];
                        record.links = record.links.saturating_add(1);
                        Kind::File(file)
                    }
                    Kind::Link(to) => Kind::Link(to.clone()),
                    Kind::Special => Kind::Special,
                    Kind::Folder(_) => return Err("it is a second name of a folder".into()),
                }
            }
            LayerEntryKind::File { size, kept } => {
                let id = self.files.len() as u32;
                self.files.push(FileRecord { layer, entry: index, kept, size, mode: entry.mode, links: 1 });
                Kind::File(id)
            }
        };
        if self.child(folder, name).is_some() {
            self.cache = None;
            self.remove(folder, name, &at, layer, false);
        }
        self.add(folder, name, Node { layer, kind }).map(|_| ()).map_err(|_| Fault::Full)
    }

    fn whiteout(&mut self, layer: u32, parent: &str, hidden: &str) -> Result<(), Fault> {
        if let Some(mark) = hidden.strip_prefix(".wh.") {
            // `.wh..wh..opq` hides all that lower layers have here; other `.wh..wh.*` is aufs's own bookkeeping.
            if mark == ".opq"
                && let Ok((folder, at)) = self.walk(parent, None)
            {
                self.clear_lower(folder, &at, layer);
            }
            return Ok(());
        }
        if hidden.is_empty() || hidden == "." || hidden == ".." {
            return Err("it is a whiteout of nothing".into());
        }
        // A whiteout of what is not there hides nothing.
        let Ok((folder, at)) = self.walk(parent, None) else { return Ok(()) };
        let Some(id) = self.child(folder, hidden) else { return Ok(()) };
        let path = join(&at, hidden);
        // A whiteout hides lower layers only; what this layer itself wrote stays.
        if matches!(self.nodes[id as usize].kind, Kind::Folder(_)) && self.nodes[id as usize].layer == layer {
            self.clear_lower(id, &path, layer);
        } else if self.nodes[id as usize].layer < layer {
            self.remove(folder, hidden, &at, layer, true);
        }
        Ok(())
    }

    fn child(&self, folder: u32, name: &str) -> Option<u32> {
        match &self.nodes[folder as usize].kind {
            Kind::Folder(children) => children.get(name).copied(),
            _ => None,
        }
    }

    fn add(&mut self, folder: u32, name: &str, node: Node) -> Result<u32, Step> {
        let id = match self.free.pop() {
            Some(id) => {
                self.nodes[id as usize] = node;
                id
            }
            None if self.nodes.len() >= self.max_nodes => {
                return Err(Step::Full);
            }
            None => {
                self.nodes.push(node);
                (self.nodes.len() - 1) as u32
            }
        };
        if let Kind::Folder(children) = &mut self.nodes[folder as usize].kind {
            children.insert(name.into(), id);
        }
        Ok(id)
    }

    /// Takes a name and all below it away.
    fn remove(&mut self, folder: u32, name: &str, at: &str, layer: u32, removed: bool) {
        let Kind::Folder(children) = &mut self.nodes[folder as usize].kind else { return };
        let Some(id) = children.remove(name) else { return };
        let mut open = vec![(id, join(at, name))];
        while let Some((id, path)) = open.pop() {
            let node = std::mem::replace(&mut self.nodes[id as usize].kind, Kind::Special);
            self.free.push(id);
            match node {
                Kind::Folder(children) => open.extend(children.into_iter().map(|(name, id)| (id, join(&path, &name)))),
                Kind::File(file) => self.hide(file, path, layer, removed),
                Kind::Link(_) | Kind::Special => {}
            }
        }
    }

    fn hide(&mut self, file: FileId, path: String, by_layer: u32, removed: bool) {
        let record = &mut self.files[file as usize];
        record.links = record.links.saturating_sub(1);
        if record.links == 0 {
            self.hidden.push(HiddenFile { path, file, by_layer, removed });
        }
    }

    /// Takes away what layers below `layer` have in a folder.
    fn clear_lower(&mut self, folder: u32, at: &str, layer: u32) {
        self.cache = None;
        let mut open = vec![(folder, at.to_owned())];
        while let Some((folder, at)) = open.pop() {
            let Kind::Folder(children) = &self.nodes[folder as usize].kind else { continue };
            let mut gone = Vec::new();
            for (name, id) in children {
                if self.nodes[*id as usize].layer < layer {
                    gone.push(name.clone());
                } else if matches!(self.nodes[*id as usize].kind, Kind::Folder(_)) {
                    open.push((*id, join(&at, name)));
                }
            }
            for name in gone {
                self.remove(folder, &name, &at, layer, true);
            }
        }
    }

    /// The folder that a path names and its path without links; made where it is not there.
    fn parent(&mut self, layer: u32, path: &str) -> Result<(u32, String), Fault> {
        if let Some((cached, id, at)) = &self.cache
            && cached == path
        {
            self.nodes[*id as usize].layer = layer;
            return Ok((*id, at.clone()));
        }
        match self.walk(path, Some(layer)) {
            Ok((id, at)) => {
                self.cache = Some((path.to_owned(), id, at.clone()));
                Ok((id, at))
            }
            Err(Step::Loop) => Err("its folder is a loop of links".into()),
            Err(Step::Missing | Step::Full) => Err(Fault::Full),
        }
    }

    /// Follows a path to a folder, links included, never out of the root. With `create`, makes what is missing for that
    /// layer, and marks every folder on the way as written by it.
    fn walk(&mut self, path: &str, create: Option<u32>) -> Result<(u32, String), Step> {
        let mut parts: VecDeque<Box<str>> = path.split('/').map(Box::from).collect();
        let mut stack: Vec<(u32, Box<str>)> = Vec::new();
        let mut links = 0;
        while let Some(part) = parts.pop_front() {
            match &*part {
                "" | "." => continue,
                ".." => {
                    stack.pop();
                    continue;
                }
                _ => {}
            }
            let folder = stack.last().map_or(ROOT, |(id, _)| *id);
            let id = match self.child(folder, &part) {
                Some(id) => id,
                None => {
                    let layer = create.ok_or(Step::Missing)?;
                    self.add(folder, &part, Node { layer, kind: Kind::Folder(BTreeMap::new()) })?
                }
            };
            match &self.nodes[id as usize].kind {
                Kind::Folder(_) => {
                    if let Some(layer) = create {
                        self.nodes[id as usize].layer = layer;
                    }
                    stack.push((id, part));
                }
                Kind::Link(target) => {
                    links += 1;
                    if links > MAX_LINKS || parts.len() > MAX_PARTS {
                        return Err(Step::Loop);
                    }
                    if target.starts_with('/') {
                        stack.clear();
                    }
                    for part in target.rsplit('/') {
                        parts.push_front(part.into());
                    }
                }
                Kind::File(_) | Kind::Special => {
                    let layer = create.ok_or(Step::Missing)?;
                    // A file where a folder must be makes way for it.
                    let at = names(&stack);
                    self.remove(folder, &part, &at, layer, false);
                    let id = self.add(folder, &part, Node { layer, kind: Kind::Folder(BTreeMap::new()) })?;
                    stack.push((id, part));
                }
            }
        }
        let id = stack.last().map_or(ROOT, |(id, _)| *id);
        Ok((id, names(&stack)))
    }

    /// What a path leads to through all links, and its path without links.
    pub fn resolve(&self, path: &str) -> Option<(String, Found)> {
        let mut parts: VecDeque<Box<str>> = path.split('/').map(Box::from).collect();
        let mut stack: Vec<(u32, Box<str>)> = Vec::new();
        let mut links = 0;
        while let Some(part) = parts.pop_front() {
            match &*part {
                "" | "." => continue,
                ".." => {
                    stack.pop();
                    continue;
                }
                _ => {}
            }
            let id = self.child(stack.last().map_or(ROOT, |(id, _)| *id), &part)?;
            match &self.nodes[id as usize].kind {
                Kind::Link(target) => {
                    links += 1;
                    if links > MAX_LINKS || parts.len() > MAX_PARTS {
                        return None;
                    }
                    if target.starts_with('/') {
                        stack.clear();
                    }
                    for part in target.rsplit('/') {
                        parts.push_front(part.into());
                    }
                }
                _ => stack.push((id, part)),
            }
        }
        let found = match stack.last().map_or(&self.nodes[ROOT as usize].kind, |(id, _)| &self.nodes[*id as usize].kind)
        {
            Kind::File(file) => Found::File(*file),
            Kind::Folder(_) | Kind::Link(_) => Found::Folder,
            Kind::Special => Found::Special,
        };
        Some((names(&stack), found))
    }

    /// Names in a folder, links followed to it, in byte order.
    pub fn names_in(&self, path: &str) -> Vec<String> {
        let Some((at, Found::Folder)) = self.resolve(path) else { return Vec::new() };
        let folder = at.split('/').filter(|p| !p.is_empty()).try_fold(ROOT, |id, part| self.child(id, part));
        match folder.map(|id| &self.nodes[id as usize].kind) {
            Some(Kind::Folder(children)) => children.keys().map(|name| name.to_string()).collect(),
            _ => Vec::new(),
        }
    }

    /// Calls `each` with every file and link that can be seen, in byte order of their paths' parts; links come with their
    /// target as written.
    pub fn visit(&self, mut each: impl FnMut(&str, Visited<'_>)) {
        let mut path = String::new();
        // Children still to visit of each open folder, and how long the path was before it.
        let mut open = Vec::new();
        if let Kind::Folder(children) = &self.nodes[ROOT as usize].kind {
            open.push((children.iter(), 0));
        }
        while let Some((children, length)) = open.last_mut() {
            let length = *length;
            let Some((name, id)) = children.next() else {
                open.pop();
                continue;
            };
            path.truncate(length);
            if length > 0 {
                path.push('/');
            }
            path.push_str(name);
            match &self.nodes[*id as usize].kind {
                Kind::Folder(children) => open.push((children.iter(), path.len())),
                Kind::File(file) => each(&path, Visited::File(*file, &self.files[*file as usize])),
                Kind::Link(target) => each(&path, Visited::Link(target)),
                Kind::Special => {}
            }
        }
    }
}

/// What [`Tree::visit`] shows.
#[derive(Debug, Clone, Copy)]
pub enum Visited<'t> {
    File(FileId, &'t FileRecord),
    Link(&'t str),
}

fn join(at: &str, name: &str) -> String {
    if at.is_empty() { name.to_owned() } else { format!("{at}/{name}") }
}

fn names(stack: &[(u32, Box<str>)]) -> String {
    stack.iter().map(|(_, name)| &**name).collect::<Vec<_>>().join("/")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn file(path: &str) -> LayerEntry<'_> {
        LayerEntry { path, mode: 0o644, kind: LayerEntryKind::File { size: 10, kept: None } }
    }

    fn link<'a>(path: &'a str, target: &'a str) -> LayerEntry<'a> {
        LayerEntry { path, mode: 0o777, kind: LayerEntryKind::Link(target) }
    }

    fn folder(path: &str) -> LayerEntry<'_> {
        LayerEntry { path, mode: 0o755, kind: LayerEntryKind::Folder }
    }

    fn tree(layers: &[&[LayerEntry<'_>]]) -> Tree {
        let mut tree = Tree::new(1000);
        for (i, layer) in layers.iter().enumerate() {
            let mut entries = Entries::default();
            for entry in *layer {
                entries.push(*entry);
            }
            tree.apply(i as u32, &entries);
        }
        tree
    }

    fn seen(tree: &Tree) -> Vec<String> {
        let mut paths = Vec::new();
        tree.visit(|path, what| {
            if matches!(what, Visited::File(..)) {
                paths.push(path.to_owned());
            }
        });
        paths
    }

    #[test]
    fn whiteout_hides_file_of_lower_layer() {
        let tree = tree(&[&[file("a/x"), file("a/y")], &[file("a/.wh.x")]]);
        assert_eq!(seen(&tree), ["a/y"]);
        assert_eq!(tree.hidden, [HiddenFile { path: "a/x".into(), file: 0, by_layer: 1, removed: true }]);
    }

    #[test]
    fn whiteout_hides_a_whole_folder() {
        let tree = tree(&[&[file("a/b/x"), file("c")], &[file(".wh.a")]]);
        assert_eq!(seen(&tree), ["c"]);
    }

    #[test]
    fn whiteout_does_not_hide_what_its_own_layer_wrote() {
        assert_eq!(seen(&tree(&[&[file("a/x")], &[file("a/x"), file("a/.wh.x")]])), ["a/x"]);
        assert_eq!(seen(&tree(&[&[file("a/x")], &[folder("a"), file("a/y"), file(".wh.a")]])), ["a/y"]);
    }

    #[test]
    fn opaque_folder_hides_lower_layers_only_in_either_order() {
        for layer in [[file("a/.wh..wh..opq"), file("a/z")], [file("a/z"), file("a/.wh..wh..opq")]] {
            assert_eq!(seen(&tree(&[&[file("a/x"), file("a/s/y")], &layer])), ["a/z"]);
        }
    }

    #[test]
    fn replaced_file_is_counted_as_hidden() {
        let tree = tree(&[&[file("x")], &[file("x")]]);
        assert_eq!(seen(&tree), ["x"]);
        assert!(!tree.hidden[0].removed);
    }

    #[test]
    fn files_below_a_linked_folder_are_one_file_each() {
        let tree =
            tree(&[&[link("lib", "usr/lib"), folder("usr/lib"), file("usr/lib/a")], &[file("lib/a"), file("lib/b")]]);
        assert_eq!(seen(&tree), ["usr/lib/a", "usr/lib/b"]);
    }

    #[test]
    fn absolute_links_stay_inside_the_root() {
        let tree = tree(&[&[link("a", "/../../b"), file("b/x"), link("c", "/a/x")]]);
        assert_eq!(tree.resolve("a/x"), Some(("b/x".into(), Found::File(0))));
        assert_eq!(tree.resolve("c"), Some(("b/x".into(), Found::File(0))));
    }

    #[test]
    fn loops_of_links_end() {
        let tree = tree(&[&[link("a", "b"), link("b", "a"), file("a/x")]]);
        assert_eq!(tree.resolve("a/x"), None);
        assert_eq!(tree.problems.len(), 1);
    }

    #[test]
    fn a_hard_link_survives_the_name_it_was_made_from() {
        let second = LayerEntry { path: "b", mode: 0, kind: LayerEntryKind::HardLink("a") };
        let tree = tree(&[&[file("a"), second], &[file(".wh.a")]]);
        assert_eq!(seen(&tree), ["b"]);
        assert_eq!(tree.hidden, []);
    }

    #[test]
    fn a_folder_over_a_link_replaces_it() {
        let tree = tree(&[&[file("usr/lib/x"), link("lib", "usr/lib")], &[folder("lib"), file("lib/y")]]);
        assert_eq!(seen(&tree), ["lib/y", "usr/lib/x"]);
    }

    #[test]
    fn a_tree_is_bounded_in_implied_folders_too() {
        let mut tree = Tree::new(5);
        let mut entries = Entries::default();
        entries.push(file("a/b/c/d/e/f/g"));
        tree.apply(0, &entries);
        assert_eq!(tree.problems.len(), 1);
    }

    proptest! {
        /// Any order of any entries leaves a tree that can be walked, and every file is seen or hidden.
        #[test]
        fn every_file_is_seen_or_hidden(
            layers in proptest::collection::vec(
                proptest::collection::vec(("[ab]{1}(/[ab]){0,3}", 0u8..6, "[ab./]{1,4}"), 0..12), 1..4)
        ) {
            let mut tree = Tree::new(10_000);
            for (i, layer) in layers.iter().enumerate() {
                let mut entries = Entries::default();
                for (path, kind, target) in layer {
                    let (parent, name) = path.rsplit_once('/').unwrap_or(("", path));
                    let whiteout = join(parent, &format!(".wh.{name}"));
                    let opaque = join(path, ".wh..wh..opq");
                    entries.push(match kind {
                        0 | 1 => file(path),
                        2 => folder(path),
                        3 => link(path, target),
                        4 => file(&whiteout),
                        _ => file(&opaque),
                    });
                }
                tree.apply(i as u32, &entries);
            }
            let mut seen = 0;
            tree.visit(|_, what| seen += usize::from(matches!(what, Visited::File(..))));
            prop_assert_eq!(seen + tree.hidden.len(), tree.files.len());
        }
    }
}
