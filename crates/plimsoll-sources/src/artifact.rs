//! Artifacts that are no images: advisory databases, policies. In: repositories that may have one, and where it is to lie. Out:
//! the file, swapped in whole or not at all; files of an artifact, or an artifact of files. What it does not do: unpack it.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Read as _, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use plimsoll_model::{Algorithm, Digest, ImageReference};
use serde::Serialize;

use crate::error::SourceError;
use crate::hash;
use crate::oci::manifest::Descriptor;
use crate::oci::media;
use crate::registry::error::RegistryError;
use crate::registry::session::Session;
use crate::registry::{pull, push};
use crate::sources::{Shared, Sources};

/// An artifact that was fetched, or was already known.
#[derive(Debug, Clone)]
pub struct Artifact {
    /// Where it came from.
    pub reference: ImageReference,
    /// Digest of its manifest.
    pub digest: Digest,
    /// The layer that was taken.
    pub layer: Descriptor,
    /// The manifest's annotations (`org.opencontainers.image.created` and such).
    pub annotations: BTreeMap<String, String>,
    /// The layer's bytes; `None` when the manifest is the one that was known already, and nothing was changed.
    pub path: Option<PathBuf>,
}

/// What to fetch, and what for.
pub struct ArtifactRequest<'a> {
    /// Asked in this order; the next one when one is busy, absent or unreachable.
    pub candidates: &'a [ImageReference],
    /// Media types of the layer that is wanted, any of them; empty for the only layer there is.
    pub media_types: &'a [&'a str],
    /// The file that is written; what was there stays until the new one is whole and `check` took it.
    pub dest: &'a Path,
    /// The manifest's digest of what is there.
    pub known: Option<&'a Digest>,
    /// Looks at the new file before it takes the old one's place; the words say what is wrong with it.
    pub check: &'a dyn Fn(&Path) -> Result<(), String>,
}

impl Sources {
    /// Fetches an artifact's layer into a file. A fetch that broke off goes on the next time.
    ///
    /// # Errors
    /// When no candidate has it, it is not what it should be, or the disk does not take it. The old file is then as it was.
    pub fn pull_artifact(&self, request: &ArtifactRequest<'_>) -> Result<Artifact, SourceError> {
        let named = request.candidates.first().map_or_else(String::new, ToString::to_string);
        let (mut artifact, file) = self.blocking(&named, |shared| async move { fetched(&shared, request).await })?;
        if let Some(file) = file {
            swap_in(file, request)?;
            // It lies at its destination now; a second copy would only push images out.
            self.shared.cache.remove(&artifact.layer.digest);
            artifact.path = Some(request.dest.to_owned());
        }
        Ok(artifact)
    }
}

/// A layer of an artifact that is a file by itself, as ORAS makes them.
#[derive(Debug, Clone)]
pub struct ArtifactFile {
    /// `org.opencontainers.image.title`: where it belongs, as whoever pushed it says.
    pub title: String,
    pub media_type: String,
    pub bytes: Vec<u8>,
}

/// Files of one artifact.
const MAX_FILES: usize = 10_000;

impl Sources {
    /// Fetches the layers of an artifact that have a title. All of them together have at most `limit` bytes.
    ///
    /// # Errors
    /// When it cannot be had whole, or is more than that.
    pub fn artifact_files(&self, reference: &ImageReference, limit: u64) -> Result<Vec<ArtifactFile>, SourceError> {
        self.blocking(&reference.to_string(), |shared| async move {
            let failed =
                |source| SourceError::Registry { what: reference.to_string(), tried: vec![], source: Box::new(source) };
            let found = pull::find(&shared, reference, None, shared.until()).await?;
            let titled = |layer: &&Descriptor| layer.annotations.contains_key(TITLE);
            let layers: Vec<&Descriptor> = found.manifest.layers.iter().filter(titled).collect();
            let size = layers.iter().fold(0u64, |sum, layer| sum.saturating_add(layer.size));
            if size > limit || layers.len() > MAX_FILES {
                return Err(SourceError::TooLarge { what: reference.to_string(), limit });
            }
            let mut files = Vec::new();
            for layer in layers {
                let mut file = pull::blob(&shared, &found.sessions, layer).await.map_err(failed)?;
                let mut bytes = Vec::new();
                let io = |source| SourceError::Io { what: format!("read the layer {}", layer.digest), source };
                file.seek(SeekFrom::Start(0)).map_err(io)?;
                file.take(limit).read_to_end(&mut bytes).map_err(io)?;
                files.push(ArtifactFile {
                    title: layer.annotations.get(TITLE).cloned().unwrap_or_default(),
                    media_type: layer.media_type.clone(),
                    bytes,
                });
            }
            Ok(files)
        })
    }
}

/// The configuration of an artifact that needs none, as ORAS has it.
const NO_CONFIG: (&str, &[u8]) = ("application/vnd.unknown.config.v1+json", b"{}");

