//! Whether a file changed. In: a path. Out: what its folder entry says of it, small enough to compare at every look. What it does
//! not do: read the file.

use std::fs::Metadata;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use jiff::Timestamp;

/// Links that are followed to a file: as many as Linux follows.
const MAX_LINKS: usize = 40;

/// Enough of a file's state to see that it changed. Kubernetes changes mounted files by a symbolic link, which changes
/// the inode; a file that another took the place of may have the size and the date of the first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Stamp {
    inode: u64,
    size: u64,
    modified: (i64, i64),
    /// Of the file's own data: a copy that keeps its date changes this.
    changed: (i64, i64),
    /// Of the link that turned last, of those on the way to it.
    turned: (i64, i64),
}

impl Stamp {
    /// Of what the path leads to; none where that is nothing.
    pub fn of(path: &Path) -> Option<Stamp> {
        let turned = turned(path);
        std::fs::metadata(path).ok().map(|found| Stamp { turned, ..Stamp::from(&found) })
    }

    /// Whether the file, or a link on the way to it, changed since, so that what was read may be another file or not all of it.
    pub fn is_late(&self, since: Timestamp) -> bool {
        let (seconds, nanos) = self.changed.max(self.turned);
        Timestamp::new(seconds, nanos as i32).is_ok_and(|at| at >= since)
    }
}

impl From<&Metadata> for Stamp {
    fn from(found: &Metadata) -> Stamp {
        Stamp {
            inode: found.ino(),
            size: found.size(),
            modified: (found.mtime(), found.mtime_nsec()),
            changed: (found.ctime(), found.ctime_nsec()),
            turned: (0, 0),
        }
    }
}

/// When the youngest link on the way to a file changed, in any part of the path or of where a link leads.
fn turned(path: &Path) -> (i64, i64) {
    let mut latest = (0, 0);
    let mut at = PathBuf::new();
    let mut parts: Vec<PathBuf> = reversed(path);
    let mut followed = 0;
    while let Some(part) = parts.pop() {
        // An absolute one begins anew.
        let next = at.join(part);
        let link = next.symlink_metadata().ok().filter(Metadata::is_symlink);
        let target = link.as_ref().and_then(|_| std::fs::read_link(&next).ok());
        match (link, target) {
            (Some(link), Some(target)) if followed < MAX_LINKS => {
                followed += 1;
                latest = latest.max((link.ctime(), link.ctime_nsec()));
                parts.extend(reversed(&target));
            }
            _ => at = next,
        }
    }
    latest
}

/// The parts of a path, the last first.
fn reversed(path: &Path) -> Vec<PathBuf> {
    path.components().rev().map(|part| PathBuf::from(part.as_os_str())).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_of_the_same_size_and_date_that_took_the_place_of_another_is_another() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a");
        let write = |text: &str| {
            let beside = folder.path().join("beside");
            std::fs::write(&beside, text).unwrap();
            let file = std::fs::File::options().write(true).open(&beside).unwrap();
            file.set_modified(std::time::SystemTime::UNIX_EPOCH).unwrap();
            std::fs::rename(&beside, &path).unwrap();
        };
        write("one");
        let first = Stamp::of(&path).unwrap();
        assert_eq!(Stamp::of(&path), Some(first));
        write("two");
        assert_ne!(Stamp::of(&path), Some(first));
        assert!(first.is_late(Timestamp::UNIX_EPOCH) && !first.is_late(Timestamp::MAX));
        std::fs::remove_file(&path).unwrap();
        assert_eq!(Stamp::of(&path), None);
    }

    #[test]
    fn a_link_on_the_way_that_turned_is_as_late_as_a_file_that_changed() {
        use std::os::unix::fs::symlink;

        // As Kubernetes mounts files: `policy` leads over `..data`, which turns to another folder.
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        for version in ["..1", "..2"] {
            std::fs::create_dir(at(version)).unwrap();
            std::fs::write(at(version).join("policy"), "same").unwrap();
        }
        symlink("..1", at("..data")).unwrap();
        symlink("..data/policy", at("policy")).unwrap();
        symlink(at("policy"), at("elsewhere")).unwrap();
        symlink("round", at("round")).unwrap();
        std::thread::sleep(std::time::Duration::from_millis(100));
        let since = Timestamp::now().saturating_sub(jiff::SignedDuration::from_millis(20)).unwrap();
        for name in ["policy", "elsewhere", "..data/policy"] {
            assert!(!Stamp::of(&at(name)).unwrap().is_late(since), "{name}");
        }
        symlink("..2", at("..new")).unwrap();
        std::fs::rename(at("..new"), at("..data")).unwrap();
        for name in ["policy", "elsewhere", "..data/policy"] {
            assert!(Stamp::of(&at(name)).unwrap().is_late(since), "{name}");
        }
        assert_eq!(Stamp::of(&at("round")), None);
    }
}
