//! Debian's order: `[epoch:]upstream[-revision]`, after Debian Policy §5.6.12 and deb-version(7).

use std::cmp::Ordering;

use super::{VersionError, admit, number};

const ID: &str = "dpkg";

/// # Errors
/// Where dpkg itself calls a version an error: an epoch that is no number, no upstream version, an empty revision.
pub fn compare(a: &str, b: &str) -> Result<Ordering, VersionError> {
    let (epoch_a, upstream_a, revision_a) = parts(a)?;
    let (epoch_b, upstream_b, revision_b) = parts(b)?;
    Ok(number::compare(epoch_a, epoch_b)
        .then_with(|| compare_part(upstream_a, upstream_b))
        .then_with(|| compare_part(revision_a, revision_b)))
}

fn parts(version: &str) -> Result<(&str, &str, &str), VersionError> {
    let fault = |what| VersionError::new(ID, version, what);
    let text = admit(ID, version)?;
    let (epoch, rest) = text.split_once(':').unwrap_or(("0", text));
    if !number::is(epoch) || epoch.trim_start_matches('0').parse::<u32>().is_ok_and(|n| n > i32::MAX as u32) {
        return Err(fault("its epoch is not a number"));
    }
    if epoch.trim_start_matches('0').len() > 10 {
        return Err(fault("its epoch is too large"));
    }
    let (upstream, revision) = match rest.rsplit_once('-') {
        Some((_, "")) => return Err(fault("nothing follows its last dash")),
        Some(both) => both,
        None => (rest, ""),
    };
    if upstream.is_empty() {
        return Err(fault("it has no upstream version"));
    }
    Ok((epoch, upstream, revision))
}

/// Where a byte stands among those that are no digits: `~` before the end, the end before letters, letters before the rest.
fn weight(byte: Option<&u8>) -> i32 {
    match byte {
        None => 0,
        Some(b'0'..=b'9') => 0,
        Some(b'~') => -1,
        Some(b) if b.is_ascii_alphabetic() => i32::from(*b),
        Some(b) => i32::from(*b) + 256,
    }
}

/// Runs of non-digits and of digits in turn.
fn compare_part(a: &str, b: &str) -> Ordering {
    let (mut a, mut b) = (a, b);
    while !a.is_empty() || !b.is_empty() {
        let (text_a, text_b) = (text_run(a), text_run(b));
        // The byte after a run is a digit or the end: both weigh nothing.
        let longest = text_a.len().max(text_b.len());
        for i in 0..longest {
            match weight(text_a.as_bytes().get(i)).cmp(&weight(text_b.as_bytes().get(i))) {
                Ordering::Equal => {}
                unequal => return unequal,
            }
        }
        let (digits_a, rest_a) = number::split(&a[text_a.len()..]);
        let (digits_b, rest_b) = number::split(&b[text_b.len()..]);
        match number::compare(digits_a, digits_b) {
            Ordering::Equal => {}
            unequal => return unequal,
        }
        (a, b) = (rest_a, rest_b);
    }
    Ordering::Equal
}

fn text_run(text: &str) -> &str {
    &text[..text.bytes().position(|b| b.is_ascii_digit()).unwrap_or(text.len())]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_stand_in_the_order_of_debian_policy() {
        // Policy §5.6.12: a tilde sorts before everything, even the end; letters before other characters.
        let ascending = ["~~", "~~a", "~", "0", "1.0~beta1~svn1245", "1.0~beta1", "1.0~rc1-1", "1.0", "1.0-1~bpo12+1"];
        for pair in ascending.windows(2) {
            assert_eq!(compare(pair[0], pair[1]).unwrap(), Ordering::Less, "{pair:?}");
        }
        let more =
            ["1.0-1", "1.0-1+b4", "1.0-1+deb12u1", "1.0-2", "1.0-10", "1.0a-1", "1.0+dfsg-1", "1.0.1-1", "2:0.1"];
        for pair in more.windows(2) {
            assert_eq!(compare(pair[0], pair[1]).unwrap(), Ordering::Less, "{pair:?}");
        }
    }

    #[test]
    fn zeros_and_a_missing_revision_weigh_nothing() {
        for (a, b) in [("1.0", "0:1.0"), ("1.0", "1.0-0"), ("1.01", "1.1"), ("00:1", "1")] {
            assert_eq!(compare(a, b).unwrap(), Ordering::Equal, "{a} {b}");
        }
    }

    #[test]
    fn what_dpkg_refuses_has_no_place() {
        for bad in ["a:1", ":1", "1:", "1.0-", "-1", "99999999999:1"] {
            assert!(compare(bad, "1").is_err(), "{bad}");
        }
    }
}
