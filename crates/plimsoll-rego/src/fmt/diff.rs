//! What formatting changes, in the notation of `opa fmt -d`: the whole text, with what goes in red and what comes in green. OPA
//! marks characters, this marks lines.

use similar::{ChangeTag, TextDiff};

/// Lines of both texts up to which the least difference is looked for; that may take the product of them.
const MAX_LINES: usize = 20_000;

const RED: &str = "\u{1b}[31m";
const GREEN: &str = "\u{1b}[32m";
const PLAIN: &str = "\u{1b}[0m";

/// Empty where both are the same.
pub fn diff(before: &str, after: &str) -> String {
    if before == after {
        return String::new();
    }
    let mut out = String::with_capacity(before.len() + after.len());
    if before.lines().count() + after.lines().count() > MAX_LINES {
        before.split_inclusive('\n').for_each(|line| mark(&mut out, RED, line));
        after.split_inclusive('\n').for_each(|line| mark(&mut out, GREEN, line));
        return out;
    }
    for change in TextDiff::from_lines(before, after).iter_all_changes() {
        match change.tag() {
            ChangeTag::Equal => out.push_str(change.value()),
            ChangeTag::Delete => mark(&mut out, RED, change.value()),
            ChangeTag::Insert => mark(&mut out, GREEN, change.value()),
        }
    }
    out
}

/// Colours end with their line.
fn mark(out: &mut String, colour: &str, line: &str) {
    let (text, end) = line.strip_suffix('\n').map_or((line, ""), |text| (text, "\n"));
    for part in [colour, text, PLAIN, end] {
        out.push_str(part);
    }
}

#[cfg(test)]
mod tests {
    use super::diff;

    #[test]
    fn what_goes_is_red_and_what_comes_is_green() {
        assert_eq!(diff("a\nb\nc", "a\nd\nc"), "a\n\u{1b}[31mb\u{1b}[0m\n\u{1b}[32md\u{1b}[0m\nc");
        assert_eq!(diff("a\n", "a\n"), "");
    }
}
