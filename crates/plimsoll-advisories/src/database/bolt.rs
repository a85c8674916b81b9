//! Files of bbolt, format version 2 (<https://pkg.go.dev/go.etcd.io/bbolt>), read in place. In: the bytes of a file, mapped or not.
//! Out: nested buckets of keys and values. What it does not do: write, or read the free list. The bytes are hostile:
//! every offset is checked, depth and page counts are bounded, and a page that is not what its parent says is an error.

/// Both meta pages begin with it.
const MAGIC: u32 = 0xED0C_DAED;
const VERSION: u32 = 2;
const PAGE_HEADER: usize = 16;
const ELEMENT: usize = 16;
/// Root page and sequence number before an inline bucket's page.
const BUCKET_HEADER: usize = 16;
const BRANCH_PAGE: u16 = 0x01;
const LEAF_PAGE: u16 = 0x02;
const META_PAGE: u16 = 0x04;
const BUCKET_LEAF: u32 = 0x01;
/// A page holds at least two keys, so 2^40 keys need 40 levels; real files have 4.
const MAX_DEPTH: usize = 40;
/// bbolt makes pages as large as the machine's: 4 KiB to 64 KiB.
const PAGE_SIZES: [usize; 8] = [512, 1024, 2048, 4096, 8192, 16384, 32768, 65536];

/// What is wrong with the file, as a fragment.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct BoltError(String);

impl BoltError {
    pub(crate) fn too_many(limit: usize) -> BoltError {
        BoltError(format!("more than {limit} buckets at its root"))
    }
}

fn bad<T>(what: impl Into<String>) -> Result<T, BoltError> {
    Err(BoltError(what.into()))
}

/// An opened file.
#[derive(Debug, Clone, Copy)]
pub struct Bolt<'a> {
    bytes: &'a [u8],
    page_size: usize,
    root: u64,
    /// Pages with this number or a higher one do not exist.
    high_water: u64,
    transaction: u64,
}

struct Meta {
    page_size: usize,
    root: u64,
    high_water: u64,
    transaction: u64,
}

impl<'a> Bolt<'a> {
    /// Opens the bytes of a file by the newest of its two meta pages that is whole.
    ///
    /// # Errors
    /// When neither is, or the file is shorter than they say.
    pub fn open(bytes: &'a [u8]) -> Result<Bolt<'a>, BoltError> {
        let first = meta(bytes, 0);
        // Where the first meta page is torn, the second is looked for at every page size that there is.
        let second = match &first {
            Some(first) => meta(bytes, first.page_size),
            None => PAGE_SIZES.iter().find_map(|size| meta(bytes, *size).filter(|m| m.page_size == *size)),
        };
        let newest = match (first, second) {
            (Some(a), Some(b)) if b.transaction > a.transaction && b.page_size == a.page_size => b,
            (Some(meta), _) | (None, Some(meta)) => meta,
            (None, None) => {
                return bad("no whole meta page: it is no bbolt file of version 2, or its head is damaged");
            }
        };
        let wanted = newest.high_water.checked_mul(newest.page_size as u64);
        match wanted {
            Some(wanted) if wanted <= bytes.len() as u64 => {}
            _ => {
                let wanted = wanted.map_or("far more".to_owned(), |n| n.to_string());
                return bad(format!("the file is cut short: it has {} bytes and should have {wanted}", bytes.len()));
            }
        }
        Ok(Bolt {
            bytes,
            page_size: newest.page_size,
            root: newest.root,
            high_water: newest.high_water,
            transaction: newest.transaction,
        })
    }

    /// True for bytes that begin like a bbolt file.
    pub fn looks_like(bytes: &[u8]) -> bool {
        u32_at(bytes, PAGE_HEADER) == Some(MAGIC)
    }

    /// The number of the transaction that wrote the file last.
    pub fn transaction(&self) -> u64 {
        self.transaction
    }

    /// The bucket that holds all others.
    pub fn root(&self) -> Bucket<'a> {
        Bucket { file: *self, place: Place::Page(self.root) }
    }

