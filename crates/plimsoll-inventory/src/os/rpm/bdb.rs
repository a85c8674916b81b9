//! Berkeley DB hash files, rpm's database until 2020 (`Packages`). In: the file. Out: header blobs. Reads hash and overflow
//! pages only, in either byte order; follows Berkeley DB's `dbinc/db_page.h`.

use super::MAX_PACKAGES;
use super::bytes::{be16, be32, le16, le32};

const HASH_MAGIC: u32 = 0x0006_1561;
const PAGE_HEADER: usize = 26;
const UNSORTED_HASH: u8 = 2;
const OVERFLOW: u8 = 7;
const HASH: u8 = 13;
const INLINE: u8 = 1;
const OFF_PAGE: u8 = 3;
/// One header: rpm's own bound.
const MAX_BLOB: usize = 256 << 20;

struct File<'a> {
    bytes: &'a [u8],
    page_size: usize,
    big_endian: bool,
}

impl<'a> File<'a> {
    fn u32(&self, bytes: &[u8], at: usize) -> Option<u32> {
        if self.big_endian { be32(bytes, at) } else { le32(bytes, at) }
    }

    fn u16(&self, bytes: &[u8], at: usize) -> Option<u16> {
        if self.big_endian { be16(bytes, at) } else { le16(bytes, at) }
    }

    fn page(&self, number: u32) -> Option<&'a [u8]> {
        let start = usize::try_from(number).ok()?.checked_mul(self.page_size)?;
        self.bytes.get(start..start.checked_add(self.page_size)?)
    }

    /// The values of a hash page: every second item, keys come first.
    fn values(&self, page: &[u8], found: &mut Found) -> Option<()> {
        let entries = usize::from(self.u16(page, 20)?);
        for i in (1..entries).step_by(2) {
            let at = |i: usize| self.u16(page, PAGE_HEADER + i * 2).map(usize::from);
            // Items grow down from the page's end, so the one before says where this one ends.
            let (start, end) = (at(i)?, at(i - 1)?);
            let item = page.get(start..end)?;
            match *item.first()? {
                // Small values stand in the page; one of four bytes is rpm's counter of packages.
                INLINE if item.len() > 8 => found.blobs.push(item[1..].to_vec()),
                OFF_PAGE => match self.off_page(item, &mut found.budget) {
                    Some(blob) => found.blobs.push(blob),
                    None => found.bad += 1,
                },
                INLINE => {}
                _ => found.bad += 1,
            }
            if found.blobs.len() + found.bad > MAX_PACKAGES {
                return None;
            }
        }
        Some(())
    }

    /// A value in a chain of overflow pages. `budget`: pages that may still be read, so that chains cannot loop or be
    /// shared without end.
    fn off_page(&self, item: &[u8], budget: &mut usize) -> Option<Vec<u8>> {
        let mut next = self.u32(item, 4)?;
        let length = usize::try_from(self.u32(item, 8)?).ok()?;
        if length > MAX_BLOB || length > self.bytes.len() {
            return None;
        }
        let mut blob = Vec::with_capacity(length);
        while next != 0 {
            *budget = budget.checked_sub(1)?;
            let page = self.page(next)?;
            if *page.get(25)? != OVERFLOW {
                return None;
            }
            let used = usize::from(self.u16(page, 22)?);
            blob.extend_from_slice(page.get(PAGE_HEADER..PAGE_HEADER + used)?);
            if blob.len() > length {
                return None;
            }
            next = self.u32(page, 16)?;
        }
        (blob.len() == length).then_some(blob)
    }
}

struct Found {
    blobs: Vec<Vec<u8>>,
    bad: usize,
    budget: usize,
}

