//! OCI layouts below a folder. In: a path. Out: every image they name, so that a manifest's image can be found beside it.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use plimsoll_model::{ImageReference, Platform, Problem, ProblemKind};

use crate::error::SourceError;
use crate::image::ResolvedImage;
use crate::limits::{MAX_SEARCH_DEPTH, MAX_SEARCH_FOLDERS};
use crate::local::blobs::{self, Blobs};
use crate::local::layout::{LayoutFolder, name_it};
use crate::oci::manifest::{CONTAINERD_NAME, Descriptor, REF_NAME};

/// Folders that hold no layouts and many files.
const SKIPPED: [&str; 3] = [".git", "node_modules", "target"];

/// One image of a layout that was found below a path.
#[derive(Debug, Clone)]
pub struct LayoutEntry {
    /// What the layout calls it: a full name, a bare tag, or nothing.
    pub ref_name: Option<String>,
    /// The full name that containerd's annotation gives.
    pub full_name: Option<String>,
    pub layout: PathBuf,
    pub descriptor: Descriptor,
}

impl LayoutEntry {
    /// True when this is the image that `wanted` names: by its full name; by its digest; or by a bare tag, when the
    /// layout's folder bears the last part of the repository (`shop:1.0` in `…/shop` or `…/shop.oci`), because a tag
    /// alone could be any image's. A digest of one platform inside an index is not looked for: the index's own is.
    pub fn is(&self, wanted: &ImageReference) -> bool {
        if wanted.digest().is_some_and(|digest| *digest != self.descriptor.digest) {
            return false;
        }
        let names = [&self.full_name, &self.ref_name];
        let same = |name: &String| {
            name.parse::<ImageReference>().is_ok_and(|name| name.name() == wanted.name() && name.tag() == wanted.tag())
        };
        let full = |name: &&String| name.contains(['/', ':']);
        if names.iter().filter_map(|name| name.as_ref()).filter(full).any(same) {
            return true;
        }
        let folder = self.layout.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        let folder = folder.strip_suffix(".oci").unwrap_or(folder);
        let last = wanted.repository().rsplit('/').next().unwrap_or_default();
        match (&self.ref_name, wanted.digest()) {
            (Some(tag), _) if wanted.tag() == Some(tag.as_str()) => folder == last,
            // The digest names it beyond doubt.
            (_, Some(_)) => true,
            _ => false,
        }
    }

    /// Opens this image.
    ///
    /// # Errors
    /// As [`crate::open_input`].
    pub fn open(&self, platform: Option<&Platform>) -> Result<ResolvedImage, SourceError> {
        let store: Arc<dyn Blobs> = Arc::new(LayoutFolder::new(&self.layout)?);
        let mut image = blobs::image(&store, &self.descriptor, platform)?;
        name_it(&mut image, &self.descriptor, None);
        Ok(image)
    }
}

/// The images of all layouts at or below `path`, in the order of their paths. Links are not followed. What looked like a
/// layout and could not be read comes back as problems.
pub fn layouts_below(path: &Path) -> (Vec<LayoutEntry>, Vec<Problem>) {
    let (mut entries, mut problems) = (vec![], vec![]);
    let mut waiting = vec![(path.to_owned(), 0usize)];
    let mut looked_into = 0usize;
    while let Some((folder, depth)) = waiting.pop() {
        looked_into += 1;
        if looked_into > MAX_SEARCH_FOLDERS || depth > MAX_SEARCH_DEPTH {
            problems.push(Problem::undecided(
                ProblemKind::LimitReached,
                format!("search {} for layouts: too many folders; the rest was not looked into", path.display()),
            ));
            if looked_into > MAX_SEARCH_FOLDERS {
                break;
            }
            continue;
        }
        if LayoutFolder::is_layout(&folder) {
            match LayoutFolder::new(&folder).and_then(|layout| layout.index()) {
                Ok(index) => {
                    entries.extend(index.manifests.into_iter().filter(|d| !d.is_attestation()).map(|d| LayoutEntry {
                        ref_name: d.annotations.get(REF_NAME).cloned(),
                        full_name: d.annotations.get(CONTAINERD_NAME).cloned(),
                        layout: folder.clone(),
                        descriptor: d,
                    }))
                }
                Err(error) => problems.push(Problem::undecided(ProblemKind::BadInput, crate::error::chain(&error))),
            }
            continue;
        }
        match subfolders(&folder) {
            // Last in, first out: the reverse keeps the order of names.
            Ok(folders) => waiting.extend(folders.into_iter().rev().map(|folder| (folder, depth + 1))),
            Err(error) => problems.push(Problem::undecided(
                ProblemKind::Unreachable,
                format!("search {} for layouts: {error}", folder.display()),
            )),
        }
    }
    (entries, problems)
}

fn subfolders(folder: &Path) -> std::io::Result<Vec<PathBuf>> {
    if !fs::metadata(folder)?.is_dir() {
        return Ok(vec![]);
    }
    let mut folders = vec![];
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        if entry.file_type()?.is_dir() && !SKIPPED.iter().any(|name| entry.file_name() == *name) {
            folders.push(entry.path());
        }
    }
    folders.sort();
    Ok(folders)
}
