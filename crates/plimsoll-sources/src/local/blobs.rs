//! From a descriptor to an image, over anything that holds blobs by digest. In: a store and a descriptor. Out: a
//! `ResolvedImage`. Manifests and configurations are checked before they are believed; layers by whoever reads them.

use std::io::{self, Read};
use std::sync::Arc;

use plimsoll_model::{Digest, LayerReader, Platform};

use crate::error::SourceError;
use crate::hash;
use crate::image::{ResolvedImage, assembled, check_is_image};
use crate::limits::{MAX_CONFIG, MAX_INDEX_DEPTH, MAX_MANIFEST};
use crate::oci::config::image_config;
use crate::oci::manifest::{Descriptor, Document, document};
use crate::oci::platform::pick;

/// Blobs by digest, as a layout folder or archive has them.
pub trait Blobs: Send + Sync {
    /// What people call it.
    fn name(&self) -> &str;
    /// Size and bytes of a blob, unchecked.
    ///
    /// # Errors
    /// When it is not there or cannot be read.
    fn open(&self, digest: &Digest) -> io::Result<(u64, LayerReader)>;
}

/// The image that `root` leads to.
///
/// # Errors
/// When a manifest or configuration on the way is missing, malformed, not what its digest says, or of no fitting platform.
pub fn image(
    blobs: &Arc<dyn Blobs>,
    root: &Descriptor,
    wanted: Option<&Platform>,
) -> Result<ResolvedImage, SourceError> {
    let what = blobs.name().to_owned();
    let mut current = root.clone();
    let mut index_digest = None;
    for _ in 0..MAX_INDEX_DEPTH {
        let bytes = small_blob(blobs.as_ref(), &current, "manifest", MAX_MANIFEST)?;
        let named = format!("manifest {} of {what}", current.digest);
        match document(&named, &bytes, &current.media_type)? {
            Document::Index(index) => {
                index_digest.get_or_insert(current.digest.clone());
                current = pick(&format!("index {} of {what}", current.digest), &index, wanted)?.clone();
            }
            Document::Manifest(manifest) => {
                check_is_image(&named, &manifest)?;
                let bytes = small_blob(blobs.as_ref(), &manifest.config, "configuration", MAX_CONFIG)?;
                let config = image_config(&format!("configuration {} of {what}", manifest.config.digest), &bytes)?;
                let (for_layers, for_check) = (Arc::clone(blobs), Arc::clone(blobs));
                let mut image = assembled(
                    &what,
                    &manifest,
                    config,
                    &(Arc::new(move |descriptor: &Descriptor| layer(for_layers.as_ref(), descriptor)) as _),
                    &move |descriptor| for_check.open(&descriptor.digest).is_ok(),
                );
                image.digest = Some(current.digest);
                image.index_digest = index_digest;
                return image.of_platform(&what, wanted);
            }
        }
    }
    Err(SourceError::TooDeep { what })
}

/// A layer's bytes, when there are as many as its descriptor promises.
fn layer(blobs: &dyn Blobs, descriptor: &Descriptor) -> io::Result<LayerReader> {
    let (size, reader) = blobs.open(&descriptor.digest)?;
    if size != descriptor.size {
        return Err(io::Error::new(
            io::ErrorKind::InvalidData,
            format!(
                "blob {} has {size} bytes, not the {} that its descriptor promises",
                descriptor.digest, descriptor.size
            ),
        ));
    }
    Ok(reader)
}

/// The whole of a small blob, after its size and digest were checked.
pub fn small_blob(blobs: &dyn Blobs, descriptor: &Descriptor, kind: &str, limit: u64) -> Result<Vec<u8>, SourceError> {
    let what = format!("{kind} {} of {}", descriptor.digest, blobs.name());
    if descriptor.size > limit {
        return Err(SourceError::TooLarge { what, limit });
    }
    let io = |source| SourceError::Io { what: format!("read {what}"), source };
    let (size, reader) = blobs.open(&descriptor.digest).map_err(io)?;
    if size != descriptor.size {
        return Err(SourceError::SizeMismatch { what, wanted: descriptor.size, found: size });
    }
    let bytes = bounded(reader, &what, limit)?;
    hash::check(&what, &bytes, &descriptor.digest)?;
    Ok(bytes)
}

/// Reads all of `reader`, or nothing when there are more than `limit` bytes.
pub fn bounded(reader: impl Read, what: &str, limit: u64) -> Result<Vec<u8>, SourceError> {
    let mut bytes = vec![];
    reader
        .take(limit.saturating_add(1))
        .read_to_end(&mut bytes)
        .map_err(|source| SourceError::Io { what: format!("read {what}"), source })?;
    if bytes.len() as u64 > limit {
        return Err(SourceError::TooLarge { what: what.to_owned(), limit });
    }
    Ok(bytes)
}
