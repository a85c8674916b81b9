//! Composer's order: up to four numbers, then a stability (dev < alpha < beta < RC < none < patch) with a number, after
//! <https://getcomposer.org/doc/articles/versions.md#stabilities>. Branches (`dev-main`) have no place.

use std::cmp::Ordering;

use super::{VersionError, admit, number};

const ID: &str = "composer";

/// Words of a suffix and their rank; none is [`STABLE`].
const STABILITIES: &[(&str, u8)] = &[
    ("dev", 0),
    ("alpha", 1),
    ("a", 1),
    ("beta", 2),
    ("b", 2),
    ("rc", 3),
    ("stable", STABLE),
    ("patch", 5),
    ("pl", 5),
    ("p", 5),
];
const STABLE: u8 = 4;

/// # Errors
/// When a version does not start with numbers, or its suffix is no stability.
pub fn compare(a: &str, b: &str) -> Result<Ordering, VersionError> {
    let (a, b) = (Composer::parse(a)?, Composer::parse(b)?);
    let (mut x, mut y) = (a.numbers.split('.'), b.numbers.split('.'));
    loop {
        let pair = (x.next(), y.next());
        if pair == (None, None) {
            break;
        }
        match number::compare(pair.0.unwrap_or("0"), pair.1.unwrap_or("0")) {
            Ordering::Equal => {}
            unequal => return Ok(unequal),
        }
    }
    Ok(a.stability
        .cmp(&b.stability)
        .then_with(|| number::compare(a.count, b.count))
        // `1.0-beta2-dev` is on the way to `1.0-beta2`.
        .then_with(|| b.dev.cmp(&a.dev)))
}

struct Composer<'a> {
    numbers: &'a str,
    stability: u8,
    count: &'a str,
    dev: bool,
}

impl<'a> Composer<'a> {
    fn parse(version: &'a str) -> Result<Composer<'a>, VersionError> {
        let fault = |what| VersionError::new(ID, version, what);
        let text = admit(ID, version)?;
        let text = text.strip_prefix(['v', 'V']).unwrap_or(text);
        let text = text.split_once('+').map_or(text, |(version, _build)| version);
        let end = text.bytes().position(|b| !(b.is_ascii_digit() || b == b'.')).unwrap_or(text.len());
        let (numbers, suffix) = text.split_at(end);
        let numbers = if suffix.is_empty() { numbers } else { numbers.strip_suffix('.').unwrap_or(numbers) };
        if !numbers.split('.').all(number::is) {
            return Err(fault("it does not start with numbers joined by points"));
        }
        let bare = |text: &'a str| text.strip_prefix(['-', '.', '_']).unwrap_or(text);
        let suffix = bare(suffix);
        let (word, rest) =
            suffix.split_at(suffix.bytes().position(|b| !b.is_ascii_alphabetic()).unwrap_or(suffix.len()));
        let (count, rest) = number::split(bare(rest));
        let known = STABILITIES.iter().find(|(name, _)| name.eq_ignore_ascii_case(word));
        let dev = bare(rest).eq_ignore_ascii_case("dev");
        match known {
            Some((_, stability)) if dev || rest.is_empty() => {
                Ok(Composer { numbers, stability: *stability, count, dev })
            }
            None if suffix.is_empty() && end == text.len() => Ok(Composer { numbers, stability: STABLE, count, dev }),
            _ => Err(fault("its suffix is no stability (dev, alpha, beta, RC, stable, patch)")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stabilities_stand_in_composer_s_order() {
        let ascending = [
            "1.0.0-dev",
            "1.0.0-alpha1",
            "1.0.0-alpha.2",
            "v1.0.0-beta2-dev",
            "1.0.0-BETA2",
            "1.0.0-beta10",
            "1.0.0-RC1",
            "1.0.0RC2",
            "1.0",
            "1.0.0-patch1",
            "1.0.0.1",
            "1.10",
        ];
        for pair in ascending.windows(2) {
            assert_eq!(compare(pair[0], pair[1]).unwrap(), Ordering::Less, "{pair:?}");
        }
        for (a, b) in [("1.0", "v1.0.0.0"), ("1.0-stable", "1.0"), ("1.0b1", "1.0.0-beta1"), ("1.0+git", "1.0")] {
            assert_eq!(compare(a, b).unwrap(), Ordering::Equal, "{a} {b}");
        }
    }

    #[test]
    fn branches_and_unknown_suffixes_have_no_place() {
        for bad in ["dev-main", "9999999-foo", "1.x-dev", "1.0-", "1..0", "1.0-beta1x", "1.0-1"] {
            assert!(compare(bad, "1").is_err(), "{bad}");
        }
    }
}
