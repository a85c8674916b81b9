//! Places, as the protocol counts them: lines from 0, columns in units of UTF-16 from 0. In: a text, bytes or our own places.
//! Out: the protocol's, and back.

use lsp_types::{Position, Range};
use plimsoll_checks::source::Source;
use plimsoll_model::{Location, TextEdit};

/// The place of a byte.
pub fn position(source: &Source<'_>, offset: usize) -> Position {
    let (line, unit) = source.line_units(offset);
    Position { line: line - 1, character: unit - 1 }
}

/// The bytes of a finding's first location; the whole line where it has no column, nothing where it has no line.
pub fn bytes(source: &Source<'_>, location: &Location) -> (usize, usize) {
    let Some(line) = location.line else { return (0, 0) };
    let whole = source.line_span(line).unwrap_or_default();
    let start = location.column.and_then(|column| source.offset(line, column)).unwrap_or(whole.start);
    let end = match (location.end_line, location.end_column) {
        (Some(line), Some(column)) => source.offset(line, column),
        _ => Some(whole.end),
    };
    (start, end.unwrap_or(whole.end).max(start))
}

pub fn range(source: &Source<'_>, location: &Location) -> Range {
    let (start, end) = bytes(source, location);
    Range { start: position(source, start), end: position(source, end) }
}

pub fn edit(source: &Source<'_>, edit: &TextEdit) -> lsp_types::TextEdit {
    let range = Range { start: position(source, edit.start), end: position(source, edit.end) };
    lsp_types::TextEdit { range, new_text: edit.text.clone() }
}

/// Whether two ranges have a place in common; an empty one counts as the place where it is.
pub fn meet(a: &Range, b: &Range) -> bool {
    let key = |position: &Position| (position.line, position.character);
    key(&a.start) <= key(&b.end) && key(&b.start) <= key(&a.end)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_units_of_utf_16() {
        let source = Source::new("f", "a𝄞b\r\né");
        for (offset, line, character) in [(0, 0, 0), (1, 0, 1), (5, 0, 3), (6, 0, 4), (8, 1, 0), (10, 1, 1), (99, 1, 1)]
        {
            assert_eq!(position(&source, offset), Position { line, character }, "{offset}");
        }
    }

    #[test]
    fn place_without_a_column_is_its_line() {
        let source = Source::new("f", "ab\ncd\n");
        assert_eq!(bytes(&source, &Location::line("f", 2)), (3, 5));
        assert_eq!(bytes(&source, &Location::path("f")), (0, 0));
        assert_eq!(bytes(&source, &Location::line("f", 9)), (0, 0));
    }
}