    fn page(&self, id: u64) -> Result<Page<'a>, BoltError> {
        if id < 2 || id >= self.high_water {
            return bad(format!("page {id} is outside of the file"));
        }
        let start = usize::try_from(id).ok().and_then(|id| id.checked_mul(self.page_size));
        let header = start.and_then(|start| self.bytes.get(start..)).unwrap_or_default();
        let (Some(own), Some(overflow)) = (u64_at(header, 0), u32_at(header, 12)) else {
            return bad(format!("page {id} is outside of the file"));
        };
        if own != id {
            return bad(format!("page {id} calls itself page {own}"));
        }
        let length = (overflow as usize).checked_add(1).and_then(|pages| pages.checked_mul(self.page_size));
        match length.and_then(|length| header.get(..length)) {
            Some(bytes) => Page::read(bytes, id),
            None => bad(format!("page {id} runs past the end of the file")),
        }
    }
}

fn meta(bytes: &[u8], at: usize) -> Option<Meta> {
    let page = bytes.get(at..)?;
    if u16_at(page, 8)? != META_PAGE {
        return None;
    }
    let meta = page.get(PAGE_HEADER..PAGE_HEADER + 64)?;
    let page_size = u32_at(meta, 8)? as usize;
    let good = u32_at(meta, 0)? == MAGIC
        && u32_at(meta, 4)? == VERSION
        && PAGE_SIZES.contains(&page_size)
        && u64_at(meta, 56)? == fnv1a(meta.get(..56)?);
    good.then_some(())?;
    Some(Meta { page_size, root: u64_at(meta, 16)?, high_water: u64_at(meta, 40)?, transaction: u64_at(meta, 48)? })
}

/// FNV-1a, 64 bits: the checksum of meta pages.
pub fn fnv1a(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3))
}

fn u16_at(bytes: &[u8], at: usize) -> Option<u16> {
    Some(u16::from_le_bytes(bytes.get(at..at.checked_add(2)?)?.try_into().ok()?))
}

fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_le_bytes(bytes.get(at..at.checked_add(4)?)?.try_into().ok()?))
}

fn u64_at(bytes: &[u8], at: usize) -> Option<u64> {
    Some(u64::from_le_bytes(bytes.get(at..at.checked_add(8)?)?.try_into().ok()?))
}

#[derive(Clone, Copy)]
struct Page<'a> {
    bytes: &'a [u8],
    leaf: bool,
    count: usize,
    id: u64,
}

/// One element of a leaf.
struct Leaf<'a> {
    key: &'a [u8],
    value: &'a [u8],
    bucket: bool,
}

impl<'a> Page<'a> {
    fn read(bytes: &'a [u8], id: u64) -> Result<Page<'a>, BoltError> {
        let (Some(flags), Some(count)) = (u16_at(bytes, 8), u16_at(bytes, 10)) else {
            return bad(format!("page {id} has no header"));
        };
        let leaf = match flags {
            LEAF_PAGE => true,
            BRANCH_PAGE => false,
            other => return bad(format!("page {id} is neither branch nor leaf (flags {other:#x})")),
        };
        let count = usize::from(count);
        if bytes.len() < PAGE_HEADER + count * ELEMENT {
            return bad(format!("page {id} is too short for its {count} elements"));
        }
        if !leaf && count == 0 {
            return bad(format!("branch page {id} has no children"));
        }
        Ok(Page { bytes, leaf, count, id })
    }

    /// Where element `index` begins. `index < count`, and `read` checked that `count` elements fit.
    fn element(index: usize) -> usize {
        PAGE_HEADER + index * ELEMENT
    }

    fn slice(&self, start: Option<usize>, length: u32) -> Result<&'a [u8], BoltError> {
        start
            .and_then(|start| self.bytes.get(start..start.checked_add(length as usize)?))
            .ok_or_else(|| BoltError(format!("an element of page {} runs past its end", self.id)))
    }

