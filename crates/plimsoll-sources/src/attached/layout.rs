//! Layouts with what belongs to an image, as Cosign writes them. In: blobs and the entries of an index. Out: a folder; and what in such a
//! folder refers to an image, which its index does not name.

use std::fs;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use plimsoll_model::Digest;
use serde_json::{Value, json};

use crate::attached::write::bounded_json;
use crate::attached::{MAX_REFERRERS, MAX_REFERRERS_BYTES, malformed};
use crate::error::SourceError;
use crate::hash;
use crate::limits::MAX_MANIFEST;
use crate::local::blobs::{Blobs as _, bounded};
use crate::local::layout::{LayoutFolder, blob_path};
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
