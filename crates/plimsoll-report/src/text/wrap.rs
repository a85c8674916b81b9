//! Text in columns. In: safe text and a number of columns. Out: pieces that fit, by the width that a terminal gives each
//! character. What it does not do: paint.

use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

/// Columns that the text takes.
pub fn width(text: &str) -> usize {
    text.width()
}

/// The text, or its start and `…`, in at most `columns` columns.
pub fn truncate(text: &str, columns: usize) -> String {
    if width(text) <= columns {
        return text.to_owned();
    }
    let mut out = String::new();
    let mut used = 0;
    for c in text.chars() {
        let w = c.width().unwrap_or(0);
        if used + w + 1 > columns {
            break;
        }
        used += w;
        out.push(c);
    }
    if columns > 0 {
        out.push('…');
    }
    out
}

/// The text and as many blanks as fill `columns`.
pub fn pad(text: &str, columns: usize) -> String {
    let mut out = text.to_owned();
    out.extend(std::iter::repeat_n(' ', columns.saturating_sub(width(text))));
    out
}

/// Lines of at most `columns` columns, broken at blanks, or anywhere inside a word that is wider than a line. At least
/// one line.
pub fn wrap(text: &str, columns: usize) -> Vec<String> {
    // Below this a line holds hardly a word; rather too wide than a column of letters.
    let columns = columns.max(10);
    let mut lines = vec![String::new()];
    let mut used = 0;
    for word in text.split(' ').filter(|w| !w.is_empty()) {
        let w = width(word);
        let gap = usize::from(used > 0);
        if used + gap + w <= columns {
            push(&mut lines, if gap == 1 { " " } else { "" });
            push(&mut lines, word);
            used += gap + w;
            continue;
        }
        if w <= columns {
            lines.push(word.to_owned());
            used = w;
            continue;
        }
        if used > 0 {
            lines.push(String::new());
            used = 0;
        }
        for c in word.chars() {
            let w = c.width().unwrap_or(0);
            if used + w > columns {
                lines.push(String::new());
                used = 0;
            }
            if let Some(last) = lines.last_mut() {
                last.push(c);
            }
            used += w;
        }
    }
    lines
}

fn push(lines: &mut [String], text: &str) {
    if let Some(last) = lines.last_mut() {
        last.push_str(text);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn wide_characters_take_two_columns() {
        assert_eq!(truncate("漢字漢字", 5), "漢字…");
        assert_eq!(pad("漢字", 6), "漢字  ");
        assert_eq!(truncate("short", 5), "short");
        assert_eq!(truncate("longer", 5), "long…");
    }

    #[test]
    fn words_stay_whole_and_long_ones_break() {
        assert_eq!(wrap("the fix is out since May", 12), ["the fix is", "out since", "May"]);
        assert_eq!(wrap("x aaaaaaaaaaaaaaaaaaaaaaaa y", 10), ["x", "aaaaaaaaaa", "aaaaaaaaaa", "aaaa y"]);
        assert_eq!(wrap("", 10), [""]);
    }

    proptest! {
        #[test]
        fn no_line_is_wider_than_asked(text in "\\PC{0,60}", columns in 10usize..40) {
            for line in wrap(&text, columns) {
                prop_assert!(line.chars().filter_map(UnicodeWidthChar::width).sum::<usize>() <= columns);
            }
        }
    }
}