/// The header blobs, and what is wrong with single ones. An error when nothing can be read.
pub fn blobs(bytes: &[u8]) -> Result<(Vec<Vec<u8>>, Vec<String>), String> {
    let big_endian = match (le32(bytes, 12), be32(bytes, 12)) {
        (Some(HASH_MAGIC), _) => false,
        (_, Some(HASH_MAGIC)) => true,
        _ => return Err("it is no Berkeley DB hash file".into()),
    };
    let mut file = File { bytes, page_size: 0, big_endian };
    let page_size = file.u32(bytes, 20).unwrap_or(0);
    if !(512..=65536).contains(&page_size) || !page_size.is_power_of_two() {
        return Err(format!("a page size of {page_size} is impossible"));
    }
    if bytes.get(24) != Some(&0) {
        return Err("it is encrypted".into());
    }
    file.page_size = page_size as usize;
    let last = file.u32(bytes, 32).ok_or("it is cut in its first page")?;
    let there = bytes.len() / file.page_size;
    let mut found = Found { blobs: Vec::new(), bad: 0, budget: there };
    let mut faults = Vec::new();
    if usize::try_from(last).map_or(true, |last| last >= there) {
        faults.push(format!("it is cut: {there} of {} pages are there", u64::from(last) + 1));
    }
    for number in 1..there.min((last as usize).saturating_add(1)) {
        let Some(page) = u32::try_from(number).ok().and_then(|number| file.page(number)) else { break };
        if matches!(page[25], HASH | UNSORTED_HASH) && file.values(page, &mut found).is_none() {
            faults.push(format!("page {number} contradicts itself"));
        }
        if found.blobs.len() + found.bad > MAX_PACKAGES {
            faults.push(format!("it has more than {MAX_PACKAGES} packages"));
            break;
        }
    }
    if found.bad > 0 {
        faults.push(format!("{} entries are cut or overwritten", found.bad));
    }
    Ok((found.blobs, faults))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::header::writer;
    use super::*;

    const PAGE: usize = 512;

    /// A hash file with one bucket page and overflow pages, as Berkeley DB writes it on a little-endian machine.
    fn database(blobs: &[Vec<u8>]) -> Vec<u8> {
        let mut overflow: Vec<Vec<u8>> = Vec::new();
        let mut bucket = vec![0u8; PAGE];
        let mut top = PAGE;
        let mut offsets: Vec<u16> = Vec::new();
        let mut put = |bucket: &mut Vec<u8>, item: &[u8]| {
            top -= item.len();
            bucket[top..top + item.len()].copy_from_slice(item);
            offsets.push(top as u16);
        };
        put(&mut bucket, &[INLINE, 0, 0, 0, 0]);
        put(&mut bucket, &[INLINE, 9, 0, 0, 0]);
        for (i, blob) in blobs.iter().enumerate() {
            let first = 2 + overflow.len();
            let pieces: Vec<_> = blob.chunks(PAGE - PAGE_HEADER).collect();
            for (j, piece) in pieces.iter().enumerate() {
                let mut page = vec![0u8; PAGE];
                let next = if j + 1 < pieces.len() { first + j + 1 } else { 0 };
                page[16..20].copy_from_slice(&(next as u32).to_le_bytes());
                page[22..24].copy_from_slice(&(piece.len() as u16).to_le_bytes());
                page[25] = OVERFLOW;
                page[PAGE_HEADER..PAGE_HEADER + piece.len()].copy_from_slice(piece);
                overflow.push(page);
            }
            put(&mut bucket, &[INLINE, i as u8 + 1, 0, 0, 0]);
            let mut item = vec![OFF_PAGE, 0, 0, 0];
            item.extend_from_slice(&(first as u32).to_le_bytes());
            item.extend_from_slice(&(blob.len() as u32).to_le_bytes());
            put(&mut bucket, &item);
        }
        bucket[20..22].copy_from_slice(&(offsets.len() as u16).to_le_bytes());
        bucket[25] = HASH;
        for (i, offset) in offsets.iter().enumerate() {
            bucket[PAGE_HEADER + i * 2..PAGE_HEADER + i * 2 + 2].copy_from_slice(&offset.to_le_bytes());
        }
        let mut meta = vec![0u8; PAGE];
        meta[12..16].copy_from_slice(&HASH_MAGIC.to_le_bytes());
        meta[20..24].copy_from_slice(&(PAGE as u32).to_le_bytes());
        meta[25] = 8;
        meta[32..36].copy_from_slice(&(1 + overflow.len() as u32).to_le_bytes());
        [meta, bucket, overflow.concat()].concat()
    }

    #[test]
    fn values_in_chains_of_pages_are_whole() {
        let long = "v".repeat(2000);
        let packages = vec![writer::package("a", &long, "1"), writer::package("b", "2", "1")];
        assert_eq!(blobs(&database(&packages)).unwrap(), (packages, vec![]));
    }

    #[test]
    fn a_database_cut_at_any_page_is_never_clean() {
        let file = database(&[writer::package("a", "1", "1")]);
        for end in 0..file.len() {
            let read = blobs(&file[..end]);
            assert!(read.is_err() || read.is_ok_and(|(_, faults)| !faults.is_empty()), "cut at {end}");
        }
    }

    #[test]
    fn a_chain_that_loops_ends() {
        let mut file = database(&[writer::package("a", &"v".repeat(2000), "1")]);
        file[2 * PAGE + 16..2 * PAGE + 20].copy_from_slice(&2u32.to_le_bytes());
        assert!(!blobs(&file).unwrap().1.is_empty());
    }

    proptest! {
        #[test]
        fn changed_bytes_are_read_without_panic(at in 0usize..4096, byte in any::<u8>()) {
            let mut file = database(&[writer::package("a", "1", "1"), writer::package("b", "2", "1")]);
            let at = at % file.len();
            file[at] = byte;
            let _ = blobs(&file);
        }
    }
}
