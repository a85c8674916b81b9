//! Blobs on disk by digest. In: bytes as they arrive. Out: files whose digest was checked. Any number of processes share
//! a folder without locks: a blob is written beside its place and renamed into it when it is whole and right.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime};

use plimsoll_model::Digest;

use crate::hash::Hasher;

/// What the cache holds unless told otherwise: some dozen images.
pub const DEFAULT_SIZE: u64 = 8 << 30;
/// A part that nobody wrote to for so long was left by a process that died; somebody else may go on with it. Downloads
/// that stall end earlier, by their idle time-out.
const ABANDONED: Duration = Duration::from_secs(120);
/// Parts older than this are not worth going on with.
const FORGOTTEN: Duration = Duration::from_secs(24 * 3600);
/// What an eviction leaves, in tenths of the bound, so that it is not needed again at once.
const KEPT_TENTHS: u64 = 9;

/// A folder of blobs.
#[derive(Debug, Clone)]
pub struct BlobCache {
    folder: PathBuf,
    limit: u64,
    /// Kept until the last user is gone, then removed: where there is no folder to remember things in.
    _temporary: Option<Arc<tempfile::TempDir>>,
}

impl BlobCache {
    /// The cache in `folder`, which is made if need be, of at most about `limit` bytes.
    ///
    /// # Errors
    /// When the folder cannot be made.
    pub fn open(folder: &Path, limit: u64) -> io::Result<BlobCache> {
        let cache = BlobCache { folder: folder.to_owned(), limit, _temporary: None };
        cache.make_folders()?;
        Ok(cache)
    }

    /// A cache that is gone with its last user.
    ///
    /// # Errors
    /// When there is no place for temporary files.
    pub fn temporary() -> io::Result<BlobCache> {
        let folder = tempfile::tempdir()?;
        let cache = BlobCache { folder: folder.path().to_owned(), limit: u64::MAX, _temporary: Some(Arc::new(folder)) };
        cache.make_folders()?;
        Ok(cache)
    }

    fn make_folders(&self) -> io::Result<()> {
        let mut builder = fs::DirBuilder::new();
        builder.recursive(true);
        // What was pulled with one user's credentials is not for all to read.
        #[cfg(unix)]
        std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
        for name in ["sha256", "sha512", "parts"] {
            builder.create(self.folder.join(name))?;
        }
        Ok(())
    }

    /// Where the cache is.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    fn place(&self, digest: &Digest) -> PathBuf {
        self.folder.join(digest.algorithm().name()).join(digest.hex())
    }

    /// A blob that is there and has `size` bytes (when known). Its digest was checked when it came in; who reads it as a
    /// layer checks it again.
    pub fn get(&self, digest: &Digest, size: Option<u64>) -> Option<File> {
        let file = File::open(self.place(digest)).ok()?;
        let metadata = file.metadata().ok()?;
        if !metadata.is_file() || size.is_some_and(|size| size != metadata.len()) {
            return None;
        }
        // The time of last use, by which evictions choose. Where it cannot be set, they choose by age.
        let _ = file.set_modified(SystemTime::now());
        Some(file)
    }

    /// Keeps the bytes of a small blob whose digest was checked.
    ///
    /// # Errors
    /// When the disk does not take them.
    pub fn put(&self, digest: &Digest, bytes: &[u8]) -> io::Result<()> {
        if self.get(digest, Some(bytes.len() as u64)).is_some() {
            return Ok(());
        }
        let mut part = self.part(digest)?;
        part.restart()?;
        part.write(bytes)?;
        part.finish().map(drop).map_err(PartError::into_io)
    }

    /// Forgets a blob.
    pub fn remove(&self, digest: &Digest) {
        let _ = fs::remove_file(self.place(digest));
    }

    /// A place to write a blob to, going on where a dead or failed download of the same blob stopped.
    ///
    /// # Errors
    /// When the disk does not take it.
    pub fn part(&self, digest: &Digest) -> io::Result<Part> {
        static COUNT: AtomicU64 = AtomicU64::new(0);
        let folder = self.folder.join("parts");
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let own = folder.join(format!("{}.{}-{number}-{:08x}", digest.hex(), std::process::id(), random()));
        let file = match self.claimed(digest, &own) {
            Some(file) => file,
            None => OpenOptions::new().read(true).write(true).create_new(true).open(&own)?,
        };
        let mut part = Part {
            file,
            path: own,
            place: self.place(digest),
            free: folder.join(format!("{}.free", digest.hex())),
            digest: digest.clone(),
            hash: Hasher::new(digest.algorithm()),
            length: 0,
            done: false,
        };
        part.read_on()?;
        Ok(part)
    }

    /// Takes over a part that nobody writes to. Renaming gives it to one claimant only; should its writer live after all,
    /// the digest at the end tells, and the download starts anew.
    fn claimed(&self, digest: &Digest, own: &Path) -> Option<File> {
        let prefix = format!("{}.", digest.hex());
        for entry in fs::read_dir(self.folder.join("parts")).ok()?.flatten() {
            let name = entry.file_name();
            let Some(name) = name.to_str().filter(|name| name.starts_with(&prefix)) else { continue };
            let abandoned = || age(&entry.metadata().ok()?).filter(|age| *age > ABANDONED);
            if (name.ends_with(".free") || abandoned().is_some()) && fs::rename(entry.path(), own).is_ok() {
                return OpenOptions::new().read(true).write(true).open(own).ok();
            }
        }
        None
    }

    /// Deletes what was used longest ago until the cache is within its bound, and parts that nobody will go on with.
    pub fn evict(&self) {
        for entry in fs::read_dir(self.folder.join("parts")).into_iter().flatten().flatten() {
            if entry.metadata().ok().and_then(|m| age(&m)).is_some_and(|age| age > FORGOTTEN) {
                let _ = fs::remove_file(entry.path());
            }
        }
        let mut blobs: Vec<(SystemTime, u64, PathBuf)> = vec![];
        for name in ["sha256", "sha512"] {
            for entry in fs::read_dir(self.folder.join(name)).into_iter().flatten().flatten() {
                if let Ok(metadata) = entry.metadata() {
                    blobs.push((metadata.modified().unwrap_or(SystemTime::UNIX_EPOCH), metadata.len(), entry.path()));
                }
            }
        }
        let mut total = blobs.iter().fold(0u64, |sum, (_, size, _)| sum.saturating_add(*size));
        if total <= self.limit {
            return;
        }
        blobs.sort();
        let kept = self.limit / 10 * KEPT_TENTHS;
        for (_, size, path) in blobs {
            if total <= kept {
                break;
            }
            // Whoever has it open reads on; where an open file cannot be removed it stays for the next time.
            if fs::remove_file(path).is_ok() {
                total = total.saturating_sub(size);
            }
        }
    }
}

