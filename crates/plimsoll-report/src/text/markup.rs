//! Text in markup. In: text from anywhere. Out: the same, shown and not obeyed, for XML and HTML.

use std::borrow::Cow;

use super::safe::safe;

/// Safe text as XML or HTML, in an element or a quoted attribute: [`safe`] first (it also shows what XML 1.0 forbids),
/// then the five characters of markup.
pub fn xml(text: &str) -> Cow<'_, str> {
    let shown = safe(text);
    if !shown.contains(['&', '<', '>', '"', '\'']) {
        return shown;
    }
    let mut out = String::with_capacity(shown.len() + 16);
    for c in shown.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            c => out.push(c),
        }
    }
    Cow::Owned(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    proptest::proptest! {
        #[test]
        fn no_character_of_markup_is_left(text in "\\PC*[<>&\"']{0,4}\\PC*") {
            let out = xml(&text);
            assert!(!out.contains(['<', '>', '"', '\'']));
            let plain = ["&amp;", "&lt;", "&gt;", "&quot;", "&#39;"].iter().fold(out.to_string(), |t, e| t.replace(e, ""));
            assert!(!plain.contains('&'));
        }
    }
}
