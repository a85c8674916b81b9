//! Whole images and what belongs to them, moved as they are. In: a repository or an OCI layout, and where to. Out: the same bytes
//! there, blobs before the manifests that name them; or they are gone. Every byte is checked against its digest on the way. What it
//! does not do: look into layers, or follow the places outside that descriptors name.

use std::collections::HashSet;
use std::io::{self, Read};
use std::sync::Arc;

use plimsoll_model::{Digest, ImageReference, LayerReader, Platform};
use serde_json::{Value, json};

use crate::attached::layout::{LayoutWriter, referrers_of_layout};
use crate::attached::pages::{Listed, listed};
use crate::attached::write::{add_to_index, at_tag, bounded_json, registry, value};
use crate::attached::{MAX_REFERRERS, MAX_REFERRERS_BYTES, failed, index_tag, malformed};
use crate::error::SourceError;
use crate::file_part::FilePart;
use crate::hash::Hasher;
use crate::limits::MAX_MANIFEST;
use crate::local::blobs::Blobs as _;
use crate::local::layout::LayoutFolder;
use crate::oci::manifest::{Descriptor, Document, document};
use crate::oci::media;
use crate::oci::platform::pick;
use crate::registry::error::RegistryError;
use crate::registry::fetch::FetchedManifest;
use crate::registry::session::Session;
use crate::registry::{fetch, pull, push};
use crate::sources::{Shared, Sources};

/// Manifests and indexes of one image that are moved with it.
const MAX_DOCUMENTS: usize = 1_000;
/// Bytes of them together.
const MAX_DOCUMENTS_BYTES: usize = 64 << 20;
/// Statuses of registries that delete by digest alone.
const BY_DIGEST_ALONE: [u16; 3] = [400, 405, 415];

/// What is in an index, an image's or an artifact's manifest, and what is below it.
struct Tree {
    /// Children behind the index that names them.
    documents: Vec<FetchedManifest>,
}

/// Where bytes are from.
enum From<'a> {
    Registry { shared: &'a Arc<Shared>, reference: &'a ImageReference, sessions: Vec<Arc<Session>> },
    Layout(&'a LayoutFolder),
}

