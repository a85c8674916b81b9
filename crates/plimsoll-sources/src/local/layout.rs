//! OCI image layouts. In: a folder or an archive with `oci-layout`, `index.json` and `blobs/`. Out: the images it names.
//! <https://github.com/opencontainers/image-spec/blob/main/image-layout.md>

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use plimsoll_model::{Digest, ImageReference, LayerReader, Platform};

use crate::error::SourceError;
use crate::image::ResolvedImage;
use crate::limits::MAX_MANIFEST;
use crate::local::blobs::{self, Blobs, bounded};
use crate::oci::manifest::{CONTAINERD_NAME, Descriptor, Index, REF_NAME, layout_index, same_name};
use crate::oci::platform::pick;

/// A layout's folder. Links inside it are followed only to places inside it.
pub struct LayoutFolder {
    name: String,
    /// Canonical, so that "inside" can be told.
    root: PathBuf,
}

impl LayoutFolder {
    /// # Errors
    /// When the folder is not there.
    pub fn new(path: &Path) -> Result<LayoutFolder, SourceError> {
        let name = path.display().to_string();
        let root =
            fs::canonicalize(path).map_err(|source| SourceError::Io { what: format!("open layout {name}"), source })?;
        Ok(LayoutFolder { name, root })
    }

    /// True when the folder holds a layout.
    pub fn is_layout(path: &Path) -> bool {
        path.join("index.json").is_file() && (path.join("oci-layout").is_file() || path.join("blobs").is_dir())
    }

    fn file(&self, relative: &str) -> io::Result<(u64, LayerReader)> {
        let path = fs::canonicalize(self.root.join(relative))?;
        if !path.starts_with(&self.root) {
            return Err(io::Error::new(
                io::ErrorKind::PermissionDenied,
                format!("{relative} is a link to a place outside the layout, which is not followed"),
            ));
        }
        // Looked at before it is opened: opening a pipe would wait for ever.
        let metadata = fs::metadata(&path)?;
        if !metadata.is_file() {
            return Err(io::Error::new(io::ErrorKind::InvalidInput, format!("{relative} is not a file")));
        }
        Ok((metadata.len(), Box::new(fs::File::open(&path)?)))
    }

    /// The layout's `index.json`.
    ///
    /// # Errors
    /// When it is not there, too large or no index.
    pub fn index(&self) -> Result<Index, SourceError> {
        let what = format!("index.json of {}", self.name);
        let (_, reader) =
            self.file("index.json").map_err(|source| SourceError::Io { what: format!("read {what}"), source })?;
        layout_index(&what, &bounded(reader, &what, MAX_MANIFEST)?)
    }
}

impl LayoutFolder {
    /// The digests that the names of its blobs are, at most so many; other files are none of its blobs.
    ///
    /// # Errors
    /// Its blobs cannot be listed, or are more.
    pub(crate) fn digests(&self, most: usize) -> Result<Vec<Digest>, SourceError> {
        let what = format!("list the blobs of {}", self.name);
        let io = |source| SourceError::Io { what: what.clone(), source };
        let mut found = vec![];
        for algorithm in ["sha256", "sha512"] {
            let folder = match fs::read_dir(self.root.join("blobs").join(algorithm)) {
                Ok(folder) => folder,
                Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
                Err(error) => return Err(io(error)),
            };
            for file in folder {
                let name = file.map_err(io)?.file_name();
                let Some(Ok(digest)) = name.to_str().map(|hex| format!("{algorithm}:{hex}").parse()) else { continue };
                if found.len() >= most {
                    return Err(SourceError::Malformed {
                        what: what.clone(),
                        why: format!("there are more than {most}"),
                    });
                }
                found.push(digest);
            }
        }
        Ok(found)
    }
}

impl Blobs for LayoutFolder {
    fn name(&self) -> &str {
        &self.name
    }

    fn open(&self, digest: &Digest) -> io::Result<(u64, LayerReader)> {
        self.file(&blob_path(digest))
    }
}

