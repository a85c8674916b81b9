//! Files to policies and data, as OPA's loader lays them out. In: paths of a command line. Out: parsed modules and one data
//! document, or every fault that was found. What is read is bounded; a link that leads into itself is a fault.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::Metadata;
use std::io::{ErrorKind, Read as _};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use plimsoll_rego::ast::{Language, Module};
use plimsoll_rego::bundle::{self, Bundle, Verification};
use plimsoll_rego::parse;
use plimsoll_rego::span::Sources;
use plimsoll_rego::value::{JsonLimits, Value};

use super::fault::Fault;

/// Bytes of one file.
const MAX_FILE: u64 = 256 << 20;
/// Folders in folders: nobody nests as deep.
const MAX_DEPTH: usize = 64;
/// Files and folders that are looked at: links from folder to folder can make more of a few than anybody waits for.
const MAX_ENTRIES: usize = 1_000_000;

/// What was loaded.
#[derive(Debug)]
pub struct Loaded {
    pub sources: Sources,
    pub modules: Vec<Module>,
    pub data: Value,
    /// Name as given, and what is in it.
    pub bundles: Vec<(String, Bundle)>,
    /// Names of the modules so far: one that is met again is one.
    names: BTreeSet<String>,
    seen: BTreeSet<(Vec<String>, PathBuf)>,
    /// Files that documents are from, in order.
    pub documents: Vec<PathBuf>,
    /// Documents that were read and are not in `data` yet, with their files.
    waiting: Vec<(String, Value)>,
    entries: usize,
}

impl Default for Loaded {
    fn default() -> Loaded {
        Loaded {
            sources: Sources::default(),
            modules: Vec::new(),
            data: Value::object(Vec::new()),
            bundles: Vec::new(),
            names: BTreeSet::new(),
            seen: BTreeSet::new(),
            documents: Vec::new(),
            waiting: Vec::new(),
            entries: 0,
        }
    }
}

/// How files are chosen and read.
#[derive(Debug, Clone, Default)]
pub struct Choice {
    /// Patterns of names below the given paths.
    pub ignore: Vec<String>,
    pub parse: parse::Options,
    /// Only `.rego` files.
    pub policies_only: bool,
    /// Only JSON and YAML files.
    pub data_only: bool,
    pub verification: Option<Verification>,
    /// Follow links in folders of bundles, which OPA does not: Kubernetes mounts nothing but links.
    pub links: bool,
}

impl Choice {
    fn leaves_out(&self, name: &str, depth: usize) -> bool {
        depth > 0 && self.ignore.iter().any(|pattern| bundle::name_matches(pattern, name))
    }
}

/// A text of somebody else's making: a key, a policy.
pub fn text(path: &Path) -> Result<String, Fault> {
    String::from_utf8(bytes(path)?).map_err(|_| Fault::plain(format!("{}: no UTF-8", path.display())))
}

/// How bundles must be signed.
#[derive(Debug, Clone)]
pub struct Signing {
    pub key_id: String,
    pub algorithm: String,
    pub scope: String,
    /// Patterns of files that signatures need not name.
    pub exclude: Vec<String>,
}

impl Signing {
    /// What signatures of bundles are held to: the text of a key, PEM or a secret.
    pub fn by(&self, key: String) -> Verification {
        let Signing { key_id, algorithm, scope, exclude } = self.clone();
        let key = bundle::Key { key, algorithm, scope: scope.clone() };
        Verification { keys: BTreeMap::from([(key_id.clone(), key)]), key_id, scope, exclude }
    }
}

/// One fault with Go's words for what the system said.
pub fn failed(what: &str, path: &Path, error: &std::io::Error) -> Fault {
    let why = match error.kind() {
        ErrorKind::NotFound => "no such file or directory".into(),
        ErrorKind::IsADirectory => "is a directory".into(),
        ErrorKind::PermissionDenied => "permission denied".into(),
        _ => error.to_string(),
    };
    Fault::plain(format!("{what} {}: {why}", path.display()))
}

