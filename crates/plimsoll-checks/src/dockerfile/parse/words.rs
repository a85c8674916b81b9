//! An instruction's text to its words. In: joined text. Out: ranges of it: flags, words in quotes, `key=value`, and the marks of
//! here-documents, cut as BuildKit cuts them.

use std::ops::Range;

use super::super::ast::{Flag, Pair, Text};
use crate::joined::Joined;

/// `<<EOT` in an instruction's line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct HeredocMark {
    pub range: Range<usize>,
    pub name: String,
    pub strip: bool,
    pub quoted: bool,
}

/// What BuildKit parts words by.
pub(super) fn is_blank(c: char) -> bool {
    matches!(c, '\t' | '\u{b}' | '\u{c}' | '\r' | ' ')
}

/// A range without white space around it.
pub(super) fn trimmed(text: &str, range: Range<usize>) -> Range<usize> {
    let part = &text[range.clone()];
    let end = range.start + part.trim_end().len();
    let start = end - part.trim_end().trim_start().len();
    start..end
}

/// The keyword and what follows it, without white space around.
pub(super) fn keyword(text: &str, range: Range<usize>) -> (Range<usize>, Range<usize>) {
    let range = trimmed(text, range);
    let length = text[range.clone()].find(is_blank).unwrap_or(range.len());
    let split = range.start + length;
    (range.start..split, trimmed(text, split..range.end))
}

/// Words parted by blanks, quotes meaning nothing.
pub(super) fn fields(text: &str, range: Range<usize>) -> Vec<Range<usize>> {
    let mut fields = Vec::new();
    let mut at = range.start;
    for field in text[range].split(is_blank) {
        if !field.is_empty() {
            fields.push(at..at + field.len());
        }
        at += field.len() + 1;
    }
    fields
}

/// The `--name=value` that an instruction begins with, and where the rest starts.
pub(super) fn flags(line: &Joined, range: Range<usize>, escape: char) -> (Vec<Flag>, Range<usize>) {
    let text = line.as_str();
    let mut flags = Vec::new();
    let mut at = range.start;
    loop {
        let rest = trimmed(text, at..range.end);
        if !text[rest.clone()].starts_with("--") {
            return (flags, rest);
        }
        let (word, end) = flag_word(text, rest.clone(), escape);
        let raw = rest.start..end;
        at = end;
        if word == "--" {
            return (flags, trimmed(text, at..range.end));
        }
        let (name, value) = match word.split_once('=') {
            Some((name, value)) => (name, Some(value.to_owned())),
            None => (word.as_str(), None),
        };
        let from = text[raw.clone()].find('=').map_or(raw.end, |equals| raw.start + equals + 1);
        flags.push(Flag {
            span: line.span(raw.clone()),
            name: name.get(2..).unwrap_or_default().to_owned(),
            value: value.map(|text| Text { text, span: line.span(from..raw.end) }),
        });
    }
}

/// A flag's word without quotes and escapes, and its end.
fn flag_word(text: &str, range: Range<usize>, escape: char) -> (String, usize) {
    let mut word = String::new();
    let mut quote = None;
    let mut chars = text[range.clone()].char_indices();
    while let Some((at, c)) = chars.next() {
        match quote {
            None if c.is_whitespace() => return (word, range.start + at),
            None if c == '\'' || c == '"' => quote = Some(c),
            Some(open) if c == open => quote = None,
            _ if c == escape => word.extend(chars.next().map(|(_, c)| c)),
            _ => word.push(c),
        }
    }
    (word, range.end)
}

/// Words parted by white space outside quotes; the quotes stay.
pub(super) fn quoted_words(text: &str, range: Range<usize>, escape: char) -> Vec<Range<usize>> {
    let mut words = Vec::new();
    let mut start = None;
    let mut quote = None;
    let mut chars = text[range.clone()].char_indices();
    while let Some((at, c)) = chars.next() {
        let at = range.start + at;
        match quote {
            None if c.is_whitespace() => words.extend(start.take().map(|start| start..at)),
            _ => {
                start.get_or_insert(at);
                match quote {
                    None if c == '\'' || c == '"' => quote = Some(c),
                    Some(open) if c == open => quote = None,
                    _ => {}
                }
                if c == escape && quote != Some('\'') {
                    chars.next();
                }
            }
        }
    }
    words.extend(start.map(|start| start..range.end));
    words
}

/// A text with its quotes gone and its escapes resolved; variables stand as written.
pub(super) fn unquoted(text: &str, escape: char) -> String {
    let mut out = String::with_capacity(text.len());
    let mut quote = None;
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        match quote {
            None if c == '\'' || c == '"' => quote = Some(c),
            Some(open) if c == open => quote = None,
            Some('"') if c == escape => match chars.next_if(|next| matches!(next, '"' | '$') || *next == escape) {
                Some(next) => out.push(next),
                None => out.push(c),
            },
            None if c == escape => out.extend(chars.next()),
            _ => out.push(c),
        }
    }
    out
}

/// `key=value`, or a key alone.
pub(super) fn pair(line: &Joined, word: Range<usize>, escape: char) -> Pair {
    let text = &line.as_str()[word.clone()];
    let (key, value) = match text.find('=') {
        Some(at) => (word.start..word.start + at, Some(word.start + at + 1..word.end)),
        None => (word.clone(), None),
    };
    let (span, unnamed) = (line.span(word), key.is_empty());
    let mut key = plain(line, key, escape);
    if unnamed {
        // Behind a continuation, a place without text could as well be the end of the line before.
        key.span = span.before();
    }
    Pair { span, key, value: value.map(|value| plain(line, value, escape)), legacy: false }
}

