//! Places in source text. In: byte offsets. Out: rows, columns and the text itself.

use std::sync::Arc;

/// Half-open byte range of one source; `source` is the index that [`Sources::add`] gave.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
pub struct Span {
    pub source: u32,
    pub start: u32,
    pub end: u32,
}

impl Span {
    /// Of what has no place: sorted after everything that has one, as OPA sorts it.
    pub const NONE: Span = Span { source: u32::MAX, start: 0, end: 0 };

    /// Of a text as a whole: row 0, as OPA has it.
    pub fn of_whole(source: u32) -> Span {
        Span { source, start: u32::MAX, end: u32::MAX }
    }

    pub fn new(source: u32, start: usize, end: usize) -> Span {
        let narrow = |offset: usize| u32::try_from(offset).unwrap_or(u32::MAX);
        Span { source, start: narrow(start), end: narrow(end) }
    }

    /// From the start of this one to the end of `other`.
    pub fn to(self, other: Span) -> Span {
        Span { end: other.end.max(self.end), ..self }
    }
}

/// One text with the name that messages give it.
#[derive(Debug, Clone)]
pub struct Source {
    pub name: Arc<str>,
    pub text: Arc<str>,
    line_starts: Arc<[u32]>,
    /// Bytes before each block of the text that begin no character: columns are counted without walking long lines.
    inner_bytes: Arc<[u32]>,
}

const BLOCK: usize = 256;

/// Continues a character of UTF-8.
fn is_inner(byte: &u8) -> bool {
    byte & 0xC0 == 0x80
}

fn count_inner(bytes: &[u8]) -> u32 {
    u32::try_from(bytes.iter().filter(|byte| is_inner(byte)).count()).unwrap_or(u32::MAX)
}

impl Source {
    pub fn new(name: &str, text: &str) -> Source {
        let starts = std::iter::once(0).chain(
            text.bytes()
                .enumerate()
                .filter(|(_, byte)| *byte == b'\n')
                .map(|(at, _)| u32::try_from(at + 1).unwrap_or(u32::MAX)),
        );
        let mut sum = 0u32;
        let inner = text.as_bytes().chunks(BLOCK).map(|block| {
            let before = sum;
            sum = sum.saturating_add(count_inner(block));
            before
        });
        Source { name: name.into(), text: text.into(), inner_bytes: inner.collect(), line_starts: starts.collect() }
    }

    /// Row and column from 1, the column in characters. The end of the text stands, as OPA has it, in the column of the last
    /// character, and in column 0 of the row that a last new line begins.
    pub fn row_column(&self, offset: u32) -> (usize, usize) {
        if offset == u32::MAX {
            return (0, 0);
        }
        let row = self.line_starts.partition_point(|start| *start <= offset);
        let start = self.line_starts.get(row.wrapping_sub(1)).copied().unwrap_or(0);
        let inner = self.inner_before(offset).saturating_sub(self.inner_before(start));
        let before = (offset - start).saturating_sub(inner) as usize;
        (row, if offset as usize >= self.text.len() { before } else { before + 1 })
    }

    fn inner_before(&self, offset: u32) -> u32 {
        let offset = (offset as usize).min(self.text.len());
        let block = offset / BLOCK;
        match self.inner_bytes.get(block) {
            Some(before) => before.saturating_add(count_inner(&self.text.as_bytes()[block * BLOCK..offset])),
            // Only where the text ends with a block.
            None => self.inner_bytes.last().map_or(0, |before| {
                before.saturating_add(count_inner(&self.text.as_bytes()[(block - 1) * BLOCK..offset]))
            }),
        }
    }

    /// The line of a row (from 1) without its line end.
    pub fn line(&self, row: usize) -> &str {
        let start = self.line_starts.get(row.wrapping_sub(1)).copied().unwrap_or(0) as usize;
        let end = self.line_starts.get(row).map_or(self.text.len(), |next| *next as usize);
        self.text.get(start..end).unwrap_or("").trim_end_matches(['\n', '\r'])
    }

    pub fn slice(&self, span: Span) -> &str {
        self.text.get(span.start as usize..span.end as usize).unwrap_or("")
    }
}

/// All texts of one compilation.
#[derive(Debug, Clone, Default)]
pub struct Sources {
    list: Vec<Source>,
}

impl Sources {
    /// Keeps a text and gives the number that its spans carry.
    pub fn add(&mut self, source: Source) -> u32 {
        self.list.push(source);
        u32::try_from(self.list.len() - 1).unwrap_or(u32::MAX)
    }

    pub fn get(&self, index: u32) -> Option<&Source> {
        self.list.get(index as usize)
    }

    pub fn iter(&self) -> impl Iterator<Item = &Source> {
        self.list.iter()
    }
}