/// The bytes of a file, of bounded length.
pub fn bytes(path: &Path) -> Result<Vec<u8>, Fault> {
    let mut content = Vec::new();
    let read = crate::input::open(path).and_then(|file| file.take(MAX_FILE + 1).read_to_end(&mut content));
    read.map_err(|error| failed("open", path, &error))?;
    match content.len() as u64 > MAX_FILE {
        true => Err(Fault::plain(format!("{}: more than {} MiB", path.display(), MAX_FILE >> 20))),
        false => Ok(content),
    }
}

/// Standard input, of bounded length.
pub fn standard_input() -> Result<Vec<u8>, Fault> {
    let mut content = Vec::new();
    let read = std::io::stdin().lock().take(MAX_FILE + 1).read_to_end(&mut content);
    read.map_err(|error| Fault::plain(format!("read standard input: {error}")))?;
    match content.len() as u64 > MAX_FILE {
        true => Err(Fault::plain(format!("standard input has more than {} MiB", MAX_FILE >> 20))),
        false => Ok(content),
    }
}

/// A JSON or YAML document.
pub fn document(content: &[u8]) -> Result<Value, String> {
    let limits = JsonLimits::default();
    Value::from_json(content).or_else(|json| Value::from_yaml(content, &limits).map_err(|yaml| (json, yaml))).map_err(
        |(json, yaml)| match content.iter().find(|byte| !byte.is_ascii_whitespace()) {
            Some(b'{' | b'[' | b'"') => json.to_string(),
            _ => yaml.to_string(),
        },
    )
}

/// `file://` in front of a path means nothing.
fn clean(path: &str) -> &str {
    path.strip_prefix("file://").unwrap_or(path)
}

/// `a.b:path` → the folders a, b under which the path's data goes.
fn split_prefix(path: &str) -> (Vec<String>, &str) {
    if path.find("://").is_some_and(|at| path.find(':') == Some(at)) {
        return (Vec::new(), path);
    }
    match path.split_once(':') {
        Some((prefix, rest)) if !prefix.is_empty() => (prefix.split('.').map(str::to_owned).collect(), rest),
        _ => (Vec::new(), path),
    }
}

impl Loaded {
    /// All of these paths, as `-d` takes them, and bundles, as `-b` does; or every fault that was found.
    pub fn of(paths: &[String], bundles: &[String], choice: &Choice) -> Result<Loaded, Vec<Fault>> {
        let mut loaded = Loaded::default();
        let mut faults = loaded.paths(paths, choice);
        faults.extend(loaded.bundles(bundles, choice));
        if faults.is_empty() { Ok(loaded) } else { Err(faults) }
    }

    /// Loads paths as `-d` does. Every fault is found, not only the first.
    pub fn paths(&mut self, paths: &[String], choice: &Choice) -> Vec<Fault> {
        let mut faults = Vec::new();
        for path in paths {
            let (prefix, path) = split_prefix(path);
            self.path(Path::new(clean(path)), prefix, &mut Vec::new(), choice, &mut faults);
        }
        faults.extend(self.settle());
        faults
    }

