//! All the files of one run, read once. In: bytes. Out: trees, certificates and flags, and how a path that one file names
//! leads to another.

use std::cell::RefCell;
use std::collections::HashMap;
use std::sync::Arc;

use jiff::Timestamp;
use plimsoll_yaml::{FaultKind, Node, documents};

use super::{Checked, Given, Look, MAX_BYTES};
use crate::certificates::{PemFile, read_pem};
use crate::fault::{DUPLICATE_KEY, FILE_MISSING, Fault, Kind, LOST_INDENTATION, STRAY_BACKTICK, Unread, YAML_BROKEN};

/// A file, and what it turned out to be.
pub(super) struct Source {
    pub name: String,
    pub text: String,
    pub mode: Option<u32>,
    pub content: Content,
}

pub(super) enum Content {
    Yaml(Vec<Arc<Node>>),
    Pem(PemFile),
    Flags,
    Nothing,
}

/// Objects of one file: lists are opened. More are in no installation; aliases may make a small file large.
const MAX_OBJECTS: usize = 5_000;
/// Values of one file that are searched for stray characters.
const MAX_WALK: usize = 100_000;

pub(super) struct World<'a> {
    pub sources: Vec<Source>,
    pub now: Timestamp,
    look: &'a dyn Fn(&str) -> Look,
    /// What was looked up beside the given files, so that each is asked for once.
    fetched: RefCell<Vec<(String, Option<Arc<Source>>)>>,
    checked: RefCell<Checked>,
    /// Faults so far of a kind in a file.
    counts: RefCell<HashMap<(&'static str, String), usize>>,
}

/// Faults of one kind that are told of one file.
const MAX_OF_A_KIND: usize = 200;

/// A file that another names.
pub(super) enum Named<'w> {
    Given(&'w Source),
    Fetched(Arc<Source>),
}

impl std::ops::Deref for Named<'_> {
    type Target = Source;

    fn deref(&self) -> &Source {
        match self {
            Named::Given(source) => source,
            Named::Fetched(source) => source,
        }
    }
}

/// Where a fault stands.
#[derive(Debug, Clone, Copy)]
pub(super) struct Spot {
    pub line: u32,
    pub column: u32,
    pub width: u32,
}

impl Spot {
    pub const WHOLE: Spot = Spot { line: 0, column: 0, width: 0 };

    pub fn of(node: &Node) -> Spot {
        let width = node.text().map_or(1, |text| text.chars().count());
        Spot { line: node.line, column: node.column, width: u32::try_from(width).unwrap_or(1) }
    }
}

