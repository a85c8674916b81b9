//! Semantic versioning 2.0 precedence (semver.org, item 11), read leniently: a leading `v`, any number of numeric parts
//! (missing ones are 0), a pre-release that follows without a dash. Build metadata (`+incompatible`) weighs nothing.

use std::cmp::Ordering;

use super::{VersionError, admit, number};

const ID: &str = "semver";

/// # Errors
/// When a version does not start with numbers joined by points.
pub fn compare(a: &str, b: &str) -> Result<Ordering, VersionError> {
    let (a, b) = (Semver::parse(ID, a)?, Semver::parse(ID, b)?);
    Ok(a.compare(&b, str::cmp))
}

/// NuGet's order: as above, but letter case does not matter.
///
/// # Errors
/// As above.
pub fn compare_nuget(a: &str, b: &str) -> Result<Ordering, VersionError> {
    let (a, b) = (Semver::parse("nuget", a)?, Semver::parse("nuget", b)?);
    let folded =
        |x: &str, y: &str| x.bytes().map(|b| b.to_ascii_lowercase()).cmp(y.bytes().map(|b| b.to_ascii_lowercase()));
    Ok(a.compare(&b, folded))
}

/// A version taken apart; borrowed, so that comparing allocates nothing.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Semver<'a> {
    /// `1.2.3`, checked to be numbers joined by points.
    pub numbers: &'a str,
    /// What follows the dash; empty for a release.
    pub pre: &'a str,
}

impl<'a> Semver<'a> {
    pub fn parse(order: &'static str, version: &'a str) -> Result<Semver<'a>, VersionError> {
        let fault = |what| VersionError::new(order, version, what);
        let text = admit(order, version)?;
        let text = text.strip_prefix(['v', 'V']).unwrap_or(text);
        let text = text.split_once('+').map_or(text, |(version, _build)| version);
        let end = text.bytes().position(|b| !(b.is_ascii_digit() || b == b'.')).unwrap_or(text.len());
        let (numbers, rest) = text.split_at(end);
        // `1.0.0.rc1`: the point belongs to what follows. `1.0.0-` has a dash and no pre-release.
        let (numbers, pre, dashed) = match (numbers.strip_suffix('.'), rest.strip_prefix('-')) {
            (Some(numbers), None) if !rest.is_empty() => (numbers, rest, false),
            (_, Some(pre)) => (numbers, pre, true),
            (_, None) => (numbers, rest, false),
        };
        if !numbers.split('.').all(number::is) {
            return Err(fault("it does not start with numbers joined by points"));
        }
        let known = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'.' | b'_' | b'~');
        if !pre.bytes().all(known) || ((dashed || !pre.is_empty()) && pre.split('.').any(str::is_empty)) {
            return Err(fault("its pre-release is not identifiers joined by points"));
        }
        Ok(Semver { numbers, pre })
    }

    fn compare(&self, other: &Semver<'_>, text: impl Fn(&str, &str) -> Ordering) -> Ordering {
        let (mut a, mut b) = (self.numbers.split('.'), other.numbers.split('.'));
        loop {
            let (x, y) = (a.next(), b.next());
            if x.is_none() && y.is_none() {
                break;
            }
            match number::compare(x.unwrap_or("0"), y.unwrap_or("0")) {
                Ordering::Equal => {}
                unequal => return unequal,
            }
        }
        match (self.pre.is_empty(), other.pre.is_empty()) {
            (true, true) => return Ordering::Equal,
            (true, false) => return Ordering::Greater,
            (false, true) => return Ordering::Less,
            (false, false) => {}
        }
        let (mut a, mut b) = (self.pre.split('.'), other.pre.split('.'));
        loop {
            let order = match (a.next(), b.next()) {
                (None, None) => return Ordering::Equal,
                (None, Some(_)) => Ordering::Less,
                (Some(_), None) => Ordering::Greater,
                (Some(x), Some(y)) => match (number::is(x), number::is(y)) {
                    (true, true) => number::compare(x, y),
                    (true, false) => Ordering::Less,
                    (false, true) => Ordering::Greater,
                    (false, false) => text(x, y),
                },
            };
            if order != Ordering::Equal {
                return order;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_stand_in_the_order_of_semver_org() {
        let ascending = [
            "v0.0.0-20190102030405-abcdefabcdef",
            "0.0.1",
            "1.0.0-0",
            "1.0.0-alpha",
            "1.0.0-alpha.1",
            "1.0.0-alpha.beta",
            "1.0.0-beta.2",
            "1.0.0-beta.11",
            "1.0.0-rc.1",
            "v1.0.0",
            "1.0.1-0.20200101000000-abcdefabcdef",
            "1.0.1",
            "1.0.1.1",
            "2.0.0+incompatible",
            "10.0",
        ];
        for pair in ascending.windows(2) {
            assert_eq!(compare(pair[0], pair[1]).unwrap(), Ordering::Less, "{pair:?}");
        }
    }

    #[test]
    fn build_metadata_and_missing_numbers_weigh_nothing() {
        for (a, b) in [("1.0.0+a", "1.0.0+b"), ("1", "1.0.0"), ("v2.0.0+incompatible", "2"), ("1.0.0rc1", "1.0.0-rc1")]
        {
            assert_eq!(compare(a, b).unwrap(), Ordering::Equal, "{a} {b}");
        }
        assert_eq!(compare_nuget("1.0-RC1", "1.0.0.0-rc1").unwrap(), Ordering::Equal);
    }

    #[test]
    fn what_is_no_version_has_no_place() {
        for bad in ["(devel)", "latest", "dev-master", "1..2", ".1", "1.", "1-", "1.0.0-a..b", "1.0.0-ä", "vv1", "+1"]
        {
            assert!(compare(bad, "1").is_err(), "{bad}");
        }
    }
}
