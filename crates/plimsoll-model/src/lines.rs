//! Lines and columns of a text. In: a text. Out: an index from bytes to lines and columns in characters and back, that
//! never reads a long line again for each look-up. What it does not do: keep the text; who asks brings it.

use std::ops::Range;

/// Bytes that are counted at most to tell a column.
const MARK: usize = 1024;

/// Where lines start, and how many characters stand before every so many bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lines {
    starts: Vec<usize>,
    marks: Vec<usize>,
    /// Of those characters, how many take two units of UTF-16.
    wide: Vec<usize>,
}

/// Characters that begin in these bytes.
fn characters(bytes: &[u8]) -> usize {
    bytes.iter().filter(|byte| (**byte & 0xc0) != 0x80).count()
}

/// Of those the ones beyond the Basic Multilingual Plane.
fn wide(bytes: &[u8]) -> usize {
    bytes.iter().filter(|byte| **byte >= 0xf0).count()
}

/// What stands before every so many bytes.
fn sums(text: &str, count: fn(&[u8]) -> usize) -> Vec<usize> {
    let mut before = 0;
    let sums = text.as_bytes().chunks(MARK).map(|chunk| {
        let here = before;
        before += count(chunk);
        here
    });
    sums.collect()
}

impl Lines {
    pub fn new(text: &str) -> Lines {
        let starts = text.bytes().enumerate().filter(|(_, byte)| *byte == b'\n').map(|(at, _)| at + 1);
        let starts = std::iter::once(0).chain(starts).collect();
        Lines { starts, marks: sums(text, characters), wide: sums(text, wide) }
    }

    /// How many lines there are; a last line break begins one more.
    pub fn count(&self) -> u32 {
        u32::try_from(self.starts.len()).unwrap_or(u32::MAX)
    }

    /// The line of a byte, from 1.
    pub fn line(&self, offset: usize) -> u32 {
        u32::try_from(self.starts.partition_point(|start| *start <= offset)).unwrap_or(u32::MAX)
    }

    /// The line and the column in characters of a byte, both from 1.
    pub fn line_column(&self, text: &str, offset: usize) -> (u32, u32) {
        let offset = offset.min(text.len());
        let line = self.line(offset);
        let start = self.starts[line as usize - 1];
        let before = self.characters_before(text, offset) - self.characters_before(text, start);
        (line, u32::try_from(before + 1).unwrap_or(u32::MAX))
    }

    /// The line and the column in units of UTF-16 of a byte, both from 1, as editors count.
    pub fn line_units(&self, text: &str, offset: usize) -> (u32, u32) {
        let offset = offset.min(text.len());
        let (line, column) = self.line_column(text, offset);
        let start = self.starts[line as usize - 1];
        let before = |offset| before(&self.wide, text, offset, wide);
        (line, column.saturating_add(u32::try_from(before(offset) - before(start)).unwrap_or(u32::MAX)))
    }

    /// The bytes of a line (from 1) without its line break; none past the end.
    pub fn line_range(&self, text: &str, line: u32) -> Option<Range<usize>> {
        let start = *self.starts.get((line as usize).checked_sub(1)?)?;
        let end = self.starts.get(line as usize).map_or(text.len(), |next| next - 1);
        let end = if end > start && text.as_bytes().get(end - 1) == Some(&b'\r') { end - 1 } else { end };
        Some(start..end)
    }

    /// The byte at a line and column in characters, both from 1; none outside the text.
    pub fn offset(&self, text: &str, line: u32, column: u32) -> Option<usize> {
        let range = self.line_range(text, line)?;
        let wanted = self.characters_before(text, range.start) + (column as usize).checked_sub(1)?;
        let mark = self.marks.partition_point(|before| *before <= wanted).saturating_sub(1);
        let mut counted = self.marks.get(mark).copied().unwrap_or_default();
        let mut offset = mark * MARK;
        // Characters begin at bytes that continue none.
        for byte in text.as_bytes().get(offset..)? {
            if (*byte & 0xc0) != 0x80 {
                if counted == wanted {
                    break;
                }
                counted += 1;
            }
            offset += 1;
        }
        (offset <= range.end && counted == wanted).then_some(offset)
    }

    /// Characters that begin before a byte of the text.
    fn characters_before(&self, text: &str, offset: usize) -> usize {
        before(&self.marks, text, offset, characters)
    }
}

/// What is counted before a byte of the text.
fn before(sums: &[usize], text: &str, offset: usize, count: fn(&[u8]) -> usize) -> usize {
    let mark = (offset / MARK).min(sums.len().saturating_sub(1));
    let counted = sums.get(mark).copied().unwrap_or_default();
    counted + count(text.as_bytes().get(mark * MARK..offset).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn places_of_long_lines_count_characters() {
        let text = format!("short\n{}x\r\nend", "é…🚢a".repeat(3 * MARK));
        let lines = Lines::new(&text);
        for (offset, _) in text.char_indices().filter(|(at, _)| at % 7 == 0).chain([(text.len(), ' ')]) {
            let start = text[..offset].rfind('\n').map_or(0, |at| at + 1);
            let column = u32::try_from(text[start..offset].chars().count() + 1).unwrap();
            assert_eq!(lines.line_column(&text, offset).1, column, "{offset}");
            let units = u32::try_from(text[start..offset].encode_utf16().count() + 1).unwrap();
            assert_eq!(lines.line_units(&text, offset).1, units, "{offset}");
        }
        assert_eq!(Lines::new("").line_column("", 0), (1, 1));
        assert_eq!(Lines::new("").offset("", 1, 1), Some(0));
        assert_eq!(Lines::new("").offset("", 1, 2), None);
    }

    proptest! {
        #[test]
        fn places_go_there_and_back(text in "[a\\né…\r]{0,40}", at in 0usize..60) {
            let lines = Lines::new(&text);
            let at = (0..=at.min(text.len())).rev().find(|at| text.is_char_boundary(*at)).unwrap();
            let (line, column) = lines.line_column(&text, at);
            let range = lines.line_range(&text, line).unwrap();
            // The line break itself is no place of the line.
            if at <= range.end {
                prop_assert_eq!(lines.offset(&text, line, column), Some(at));
            } else {
                prop_assert_eq!(lines.offset(&text, line, column), None);
            }
        }
    }
}
