//! RubyGems' order, after the documentation of Gem::Version: runs of digits and of letters; letters (a pre-release) go
//! before numbers; trailing zeros weigh nothing. A dash reads as `.pre.`.

use std::cmp::Ordering;

use super::{VersionError, admit, number};

const ID: &str = "gem";

/// # Errors
/// When a version is not of the form that RubyGems accepts.
pub fn compare(a: &str, b: &str) -> Result<Ordering, VersionError> {
    let (a, b) = (segments(a)?, segments(b)?);
    let mut i = 0;
    loop {
        let order = match (a.get(i), b.get(i)) {
            (None, None) => return Ok(Ordering::Equal),
            (x, y) => compare_segments(x.copied().unwrap_or("0"), y.copied().unwrap_or("0")),
        };
        if order != Ordering::Equal {
            return Ok(order);
        }
        i += 1;
    }
}

fn compare_segments(a: &str, b: &str) -> Ordering {
    match (number::is(a), number::is(b)) {
        (true, true) => number::compare(a, b),
        (true, false) => Ordering::Greater,
        (false, true) => Ordering::Less,
        (false, false) => a.cmp(b),
    }
}

/// The segments without what weighs nothing: zeros at the end of the numbers before the first letters, and at the end.
pub(crate) fn segments(version: &str) -> Result<Vec<&str>, VersionError> {
    let text = admit(ID, version)?;
    let fault = || VersionError::new(ID, version, "it is not of RubyGems' form (1.2.3.pre1)");
    let (main, pre) = match text.split_once('-') {
        Some((main, pre)) => (main, Some(pre)),
        None => (text, None),
    };
    let word = |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_alphanumeric());
    let dashed = |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-');
    if !main.split('.').next().is_some_and(number::is)
        || !main.split('.').all(word)
        || !pre.is_none_or(|pre| pre.split('.').all(dashed))
    {
        return Err(fault());
    }
    let mut all = Vec::new();
    runs(main, &mut all);
    for part in pre.into_iter().flat_map(|pre| pre.split('-')) {
        all.push("pre");
        runs(part, &mut all);
    }
    let numeric = all.iter().position(|segment| !number::is(segment)).unwrap_or(all.len());
    let tail = all.split_off(numeric);
    while all.last().is_some_and(|segment| number::is_zero(segment)) {
        all.pop();
    }
    all.extend(tail);
    while all.last().is_some_and(|segment| number::is_zero(segment)) {
        all.pop();
    }
    Ok(all)
}

fn runs<'a>(text: &'a str, into: &mut Vec<&'a str>) {
    let mut rest = text;
    while let Some(first) = rest.bytes().next() {
        if !first.is_ascii_alphanumeric() {
            rest = &rest[1..];
            continue;
        }
        let digit = first.is_ascii_digit();
        let within = |b: u8| if digit { b.is_ascii_digit() } else { b.is_ascii_alphabetic() };
        let end = rest.bytes().position(|b| !within(b)).unwrap_or(rest.len());
        into.push(&rest[..end]);
        rest = &rest[end..];
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_stand_in_the_order_of_rubygems() {
        let ascending = [
            "0",
            "0.9",
            "1.0.0.a",
            "1.0.0.a.1",
            "1.0.0.b1",
            "1.0.0.rc1",
            "1.0.0",
            "1.0.0.1",
            "1.8.2.a10",
            "1.8.2",
            "1.9",
        ];
        for pair in ascending.windows(2) {
            assert_eq!(compare(pair[0], pair[1]).unwrap(), Ordering::Less, "{pair:?}");
        }
        for (less, more) in [("1.8.2.a9", "1.8.2.a10"), ("1.0-1", "1.0"), ("5.0.0-rc2", "5.0.0"), ("9.8.7", "9.8.8")] {
            assert_eq!(compare(less, more).unwrap(), Ordering::Less, "{less} {more}");
        }
        for (a, b) in [("1.0", "1"), ("1.2.b1", "1.2.b.1"), ("1.2.0.0", "1.2"), ("1.0.a", "1.a")] {
            assert_eq!(compare(a, b).unwrap(), Ordering::Equal, "{a} {b}");
        }
    }

    #[test]
    fn what_rubygems_refuses_has_no_place() {
        for bad in ["junk", "1..2", "1.", "v1", "1.0+x", "1.2 3"] {
            assert!(compare(bad, "1").is_err(), "{bad}");
        }
    }
}
