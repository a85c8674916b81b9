//! RPM's order: `[epoch:]version[-release]` with `~` and `^`, after rpm's manual, "Dependencies: versioning".

use std::cmp::Ordering;

use super::{VersionError, admit, number};

const ID: &str = "rpm";

/// A missing epoch is 0.
///
/// # Errors
/// When a version is empty, too long or has blanks inside; rpm finds a place for everything else.
pub fn compare(a: &str, b: &str) -> Result<Ordering, VersionError> {
    let (epoch_a, version_a, release_a) = parts(a)?;
    let (epoch_b, version_b, release_b) = parts(b)?;
    Ok(number::compare(epoch_a, epoch_b)
        .then_with(|| compare_part(version_a, version_b))
        .then_with(|| compare_part(release_a, release_b)))
}

fn parts(version: &str) -> Result<(&str, &str, &str), VersionError> {
    let text = admit(ID, version)?;
    // Only digits before the first colon are an epoch; nothing before it is epoch 0.
    let (epoch, rest) = match number::split(text) {
        (digits, rest) if rest.starts_with(':') => (digits, &rest[1..]),
        _ => ("", text),
    };
    let (version, release) = rest.rsplit_once('-').unwrap_or((rest, ""));
    Ok((epoch, version, release))
}

/// rpm's segment comparison: runs of digits or of letters; all else only separates, but for `~` (before the end) and
/// `^` (after the end, before anything else).
pub fn compare_part(a: &str, b: &str) -> Ordering {
    let separator = |c: char| !(c.is_ascii_alphanumeric() || c == '~' || c == '^');
    let (mut a, mut b) = (a, b);
    loop {
        a = a.trim_start_matches(separator);
        b = b.trim_start_matches(separator);
        match (a.strip_prefix('~'), b.strip_prefix('~')) {
            (Some(rest_a), Some(rest_b)) => {
                (a, b) = (rest_a, rest_b);
                continue;
            }
            (Some(_), None) => return Ordering::Less,
            (None, Some(_)) => return Ordering::Greater,
            (None, None) => {}
        }
        match (a.strip_prefix('^'), b.strip_prefix('^')) {
            (Some(rest_a), Some(rest_b)) => {
                (a, b) = (rest_a, rest_b);
                continue;
            }
            (Some(_), None) => return if b.is_empty() { Ordering::Greater } else { Ordering::Less },
            (None, Some(_)) => return if a.is_empty() { Ordering::Less } else { Ordering::Greater },
            (None, None) => {}
        }
        if a.is_empty() || b.is_empty() {
            // Whichever has something left is the later.
            return a.len().cmp(&b.len());
        }
        let numeric = a.starts_with(|c: char| c.is_ascii_digit());
        let (segment_a, rest_a) = segment(a, numeric);
        let (segment_b, rest_b) = segment(b, numeric);
        if segment_b.is_empty() {
            // Of unlike kinds, numbers are the later.
            return if numeric { Ordering::Greater } else { Ordering::Less };
        }
        let order = if numeric { number::compare(segment_a, segment_b) } else { segment_a.cmp(segment_b) };
        if order != Ordering::Equal {
            return order;
        }
        (a, b) = (rest_a, rest_b);
    }
}

fn segment(text: &str, numeric: bool) -> (&str, &str) {
    let within = |b: u8| if numeric { b.is_ascii_digit() } else { b.is_ascii_alphabetic() };
    text.split_at(text.bytes().position(|b| !within(b)).unwrap_or(text.len()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_stand_in_the_order_of_rpm() {
        let ascending = ["1.0~rc1", "1.0~rc1^git1", "1.0~rc2", "1.0", "1.0^", "1.0^20160101", "1.0.a", "1.0.1", "1.1"];
        for pair in ascending.windows(2) {
            assert_eq!(compare(pair[0], pair[1]).unwrap(), Ordering::Less, "{pair:?}");
        }
        for (less, more) in [
            ("1.0.2k-16.el7", "1:1.0.2k-16.el7"),
            ("1:1.0.2k-16.el7", "1:1.0.2k-16.el7_6.1"),
            ("2.28-151.el8", "2.28-164.el8"),
            ("2.0.1a", "2.0.1.1"),
            ("xyz10", "xyz10.1"),
            ("10xyz", "10.1xyz"),
            ("5.5p1", "5.5p10"),
            ("1.0-1", "1.0-1.1"),
        ] {
            assert_eq!(compare(less, more).unwrap(), Ordering::Less, "{less} {more}");
            assert_eq!(compare(more, less).unwrap(), Ordering::Greater, "{more} {less}");
        }
    }

    #[test]
    fn separators_and_epoch_zero_weigh_nothing() {
        for (a, b) in [("2.0", "2_0"), ("0:1.0-1", "1.0-1"), ("1.05", "1.5"), ("a+", "a_")] {
            assert_eq!(compare(a, b).unwrap(), Ordering::Equal, "{a} {b}");
        }
    }
}
