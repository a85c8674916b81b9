//! A text pieced together from a file, as when continued lines become one. In: pieces of the file in its order. Out: the text,
//! and for every range of it the bytes of the file that it stands for.

use std::ops::Range;

use crate::dockerfile::ast::Text;
use crate::source::Span;

/// A text and where each piece of it stands in the file.
#[derive(Debug, Clone, Default)]
pub struct Joined {
    text: String,
    /// Where a piece starts in the text, and where in the file.
    pieces: Vec<(usize, usize)>,
    /// Where the text ends in the file.
    end: usize,
}

impl Joined {
    /// An empty text at a byte of the file.
    pub fn new(at: usize) -> Joined {
        Joined { text: String::new(), pieces: Vec::new(), end: at }
    }

    /// A piece of a file, as it stands there.
    pub fn of(text: &str, at: usize) -> Joined {
        let mut joined = Joined::new(at);
        joined.push(text, at);
        joined
    }

    /// Adds a piece that stands at a byte of the file, not before the last one.
    pub fn push(&mut self, text: &str, at: usize) {
        if text.is_empty() {
            return;
        }
        if self.pieces.is_empty() || self.end != at {
            self.pieces.push((self.text.len(), at));
        }
        self.text.push_str(text);
        self.end = at + text.len();
    }

    /// Adds another text, which stands further down in the file.
    pub fn append(&mut self, other: &Joined) {
        for (index, (start, file)) in other.pieces.iter().enumerate() {
            let until = other.pieces.get(index + 1).map_or(other.text.len(), |(next, _)| *next);
            self.push(other.text.get(*start..until).unwrap_or_default(), *file);
        }
    }

    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Where a byte of the text stands in the file.
    pub fn at(&self, offset: usize) -> usize {
        if offset >= self.text.len() {
            return self.end;
        }
        let next = self.pieces.partition_point(|(start, _)| *start <= offset);
        self.pieces.get(next.wrapping_sub(1)).map_or(self.end, |(start, file)| file + (offset - start))
    }

    /// The bytes of the file from the first to the last of a range.
    pub fn span(&self, range: Range<usize>) -> Span {
        let start = self.at(range.start);
        if range.end <= range.start {
            return Span::new(start, start);
        }
        Span::new(start, self.at(range.end - 1) + usize::from(range.end <= self.text.len()))
    }

    /// A range of the text as a text of its own.
    pub fn part(&self, range: Range<usize>) -> Joined {
        let mut part = Joined::new(self.at(range.start));
        let first = self.pieces.partition_point(|(start, _)| *start <= range.start).saturating_sub(1);
        for (index, (start, file)) in self.pieces.iter().enumerate().skip(first) {
            if *start >= range.end {
                break;
            }
            let until = self.pieces.get(index + 1).map_or(self.text.len(), |(next, _)| *next).min(range.end);
            let from = (*start).max(range.start);
            part.push(self.text.get(from..until).unwrap_or_default(), file + (from - start));
        }
        part
    }

    /// A range's text with its place.
    pub fn text(&self, range: Range<usize>) -> Text {
        Text { text: self.text.get(range.clone()).unwrap_or_default().to_owned(), span: self.span(range) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_know_their_bytes() {
        let mut joined = Joined::new(4);
        joined.push("ab", 4);
        joined.push("çd", 10);
        joined.push("e", 13);
        assert_eq!(joined.as_str(), "abçde");
        assert_eq!(joined.span(0..2), Span::new(4, 6));
        assert_eq!(joined.span(1..4), Span::new(5, 12));
        assert_eq!(joined.span(4..6), Span::new(12, 14));
        assert_eq!(joined.span(6..6), Span::new(14, 14));
        assert_eq!(joined.text(2..5), Text { text: "çd".to_owned(), span: Span::new(10, 13) });
        let part = joined.part(1..5);
        assert_eq!((part.as_str(), part.span(0..1), part.span(1..4)), ("bçd", Span::new(5, 6), Span::new(10, 13)));
    }
}
