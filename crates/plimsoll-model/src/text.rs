//! Text from hostile bytes to text that can be shown. In: names, paths and titles as an image carries them. Out: one
//! line without anything that moves a cursor, changes colours, hides itself or turns the direction of reading
//! ("Trojan Source", CVE-2021-42574). Each such character is shown by its code. What it does not do: escape for HTML,
//! XML or Markdown; those formats add their own.

use std::borrow::Cow;
use std::fmt::Write;

/// The text with every character that could deceive the reader or steer the terminal shown as `\u{…}` (or `\n`, `\r`,
/// `\t`).
pub fn safe(text: &str) -> Cow<'_, str> {
    if !text.chars().any(deceives) {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len() + 16);
    for c in text.chars() {
        match c {
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            c if deceives(c) => {
                // Writing to a String cannot fail.
                let _ = write!(out, "\\u{{{:x}}}", u32::from(c));
            }
            c => out.push(c),
        }
    }
    Cow::Owned(out)
}

/// True for what must not reach a terminal or a reader as it is.
pub fn deceives(c: char) -> bool {
    matches!(c,
        // C0, DEL and C1: among them ESC and the one-character CSI, U+009B.
        '\u{0}'..='\u{1f}' | '\u{7f}'..='\u{9f}'
        // Soft hyphen, Arabic letter mark, Mongolian vowel separator: invisible.
        | '\u{ad}' | '\u{61c}' | '\u{180e}'
        // Zero-width characters and marks of direction.
        | '\u{200b}'..='\u{200f}'
        // Line and paragraph separator, embeddings and overrides of direction.
        | '\u{2028}'..='\u{202e}'
        // Word joiner, invisible operators, isolates of direction, deprecated format characters.
        | '\u{2060}'..='\u{206f}'
        // Byte order mark, interlinear annotation, noncharacters.
        | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{fffe}' | '\u{ffff}'
        // Hangul fillers: blank letters.
        | '\u{115f}' | '\u{1160}' | '\u{3164}' | '\u{ffa0}'
        // Tags: invisible copies of ASCII.
        | '\u{e0000}'..='\u{e007f}')
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn escape_sequences_and_bidi_controls_are_shown_not_obeyed() {
        assert_eq!(safe("\u{1b}[2Jlib\u{202e}gpj\u{9b}31m\r\n"), "\\u{1b}[2Jlib\\u{202e}gpj\\u{9b}31m\\r\\n");
        assert_eq!(safe("libstdc++6 – größer 漢字"), "libstdc++6 – größer 漢字");
    }

    proptest! {
        #[test]
        fn nothing_that_deceives_is_left(text in any::<String>()) {
            prop_assert!(!safe(&text).chars().any(deceives));
        }
    }
}
