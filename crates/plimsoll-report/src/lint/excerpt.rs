//! Lines of a file with carets. In: a text, its lines and a place. Out: the line as a terminal may show it, cut around the
//! place where it is long, and what stands below it. Characters that deceive are shown by their code.

use plimsoll_model::text::safe;
use plimsoll_model::{Lines, Location};
use unicode_width::UnicodeWidthStr;

/// A line of an excerpt, and the marks below it, both without the gutter.
#[derive(Debug, PartialEq, Eq)]
pub struct Excerpt {
    pub line: String,
    /// Blanks before the marks.
    pub indent: usize,
    /// How many marks: at least one.
    pub marks: usize,
}

/// What a tab becomes: carets line up then.
const TAB: &str = "    ";
/// Columns of context before the place in a line that is cut.
const BEFORE: usize = 20;

/// The first line of a place, in at most so many columns.
pub fn excerpt(text: &str, lines: &Lines, place: &Location, width: usize) -> Option<Excerpt> {
    let line = place.line?;
    let range = lines.line_range(text, line)?;
    let start = lines.offset(text, line, place.column.unwrap_or(1)).unwrap_or(range.start);
    let end = match (place.end_line, place.end_column) {
        (Some(last), Some(column)) if last == line => lines.offset(text, line, column).unwrap_or(range.end),
        _ => range.end,
    };
    let whole = text.get(range.clone())?;
    // What fits for certain is shown whole; of the rest, what is around the place.
    let fits = whole.len() <= width * 4 && UnicodeWidthStr::width(shown(whole).as_str()) <= width;
    let from = if fits { range.start } else { back(text, start, range.start) };
    let mut excerpt = Excerpt { line: String::new(), indent: 0, marks: 0 };
    let mut columns = 0;
    if from > range.start {
        excerpt.line.push('…');
        columns += 1;
    }
    let mut cut = false;
    for (at, c) in text.get(from..range.end)?.char_indices() {
        let cell = shown(c.encode_utf8(&mut [0; 4]));
        let cell_width = UnicodeWidthStr::width(cell.as_str());
        if !fits && columns + cell_width >= width {
            cut = true;
            break;
        }
        let at = from + at;
        if at < start {
            excerpt.indent = columns + cell_width;
        } else if at < end {
            excerpt.marks += cell_width;
        }
        columns += cell_width;
        excerpt.line.push_str(&cell);
    }
    if excerpt.indent == 0 && from > range.start {
        excerpt.indent = 1;
    }
    if cut {
        excerpt.line.push('…');
    }
    let length = excerpt.line.trim_end().len();
    excerpt.line.truncate(length);
    excerpt.marks = excerpt.marks.max(1);
    Some(excerpt)
}

/// The text for a terminal.
fn shown(text: &str) -> String {
    safe(&text.replace('\t', TAB)).into_owned()
}

/// Some characters before a byte, no further than another.
fn back(text: &str, at: usize, least: usize) -> usize {
    let before = text.get(least..at).unwrap_or_default();
    before.char_indices().rev().nth(BEFORE - 1).map_or(least, |(offset, _)| least + offset)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(text: &str, column: u32, end: u32, width: usize) -> Excerpt {
        let place = Location {
            line: Some(1),
            column: Some(column),
            end_line: Some(1),
            end_column: Some(end),
            ..Location::path("f")
        };
        excerpt(text, &Lines::new(text), &place, width).unwrap()
    }

    #[test]
    fn carets_stand_below_the_place() {
        assert_eq!(
            of("FROM debian:latest\n", 6, 19, 80),
            Excerpt { line: "FROM debian:latest".into(), indent: 5, marks: 13 }
        );
        assert_eq!(of("\tRUN x", 2, 5, 80), Excerpt { line: "    RUN x".into(), indent: 4, marks: 3 });
        assert_eq!(of("漢字 x", 4, 5, 80), Excerpt { line: "漢字 x".into(), indent: 5, marks: 1 });
        assert_eq!(of("", 1, 1, 80), Excerpt { line: String::new(), indent: 0, marks: 1 });
    }

    #[test]
    fn what_steers_a_terminal_is_shown_by_its_code() {
        let excerpt = of("a\u{1b}[2Jb", 6, 7, 80);
        assert_eq!((excerpt.line.as_str(), excerpt.indent), ("a\\u{1b}[2Jb", 10));
    }

    #[test]
    fn long_lines_are_cut_around_the_place() {
        let text = format!("{}HERE{}", "a".repeat(100_000), "b".repeat(100_000));
        let excerpt = of(&text, 100_001, 100_005, 60);
        assert_eq!(excerpt.line.chars().count(), 60);
        let marked: String = excerpt.line.chars().skip(excerpt.indent).take(excerpt.marks).collect();
        assert_eq!(marked, "HERE");
        assert!(excerpt.line.starts_with('…') && excerpt.line.ends_with('…'));
        // A place that is longer than the line is marked as far as it is shown.
        let excerpt = of(&text, 1, 100_000, 60);
        assert!(excerpt.indent == 0 && excerpt.marks == 59, "{excerpt:?}");
    }

    #[test]
    fn places_outside_the_text_have_no_excerpt() {
        let place = Location { line: Some(9), ..Location::path("f") };
        assert_eq!(excerpt("a\n", &Lines::new("a\n"), &place, 80), None);
        assert_eq!(excerpt("a\n", &Lines::new("a\n"), &Location::path("f"), 80), None);
    }
}
