//! A stored layer to its tar. In: a reader of stored bytes. Out: a reader of uncompressed bytes: gzip, zstd or neither,
//! told by magic number because media types lie. What it does not do: bound the output; the pipe does.

use std::io::{BufRead, Read};

use super::ArchiveError;

/// How a layer is stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Compression {
    None,
    Gzip,
    Zstd,
}

/// zstd may ask for a window of this many bits at most: 128 MiB, the most that its own tool takes without being told.
const MAX_ZSTD_WINDOW: u32 = 27;

impl Compression {
    /// Told from the first bytes. `None` inside for a known format that no runtime unpacks as a layer.
    pub fn of(head: &[u8]) -> Result<Compression, ArchiveError> {
        match head {
            [0x1f, 0x8b, ..] => Ok(Compression::Gzip),
            [0x28, 0xb5, 0x2f, 0xfd, ..] => Ok(Compression::Zstd),
            // Skippable frames may come first: zstd:chunked puts them last, other writers first.
            [0x50..=0x5f, 0x2a, 0x4d, 0x18, ..] => Ok(Compression::Zstd),
            [b'B', b'Z', b'h', ..] => Err(ArchiveError::Limit("bzip2 layers are not supported".into())),
            [0xfd, b'7', b'z', b'X', b'Z', ..] => Err(ArchiveError::Limit("xz layers are not supported".into())),
            _ => Ok(Compression::None),
        }
    }
}

/// A reader of the uncompressed bytes.
pub enum Plain<R: BufRead> {
    None(R),
    Gzip(Box<flate2::bufread::MultiGzDecoder<R>>),
    Zstd(Box<zstd::Decoder<'static, R>>),
}

impl<R: BufRead> Plain<R> {
    /// Looks at the first bytes of `source`, which must lend at least six while there are so many, without taking them.
    pub fn new(mut source: R) -> Result<Plain<R>, ArchiveError> {
        let head = source.fill_buf()?;
        Ok(match Compression::of(head)? {
            Compression::None => Plain::None(source),
            Compression::Gzip => Plain::Gzip(Box::new(flate2::bufread::MultiGzDecoder::new(source))),
            Compression::Zstd => {
                let mut decoder = zstd::Decoder::with_buffer(source)?;
                decoder.window_log_max(MAX_ZSTD_WINDOW)?;
                Plain::Zstd(Box::new(decoder))
            }
        })
    }

    /// Uncompressed bytes of an uncompressed layer need no second hash.
    pub fn is_stored_plain(&self) -> bool {
        matches!(self, Plain::None(_))
    }

    /// The stored bytes that the decoder left.
    pub fn into_inner(self) -> R {
        match self {
            Plain::None(source) => source,
            Plain::Gzip(decoder) => decoder.into_inner(),
            Plain::Zstd(decoder) => decoder.finish(),
        }
    }
}

impl<R: BufRead> Read for Plain<R> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        match self {
            Plain::None(source) => source.read(buffer),
            Plain::Gzip(decoder) => decoder.read(buffer),
            Plain::Zstd(decoder) => decoder.read(buffer),
        }
    }
}
