//! `.tar.gz` archives. In: bytes of a stranger. Out: regular files under limits; names are made absolute and may not climb.

use std::io::Read as _;

use super::{BundleError, File};

/// What an archive may unpack to.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Bytes of one file.
    pub file: u64,
    /// Bytes of all files.
    pub total: u64,
    /// Entries, folders too.
    pub entries: usize,
    /// What is neither file nor folder is refused, rather than left out.
    pub plain: bool,
}

impl Default for Limits {
    fn default() -> Limits {
        Limits { file: 256 << 20, total: 512 << 20, entries: 100_000, plain: false }
    }
}

/// Unpacks the files of a `.tar.gz`; folders are left out, and links, as OPA leaves them, unless the limits refuse them.
///
/// # Errors
/// What is no gzip or tar, ends early, passes a limit, is refused by one, or names a file outside.
pub fn unpack(bytes: &[u8], limits: &Limits) -> Result<Vec<File>, BundleError> {
    let wrong = |what: &str, error: &std::io::Error| BundleError(format!("bundle read failed: {what}: {error}"));
    // A bound on the whole stream: headers and padding count, so that nothing can unpack without end.
    let stream_limit = limits.total.saturating_add(limits.entries as u64 * 2048);
    let mut archive = tar::Archive::new(flate2::read::MultiGzDecoder::new(bytes).take(stream_limit));
    let mut files = Vec::new();
    let mut total = 0u64;
    let entries = archive.entries().map_err(|error| wrong("tar", &error))?;
    for (count, entry) in entries.enumerate() {
        if count >= limits.entries {
            return Err(BundleError(format!("bundle has more than {} entries", limits.entries)));
        }
        let mut entry = entry.map_err(|error| wrong("tar", &error))?;
        let kind = entry.header().entry_type();
        if limits.plain
            && !(kind.is_dir() || kind.is_pax_global_extensions() || (kind.is_file() && !sparse(&mut entry)?))
        {
            let name = String::from_utf8_lossy(&entry.path_bytes()).into_owned();
            return Err(BundleError(format!("{name:?} in it is neither a plain file nor a folder")));
        }
        if !kind.is_file() {
            continue;
        }
        let path = path(&entry.path_bytes())?;
        let size = entry.size();
        total = total.saturating_add(size);
        if size > limits.file || total > limits.total {
            return Err(BundleError(format!(
                "bundle file '{path}' exceeds the size limit ({} bytes a file, {} in all)",
                limits.file, limits.total
            )));
        }
        let mut content = Vec::new();
        let read = entry.read_to_end(&mut content).map_err(|error| wrong(&path, &error))?;
        if read as u64 != size {
            return Err(BundleError(format!("bundle file '{path}' ends early")));
        }
        files.push(File { path, bytes: content });
    }
    Ok(files)
}

/// True for a file that is stored without its empty parts, in the form that is not told by the entry's type.
fn sparse(entry: &mut tar::Entry<'_, impl std::io::Read>) -> Result<bool, BundleError> {
    let wrong = |error: std::io::Error| BundleError(format!("bundle read failed: tar: {error}"));
    for extension in entry.pax_extensions().map_err(wrong)?.into_iter().flatten() {
        if extension.map_err(wrong)?.key_bytes().starts_with(b"GNU.sparse.") {
            return Ok(true);
        }
    }
    Ok(false)
}

fn path(bytes: &[u8]) -> Result<String, BundleError> {
    let text = std::str::from_utf8(bytes)
        .map_err(|_| BundleError(format!("bundle file name {:?} is no UTF-8", String::from_utf8_lossy(bytes))))?;
    let mut path = String::new();
    for part in text.split('/') {
        match part {
            "" | "." => {}
            ".." => return Err(BundleError(format!("bundle file name {text:?} leaves the bundle"))),
            part => {
                path.push('/');
                path.push_str(part);
            }
        }
    }
    Ok(path)
}
