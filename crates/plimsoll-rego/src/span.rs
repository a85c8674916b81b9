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
}

impl Source {
    pub fn new(name: &str, text: &str) -> Source {
        let starts = std::iter::once(0).chain(
            text.bytes()
                .enumerate()
                .filter(|(_, byte)| *byte == b'\n')
                .map(|(at, _)| u32::try_from(at + 1).unwrap_or(u32::MAX)),
        );
        Source { name: name.into(), text: text.into(), line_starts: starts.collect() }
    }

    /// Row and column from 1, the column in bytes as OPA counts it.
    pub fn row_column(&self, offset: u32) -> (usize, usize) {
        let row = self.line_starts.partition_point(|start| *start <= offset);
        let start = self.line_starts.get(row.wrapping_sub(1)).copied().unwrap_or(0);
        (row, (offset - start) as usize + 1)
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
