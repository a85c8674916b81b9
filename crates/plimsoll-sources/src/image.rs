//! The image that a source resolved. In: a checked manifest and configuration. Out: `ResolvedImage`, whose layers are
//! opened by whoever unpacks them. What it does not do: fetch or unpack.

use std::io;
use std::sync::Arc;

use plimsoll_model::{
    Digest, ImageConfig, ImageReference, Layer, LayerReader, OpenLayer, Platform, Problem, ProblemKind,
};

use crate::error::SourceError;
use crate::oci::manifest::{Descriptor, Manifest};
use crate::oci::{media, platform};

/// An image that was found: its names, its checked configuration and the way to its layers.
#[derive(Debug)]
pub struct ResolvedImage {
    /// The original full name, which policies judge; none when only a path was given and nothing there names it.
    pub reference: Option<ImageReference>,
    /// Digest of the platform's manifest: what was judged and what runs. None in a legacy `docker save` archive.
    pub digest: Option<Digest>,
    /// Digest of the index that the manifest was picked from.
    pub index_digest: Option<Digest>,
    /// Digest of the configuration.
    pub image_id: Option<Digest>,
    pub config: ImageConfig,
    /// Lowest layer first.
    pub layers: Vec<OpenLayer>,
    /// Names with tags, as the engine or archive has them.
    pub repo_tags: Vec<String>,
    /// Names with digests.
    pub repo_digests: Vec<String>,
    /// Bytes of the layers as stored.
    pub size: u64,
    pub problems: Vec<Problem>,
}

/// How an `OpenLayer` gets its bytes: a descriptor in, a reader out.
pub(crate) type OpenBlob = Arc<dyn Fn(&Descriptor) -> io::Result<LayerReader> + Send + Sync>;

/// An image from a manifest and configuration whose digests were checked. `has` says whether a layer's bytes can be had.
pub(crate) fn assembled(
    what: &str,
    manifest: &Manifest,
    config: ImageConfig,
    open: &OpenBlob,
    has: &dyn Fn(&Descriptor) -> bool,
) -> ResolvedImage {
    let mut problems = vec![];
    let mut layers = vec![];
    for (at, descriptor) in manifest.layers.iter().enumerate() {
        let kind = descriptor.media_type.as_str();
        let foreign = media::is_foreign_layer(kind);
        if foreign && !has(descriptor) {
            problems.push(
                Problem::undecided(
                    ProblemKind::Unreachable,
                    format!("read layer {} of {what}: its bytes lie outside the registry ({kind})", descriptor.digest),
                )
                .with_hint("copy the image with its foreign layers into your own registry and check that copy"),
            );
        } else if !foreign && !kind.is_empty() && !media::is_layer(kind) {
            problems.push(Problem::undecided(
                ProblemKind::SeenNotRead,
                format!("read layer {} of {what}: {kind:?} is no layer of files", descriptor.digest),
            ));
        }
        let (named, open) = (descriptor.clone(), Arc::clone(open));
        layers.push(OpenLayer {
            layer: Layer {
                digest: Some(descriptor.digest.clone()),
                diff_id: config.diff_ids.get(at).cloned(),
                media_type: Some(kind.to_owned()).filter(|k| !k.is_empty()),
                size: descriptor.size,
                unpacked_size: 0,
                created_by: None,
            },
            open: Box::new(move || open(&named)),
        });
    }
    let mut image = ResolvedImage {
        reference: None,
        digest: None,
        index_digest: None,
        image_id: Some(manifest.config.digest.clone()),
        size: manifest.layers.iter().fold(0, |sum, d| sum.saturating_add(d.size)),
        config,
        layers,
        repo_tags: vec![],
        repo_digests: vec![],
        problems,
    };
    image.tell_layers_apart(what);
    image
}

impl ResolvedImage {
    /// Writes each layer's instruction beside it, and says so when configuration and manifest count layers differently.
    pub(crate) fn tell_layers_apart(&mut self, what: &str) {
        let made = self.config.history.iter().filter(|step| !step.empty_layer);
        for (layer, step) in self.layers.iter_mut().zip(made) {
            layer.layer.created_by = step.created_by.clone().filter(|text| !text.is_empty());
        }
        if self.config.diff_ids.len() != self.layers.len() {
            self.problems.push(
                Problem::undecided(
                    ProblemKind::DigestMismatch,
                    format!(
                        "match the layers of {what}: its configuration names {} and its manifest {}",
                        self.config.diff_ids.len(),
                        self.layers.len()
                    ),
                )
                .with_hint("no builder writes such an image: ask who made it"),
            );
        }
    }

    /// Refuses an image of another platform than the one that was asked for by name.
    pub(crate) fn of_platform(self, what: &str, wanted: Option<&Platform>) -> Result<ResolvedImage, SourceError> {
        match (wanted, &self.config.platform) {
            (Some(wanted), Some(has)) if platform::fit(has, wanted).is_none() => Err(SourceError::NoPlatform {
                what: what.to_owned(),
                wanted: wanted.to_string(),
                available: vec![has.to_string()],
            }),
            _ => Ok(self),
        }
    }
}

/// Refuses manifests of charts, signatures and other things that are no image.
pub(crate) fn check_is_image(what: &str, manifest: &Manifest) -> Result<(), SourceError> {
    let kind = manifest.config.media_type.as_str();
    if media::is_image_config(kind) {
        return Ok(());
    }
    let why = match &manifest.artifact_type {
        Some(artifact) => format!("it is an artifact of type {artifact:?}"),
        None => format!("its configuration is {kind:?}"),
    };
    Err(SourceError::NotAnImage { what: what.to_owned(), why })
}
