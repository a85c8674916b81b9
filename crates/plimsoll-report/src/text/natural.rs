//! A rough order of versions, for choosing the later of two fixes when nobody handed over a better one. In: two
//! versions. Out: which is later. What it does not do: decide whether anything is affected; that is the matcher's.

use std::cmp::Ordering;

use plimsoll_model::Ecosystem;

/// Runs of digits compare as numbers, everything else by bytes; `~` sorts before the end, as dpkg and rpm have it.
pub fn order(_: Ecosystem, a: &str, b: &str) -> Ordering {
    let (a, b) = (a.strip_prefix('v').unwrap_or(a), b.strip_prefix('v').unwrap_or(b));
    let (mut a, mut b) = (with_epoch(a), with_epoch(b));
    loop {
        let (left, right) = (run(&mut a), run(&mut b));
        let step = match (left, right) {
            ("", "") => return Ordering::Equal,
            ("", right) => {
                if right.starts_with('~') {
                    Ordering::Greater
                } else {
                    Ordering::Less
                }
            }
            (left, "") => {
                if left.starts_with('~') {
                    Ordering::Less
                } else {
                    Ordering::Greater
                }
            }
            (left, right) if is_digits(left) && is_digits(right) => number(left, right),
            (left, right) => match (left.starts_with('~'), right.starts_with('~')) {
                (true, false) => Ordering::Less,
                (false, true) => Ordering::Greater,
                _ => left.cmp(right),
            },
        };
        if step != Ordering::Equal {
            return step;
        }
    }
}

/// The epoch as its own number, and the rest; a version without one has epoch 0.
fn with_epoch(version: &str) -> Parts<'_> {
    match version.split_once(':') {
        Some((epoch, rest)) if is_digits(epoch) => Parts { epoch: Some(epoch), rest },
        _ => Parts { epoch: Some("0"), rest: version },
    }
}

struct Parts<'a> {
    epoch: Option<&'a str>,
    rest: &'a str,
}

/// Takes the next run of digits or of anything else; empty at the end.
fn run<'a>(parts: &mut Parts<'a>) -> &'a str {
    if let Some(epoch) = parts.epoch.take() {
        return epoch;
    }
    let Some(first) = parts.rest.chars().next() else { return "" };
    let digits = first.is_ascii_digit();
    let end = parts.rest.find(|c: char| c.is_ascii_digit() != digits).unwrap_or(parts.rest.len());
    let (head, tail) = parts.rest.split_at(end);
    parts.rest = tail;
    head
}

fn is_digits(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit())
}

/// Numbers of any length, without overflow.
fn number(a: &str, b: &str) -> Ordering {
    let (a, b) = (a.trim_start_matches('0'), b.trim_start_matches('0'));
    a.len().cmp(&b.len()).then_with(|| a.cmp(b))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_later_fix_is_found() {
        for (low, high) in [
            ("1.9", "1.10"),
            ("1.1.1d-0+deb10u6", "1.1.1d-0+deb10u12"),
            ("2.0", "1:1.0"),
            ("v1.2.9", "1.2.10"),
            ("1.0~rc1", "1.0"),
            ("1.0", "1.0.1"),
        ] {
            assert_eq!(order(Ecosystem::Generic, low, high), Ordering::Less, "{low} {high}");
            assert_eq!(order(Ecosystem::Generic, high, low), Ordering::Greater, "{high} {low}");
        }
        assert_eq!(order(Ecosystem::Generic, "1.0", "0:1.0"), Ordering::Equal);
    }

    proptest::proptest! {
        #[test]
        fn order_is_antisymmetric(a in "[0-9a-z.~:+-]{0,12}", b in "[0-9a-z.~:+-]{0,12}") {
            assert_eq!(order(Ecosystem::Generic, &a, &b), order(Ecosystem::Generic, &b, &a).reverse());
        }
    }
}
