//! Folders as file trees.

use std::fs;
use std::io::Read;

use plimsoll_model::{FileTree, TreeEntryKind, Visit};
use plimsoll_sources::folder;

#[test]
fn folder_is_walked_parents_first_and_names_in_byte_order() {
    let root = tempfile::tempdir().unwrap();
    for name in ["b/two", "b/a/one", "a.txt", "a/x", "Z"] {
        let path = root.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, name).unwrap();
    }
    let mut seen = vec![];
    let problems = folder(root.path()).unwrap().walk(&mut |entry, open| {
        if entry.kind == TreeEntryKind::File {
            let mut text = String::new();
            open().unwrap().read_to_string(&mut text).unwrap();
            assert_eq!(text, entry.path);
            assert_eq!(entry.size, text.len() as u64);
        } else {
            assert!(open().is_err());
        }
        seen.push(entry.path.clone());
        Visit::Continue
    });
    assert!(problems.is_empty());
    assert_eq!(seen, ["Z", "a", "a/x", "a.txt", "b", "b/a", "b/a/one", "b/two"]);
}

#[test]
fn visits_can_skip_and_stop() {
    let root = tempfile::tempdir().unwrap();
    for name in ["a/x", "b/y", "c/z"] {
        let path = root.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, name).unwrap();
    }
    let mut seen = vec![];
    folder(root.path()).unwrap().walk(&mut |entry, _| {
        seen.push(entry.path.clone());
        match entry.path.as_str() {
            "a" => Visit::SkipFolder,
            "b/y" => Visit::Stop,
            _ => Visit::Continue,
        }
    });
    assert_eq!(seen, ["a", "b", "b/y"]);
}

#[cfg(unix)]
#[test]
fn links_are_told_and_not_followed_and_modes_are_whole() {
    use std::os::unix::fs::PermissionsExt;
    let root = tempfile::tempdir().unwrap();
    std::os::unix::fs::symlink("/etc", root.path().join("etc")).unwrap();
    std::os::unix::fs::symlink(".", root.path().join("loop")).unwrap();
    fs::write(root.path().join("su"), "").unwrap();
    fs::set_permissions(root.path().join("su"), fs::Permissions::from_mode(0o4755)).unwrap();
    let mut seen = vec![];
    folder(root.path()).unwrap().walk(&mut |entry, _| {
        seen.push((entry.kind.clone(), entry.mode));
        Visit::Continue
    });
    assert_eq!(seen.len(), 3);
    assert_eq!(seen[0].0, TreeEntryKind::Link("/etc".into()));
    assert_eq!(seen[2], (TreeEntryKind::File, 0o4755));
}

#[test]
fn folder_that_is_not_there_is_an_error() {
    let root = tempfile::tempdir().unwrap();
    assert!(folder(&root.path().join("none")).is_err());
    fs::write(root.path().join("file"), "").unwrap();
    assert!(folder(&root.path().join("file")).is_err());
}