fn age(metadata: &fs::Metadata) -> Option<Duration> {
    SystemTime::now().duration_since(metadata.modified().ok()?).ok()
}

/// Tells apart two processes of one number in two containers that share a folder.
fn random() -> u32 {
    (crate::registry::retry::spread() * f64::from(u32::MAX)) as u32
}

/// A blob that is being written.
#[derive(Debug)]
pub struct Part {
    file: File,
    path: PathBuf,
    place: PathBuf,
    free: PathBuf,
    digest: Digest,
    hash: Hasher,
    length: u64,
    done: bool,
}

/// Why a part did not become a blob.
#[derive(Debug)]
pub enum PartError {
    Io(io::Error),
    /// The bytes have another digest, this one.
    Digest(Digest),
}

impl PartError {
    fn into_io(self) -> io::Error {
        match self {
            PartError::Io(error) => error,
            PartError::Digest(found) => io::Error::new(io::ErrorKind::InvalidData, format!("its digest is {found}")),
        }
    }
}

impl Part {
    /// How many bytes are there.
    pub fn length(&self) -> u64 {
        self.length
    }

    /// Reads what an earlier download left.
    fn read_on(&mut self) -> io::Result<()> {
        let mut buffer = vec![0u8; 128 << 10];
        loop {
            match self.file.read(&mut buffer)? {
                0 => return Ok(()),
                count => {
                    self.hash.update(&buffer[..count]);
                    self.length += count as u64;
                }
            }
        }
    }

    /// Forgets what is there.
    ///
    /// # Errors
    /// When the disk does not play along.
    pub fn restart(&mut self) -> io::Result<()> {
        self.file.set_len(0)?;
        self.file.seek(SeekFrom::Start(0))?;
        self.hash = Hasher::new(self.digest.algorithm());
        self.length = 0;
        Ok(())
    }

    /// Adds bytes.
    ///
    /// # Errors
    /// When the disk does not take them; on a full one nothing is left behind.
    pub fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        if let Err(error) = self.file.write_all(bytes) {
            self.discard();
            return Err(error);
        }
        self.hash.update(bytes);
        self.length += bytes.len() as u64;
        Ok(())
    }

    /// Whether what is there already has the digest of the whole.
    pub fn is_whole(&self) -> bool {
        self.hash.clone().finish() == self.digest
    }

    /// Checks the digest and puts the blob in its place.
    ///
    /// # Errors
    /// When it is another one, or the disk does not play along. Nothing is left behind then.
    pub fn finish(mut self) -> Result<File, PartError> {
        let found = self.hash.clone().finish();
        if found != self.digest {
            self.discard();
            return Err(PartError::Digest(found));
        }
        // On disk before it has its name: a power cut must not leave a blob of zeros that is believed for ever.
        let renamed = self.file.sync_data().and_then(|()| fs::rename(&self.path, &self.place));
        if let Err(error) = renamed {
            self.discard();
            return Err(PartError::Io(error));
        }
        self.done = true;
        File::open(&self.place).map_err(PartError::Io)
    }

    /// Removes what was written.
    pub fn discard(&mut self) {
        self.done = true;
        let _ = fs::remove_file(&self.path);
    }
}

