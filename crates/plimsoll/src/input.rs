//! Files that users name. In: a path. Out: the open file. What it does not do: read.

use std::fs::File;
use std::io::{Error, ErrorKind};
use std::path::Path;

/// Opens a file, and whatever a shell hands over as one: `<(command)`, standard input. Of the rest nothing that is no file is
/// opened: a pipe that nobody writes to would wait for ever, and some devices have no end.
///
/// # Errors
/// It is not there, may not be read, or is neither a file nor a folder.
pub fn open(path: &Path) -> std::io::Result<File> {
    let handed_over = ["/dev/fd", "/proc/self/fd", "/dev/stdin"].iter().any(|known| path.starts_with(known));
    let meta = path.metadata()?;
    if !(meta.is_file() || meta.is_dir() || handed_over) {
        return Err(Error::new(ErrorKind::InvalidInput, "it is neither a file nor a folder"));
    }
    File::open(path)
}
