//! Checksums made right, so that the fuzzer reaches what they guard. In: bytes of a format with checksums. Out: the same
//! bytes with sums that fit, wherever the places of the sums make sense; the rest is left as it is.

use plimsoll_advisories::database::bolt::fnv1a;
use plimsoll_advisories::database::index::{DIRECTORY_ENTRY, HEADER, HEADER_SUMMED};

/// Tar: the checksum of every block that looks like a header.
pub fn tar(bytes: &mut [u8]) {
    for block in bytes.chunks_exact_mut(512) {
        if block[257..262] == *b"ustar" {
            block[148..156].fill(b' ');
            let sum: u32 = block.iter().map(|byte| u32::from(*byte)).sum();
            block[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
        }
    }
}

/// bbolt: both meta pages of a file with pages of 4096 bytes.
pub fn bolt(bytes: &mut [u8]) {
    for page in [0, 4096] {
        if let Some(meta) = bytes.get_mut(page + 16..page + 80) {
            let sum = fnv1a(&meta[..56]);
            meta[56..].copy_from_slice(&sum.to_le_bytes());
        }
    }
}

/// Our index: its blocks, directory, description, length and header.
pub fn index(bytes: &mut [u8]) {
    if bytes.len() < HEADER {
        return;
    }
    let length = bytes.len() as u64;
    bytes[16..24].copy_from_slice(&length.to_le_bytes());
    let directory = part(bytes, 48);
    let blocks = u32::from_le_bytes(bytes[68..72].try_into().unwrap_or_default()) as usize;
    for entry in 0..blocks.min(64) {
        let at = directory.start + entry * DIRECTORY_ENTRY;
        let Some(fields) = bytes.get(at..at + DIRECTORY_ENTRY) else { break };
        let start = u64::from_le_bytes(fields[..8].try_into().unwrap_or_default()) as usize;
        let size = u32::from_le_bytes(fields[8..12].try_into().unwrap_or_default()) as usize;
        if let Some(block) = start.checked_add(size).and_then(|end| bytes.get(start..end)) {
            let sum = crc32fast::hash(block);
            bytes[at + 12..at + 16].copy_from_slice(&sum.to_le_bytes());
        }
    }
    let about = part(bytes, 72);
    for (range, sum) in [(directory, 64), (about, 88)] {
        let value = crc32fast::hash(&bytes[range]);
        bytes[sum..sum + 4].copy_from_slice(&value.to_le_bytes());
    }
    let sum = crc32fast::hash(&bytes[..HEADER_SUMMED]);
    bytes[HEADER_SUMMED..HEADER_SUMMED + 4].copy_from_slice(&sum.to_le_bytes());
}

/// The range that start and length at `at` name; empty where they name none.
fn part(bytes: &[u8], at: usize) -> std::ops::Range<usize> {
    let number = |at: usize| u64::from_le_bytes(bytes[at..at + 8].try_into().unwrap_or_default()) as usize;
    let (start, length) = (number(at), number(at + 8));
    match start.checked_add(length) {
        Some(end) if end <= bytes.len() => start..end,
        _ => 0..0,
    }
}