impl Drop for Part {
    /// What was not finished is left for the next try, when it is worth anything.
    fn drop(&mut self) {
        if !self.done && (self.length == 0 || fs::rename(&self.path, &self.free).is_err()) {
            let _ = fs::remove_file(&self.path);
        }
    }
}

#[cfg(test)]
mod tests {
    use plimsoll_model::Algorithm;

    use super::*;
    use crate::hash::digest;

    fn sha256(bytes: &[u8]) -> Digest {
        digest(Algorithm::Sha256, bytes)
    }

    fn files_below(folder: &Path) -> usize {
        ["sha256", "parts"].iter().map(|name| fs::read_dir(folder.join(name)).unwrap().count()).sum()
    }

    #[test]
    fn blob_comes_back_and_wrong_one_leaves_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let cache = BlobCache::open(folder.path(), DEFAULT_SIZE).unwrap();
        let name = sha256(b"hello");
        assert!(cache.get(&name, None).is_none());
        assert!(cache.put(&name, b"jello").is_err());
        assert_eq!(files_below(folder.path()), 0);
        cache.put(&name, b"hello").unwrap();
        let mut text = String::new();
        cache.get(&name, Some(5)).unwrap().read_to_string(&mut text).unwrap();
        assert_eq!(text, "hello");
        assert!(cache.get(&name, Some(6)).is_none());
        assert_eq!(files_below(folder.path()), 1);
    }

    #[test]
    fn unfinished_part_is_gone_on_with_by_one_only() {
        let folder = tempfile::tempdir().unwrap();
        let cache = BlobCache::open(folder.path(), DEFAULT_SIZE).unwrap();
        let name = sha256(b"hello");
        let mut part = cache.part(&name).unwrap();
        part.write(b"hel").unwrap();
        let beside = cache.part(&name).unwrap();
        assert_eq!(beside.length(), 0, "a part that is being written is nobody else's");
        drop(beside);
        drop(part);
        let mut part = cache.part(&name).unwrap();
        assert_eq!(part.length(), 3);
        assert_eq!(cache.part(&name).unwrap().length(), 0);
        part.write(b"lo").unwrap();
        part.finish().unwrap();
        assert_eq!(files_below(folder.path()), 1);
    }

    #[test]
    fn part_of_a_killed_process_is_gone_on_with_once_it_is_old() {
        let folder = tempfile::tempdir().unwrap();
        let cache = BlobCache::open(folder.path(), DEFAULT_SIZE).unwrap();
        let name = sha256(b"hello");
        let mut part = cache.part(&name).unwrap();
        part.write(b"hel").unwrap();
        part.file.set_modified(SystemTime::now() - ABANDONED * 2).unwrap();
        std::mem::forget(part);
        let part = cache.part(&name).unwrap();
        assert_eq!(part.length(), 3);
        assert_eq!(fs::read_dir(folder.path().join("parts")).unwrap().count(), 1);
    }

    #[test]
    fn what_was_used_longest_ago_goes_first() {
        let folder = tempfile::tempdir().unwrap();
        let cache = BlobCache::open(folder.path(), 25).unwrap();
        let texts = [[b'a'; 10], [b'b'; 10], [b'c'; 10]];
        for (at, text) in texts.iter().enumerate() {
            cache.put(&sha256(text), text).unwrap();
            let file = File::options().write(true).open(cache.place(&sha256(text))).unwrap();
            file.set_modified(SystemTime::UNIX_EPOCH + Duration::from_secs(at as u64)).unwrap();
        }
        assert!(cache.get(&sha256(&texts[0]), None).is_some());
        cache.evict();
        let left: Vec<bool> = texts.iter().map(|text| cache.get(&sha256(text), None).is_some()).collect();
        assert_eq!(left, [true, false, false], "20 bytes would be more than nine tenths of 25");
    }

    #[test]
    fn many_writers_of_one_blob_end_with_one_blob() {
        let folder = tempfile::tempdir().unwrap();
        let cache = BlobCache::open(folder.path(), DEFAULT_SIZE).unwrap();
        let bytes = vec![7u8; 100_000];
        std::thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| cache.put(&sha256(&bytes), &bytes).unwrap());
            }
        });
        assert_eq!(files_below(folder.path()), 1);
    }
}
