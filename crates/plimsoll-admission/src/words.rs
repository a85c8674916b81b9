//! Text from outside to text that fits an answer: one line, nothing that steers a terminal or deceives a reader, and no
//! longer than it may be. What it does not do: know reviews or verdicts.

use std::borrow::Cow;

use plimsoll_model::text::safe;

/// Characters of a container's name that are shown: more than the 63 that the API server accepts.
const MAX_NAME: usize = 80;
/// Characters of an image's text that are shown: a registry, a path, a tag and a digest of usual length.
const MAX_IMAGE: usize = 200;

/// Characters of a code: the longest of ours has some thirty.
const MAX_CODE: usize = 40;

/// At most so many characters, the middle left out where there are more: both ends of a name tell it from others.
pub(crate) fn middle(text: &str, most: usize) -> Cow<'_, str> {
    // Bytes are never fewer than characters.
    if text.len() <= most {
        return Cow::Borrowed(text);
    }
    let count = text.chars().count();
    if count <= most {
        return Cow::Borrowed(text);
    }
    let kept = most.saturating_sub(1);
    let tail = kept / 2;
    let head = kept - tail;
    let mut out: String = text.chars().take(head).collect();
    out.push('…');
    out.extend(text.chars().skip(count - tail));
    Cow::Owned(out)
}

/// At most so many characters, the end left out where there are more.
pub(crate) fn end(text: &str, most: usize) -> Cow<'_, str> {
    if text.len() <= most || text.chars().nth(most).is_none() {
        return Cow::Borrowed(text);
    }
    let mut out: String = text.chars().take(most.saturating_sub(1)).collect();
    out.push('…');
    Cow::Owned(out)
}

/// Cuts to at most so many bytes, whole characters only, with an ellipsis that counts.
pub(crate) fn bytes(text: &mut String, most: usize) {
    if text.len() <= most {
        return;
    }
    let mut at = most.saturating_sub('…'.len_utf8());
    while !text.is_char_boundary(at) {
        at -= 1;
    }
    text.truncate(at);
    text.push('…');
}

/// A name that stands between quotes: it cannot end them.
pub(crate) fn name(text: &str) -> String {
    // Cut before the escapes, so that no escape is cut.
    quotable(&middle(text, MAX_NAME))
}

/// Quotes and backslashes escaped, then whatever deceives.
fn quotable(text: &str) -> String {
    safe(&text.replace('\\', "\\\\").replace('"', "\\\"")).into_owned()
}

/// An image's text: bare where it looks like one, else between quotes, so that it cannot pose as our own words.
pub(crate) fn image(text: &str) -> String {
    shown(text, MAX_IMAGE)
}

/// [`image`] in fewer characters.
pub(crate) fn short_image(text: &str) -> String {
    shown(text, MAX_NAME)
}

fn shown(text: &str, most: usize) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "._/:@-+[]".contains(c);
    let cut = middle(text, most);
    if !text.is_empty() && text.chars().all(plain) {
        return cut.into_owned();
    }
    format!("\"{}\"", quotable(&cut))
}

/// A sentence from elsewhere, such as a reason. A code in parentheses at its end stays, and what stands before it is shortened: by the
/// code its meaning is looked up.
pub(crate) fn sentence(text: &str, most: usize) -> String {
    let (words, code) = text.split_at(before_code(text));
    // A code is short and ASCII, as it was found.
    let most = most.saturating_sub(code.len());
    // Twice: the first bounds the work, and escapes are longer than what they show.
    let mut out = end(&safe(&end(words, most)), most).into_owned();
    out.push_str(code);
    out
}

/// Where ` (code)` begins that ends the text; the text's length where it ends in none. What holds it may be in parentheses itself.
fn before_code(text: &str) -> usize {
    let inner = text.trim_end_matches(')');
    let closed = text.len() - inner.len();
    let Some(at) = inner.rfind(" (").filter(|_| (1..=2).contains(&closed)) else { return text.len() };
    let code = &inner[at + 2..];
    let is_one = (1..=MAX_CODE).contains(&code.len())
        && code.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-');
    if is_one { at } else { text.len() }
}

/// `1 warning`, `3 warnings`.
pub(crate) fn count(count: usize, noun: &str) -> String {
    format!("{count} {noun}{}", if count == 1 { "" } else { "s" })
}

/// `1 more reason`, `3 more reasons`.
pub(crate) fn more(count: usize, noun: &str) -> String {
    self::count(count, &format!("more {noun}"))
}

#[cfg(test)]
mod tests {
    use plimsoll_model::text::deceives;
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn long_names_lose_their_middle() {
        assert_eq!(middle("registry/a:1", 8), "regi…a:1");
        assert_eq!(middle("größe", 5), "größe");
        assert_eq!(end("größer", 5), "größ…");
    }

    #[test]
    fn an_image_that_is_none_stands_in_quotes() {
        assert_eq!(image("a/b:1@sha256:00"), "a/b:1@sha256:00");
        assert_eq!(image(""), "\"\"");
        assert_eq!(image("a; container \"b\"\u{202e}\n"), "\"a; container \\\"b\\\"\\u{202e}\\n\"");
    }

    #[test]
    fn a_sentence_that_is_cut_keeps_the_code_at_its_end() {
        let long = "x".repeat(300);
        for (end, kept) in [
            (" (digest-mismatch)", " (digest-mismatch)"),
            (" (it is refused (digest-mismatch))", " (digest-mismatch))"),
        ] {
            let cut = sentence(&format!("{long}{end}"), 100);
            assert!(cut.ends_with(&format!("x…{kept}")) || cut.ends_with(kept), "{cut}");
            assert_eq!(cut.chars().count(), 100);
            assert!(cut.contains('…'), "{cut}");
        }
        for end in [" (2 packages)", " (a_b)", "(code)", " ()", &format!(" ({})", "a".repeat(41)), " (a)))"] {
            let cut = sentence(&format!("{long}{end}"), 100);
            assert!(cut.ends_with("x…"), "{cut}");
        }
        assert_eq!(sentence("it is not signed (chain-untrusted)", 100), "it is not signed (chain-untrusted)");
    }

    proptest! {
        #[test]
        fn cuts_keep_their_bounds(text in "\\PC{0,40}", most in 1usize..20) {
            prop_assert!(middle(&text, most).chars().count() <= most);
            prop_assert!(end(&text, most).chars().count() <= most);
            prop_assert!(sentence(&text, most + MAX_CODE + 4).chars().count() <= most + MAX_CODE + 4);
            let mut cut = text.clone();
            bytes(&mut cut, most + 3);
            prop_assert!(cut.len() <= most + 3);
        }

        #[test]
        fn nothing_that_deceives_is_left(text in any::<String>()) {
            prop_assert!(!name(&text).chars().any(deceives));
            prop_assert!(!image(&text).chars().any(deceives));
            prop_assert!(!sentence(&text, 30).chars().any(deceives));
        }
    }
}
