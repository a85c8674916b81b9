//! A bbolt file from nested maps, for tests and fixtures. In: a tree of buckets. Out: the bytes of a file that bbolt and
//! our reader open. What it does not do: change a file, or spare space: every page is written once, in order.

use std::collections::BTreeMap;

const PAGE: usize = 4096;
const HEADER: usize = 16;
const ELEMENT: usize = 16;
/// bbolt keeps a bucket inside its parent's value up to a quarter of a page, if it holds no bucket itself.
const MAX_INLINE: usize = PAGE / 4;

/// A bucket: keys to values or buckets.
pub type Tree = BTreeMap<Vec<u8>, Node>;

/// What a key holds.
pub enum Node {
    Value(Vec<u8>),
    Bucket(Tree),
}

/// The bytes of a file whose root bucket is `tree`.
pub fn file(tree: &Tree) -> Vec<u8> {
    // Pages 0 and 1 are the meta pages, 2 is the free list.
    let mut pages: Vec<u8> = vec![0; PAGE * 3];
    let root = bucket_pages(tree, &mut pages);
    let high_water = (pages.len() / PAGE) as u64;
    for id in 0..2u64 {
        let at = id as usize * PAGE;
        page_header(&mut pages[at..], id, 0x04, 0, 0);
        let mut meta = Vec::new();
        for word in [0xED0C_DAEDu32, 2, PAGE as u32, 0] {
            meta.extend(word.to_le_bytes());
        }
        for word in [root, 0, 2, high_water, id] {
            meta.extend(word.to_le_bytes());
        }
        let sum = meta
            .iter()
            .fold(0xcbf2_9ce4_8422_2325u64, |hash, byte| (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3));
        meta.extend(sum.to_le_bytes());
        pages[at + HEADER..at + HEADER + meta.len()].copy_from_slice(&meta);
    }
    page_header(&mut pages[2 * PAGE..], 2, 0x10, 0, 0);
    pages
}

fn page_header(page: &mut [u8], id: u64, flags: u16, count: u16, overflow: u32) {
    page[..8].copy_from_slice(&id.to_le_bytes());
    page[8..10].copy_from_slice(&flags.to_le_bytes());
    page[10..12].copy_from_slice(&count.to_le_bytes());
    page[12..16].copy_from_slice(&overflow.to_le_bytes());
}

/// Writes the pages of a bucket and gives the number of its root page.
fn bucket_pages(tree: &Tree, pages: &mut Vec<u8>) -> u64 {
    let leaves: Vec<Leaf> = tree.iter().map(|(key, node)| leaf(key, node, pages)).collect();
    let mut level: Vec<(Vec<u8>, u64)> = Vec::new();
    for group in groups(&leaves, |l| l.key.len() + l.value.len()) {
        let first = group.first().map(|l| l.key.clone()).unwrap_or_default();
        level.push((first, append(&leaf_page(group), 0x02, group.len(), pages)));
    }
    if level.is_empty() {
        level.push((Vec::new(), append(&leaf_page(&[]), 0x02, 0, pages)));
    }
    while level.len() > 1 {
        let mut above = Vec::new();
        for group in groups(&level, |(key, _)| key.len()) {
            let mut body = vec![0; group.len() * ELEMENT];
            for (index, (key, child)) in group.iter().enumerate() {
                let at = index * ELEMENT;
                let pos = (body.len() - at) as u32;
                body[at..at + 4].copy_from_slice(&pos.to_le_bytes());
                body[at + 4..at + 8].copy_from_slice(&(key.len() as u32).to_le_bytes());
                body[at + 8..at + 16].copy_from_slice(&child.to_le_bytes());
                body.extend(key);
            }
            above.push((group[0].0.clone(), append(&body, 0x01, group.len(), pages)));
        }
        level = above;
    }
    level[0].1
}

struct Leaf {
    flags: u32,
    key: Vec<u8>,
    value: Vec<u8>,
}

fn leaf(key: &[u8], node: &Node, pages: &mut Vec<u8>) -> Leaf {
    let key = key.to_vec();
    match node {
        Node::Value(value) => Leaf { flags: 0, key, value: value.clone() },
        Node::Bucket(tree) => {
            let size: usize = tree
                .iter()
                .map(|(key, node)| match node {
                    Node::Value(value) => ELEMENT + key.len() + value.len(),
                    Node::Bucket(_) => MAX_INLINE,
                })
                .sum();
            let mut value;
            if HEADER + size <= MAX_INLINE {
                let leaves: Vec<Leaf> = tree.iter().map(|(key, node)| leaf(key, node, pages)).collect();
                value = vec![0; 16 + HEADER];
                page_header(&mut value[16..], 0, 0x02, leaves.len() as u16, 0);
                value.extend(leaf_page(&leaves));
            } else {
                value = bucket_pages(tree, pages).to_le_bytes().to_vec();
                value.extend([0; 8]);
            }
            Leaf { flags: 1, key, value }
        }
    }
}

/// The elements of a leaf page and what they point to, without the page's header.
fn leaf_page(leaves: &[Leaf]) -> Vec<u8> {
    let mut body = vec![0; leaves.len() * ELEMENT];
    for (index, leaf) in leaves.iter().enumerate() {
        let at = index * ELEMENT;
        let words = [leaf.flags, (body.len() - at) as u32, leaf.key.len() as u32, leaf.value.len() as u32];
        for (word, value) in words.iter().enumerate() {
            body[at + word * 4..at + word * 4 + 4].copy_from_slice(&value.to_le_bytes());
        }
        body.extend(&leaf.key);
        body.extend(&leaf.value);
    }
    body
}

/// Cuts a level into pages: at least two elements each while there are two, as bbolt wants it.
fn groups<T>(items: &[T], size: impl Fn(&T) -> usize) -> Vec<&[T]> {
    let mut groups = Vec::new();
    let (mut start, mut used) = (0, HEADER);
    for (index, item) in items.iter().enumerate() {
        let need = ELEMENT + size(item);
        if used + need > PAGE && index - start >= 2 {
            groups.push(&items[start..index]);
            (start, used) = (index, HEADER);
        }
        used += need;
    }
    if start < items.len() {
        groups.push(&items[start..]);
    }
    groups
}

fn append(body: &[u8], flags: u16, count: usize, pages: &mut Vec<u8>) -> u64 {
    let at = pages.len();
    let id = (at / PAGE) as u64;
    let total = (HEADER + body.len()).div_ceil(PAGE);
    pages.resize(at + total * PAGE, 0);
    page_header(&mut pages[at..], id, flags, count as u16, (total - 1) as u32);
    pages[at + HEADER..at + HEADER + body.len()].copy_from_slice(body);
    id
}