/// Where bytes go.
enum To<'a> {
    Registry { session: Box<Session>, reference: &'a ImageReference },
    Layout(&'a LayoutWriter),
}

impl Sources {
    /// The digests of what `reference` names and, of an index, of all that is in it, itself first. Of an index a platform picks the one
    /// image that is meant. Must not be called from a task of a server.
    ///
    /// # Errors
    /// It is not there or cannot be believed, or there is too much of it.
    pub fn entities(
        &self,
        reference: &ImageReference,
        platform: Option<&Platform>,
    ) -> Result<Vec<Digest>, SourceError> {
        self.blocking(&reference.to_string(), |shared| async move {
            let from = From::registry(&shared, reference)?;
            let mut root = from.named(reference).await?.ok_or_else(|| absent(reference))?;
            if let Some(platform) = platform {
                let what = format!("{}@{}", reference.name(), root.digest);
                if let Document::Index(index) = document(&what, &root.bytes, &root.media_type)? {
                    root = from.entry(pick(&what, &index, Some(platform))?).await?;
                }
            }
            Ok(from.tree(root).await?.documents.into_iter().map(|one| one.digest).collect())
        })
    }

    /// Puts what `from` names, and all that is in it, where `to` names: its tag, or else its digest. `None` when nothing is at `from`.
    /// What is at `to` already and is another is overwritten only where that is meant. Must not be called from a task of a server.
    ///
    /// # Errors
    /// It cannot be read or believed, something else is at `to`, or the registry does not take it.
    pub fn copy(
        &self,
        from: &ImageReference,
        to: &ImageReference,
        overwrite: bool,
    ) -> Result<Option<Digest>, SourceError> {
        self.blocking(&from.to_string(), |shared| async move {
            let source = From::registry(&shared, from)?;
            let Some(root) = source.named(from).await? else { return Ok(None) };
            let target = To::registry(&shared, to)?;
            if let (false, Some(tag)) = (overwrite, to.tag().filter(|_| to.digest().is_none()))
                && let Some(there) = target.at_tag(tag).await?
            {
                if there == root.digest {
                    return Ok(Some(there));
                }
                return Err(malformed(
                    to.to_string(),
                    format!("it already exists, and is {there}, not {}", root.digest),
                ));
            }
            let digest = root.digest.clone();
            source.tree(root).await?.put(&source, &target, to.tag().filter(|_| to.digest().is_none())).await?;
            Ok(Some(digest))
        })
    }

    /// Puts all that refers to the manifest or index of that digest beside the same one elsewhere. Out: how many there are. Must not be
    /// called from a task of a server.
    ///
    /// # Errors
    /// One of them cannot be read or believed, there are too many, or the registry does not take them.
    pub fn copy_referrers(
        &self,
        from: &ImageReference,
        to: &ImageReference,
        subject: &Digest,
    ) -> Result<usize, SourceError> {
        self.blocking(&from.to_string(), |shared| async move {
            let source = From::registry(&shared, from)?;
            let target = To::registry(&shared, to)?;
            let all = source.referrers(subject).await?;
            for one in &all {
                source.put_referrer(one, subject, &target).await?;
            }
            Ok(all.len())
        })
    }

    /// Puts what `from` names, and all that is in it, into a layout, whose index names it with these annotations. `None` when nothing
    /// is there. Must not be called from a task of a server.
    ///
    /// # Errors
    /// It cannot be read or believed, or the disk does not take it.
    pub fn save(
        &self,
        from: &ImageReference,
        layout: &mut LayoutWriter,
        annotations: &[(&str, &str)],
    ) -> Result<Option<Digest>, SourceError> {
        let writer = &*layout;
        let saved = self.blocking(&from.to_string(), |shared| async move {
            let source = From::registry(&shared, from)?;
            let Some(root) = source.named(from).await? else { return Ok(None) };
            let entry = entry(&root, annotations);
            let digest = root.digest.clone();
            source.tree(root).await?.put(&source, &To::Layout(writer), None).await?;
            Ok(Some((digest, entry)))
        })?;
        Ok(saved.map(|(digest, entry)| {
            layout.entries.push(entry);
            digest
        }))
    }

    /// Puts all that refers to the manifest or index of that digest into a layout. Out: how many there are. Must not be called from a
    /// task of a server.
    ///
    /// # Errors
    /// As [`Sources::copy_referrers`].
    pub fn save_referrers(
        &self,
        from: &ImageReference,
        subject: &Digest,
        layout: &mut LayoutWriter,
    ) -> Result<usize, SourceError> {
        let writer = &*layout;
        let entries = self.blocking(&from.to_string(), |shared| async move {
            let source = From::registry(&shared, from)?;
            let all = source.referrers(subject).await?;
            let mut entries = vec![];
            for one in all {
                entries.push(entry(&one, &[]));
                Tree { documents: vec![one] }.put(&source, &To::Layout(writer), None).await?;
            }
            Ok(entries)
        })?;
        let count = entries.len();
        layout.entries.extend(entries);
        Ok(count)
    }

    /// Puts what a layout's entry names, and all that is in it, where `to` names. Must not be called from a task of a server.
    ///
    /// # Errors
    /// It is not there, leads outside the layout or is not what its digest says, or the registry does not take it.
    pub fn load(&self, layout: &LayoutFolder, entry: &Descriptor, to: &ImageReference) -> Result<Digest, SourceError> {
        self.blocking(&to.to_string(), |shared| async move {
            let source = From::Layout(layout);
            let root = source.entry(entry).await?;
            if let Some(wanted) = to.digest().filter(|wanted| **wanted != root.digest) {
                return Err(malformed(to.to_string(), format!("the layout holds {}, not {wanted}", root.digest)));
            }
            let digest = root.digest.clone();
            let target = To::registry(&shared, to)?;
            source.tree(root).await?.put(&source, &target, to.tag().filter(|_| to.digest().is_none())).await?;
            Ok(digest)
        })
    }

    /// Puts what a layout holds that refers to that digest beside it. Out: how many there are. Must not be called from a task of a
    /// server.
    ///
    /// # Errors
    /// One of them is not what its name says, there are too many, or the registry does not take them.
    pub fn load_referrers(
        &self,
        layout: &LayoutFolder,
        to: &ImageReference,
        subject: &Digest,
    ) -> Result<usize, SourceError> {
        self.blocking(&to.to_string(), |shared| async move {
            let source = From::Layout(layout);
            let target = To::registry(&shared, to)?;
            let all = source.referrers(subject).await?;
            for one in &all {
                source.put_referrer(one, subject, &target).await?;
            }
            Ok(all.len())
        })
    }

    /// Takes a tag, or the manifest of a digest, out of its registry; false when it is not there. Registries that delete by digest alone
    /// lose the manifest that the tag means. Must not be called from a task of a server.
    ///
    /// # Errors
    /// The registry does not do it.
    pub fn remove(&self, reference: &ImageReference) -> Result<bool, SourceError> {
        self.blocking(&reference.to_string(), |shared| async move {
            let session = registry(&shared, reference)?;
            let pushed = |source| SourceError::Push { what: reference.to_string(), source: Box::new(source) };
            let name =
                reference.digest().map_or_else(|| reference.tag().unwrap_or("latest").into(), ToString::to_string);
            match push::remove(&session, &name).await {
                Ok(()) => Ok(true),
                Err(RegistryError::NotFound { .. }) => Ok(false),
                Err(RegistryError::NotTaken { status, .. })
                    if reference.digest().is_none() && BY_DIGEST_ALONE.contains(&status) =>
                {
                    let Some(there) = at_tag(&session, reference, &name).await? else { return Ok(false) };
                    match push::remove(&session, &there.digest.to_string()).await {
                        Ok(()) => Ok(true),
                        Err(RegistryError::NotFound { .. }) => Ok(false),
                        Err(error) => Err(pushed(error)),
                    }
                }
                Err(error) => Err(pushed(error)),
            }
        })
    }

    /// Takes manifests out of their registry that refer to that digest, and out of its index of referrers, where it keeps one. Must not
    /// be called from a task of a server.
    ///
    /// # Errors
    /// The registry does not do it.
    pub fn remove_referrers(
        &self,
        reference: &ImageReference,
        subject: &Digest,
        gone: &[Digest],
    ) -> Result<(), SourceError> {
        let unlisted = |shared: Arc<Shared>| async move {
            let session = registry(&shared, reference)?;
            let error = |source| failed(reference, source);
            if let Listed::ByTag(entries) = listed(&session, subject).await.map_err(error)?
                && entries.iter().any(|entry| gone.contains(&entry.digest))
            {
                unlist(&session, reference, subject, gone).await?;
            }
            Ok(())
        };
        self.blocking(&reference.to_string(), unlisted)?;
        gone.iter().try_for_each(|digest| self.remove(&reference.with_digest(digest.clone())).map(drop))
    }
}

/// Writes the index of referrers anew without some of them.
async fn unlist(
    session: &Session,
    reference: &ImageReference,
    subject: &Digest,
    gone: &[Digest],
) -> Result<(), SourceError> {
    let name = index_tag(subject);
    let what = format!("{}:{name}", reference.name());
    let Some(got) = at_tag(session, reference, &name).await? else { return Ok(()) };
    let mut index = value(&what, &got.bytes)?;
    let entries = index.get_mut("manifests").and_then(Value::as_array_mut);
    let Some(entries) = entries else { return Err(malformed(what, "it has no entries")) };
    let is_gone = |entry: &Value| gone.iter().any(|digest| entry["digest"] == digest.to_string());
    entries.retain(|entry| !is_gone(entry));
    let bytes = bounded_json(&what, &index)?;
    let media_type = index["mediaType"].as_str().unwrap_or(media::OCI_INDEX);
    let pushed = push::manifest(session, &name, media_type, &bytes).await;
    pushed.map_err(|source| SourceError::Push { what, source: Box::new(source) })
}

impl<'a> From<'a> {
    fn registry(shared: &'a Arc<Shared>, reference: &'a ImageReference) -> Result<From<'a>, SourceError> {
        Ok(From::Registry { shared, reference, sessions: pull::sessions(shared, reference, shared.until())? })
    }

    fn name(&self) -> String {
        match self {
            From::Registry { reference, .. } => reference.name(),
            From::Layout(layout) => layout.name().to_owned(),
        }
    }

    /// The document that a reference names.
    async fn named(&self, reference: &ImageReference) -> Result<Option<FetchedManifest>, SourceError> {
        let name = reference.digest().map_or_else(|| reference.tag().unwrap_or("latest").into(), ToString::to_string);
        self.document(&name, reference.digest()).await
    }

    async fn document(&self, name: &str, wanted: Option<&Digest>) -> Result<Option<FetchedManifest>, SourceError> {
        let From::Registry { reference, sessions, .. } = self else { return Ok(None) };
        let ask = |session: Arc<Session>| async move {
            fetch::manifest(&session, name, wanted).await.map_err(|error| failed(reference, error))
        };
        crate::attached::read::if_there(pull::at_first(sessions, reference, ask).await.map(|(_, got)| got))
    }

    /// The document of a descriptor, which has to be as large as that says.
    async fn entry(&self, entry: &Descriptor) -> Result<FetchedManifest, SourceError> {
        let what = format!("manifest {} of {}", entry.digest, self.name());
        if entry.size > MAX_MANIFEST {
            return Err(SourceError::TooLarge { what, limit: MAX_MANIFEST });
        }
        let got = match self {
            From::Registry { .. } => self.document(&entry.digest.to_string(), Some(&entry.digest)).await?,
            From::Layout(layout) => {
                let bytes = crate::local::blobs::small_blob(*layout, entry, "manifest", MAX_MANIFEST)?;
                Some(FetchedManifest { bytes, media_type: entry.media_type.clone(), digest: entry.digest.clone() })
            }
        };
        let mut got = got.ok_or_else(|| malformed(&what, "it is not there"))?;
        if got.bytes.len() as u64 != entry.size {
            return Err(SourceError::SizeMismatch { what, wanted: entry.size, found: got.bytes.len() as u64 });
        }
        if got.media_type.is_empty() {
            got.media_type.clone_from(&entry.media_type);
        }
        Ok(got)
    }

    /// A document and all that it names, each once.
    async fn tree(&self, root: FetchedManifest) -> Result<Tree, SourceError> {
        let what = format!("{}@{}", self.name(), root.digest);
        let mut seen = HashSet::from([root.digest.clone()]);
        let (mut bytes, mut documents, mut at) = (root.bytes.len(), vec![root], 0);
        while let Some(one) = documents.get(at) {
            at += 1;
            let Document::Index(index) = document(&what, &one.bytes, &one.media_type)? else { continue };
            for entry in index.manifests {
                if !seen.insert(entry.digest.clone()) {
                    continue;
                }
                let child = self.entry(&entry).await?;
                bytes += child.bytes.len();
                documents.push(child);
                if documents.len() > MAX_DOCUMENTS || bytes > MAX_DOCUMENTS_BYTES {
                    let (most, mib) = (MAX_DOCUMENTS, MAX_DOCUMENTS_BYTES >> 20);
                    return Err(malformed(what, format!("it has more than {most} manifests, or {mib} MiB of them")));
                }
            }
        }
        Ok(Tree { documents })
    }

    /// The way to a blob's bytes, once they are here: of this size, and of this digest.
    async fn blob(
        &self,
        blob: &Descriptor,
    ) -> Result<Box<dyn Fn() -> io::Result<LayerReader> + Send + Sync + 'a>, SourceError> {
        let what = format!("blob {} of {}", blob.digest, self.name());
        let opened: Box<dyn Fn() -> io::Result<LayerReader> + Send + Sync + 'a> = match self {
            From::Registry { shared, reference, sessions } => {
                let file = pull::blob(shared, sessions, blob).await.map_err(|error| failed(reference, error))?;
                let (file, size) = (Arc::new(file), blob.size);
                Box::new(move || Ok(Box::new(FilePart::new(&file, 0, size)) as LayerReader))
            }
            From::Layout(layout) => {
                let (layout, digest): (&'a LayoutFolder, Digest) = (layout, blob.digest.clone());
                Box::new(move || layout.open(&digest).map(|(_, reader)| reader))
            }
        };
        let io = |source| SourceError::Io { what: format!("read {what}"), source };
        let mut reader = opened().map_err(io)?;
        let (mut hasher, mut size, mut buffer) = (Hasher::new(blob.digest.algorithm()), 0_u64, vec![0; 64 << 10]);
        loop {
            let count = reader.read(&mut buffer).map_err(io)?;
            if count == 0 {
                break;
            }
            size += count as u64;
            if size > blob.size {
                break;
            }
            hasher.update(&buffer[..count]);
        }
        if size != blob.size {
            return Err(SourceError::SizeMismatch { what, wanted: blob.size, found: size });
        }
        let found = hasher.finish();
        if found != blob.digest {
            if let From::Registry { shared, .. } = self {
                // The copy in the cache rotted: the next run gets it anew.
                shared.cache.remove(&blob.digest);
            }
            return Err(SourceError::DigestMismatch { what, wanted: blob.digest.clone(), found });
        }
        Ok(opened)
    }

    /// What refers to a digest, as the registry lists it, or the layout's blobs have it.
    async fn referrers(&self, subject: &Digest) -> Result<Vec<FetchedManifest>, SourceError> {
        let (reference, sessions) = match self {
            From::Registry { reference, sessions, .. } => (reference, sessions),
            From::Layout(layout) => return referrers_of_layout(layout, subject),
        };
        let (mut found, mut seen, mut bytes) = (vec![], HashSet::new(), 0);
        for session in sessions {
            let entries = listed(session, subject).await.map_err(|error| failed(reference, error))?.entries();
            for entry in entries.iter().filter(|entry| !media::is_index(&entry.media_type)) {
                if !seen.insert(entry.digest.clone()) {
                    continue;
                }
                let one = self.entry(entry).await?;
                bytes += one.bytes.len() as u64;
                if seen.len() > MAX_REFERRERS || bytes > MAX_REFERRERS_BYTES {
                    let what = format!("the referrers of {}@{subject}", reference.name());
                    return Err(malformed(what, format!("there are more than {MAX_REFERRERS}, or they are too large")));
                }
                found.push(one);
            }
            if !found.is_empty() {
                break;
            }
        }
        Ok(found)
    }

    /// Puts a manifest there that refers to another, which has to be the one of this digest.
    async fn put_referrer(&self, one: &FetchedManifest, subject: &Digest, to: &To<'_>) -> Result<(), SourceError> {
        let To::Registry { session, reference } = to else {
            return Err(malformed(self.name(), "a layout takes what refers to an image by its own index alone"));
        };
        let what = format!("{}@{}", self.name(), one.digest);
        let Document::Manifest(manifest) = document(&what, &one.bytes, &one.media_type)? else {
            return Err(malformed(what, "it is an index, not a manifest"));
        };
        if manifest.subject.as_ref().is_none_or(|named| named.digest != *subject) {
            return Err(malformed(what, format!("its subject is not {subject}")));
        }
        for blob in std::iter::once(&manifest.config).chain(&manifest.layers) {
            to.blob(blob, self).await?;
        }
        let pushed = |source| SourceError::Push { what: reference.to_string(), source: Box::new(source) };
        let known = push::referrer(session, &one.digest, &one.bytes, subject).await.map_err(pushed)?;
        if !known && matches!(listed(session, subject).await.map_err(pushed)?, Listed::ByTag(_)) {
            let mut entry = entry(one, &[]);
            if !manifest.annotations.is_empty() {
                entry["annotations"] = json!(manifest.annotations);
            }
            entry["artifactType"] = manifest.kind().unwrap_or_default().into();
            add_to_index(session, reference, subject, entry).await?;
        }
        Ok(())
    }
}

