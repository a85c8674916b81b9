//! rpm's own database format ("ndb", `Packages.db`). In: the file. Out: header blobs. Follows rpm's `lib/backend/ndb`:
//! a table of slots of 16 bytes in pages of 4096, then blobs in blocks of 16, all numbers little-endian.

use super::MAX_PACKAGES;
use super::bytes::le32;

const DATABASE_MAGIC: u32 = u32::from_le_bytes(*b"RpmP");
const SLOT_MAGIC: u32 = u32::from_le_bytes(*b"Slot");
const BLOB_MAGIC: u32 = u32::from_le_bytes(*b"BlbS");
const SLOT: usize = 16;
const PAGE: usize = 4096;
const BLOCK: usize = 16;

/// The header blobs, and what is wrong with single ones. An error when nothing can be read.
pub fn blobs(bytes: &[u8]) -> Result<(Vec<Vec<u8>>, Vec<String>), String> {
    let cut = || "it is cut in its slot table".to_owned();
    if le32(bytes, 0) != Some(DATABASE_MAGIC) {
        return Err("it is no ndb database".into());
    }
    let version = le32(bytes, 4).ok_or_else(cut)?;
    if version != 0 {
        return Err(format!("ndb version {version} is not known"));
    }
    let pages = usize::try_from(le32(bytes, 12).ok_or_else(cut)?).map_err(|_| cut())?;
    let table = pages.checked_mul(PAGE).and_then(|end| bytes.get(2 * SLOT..end)).ok_or_else(cut)?;
    let (mut blobs, mut faults) = (Vec::new(), Vec::new());
    for slot in table.chunks_exact(SLOT) {
        let (Some(magic), Some(package), Some(block)) = (le32(slot, 0), le32(slot, 4), le32(slot, 8)) else { continue };
        if magic != SLOT_MAGIC {
            faults.push("a slot has a wrong magic number".into());
            break;
        }
        // An empty slot.
        if package == 0 || block == 0 {
            continue;
        }
        match blob(bytes, package, block) {
            Some(blob) => blobs.push(blob.to_vec()),
            None => faults.push(format!("the entry of package {package} is cut or overwritten")),
        }
        if blobs.len() + faults.len() > MAX_PACKAGES {
            faults.push(format!("it has more than {MAX_PACKAGES} packages"));
            break;
        }
    }
    Ok((blobs, faults))
}

fn blob(bytes: &[u8], package: u32, block: u32) -> Option<&[u8]> {
    let start = usize::try_from(block).ok()?.checked_mul(BLOCK)?;
    let head = bytes.get(start..start.checked_add(16)?)?;
    if le32(head, 0)? != BLOB_MAGIC || le32(head, 4)? != package {
        return None;
    }
    let length = usize::try_from(le32(head, 12)?).ok()?;
    bytes.get(start + 16..(start + 16).checked_add(length)?)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::header::writer;
    use super::*;

    /// A database of one slot page, written as rpm would.
    fn database(blobs: &[Vec<u8>]) -> Vec<u8> {
        let mut file = Vec::new();
        for number in [DATABASE_MAGIC, 0, 1, 1, blobs.len() as u32 + 1, 0, 0, 0] {
            file.extend_from_slice(&number.to_le_bytes());
        }
        let mut body: Vec<u8> = Vec::new();
        for (i, blob) in blobs.iter().enumerate() {
            let block = (PAGE + body.len()) / BLOCK;
            let blocks = (16 + blob.len() + 12).div_ceil(BLOCK);
            for number in [SLOT_MAGIC, i as u32 + 1, block as u32, blocks as u32] {
                file.extend_from_slice(&number.to_le_bytes());
            }
            for number in [BLOB_MAGIC, i as u32 + 1, 1, blob.len() as u32] {
                body.extend_from_slice(&number.to_le_bytes());
            }
            body.extend_from_slice(blob);
            body.resize(body.len().next_multiple_of(BLOCK) + BLOCK, 0);
        }
        while file.len() < PAGE {
            for number in [SLOT_MAGIC, 0, 0, 0] {
                file.extend_from_slice(&number.to_le_bytes());
            }
        }
        file.extend_from_slice(&body);
        file
    }

    #[test]
    fn every_slot_gives_its_blob() {
        let packages = vec![writer::package("a", "1", "1"), writer::package("b", "2", "1")];
        assert_eq!(blobs(&database(&packages)).unwrap(), (packages, vec![]));
    }

    #[test]
    fn a_database_cut_anywhere_is_never_clean() {
        let file = database(&[writer::package("a", "1", "1")]);
        let end_of_blob = PAGE + 16 + writer::package("a", "1", "1").len();
        for end in 0..end_of_blob {
            let read = blobs(&file[..end]);
            assert!(read.is_err() || read.is_ok_and(|(_, faults)| !faults.is_empty()), "cut at {end}");
        }
    }

    proptest! {
        #[test]
        fn changed_bytes_are_read_without_panic(at in 0usize..8192, byte in any::<u8>()) {
            let mut file = database(&[writer::package("a", "1", "1"), writer::package("b", "2", "1")]);
            let at = at % file.len();
            file[at] = byte;
            let _ = blobs(&file);
        }
    }
}
