//! Definitions of Protocol Buffers. In: the folders of `--proto-file-dirs`. Out: the messages that textproto files may be of, read
//! when the first such file asks, once.

use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use plimsoll_config::{Definition, MAX_BYTES, Messages};

use crate::rego::load;

/// Files of one folder and those below: some hundred make a large set of definitions.
const MAX_FILES: usize = 10_000;
/// Folders in one another.
const MAX_DEPTH: usize = 100;

#[derive(Debug, Default)]
pub struct Protos {
    folders: Vec<String>,
    read: OnceLock<Result<Messages, String>>,
}

impl Protos {
    pub fn of(folders: Vec<String>) -> Protos {
        Protos { folders, read: OnceLock::new() }
    }

    /// The messages, or why they could not be read.
    pub fn messages(&self) -> Result<&Messages, String> {
        let read = self.read.get_or_init(|| {
            let mut files = Vec::new();
            for folder in &self.folders {
                definitions(folder, &mut files)?;
            }
            if files.is_empty() && !self.folders.is_empty() {
                return Err(format!("load protos: no .proto files below {}", self.folders.join(", ")));
            }
            Messages::of(&files).map_err(|bad| format!("load protos: load messages from files: {bad}"))
        });
        read.as_ref().map_err(Clone::clone)
    }
}

/// The `.proto` files of a folder, in the order of their names. Imports name them as conftest does, from where it runs, or from
/// the folder.
fn definitions(folder: &str, files: &mut Vec<Definition>) -> Result<(), String> {
    let mut found = Vec::new();
    walk(Path::new(folder), 0, &mut found)?;
    found.sort();
    let mut bytes = files.iter().map(|file| file.text.len()).sum::<usize>();
    for path in found {
        let wrong = |why: String| format!("load protos: load proto file {}: {why}", path.display());
        let content = load::bytes(&path).map_err(|fault| wrong(fault.text()))?;
        bytes += content.len();
        if bytes > MAX_BYTES {
            return Err(wrong(format!("definitions make more than {} MiB", MAX_BYTES >> 20)));
        }
        let text = String::from_utf8(content).map_err(|_| wrong("not UTF-8".into()))?;
        let plain = path.strip_prefix(".").unwrap_or(&path).to_string_lossy().into_owned();
        let within = path.strip_prefix(folder).ok().map(|path| path.to_string_lossy().into_owned());
        let names = within.into_iter().chain([plain.clone()]).collect();
        files.push(Definition { path: plain, names, text });
    }
    Ok(())
}

fn walk(folder: &Path, depth: usize, found: &mut Vec<PathBuf>) -> Result<(), String> {
    let wrong = |why: String| format!("find proto files: walk dir {}: {why}", folder.display());
    if depth > MAX_DEPTH {
        return Err(wrong(format!("nests deeper than {MAX_DEPTH}")));
    }
    for entry in std::fs::read_dir(folder).map_err(|error| wrong(error.to_string()))? {
        let entry = entry.map_err(|error| wrong(error.to_string()))?;
        let kind = entry.file_type().map_err(|error| wrong(error.to_string()))?;
        if kind.is_dir() {
            walk(&entry.path(), depth + 1, found)?;
        } else if entry.file_name().to_string_lossy().ends_with(".proto") {
            found.push(entry.path());
        }
        if found.len() > MAX_FILES {
            return Err(wrong(format!("more than {MAX_FILES} files")));
        }
    }
    Ok(())
}
