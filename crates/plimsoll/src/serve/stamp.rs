//! Whether a file changed. In: a path. Out: what its folder entry says of it, small enough to compare at every look. What it does
//! not do: read the file.

use std::fs::Metadata;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

use jiff::Timestamp;

/// Enough of a file's state to see that it changed. Kubernetes changes mounted files by a symbolic link, which changes
/// the inode; a file that another took the place of may have the size and the date of the first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Stamp {
    inode: u64,
    size: u64,
    modified: (i64, i64),
    /// Of the file's own data: a copy that keeps its date changes this.
    changed: (i64, i64),
}

impl Stamp {
    /// Of what the path leads to; none where that is nothing.
    pub fn of(path: &Path) -> Option<Stamp> {
        std::fs::metadata(path).ok().map(|found| Stamp::from(&found))
    }

    /// Whether the file changed since, so that what was read of it may not be all.
    pub fn is_late(&self, since: Timestamp) -> bool {
        let (seconds, nanos) = self.changed;
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
        }
    }
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
}
