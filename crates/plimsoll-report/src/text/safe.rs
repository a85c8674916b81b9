//! Text from hostile bytes to text that can be shown, in one line. What it does not do: escape for HTML, XML or Markdown;
//! those formats add their own.

use std::borrow::Cow;

pub use plimsoll_model::text::{deceives, safe};

/// Like [`safe`], but line ends and runs of white space become one blank: for sentences and descriptions that a feed
/// wrapped.
pub fn sentence(text: &str) -> String {
    let joined = text.split_whitespace().collect::<Vec<_>>().join(" ");
    match safe(&joined) {
        Cow::Borrowed(_) => joined,
        Cow::Owned(shown) => shown,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn wrapped_descriptions_become_one_line() {
        assert_eq!(sentence("a\n  b\u{7}\tc "), "a b\\u{7} c");
    }

    proptest! {
        #[test]
        fn nothing_that_deceives_is_left(text in any::<String>()) {
            prop_assert!(!sentence(&text).chars().any(deceives));
        }
    }
}
