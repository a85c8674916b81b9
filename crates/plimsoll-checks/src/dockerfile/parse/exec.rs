//! `["a", "b"]`. In: joined text. Out: the strings with their places, or which of the two kinds of failure it is: no JSON at all
//! means the shell form, JSON that is no list of strings is refused by BuildKit.

use std::ops::Range;

use super::super::ast::Text;
use crate::joined::Joined;

#[derive(Debug, PartialEq, Eq)]
pub(super) enum NotExec {
    NotJson,
    NotStrings,
}

/// Reads a list of strings; nothing may follow it.
pub(super) fn strings(line: &Joined, range: Range<usize>) -> Result<Vec<Text>, NotExec> {
    let text = &line.as_str()[range.clone()];
    if !text.starts_with('[') {
        return Err(NotExec::NotJson);
    }
    if let Some(strings) = list(text) {
        let placed = strings
            .into_iter()
            .map(|(at, text)| Text { text, span: line.span(range.start + at.start..range.start + at.end) });
        return Ok(placed.collect());
    }
    match serde_json::from_str::<Vec<serde::de::IgnoredAny>>(text) {
        Ok(_) => Err(NotExec::NotStrings),
        Err(_) => Err(NotExec::NotJson),
    }
}

fn list(text: &str) -> Option<Vec<(Range<usize>, String)>> {
    let mut strings = Vec::new();
    let mut at = blank(text, 1);
    if text[at..].starts_with(']') {
        return (blank(text, at + 1) == text.len()).then_some(strings);
    }
    loop {
        let (string, end) = string(text, at)?;
        strings.push((at..end, string));
        at = blank(text, end);
        match text.as_bytes().get(at)? {
            b',' => at = blank(text, at + 1),
            b']' => return (blank(text, at + 1) == text.len()).then_some(strings),
            _ => return None,
        }
    }
}

fn blank(text: &str, at: usize) -> usize {
    text.len() - text[at..].trim_start_matches([' ', '\t', '\n', '\r']).len()
}

/// A string in double quotes and its end.
fn string(text: &str, start: usize) -> Option<(String, usize)> {
    let mut out = String::new();
    let mut chars = text[start..].strip_prefix('"')?.char_indices();
    while let Some((at, c)) = chars.next() {
        match c {
            '"' => return Some((out, start + at + 2)),
            '\\' => out.push(match chars.next()?.1 {
                '"' => '"',
                '\\' => '\\',
                '/' => '/',
                'b' => '\u{8}',
                'f' => '\u{c}',
                'n' => '\n',
                'r' => '\r',
                't' => '\t',
                'u' => unicode(&mut chars)?,
                _ => return None,
            }),
            c if c < ' ' => return None,
            c => out.push(c),
        }
    }
    None
}

/// `\u` and its second half, where it has one; half a pair becomes the replacement character.
fn unicode(chars: &mut std::str::CharIndices<'_>) -> Option<char> {
    let first = hex(chars)?;
    if (0xd800..0xdc00).contains(&first) {
        let mut ahead = chars.clone();
        if ahead.next().is_some_and(|(_, c)| c == '\\') && ahead.next().is_some_and(|(_, c)| c == 'u') {
            let second = hex(&mut ahead)?;
            if (0xdc00..0xe000).contains(&second) {
                *chars = ahead;
                return char::from_u32(0x10000 + ((first - 0xd800) << 10) + (second - 0xdc00));
            }
        }
    }
    Some(char::from_u32(first).unwrap_or(char::REPLACEMENT_CHARACTER))
}

fn hex(chars: &mut std::str::CharIndices<'_>) -> Option<u32> {
    (0..4).try_fold(0, |value, _| Some(value * 16 + chars.next()?.1.to_digit(16)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_of_strings_are_the_exec_form() {
        let read = |text: &str| {
            let line = Joined::of(text, 0);
            strings(&line, 0..text.len()).map(|texts| texts.into_iter().map(|text| text.text).collect::<Vec<_>>())
        };
        assert_eq!(read("[]").unwrap(), [""; 0]);
        assert_eq!(read("[ \"a\" , \"b\\\"\\n\\u00e7\" ] ").unwrap(), ["a", "b\"\nç"]);
        assert_eq!(read("[\"\\ud83d\\ude00\\ud83d\"]").unwrap(), ["😀\u{fffd}"]);
        for text in ["['a']", "[\"a\"", "[\"a\",]", "[\"a\"] b", "[a]", "[\"a\\x\"]", "[", "echo", "[\"a\tb\"]"] {
            assert_eq!(read(text), Err(NotExec::NotJson), "{text}");
        }
        for text in ["[1]", "[\"a\", [\"b\"]]", "[null]"] {
            assert_eq!(read(text), Err(NotExec::NotStrings), "{text}");
        }
    }
}
