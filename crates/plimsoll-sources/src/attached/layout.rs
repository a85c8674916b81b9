//! Layouts with what belongs to an image, as Cosign writes them. In: blobs and the entries of an index. Out: a folder; and what in such a
//! folder refers to an image, which its index does not name.

use std::fs;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use plimsoll_model::Digest;
use serde_json::{Value, json};

use crate::attached::read::{Attached, Holding, manifest_of, referrer_of};
use crate::attached::write::bounded_json;
use crate::attached::{MAX_REFERRERS, MAX_REFERRERS_BYTES, Referrer, malformed};
use crate::error::SourceError;
use crate::hash;
use crate::limits::MAX_MANIFEST;
use crate::local::blobs::{Blobs as _, bounded, small_blob};
use crate::local::layout::{LayoutFolder, blob_path};
use crate::oci::manifest::{Descriptor, Document, Manifest, document};
use crate::oci::media;
use crate::registry::fetch::FetchedManifest;

/// Files of a layout that are looked at for what refers to its image.
const MAX_FILES: usize = 100_000;

/// An OCI layout that is being written: a folder whose `index.json` names what was put into it.
pub struct LayoutWriter {
    root: PathBuf,
    pub(super) entries: Vec<Value>,
}

impl LayoutWriter {
    /// In a folder, which is made; what it names already is forgotten, its blobs stay.
    ///
    /// # Errors
    /// It cannot be made.
    pub fn new(folder: &Path) -> Result<LayoutWriter, SourceError> {
        let made = fs::create_dir_all(folder);
        made.map_err(|source| SourceError::Io { what: format!("make {}", folder.display()), source })?;
        Ok(LayoutWriter { root: folder.to_owned(), entries: vec![] })
    }

    /// Writes what was put there into `index.json`.
    ///
    /// # Errors
    /// The disk does not take it.
    pub fn finish(self) -> Result<(), SourceError> {
        let index = json!({"schemaVersion": 2, "mediaType": media::OCI_INDEX, "manifests": self.entries});
        self.write("oci-layout", &mut &br#"{"imageLayoutVersion":"1.0.0"}"#[..])?;
        let bytes = bounded_json("index.json", &index)?;
        self.write("index.json", &mut bytes.as_slice())
    }

    pub(super) fn blob(&self, digest: &Digest, from: &mut dyn Read) -> Result<(), SourceError> {
        self.write(&blob_path(digest), from)
    }

    /// A file, whole or not at all.
    fn write(&self, relative: &str, from: &mut dyn Read) -> Result<(), SourceError> {
        let path = self.root.join(relative);
        let written = (|| {
            let folder = path.parent().unwrap_or(&self.root);
            fs::create_dir_all(folder)?;
            let part = folder.join(format!(".{}.part", std::process::id()));
            // What lies there by that name, a link that leads elsewhere too, is none of ours.
            match fs::remove_file(&part) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
                _ => {}
            }
            let mut file = fs::File::options().write(true).create_new(true).open(&part)?;
            let whole = io::copy(from, &mut file).and_then(|_| file.sync_all()).and_then(|()| fs::rename(&part, &path));
            if whole.is_err() {
                // The first error is the one that counts.
                let _ = fs::remove_file(&part);
            }
            whole
        })();
        written.map_err(|source| SourceError::Io { what: format!("write {}", path.display()), source })
    }
}

impl LayoutFolder {
    /// The document that an entry of the layout's index names.
    ///
    /// # Errors
    /// It is not there, or is not what the entry says.
    pub fn holding(&self, entry: &Descriptor) -> Result<Holding, SourceError> {
        let bytes = small_blob(self, entry, "manifest", MAX_MANIFEST)?;
        let what = format!("manifest {} of {}", entry.digest, self.name());
        let entries = match document(&what, &bytes, &entry.media_type)? {
            Document::Index(index) => index.manifests,
            Document::Manifest(_) => vec![],
        };
        Ok(Holding { digest: entry.digest.clone(), media_type: entry.media_type.clone(), size: entry.size, entries })
    }

    /// The manifest that an entry of the layout's index names, and the way to its layers.
    ///
    /// # Errors
    /// It is not there, or is not what the entry says.
    pub fn attached(self: &Arc<Self>, entry: &Descriptor) -> Result<Attached<Manifest>, SourceError> {
        let bytes = small_blob(self.as_ref(), entry, "manifest", MAX_MANIFEST)?;
        let what = format!("manifest {} of {}", entry.digest, self.name());
        Ok(Attached::of_layout(self, manifest_of(&what, &bytes, &entry.media_type)?))
    }

    /// The manifests among its blobs that name the one of `digest` as their subject; what of them could not be read stands there as
    /// the reason.
    ///
    /// # Errors
    /// Its blobs cannot be listed or read, or there are too many.
    pub fn referrers(
        self: &Arc<Self>,
        digest: &Digest,
    ) -> Result<Attached<Vec<Result<Referrer, SourceError>>>, SourceError> {
        let read = |one: FetchedManifest| {
            let what = format!("manifest {} of {}", one.digest, self.name());
            referrer_of(what, &one.digest, &one.bytes, &one.media_type, digest)
        };
        let found = referrers_of_layout(self, digest)?.into_iter().map(read).collect();
        Ok(Attached::of_layout(self, found))
    }
}

/// The manifests in a layout's blobs that refer to that digest: Cosign's layouts do not name them in their index.
pub(super) fn referrers_of_layout(
    layout: &LayoutFolder,
    subject: &Digest,
) -> Result<Vec<FetchedManifest>, SourceError> {
    let (mut found, mut held) = (vec![], 0);
    for digest in layout.digests(MAX_FILES)? {
        let what = format!("blob {digest} of {}", layout.name());
        // One that cannot be read may be a signature, and is not left behind without a word.
        let opened = layout.open(&digest);
        let (size, reader) = opened.map_err(|source| SourceError::Io { what: format!("read {what}"), source })?;
        // Larger ones are layers; so is what is no JSON.
        if size > MAX_MANIFEST {
            continue;
        }
        let bytes = bounded(reader, &what, MAX_MANIFEST)?;
        // Before it is looked into: a manifest that rotted looks like a layer.
        hash::check(&what, &bytes, &digest)?;
        let read: Option<Value> = serde_json::from_slice(&bytes).ok();
        let names = |value: &Value| value["subject"]["digest"] == subject.to_string();
        let Some(media_type) =
            read.filter(names).map(|value| value["mediaType"].as_str().unwrap_or_default().to_owned())
        else {
            continue;
        };
        held += bytes.len() as u64;
        if found.len() >= MAX_REFERRERS || held > MAX_REFERRERS_BYTES {
            let (most, mib) = (MAX_REFERRERS, MAX_REFERRERS_BYTES >> 20);
            let why = format!("more than {most} manifests refer to {subject}, or they have more than {mib} MiB");
            return Err(malformed(layout.name(), why));
        }
        found.push(FetchedManifest { bytes, media_type, digest });
    }
    Ok(found)
}
