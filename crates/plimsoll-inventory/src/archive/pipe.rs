//! Inflating on one thread, reading tar on another. In: a layer's stored bytes. Out: chunks of its tar through a bounded
//! channel, hashed on both ends: the stored bytes where they are inflated, the tar where it is read.

use std::io::{self, BufRead, BufReader, Read};
use std::sync::mpsc::{Receiver, SyncSender};

use plimsoll_model::{Algorithm, Digest, LayerReader};

use super::ArchiveError;
use super::decompress::Plain;
use super::verify::{Hash, Hashing};
use crate::limits::Limits;

/// Bytes of one chunk, and how many may wait: 1 MiB between the threads, small enough for a shared cache.
const CHUNK: usize = 256 * 1024;
pub const CHUNKS: usize = 4;

/// What goes through the channel.
pub type Chunk = Result<Vec<u8>, ArchiveError>;

/// What the inflating end learned.
#[derive(Debug)]
pub struct Stored {
    pub digest: Option<Digest>,
    pub size: u64,
    /// The tar is stored without compression: its digest is `digest`.
    pub plain: bool,
}

/// Reads all of `reader` and sends its tar on. `algorithm`: of the stored bytes' digest. `spent` brings used buffers back.
/// Stops when nobody listens any more.
pub fn inflate(
    reader: LayerReader,
    algorithm: Option<Algorithm>,
    most: u64,
    limits: &Limits,
    chunks: &SyncSender<Chunk>,
    spent: &Receiver<Vec<u8>>,
) -> Option<Stored> {
    let source = BufReader::with_capacity(CHUNK, Hashing::new(reader, algorithm, most));
    let result = pump(source, limits, chunks, spent);
    match result {
        Ok(stored) => stored,
        Err(error) => {
            // The other end may be gone already; then nobody wants to know.
            let _ = chunks.send(Err(error));
            None
        }
    }
}

fn pump(
    source: BufReader<Hashing<LayerReader>>,
    limits: &Limits,
    chunks: &SyncSender<Chunk>,
    spent: &Receiver<Vec<u8>>,
) -> Result<Option<Stored>, ArchiveError> {
    let mut plain = Plain::new(source)?;
    let is_plain = plain.is_stored_plain();
    let mut unpacked = 0u64;
    loop {
        let mut buffer = spent.try_recv().unwrap_or_default();
        buffer.resize(CHUNK, 0);
        let mut filled = 0;
        let mut ended = false;
        while filled < CHUNK && !ended {
            match plain.read(&mut buffer[filled..]) {
                Ok(0) => ended = true,
                Ok(read) => filled += read,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error.into()),
            }
        }
        buffer.truncate(filled);
        unpacked += filled as u64;
        if unpacked > limits.layer_unpacked {
            return Err(ArchiveError::Limit(format!("it unpacks to more than {} bytes", limits.layer_unpacked)));
        }
        if unpacked > limits.ratio_grace && unpacked / plain.stored().max(1) > limits.ratio {
            let ratio = limits.ratio;
            return Err(ArchiveError::Limit(format!("it unpacks to more than {ratio} times its size, as bombs do")));
        }
        if filled > 0 && chunks.send(Ok(buffer)).is_err() {
            return Ok(None);
        }
        if ended {
            break;
        }
    }
    // What follows the compressed stream belongs to the blob and to its digest.
    let mut rest = plain.into_inner();
    io::copy(&mut rest, &mut io::sink())?;
    let (digest, size) = rest.into_inner().finish();
    Ok(Some(Stored { digest, size, plain: is_plain }))
}

impl Plain<BufReader<Hashing<LayerReader>>> {
    /// Stored bytes taken so far.
    fn stored(&self) -> u64 {
        match self {
            Plain::None(source) => source.get_ref().count(),
            Plain::Gzip(decoder) => decoder.get_ref().get_ref().count(),
            Plain::Zstd(decoder) => decoder.get_ref().get_ref().count(),
        }
    }
}

/// The reading end: a buffered reader that lends whole chunks.
pub struct ChunkReader {
    chunks: Receiver<Chunk>,
    spent: SyncSender<Vec<u8>>,
    chunk: Vec<u8>,
    at: usize,
    hash: Hash,
    count: u64,
    failed: bool,
}

impl ChunkReader {
    /// `algorithm`: of the tar's digest.
    pub fn new(chunks: Receiver<Chunk>, spent: SyncSender<Vec<u8>>, algorithm: Algorithm) -> ChunkReader {
        ChunkReader { chunks, spent, chunk: Vec::new(), at: 0, hash: Hash::new(algorithm), count: 0, failed: false }
    }

    /// True when the stream itself broke: nothing follows, and no digest can be told.
    pub fn failed(&self) -> bool {
        self.failed
    }

    /// Reads on to the end of the stream: the digest and number of all its bytes.
    pub fn finish(mut self) -> Result<(Digest, u64), ArchiveError> {
        loop {
            let rest = self.fill_buf()?.len();
            if rest == 0 {
                return Ok((self.hash.finish(), self.count));
            }
            self.consume(rest);
        }
    }
}

impl BufRead for ChunkReader {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        if self.at == self.chunk.len() {
            let used = std::mem::take(&mut self.chunk);
            if used.capacity() > 0 {
                // A full or closed return path only means one more allocation.
                let _ = self.spent.try_send(used);
            }
            self.at = 0;
            match self.chunks.recv() {
                Ok(Ok(chunk)) => {
                    self.hash.update(&chunk);
                    self.count += chunk.len() as u64;
                    self.chunk = chunk;
                }
                Ok(Err(error)) => {
                    self.failed = true;
                    return Err(io::Error::other(error));
                }
                // The sender is done.
                Err(_) => {}
            }
        }
        Ok(&self.chunk[self.at..])
    }

    fn consume(&mut self, amount: usize) {
        self.at = self.chunk.len().min(self.at + amount);
    }
}

impl Read for ChunkReader {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let chunk = self.fill_buf()?;
        let read = chunk.len().min(buffer.len());
        buffer[..read].copy_from_slice(&chunk[..read]);
        self.consume(read);
        Ok(read)
    }
}
