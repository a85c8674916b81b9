//! Read-only memory maps: the one place of this crate that needs `unsafe`. In: a path. Out: the file's bytes.

use std::fs::File;
use std::path::Path;

use memmap2::Mmap;

use crate::{DatabaseError, broken, cannot_open};

/// Maps a whole file for reading.
///
/// # Errors
/// When it cannot be opened or is empty (a map of no bytes does not exist).
#[expect(unsafe_code, reason = "a memory map is how any number of processes share one database without a lock")]
pub fn map(path: &Path) -> Result<Mmap, DatabaseError> {
    let file = File::open(path).map_err(|e| cannot_open(path, e))?;
    let meta = file.metadata().map_err(|e| cannot_open(path, e))?;
    if !meta.is_file() {
        return Err(broken(path, "it is no plain file"));
    }
    if meta.len() == 0 {
        return Err(broken(path, "the file is empty"));
    }
    // SAFETY: databases are replaced by renaming a new file over the old name, never written in place, so the mapped
    // bytes do not change while they are borrowed. Whoever cuts the file short under a running process (nobody but its
    // owner can) gets a bus error in that process, not wrong answers.
    let map = unsafe { Mmap::map(&file) };
    map.map_err(|e| cannot_open(path, e))
}