/// `ENV key value with spaces`: a pair, where there is a value.
pub(super) fn legacy_pair(line: &Joined, range: Range<usize>, escape: char) -> Option<Pair> {
    let text = &line.as_str()[range.clone()];
    let length = text.find(is_blank)?;
    let value = range.end - text[length..].trim_start_matches(is_blank).len();
    Some(Pair {
        span: line.span(range.clone()),
        key: plain(line, range.start..range.start + length, escape),
        value: Some(plain(line, value..range.end, escape)),
        legacy: true,
    })
}

fn plain(line: &Joined, range: Range<usize>, escape: char) -> Text {
    Text { text: unquoted(&line.as_str()[range.clone()], escape), span: line.span(range) }
}

/// The here-documents that a line opens: words that are nothing but their mark.
pub(super) fn heredoc_marks(text: &str) -> Vec<HeredocMark> {
    if !text.contains("<<") {
        return Vec::new();
    }
    let Some(words) = shell_words(text) else { return Vec::new() };
    words.into_iter().filter_map(|word| heredoc_mark(text, word)).collect()
}

/// Words as BuildKit's own little shell sees them; none where a quote or a brace stays open.
fn shell_words(text: &str) -> Option<Vec<Range<usize>>> {
    let mut words = Vec::new();
    let mut start = None;
    let mut chars = text.char_indices().peekable();
    while let Some((at, c)) = chars.next() {
        if c.is_whitespace() {
            words.extend(start.take().map(|start| start..at));
            continue;
        }
        start.get_or_insert(at);
        match c {
            '\\' => {
                chars.next();
            }
            '\'' => while chars.next()?.1 != '\'' {},
            '"' => loop {
                match chars.next()?.1 {
                    '"' => break,
                    '\\' => {
                        chars.next()?;
                    }
                    _ => {}
                }
            },
            // Blanks may part a here-document's name from its mark.
            '<' if chars.next_if(|(_, next)| *next == '<').is_some() => {
                while chars.next_if(|(_, next)| matches!(next, ' ' | '\t' | '\r' | '\n')).is_some() {}
            }
            '$' if chars.next_if(|(_, next)| *next == '{').is_some() => while chars.next()?.1 != '}' {},
            _ => {}
        }
    }
    words.extend(start.map(|start| start..text.len()));
    Some(words)
}

/// A here-document's mark, where a word is one and nothing else.
pub(super) fn heredoc_mark(text: &str, word: Range<usize>) -> Option<HeredocMark> {
    let mark = text[word.clone()].trim_start_matches(|c: char| c.is_ascii_digit()).strip_prefix("<<")?;
    let (strip, name) = mark.strip_prefix('-').map_or((false, mark), |name| (true, name));
    let name = name.trim_start();
    if name.is_empty() || name.contains('<') {
        return None;
    }
    Some(HeredocMark { range: word, name: unquoted(name, '\\'), strip, quoted: name.contains(['\'', '"']) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn marks_of_here_documents_are_whole_words() {
        for (line, marks) in [
            ("RUN <<EOT", vec![("EOT", false, false)]),
            ("RUN <<-\"EOT\" cat", vec![("EOT", true, true)]),
            ("COPY <<a <<'b' /d/", vec![("a", false, false), ("b", false, true)]),
            ("RUN python3 3<<EOT", vec![("EOT", false, false)]),
            ("RUN cat<<EOT", vec![]),
            ("RUN echo '<<EOT'", vec![]),
            ("RUN echo $((1 <<2))", vec![("2))", false, false)]),
            ("RUN cat <<<x", vec![]),
            ("RUN << EOT", vec![("EOT", false, false)]),
            ("RUN <<", vec![]),
            ("RUN <<- EOT", vec![]),
            ("RUN echo it's <<EOT", vec![]),
        ] {
            let found = heredoc_marks(line);
            let found: Vec<_> = found.iter().map(|mark| (mark.name.as_str(), mark.strip, mark.quoted)).collect();
            assert_eq!(found, marks, "{line}");
        }
    }

    #[test]
    fn quotes_go_and_escapes_are_resolved() {
        for (text, meant) in [
            ("a", "a"),
            ("\"a b\"", "a b"),
            ("'a \\b'", "a \\b"),
            ("a\\ b", "a b"),
            ("\"a\\\"b\\n\"", "a\"b\\n"),
            ("$a\"${b}\"", "$a${b}"),
        ] {
            assert_eq!(unquoted(text, '\\'), meant, "{text}");
        }
    }

    #[test]
    fn flags_end_where_the_rest_starts() {
        let line = Joined::of("--mount=type=cache,target=/a --network=\"no ne\" --link -- --x y", 0);
        let (flags, rest) = flags(&line, 0..line.as_str().len(), '\\');
        let flags: Vec<_> = flags
            .iter()
            .map(|flag| (flag.name.as_str(), flag.value.as_ref().map(|value| value.text.as_str())))
            .collect();
        assert_eq!(flags, [("mount", Some("type=cache,target=/a")), ("network", Some("no ne")), ("link", None)]);
        assert_eq!(&line.as_str()[rest], "--x y");
    }
}