    /// `above` are the folders that led here, each by its device and inode.
    fn path(
        &mut self,
        path: &Path,
        below: Vec<String>,
        above: &mut Vec<(u64, u64)>,
        choice: &Choice,
        faults: &mut Vec<Fault>,
    ) {
        let depth = above.len();
        self.entries += 1;
        if self.entries > MAX_ENTRIES {
            if self.entries == MAX_ENTRIES + 1 {
                let why = format!("{}: more than {MAX_ENTRIES} files and folders", path.display());
                faults.push(Fault::plain(why));
            }
            return;
        }
        let found: Metadata = match std::fs::metadata(path) {
            Ok(found) => found,
            Err(error) => return faults.push(failed("stat", path, &error)),
        };
        let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        if choice.leaves_out(&name, depth) {
            return;
        }
        if !found.is_dir() {
            if let Err(more) = self.file(path, &below, depth, choice) {
                faults.extend(more);
            }
            return;
        }
        if depth >= MAX_DEPTH {
            return faults.push(Fault::plain(format!("{}: folders nest deeper than {MAX_DEPTH}", path.display())));
        }
        let place = (found.dev(), found.ino());
        if above.contains(&place) {
            let why = "a link leads back to a folder that it lies in: remove it, or leave it out with --ignore";
            return faults.push(Fault::plain(format!("{}: {why}", path.display())));
        }
        let mut below = below;
        if depth > 0 {
            below.push(name);
        }
        let entries = std::fs::read_dir(path)
            .and_then(|entries| entries.map(|entry| entry.map(|entry| entry.path())).collect::<Result<Vec<_>, _>>());
        match entries {
            Ok(mut entries) => {
                entries.sort();
                above.push(place);
                for entry in entries {
                    self.path(&entry, below.clone(), above, choice, faults);
                }
                above.pop();
            }
            Err(error) => faults.push(failed("open", path, &error)),
        }
    }

    fn file(&mut self, path: &Path, below: &[String], depth: usize, choice: &Choice) -> Result<(), Vec<Fault>> {
        let shown = path.display().to_string();
        let extension = path.extension().and_then(|extension| extension.to_str()).unwrap_or_default();
        let data = matches!(extension, "json" | "yaml" | "yml");
        if choice.policies_only && extension != "rego" || choice.data_only && !data {
            return Ok(());
        }
        // The same file at the same place twice is once.
        let plain: PathBuf = path.components().collect();
        if !self.seen.insert((below.to_vec(), plain)) {
            return Ok(());
        }
        let one = |fault: Fault| vec![fault];
        if data {
            self.documents.push(path.to_owned());
        }
        match extension {
            "rego" => self.module(&shown, &bytes(path).map_err(one)?, &choice.parse),
            "json" => {
                let content = bytes(path).map_err(one)?;
                let value =
                    Value::from_json(&content).map_err(|error| vec![Fault::plain(format!("{shown}: {error}"))])?;
                self.put(&shown, below, value)
            }
            "yaml" | "yml" => {
                let content = bytes(path).map_err(one)?;
                let value = Value::from_yaml(&content, &JsonLimits::default())
                    .map_err(|error| vec![Fault::plain(format!("{shown}: error converting YAML to JSON: {error}"))])?;
                self.put(&shown, below, value)
            }
            _ if shown.ends_with(".tar.gz") => {
                let files = bundle::unpack(&bytes(path).map_err(one)?, &bundle::Limits::default())
                    .map_err(|error| vec![Fault::plain(format!("bundle {shown}: {error}"))])?;
                self.bundle_files(&shown, files, "", choice)
            }
            _ if depth > 0 => Ok(()),
            _ => {
                let content = bytes(path).map_err(one)?;
                if self.module(&shown, &content, &choice.parse).is_ok() {
                    return Ok(());
                }
                match document(&content) {
                    Ok(value) => self.put(&shown, below, value),
                    Err(_) => Err(vec![Fault::plain(format!("{shown}: can't recognize file type"))]),
                }
            }
        }
    }

    /// Parses one policy.
    pub fn module(&mut self, name: &str, text: &[u8], options: &parse::Options) -> Result<(), Vec<Fault>> {
        if !self.names.insert(name.trim_matches('/').to_owned()) {
            return Ok(());
        }
        let parsed = parse::parse_module(&mut self.sources, name, text, options);
        match parsed.module {
            Some(module) if parsed.errors.is_empty() => {
                self.modules.push(module);
                Ok(())
            }
            _ => {
                self.names.remove(name.trim_matches('/'));
                Err(parsed.errors.iter().map(|error| Fault::rego(error, &self.sources)).collect())
            }
        }
    }