impl<'a> World<'a> {
    pub fn of(given: &[Given], look: &'a dyn Fn(&str) -> Look, now: Timestamp) -> World<'a> {
        let mut world = World {
            sources: Vec::new(),
            now,
            look,
            fetched: RefCell::default(),
            checked: RefCell::default(),
            counts: RefCell::default(),
        };
        for file in given {
            if let Some(source) = world.read(file) {
                world.sources.push(source);
            }
        }
        world
    }

    pub fn done(self) -> Checked {
        let mut checked = self.checked.into_inner();
        for source in &self.sources {
            if !matches!(source.content, Content::Nothing) {
                checked.known.push(source.name.clone());
            }
        }
        checked
    }

    pub fn fault(&self, kind: &'static Kind, source: &Source, spot: Spot, message: impl Into<String>) {
        {
            let mut counts = self.counts.borrow_mut();
            let count = counts.entry((kind.id, source.name.clone())).or_insert(0usize);
            *count += 1;
            // Enough to see that it is everywhere, and no memory for a file that is nothing else.
            if *count > MAX_OF_A_KIND {
                return;
            }
        }
        let line_text = (spot.line as usize)
            .checked_sub(1)
            .and_then(|line| source.text.lines().nth(line))
            .map_or_else(String::new, |line| line.chars().take(10_000).collect());
        self.checked.borrow_mut().faults.push(Fault {
            kind,
            file: source.name.clone(),
            line: spot.line,
            column: spot.column,
            width: spot.width,
            message: message.into(),
            line_text,
        });
    }

    pub fn at(&self, kind: &'static Kind, source: &Source, node: &Node, message: impl Into<String>) {
        self.fault(kind, source, Spot::of(node), message);
    }

    pub fn unread(&self, file: &str, why: impl Into<String>) {
        let unread = Unread { file: file.to_owned(), why: why.into() };
        let mut checked = self.checked.borrow_mut();
        if !checked.unread.contains(&unread) {
            checked.unread.push(unread);
        }
    }

    fn read(&self, file: &Given) -> Option<Source> {
        if file.bytes.len() > MAX_BYTES {
            self.unread(&file.name, format!("it is larger than {MAX_BYTES} bytes"));
            return None;
        }
        let Ok(text) = std::str::from_utf8(&file.bytes) else {
            if file.named {
                self.unread(&file.name, "it is neither text nor PEM");
            }
            return None;
        };
        let mut source =
            Source { name: file.name.clone(), text: text.to_owned(), mode: file.mode, content: Content::Nothing };
        source.content = self.content(&source);
        if file.named && matches!(&source.content, Content::Nothing) {
            self.unread(&file.name, "it is nothing that is known here: no YAML object, certificate or list of flags");
        }
        Some(source)
    }

    fn content(&self, source: &Source) -> Content {
        let text = &source.text;
        // A chart's templates are no YAML until they are filled.
        if source.name.contains("/templates/") && text.contains("{{") {
            return Content::Nothing;
        }
        let first = |start: &str| text.lines().any(|line| line.trim_start().starts_with(start));
        if text.lines().any(|line| line.starts_with("-----BEGIN ")) {
            return Content::Pem(read_pem(text.as_bytes()));
        }
        let yaml_name = [".yaml", ".yml", ".json"].iter().any(|end| source.name.ends_with(end));
        if !yaml_name && (first("--") || first("ExecStart=") || text.starts_with("kube-apiserver")) {
            return Content::Flags;
        }
        let (documents, fault) = documents(text);
        let object = documents.iter().any(|document| !document.pairs().is_empty());
        if let Some(fault) = fault {
            // What is no YAML by its name either is nobody's broken YAML.
            if yaml_name
                || object
                || first("apiVersion:")
                || first("kind:")
                || first("clusters:")
                || first("imagePolicy:")
            {
                self.broken(source, &fault);
                return Content::Yaml(objects(&documents));
            }
            return Content::Nothing;
        }
        if !object {
            return Content::Nothing;
        }
        for document in &documents {
            self.lost_indentation(source, document);
            self.backticks(source, document, &mut 0);
        }
        Content::Yaml(objects(&documents))
    }

    fn broken(&self, source: &Source, fault: &plimsoll_yaml::Fault) {
        let spot = Spot { line: fault.line, column: fault.column, width: 1 };
        let line = source.text.lines().nth((fault.line as usize).saturating_sub(1)).unwrap_or("");
        let here: String = line.chars().skip((fault.column as usize).saturating_sub(1)).collect();
        if here.starts_with('`') {
            self.fault(&STRAY_BACKTICK, source, spot, "a backtick stands where a value should start");
        } else if fault.kind == FaultKind::DuplicateKey {
            self.fault(&DUPLICATE_KEY, source, spot, fault.message.clone());
            let key = here.split(':').next().unwrap_or("");
            if fault.column == 1 && matches!(key, "spec" | "kind" | "name" | "metadata" | "namespace" | "labels") {
                self.fault(
                    &LOST_INDENTATION,
                    source,
                    spot,
                    format!(
                        "`{key}` stands at the start of its line a second time, as in a text that lost its indentation"
                    ),
                );
            }
        } else {
            let tab = if line.contains('\t') {
                "; the line holds a tab, which YAML does not take for indentation"
            } else {
                ""
            };
            self.fault(&YAML_BROKEN, source, spot, format!("this is not YAML: {}{tab}", fault.message));
        }
    }

    /// Keys that stand beside the key that they belong to: `metadata:` with nothing in it, and `name:` below it.
    fn lost_indentation(&self, source: &Source, document: &Node) {
        let object = document.get("kind").is_some() || document.get("apiVersion").is_some();
        if !object || document.get("kind").and_then(|kind| kind.string()) == Some("Config") {
            return;
        }
        for (parent, children) in [
            ("metadata", &["name", "namespace", "labels", "annotations"][..]),
            ("spec", &["containers", "template", "selector", "ports", "replicas"][..]),
        ] {
            let empty = document
                .get(parent)
                .is_some_and(|node| node.string().is_none() && node.pairs().is_empty() && node.items().is_empty());
            let stray = document.pairs().iter().find(|(key, _)| key.text().is_some_and(|key| children.contains(&key)));
            if let (true, Some((key, _))) = (empty, stray) {
                let words = format!("`{}` stands beside `{parent}:`, which is empty", key.text().unwrap_or_default());
                self.at(&LOST_INDENTATION, source, key, words);
            }
        }
    }

    fn backticks(&self, source: &Source, node: &Node, steps: &mut usize) {
        *steps += 1;
        if *steps > MAX_WALK {
            return;
        }
        // Only where a path or an address is meant: words for people may hold what they like.
        if let Some(text) = node.string()
            && text.contains('`')
            && !text.trim().contains(char::is_whitespace)
        {
            self.at(&STRAY_BACKTICK, source, node, format!("a backtick stands in {text:?}"));
        }
        for item in node.items() {
            self.backticks(source, item, steps);
        }
        for (_, value) in node.pairs() {
            self.backticks(source, value, steps);
        }
    }

    /// Every object of every YAML file.
    pub fn objects(&self) -> impl Iterator<Item = (&Source, &Arc<Node>)> {
        self.sources.iter().flat_map(|source| match &source.content {
            Content::Yaml(objects) => objects.iter().map(|object| (source, object)).collect::<Vec<_>>(),
            _ => Vec::new(),
        })
    }

    pub fn objects_of(&self, kind: &str) -> Vec<(&Source, &Arc<Node>)> {
        self.objects().filter(|(_, object)| object.get("kind").and_then(|k| k.string()) == Some(kind)).collect()
    }

    /// The file that `from` means by `path`: the given one whose path ends alike (an installation is looked at before it
    /// is copied to its place), else what stands at the path.
    pub fn named(&self, from: &Source, path: &str) -> Result<Named<'_>, ()> {
        let parts: Vec<&str> = path.split('/').filter(|part| !part.is_empty() && *part != ".").collect();
        let score = |source: &Source| -> Option<(usize, usize)> {
            let own: Vec<&str> = source.name.split('/').filter(|part| !part.is_empty() && *part != ".").collect();
            let alike = parts.iter().rev().zip(own.iter().rev()).take_while(|(a, b)| a == b).count();
            let near: Vec<&str> = from.name.split('/').filter(|part| !part.is_empty() && *part != ".").collect();
            let together = near.iter().zip(&own).take_while(|(a, b)| a == b).count();
            // Beside or below the file that names it one part is enough; elsewhere the folder must be alike too.
            let beside = together + 1 >= near.len();
            (alike >= 2 || alike == 1 && beside || source.name == path).then_some((alike, together))
        };
        let best =
            self.sources.iter().filter_map(|source| Some((score(source)?, source))).max_by_key(|(score, _)| *score);
        if let Some((_, source)) = best {
            return Ok(Named::Given(source));
        }
        let path = if path.starts_with('/') {
            path.to_owned()
        } else {
            let folder = from.name.rsplit_once('/').map_or(".", |(folder, _)| folder);
            format!("{folder}/{path}")
        };
        if let Some((_, found)) = self.fetched.borrow().iter().find(|(known, _)| *known == path) {
            return found.clone().map(Named::Fetched).ok_or(());
        }
        let found = match (self.look)(&path) {
            Look::Found(given) => self.read(&Given { named: false, ..given }).map(Arc::new),
            // Its text says that it is no file, to whoever wanted one.
            Look::Folder => {
                let text = "(a folder)".to_owned();
                Some(Arc::new(Source { name: path.clone(), text, mode: None, content: Content::Nothing }))
            }
            Look::Missing => None,
            Look::Unreadable(why) => {
                self.unread(&path, why);
                // That it could not be read was said; it is not missing.
                let nothing = Source { name: path.clone(), text: String::new(), mode: None, content: Content::Nothing };
                Some(Arc::new(nothing))
            }
        };
        self.fetched.borrow_mut().push((path, found.clone()));
        found.map(Named::Fetched).ok_or(())
    }

