//! A path that somebody named as an image. In: the path, perhaps with `:NAME` behind it. Out: the image, whichever form it
//! is stored in: OCI layout (folder or tar), `docker save` archive, each archive plain or gzipped.

use std::fs::{self, File};
use std::io::{self, BufReader, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use plimsoll_model::{Digest, LayerReader, Platform, Problem, ProblemKind};

use crate::error::SourceError;
use crate::image::ResolvedImage;
use crate::limits::{MAX_ARCHIVE_UNPACKED, MAX_MANIFEST, MAX_RATIO, RATIO_FREE};
use crate::local::blobs::{Blobs, bounded};
use crate::local::docker;
use crate::local::layout::{self, LayoutFolder, blob_path};
use crate::local::tar::{Contents, begins_archive};
use crate::oci::manifest::layout_index;

/// What to take from an input.
#[derive(Debug, Clone, Default)]
pub struct InputOptions {
    /// Which platform of an index; without one, this machine's.
    pub platform: Option<Platform>,
    /// Which image, by tag, full name or digest. `path:NAME` says the same.
    pub name: Option<String>,
    /// Where compressed archives are unpacked to while they are read; without one, the system's folder for such.
    pub spool: Option<PathBuf>,
}

/// Opens the image at `path`: an OCI layout's folder or tar, or a `docker save` archive, plain or gzipped.
///
/// # Errors
/// When nothing is there, it is none of these, or the image in it cannot be chosen or believed.
pub fn open_input(path: &Path, options: &InputOptions) -> Result<ResolvedImage, SourceError> {
    let (path, name) = split_name(path, options.name.clone());
    let metadata =
        fs::metadata(&path).map_err(|source| SourceError::Io { what: format!("open {}", path.display()), source })?;
    if metadata.is_dir() {
        if !LayoutFolder::is_layout(&path) {
            return Err(SourceError::NotAnImage {
                what: path.display().to_string(),
                why: "the folder has no index.json and blobs of an OCI layout".into(),
            });
        }
        let folder = LayoutFolder::new(&path)?;
        let index = folder.index()?;
        let store: Arc<dyn Blobs> = Arc::new(folder);
        return layout::image(&store, &index, name.as_deref(), options.platform.as_ref());
    }
    if !metadata.is_file() {
        return Err(SourceError::NotAnImage {
            what: path.display().to_string(),
            why: "it is neither file nor folder".into(),
        });
    }
    let file =
        File::open(&path).map_err(|source| SourceError::Io { what: format!("open {}", path.display()), source })?;
    open_archive(&path.display().to_string(), file, name.as_deref(), options)
}

/// Opens the image in an archive that is already open.
///
/// # Errors
/// As [`open_input`].
pub fn open_archive(
    what: &str,
    file: File,
    name: Option<&str>,
    options: &InputOptions,
) -> Result<ResolvedImage, SourceError> {
    let file = unpacked(what, file, options.spool.as_deref())?;
    let contents = Arc::new(Contents::of(what, file)?);
    let wanted = options.platform.as_ref();
    let mut image = if contents.has("index.json") && contents.has("oci-layout") {
        let index_of = format!("index.json of {what}");
        let (_, reader) = contents
            .open("index.json")
            .map_err(|source| SourceError::Io { what: format!("read {index_of}"), source })?;
        let index = layout_index(&index_of, &bounded(reader, &index_of, MAX_MANIFEST)?)?;
        let store: Arc<dyn Blobs> = Arc::new(Archive { contents: Arc::clone(&contents) });
        let mut image = layout::image(&store, &index, name, wanted)?;
        compare_with_docker(&contents, &mut image)?;
        image
    } else if contents.has("manifest.json") {
        docker::image(&contents, name, wanted)?
    } else {
        return Err(SourceError::NotAnImage {
            what: what.to_owned(),
            why: "the archive has neither index.json of an OCI layout nor manifest.json of `docker save`".into(),
        });
    };
    if contents.odd_names > 0 {
        image.problems.push(Problem::note(
            ProblemKind::BadInput,
            format!(
                "read {what}: {} members have names that lead out of the archive; they were left alone",
                contents.odd_names
            ),
        ));
    }
    Ok(image)
}

/// `docker save` of today writes both forms. Which one an engine loads is its own choice, so they must be the same image.
fn compare_with_docker(contents: &Contents, image: &mut ResolvedImage) -> Result<(), SourceError> {
    if !contents.has("manifest.json") {
        return Ok(());
    }
    let saved = docker::listed(contents)?;
    let same = saved.iter().find(|s| docker::named_digest(&s.config) == image.image_id && image.image_id.is_some());
    match same {
        Some(saved) => {
            for tag in saved.repo_tags.iter().flatten() {
                if !image.repo_tags.contains(tag) {
                    image.repo_tags.push(tag.clone());
                }
            }
            if image.reference.is_none() {
                image.reference = image.repo_tags.iter().find_map(|tag| tag.parse().ok());
            }
        }
        None => image.problems.push(
            Problem::undecided(
                ProblemKind::BadInput,
                format!("trust {}: its index.json and its manifest.json name different images", contents.name()),
            )
            .with_hint("save the image again: an engine might load the other one"),
        ),
    }
    Ok(())
}

/// An OCI layout in a tar.
struct Archive {
    contents: Arc<Contents>,
}

impl Blobs for Archive {
    fn name(&self) -> &str {
        self.contents.name()
    }

    fn open(&self, digest: &Digest) -> io::Result<(u64, LayerReader)> {
        self.contents.open(&blob_path(digest))
    }
}

/// `path:NAME` as path and name, unless a file is called so. A drive letter (`C:\…`) is no name.
fn split_name(path: &Path, name: Option<String>) -> (PathBuf, Option<String>) {
    if name.is_some() || path.exists() {
        return (path.to_owned(), name);
    }
    let Some(text) = path.to_str() else { return (path.to_owned(), None) };
    // The name may have colons itself (`layout:acme/shop:1.0`), so the first cut at which something exists is taken.
    text.char_indices()
        .filter(|(_, c)| *c == ':')
        .map(|(at, _)| (&text[..at], &text[at + 1..]))
        .find(|(front, back)| !front.is_empty() && !back.is_empty() && Path::new(front).exists())
        .map_or_else(|| (path.to_owned(), None), |(front, back)| (front.into(), Some(back.to_owned())))
}

/// The file itself, or its bytes unpacked to a temporary file when it is gzipped: members are read in any order, and
/// gzip can only be read from the front.
fn unpacked(what: &str, mut file: File, spool: Option<&Path>) -> Result<File, SourceError> {
    let io = |source| SourceError::Io { what: format!("unpack {what}"), source };
    let mut magic = [0u8; 2];
    let count = read_up_to(&mut file, &mut magic).map_err(io)?;
    file.seek(SeekFrom::Start(0)).map_err(io)?;
    if magic[..count] != [0x1f, 0x8b] {
        return Ok(file);
    }
    let packed = file.metadata().map_err(io)?.len();
    let mut target = match spool {
        Some(folder) => tempfile::tempfile_in(folder),
        None => tempfile::tempfile(),
    }
    .map_err(|source| SourceError::Io { what: format!("unpack {what} to a temporary file"), source })?;
    let limit = MAX_ARCHIVE_UNPACKED.min(RATIO_FREE.max(packed.saturating_mul(MAX_RATIO)));
    let mut reader = flate2::read::MultiGzDecoder::new(BufReader::new(file)).take(limit.saturating_add(1));
    let mut buffer = vec![0u8; 128 << 10];
    // Looked at before the rest is unpacked: what is no archive must not fill the disk first.
    let mut first = read_up_to(&mut reader, &mut buffer[..512]).map_err(io)?;
    if !begins_archive(&buffer[..first]) {
        let why = "what is gzipped there is no tar archive".into();
        return Err(SourceError::NotAnImage { what: what.to_owned(), why });
    }
    let mut total = 0u64;
    loop {
        let count = match std::mem::take(&mut first) {
            0 => reader.read(&mut buffer),
            count => Ok(count),
        };
        let count = match count {
            Ok(0) => break,
            Ok(count) => count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(source) => return Err(io(source)),
        };
        total += count as u64;
        if total > limit {
            return Err(SourceError::TooLarge { what: format!("{what}, unpacked"), limit });
        }
        target
            .write_all(&buffer[..count])
            .map_err(|source| SourceError::Io { what: format!("unpack {what} to a temporary file"), source })?;
    }
    target.seek(SeekFrom::Start(0)).map_err(io)?;
    Ok(target)
}

fn read_up_to(file: &mut impl Read, buffer: &mut [u8]) -> io::Result<usize> {
    let mut filled = 0;
    while filled < buffer.len() {
        match file.read(&mut buffer[filled..])? {
            0 => break,
            count => filled += count,
        }
    }
    Ok(filled)
}
