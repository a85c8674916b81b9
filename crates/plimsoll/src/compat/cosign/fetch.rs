//! The way to registries. In: names and flags. Out: images by digest, and the repository where their signatures lie.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use plimsoll_model::{Digest, ImageReference};
use plimsoll_sources::attached::{Attached, Holding, Kind, Referrer};
use plimsoll_sources::local::layout::LayoutFolder;
use plimsoll_sources::oci::manifest::{Index, Manifest};
use plimsoll_sources::{ErrorKind, SourceError, SourceOptions, Sources};

use super::flags::Registry;
use super::{Failure, NO_IMAGE, transfer};

/// An image that was found.
pub struct Image {
    /// As the command line has it.
    pub named: String,
    pub reference: ImageReference,
    pub holding: Holding,
}

/// Sources as the flags want them.
pub fn sources(flags: &Registry, images: &[String]) -> Result<Sources, Failure> {
    let mut hosts = vec![];
    for image in images {
        hosts.push(reference(image)?.registry().to_owned());
    }
    if let Some(repository) = elsewhere()? {
        hosts.push(repository.registry().to_owned());
    }
    let plain = flags.allow_http_registry || flags.allow_insecure_registry;
    let options = SourceOptions {
        ca: flags.registry_cacert.iter().map(PathBuf::from).collect(),
        plain_http: if plain { hosts.clone() } else { vec![] },
        skip_verify: if flags.allow_insecure_registry { hosts } else { vec![] },
        deadline: Duration::from_secs(flags.timeout),
        ..SourceOptions::default()
    };
    Ok(Sources::new(&options)?)
}

/// A name as an image's.
pub fn reference(name: &str) -> Result<ImageReference, Failure> {
    crate::assess::reference(name).map_err(|error| format!("could not {}", crate::message::chain(&error)).into())
}

/// An image's name, and the digest that it says or leads to.
pub fn digest(name: &str, registry: &Registry) -> Result<(ImageReference, Digest), Failure> {
    let reference = reference(name)?;
    let digest = match reference.digest() {
        Some(digest) => digest.clone(),
        None => image(&sources(registry, &[name.to_owned()])?, name)?.holding.digest,
    };
    Ok((reference, digest))
}

/// Where what belongs to an image is read: beside it in a registry, or in a folder.
pub trait Beside {
    /// As [`Sources::referrers`].
    fn referrers(
        &self,
        store: &ImageReference,
        digest: &Digest,
    ) -> Result<Attached<Vec<Result<Referrer, SourceError>>>, SourceError>;
    /// As [`Sources::attached`].
    fn attached(
        &self,
        store: &ImageReference,
        digest: &Digest,
        kind: Kind,
    ) -> Result<Option<Attached<Manifest>>, SourceError>;
}

impl Beside for Sources {
    fn referrers(
        &self,
        store: &ImageReference,
        digest: &Digest,
    ) -> Result<Attached<Vec<Result<Referrer, SourceError>>>, SourceError> {
        Sources::referrers(self, store, digest)
    }

    fn attached(
        &self,
        store: &ImageReference,
        digest: &Digest,
        kind: Kind,
    ) -> Result<Option<Attached<Manifest>>, SourceError> {
        Sources::attached(self, store, digest, kind)
    }
}

/// A folder that `save` wrote, with what lies beside its one image.
struct Saved {
    layout: Arc<LayoutFolder>,
    index: Index,
}

impl Beside for Saved {
    fn referrers(
        &self,
        _: &ImageReference,
        digest: &Digest,
    ) -> Result<Attached<Vec<Result<Referrer, SourceError>>>, SourceError> {
        self.layout.referrers(digest)
    }

    fn attached(&self, _: &ImageReference, _: &Digest, kind: Kind) -> Result<Option<Attached<Manifest>>, SourceError> {
        match transfer::beside(&self.index, kind).as_slice() {
            [] => Ok(None),
            [one] => self.layout.attached(one).map(Some),
            // Which of them would be looked at says nothing of the others.
            several => Err(SourceError::Malformed {
                what: "the index of the layout".into(),
                why: format!("it has {} entries of one kind", several.len()),
            }),
        }
    }
}

/// Images by the names of a command line, and where what belongs to them is read.
pub enum Found {
    Registries(Sources),
    /// The names are those of folders.
    Folders,
}

impl Found {
    pub fn of(flags: &Registry, images: &[String], folders: bool) -> Result<Found, Failure> {
        if folders { Ok(Found::Folders) } else { sources(flags, images).map(Found::Registries) }
    }

    /// The image of that name.
    pub fn image(&self, named: &str) -> Result<(Image, Box<dyn Beside>), Failure> {
        let sources = match self {
            Found::Registries(sources) => sources,
            Found::Folders => return saved(named),
        };
        Ok((image(sources, named)?, Box::new(sources.clone())))
    }
}

fn saved(folder: &str) -> Result<(Image, Box<dyn Beside>), Failure> {
    let layout = Arc::new(LayoutFolder::new(Path::new(folder))?);
    let index = layout.index()?;
    let holding = layout.holding(transfer::root(&index, folder)?)?;
    // It has no name of its own, and nothing is looked for by this one.
    let reference = reference("saved")?.with_digest(holding.digest.clone());
    Ok((Image { named: folder.to_owned(), reference, holding }, Box::new(Saved { layout, index })))
}

/// The image that a name means now. Who means a digest gets that one.
pub fn image(sources: &Sources, named: &str) -> Result<Image, Failure> {
    let reference = reference(named)?;
    let holding = sources.holding(&reference).map_err(missing)?;
    Ok(Image { named: named.to_owned(), reference, holding })
}

/// An image that is not there has a status of its own.
pub fn missing(error: SourceError) -> Failure {
    match error.kind() {
        ErrorKind::Absent => {
            Failure { status: NO_IMAGE, why: format!("image tag not found: {}", Failure::from(error).why) }
        }
        _ => error.into(),
    }
}

/// Where an image's signatures lie: beside it, or in the repository `COSIGN_REPOSITORY`.
pub fn store(reference: &ImageReference) -> Result<ImageReference, Failure> {
    Ok(elsewhere()?.unwrap_or_else(|| reference.clone()))
}

fn elsewhere() -> Result<Option<ImageReference>, Failure> {
    match std::env::var("COSIGN_REPOSITORY") {
        Ok(name) if !name.is_empty() => reference(&name).map(Some),
        _ => Ok(None),
    }
}

/// A repository as Go's tools write it: Docker Hub by the name of its index.
pub fn repository(reference: &ImageReference) -> String {
    match reference.registry() {
        "docker.io" => format!("index.docker.io/{}", reference.repository()),
        _ => reference.name(),
    }
}

/// The same image by its digest.
pub fn by_digest(reference: &ImageReference, digest: &Digest) -> String {
    format!("{}@{digest}", repository(reference))
}

/// The bytes of a digest by SHA-256, which alone is signed.
pub fn sha256(digest: &Digest) -> Result<[u8; 32], Failure> {
    let other = |_| format!("{digest} is no SHA-256, and no other digest is signed").into();
    digest.bytes().try_into().map_err(other)
}
