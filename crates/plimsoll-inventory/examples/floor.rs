//! The least that reading an image can cost: inflates its layers and hashes them, stored and unpacked, by the crates that
//! the product uses, and does nothing with the bytes.
//!
//!     cargo run --release -p plimsoll-inventory --example floor -- OCI-LAYOUT [serial]
//!
//! Each layer is inflated on one thread and its tar hashed on another, layers side by side, as the product does; with
//! `serial` everything is done on one thread.

use std::error::Error;
use std::fs::File;
use std::io::{BufReader, Read};
use std::path::{Path, PathBuf};
use std::sync::mpsc::sync_channel;

use sha2::{Digest, Sha256};

type Failure = Box<dyn Error + Send + Sync>;

/// Bytes that are inflated at a time, as in the product.
const CHUNK: usize = 256 * 1024;
/// Chunks that wait between two threads.
const WAITING: usize = 4;

/// Hashes what is read through it.
struct Hashed(File, Sha256);

impl Read for Hashed {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let read = self.0.read(buffer)?;
        self.1.update(&buffer[..read]);
        Ok(read)
    }
}

fn main() -> Result<(), Failure> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let (folder, serial) = match arguments.as_slice() {
        [folder] => (folder, false),
        [folder, word] if word == "serial" => (folder, true),
        _ => return Err("usage: floor OCI-LAYOUT [serial]".into()),
    };
    let layers = layers(Path::new(folder))?;
    let total: u64 = if serial {
        layers.iter().map(|layer| one_thread(layer)).sum::<Result<u64, Failure>>()?
    } else {
        std::thread::scope(|scope| {
            let running: Vec<_> = layers.iter().map(|layer| scope.spawn(|| two_threads(layer))).collect();
            let ended = running.into_iter().map(|one| one.join().unwrap_or_else(|_| Err("a thread broke".into())));
            ended.sum::<Result<u64, Failure>>()
        })?
    };
    println!("{total} bytes in {} layers", layers.len());
    Ok(())
}

/// The layers of the layout's first manifest.
fn layers(folder: &Path) -> Result<Vec<PathBuf>, Failure> {
    let blob = |value: &serde_json::Value| -> Result<PathBuf, Failure> {
        let digest = value["digest"].as_str().ok_or("a descriptor has no digest")?;
        Ok(folder.join("blobs").join(digest.replace(':', "/")))
    };
    let index: serde_json::Value = serde_json::from_reader(File::open(folder.join("index.json"))?)?;
    let manifest: serde_json::Value = serde_json::from_reader(File::open(blob(&index["manifests"][0])?)?)?;
    manifest["layers"].as_array().ok_or("the manifest has no layers")?.iter().map(blob).collect()
}

fn inflating(layer: &Path) -> Result<impl Read + use<>, Failure> {
    let stored = BufReader::with_capacity(CHUNK, Hashed(File::open(layer)?, Sha256::new()));
    Ok(flate2::bufread::MultiGzDecoder::new(stored))
}

/// Fills the chunk as far as there is content.
fn fill(reader: &mut impl Read, chunk: &mut Vec<u8>) -> std::io::Result<usize> {
    chunk.resize(CHUNK, 0);
    let mut filled = 0;
    while filled < CHUNK {
        match reader.read(&mut chunk[filled..])? {
            0 => break,
            read => filled += read,
        }
    }
    chunk.truncate(filled);
    Ok(filled)
}

fn one_thread(layer: &Path) -> Result<u64, Failure> {
    let (mut reader, mut chunk, mut hash, mut total) = (inflating(layer)?, Vec::new(), Sha256::new(), 0);
    while fill(&mut reader, &mut chunk)? > 0 {
        hash.update(&chunk);
        total += chunk.len() as u64;
    }
    std::hint::black_box(hash.finalize());
    Ok(total)
}

fn two_threads(layer: &Path) -> Result<u64, Failure> {
    let (chunks, inflated) = sync_channel::<Vec<u8>>(WAITING);
    let (spent, used) = sync_channel::<Vec<u8>>(WAITING);
    std::thread::scope(|scope| {
        let hashing = scope.spawn(move || {
            let (mut hash, mut total) = (Sha256::new(), 0);
            for chunk in inflated {
                hash.update(&chunk);
                total += chunk.len() as u64;
                // A full return path only means one more allocation.
                let _ = spent.try_send(chunk);
            }
            std::hint::black_box(hash.finalize());
            total
        });
        let mut reader = inflating(layer)?;
        loop {
            let mut chunk = used.try_recv().unwrap_or_default();
            if fill(&mut reader, &mut chunk)? == 0 || chunks.send(chunk).is_err() {
                break;
            }
        }
        drop(chunks);
        hashing.join().map_err(|_| "the hashing thread broke".into())
    })
}
