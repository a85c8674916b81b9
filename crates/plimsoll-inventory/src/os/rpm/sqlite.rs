//! The table `Packages` of an SQLite file. In: the file. Out: header blobs. Reads table b-trees with overflow pages and
//! nothing else of SQLite; follows "Database File Format" (sqlite.org/fileformat2.html).

use super::MAX_PACKAGES;
use super::bytes::{be16, be32};

const MAGIC: &[u8] = b"SQLite format 3\0";
const INTERIOR: u8 = 5;
const LEAF: u8 = 13;
/// A b-tree of 2^31 pages is less deep.
const MAX_DEPTH: usize = 20;
const MAX_BLOB: usize = 256 << 20;

struct File<'a> {
    bytes: &'a [u8],
    page_size: usize,
    /// Bytes of a page that SQLite uses.
    usable: usize,
    /// Pages that may still be read: each has one parent, so there are no more than the file has. Stops every loop.
    budget: usize,
}

type Row = Vec<u8>;

impl<'a> File<'a> {
    fn open(bytes: &'a [u8]) -> Result<File<'a>, String> {
        if !bytes.starts_with(MAGIC) {
            return Err("it is no SQLite database".into());
        }
        let page_size = match be16(bytes, 16) {
            Some(1) => 65536,
            Some(size) if size >= 512 && size.is_power_of_two() => usize::from(size),
            _ => return Err("its page size is impossible".into()),
        };
        let reserved = usize::from(bytes.get(20).copied().unwrap_or(0));
        if page_size - reserved < 480 {
            return Err("its page size is impossible".into());
        }
        Ok(File { bytes, page_size, usable: page_size - reserved, budget: bytes.len() / page_size + 1 })
    }

    /// Page numbers count from 1.
    fn page(&mut self, number: u32) -> Option<&'a [u8]> {
        self.budget = self.budget.checked_sub(1)?;
        let start = usize::try_from(number.checked_sub(1)?).ok()?.checked_mul(self.page_size)?;
        self.bytes.get(start..start.checked_add(self.page_size)?)
    }

    /// All rows of the table whose root is `root`, left to right. `None` when any page of it cannot be read; rows so far are
    /// in `rows`.
    fn rows(&mut self, root: u32, each: &mut dyn FnMut(Row) -> Option<()>) -> Option<()> {
        // Pages still to visit, the next one last, with their depth.
        let mut open = vec![(root, 0usize)];
        while let Some((number, depth)) = open.pop() {
            if depth > MAX_DEPTH {
                return None;
            }
            let page = self.page(number)?;
            // The first page begins with the file's header.
            let start = if number == 1 { 100 } else { 0 };
            let cells = usize::from(be16(page, start + 3)?);
            match *page.get(start)? {
                LEAF => {
                    for i in 0..cells {
                        let at = usize::from(be16(page, start + 8 + i * 2)?);
                        let row = self.leaf_cell(page, at)?;
                        each(row)?;
                    }
                }
                INTERIOR => {
                    open.push((be32(page, start + 8)?, depth + 1));
                    for i in (0..cells).rev() {
                        let at = usize::from(be16(page, start + 12 + i * 2)?);
                        open.push((be32(page, at)?, depth + 1));
                    }
                    if open.len() > self.bytes.len() / self.page_size + 1 {
                        return None;
                    }
                }
                _ => return None,
            }
        }
        Some(())
    }

    /// The payload of a table leaf cell, overflow pages joined.
    fn leaf_cell(&mut self, page: &'a [u8], at: usize) -> Option<Row> {
        let mut cursor = at;
        let length = usize::try_from(varint(page, &mut cursor)?).ok()?;
        let _row_id = varint(page, &mut cursor)?;
        if length > MAX_BLOB || length > self.bytes.len() {
            return None;
        }
        // "Cell payload overflow": how much of it stands in the page itself.
        let most = self.usable - 35;
        let here = if length <= most {
            length
        } else {
            let least = (self.usable - 12) * 32 / 255 - 23;
            let some = least + (length - least) % (self.usable - 4);
            if some <= most { some } else { least }
        };
        let mut row = page.get(cursor..cursor.checked_add(here)?)?.to_vec();
        if here < length {
            let mut next = be32(page, cursor + here)?;
            while row.len() < length {
                let overflow = self.page(next)?;
                let take = (length - row.len()).min(self.usable - 4);
                row.extend_from_slice(overflow.get(4..4 + take)?);
                next = be32(overflow, 0)?;
            }
        }
        Some(row)
    }
}

