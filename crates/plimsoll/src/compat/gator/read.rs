//! Files to documents. In: paths as gator takes them. Out: all objects, in gator's order, and warnings of names that stand twice.

use std::collections::HashMap;
use std::io::IsTerminal as _;
use std::path::{Path, PathBuf};

use plimsoll_gatekeeper::{Document, Fault, Words};

use crate::rego::load;

/// Extensions that gator reads.
const EXTENSIONS: [&str; 3] = ["yaml", "yml", "json"];
/// Folders in one another.
const MAX_DEPTH: usize = 64;

/// Why files could not be read: gator's words, and under them what we know besides.
pub struct Unread {
    pub words: String,
    pub fault: Option<Box<Fault>>,
}

impl Unread {
    /// Gator's words, and below them the place and the way out.
    pub fn all(&self) -> String {
        format!("{}{}", self.words, self.fault.as_deref().map(super::below).unwrap_or_default())
    }

    fn plain(words: String) -> Unread {
        Unread { words, fault: None }
    }
}

/// Everything that `--filename` and standard input hold.
pub fn sources(paths: &[PathBuf], images: &[String]) -> Result<Vec<Document>, Unread> {
    if !images.is_empty() {
        return Err(Unread::plain("pulling image: --image is not spoken here; pull it, and name the folder".into()));
    }
    let mut read: Vec<(String, Vec<Document>)> = Vec::new();
    for path in paths {
        for file in files(path)? {
            let documents = file_documents(&file).map_err(|unread| Unread {
                words: format!(
                    "reading from filenames: reading file {:?}: {}",
                    file.display().to_string(),
                    unread.words
                ),
                fault: unread.fault,
            })?;
            read.push((format!("file: {:?}", file.display().to_string()), documents));
        }
    }
    read.push(("stdin".into(), standard_input()?));
    warn(&read);
    Ok(read.into_iter().flat_map(|(_, documents)| documents).collect())
}

fn standard_input() -> Result<Vec<Document>, Unread> {
    if std::io::stdin().is_terminal() || is_null() {
        return Ok(Vec::new());
    }
    let content =
        load::standard_input().map_err(|fault| Unread::plain(format!("reading from stdin: {}", fault.text())))?;
    text_documents("standard input", &content, Words::Kubernetes).map_err(|unread| Unread {
        words: format!("reading from stdin: reading: {}", unread.words),
        fault: unread.fault,
    })
}

/// `/dev/null` is no pipe: gator asks only whether it is a device of characters.
fn is_null() -> bool {
    #[cfg(unix)]
    {
        use std::os::unix::fs::FileTypeExt as _;
        std::fs::metadata("/dev/stdin").is_ok_and(|about| about.file_type().is_char_device())
    }
    #[cfg(not(unix))]
    false
}

/// The files of a path, as gator walks folders.
fn files(path: &Path) -> Result<Vec<PathBuf>, Unread> {
    let front = "reading from filenames";
    let about = std::fs::metadata(path).map_err(|error| {
        let why = load::failed("stat", path, &error).text();
        Unread::plain(format!("{front}: stat on path {:?}: {why}", path.display().to_string()))
    })?;
    if !about.is_dir() {
        if !wanted(path) {
            let path = path.display().to_string();
            return Err(Unread::plain(format!("{front}: path {path:?} must be of extensions: [.yaml .yml .json]")));
        }
        return Ok(vec![path.to_owned()]);
    }
    let walk = ignore::WalkBuilder::new(path)
        .standard_filters(false)
        .max_depth(Some(MAX_DEPTH))
        .sort_by_file_name(std::ffi::OsStr::cmp)
        .build();
    let mut found = Vec::new();
    for entry in walk {
        let entry = entry.map_err(|error| {
            Unread::plain(format!(
                "{front}: normalizing filenames: filename {:?}: walking: {error}",
                path.display().to_string()
            ))
        })?;
        if !entry.file_type().is_some_and(|kind| kind.is_dir()) && wanted(entry.path()) {
            // Go's names of what is below a folder have no `./` in front.
            found.push(entry.path().strip_prefix("./").unwrap_or(entry.path()).to_owned());
        }
    }
    Ok(found)
}

fn wanted(path: &Path) -> bool {
    path.extension().is_some_and(|extension| EXTENSIONS.iter().any(|wanted| extension == *wanted))
}

fn file_documents(path: &Path) -> Result<Vec<Document>, Unread> {
    let content = load::bytes(path).map_err(|fault| Unread::plain(fault.text()))?;
    text_documents(&path.display().to_string(), &content, Words::Kubernetes)
}

/// The documents of a text.
pub fn text_documents(name: &str, content: &[u8], words: Words) -> Result<Vec<Document>, Unread> {
    let text = std::str::from_utf8(content).map_err(|error| {
        let line = 1 + content[..error.valid_up_to()].iter().filter(|byte| **byte == b'\n').count();
        Unread::plain(format!("reading yaml source: {name}:{line}: no UTF-8"))
    })?;
    Document::read(name, text, words).map_err(|fault| Unread {
        words: format!("reading yaml source: error converting YAML to JSON: {}", fault.message),
        fault: Some(Box::new(fault)),
    })
}

/// Objects of one kind and name: gator says where both are.
fn warn(read: &[(String, Vec<Document>)]) {
    let mut seen: HashMap<(&str, &str, &str, &str), &str> = HashMap::new();
    for (from, documents) in read {
        for document in documents {
            let key = (document.group(), document.kind(), document.namespace(), document.name());
            if let Some(before) = seen.insert(key, from) {
                let name = document.name();
                super::say(&format!("WARNING - Resource named {name:?} (from {from}) is already defined in {before}"));
            }
        }
    }
}