/// Where a layout keeps a blob.
pub(crate) fn blob_path(digest: &Digest) -> String {
    format!("blobs/{}/{}", digest.algorithm().name(), digest.hex())
}

/// The image of a layout that `name` means (a tag, a full name or a digest), or the only one.
///
/// # Errors
/// When there is none of that name or platform, or several and no name.
pub(crate) fn image(
    store: &Arc<dyn Blobs>,
    index: &Index,
    name: Option<&str>,
    wanted: Option<&Platform>,
) -> Result<ResolvedImage, SourceError> {
    let descriptor = select(store.name(), index, name, wanted)?;
    let mut image = blobs::image(store, descriptor, wanted)?;
    name_it(&mut image, descriptor, name);
    Ok(image)
}

/// Writes the names that a descriptor's annotations give onto the image.
pub(crate) fn name_it(image: &mut ResolvedImage, descriptor: &Descriptor, asked: Option<&str>) {
    image.repo_tags = names(descriptor).into_iter().filter(|name| is_full_name(name)).collect();
    image.reference = image
        .repo_tags
        .iter()
        .map(String::as_str)
        .chain(asked.filter(|name| is_full_name(name)))
        .find_map(|name| name.parse::<ImageReference>().ok());
}

/// True for a name with a repository, not a bare tag: it has a slash or a tag of its own.
fn is_full_name(name: &str) -> bool {
    name.contains(['/', ':', '@']) && !name.starts_with("sha256:") && !name.starts_with("sha512:")
}

/// The names that a descriptor bears, the fullest first.
pub(crate) fn names(descriptor: &Descriptor) -> Vec<String> {
    [CONTAINERD_NAME, REF_NAME].iter().filter_map(|key| descriptor.annotations.get(*key)).cloned().collect()
}

/// True when a descriptor bears the name, as written or as the same full name.
pub(crate) fn bears(descriptor: &Descriptor, wanted: &str) -> bool {
    if descriptor.digest.to_string() == wanted {
        return true;
    }
    let full = wanted.parse::<ImageReference>().ok();
    let same = |name: &str| is_full_name(name) && full.as_ref().is_some_and(|full| same_name(name, full));
    names(descriptor).iter().any(|name| name == wanted || same(name))
}

fn select<'a>(
    what: &str,
    index: &'a Index,
    name: Option<&str>,
    wanted: Option<&Platform>,
) -> Result<&'a Descriptor, SourceError> {
    let images: Vec<&Descriptor> = index.manifests.iter().filter(|d| !d.is_attestation()).collect();
    let all_names = || {
        let mut all: Vec<String> = images.iter().filter_map(|d| names(d).pop()).collect();
        all.sort();
        all.dedup();
        all
    };
    let meant: Vec<&Descriptor> = match name {
        Some(name) => images.iter().copied().filter(|d| bears(d, name)).collect(),
        None => images.clone(),
    };
    match meant.as_slice() {
        [] => Err(SourceError::NoSuchImage {
            what: what.to_owned(),
            wanted: name.map_or_else(|| "an image".to_owned(), |name| format!("{name:?}")),
            names: all_names(),
        }),
        [only] => Ok(only),
        // The same image under several names, or one name for several platforms, is no choice to be made.
        [first, rest @ ..] if rest.iter().all(|d| d.digest == first.digest) => Ok(first),
        several if several.iter().all(|d| d.platform.is_some() && names(d) == names(several[0])) => {
            let only_these =
                Index { manifests: several.iter().map(|d| (*d).clone()).collect(), annotations: Default::default() };
            let digest = pick(what, &only_these, wanted)?.digest.clone();
            Ok(several.iter().find(|d| d.digest == digest).copied().unwrap_or(several[0]))
        }
        several => {
            let mut names: Vec<String> =
                several.iter().map(|d| names(d).pop().unwrap_or_else(|| d.digest.to_string())).collect();
            names.sort();
            Err(SourceError::Ambiguous { what: what.to_owned(), names })
        }
    }
}