    /// Whether a file was given, and is therefore looked at in its own right.
    pub fn is_given(&self, file: &Source) -> bool {
        self.sources.iter().any(|given| given.name == file.name)
    }

    /// The same, with the fault said.
    pub fn wanted(&self, source: &Source, node: &Node, what: &str) -> Option<Named<'_>> {
        let path = node.string()?;
        if path.contains('`') {
            return None; // said already
        }
        match self.named(source, path) {
            Ok(found) => Some(found),
            Err(()) => {
                let words = format!("{what} {path} is neither among the given files nor on this machine");
                self.at(&FILE_MISSING, source, node, words);
                None
            }
        }
    }
}

/// Objects, with the items of lists in their place.
fn objects(documents: &[Arc<Node>]) -> Vec<Arc<Node>> {
    let mut out = Vec::new();
    for document in documents {
        let list = document.get("kind").and_then(|kind| kind.string()).is_some_and(|kind| kind.ends_with("List"));
        match document.get("items") {
            Some(items) if list => out.extend(items.items().iter().take(MAX_OBJECTS).cloned()),
            _ => out.push(Arc::clone(document)),
        }
        if out.len() > MAX_OBJECTS {
            break;
        }
    }
    out
}

/// A value's text by a path of keys.
pub(super) fn text<'n>(node: &'n Node, path: &[&str]) -> Option<&'n str> {
    let mut node = node;
    for key in path {
        node = node.get(key)?;
    }
    node.string()
}
