//! Databases in one file, for air gaps and for carrying. In: a database. Out: one file, and back again: what comes in is
//! checked whole before it replaces what stands. An index travels as it is; Trivy's two files travel as the tar.gz that
//! its own registry carries.

use std::fs::File;
use std::io::{Read, Write};
use std::path::Path;

use plimsoll_model::{DatabaseInfo, DatabaseKind};

use super::bolt::{Bolt, BoltError, Bucket, Entry};
use super::build::{replace, write_atomically};
use super::index::{self, Index};
use super::trivy::Trivy;
use crate::record::AdvisorySource;
use crate::{DatabaseError, broken, cannot_open};

/// Trivy's database has 1 GB unpacked today.
const MAX_DATABASE: u64 = 8 << 30;

/// Writes the database at `path` (an index, `trivy.db` or the folder that holds it) into the one file `out`.
///
/// # Errors
/// When the database is not whole, or cannot be written.
pub fn export(path: &Path, out: &Path) -> Result<DatabaseInfo, DatabaseError> {
    let file = if path.is_dir() { path.join("trivy.db") } else { path.to_owned() };
    let bytes = super::map::map(&file)?;
    if index::looks_like(&bytes) {
        return replace(out, &bytes);
    }
    let beside = file.with_file_name("metadata.json");
    let metadata = std::fs::read(&beside).map_err(|e| cannot_open(&beside, e))?;
    let info = check_trivy(&bytes, &metadata, &file)?;
    let failed = |source| DatabaseError::Write { path: out.display().to_string(), source };
    let packed = pack(&bytes, &metadata).map_err(failed)?;
    write_atomically(out, &packed)?;
    Ok(info)
}

fn pack(database: &[u8], metadata: &[u8]) -> std::io::Result<Vec<u8>> {
    let gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    let mut archive = tar::Builder::new(gzip);
    for (name, bytes) in [("trivy.db", database), ("metadata.json", metadata)] {
        // No dates and owners: the same database is the same file.
        let mut header = tar::Header::new_ustar();
        header.set_size(bytes.len() as u64);
        header.set_mode(0o644);
        archive.append_data(&mut header, name, bytes)?;
    }
    let mut gzip = archive.into_inner()?;
    gzip.flush()?;
    gzip.finish()
}

/// Takes a database out of `file` (an index, or a tar or tar.gz with `trivy.db` and `metadata.json`) and puts it at `to`:
/// an index becomes that file, Trivy's files go into that folder. What stands there stays if the new one is not whole.
///
/// # Errors
/// When the file is no database, not whole, or cannot be written.
pub fn import(file: &Path, to: &Path) -> Result<DatabaseInfo, DatabaseError> {
    let mut head = [0u8; 8];
    let got = File::open(file)
        .and_then(|mut opened| super::input::read_up_to(&mut opened, &mut head))
        .map_err(|e| cannot_open(file, e))?;
    if index::looks_like(head.get(..got).unwrap_or_default()) {
        let bytes = super::map::map(file)?;
        Index::new(&bytes[..], file)?.verify()?;
        return replace(to, &bytes);
    }
    let (mut database, mut metadata) = (None, None);
    let opened = File::open(file).map_err(|e| cannot_open(file, e))?;
    let plain: Box<dyn Read> = if head.starts_with(&[0x1f, 0x8b]) {
        Box::new(flate2::read::MultiGzDecoder::new(std::io::BufReader::new(opened)))
    } else {
        Box::new(std::io::BufReader::new(opened))
    };
    let broken_archive = |e: std::io::Error| broken(file, format!("it is no index and no archive of trivy.db: {e}"));
    let mut archive = tar::Archive::new(plain);
    for entry in archive.entries().map_err(broken_archive)? {
        let entry = entry.map_err(broken_archive)?;
        let name = String::from_utf8_lossy(&entry.path_bytes()).trim_start_matches("./").to_owned();
        let place = match name.as_str() {
            "trivy.db" => &mut database,
            "metadata.json" => &mut metadata,
            _ => continue,
        };
        let mut bytes = Vec::new();
        entry.take(MAX_DATABASE + 1).read_to_end(&mut bytes).map_err(broken_archive)?;
        if bytes.len() as u64 > MAX_DATABASE {
            return Err(broken(file, format!("{name} in it is larger than {MAX_DATABASE} bytes")));
        }
        *place = Some(bytes);
    }
    // To the end: there is the checksum of the compressed stream.
    std::io::copy(&mut archive.into_inner().take(MAX_DATABASE), &mut std::io::sink()).map_err(broken_archive)?;
    let (Some(database), Some(metadata)) = (database, metadata) else {
        return Err(broken(file, "it holds no trivy.db with a metadata.json"));
    };
    let info = check_trivy(&database, &metadata, &to.join("trivy.db"))?;
    // In this order a reader in between sees new data under the old date, which errs to the stale side.
    write_atomically(&to.join("trivy.db"), &database)?;
    write_atomically(&to.join("metadata.json"), &metadata)?;
    Ok(info)
}

/// Reads the whole of the database at `path` and says whether it is what was written: an index by its digest, Trivy's by
/// its pages (it has no digest of its own), a folder of records by each record. What opening tells is not told again.
///
/// # Errors
/// When it is not whole.
pub fn verify(path: &Path) -> Result<DatabaseInfo, DatabaseError> {
    let source = super::open(path)?;
    match source.info().kind {
        DatabaseKind::Index => index::open(path)?.verify()?,
        DatabaseKind::Trivy => {
            let file = if path.is_dir() { path.join("trivy.db") } else { path.to_owned() };
            let bytes = super::map::map(&file)?;
            let bolt = Bolt::open(&bytes).map_err(|e| broken(&file, e.to_string()))?;
            values_in(&bolt.root(), 0).map_err(|e| broken(&file, e.to_string()))?;
        }
        // Reading it is opening it; what is wrong with it is among its problems.
        DatabaseKind::Osv | DatabaseKind::Baseline => {}
    }
    Ok(source.info())
}

/// Every page and bucket of the file is read once.
fn check_trivy(bytes: &[u8], metadata: &[u8], path: &Path) -> Result<DatabaseInfo, DatabaseError> {
    let database = Trivy::new(bytes, path, Some(metadata))?;
    let bolt = Bolt::open(bytes).map_err(|e| broken(path, e.to_string()))?;
    let values = values_in(&bolt.root(), 0).map_err(|e| broken(path, e.to_string()))?;
    if values == 0 {
        return Err(broken(path, "it is empty"));
    }
    Ok(database.info())
}

/// The number of values below a bucket; Trivy nests two levels deep.
fn values_in(bucket: &Bucket<'_>, depth: usize) -> Result<u64, BoltError> {
    let mut count = 0;
    bucket.each(&mut |_, entry| {
        count += match entry {
            Entry::Value(_) => 1,
            Entry::Bucket(inner) if depth < 8 => values_in(&inner, depth + 1)?,
            Entry::Bucket(_) => 0,
        };
        Ok::<(), BoltError>(())
    })?;
    Ok(count)
}
