//! A folder on disk as a file tree. In: a path. Out: every entry below it, parents first, names in byte order. Links are
//! told, never followed; devices, sockets and pipes are told, never opened.

use std::fs::{self, Metadata};
use std::io;
use std::path::{Path, PathBuf};

use plimsoll_model::{
    FileTree, LayerReader, Location, OpenEntry, Problem, ProblemKind, TreeEntry, TreeEntryKind, Visit,
};

use crate::error::SourceError;
use crate::limits::MAX_FOLDER_DEPTH;

/// A folder that can be walked.
#[derive(Debug, Clone)]
pub struct Folder {
    root: PathBuf,
}

/// The file tree below `path`, which may be an unpacked root filesystem or a project.
///
/// # Errors
/// When `path` is not there or no folder.
pub fn folder(path: &Path) -> Result<Folder, SourceError> {
    let metadata =
        fs::metadata(path).map_err(|source| SourceError::Io { what: format!("open {}", path.display()), source })?;
    if metadata.is_dir() {
        Ok(Folder { root: path.to_owned() })
    } else {
        Err(SourceError::Malformed { what: path.display().to_string(), why: "it is not a folder".into() })
    }
}

/// A folder that waits to be listed, or an entry that waits for its visit.
struct Waiting {
    path: PathBuf,
    relative: String,
    depth: usize,
}

impl FileTree for Folder {
    fn walk(&self, visit: &mut dyn FnMut(&TreeEntry, OpenEntry<'_>) -> Visit) -> Vec<Problem> {
        let mut problems = vec![];
        let mut stack = vec![];
        list(&self.root, "", 0, &mut stack, &mut problems);
        while let Some(Waiting { path, relative, depth }) = stack.pop() {
            let metadata = match fs::symlink_metadata(&path) {
                Ok(metadata) => metadata,
                Err(error) => {
                    problems.push(unread(&relative, &error));
                    continue;
                }
            };
            let kind = match kind(&path, &metadata) {
                Ok(kind) => kind,
                Err(error) => {
                    problems.push(unread(&relative, &error));
                    continue;
                }
            };
            let entry = TreeEntry { path: relative, mode: mode(&metadata), size: metadata.len(), kind };
            let is_file = entry.kind == TreeEntryKind::File;
            let mut open = || -> io::Result<LayerReader> {
                if !is_file {
                    return Err(io::Error::new(io::ErrorKind::InvalidInput, "it is not a file"));
                }
                Ok(Box::new(fs::File::open(&path)?))
            };
            match visit(&entry, &mut open) {
                Visit::Stop => break,
                Visit::SkipFolder => {}
                Visit::Continue if entry.kind == TreeEntryKind::Folder => {
                    if depth >= MAX_FOLDER_DEPTH {
                        problems.push(
                            Problem::undecided(
                                ProblemKind::LimitReached,
                                format!("list {}: folders are nested more than {MAX_FOLDER_DEPTH} deep", entry.path),
                            )
                            .at(Location::path(entry.path)),
                        );
                    } else {
                        list(&path, &entry.path, depth + 1, &mut stack, &mut problems);
                    }
                }
                Visit::Continue => {}
            }
        }
        problems
    }
}

/// Puts the entries of a folder on the stack, the first name on top.
fn list(folder: &Path, relative: &str, depth: usize, stack: &mut Vec<Waiting>, problems: &mut Vec<Problem>) {
    let mut names = vec![];
    match fs::read_dir(folder) {
        Ok(entries) => {
            for entry in entries {
                match entry {
                    Ok(entry) => names.push(entry.file_name()),
                    Err(error) => problems.push(unread(relative, &error)),
                }
            }
        }
        Err(error) => problems.push(unread(relative, &error)),
    }
    names.sort_by(|a, b| b.as_encoded_bytes().cmp(a.as_encoded_bytes()));
    stack.extend(names.into_iter().map(|name| {
        let text = name.to_string_lossy();
        let relative = if relative.is_empty() { text.into_owned() } else { format!("{relative}/{text}") };
        Waiting { path: folder.join(&name), relative, depth }
    }));
}

fn unread(relative: &str, error: &io::Error) -> Problem {
    let shown = if relative.is_empty() { "the folder itself" } else { relative };
    let problem = Problem::undecided(ProblemKind::Unreachable, format!("read {shown}: {error}"));
    let problem = problem.at(Location::path(relative));
    if error.kind() == io::ErrorKind::PermissionDenied {
        problem.with_hint("run as a user who may read it")
    } else {
        problem
    }
}

fn kind(path: &Path, metadata: &Metadata) -> io::Result<TreeEntryKind> {
    let kind = metadata.file_type();
    Ok(if kind.is_dir() {
        TreeEntryKind::Folder
    } else if kind.is_symlink() {
        TreeEntryKind::Link(fs::read_link(path)?.to_string_lossy().into_owned())
    } else if kind.is_file() {
        TreeEntryKind::File
    } else {
        TreeEntryKind::Special
    })
}

#[cfg(unix)]
fn mode(metadata: &Metadata) -> u32 {
    use std::os::unix::fs::PermissionsExt;
    metadata.permissions().mode() & 0o7777
}

/// Where files have no such bits, none is set: rules about them then find nothing to say.
#[cfg(not(unix))]
fn mode(metadata: &Metadata) -> u32 {
    if metadata.is_dir() { 0o755 } else { 0o644 }
}
