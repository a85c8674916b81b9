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

/// Someone's text at the beginning of a line: a path that begins like a command for a CI's log (`::add-mask::`,
/// `##[group]`) is written as `./::add-mask::`.
pub fn at_line_start(path: &str) -> Cow<'_, str> {
    match safe(path) {
        shown if shown.trim_start().starts_with(['#', ':']) => Cow::Owned(format!("./{shown}")),
        shown => shown,
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

    #[test]
    fn paths_command_no_log() {
        assert_eq!(at_line_start("::set-output name=a::b/Dockerfile"), "./::set-output name=a::b/Dockerfile");
        assert_eq!(at_line_start(" ##[group]x"), "./ ##[group]x");
        assert_eq!(at_line_start("a::b"), "a::b");
    }

    proptest! {
        #[test]
        fn nothing_that_deceives_is_left(text in any::<String>()) {
            prop_assert!(!sentence(&text).chars().any(deceives));
        }
    }
}
