//! The files of a set of policies. In: a file, a folder, or a pattern of names in one (Go's, with a `*` in it). Out: their contents in the order of their
//! names, and everything that was looked at, so that whoever follows changes knows where. Links are followed: Kubernetes
//! mounts nothing else; its hidden folders (`..data`) are not looked through a second time.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};
use plimsoll_rego::bundle::name_matches;

use crate::assess::read_bounded;

/// Bytes of one file, and of all.
const MAX_FILE: u64 = 16 << 20;
const MAX_ALL: u64 = 256 << 20;
/// Files and folders of one set.
const MAX_ENTRIES: usize = 20_000;
/// Folders in folders.
const MAX_DEPTH: usize = 32;

pub struct File {
    pub name: String,
    pub content: Vec<u8>,
}

#[derive(Default)]
pub struct Found {
    pub files: Vec<File>,
    pub looked_at: Vec<PathBuf>,
    bytes: u64,
}

/// The files at a path that have one of the extensions; one that is named itself may have any.
pub fn found(path: &str, extensions: &[&str]) -> anyhow::Result<Found> {
    let mut found = Found::default();
    let given = Path::new(path);
    let pattern = given.file_name().and_then(|name| name.to_str()).filter(|name| name.contains('*'));
    match pattern {
        Some(pattern) => {
            let folder = given.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
            found.looked_at.push(folder.to_owned());
            for (path, name) in entries(folder)? {
                if name_matches(pattern, &name) && !path.is_dir() {
                    found.file(&path)?;
                }
            }
        }
        None if given.is_dir() => found.folder(given, extensions, 0)?,
        None => found.file(given)?,
    }
    if found.files.is_empty() {
        let of = if pattern.is_some() { String::new() } else { format!(" (.{})", extensions.join(", .")) };
        bail!("there is no file{of} at {path}: a set of policies that says nothing would allow everything");
    }
    Ok(found)
}

impl Found {
    fn folder(&mut self, folder: &Path, extensions: &[&str], depth: usize) -> anyhow::Result<()> {
        if depth > MAX_DEPTH {
            bail!("{}: folders in folders deeper than {MAX_DEPTH}", folder.display());
        }
        self.looked_at.push(folder.to_owned());
        for (path, name) in entries(folder)? {
            let about = std::fs::metadata(&path).with_context(|| format!("read {}", path.display()))?;
            let wanted = || path.extension().and_then(|one| one.to_str()).is_some_and(|one| extensions.contains(&one));
            if about.is_dir() {
                self.folder(&path, extensions, depth + 1)?;
            } else if wanted() && !name.ends_with("_test.rego") {
                self.file(&path)?;
            }
        }
        Ok(())
    }

    fn file(&mut self, path: &Path) -> anyhow::Result<()> {
        if self.looked_at.len() >= MAX_ENTRIES {
            bail!("more than {MAX_ENTRIES} files and folders");
        }
        let content = read_bounded(path, MAX_FILE)?;
        self.bytes += content.len() as u64;
        if self.bytes > MAX_ALL {
            bail!("more than {} MiB of policies", MAX_ALL >> 20);
        }
        self.looked_at.push(path.to_owned());
        self.files.push(File { name: path.display().to_string(), content });
        Ok(())
    }
}

/// What is in a folder, by name; hidden names are not.
fn entries(folder: &Path) -> anyhow::Result<Vec<(PathBuf, String)>> {
    let what = || format!("read the folder {}", folder.display());
    let mut all = Vec::new();
    for entry in std::fs::read_dir(folder).with_context(what)? {
        let entry = entry.with_context(what)?;
        let Ok(name) = entry.file_name().into_string() else {
            bail!("{}: a name in it is not UTF-8", folder.display());
        };
        if !name.starts_with('.') {
            all.push((entry.path(), name));
        }
        if all.len() > MAX_ENTRIES {
            bail!("{}: more than {MAX_ENTRIES} files and folders", folder.display());
        }
    }
    all.sort();
    Ok(all)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folders_are_looked_through_and_hidden_names_and_tests_left_out() {
        let folder = tempfile::tempdir().unwrap();
        for (name, text) in [
            ("b.rego", "b"),
            ("a.rego", "a"),
            ("a_test.rego", "t"),
            ("note.txt", "n"),
            ("..data/a.rego", "h"),
            ("below/c.rego", "c"),
        ] {
            let path = folder.path().join(name);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, text).unwrap();
        }
        let all = found(folder.path().to_str().unwrap(), &["rego"]).unwrap();
        let texts: Vec<&[u8]> = all.files.iter().map(|file| &file.content[..]).collect();
        assert_eq!(texts, [&b"a"[..], b"b", b"c"]);
        let pattern = folder.path().join("b*.rego");
        assert_eq!(found(pattern.to_str().unwrap(), &["rego"]).unwrap().files.len(), 1);
        let pattern = folder.path().join("[ab]*.rego");
        assert_eq!(found(pattern.to_str().unwrap(), &["rego"]).unwrap().files.len(), 3);
        for missing in ["nowhere", "z*.rego", "[*.rego"] {
            assert!(found(folder.path().join(missing).to_str().unwrap(), &["rego"]).is_err());
        }
    }
}