impl<'a> To<'a> {
    fn registry(shared: &Arc<Shared>, reference: &'a ImageReference) -> Result<To<'a>, SourceError> {
        Ok(To::Registry { session: Box::new(registry(shared, reference)?), reference })
    }

    async fn at_tag(&self, tag: &str) -> Result<Option<Digest>, SourceError> {
        let To::Registry { session, reference } = self else { return Ok(None) };
        Ok(at_tag(session, reference, tag).await?.map(|got| got.digest))
    }

    async fn blob(&self, blob: &Descriptor, from: &From<'_>) -> Result<(), SourceError> {
        // By licence its bytes are elsewhere, and stay there.
        if media::is_foreign_layer(&blob.media_type) {
            return Ok(());
        }
        let open = from.blob(blob).await?;
        let what = || format!("read blob {} of {}", blob.digest, from.name());
        let mut reader = open().map_err(|source| SourceError::Io { what: what(), source })?;
        match self {
            To::Layout(layout) => layout.blob(&blob.digest, &mut reader),
            To::Registry { session, reference } => {
                let pushed = |source| SourceError::Push { what: reference.to_string(), source: Box::new(source) };
                push::stream(session, &blob.digest, blob.size, &mut reader).await.map_err(pushed)
            }
        }
    }

    async fn document(&self, one: &FetchedManifest, tag: Option<&str>) -> Result<(), SourceError> {
        match self {
            To::Layout(layout) => layout.blob(&one.digest, &mut one.bytes.as_slice()),
            To::Registry { session, reference } => {
                let name = tag.map_or_else(|| one.digest.to_string(), str::to_owned);
                let media_type = if one.media_type.is_empty() { media::OCI_MANIFEST } else { &one.media_type };
                let pushed = push::manifest(session, &name, media_type, &one.bytes).await;
                pushed.map_err(|source| SourceError::Push { what: reference.to_string(), source: Box::new(source) })
            }
        }
    }
}

impl Tree {
    /// Puts all of it there, what is named before what names it; the root under a tag where there is one.
    async fn put(self, from: &From<'_>, to: &To<'_>, tag: Option<&str>) -> Result<(), SourceError> {
        let (mut indexes, mut moved) = (vec![], HashSet::new());
        for (at, one) in self.documents.iter().enumerate() {
            let what = format!("{}@{}", from.name(), one.digest);
            match document(&what, &one.bytes, &one.media_type)? {
                Document::Index(_) => indexes.push((at, one)),
                Document::Manifest(manifest) => {
                    for blob in std::iter::once(&manifest.config).chain(&manifest.layers) {
                        // Images of one index share what they are built on.
                        if moved.insert(blob.digest.clone()) {
                            to.blob(blob, from).await?;
                        }
                    }
                    to.document(one, tag.filter(|_| at == 0)).await?;
                }
            }
        }
        for (at, one) in indexes.into_iter().rev() {
            to.document(one, tag.filter(|_| at == 0)).await?;
        }
        Ok(())
    }
}

/// What an index says of a document.
fn entry(one: &FetchedManifest, annotations: &[(&str, &str)]) -> Value {
    let media_type = match one.media_type.as_str() {
        "" => own_type(&one.bytes),
        known => known.to_owned(),
    };
    let mut entry = json!({"mediaType": media_type, "size": one.bytes.len(), "digest": one.digest.to_string()});
    if !annotations.is_empty() {
        entry["annotations"] =
            annotations.iter().map(|(key, value)| ((*key).to_owned(), Value::from(*value))).collect();
    }
    entry
}

/// What a document calls itself.
fn own_type(bytes: &[u8]) -> String {
    let own: Value = serde_json::from_slice(bytes).unwrap_or_default();
    own["mediaType"].as_str().unwrap_or(media::OCI_MANIFEST).to_owned()
}

fn absent(reference: &ImageReference) -> SourceError {
    let host = reference.registry().to_owned();
    failed(reference, RegistryError::NotFound { host, what: reference.to_string(), words: String::new() })
}
