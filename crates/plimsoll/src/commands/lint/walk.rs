//! What is linted. In: paths as the user gave them. Out: texts with their kinds, sorted by path, and the problems of what
//! could not be listed or read. Folders are walked as git sees them (`.gitignore`, `.ignore`); files that somebody names
//! are read whatever their name. Charts and overlays give the texts that are rendered of them.

use std::collections::BTreeMap;
use std::io::Read;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::sync::Mutex;

use anyhow::Context as _;
use ignore::{DirEntry, WalkBuilder, WalkState};
use plimsoll_checks::lint::kind::{Named, named};
use plimsoll_checks::lint::{guess, in_parallel, kind_of};
use plimsoll_model::{FileKind, Location, Problem, ProblemEffect, ProblemKind};

use crate::cli::RenderArgs;
use crate::rendered::{self, RenderedText, Unrendered};

/// Files looked at below all paths: a whole home folder is a mistake, and what is not looked at is said.
const MAX_FILES: usize = 100_000;
/// The longest file that is read. People write none of a tenth of it; what is larger is data or an attack.
const MAX_BYTES: u64 = 16 << 20;
/// Folders that are nobody's sources.
const SKIPPED: [&str; 6] = [".git", ".hg", ".svn", "node_modules", "target", ".venv"];

/// A file that is linted.
#[derive(Debug)]
pub struct Text {
    /// As reports show it.
    pub path: String,
    pub place: Place,
    pub text: String,
    /// A byte order mark stood before the text.
    pub mark: bool,
    /// A link that nobody named: where it leads may be somebody else's, so it is read and never written.
    pub linked: bool,
    pub kind: FileKind,
    /// Nothing in it looks like an object: what cannot be read there hides no workload.
    pub harmless: bool,
    /// A patch of Kustomize's: it lacks what the whole object has.
    pub partial: bool,
}

/// Where a text stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Place {
    /// It is written back there.
    File(PathBuf),
    Stdin,
    /// In no file: there is nothing that could be mended.
    Rendered,
}

/// Everything that the paths gave.
#[derive(Debug, Default)]
pub struct Below {
    pub texts: Vec<Text>,
    /// By the file that they are of.
    pub unread: BTreeMap<String, Vec<Problem>>,
    /// Of no single file.
    pub problems: Vec<Problem>,
}

/// A file that may be linted, and whether somebody named it.
type Wanted = (String, PathBuf, bool);