    fn leaf(&self, index: usize) -> Result<Leaf<'a>, BoltError> {
        let at = Self::element(index);
        let fields = (u32_at(self.bytes, at), u32_at(self.bytes, at + 4), u32_at(self.bytes, at + 8));
        let (Some(flags), Some(pos), Some(key_size)) = fields else { return bad("an element outside of its page") };
        let value_size = u32_at(self.bytes, at + 12).unwrap_or(u32::MAX);
        let start = at.checked_add(pos as usize);
        let key = self.slice(start, key_size)?;
        let value = self.slice(start.and_then(|s| s.checked_add(key_size as usize)), value_size)?;
        Ok(Leaf { key, value, bucket: flags & BUCKET_LEAF != 0 })
    }

    fn branch(&self, index: usize) -> Result<(&'a [u8], u64), BoltError> {
        let at = Self::element(index);
        let fields = (u32_at(self.bytes, at), u32_at(self.bytes, at + 4), u64_at(self.bytes, at + 8));
        let (Some(pos), Some(key_size), Some(child)) = fields else { return bad("an element outside of its page") };
        Ok((self.slice(at.checked_add(pos as usize), key_size)?, child))
    }

    fn key(&self, index: usize) -> Result<&'a [u8], BoltError> {
        if self.leaf { Ok(self.leaf(index)?.key) } else { Ok(self.branch(index)?.0) }
    }

    /// The number of keys below `key`.
    fn below(&self, key: &[u8]) -> Result<usize, BoltError> {
        let (mut low, mut high) = (0, self.count);
        while low < high {
            let middle = low + (high - low) / 2;
            if self.key(middle)? < key { low = middle + 1 } else { high = middle }
        }
        Ok(low)
    }

    /// Keys of a page ascend; where they do not, a search may miss what is there, and "none" would be a lie.
    fn in_order(&self) -> Result<(), BoltError> {
        let mut last: Option<&[u8]> = None;
        for index in 0..self.count {
            let key = self.key(index)?;
            if last.is_some_and(|last| last >= key) {
                return bad(format!("the keys of page {} are out of order", self.id));
            }
            last = Some(key);
        }
        Ok(())
    }
}

#[derive(Debug, Clone, Copy)]
enum Place<'a> {
    Page(u64),
    /// A small bucket, whole within its parent's value.
    Inline(&'a [u8]),
}

/// A bucket.
#[derive(Debug, Clone, Copy)]
pub struct Bucket<'a> {
    file: Bolt<'a>,
    place: Place<'a>,
}