    /// Adds a document at the root of data; [`Loaded::settle`] joins them.
    pub fn document(&mut self, name: &str, value: Value) -> Result<(), Vec<Fault>> {
        self.put(name, &[], value)
    }

    fn put(&mut self, path: &str, below: &[String], value: Value) -> Result<(), Vec<Fault>> {
        let nested = |inner: Value, name: &String| Value::object(vec![(Value::string(name.as_str()), inner)]);
        let placed = below.iter().rev().fold(value, nested);
        if !matches!(placed, Value::Object(_)) {
            return Err(vec![Fault::plain(format!("{path}: document must be of type object"))]);
        }
        self.waiting.push((path.to_owned(), placed));
        Ok(())
    }

    /// Takes what waits into `data`, all at once: one after another would copy the whole for each file.
    pub fn settle(&mut self) -> Vec<Fault> {
        let waiting = std::mem::take(&mut self.waiting);
        let all = std::iter::once(&self.data).chain(waiting.iter().map(|(_, value)| value)).cloned().collect();
        if let Some(merged) = bundle::merge_all(all) {
            self.data = merged;
            return Vec::new();
        }
        let mut faults = Vec::new();
        for (path, value) in waiting {
            match bundle::merge(&self.data, &value) {
                Some(merged) => self.data = merged,
                None => {
                    let at = conflict(&self.data, &value, "data".into());
                    faults.push(Fault::plain(format!(
                        "{path}: merge error: conflicting values at {at}, data from multiple files must not overlap"
                    )));
                }
            }
        }
        faults
    }

    /// Loads paths as `-b` does: each an archive or the folder of one.
    pub fn bundles(&mut self, paths: &[String], choice: &Choice) -> Vec<Fault> {
        let mut faults = Vec::new();
        for given in paths {
            let path = Path::new(clean(given));
            let loaded = self.bundle(given, path, choice);
            faults.extend(loaded.err().unwrap_or_default());
        }
        faults
    }

    fn bundle(&mut self, given: &str, path: &Path, choice: &Choice) -> Result<(), Vec<Fault>> {
        let found = std::fs::metadata(path).map_err(|error| {
            let Fault { message, .. } = failed("stat", path, &error);
            vec![Fault::plain(format!("error reading {given:?}: {message}"))]
        })?;
        let files = if found.is_dir() {
            folder(path, choice, bundle::Limits::default().total)?
        } else {
            let packed = bytes(path).map_err(|fault| vec![fault])?;
            let files = bundle::unpack(&packed, &bundle::Limits::default())
                .map_err(|error| vec![Fault::plain(format!("bundle {given}: {error}"))])?;
            let named = |file: &bundle::File| file.path.split('/').any(|part| choice.leaves_out(part, 1));
            files.into_iter().filter(|file| !named(file)).collect()
        };
        let base = if found.is_dir() { given.trim_end_matches('/') } else { "" };
        self.bundle_files(given, files, base, choice)
    }

    fn bundle_files(
        &mut self,
        name: &str,
        files: Vec<bundle::File>,
        base: &str,
        choice: &Choice,
    ) -> Result<(), Vec<Fault>> {
        let wrong = |error: &dyn std::fmt::Display| vec![Fault::plain(format!("bundle {name}: {error}"))];
        let bundle = Bundle::read(files, choice.verification.as_ref()).map_err(|error| wrong(&error))?;
        let mut faults = Vec::new();
        for file in &bundle.modules {
            let shown = format!("{base}{}", file.path);
            let language = match bundle.manifest.version_of(&file.path) {
                Some(0) => Language::V0,
                Some(_) => Language::V1,
                None => choice.parse.language,
            };
            let options = parse::Options { language, ..choice.parse.clone() };
            if let Err(more) = self.module(&shown, &file.bytes, &options) {
                faults.extend(more);
                continue;
            }
            let Some(module) = self.modules.last() else { continue };
            let package: Vec<String> = module.package.path.iter().skip(1).map(super::fault::part).collect();
            let package: Vec<&str> = package.iter().map(String::as_str).collect();
            if let Err(error) = bundle.manifest.check_package(&package, &shown) {
                faults.extend(wrong(&error));
            }
        }
        for (other, earlier) in &self.bundles {
            if let Some((a, b)) = bundle.manifest.overlap(&earlier.manifest) {
                faults.push(Fault::plain(format!(
                    "detected overlapping roots in manifests for these bundles: [{other}, {name}] ({a:?} and {b:?})"
                )));
            }
        }
        match bundle::merge(&self.data, &bundle.data) {
            Some(merged) => self.data = merged,
            None => faults.extend(wrong(&"its data contradicts what was loaded before")),
        }
        self.bundles.push((name.to_owned(), bundle));
        if faults.is_empty() { Ok(()) } else { Err(faults) }
    }
}