/// Reads what the paths name; `-` is standard input, under the name given.
pub fn below(
    paths: &[PathBuf],
    stdin_path: Option<&str>,
    render: &RenderArgs,
    threads: NonZeroUsize,
) -> anyhow::Result<Below> {
    let mut below = Below::default();
    let mut wanted: BTreeMap<String, (PathBuf, bool)> = BTreeMap::new();
    let mut folders = Vec::new();
    let mut stdin = false;
    for path in paths {
        if path.as_os_str() == "-" {
            stdin = true;
        } else if path.is_dir() {
            folders.push(path.clone());
        } else {
            wanted.insert(shown(path), (path.clone(), true));
        }
    }
    if !folders.is_empty() {
        for (name, path, _) in walked(&folders, threads, &mut below) {
            wanted.entry(name).or_insert((path, false));
        }
    }
    let files: Vec<PathBuf> = wanted.values().map(|(path, _)| path.clone()).collect();
    let rendered = rendered::render(&files, &folders, render, threads);
    let skipped = |(name, path, explicit): &Wanted| {
        let other = named(name) == Named::Other && !explicit;
        other || rendered.taken.contains(path)
    };
    let wanted = wanted.into_iter().map(|(name, (path, explicit))| (name, path, explicit));
    let wanted: Vec<Wanted> = wanted.filter(|wanted| !skipped(wanted)).collect();
    let read = in_parallel(threads, wanted.iter(), |(name, path, explicit)| file(name, path, *explicit));
    for ((name, path, _), read) in wanted.iter().zip(read) {
        match read {
            Ok(text) => {
                below.texts.extend(text.map(|text| Text { partial: rendered.partial.contains(path), ..text }));
            }
            Err(problem) => below.unread.entry(name.clone()).or_default().push(*problem),
        }
    }
    if stdin {
        let name = stdin_path.unwrap_or("-").to_owned();
        let mut bytes = Vec::new();
        let read = std::io::stdin().lock().take(MAX_BYTES + 1).read_to_end(&mut bytes);
        read.context("read standard input")?;
        match text(&name, Place::Stdin, bytes, true) {
            Ok(text) => below.texts.extend(text),
            Err(problem) => below.unread.entry(name).or_default().push(*problem),
        }
    }
    below.texts.extend(rendered.texts.into_iter().map(|RenderedText { path, text }| Text {
        path,
        place: Place::Rendered,
        text,
        mark: false,
        linked: false,
        kind: FileKind::Manifest,
        harmless: false,
        partial: false,
    }));
    // Where nothing else is looked at, what was not rendered is all there is.
    let alone = below.texts.is_empty();
    for Unrendered { mut problem, failed, hides } in rendered.unrendered {
        if failed || (alone && hides) {
            problem.effect = ProblemEffect::Undecided;
        }
        match problem.location.as_ref().map(|location| location.path.clone()) {
            Some(path) if failed => below.unread.entry(path).or_default().push(problem),
            _ => below.problems.push(problem),
        }
    }
    below.texts.sort_by(|a, b| a.path.cmp(&b.path));
    Ok(below)
}

/// The path as reports show it: without `./`, which says nothing.
fn shown(path: &Path) -> String {
    let shown = path.display().to_string();
    shown.strip_prefix("./").filter(|rest| !rest.is_empty()).unwrap_or(&shown).to_owned()
}

/// The files below folders whose names may be of ours.
fn walked(folders: &[PathBuf], threads: NonZeroUsize, below: &mut Below) -> Vec<Wanted> {
    let (first, rest) = (&folders[0], &folders[1..]);
    let mut builder = WalkBuilder::new(first);
    for folder in rest {
        builder.add(folder);
    }
    let found: Mutex<(Vec<Wanted>, Vec<Problem>)> = Mutex::default();
    let keep = |entry: &DirEntry| {
        let skipped = SKIPPED.iter().any(|skipped| entry.file_name() == *skipped);
        entry.depth() == 0 || !skipped || !entry.file_type().is_some_and(|kind| kind.is_dir())
    };
    // Dockerfiles lie in hidden folders too (.devcontainer); .gitignore counts though the folder is no repository.
    let walk = builder.hidden(false).require_git(false).threads(threads.get()).filter_entry(keep).build_parallel();
    walk.run(|| {
        Box::new(|entry| {
            let Ok(mut found) = found.lock() else { return WalkState::Quit };
            match entry {
                Ok(entry) if is_wanted(&entry) => {
                    let path = entry.into_path();
                    found.0.push((shown(&path), path, false));
                    if found.0.len() > MAX_FILES {
                        return WalkState::Quit;
                    }
                }
                Ok(_) => {}
                Err(error) => found
                    .1
                    .push(Problem::undecided(ProblemKind::Unreachable, format!("look below the folder: {error}"))),
            }
            WalkState::Continue
        })
    });
    let (mut files, mut problems) = found.into_inner().unwrap_or_default();
    if files.len() > MAX_FILES {
        let problem = Problem::undecided(ProblemKind::LimitReached, format!("look at more than {MAX_FILES} files"));
        problems.push(problem.with_hint("name the folders that matter"));
        files.truncate(MAX_FILES);
    }
    problems.sort_by(|a, b| a.message.cmp(&b.message));
    below.problems.extend(problems);
    files
}

