//! `docker save` archives. In: an archive with `manifest.json`. Out: one of its images. Such an archive has no manifest
//! digest: the configuration's digest names the image, and its `diff_ids` vouch for the layers.
//! <https://github.com/moby/docker-image-spec/blob/main/spec.md> ("Combined Image JSON + Filesystem Changeset Format")

use std::io;
use std::sync::Arc;

use plimsoll_model::{
    Algorithm, Digest, ImageReference, Layer, LayerReader, OpenLayer, Platform, Problem, ProblemKind,
};
use serde::Deserialize;

use crate::error::SourceError;
use crate::hash;
use crate::image::ResolvedImage;
use crate::limits::{MAX_CONFIG, MAX_INDEX_ENTRIES, MAX_LAYERS, MAX_MANIFEST};
use crate::local::blobs::bounded;
use crate::local::tar::Contents;
use crate::oci::config::image_config;
use crate::oci::manifest::same_name;
use crate::oci::spelling;

/// One image of `manifest.json`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct SavedImage {
    /// Path of the configuration in the archive.
    pub config: String,
    #[serde(default)]
    pub repo_tags: Option<Vec<String>>,
    /// Paths of the layers in the archive, lowest first.
    #[serde(default)]
    pub layers: Option<Vec<String>>,
}

/// Reads `manifest.json`.
///
/// # Errors
/// When it is too large, not what it should be, or names too many images or layers.
pub fn saved_images(what: &str, bytes: &[u8]) -> Result<Vec<SavedImage>, SourceError> {
    if bytes.len() as u64 > MAX_MANIFEST {
        return Err(SourceError::TooLarge { what: what.to_owned(), limit: MAX_MANIFEST });
    }
    spelling::check(what, bytes, spelling::DOCKER_ARCHIVE)?;
    let images: Vec<SavedImage> =
        serde_json::from_slice(bytes).map_err(|source| SourceError::Json { what: what.to_owned(), source })?;
    let layers = images.iter().filter_map(|image| image.layers.as_ref()).map(Vec::len).max().unwrap_or(0);
    if images.len() > MAX_INDEX_ENTRIES || layers > MAX_LAYERS {
        let why = format!("it names {} images of up to {layers} layers", images.len());
        return Err(SourceError::Malformed { what: what.to_owned(), why });
    }
    Ok(images)
}

/// The images that the archive's `manifest.json` names.
pub(crate) fn listed(contents: &Contents) -> Result<Vec<SavedImage>, SourceError> {
    let what = format!("manifest.json of {}", contents.name());
    let (_, reader) =
        contents.open("manifest.json").map_err(|source| SourceError::Io { what: format!("read {what}"), source })?;
    saved_images(&what, &bounded(reader, &what, MAX_MANIFEST)?)
}

/// The image that `name` means, or the only one.
///
/// # Errors
/// When there is none, several and no name, or its configuration cannot be believed.
pub(crate) fn image(
    contents: &Arc<Contents>,
    name: Option<&str>,
    wanted: Option<&Platform>,
) -> Result<ResolvedImage, SourceError> {
    let images = listed(contents)?;
    let saved = select(contents.name(), &images, name)?;
    let what = format!("configuration {} of {}", saved.config, contents.name());
    let (_, reader) =
        contents.open(&saved.config).map_err(|source| SourceError::Io { what: format!("read {what}"), source })?;
    let bytes = bounded(reader, &what, MAX_CONFIG)?;
    let image_id = hash::digest(Algorithm::Sha256, &bytes);
    // The file's name is the digest the engine gave it; a name that lies was not written by an engine.
    if let Some(named) = named_digest(&saved.config)
        && named != image_id
    {
        return Err(SourceError::DigestMismatch { what, wanted: named, found: image_id });
    }
    let config = image_config(&what, &bytes)?;
    let mut layers = vec![];
    let mut total = 0u64;
    let mut problems = vec![];
    for (at, path) in saved.layers.iter().flatten().enumerate() {
        let size = match contents.open(path) {
            Ok((size, _)) => size,
            Err(error) => {
                problems.push(Problem::undecided(
                    ProblemKind::BrokenArchive,
                    format!("read layer {at} of {}: {error}", contents.name()),
                ));
                0
            }
        };
        total = total.saturating_add(size);
        let (for_layer, path) = (Arc::clone(contents), path.clone());
        layers.push(OpenLayer {
            layer: Layer { diff_id: config.diff_ids.get(at).cloned(), size, ..Layer::default() },
            open: Box::new(move || -> io::Result<LayerReader> { for_layer.open(&path).map(|(_, reader)| reader) }),
        });
    }
    let repo_tags = saved.repo_tags.clone().unwrap_or_default();
    let mut image = ResolvedImage {
        reference: repo_tags.iter().find_map(|name| name.parse::<ImageReference>().ok()),
        digest: None,
        index_digest: None,
        image_id: Some(image_id),
        config,
        layers,
        repo_tags,
        repo_digests: vec![],
        size: total,
        problems,
    };
    image.tell_layers_apart(contents.name());
    image.of_platform(contents.name(), wanted)
}

/// The digest in `HEX.json` or `blobs/sha256/HEX`.
pub(crate) fn named_digest(path: &str) -> Option<Digest> {
    let file = path.rsplit('/').next()?;
    format!("sha256:{}", file.strip_suffix(".json").unwrap_or(file)).parse().ok()
}

fn select<'a>(what: &str, images: &'a [SavedImage], name: Option<&str>) -> Result<&'a SavedImage, SourceError> {
    let tags = |image: &SavedImage| image.repo_tags.clone().unwrap_or_default();
    let all_names = || images.iter().flat_map(tags).collect::<Vec<_>>();
    let meant: Vec<&SavedImage> = match name {
        Some(name) => {
            let full = name.parse::<ImageReference>().ok();
            let bears = |tag: &String| tag == name || full.as_ref().is_some_and(|full| same_name(tag, full));
            let digest = |image: &&SavedImage| named_digest(&image.config).is_some_and(|d| d.to_string() == name);
            images.iter().filter(|image| tags(image).iter().any(bears) || digest(image)).collect()
        }
        None => images.iter().collect(),
    };
    match meant.as_slice() {
        [] => Err(SourceError::NoSuchImage {
            what: what.to_owned(),
            wanted: name.map_or_else(|| "an image".to_owned(), |name| format!("{name:?}")),
            names: all_names(),
        }),
        [only] => Ok(only),
        [first, rest @ ..] if rest.iter().all(|image| image.config == first.config) => Ok(first),
        _ => Err(SourceError::Ambiguous { what: what.to_owned(), names: all_names() }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_configurations_are_digests_or_nothing() {
        let hex = "0a".repeat(32);
        assert!(named_digest(&format!("{hex}.json")).is_some());
        assert!(named_digest(&format!("blobs/sha256/{hex}")).is_some());
        assert!(named_digest("config.json").is_none());
    }

    proptest::proptest! {
        #[test]
        fn any_bytes_are_read_or_refused(bytes: Vec<u8>) {
            let _ = saved_images("x", &bytes);
        }
    }
}