/// All files of a folder, with paths from its top.
fn folder(top: &Path, choice: &Choice, most: u64) -> Result<Vec<bundle::File>, Vec<Fault>> {
    let (mut files, mut faults) = (Vec::new(), Vec::new());
    let mut open = vec![(top.to_path_buf(), 0)];
    let (mut looked, mut total) = (0, 0);
    while let Some((path, depth)) = open.pop() {
        let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        if choice.leaves_out(&name, depth) {
            continue;
        }
        looked += 1;
        if looked > MAX_ENTRIES {
            faults.push(Fault::plain(format!("{}: more than {MAX_ENTRIES} files and folders", top.display())));
            break;
        }
        // A folder's links are not followed, as in OPA.
        let found =
            if depth == 0 || choice.links { std::fs::metadata(&path) } else { std::fs::symlink_metadata(&path) };
        match found {
            Err(error) => faults.push(failed("stat", &path, &error)),
            Ok(found) if found.is_dir() && depth >= MAX_DEPTH => {
                faults.push(Fault::plain(format!("{}: folders nest deeper than {MAX_DEPTH}", path.display())));
            }
            Ok(found) if found.is_dir() => match std::fs::read_dir(&path) {
                Ok(entries) => open.extend(entries.flatten().map(|entry| (entry.path(), depth + 1))),
                Err(error) => faults.push(failed("open", &path, &error)),
            },
            Ok(found) if found.is_file() => {
                let inner = path.strip_prefix(top).unwrap_or(&path).display().to_string();
                match bytes(&path) {
                    Ok(bytes) => {
                        total += bytes.len() as u64;
                        files.push(bundle::File { path: format!("/{inner}"), bytes });
                    }
                    Err(fault) => faults.push(fault),
                }
                if total > most {
                    faults.push(Fault::plain(format!("{}: more than {} MiB", top.display(), most >> 20)));
                    break;
                }
            }
            Ok(_) => {}
        }
    }
    if faults.is_empty() { Ok(files) } else { Err(faults) }
}

/// Where two documents first contradict each other.
fn conflict(a: &Value, b: &Value, at: String) -> String {
    if let (Value::Object(left), Value::Object(right)) = (a, b) {
        for (key, value) in right.entries() {
            if let Some(other) = left.get(key)
                && bundle::merge(other, value).is_none()
            {
                let name = key.as_str().unwrap_or_default();
                let plain = !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
                let below = if plain { format!("{at}.{name}") } else { format!("{at}[{name:?}]") };
                return conflict(other, value, below);
            }
        }
    }
    at
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_of_many_files_is_bounded_as_one_file_is() {
        let top = tempfile::tempdir().unwrap();
        for name in ["a.json", "b.json", "c.json"] {
            std::fs::write(top.path().join(name), "[1, 2, 3]").unwrap();
        }
        let read = |most| folder(top.path(), &Choice::default(), most);
        assert_eq!(read(27).unwrap().len(), 3);
        assert!(read(26).unwrap_err().iter().any(|fault| fault.message.ends_with("more than 0 MiB")));
    }
}