/// A variable-length integer of one to nine bytes.
fn varint(bytes: &[u8], at: &mut usize) -> Option<u64> {
    let mut value = 0u64;
    for i in 0..9 {
        let byte = *bytes.get(*at)?;
        *at += 1;
        if i == 8 {
            return Some((value << 8) | u64::from(byte));
        }
        value = (value << 7) | u64::from(byte & 0x7f);
        if byte & 0x80 == 0 {
            break;
        }
    }
    Some(value)
}

/// The columns of a record: serial type and bytes each.
fn columns(row: &[u8]) -> Option<Vec<(u64, &[u8])>> {
    let mut at = 0;
    let header = usize::try_from(varint(row, &mut at)?).ok()?;
    let mut body = header;
    let mut columns = Vec::new();
    while at < header {
        let kind = varint(row, &mut at)?;
        let length = match kind {
            0 | 8 | 9 => 0,
            1..=4 => usize::try_from(kind).ok()?,
            5 => 6,
            6 | 7 => 8,
            10 | 11 => return None,
            kind => usize::try_from((kind - 12) / 2).ok()?,
        };
        columns.push((kind, row.get(body..body.checked_add(length)?)?));
        body += length;
    }
    Some(columns)
}

/// Root page of the table of that name, from the schema in page 1.
fn root_of(file: &mut File<'_>, table: &str) -> Result<u32, String> {
    let mut root = None;
    let read = file.rows(1, &mut |row| {
        let columns = columns(&row)?;
        if let [(_, b"table"), (_, name), _, (_, page), ..] = columns.as_slice()
            && *name == table.as_bytes()
        {
            root = Some(page.iter().try_fold(0u32, |n, b| n.checked_mul(256)?.checked_add(u32::from(*b)))?);
        }
        Some(())
    });
    match (read, root) {
        (_, Some(root)) => Ok(root),
        (None, None) => Err("its schema cannot be read".into()),
        (Some(()), None) => Err(format!("it has no table {table}")),
    }
}

/// The header blobs, and what is wrong with single ones. An error when nothing can be read.
pub fn blobs(bytes: &[u8]) -> Result<(Vec<Vec<u8>>, Vec<String>), String> {
    let mut file = File::open(bytes)?;
    let mut faults = Vec::new();
    // The number of pages stands in the header when the change counters agree, which they do in every modern file.
    let pages = be32(bytes, 28).unwrap_or(0);
    let there = bytes.len() / file.page_size;
    if be32(bytes, 24) == be32(bytes, 92) && usize::try_from(pages).map_or(true, |pages| pages > there) {
        faults.push(format!("it is cut: {there} of {pages} pages are there"));
    }
    let root = root_of(&mut file, "Packages")?;
    let mut blobs = Vec::new();
    let mut bad = 0usize;
    let mut too_many = false;
    let whole = file.rows(root, &mut |row| {
        match columns(&row).as_deref() {
            // hnum (an alias of the row id, stored as NULL) and blob, whose serial types are even from 12 on.
            Some([_, (kind, blob), ..]) if *kind >= 12 && kind % 2 == 0 => blobs.push(blob.to_vec()),
            _ => bad += 1,
        }
        too_many = blobs.len() + bad > MAX_PACKAGES;
        (!too_many).then_some(())
    });
    if too_many {
        faults.push(format!("it has more than {MAX_PACKAGES} packages"));
    } else if whole.is_none() {
        faults.push("a page of its package table is cut or overwritten".into());
    }
    if bad > 0 {
        faults.push(format!("{bad} rows are no package headers"));
    }
    Ok((blobs, faults))
}