/// What a key holds.
#[derive(Debug, Clone, Copy)]
pub enum Entry<'a> {
    Value(&'a [u8]),
    Bucket(Bucket<'a>),
}

impl<'a> Bucket<'a> {
    /// What `key` holds here.
    ///
    /// # Errors
    /// When the pages on the way are broken.
    pub fn get(&self, key: &[u8]) -> Result<Option<Entry<'a>>, BoltError> {
        let mut page = self.first_page()?;
        for _ in 0..MAX_DEPTH {
            page.in_order()?;
            let below = page.below(key)?;
            if page.leaf {
                if below >= page.count {
                    return Ok(None);
                }
                let leaf = page.leaf(below)?;
                return if leaf.key == key { self.entry(&leaf).map(Some) } else { Ok(None) };
            }
            // The child whose first key is the key, or the last one that begins before it.
            let exact = below < page.count && page.key(below)? == key;
            let index = if exact { below } else { below.saturating_sub(1) };
            page = self.file.page(page.branch(index)?.1)?;
        }
        bad(format!("pages nest more than {MAX_DEPTH} deep"))
    }

    /// The bucket that `key` holds here.
    ///
    /// # Errors
    /// When the pages on the way are broken, or `key` holds a value.
    pub fn bucket(&self, key: &[u8]) -> Result<Option<Bucket<'a>>, BoltError> {
        match self.get(key)? {
            None => Ok(None),
            Some(Entry::Bucket(bucket)) => Ok(Some(bucket)),
            Some(Entry::Value(_)) => {
                bad(format!("{:?} is a value where a bucket belongs", String::from_utf8_lossy(key)))
            }
        }
    }

    /// The value that `key` holds here.
    ///
    /// # Errors
    /// When the pages on the way are broken, or `key` holds a bucket.
    pub fn value(&self, key: &[u8]) -> Result<Option<&'a [u8]>, BoltError> {
        match self.get(key)? {
            None => Ok(None),
            Some(Entry::Value(value)) => Ok(Some(value)),
            Some(Entry::Bucket(_)) => {
                bad(format!("{:?} is a bucket where a value belongs", String::from_utf8_lossy(key)))
            }
        }
    }

    /// Every key with what it holds, ascending.
    ///
    /// # Errors
    /// When a page is broken; or the first error of `each`.
    pub fn each<E: From<BoltError>>(
        &self,
        each: &mut dyn FnMut(&'a [u8], Entry<'a>) -> Result<(), E>,
    ) -> Result<(), E> {
        // No page is reached twice in a whole file, so more visits than pages mean a loop.
        let mut visits = self.file.high_water.saturating_add(1);
        let mut stack = vec![(self.first_page()?, 0)];
        while let Some((page, index)) = stack.pop() {
            if index == 0 {
                page.in_order()?;
            }
            if index >= page.count {
                continue;
            }
            if page.leaf {
                for index in 0..page.count {
                    let leaf = page.leaf(index)?;
                    each(leaf.key, self.entry(&leaf)?)?;
                }
                continue;
            }
            if stack.len() >= MAX_DEPTH {
                return Err(BoltError(format!("pages nest more than {MAX_DEPTH} deep")).into());
            }
            visits = match visits.checked_sub(1) {
                Some(left) => left,
                None => return Err(BoltError("pages point in a circle".to_owned()).into()),
            };
            stack.push((page, index + 1));
            stack.push((self.file.page(page.branch(index)?.1)?, 0));
        }
        Ok(())
    }

    fn first_page(&self) -> Result<Page<'a>, BoltError> {
        match self.place {
            Place::Page(id) => self.file.page(id),
            Place::Inline(bytes) => Page::read(bytes, 0)
                .and_then(|page| if page.leaf { Ok(page) } else { bad("an inline bucket has children") }),
        }
    }

    fn entry(&self, leaf: &Leaf<'a>) -> Result<Entry<'a>, BoltError> {
        if !leaf.bucket {
            return Ok(Entry::Value(leaf.value));
        }
        let (Some(root), Some(rest)) = (u64_at(leaf.value, 0), leaf.value.get(BUCKET_HEADER..)) else {
            return bad("a bucket without its header");
        };
        let place = if root == 0 { Place::Inline(rest) } else { Place::Page(root) };
        Ok(Entry::Bucket(Bucket { file: self.file, place }))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::writer::{Node, Tree, file};
    use super::*;

    fn values(pairs: impl IntoIterator<Item = (String, Vec<u8>)>) -> Tree {
        pairs.into_iter().map(|(key, value)| (key.into_bytes(), Node::Value(value))).collect()
    }

    /// Inline buckets, a bucket of several levels of branch pages, values that overflow their page, an empty bucket.
    fn sample() -> Vec<u8> {
        let large = values((0..3000).map(|n| (format!("key-{n:05}"), vec![n as u8; 40])));
        let mut root = Tree::new();
        root.insert(b"empty".to_vec(), Node::Bucket(Tree::new()));
        root.insert(b"inline".to_vec(), Node::Bucket(values([("a".to_owned(), b"1".to_vec())])));
        root.insert(b"large".to_vec(), Node::Bucket(large));
        root.insert(b"long".to_vec(), Node::Bucket(values([("v".to_owned(), vec![7; 20_000])])));
        let nested: Tree =
            [(b"deeper".to_vec(), Node::Bucket(values([("x".to_owned(), b"y".to_vec())])))].into_iter().collect();
        root.insert(b"nested".to_vec(), Node::Bucket(nested));
        file(&root)
    }

    /// Reads everything there is; the number of values.
    fn walk(bucket: &Bucket<'_>, depth: usize) -> Result<usize, BoltError> {
        let mut count = 0;
        bucket.each(&mut |_, entry| {
            match entry {
                Entry::Value(_) => count += 1,
                Entry::Bucket(inner) if depth < 4 => count += walk(&inner, depth + 1)?,
                Entry::Bucket(_) => {}
            }
            Ok::<(), BoltError>(())
        })?;
        Ok(count)
    }

    #[test]
    fn every_shape_of_bucket_is_read() {
        let bytes = sample();
        let bolt = Bolt::open(&bytes).unwrap();
        let root = bolt.root();
        assert_eq!(walk(&root, 0).unwrap(), 3003);
        let large = root.bucket(b"large").unwrap().unwrap();
        for n in 0..3000u32 {
            assert_eq!(large.value(format!("key-{n:05}").as_bytes()).unwrap(), Some(&[n as u8; 40][..]));
        }
        for absent in ["", "key-", "key-00000x", "zzz"] {
            assert!(large.get(absent.as_bytes()).unwrap().is_none());
        }
        assert_eq!(root.bucket(b"long").unwrap().unwrap().value(b"v").unwrap(), Some(&[7; 20_000][..]));
        assert!(root.bucket(b"empty").unwrap().unwrap().get(b"x").unwrap().is_none());
        assert!(root.value(b"inline").is_err(), "a bucket is no value");
    }

    #[test]
    fn torn_meta_page_leaves_the_other_one() {
        let mut bytes = sample();
        assert_eq!(Bolt::open(&bytes).unwrap().transaction(), 1);
        bytes[4096 + 40] ^= 1;
        assert_eq!(Bolt::open(&bytes).unwrap().transaction(), 0);
        bytes[4096 + 40] ^= 1;
        bytes[40] ^= 1;
        assert_eq!(Bolt::open(&bytes).unwrap().transaction(), 1);
        bytes[4096 + 40] ^= 1;
        assert!(Bolt::open(&bytes).is_err());
    }

    #[test]
    fn file_cut_anywhere_does_not_open() {
        let bytes = sample();
        for length in (0..bytes.len()).step_by(97).chain([bytes.len() - 1]) {
            let error = Bolt::open(&bytes[..length]).unwrap_err().to_string();
            assert!(error.contains("cut short") || error.contains("meta page"), "{length}: {error}");
        }
    }

    #[test]
    fn page_that_points_back_is_no_loop() {
        let bytes = sample();
        for page in 3..bytes.len() / 4096 {
            let at = page * 4096;
            if u16_at(&bytes, at + 8) != Some(BRANCH_PAGE) {
                continue;
            }
            let mut looped = bytes.clone();
            looped[at + 24..at + 32].copy_from_slice(&(page as u64).to_le_bytes());
            assert!(walk(&Bolt::open(&looped).unwrap().root(), 0).is_err());
        }
    }

    proptest! {
        #[test]
        fn flipped_bytes_never_panic(flips in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..8)) {
            static SAMPLE: std::sync::LazyLock<Vec<u8>> = std::sync::LazyLock::new(sample);
            let mut bytes = SAMPLE.clone();
            for (index, value) in flips {
                let at = index.index(bytes.len());
                bytes[at] = value;
            }
            if let Ok(bolt) = Bolt::open(&bytes) {
                let _ = walk(&bolt.root(), 0);
                let _ = bolt.root().bucket(b"large").map(|b| b.map(|b| b.get(b"key-01234").map(|_| ())));
            }
        }
    }
}

#[cfg(test)]
#[path = "../../examples/trivy_fixture_db/bolt_writer.rs"]
pub(crate) mod writer;