/// A file, or a link to one, with a name of ours. Links to folders are not followed: they end in circles.
fn is_wanted(entry: &DirEntry) -> bool {
    let Some(kind) = entry.file_type() else { return false };
    let is_file = kind.is_file() || (kind.is_symlink() && entry.path().is_file());
    let name = entry.file_name().to_string_lossy();
    is_file && (named(&name) != Named::Other || rendered::is_mark(&name))
}

/// Reads one file; nothing for one that is found and none of ours.
fn file(name: &str, path: &Path, explicit: bool) -> Result<Option<Text>, Box<Problem>> {
    let unreadable = |error: &std::io::Error| {
        let message = format!("read the file: {error}");
        Box::new(Problem::undecided(ProblemKind::Unreachable, message).at(Location::path(name)))
    };
    let file = crate::input::open(path).map_err(|error| unreadable(&error))?;
    let size = file.metadata().map_err(|error| unreadable(&error))?.len();
    if size > MAX_BYTES {
        // Large data that nobody named is no business of ours, unless its name says that it is.
        return if explicit || named(name) == Named::Dockerfile || !name.ends_with(".json") {
            Err(too_large(name, Some(size)))
        } else {
            Ok(None)
        };
    }
    let mut bytes = Vec::with_capacity(usize::try_from(size).unwrap_or_default());
    file.take(MAX_BYTES + 1).read_to_end(&mut bytes).map_err(|error| unreadable(&error))?;
    let mut text = text(name, Place::File(path.to_owned()), bytes, explicit)?;
    if let Some(text) = &mut text {
        text.linked = !explicit && path.is_symlink();
    }
    Ok(text)
}

fn too_large(name: &str, size: Option<u64>) -> Box<Problem> {
    let size = size.map_or_else(String::new, |size| format!("it has {size} bytes, and "));
    let message = format!("read the file: {size}no more than {} MiB are read", MAX_BYTES >> 20);
    Box::new(Problem::undecided(ProblemKind::LimitReached, message).at(Location::path(name)))
}

impl Text {
    /// The bytes of the file.
    pub fn whole(&self) -> String {
        let mark = if self.mark { "\u{feff}" } else { "" };
        format!("{mark}{}", self.text)
    }
}

/// Bytes to text, and what kind of text it is.
fn text(name: &str, place: Place, bytes: Vec<u8>, explicit: bool) -> Result<Option<Text>, Box<Problem>> {
    let bad = |what: String| {
        Problem::undecided(ProblemKind::BadInput, format!("read the file: {what}")).at(Location::path(name))
    };
    if bytes.len() as u64 > MAX_BYTES {
        return Err(too_large(name, None));
    }
    if bytes.starts_with(b"\xff\xfe") || bytes.starts_with(b"\xfe\xff") {
        let problem = bad("it is UTF-16, not UTF-8".to_owned());
        return Err(problem.with_hint("`iconv -f UTF-16 -t UTF-8` turns it into what kubectl and Docker read").into());
    }
    if let Some(at) = bytes.iter().position(|byte| *byte == 0) {
        return Err(bad(format!("it is binary: a zero byte stands at {at}")).into());
    }
    let text = match String::from_utf8(bytes) {
        Ok(text) => text,
        Err(error) => {
            let at = error.utf8_error().valid_up_to();
            let line = error.as_bytes()[..at].iter().filter(|byte| **byte == b'\n').count() + 1;
            let line = u32::try_from(line).unwrap_or(u32::MAX);
            return Err(bad("it is not UTF-8".to_owned()).at(Location::line(name, line)).into());
        }
    };
    let (mark, text) = match text.strip_prefix('\u{feff}') {
        Some(rest) => (true, rest.to_owned()),
        None => (false, text),
    };
    let found = kind_of(name, &text);
    let kind = match found {
        Some(kind) => kind,
        None if explicit => guess(name, &text),
        None => return Ok(None),
    };
    let harmless = found.is_none() && named(name) == Named::MaybeManifest;
    Ok(Some(Text { path: name.to_owned(), place, text, mark, linked: false, kind, harmless, partial: false }))
}