impl Sources {
    /// Puts files into a registry as an artifact whose layers have them as titles, in their order, under the reference's tag.
    /// Nothing but that registry is asked: mirrors are for reading. Out: the manifest's digest.
    ///
    /// # Errors
    /// The registry does not take it.
    pub fn push_artifact(&self, reference: &ImageReference, files: &[ArtifactFile]) -> Result<Digest, SourceError> {
        self.blocking(&reference.to_string(), |shared| async move {
            let failed = |source| SourceError::Push { what: reference.to_string(), source: Box::new(source) };
            let endpoint = shared.mirrors.registry(reference).map_err(failed)?;
            let session = Session::new(endpoint, &shared, true, shared.until());
            let mut layers = Vec::new();
            for file in files {
                let digest = hash::digest(Algorithm::Sha256, &file.bytes);
                push::blob(&session, &digest, &file.bytes).await.map_err(failed)?;
                layers.push(Pushed {
                    annotations: Some(Titled { title: &file.title }),
                    ..Pushed::of(&file.media_type, &digest, &file.bytes)
                });
            }
            let (media_type, config) = NO_CONFIG;
            let digest = hash::digest(Algorithm::Sha256, config);
            push::blob(&session, &digest, config).await.map_err(failed)?;
            let manifest = PushedManifest { schema: 2, config: Pushed::of(media_type, &digest, config), layers };
            let bytes = serde_json::to_vec(&manifest).map_err(|error| SourceError::Malformed {
                what: format!("the manifest of {reference}"),
                why: error.to_string(),
            })?;
            let tag = reference.tag().unwrap_or("latest");
            push::manifest(&session, tag, media::OCI_MANIFEST, &bytes).await.map_err(failed)?;
            Ok(hash::digest(Algorithm::Sha256, &bytes))
        })
    }
}

/// A manifest as it is pushed.
#[derive(Serialize)]
struct PushedManifest<'a> {
    #[serde(rename = "schemaVersion")]
    schema: u32,
    config: Pushed<'a>,
    layers: Vec<Pushed<'a>>,
}

/// What it says of a blob.
#[derive(Serialize)]
struct Pushed<'a> {
    #[serde(rename = "mediaType")]
    media_type: &'a str,
    digest: String,
    size: usize,
    #[serde(skip_serializing_if = "Option::is_none")]
    annotations: Option<Titled<'a>>,
}

#[derive(Serialize)]
struct Titled<'a> {
    #[serde(rename = "org.opencontainers.image.title")]
    title: &'a str,
}

impl<'a> Pushed<'a> {
    fn of(media_type: &'a str, digest: &Digest, bytes: &[u8]) -> Pushed<'a> {
        Pushed { media_type, digest: digest.to_string(), size: bytes.len(), annotations: None }
    }
}

/// The annotation that names a layer's file.
const TITLE: &str = "org.opencontainers.image.title";

async fn fetched(shared: &Arc<Shared>, request: &ArtifactRequest<'_>) -> Result<(Artifact, Option<File>), SourceError> {
    let until = shared.until();
    let mut tried = vec![];
    let mut last: Option<SourceError> = None;
    for candidate in request.candidates {
        let failed =
            |source| SourceError::Registry { what: candidate.to_string(), tried: vec![], source: Box::new(source) };
        let attempt = async {
            let found = pull::find(shared, candidate, None, until).await?;
            let layer = wanted_layer(candidate, &found.manifest.layers, request.media_types)?.clone();
            let artifact = Artifact {
                reference: candidate.clone(),
                digest: found.digest,
                annotations: found.manifest.annotations,
                path: None,
                layer,
            };
            if request.known == Some(&artifact.digest) {
                return Ok((artifact, None));
            }
            let file = pull::blob(shared, &found.sessions, &artifact.layer).await.map_err(failed)?;
            Ok((artifact, Some(file)))
        };
        match attempt.await {
            Ok(done) => return Ok(done),
            Err(SourceError::Registry { what, source, .. })
                if source.passes() || matches!(*source, RegistryError::NotFound { .. }) =>
            {
                if let Some(earlier) = last.replace(SourceError::Registry { what, source, tried: vec![] }) {
                    tried.push(crate::error::chain(&earlier));
                }
            }
            Err(error) => return Err(error),
        }
    }
    match last {
        Some(SourceError::Registry { what, source, .. }) => Err(SourceError::Registry { what, source, tried }),
        Some(error) => Err(error),
        None => Err(SourceError::NoSuchImage {
            what: "the list of repositories, which is empty".into(),
            wanted: "an artifact".into(),
            names: vec![],
        }),
    }
}

fn wanted_layer<'a>(
    candidate: &ImageReference,
    layers: &'a [Descriptor],
    media_types: &[&str],
) -> Result<&'a Descriptor, SourceError> {
    let malformed = |why: String| SourceError::Malformed { what: candidate.to_string(), why };
    let fits = |layer: &&Descriptor| media_types.is_empty() || media_types.contains(&layer.media_type.as_str());
    let mut fitting = layers.iter().filter(fits);
    match (fitting.next(), fitting.next()) {
        (Some(layer), None) => Ok(layer),
        (Some(_), Some(_)) => Err(malformed("several layers would do".into())),
        (None, _) => {
            let has: Vec<&str> = layers.iter().map(|layer| layer.media_type.as_str()).collect();
            Err(malformed(format!("it has no layer of {}, but {}", media_types.join(" or "), has.join(", "))))
        }
    }
}

/// Copies beside the destination, has it looked at, and renames: whoever reads meanwhile reads the old one to its end.
fn swap_in(mut file: File, request: &ArtifactRequest<'_>) -> Result<(), SourceError> {
    let what = request.dest.display().to_string();
    let disk = |source: io::Error| SourceError::Io { what: format!("write {what}"), source };
    let folder = request.dest.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    std::fs::create_dir_all(folder).map_err(disk)?;
    let mut fresh = tempfile::NamedTempFile::new_in(folder).map_err(disk)?;
    file.seek(SeekFrom::Start(0)).map_err(disk)?;
    io::copy(&mut file, &mut fresh).map_err(disk)?;
    fresh.as_file().sync_all().map_err(disk)?;
    (request.check)(fresh.path()).map_err(|why| SourceError::Malformed { what: what.clone(), why })?;
    fresh.persist(request.dest).map_err(|error| disk(error.error))?;
    Ok(())
}
